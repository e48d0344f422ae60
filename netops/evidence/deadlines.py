"""Every deadline that the core states to have been missed, reckoned anew: in working days, by the contract of its time.

Part of the second implementation (`verifier.py`). The day on which something happened does not count; the last one
lasts until midnight of the contract's time zone. By which text and since when, `procedure.py` knows.
"""

from __future__ import annotations

import zoneinfo
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from netops.errors import EvidenceError
from netops.evidence import canonical
from netops.evidence.differences import EPOCH, iso, loads, ms
from netops.evidence.integrity import Failure
from netops.evidence.members import CONTRACT, TERMS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import tzinfo

    from netops.evidence.members import Bundle
    from netops.evidence.procedure import Silence
    from netops.evidence.rulings import Rulings

# Which field of `dispute` counts the days of a step, and how many they are where the contract says nothing.
DAYS = {"report_accepted": ("objection_days", 10), "rebuttal": ("rebuttal_days", 5), "ruling": ("ruling_days", 10)}
MOST_DAYS = 3660  # working or not; no contract gives ten years


def verify_deadlines(bundle: Bundle, rulings: Rulings, silences: list[Silence]) -> Iterator[Failure]:
    """Yield each silence whose deadline is another one by the contract, or cannot be reckoned from what is here."""
    if not silences:
        return
    known = [*loads(bundle, CONTRACT), *(loads(bundle, TERMS) if TERMS in bundle.members else ())]
    texts = {canonical.digest(canonical.dumps(each)): each for each in known}
    for each in silences:
        place = f"leaf {each.index}"
        if each.kind not in DAYS:
            yield Failure(place=place, what=f"states that a {each.kind} was missed; nobody has a deadline for one")
            continue
        text = texts.get(each.text)
        if text is None:
            yield Failure(place=place, what="states a deadline by a text of the contract that is not in the bundle")
            continue
        try:
            over = _over(each, text, rulings)
        except EvidenceError as error:
            yield Failure(place=place, what=f"states a deadline that cannot be reckoned: {error}")
            continue
        if over != each.due_ms:
            said = iso(each.due_ms) if type(each.due_ms) is int else "nothing"
            what = f"says that the deadline was over at {said}; by version {text['version']} it was at {iso(over)}"
            yield Failure(place=place, what=what)


def _over(silence: Silence, text: Mapping[str, Any], rulings: Rulings) -> int:
    field, usual = DAYS[silence.kind]
    name = text.get("calendar", "")

    def is_worked(day: date) -> bool:
        return rulings.days.kind(name, day) == "workday" if name else day.weekday() < 5

    count = text.get("dispute", {}).get(field, usual)
    return reckoned(silence.since_ms, count, _zone(text["timezone"], rulings), is_worked)


def reckoned(since_ms: int, count: int, zone: tzinfo, is_worked: Callable[[date], bool]) -> int:
    """Return the end, at midnight, of the last of so many working days after the day of an instant."""
    first = (EPOCH + timedelta(milliseconds=since_ms)).astimezone(zone).date()
    worked = 0
    for after in range(MOST_DAYS):
        day = first + timedelta(days=after)
        worked += after > 0 and is_worked(day)
        if worked == count:
            following = day + timedelta(days=1)
            return ms(datetime(following.year, following.month, following.day, tzinfo=zone))
    raise EvidenceError(f"{CONTRACT}: {count} working days are more than {MOST_DAYS} days")


def _zone(name: str, rulings: Rulings) -> tzinfo:
    """Return the zone in the bundle; for a version of another one this machine's must do."""
    if name == rulings.report["timezone"]:
        return rulings.zone
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise EvidenceError(f"{TERMS}: this machine has no time zone '{name[:40]}'") from None
