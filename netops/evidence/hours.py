"""Service hours and kinds of days, by the calendar in the bundle.

Part of the second implementation (`verifier.py`). Numbers in brackets are rules of `docs/explanation/sla.md`.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from netops.errors import EvidenceError
from netops.evidence.differences import EPOCH, loads
from netops.evidence.lines import merged
from netops.evidence.members import CALENDAR, CONTRACT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import tzinfo

    from netops.evidence.lines import Span
    from netops.evidence.members import Bundle

QUARTER = 900_000
MINUTE = 60_000
DAY = 1440
MOST = 400  # windows of an objective; a contract's file has as many at the most


class Days:
    """The calendars of a bundle: `{"cn": {"2026": {"holidays": ["2026-10-01", …], "workdays": […]}}}`."""

    def __init__(self, bundle: Bundle) -> None:
        self.told: Mapping[str, Any] = loads(bundle, CALENDAR) if CALENDAR in bundle.members else {}

    def kind(self, calendar: str, day: date) -> str:
        """Return `workday`, `holiday` or `weekend`; EvidenceError when the year is not in the bundle."""
        year = self.told.get(calendar, {}).get(str(day.year))
        if year is None:
            raise EvidenceError(f"{CALENDAR}: has no year {day.year} of calendar '{calendar}'")
        if day.isoformat() in year["holidays"]:
            return "holiday"
        if day.isoformat() in year["workdays"]:
            return "workday"
        return "weekend" if day.weekday() > 4 else "workday"


def service_hours(
    schedule: Sequence[Mapping[str, Any]], window: Span, zone: tzinfo, days: Days, calendar: str
) -> list[Span]:
    """Return the instants whose wall clock lies in the schedule, by asking at every quarter of an hour where it is.

    Offsets change on a quarter; a piece between two quarters has one offset (zones before 1972 aside) [1].
    EvidenceError when the schedule is longer or wider than any contract's.
    """
    _bounded(schedule)
    over = [each for each in schedule if each["end_minute"] > DAY]
    begun: dict[tuple[date, int], list[Span]] = {}
    made: list[Span] = []
    at = window[0]
    while at < window[1]:
        until = min((at // QUARTER + 1) * QUARTER, window[1])
        wall = (EPOCH + timedelta(milliseconds=at)).astimezone(zone).replace(tzinfo=None)
        for back, windows in ((0, schedule), (1, over)):  # yesterday's window may run into today
            if windows:
                day = wall.date() - timedelta(days=back)
                if (day, back) not in begun:
                    begun[day, back] = _begun(windows, day, days, calendar)
                made += _open(begun[day, back], wall, until - at, day, at)
        at = until
    return merged(made)


def _bounded(schedule: Sequence[Mapping[str, Any]]) -> None:
    if len(schedule) > MOST:
        raise EvidenceError(f"{CONTRACT}: an objective has {len(schedule)} service windows; expected at most {MOST}")
    for each in schedule:
        start, end = each["start_minute"], each["end_minute"]
        if not 0 <= start < DAY or not start < end <= start + DAY:
            raise EvidenceError(f"{CONTRACT}: a service window from minute {start} to {end}; expected at most a day")


def _begun(schedule: Sequence[Mapping[str, Any]], day: date, days: Days, calendar: str) -> list[Span]:
    """Return what is open of the windows that begin on a day, in ms from its midnight."""
    found = []
    for each in schedule:
        kinds = each.get("kinds", [])
        if day.isoweekday() in each["days"] or (kinds and days.kind(calendar, day) in kinds):
            found.append((each["start_minute"] * MINUTE, each["end_minute"] * MINUTE))
    return merged(found)


def _open(begun: Sequence[Span], wall: datetime, length: int, day: date, at: int) -> list[Span]:
    """Return the instants of the next `length` ms after `at`, on a wall clock, that are open."""
    since = (wall - datetime(day.year, day.month, day.day)) // timedelta(milliseconds=1)  # noqa: DTZ001
    first = bisect_right(begun, (since, since)) - 1  # the last that began before, or one that begins later
    found = []
    for start, end in begun[max(first, 0) :]:
        if start >= since + length:
            break
        low, high = max(start - since, 0), min(end - since, length)
        if low < high:
            found.append((at + low, at + high))
    return found
