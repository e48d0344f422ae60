"""A month of a service, hour by hour, as the core has sealed it: what stands behind a figure of the month. Pure.

An hour that is not sealed has no letter: it is to come, it waits, or the service was not there. The sums of the hours
are those from which the month's availability on every page is made.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING

from dashboards.charts import NONE
from netops.clock import utc
from netops.journal import HOUR_MS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import tzinfo

    from netops.journal import HourSum

NAME = re.compile(r"(20\d\d)-(0[1-9]|1[0-2])(?:-(0[1-9]|[12]\d|3[01]))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A civil day or month in the city's time, `[start_ms, end_ms)`; `name` is as it stands in an address."""

    name: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One day of a month: a letter for each of its hours, and the sums of those that are sealed, in ms."""

    day: Span
    letters: str
    up_ms: int
    degraded_ms: int
    down_ms: int
    unknown_ms: int

    @property
    def share(self) -> Fraction | None:
        """The share of the measured time that it was up, degraded included; None where nothing was measured."""
        return available(self.up_ms + self.degraded_ms, self.down_ms)


def available(up_ms: int, down_ms: int) -> Fraction | None:
    """Return an exact share of the measured time; None of nothing."""
    return Fraction(up_ms, up_ms + down_ms) if up_ms + down_ms else None


def day(name: str, zone: tzinfo) -> Span | None:
    """Return the day of `2026-11-05`; None when there is no such day."""
    found = NAME.fullmatch(name)
    if found is None or found[3] is None:
        return None
    try:
        first = date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        return None
    return _span(name, first, first + timedelta(days=1), zone)


def month(name: str, zone: tzinfo) -> Span | None:
    """Return the month of `2026-11`; None when there is no such month."""
    found = NAME.fullmatch(name)
    if found is None or found[3] is not None:
        return None
    first = date(int(found[1]), int(found[2]), 1)
    return _span(name, first, (first + timedelta(days=31)).replace(day=1), zone)


def month_of(at_ms: int, zone: tzinfo) -> Span:
    """Return the month in which an instant lies."""
    first = utc(at_ms).astimezone(zone).date().replace(day=1)
    return _span(f"{first:%Y-%m}", first, (first + timedelta(days=31)).replace(day=1), zone)


def before(span: Span, zone: tzinfo) -> Span:
    """Return the month before."""
    return month_of(span.start_ms - 1, zone)


def hours(span: Span) -> list[int]:
    """Return the beginnings of the hours that touch a span, as the core seals them: whole hours of UTC."""
    return list(range(span.start_ms // HOUR_MS * HOUR_MS, span.end_ms, HOUR_MS))


def lines(span: Span, sealed: Sequence[HourSum], zone: tzinfo, *, now_ms: int) -> list[Line]:
    """Return the days of a month up to now, the first one first."""
    held = {each.hour_ms: each for each in sealed}
    made, first = [], utc(span.start_ms).astimezone(zone).date()
    for number in range(31):
        at = first + timedelta(days=number)
        one = _span(f"{at:%Y-%m-%d}", at, at + timedelta(days=1), zone)
        if one.start_ms >= min(span.end_ms, now_ms):
            break
        made.append(_line(one, held))
    return made


def _line(one: Span, held: Mapping[int, HourSum]) -> Line:
    mine = [held.get(at) for at in hours(one)]
    known = [each for each in mine if each is not None]
    return Line(
        day=one,
        letters="".join(each.worst if each is not None else NONE for each in mine),
        up_ms=sum(each.up_ms for each in known),
        degraded_ms=sum(each.degraded_ms for each in known),
        down_ms=sum(each.down_ms for each in known),
        unknown_ms=sum(each.unknown_ms for each in known),
    )


def _span(name: str, first: date, end: date, zone: tzinfo) -> Span:
    start, until = (datetime(at.year, at.month, at.day, tzinfo=zone) for at in (first, end))
    return Span(name=name, start_ms=int(start.timestamp() * 1000), end_ms=int(until.timestamp() * 1000))
