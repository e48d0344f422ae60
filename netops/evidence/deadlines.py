"""Every deadline that the core states to have been missed, reckoned anew: in working days, by the contract of its time.

Part of the second implementation (`verifier.py`). The day on which something happened does not count; the last one
lasts until midnight of the contract's time zone. By which text and since when, `procedure.py` knows. A carrier's window
is kept open by the breaks of the core's listening that were sealed before: nobody was silent, or late, within.
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
    from netops.evidence.procedure import Break, Procedure, Silence, Word
    from netops.evidence.rulings import Rulings

# Which field of `dispute` counts the days of a step, and how many they are where the contract says nothing.
DAYS = {"report_accepted": ("objection_days", 10), "rebuttal": ("rebuttal_days", 5), "ruling": ("ruling_days", 10)}
WINDOW = "report_accepted"  # the stage at which the carrier is to speak: a break of ours excuses it, and nobody else
YEAR = 366 * 86_400_000  # no break from longer before a deadline matters
MOST_DAYS = 3660  # working or not; no contract gives ten years


def verify_deadlines(bundle: Bundle, rulings: Rulings, told: Procedure) -> Iterator[Failure]:
    """Yield each silence whose deadline is another one by the contract, or cannot be reckoned from what is here.

    And what is off with the breaks, and each silence that was stated while the carrier's window was kept open by them.
    """
    yield from _numbered(told.breaks)
    if not told.silences:
        return
    texts = _texts(bundle)
    for each in told.silences:
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
        elif each.kind == WINDOW and (why := _early(each, over, told.breaks, text, rulings)):
            yield Failure(place=place, what=why)


def late_by(bundle: Bundle, rulings: Rulings) -> Callable[[Word, list[Break]], bool]:
    """Return what says of a carrier's word whether it came after its window, kept open by the breaks before it.

    Not by a text that is not in the bundle, nor where the calendar lacks the year.
    """
    texts = _texts(bundle)

    def is_late(word: Word, breaks: list[Break]) -> bool:
        if (text := texts.get(word.text)) is None:
            return False
        try:
            over = _due(word.since_ms, WINDOW, text, rulings)
            return word.heard_ms >= _kept(over, breaks, text, rulings)
        except EvidenceError:
            return False

    return is_late


def _texts(bundle: Bundle) -> dict[str, Mapping[str, Any]]:
    known = [*loads(bundle, CONTRACT), *(loads(bundle, TERMS) if TERMS in bundle.members else ())]
    return {canonical.digest(canonical.dumps(each)): each for each in known}


def _numbered(breaks: list[Break]) -> Iterator[Failure]:
    """Yield each break that is not the next one, or that ends before it begins or before the one before it ended."""
    until = 0
    for number, each in enumerate(breaks):
        if (each.number, each.sequence) != (number, number):
            what = (
                f"is break {str(each.number)[:20]} of our listening; expected number {number}: one is missing or moved"
            )
            yield Failure(place=f"leaf {each.index}", what=what)
            return
        if not (number > 0 or each.lost_ms == 0) or each.lost_ms > each.since_ms:
            what = f"is a break from {iso(each.lost_ms)} to {iso(each.since_ms)}; expected one that ends after it began"
            yield Failure(place=f"leaf {each.index}", what=what)
        until = max(until, each.since_ms)


def _early(silence: Silence, over: int, breaks: list[Break], text: Mapping[str, Any], rulings: Rulings) -> str:
    """Return that a silence was stated while the window was kept open, or the empty string."""
    try:
        until = _kept(over, [each for each in breaks if each.index < silence.index], text, rulings)
    except EvidenceError as error:
        return f"states a silence beside a break that cannot be reckoned: {error}"
    if silence.recorded_ms >= until:
        return ""
    return f"states that nobody spoke while the window was kept open, until {iso(until)}, by a break of our listening"


def _kept(over: int, breaks: list[Break], text: Mapping[str, Any], rulings: Rulings) -> int:
    """Return until when a window is kept open: to the end of the working day after each break before its end."""
    until = over
    for each in breaks:
        if each.lost_ms < until and each.since_ms > over - YEAR:
            until = max(until, _counted(each.since_ms, 1, text, rulings))
    return until


def _over(silence: Silence, text: Mapping[str, Any], rulings: Rulings) -> int:
    return _due(silence.since_ms, silence.kind, text, rulings)


def _due(since_ms: int, kind: str, text: Mapping[str, Any], rulings: Rulings) -> int:
    field, usual = DAYS[kind]
    return _counted(since_ms, text.get("dispute", {}).get(field, usual), text, rulings)


def _counted(since_ms: int, count: int, text: Mapping[str, Any], rulings: Rulings) -> int:
    name = text.get("calendar", "")

    def is_worked(day: date) -> bool:
        return rulings.days.kind(name, day) == "workday" if name else day.weekday() < 5

    return reckoned(since_ms, count, _zone(text["timezone"], rulings), is_worked)


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
