"""Incidents, time to repair and time between failures, from the same intervals as availability.

An incident is a maximal row of DOWN intervals. One that the window cuts off at an end is censored: its length is at
least what was seen, and the means that contain it are lower bounds (printed with `≥`).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from netops.sla.intervals import Cause, Interval, State

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One outage; `censored` when its beginning or end was not seen."""

    start_ms: int
    end_ms: int
    cause: Cause
    because: str
    censored: bool = False

    @property
    def length_ms(self) -> int:
        """What was seen of it."""
        return self.end_ms - self.start_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """A mean in ms with its count; a lower bound when `censored` counts any. None: nothing happened."""

    value_ms: Fraction | None
    count: int
    censored: int


def incidents(intervals: Sequence[Interval]) -> list[Incident]:
    """Return the outages in order; the cause is that of the longest part, the earlier one when equal.

    An outage beside unknown time is censored: it may have begun earlier or ended later than anybody saw.
    """
    made: list[Incident] = []
    i = 0
    while i < len(intervals):
        j = i
        while j < len(intervals) and intervals[j].state is State.DOWN:
            j += 1
        if j == i:
            i += 1
            continue
        parts = intervals[i:j]
        chief = max(parts, key=lambda each: each.length_ms)
        before = intervals[i - 1].state if i else State.UNKNOWN
        after = intervals[j].state if j < len(intervals) else State.UNKNOWN
        made.append(
            Incident(
                start_ms=parts[0].start_ms,
                end_ms=parts[-1].end_ms,
                cause=chief.cause,
                because=chief.because,
                censored=State.UNKNOWN in (before, after),
            )
        )
        i = j
    return made


def mttr(found: Sequence[Incident]) -> Mean:
    """Return the mean time to repair."""
    return _mean([each.length_ms for each in found], sum(each.censored for each in found))


def mtbf(found: Sequence[Incident], operating_ms: int) -> Mean:
    """Return the mean operating time between failures: judged time that was not down, over their number."""
    count = len(found)
    value = Fraction(operating_ms, count) if count else None
    return Mean(value_ms=value, count=count, censored=sum(each.censored for each in found))


def _mean(lengths: Sequence[int], censored: int) -> Mean:
    value = Fraction(sum(lengths), len(lengths)) if lengths else None
    return Mean(value_ms=value, count=len(lengths), censored=censored)
