"""The contract's calendar: calendar months and wall-clock service hours of an IANA time zone, as spans in UTC.

A month is a calendar month, never 30 days. Service hours are the set of instants whose wall clock reads inside the
window: on the day clocks go back, 02:30 belongs to it twice; on the day they go forward, not at all.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from inventory import workdays
from netops.clock import to_ms, utc
from netops.errors import UsageError, nearest
from netops.sla.intervals import Spans, intersect, union

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inventory.model import Hours

HOUR_MS = 3_600_000
DAY_MS = 86_400_000
MINUTE_MS = 60_000
DAY_MINUTES = 1440
EPOCH = date(1970, 1, 1)


def zone(name: str) -> ZoneInfo:
    """Return the IANA zone; UsageError with the nearest match."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        known = available_timezones()
        raise UsageError(f"time zone '{name}' is not in the IANA database{nearest(name, known)}") from None


def month(text: str, tz: ZoneInfo) -> tuple[int, int]:
    """Return `[start, end)` of the calendar month `YYYY-MM` in the zone."""
    if not re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", text) or text.startswith("0000"):
        raise UsageError(f"month '{text}': expected YYYY-MM, such as 2026-10")
    year, number = int(text[:4]), int(text[5:])
    following = (year + 1, 1) if number == 12 else (year, number + 1)
    return midnight(year, number, 1, tz), midnight(*following, 1, tz)


def whole_hours(year: int, tz: ZoneInfo) -> bool:
    """Whether all months of the year begin with an hour of UTC, as sealed hours do."""
    return all(midnight(year, number, 1, tz) % HOUR_MS == 0 for number in range(1, 13))


def day(year: int, number: int, day_of_month: int, tz: ZoneInfo) -> tuple[int, int]:
    """Return `[start, end)` of one calendar day."""
    after = datetime(year, number, day_of_month) + timedelta(days=1)  # noqa: DTZ001  (a wall-clock date)
    return midnight(year, number, day_of_month, tz), midnight(after.year, after.month, after.day, tz)


def midnight(year: int, number: int, day_of_month: int, tz: ZoneInfo) -> int:
    """Return the instant a calendar day begins in the zone."""
    return to_ms(datetime(year, number, day_of_month, tzinfo=tz))


def offsets(start_ms: int, end_ms: int, tz: ZoneInfo) -> list[tuple[int, int, int]]:
    """Return `(start, end, offset)` of each stretch of constant UTC offset in `[start_ms, end_ms)`, to the ms."""
    made: list[tuple[int, int, int]] = []
    at, offset = start_ms, _offset(start_ms, tz)
    probe = start_ms
    while probe < end_ms:
        following = min(probe + HOUR_MS, end_ms)
        if following < end_ms and _offset(following, tz) != _offset(probe, tz):
            edge = _edge(probe, following, tz)
            made.append((at, edge, offset))
            at, offset = edge, _offset(edge, tz)
        probe = following
    last = _offset(end_ms - 1, tz)
    if last != offset:
        edge = _edge(max(at, end_ms - HOUR_MS), end_ms - 1, tz)
        made.append((at, edge, offset))
        at, offset = edge, last
    made.append((at, end_ms, offset))
    return made


def _edge(low: int, high: int, tz: ZoneInfo) -> int:
    before = _offset(low, tz)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(middle, tz) == before else (low, middle)
    return high


def _offset(at_ms: int, tz: ZoneInfo) -> int:
    delta = utc(at_ms).astimezone(tz).utcoffset()
    assert delta is not None
    return (delta.days * 86_400 + delta.seconds) * 1000


def service_hours(start_ms: int, end_ms: int, schedule: Sequence[Hours], tz: ZoneInfo, days: str = "") -> Spans:
    """Return the instants of `[start_ms, end_ms)` whose wall clock lies in the schedule.

    `days` names the calendar of its kinds of days; UsageError (floor 1's) when a year is not there.
    """
    made: list[tuple[int, int]] = []
    longest = max((each.end_minute for each in schedule), default=0)
    by_kind = any(each.kinds for each in schedule)
    for low, high, offset in offsets(start_ms, end_ms, tz):
        windows: list[tuple[int, int]] = []
        first = (low + offset - max(longest - DAY_MINUTES, 0) * MINUTE_MS) // DAY_MS
        for number in range(first, (high - 1 + offset) // DAY_MS + 1):
            weekday = (number + 3) % 7 + 1  # 1970-01-01 was a Thursday
            kind = workdays.kind(days, EPOCH + timedelta(days=number)) if by_kind else ""
            midnight_ms = number * DAY_MS - offset
            windows += [
                (midnight_ms + each.start_minute * MINUTE_MS, midnight_ms + each.end_minute * MINUTE_MS)
                for each in schedule
                if weekday in each.days or kind in each.kinds
            ]
        made += intersect(union(windows), ((low, high),))
    return union(made)


def years(start_ms: int, end_ms: int, tz: ZoneInfo) -> list[int]:
    """Return the years of the zone that `[start_ms, end_ms)` touches."""
    first, last = (utc(at_ms).astimezone(tz).year for at_ms in (start_ms, end_ms - 1))
    return list(range(first, last + 1))
