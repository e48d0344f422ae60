"""Every objection to a report's month with its ruling, and what that ruling moved in this report. Pure.

What a ruling moved is the difference between this report and the same one judged without it: how much time is in
another bucket, which value is another one, how much money. Where several rulings act on one another these do not add up
to a revision's change; the difference to the revision before says that (`difference.py`).

`netops/evidence/objected.py` does the same in the other implementation.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from netops.dispute import states
from netops.report.decided import UPHELD
from netops.report.difference import Comes, moved

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from netops.report.leaves import Leaves, Sealed

OPEN, PASSED_OVER = "open", "passed_over"
MOST: Final = 16  # of rulings whose effect is reckoned: each is a judgement of its own
MOVED = ("item", "objective", "moved_ms")
VALUES = ("version", "item", "objective", "before", "after")
_ASKED = ("asks", "start_ms", "end_ms")
_RULED = ("outcome", "minutes", "decides", "service", *_ASKED[1:], "by", "reason")


@dataclass(frozen=True, slots=True)
class Found:
    """What some leaves come to: money and buckets, and the parts of the report."""

    comes: Comes
    parts: Sequence[Mapping[str, Any]]


def tell(leaves: Leaves, now: Found, judged: Callable[[Leaves], Found]) -> dict[str, Any]:
    """Return the report's list of objections under `objections`, by leaf; nothing where there is none."""
    objections = leaves.of("objection")
    if not objections:
        return {}
    counting = (each for each in leaves.of("ruling") if each.index not in leaves.void)
    rulings = {each.body["objection"]: each for each in counting}
    rows, left = [], MOST
    for each in objections:
        void = each.index in leaves.void
        ruling = None if void else rulings.get(each.body["objection"])
        row = _row(each, ruling, void=void) | ({"because": states.LATE} if each.index in leaves.late else {})
        if ruling is not None and ruling.body["outcome"] in UPHELD and left:
            left -= 1
            without = judged(leaves.only(lambda one, index=ruling.index: one.index != index))  # type: ignore[misc]
            row["effect"] = effect(without, now)
        rows.append(row)
    return {"objections": rows}


def _row(each: Sealed, ruling: Sealed | None, *, void: bool) -> dict[str, Any]:
    body = each.body
    told = {name: body[name] for name in ("objection", "report", "code", "target", "by", "reason")}
    told |= {name: body[name] for name in _ASKED if name in body}
    told |= {"leaf": each.index, "known_ms": each.known_ms, "state": PASSED_OVER if void else OPEN}
    if ruling is None:
        return told
    said = {name: ruling.body[name] for name in _RULED if name in ruling.body}
    return told | {"state": "ruled", "ruling": said | {"leaf": ruling.index, "known_ms": ruling.known_ms}}


def effect(without: Found, now: Found) -> dict[str, Any]:
    """Return what differs between a report without a ruling and with it: money, time by bucket, values."""
    time: Counter[tuple[str, str]] = Counter()
    for item, objective, start, end, _, _, services in moved(without.comes.cut(), now.comes.cut()):
        time[item, objective] += (end - start) * len(services)
    before = dict(_values(without.parts))
    return {
        "before": without.comes.total,
        "after": now.comes.total,
        "change": str(Decimal(now.comes.total) - Decimal(without.comes.total)),
        "time": {"columns": list(MOVED), "rows": [[*key, ms] for key, ms in sorted(time.items())]},
        "values": {
            "columns": list(VALUES),
            "rows": [
                [*key, before[key], shown] for key, shown in _values(now.parts) if before.get(key, shown) != shown
            ],
        },
    }


def _values(parts: Sequence[Mapping[str, Any]]) -> Iterator[tuple[tuple[str, str, str], str]]:
    for part in parts:
        for item in part["items"]:
            for each in item["objectives"]:
                yield (part["version"], item["item"], each["objective"]), each["shown"]
            for each in item.get("coverage", ()):
                yield (part["version"], item["item"], each["objective"]), each["whole"]["area_shown"]
