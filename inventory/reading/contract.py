"""A contract version in YAML: items, objectives, rules, credits. One file is one version."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, cast, get_args
from zoneinfo import ZoneInfo

from inventory import model, workdays
from inventory.model import (
    KINDS,
    MOST_DAYS,
    ROLES,
    Contract,
    Credits,
    Dispute,
    Objective,
    Rules,
    Selector,
    ServiceItem,
    Tier,
)
from inventory.reading import coverage
from inventory.reading.form import Form, number
from inventory.reading.rules import rules
from inventory.reading.tree import Many, Scalar, Table
from inventory.times import zone

if TYPE_CHECKING:
    from inventory.reading.tree import Node, Notes

_DATES = ("valid_from", "ends", "timezone")
KEYS = (
    "contract",
    "version",
    "title",
    "carrier",
    *_DATES,
    "currency",
    "credit_cap_percent",
    "rules",
    "items",
    "dispute",
    "calendar",
    "late_samples",
)
ITEM = ("id", "kind", "title", "select", "fee", "objectives", "double_credit", "coverage")
PROMISES = ("objectives", "coverage")
"""An item needs an entry in one of them."""
SELECT = ("carriers", "areas", "roles", "tags")
OBJECTIVE = ("id", "indicator", "title", "target", "comparison", "threshold", "period", "rules", "credits")
CREDITS = ("tiers", "object_cap_percent", "period_cap_percent", "escalate_after", "escalate_factor", "per")
DISPUTE = ("objection_days", "rebuttal_days", "ruling_days")
TIER = ("at_least", "above", "below", "at_most", "percent")
MOST_OBJECTIVES = 200  # of one version; a bundle's verifier reads ten such versions
CURRENCIES = ("CNY", "USD", "EUR", "HKD")


def contract(table: Table, file: str, notes: Notes) -> Contract | None:
    """Return one contract version; None, with everything that is wrong noted."""
    form = Form("the contract", file, table, KEYS, notes)
    name = form.slug("contract", need=True)
    form.subject = f"contract '{name}'"
    where = _zone(form)
    valid_from, ends = form.moment("valid_from", where, need=True), form.moment("ends", where)
    if valid_from is not None and ends is not None and ends <= valid_from:
        form.wrong("ends", f"{form.subject} ends before it begins", "expected an instant after 'valid_from'")
    own = _rules(form, None)
    items = [_item(form, each, own) for each in form.maps("items")]
    if not items:
        form.wrong("items", f"{form.subject} sells nothing", "add `items` with what was bought")
    _once(form, "items", [each.id for each in items])
    promised = sum(len(each.objectives) for each in items)
    if promised > MOST_OBJECTIVES:
        form.wrong("items", f"{form.subject} makes {promised} promises", f"expected at most {MOST_OBJECTIVES}")
    calendar = form.choice("calendar", workdays.NAMES) if form.has("calendar") else ""
    stated = [own, *(objective.rules for item in items for objective in item.objectives)]
    if not calendar and any(each.kinds for rules_ in stated for each in rules_.hours):
        form.wrong("", f"{form.subject} has hours by kind of day and names no calendar", "add `calendar: cn`")
    made = Contract(
        id=name,
        version=form.slug("version", need=True, most=32),
        carrier=form.slug("carrier", need=True),
        title=form.text("title", need=True),
        valid_from_ms=valid_from or 0,
        ends_ms=ends,
        timezone=where.key,
        currency=form.choice("currency", CURRENCIES, default="CNY"),
        credit_cap_percent=form.decimal("credit_cap_percent", low="0", high="100"),
        rules=own,
        items=tuple(items),
        dispute=_dispute(form),
        calendar=calendar,
        late_samples=cast(
            "model.LateSamples", form.choice("late_samples", get_args(model.LateSamples), default="list")
        ),
    )
    return made if form.good else None


def parts(table: Table, file: str) -> dict[str, str]:
    """Return `file:line` of every value by its dotted path; entries of lists go by their id."""
    found: dict[str, str] = {}

    def walk(node: Node, path: str) -> None:
        if isinstance(node, Table):
            for key, below in node.entries.items():
                inner = f"{path}.{key}" if path else key
                found[inner] = f"{file}:{node.lines[key]}"
                walk(below, inner)
        elif isinstance(node, Many):
            for item in node.items:
                name = item.entries.get("id") if isinstance(item, Table) else None
                if isinstance(name, Scalar):
                    found[f"{path}.{name.text}"] = f"{file}:{item.line}"
                    walk(item, f"{path}.{name.text}")

    walk(table, "")
    return found


def _zone(form: Form) -> ZoneInfo:
    written = form.text("timezone") or "Asia/Shanghai"
    try:
        return zone(written)
    except ValueError as error:
        form.wrong("timezone", str(error), "")
        return ZoneInfo("Asia/Shanghai")


def _rules(form: Form, over: Rules | None) -> Rules:
    stated = form.map("rules")
    if stated is None:
        if over is None:
            form.wrong("rules", f"{form.subject} has no rules", "add `rules:`; they decide what counts")
        return over or Rules()
    made, good = rules(stated, over, file=form.file, subject=form.subject, notes=form.notes)
    form.good = form.good and good
    return made


def _item(outer: Form, table: Table, own: Rules) -> ServiceItem:
    form = Form("the item", outer.file, table, ITEM, outer.notes)
    name = form.slug("id", need=True)
    form.subject = f"item '{name}'"
    objectives = [_objective(form, each, own) for each in form.maps("objectives")]
    covered = [coverage.read(form, each, _credits) for each in form.maps("coverage")]
    if not objectives and not covered:
        form.wrong("objectives", f"{form.subject} promises nothing", "add `objectives`, or `coverage`")
    _once(form, "objectives", [each.id for each in objectives] + [each.id for each in covered])
    made = ServiceItem(
        id=name,
        kind=cast("model.Kind", form.choice("kind", KINDS)),
        select=_select(form),
        title=form.text("title"),
        fee=form.decimal("fee", default="0", low="0"),
        objectives=tuple(objectives),
        double_credit=cast(
            "model.DoubleCredit", form.choice("double_credit", get_args(model.DoubleCredit), default="dearest")
        ),
        coverage=tuple(covered),
    )
    outer.good = outer.good and form.good
    return made


def _select(outer: Form) -> Selector:
    table = outer.map("select")
    if table is None:
        return Selector()
    form = Form(f"the selector of {outer.subject}", outer.file, table, SELECT, outer.notes)
    made = Selector(
        carriers=form.slugs("carriers"),
        areas=form.slugs("areas"),
        roles=form.slugs("roles", ROLES),
        tags=form.slugs("tags"),
    )
    outer.good = outer.good and form.good
    return made


def _objective(outer: Form, table: Table, own: Rules) -> Objective:
    form = Form("the objective", outer.file, table, OBJECTIVE, outer.notes)
    name = form.slug("id", need=True)
    form.subject = f"objective '{name}'"
    made = Objective(
        id=name,
        indicator=form.slug("indicator", need=True),
        target=form.decimal("target", need=True),
        comparison=cast("model.Comparison", form.choice("comparison", get_args(model.Comparison), default="at_least")),
        threshold=form.decimal("threshold"),
        period=cast("model.Period", form.choice("period", get_args(model.Period), default="month")),
        title=form.text("title"),
        rules=_rules(form, own),
        credits=_credits(form),
    )
    outer.good = outer.good and form.good
    return made


def _credits(outer: Form) -> Credits:
    table = outer.map("credits")
    if table is None:
        return Credits()
    form = Form(f"the credits of {outer.subject}", outer.file, table, CREDITS, outer.notes)
    tiers = [_tier(form, each) for each in form.maps("tiers")]
    _apart(form, tiers)
    made = Credits(
        tiers=tuple(tiers),
        object_cap_percent=form.decimal("object_cap_percent", low="0", high="100"),
        period_cap_percent=form.decimal("period_cap_percent", low="0", high="100"),
        escalate_after=form.whole("escalate_after", default=0, high=120),
        escalate_factor=form.decimal("escalate_factor", default="1", low="1", high="100"),
        per=cast("model.Per", form.choice("per", get_args(model.Per), default="item")),
    )
    if form.has("escalate_factor") != (made.escalate_after > 0):
        form.wrong("escalate_factor", "'escalate_after' and 'escalate_factor' go together", "state both or none")
    outer.good = outer.good and form.good
    return made


def _dispute(outer: Form) -> Dispute:
    table = outer.map("dispute")
    if table is None:
        return Dispute()
    form = Form(f"the dispute of {outer.subject}", outer.file, table, DISPUTE, outer.notes)
    usual = Dispute()
    made = Dispute(**{key: form.whole(key, default=getattr(usual, key), low=1, high=MOST_DAYS) for key in DISPUTE})
    outer.good = outer.good and form.good
    return made


def _tier(outer: Form, table: Table) -> Tier:
    form = Form("the tier", outer.file, table, TIER, outer.notes)
    for one, other in (("at_least", "above"), ("below", "at_most")):
        if form.has(one) and form.has(other):
            form.wrong(other, f"the tier states both '{one}' and '{other}'", "keep the one the contract says")
    if not any(form.has(key) for key in TIER[:4]):
        form.wrong("percent", "the tier has no bound", "state at_least, above, below or at_most")
    made = Tier(
        percent=form.decimal("percent", need=True, low="0", high="100"),
        at_least=form.decimal("at_least"),
        above=form.decimal("above"),
        below=form.decimal("below"),
        at_most=form.decimal("at_most"),
    )
    outer.good = outer.good and form.good
    return made


def _apart(form: Form, tiers: list[Tier]) -> None:
    """Refuse tiers that are empty or overlap: one value must cost one percentage."""
    spans = [_span(tier) for tier in tiers]
    for low, high in spans:
        if low >= high:
            form.wrong("tiers", "a tier holds no value at all", "its lower bound lies above its upper one")
    spans.sort()
    if any(second[0] < first[1] for first, second in pairwise(spans)):
        form.wrong("tiers", "tiers overlap", "one value must lie in one tier; use `below` against `at_least`")


def _span(tier: Tier) -> tuple[tuple[Decimal, int], tuple[Decimal, int]]:
    """Return a half-open span over (value, 0 = just before it, 1 = just after it)."""
    low, above = number(tier.at_least), number(tier.above)
    high, most = number(tier.below), number(tier.at_most)
    start = (low, 0) if low is not None else (above, 1) if above is not None else (Decimal("-Infinity"), 0)
    end = (high, 0) if high is not None else (most, 1) if most is not None else (Decimal("Infinity"), 1)
    return start, end


def _once(form: Form, key: str, names: list[str]) -> None:
    for name in {name for name in names if name and names.count(name) > 1}:
        form.wrong(key, f"'{name}' is there twice in '{key}' of {form.subject}", "give each its own id")
