"""Service hours and kinds of days, by the calendar in the bundle.

Part of the second implementation (`verifier.py`). Numbers in brackets are rules of `docs/explanation/sla.md`.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from netops.errors import EvidenceError
from netops.evidence.differences import EPOCH, loads
from netops.evidence.lines import merged
from netops.evidence.members import CALENDAR

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import tzinfo

    from netops.evidence.lines import Span
    from netops.evidence.members import Bundle

QUARTER = 900_000
MINUTE = 60_000


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
    """
    made: list[Span] = []
    at = window[0]
    while at < window[1]:
        until = min((at // QUARTER + 1) * QUARTER, window[1])
        wall = (EPOCH + timedelta(milliseconds=at)).astimezone(zone).replace(tzinfo=None)
        made += [(at + low, at + high) for low, high in _open(schedule, wall, until - at, days, calendar)]
        at = until
    return merged(made)


def _open(schedule: Sequence[Mapping[str, Any]], wall: datetime, length: int, days: Days, calendar: str) -> list[Span]:
    """Return what is open of the next `length` ms after a wall-clock time, counted from it."""
    found = []
    for each in schedule:
        for back in (0, 1) if each["end_minute"] > 1440 else (0,):  # yesterday's window may run into today
            begun = wall.date() - timedelta(days=back)
            kinds = each.get("kinds", [])
            if begun.isoweekday() not in each["days"] and (not kinds or days.kind(calendar, begun) not in kinds):
                continue
            since = (wall - datetime(begun.year, begun.month, begun.day)) // timedelta(milliseconds=1)  # noqa: DTZ001
            low = max(each["start_minute"] * MINUTE - since, 0)
            high = min(each["end_minute"] * MINUTE - since, length)
            if low < high:
                found.append((low, high))
    return found
