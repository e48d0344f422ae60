"""Half-open intervals in integer milliseconds UTC, and the algebra of sets of them.

`Spans` is a sorted tuple of disjoint, non-touching, non-empty `(start, end)` pairs: a set of instants. `Interval` adds
what was true in it: a state and, orthogonally, on whose account it goes.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from netops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Spans: TypeAlias = tuple[tuple[int, int], ...]


class State(StrEnum):
    """How a service was. Not having looked is a state of its own."""

    UP = "UP"
    DEGRADED = "DEGRADED"
    DOWN = "DOWN"
    UNKNOWN = "UNKNOWN"


class Cause(StrEnum):
    """On whose account a state goes; NONE where there is nothing to account for."""

    NONE = ""
    CARRIER = "carrier"
    CITY = "city"
    POWER = "power_or_third_party"
    FORCE_MAJEURE = "force_majeure"
    PLANNED = "planned"
    MONITOR = "monitor"
    UNDETERMINED = "undetermined"


@dataclass(frozen=True, slots=True)
class Interval:
    """`[start_ms, end_ms)` in one state; `because` names the fact that it rests on."""

    start_ms: int
    end_ms: int
    state: State
    cause: Cause = Cause.NONE
    because: str = ""

    def __post_init__(self) -> None:
        # A negative duration is a clock fault upstream: clamping it would hide it (sla.md 2.7).
        if self.end_ms <= self.start_ms:
            raise UsageError(
                f"interval [{self.start_ms}, {self.end_ms}) is empty or negative; expected its end after its start"
            )

    @property
    def length_ms(self) -> int:
        """How long it lasted."""
        return self.end_ms - self.start_ms


def span(start_ms: int, end_ms: int) -> Spans:
    """Return the one-interval set; UsageError when the end is not after the start."""
    if end_ms <= start_ms:
        raise UsageError(f"window [{start_ms}, {end_ms}) is empty or negative; expected its end after its start")
    return ((start_ms, end_ms),)


def union(*sets: Iterable[tuple[int, int]]) -> Spans:
    """Return all instants that are in any of the sets (which need not be sorted or disjoint)."""
    made: list[tuple[int, int]] = []
    for start, end in sorted(pair for each in sets for pair in each if pair[1] > pair[0]):
        if made and start <= made[-1][1]:
            made[-1] = (made[-1][0], max(made[-1][1], end))
        else:
            made.append((start, end))
    return tuple(made)


def intersect(left: Spans, right: Spans) -> Spans:
    """Return the instants that are in both."""
    made: list[tuple[int, int]] = []
    i = j = 0
    while i < len(left) and j < len(right):
        start, end = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if start < end:
            made.append((start, end))
        if left[i][1] <= right[j][1]:
            i += 1
        else:
            j += 1
    return tuple(made)


def subtract(left: Spans, right: Spans) -> Spans:
    """Return the instants of `left` that are not in `right`."""
    made: list[tuple[int, int]] = []
    j = 0
    for start, end in left:
        at = start
        while j < len(right) and right[j][1] <= at:
            j += 1
        k = j
        while k < len(right) and right[k][0] < end:
            if right[k][0] > at:
                made.append((at, right[k][0]))
            at = max(at, right[k][1])
            k += 1
        if at < end:
            made.append((at, end))
    return tuple(made)


def within(spans: Spans, start_ms: int, end_ms: int) -> Spans:
    """Return the instants of a set that lie in one interval; costs what it returns, not what the set holds."""
    if end_ms <= start_ms:
        return ()
    low = bisect_left(spans, (start_ms,))
    if low and spans[low - 1][1] > start_ms:
        low -= 1
    near = spans[low : bisect_left(spans, (end_ms,))]
    return tuple((max(a, start_ms), min(b, end_ms)) for a, b in near)


class Taken:
    """A set of instants that grows by one interval at a time; costs what it touches, not what it holds."""

    def __init__(self) -> None:
        self._spans: list[tuple[int, int]] = []
        self.total_ms = 0

    def free(self, window: Spans) -> Spans:
        """Return the instants of `window` that are not in the set yet."""
        made: list[tuple[int, int]] = []
        for start, end in window:
            made += subtract(((start, end),), tuple(self._spans[self._near(start, end)]))
        return tuple(made)

    def add(self, window: Spans) -> None:
        """Take all instants of `window`."""
        for start, end in window:
            near = self._near(start, end)
            touched = self._spans[near]
            made = union([(start, end)], touched)
            self._spans[near] = made
            self.total_ms += total(made) - total(tuple(touched))

    def _near(self, start: int, end: int) -> slice:
        low = bisect_left(self._spans, (start,))
        if low and self._spans[low - 1][1] >= start:
            low -= 1
        return slice(low, max(low, bisect_left(self._spans, (end + 1,))))


def total(spans: Spans) -> int:
    """Return the length of the set in milliseconds."""
    return sum(end - start for start, end in spans)


def where(intervals: Sequence[Interval], *states: State) -> Spans:
    """Return the instants at which one of the states held."""
    return union((each.start_ms, each.end_ms) for each in intervals if each.state in states)


def clip(intervals: Sequence[Interval], window: Spans) -> Iterator[tuple[Interval, int, int]]:
    """Yield `(interval, start, end)` for each part of each interval inside the window; both sorted."""
    j = 0
    for each in intervals:
        while j < len(window) and window[j][1] <= each.start_ms:
            j += 1
        k = j
        while k < len(window) and window[k][0] < each.end_ms:
            yield each, max(each.start_ms, window[k][0]), min(each.end_ms, window[k][1])
            k += 1
