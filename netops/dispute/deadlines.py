"""Deadlines in working days: how many there are for each step, and the instant at which one is over. Pure.

The day on which something happened does not count. A deadline is over when its last working day is, at midnight of the
contract's time zone: whoever acts on that day, until 24:00 there, is in time, wherever he sits.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from netops.clock import utc
from netops.errors import UsageError
from netops.sla import calendar

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date
    from zoneinfo import ZoneInfo

    IsWorkday = Callable[[date], bool]

LONGEST = 366  # calendar days in a row without a working day: a calendar that says so is broken


def weekday(day: date) -> bool:
    """Whether a day is one from Monday to Friday: the working days of a contract that names no calendar."""
    return day.isoweekday() <= 5


def due(at_ms: int, days: int, zone: ZoneInfo, is_workday: IsWorkday) -> int:
    """Return the instant at which a deadline of so many working days is over: the end of the last of them.

    UsageError when the calendar holds no working day within a year.
    """
    day = utc(at_ms).astimezone(zone).date()
    left, idle = days, 0
    while left:
        day += timedelta(days=1)
        left, idle = (left - 1, 0) if is_workday(day) else (left, idle + 1)
        if idle > LONGEST:
            raise UsageError(f"the calendar has no working day in the year before {day}; correct it")
    return calendar.day(day.year, day.month, day.day, zone)[1]


def left(now_ms: int, over_ms: int, zone: ZoneInfo, is_workday: IsWorkday) -> int:
    """Return how many working days there are after today until a deadline is over; 0: today is its last, or it is past.

    UsageError when the calendar lacks a year on the way.
    """
    today, last = (utc(at_ms).astimezone(zone).date() for at_ms in (now_ms, over_ms - 1))
    days = (today + timedelta(days=after) for after in range(1, min((last - today).days, LONGEST) + 1))
    return sum(map(is_workday, days))
