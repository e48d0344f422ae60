"""The rules of a contract: what an objective states itself goes over what its contract states.

The rules that decide money have no default here: a contract must say them.
"""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, get_args

from inventory import model, workdays
from inventory.model import ExclusionClass, Hours, Rules
from inventory.reading.form import Form
from inventory.reading.tree import Many, Scalar

if TYPE_CHECKING:
    from collections.abc import Callable

    from inventory.reading.tree import Node, Notes, Table

NEEDED = ("exclusion_mode", "unknown_mode", "max_unknown_ratio", "outage_edge")
WORDS: dict[str, tuple[str, ...]] = {
    "exclusion_mode": get_args(model.ExclusionMode),
    "unknown_mode": get_args(model.UnknownMode),
    "degraded_mode": get_args(model.DegradedMode),
    "undetermined_mode": get_args(model.UndeterminedMode),
    "outage_edge": get_args(model.OutageEdge),
    "parent_failure": get_args(model.ParentFailure),
    "aggregation": get_args(model.Aggregation),
    "weight": get_args(model.Weight),
    "empty_history": get_args(model.EmptyHistory),
    "percentile": get_args(model.Percentile),
    "repair_from": get_args(model.RepairFrom),
}
WHOLES = {
    "min_outage_s": (0, 86_400),
    "slice_s": (1, 86_400),
    "min_samples_per_slice": (1, 86_400),
    "check_every_s": (1, 86_400),
    "quorum": (1, 99),
    "vantages": (1, 99),
    "window_intervals": (0, 1440),
    "consecutive_high_loss": (1, 1440),
}
MOST_WINDOWS = 400  # of an objective's hours, as the verifier has it
RATIOS = ("max_unknown_ratio", "max_clock_error_ratio")
KEYS = (*WORDS, *WHOLES, *RATIOS, "hours", "exclusions")
EXCLUSION = ("id", "title", "cause", "notice_h", "cap_s", "approver")
_DAYS = {"mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6, "sun": 7}
WINDOW = re.compile(r"(?P<days>[a-z,-]+) +(?P<h>[0-9]{2}):(?P<m>[0-9]{2})-(?P<H>[0-9]{2}):(?P<M>[0-9]{2})")


def rules(table: Table, over: Rules | None, *, file: str, subject: str, notes: Notes) -> tuple[Rules, bool]:
    """Return the rules, and whether they are good; `over` is what they override, None for a contract's own."""
    form = Form(f"the rules of {subject}", file, table, KEYS, notes)
    base = over or Rules()
    if over is None:
        for name in NEEDED:
            if not form.has(name):
                form.wrong("", f"the rules of {subject} lack '{name}'", "it decides money, so it has no default")
    stated: dict[str, Any] = {}
    for name, read in _readers(form, base).items():
        if form.has(name):
            stated[name] = read()
    made = replace(base, **stated)
    _contradictions(form, made)
    return made, form.good


def _readers(form: Form, base: Rules) -> dict[str, Callable[[], Any]]:
    def word(name: str) -> Callable[[], Any]:
        return lambda: form.choice(name, WORDS[name], default=getattr(base, name))

    def whole(name: str) -> Callable[[], Any]:
        low, high = WHOLES[name]
        return lambda: form.whole(name, default=getattr(base, name), low=low, high=high)

    def ratio(name: str) -> Callable[[], Any]:
        return lambda: form.decimal(name, default=getattr(base, name), low="0", high="1")

    return {
        **{name: word(name) for name in WORDS},
        **{name: whole(name) for name in WHOLES},
        **{name: ratio(name) for name in RATIOS},
        "hours": lambda: windows(form, contract=True),
        "exclusions": lambda: _exclusions(form),
    }


def _contradictions(form: Form, made: Rules) -> None:
    if made.exclusion_mode == "not_excluded" and made.exclusions:
        what = "'exclusion_mode' is not_excluded, yet classes of exclusions are listed"
        form.wrong("exclusion_mode", what, "remove the list, or say how an exclusion counts")
    if (made.aggregation == "weighted") != (made.weight != "none"):
        what = f"'aggregation' is {made.aggregation} and 'weight' is {made.weight}"
        form.wrong("aggregation", what, "a weighted aggregation needs a weight, another one has none")
    if made.quorum > made.vantages:
        what = f"'quorum' is {made.quorum} of {made.vantages} vantage points"
        form.wrong("quorum", what, "expected at most 'vantages'")
    if made.min_samples_per_slice * made.check_every_s > made.slice_s:
        what = (
            f"{made.min_samples_per_slice} samples every {made.check_every_s} s do not fit a slice of {made.slice_s} s"
        )
        form.wrong("min_samples_per_slice", what, "every slice would be unknown; lower it or lengthen 'slice_s'")


def windows(form: Form, *, contract: bool = False) -> tuple[Hours, ...]:
    """Return the windows of `hours`, such as `mon-fri 08:00-20:00`; none for `always`.

    A contract's may run over midnight, and may be of kinds of days: `workday 22:00-06:00`.
    """
    node = form.table.entries["hours"]
    items: tuple[Node, ...] = node.items if isinstance(node, Many) else (node,)
    if len(items) == 1 and isinstance(items[0], Scalar) and items[0].text == "always":
        return ()
    if not items:
        form.wrong("hours", "'hours' is an empty list", "write `always`, or at least one window")
    found: list[Hours] = []
    for item in items:
        made = _window(item.text, contract=contract) if isinstance(item, Scalar) else ()
        if not made:
            written = item.text if isinstance(item, Scalar) else "a map"
            form.wrong("hours", f"'hours' has '{written}'", "expected `always` or windows like `mon-fri 08:00-20:00`")
        found += made
    if len(found) > MOST_WINDOWS:
        form.wrong("hours", f"'hours' has {len(found)} windows", f"expected at most {MOST_WINDOWS}")
    if any(each.kinds for each in found) and any(each.days for each in found):
        form.wrong("hours", "'hours' mixes weekdays and kinds of days", "write all windows by one or by the other")
    taken = sorted((str(day), e.start_minute, e.end_minute) for e in found for day in (*e.days, *e.kinds))
    if any(a[0] == b[0] and b[1] < a[2] for a, b in pairwise(taken)):
        form.wrong("hours", "'hours' has windows that overlap", "each minute of the week belongs to one window")
    return tuple(found)


def _window(written: str, *, contract: bool) -> tuple[Hours, ...]:
    """Return one window; two for one over midnight, `fri 22:00-06:00`: its days' evenings, and the mornings after."""
    match = WINDOW.fullmatch(written)
    kinds = tuple(dict.fromkeys(match["days"].split(","))) if match and contract else ()
    if not set(kinds) <= set(workdays.KINDS):
        kinds = ()
    days = _days(match["days"]) if match and not kinds else ()
    if match is None or days is None:
        return ()
    start, end = int(match["h"]) * 60 + int(match["m"]), int(match["H"]) * 60 + int(match["M"])
    if int(match["m"]) > 59 or int(match["M"]) > 59 or start >= 1440 or end > 1440 or start == end:
        return ()
    if start < end:
        return (Hours(days=days, start_minute=start, end_minute=end, kinds=kinds),)
    if not contract:
        return ()
    if kinds:
        return (Hours(days=(), start_minute=start, end_minute=end + 1440, kinds=kinds),)
    after = tuple(sorted(day % 7 + 1 for day in days))
    morning = (Hours(days=after, start_minute=0, end_minute=end),) if end else ()
    return (Hours(days=days, start_minute=start, end_minute=1440), *morning)


def _days(written: str) -> tuple[int, ...] | None:
    found: set[int] = set()
    for part in written.split(","):
        first, dash, last = part.partition("-")
        low, high = _DAYS.get(first), _DAYS.get(last if dash else first)
        if low is None or high is None or low > high:
            return None
        found.update(range(low, high + 1))
    return tuple(sorted(found))


def _exclusions(form: Form) -> tuple[ExclusionClass, ...]:
    found: dict[str, ExclusionClass] = {}
    for table in form.maps("exclusions"):
        each = Form("the exclusion class", form.file, table, EXCLUSION, form.notes)
        made = ExclusionClass(
            id=each.slug("id", need=True),
            title=each.text("title", need=True),
            cause=each.choice("cause", get_args(model.Cause)),  # type: ignore[arg-type]  # one of them, checked there
            notice_h=each.whole("notice_h", high=8760),
            cap_s=each.whole("cap_s", high=366 * 86_400),
            approver=each.slug("approver"),
        )
        if made.id in found:
            each.wrong("id", f"exclusion class '{made.id}' is there twice", "give each its own id")
        form.good = form.good and each.good
        found[made.id] = made
    return tuple(found.values())
