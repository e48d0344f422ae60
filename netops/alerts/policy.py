"""What is told, when and to whom, as data: rules, routes and duty rosters, read from YAML.

    rules:
      - id: outage
        on: state                  # state | blind | burn | reading | quiet | verdict | refused
        route: network
        grace_s: 20
    routes:
      - id: network
        steps:
          - {after_s: 0, to: [duty:network]}
          - {after_s: 900, to: [duty:network-lead]}
    duties:
      - id: network
        timezone: Asia/Shanghai
        turns: [first, second]
        from: 2026-11-02T08:00
        every_h: 168

Who a person is and where messages reach them stands in the settings (`[alert.people.<name>]`): addresses are secrets.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar, cast, get_args

from inventory.errors import FilesError
from inventory.model import KINDS
from inventory.reading import text, yaml
from inventory.reading.form import SLUG, Form
from inventory.reading.tree import Many, Notes, Scalar
from inventory.times import zone
from netops.errors import nearest
from netops.metrics import METRICS
from netops.sla import burn

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from inventory.reading.tree import Table

On = Literal["state", "blind", "burn", "reading", "quiet", "verdict", "refused"]
Severity = Literal["critical", "major", "minor"]
SEVERITIES: tuple[str, ...] = get_args(Severity)
OWN = Path(__file__).with_name("policy.yaml")
HOURS = tuple(each.long_ms // burn.HOUR_MS for each in burn.ALERTS)
DAY_S = 86_400
REACH_S = {"verdict": 7 * DAY_S, "refused": 1800}  # back in the ledger, where a rule does not say


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """When something is a sign of trouble. A sign must last `grace_s` before anybody is told, and be gone for `clear_s`
    before it is called over. `flaps` openings within `flap_s` and it is told once that it comes and goes.

    `on` state: a service is down (of `kinds`). blind: at least `share` of the services are not seen by us. burn: an
    objective's error budget burns as fast as the alert of `hours` warns (netops/sla/burn.py). reading: `metric` of
    a `subject` (its kind: `onu`, `radio`) is `above` or `below` a bound. quiet: a part of ours says nothing (`for_s`).
    verdict: a report said within the last `for_s` that a promise was missed. refused: within it logins of staff failed
    in bulk (netops/access/bulk.py).
    `mass`: from so many services of one carrier, kind and area on they are one cause, if that is `mass_share` of all.
    """  # noqa: D205

    id: str
    on: On
    route: str
    severity: Severity = "major"
    grace_s: int = 20
    clear_s: int = 60
    kinds: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    carriers: tuple[str, ...] = ()
    share: Fraction = Fraction(5, 100)
    hours: tuple[int, ...] = HOURS
    metric: str = ""
    subject: str = ""
    above: Fraction | None = None
    below: Fraction | None = None
    for_s: int = 120
    mass: int = 5
    mass_share: Fraction = Fraction(1, 2)
    flaps: int = 3
    flap_s: int = 3600
    ticket: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Whom to tell once an incident has been open for so long and nobody has taken it on.

    `to` names persons (`first`), duties (`duty:network`) and carriers' desks (`carrier`: that of the incident).
    """

    after_s: int
    to: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The steps of one kind of trouble, and how many messages one person gets in ten minutes before they are one."""

    id: str
    steps: tuple[Step, ...]
    most_in_10_min: int = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """A time that somebody else is on duty."""

    start_ms: int
    end_ms: int
    who: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """Whose turn it is: `turns` one after the other, each `every_h` hours of wall clock from `from_ms` on."""

    id: str
    timezone: str
    turns: tuple[str, ...]
    from_ms: int
    every_h: int
    swaps: tuple[Swap, ...] = ()


T = TypeVar("T", Rule, Route, Duty)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """All of it, each by its id."""

    rules: dict[str, Rule]
    routes: dict[str, Route]
    duties: dict[str, Duty]

    def people(self) -> frozenset[str]:
        """Return every person named, for whoever checks that they can be reached."""
        steps = {to for route in self.routes.values() for step in route.steps for to in step.to}
        turns = {who for duty in self.duties.values() for who in duty.turns}
        swaps = {swap.who for duty in self.duties.values() for swap in duty.swaps}
        return frozenset({each for each in steps if ":" not in each and each != "carrier"} | turns | swaps)


def read(path: Path = OWN) -> Policy:
    """Return the policy of a YAML file; FilesError with every problem, each with its line."""
    notes = Notes()
    written = text.read(path, path.name, notes, most=text.MOST_YAML)
    table = yaml.read(written, path.name, notes) if written is not None else None
    made = None if table is None else _policy(table, path.name, notes)
    if made is None or notes.count:
        raise FilesError(notes.all(path.name))
    return made


def _policy(table: Table, file: str, notes: Notes) -> Policy:
    form = Form("the policy of alerts", file, table, ("rules", "routes", "duties"), notes)
    rules = _each(form, "rules", _RULE, _rule)
    routes = _each(form, "routes", ("id", "steps", "most_in_10_min"), _route)
    duties = _each(form, "duties", ("id", "timezone", "turns", "from", "every_h", "swaps"), _duty)
    for rule in rules.values():
        if rule.route not in routes:
            remedy = nearest(rule.route, routes) or "; add it under `routes`"
            form.wrong("rules", f"rule '{rule.id}' goes by the route '{rule.route}', which is none", remedy)
    for route in routes.values():
        for to in (to for step in route.steps for to in step.to if to.startswith("duty:")):
            if to.removeprefix("duty:") not in duties:
                remedy = nearest(to.removeprefix("duty:"), duties) or "; add it under `duties`"
                form.wrong("routes", f"route '{route.id}' tells '{to}', which is no duty", remedy)
    return Policy(rules=rules, routes=routes, duties=duties)


def _each(form: Form, key: str, known: Collection[str], make: Callable[[Form], T | None]) -> dict[str, T]:
    made: dict[str, T] = {}
    for table in form.maps(key):
        one = Form(f"one of the {key}", form.file, table, known, form.notes)
        found = make(one)
        if found is None or not one.good:
            form.good = False
        elif found.id in made:
            one.wrong("id", f"'{found.id}' is already one of the {key}", "give each an id of its own")
        else:
            made[found.id] = found
    return made


_RULE = (
    *("id", "on", "route", "severity", "grace_s", "clear_s", "kinds", "areas", "carriers", "share", "hours"),
    *("metric", "subject", "above", "below", "for_s", "mass", "mass_share", "flaps", "flap_s", "ticket"),
)


def _rule(form: Form) -> Rule | None:
    on = form.choice("on", get_args(On))
    made = Rule(
        id=form.slug("id", need=True),
        on=cast("On", on),
        route=form.slug("route", need=True),
        severity=cast("Severity", form.choice("severity", SEVERITIES, default="major")),
        grace_s=form.whole("grace_s", default=20, high=DAY_S),
        clear_s=form.whole("clear_s", default=60, high=DAY_S),
        kinds=form.slugs("kinds", KINDS),
        areas=form.slugs("areas"),
        carriers=form.slugs("carriers"),
        share=Fraction(form.decimal("share", default="0.05", low="0", high="1") or 0),
        hours=_hours(form),
        metric=form.text("metric", need=on == "reading"),
        subject=form.slug("subject", need=on == "reading"),
        above=_bound(form, "above"),
        below=_bound(form, "below"),
        for_s=form.whole("for_s", default=REACH_S.get(on, 120), low=1, high=31 * DAY_S),
        mass=form.whole("mass", default=5, low=2, high=100_000),
        mass_share=Fraction(form.decimal("mass_share", default="0.5", low="0", high="1") or 0),
        flaps=form.whole("flaps", default=3, low=2, high=100),
        flap_s=form.whole("flap_s", default=3600, low=60, high=7 * DAY_S),
        ticket=form.choice("ticket", ("yes", "no"), default="no") == "yes",
    )
    if on == "reading":
        if made.metric and made.metric not in METRICS:
            form.wrong("metric", f"'{made.metric}' is no metric", nearest(made.metric, METRICS))
        if (made.above is None) == (made.below is None):
            form.wrong("above", "a reading is bad above a bound or below one", "write one of `above` and `below`")
    return made


def _bound(form: Form, key: str) -> Fraction | None:
    written = form.decimal(key)
    return Fraction(written) if written else None


def _hours(form: Form) -> tuple[int, ...]:
    known = {each.long_ms // burn.HOUR_MS for each in burn.ALERTS}
    node = form.table.entries.get("hours")
    if node is None:
        return tuple(sorted(known))
    items = node.items if isinstance(node, Many) else ()
    written = [item.text for item in items if isinstance(item, Scalar)]
    if not written or not all(each.isdigit() and int(each) in known for each in written):
        form.wrong("hours", "'hours' is no list of the windows that warn", f"use some of {sorted(known)}")
        return ()
    return tuple(sorted({int(each) for each in written}))


def _route(form: Form) -> Route | None:
    steps = []
    for table in form.maps("steps"):
        one = Form("a step", form.file, table, ("after_s", "to"), form.notes)
        to = one.slugs("to") if not isinstance(table.entries.get("to"), Many) else _to(one)
        if not to:
            one.wrong("to", "a step tells nobody", "name persons, `duty:…` or `carrier`")
        steps.append(Step(after_s=one.whole("after_s", low=0, high=30 * DAY_S), to=to))
        form.good = form.good and one.good
    if [each.after_s for each in steps] != sorted({each.after_s for each in steps}):
        form.wrong("steps", "the steps are not in the order of their times", "let `after_s` grow from step to step")
    return Route(
        id=form.slug("id", need=True),
        steps=tuple(steps),
        most_in_10_min=form.whole("most_in_10_min", default=12, low=1, high=1000),
    )


def _to(form: Form) -> tuple[str, ...]:
    node = form.table.entries["to"]
    items = node.items if isinstance(node, Many) else ()
    told = []
    for item in items:
        word = item.text if isinstance(item, Scalar) else ""
        if not SLUG.fullmatch(word.removeprefix("duty:")):
            form.wrong("to", "'to' names somebody by no id", "name persons, `duty:…` or `carrier`")
        told.append(word)
    return tuple(dict.fromkeys(told))


def _duty(form: Form) -> Duty | None:
    written = form.text("timezone") or "Asia/Shanghai"
    try:
        where = zone(written)
    except ValueError as error:
        form.wrong("timezone", str(error), "")
        return None
    swaps = []
    for table in form.maps("swaps"):
        one = Form("a swap", form.file, table, ("from", "to", "who"), form.notes)
        start, end = one.moment("from", where, need=True), one.moment("to", where, need=True)
        if start is not None and end is not None and start >= end:
            one.wrong("to", "a swap ends before it begins", "let `to` be later than `from`")
        swaps.append(Swap(start_ms=start or 0, end_ms=end or 0, who=one.slug("who", need=True)))
        form.good = form.good and one.good
    turns = form.slugs("turns")
    if not turns:
        form.wrong("turns", "nobody takes turns", "name at least one person under `turns`")
    return Duty(
        id=form.slug("id", need=True),
        timezone=written,
        turns=turns,
        from_ms=form.moment("from", where, need=True) or 0,
        every_h=form.whole("every_h", default=168, low=1, high=24 * 366),
        swaps=tuple(swaps),
    )
