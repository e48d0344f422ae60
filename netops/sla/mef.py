"""Availability by MEF's sliding window: unavailable after n bad intervals in a row, available after n good ones.

An interval is bad when its loss ratio exceeds C. A window of n bad ones makes the time unavailable from its first
interval; n good ones in a row end it from theirs. Bad intervals in available time are high loss intervals (HLI); p or
more of them in a row are one consecutive high loss interval (CHLI). MEF 10.3 section 8.8.

In a contract C is the objective's `threshold` (`probe.loss` <= 50), n its `window_intervals`, p its
`consecutive_high_loss`. An interval that nobody measured stays unknown; a measured one is unknown where it is available
if all gaps were good and unavailable if they were bad. More bad ones never make more time available, so these two are
the bounds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import groupby
from typing import TYPE_CHECKING

from netops.errors import UsageError
from netops.sla.intervals import Cause, Interval, Spans, State, clip, intersect, subtract, union
from netops.sla.timeline import joined

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

HIGH_LOSS = "high loss interval in available time"
HELD = "good checks in unavailable time"
OPEN = "a gap leaves the window open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sliding:
    """The judged row of intervals. `available[i]` says whether interval i was."""

    available: tuple[bool, ...]
    availability: Fraction
    hli: int
    chli: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HighLoss:
    """How many high loss intervals there were in available time, and how many rows of at least p of them."""

    hli: int
    chli: int


def bad(losses: Sequence[Fraction], threshold: Fraction = Fraction(1, 2)) -> list[bool]:
    """Return which intervals lost more than the threshold."""
    return [loss > threshold for loss in losses]


def judge(given: Sequence[bool], *, n: int = 10, p: int = 5) -> Sliding:
    """Judge a row of intervals, True for bad; UsageError when it is empty."""
    if not given or n < 1 or p < 1:
        raise UsageError(f"{len(given)} intervals with n = {n}, p = {p}: expected at least one of each")
    state = True
    available: list[bool] = []
    for i in range(len(given)):
        window = given[i : i + n]
        # A window that the end of the row cuts off decides nothing: the state stays.
        if len(window) == n and all(each is state for each in window):
            state = not state
        available.append(state)
    high = [is_bad and up for is_bad, up in zip(given, available, strict=True)]
    rows = [len(list(group)) for is_high, group in groupby(high) if is_high]
    return Sliding(
        available=tuple(available),
        availability=Fraction(sum(available), len(available)),
        hli=sum(high),
        chli=sum(1 for length in rows if length >= p),
    )


def windowed(given: Sequence[Interval], *, width_ms: int, bad: Collection[State]) -> list[Interval]:
    """Return the intervals, sorted and gapless, as the window makes them; `width_ms` is n intervals long.

    The time before the first interval counts as available, as MEF 10.3 begins; what the end cuts off decides nothing.
    """
    if not given:
        return []
    least = _unavailable(given, width_ms, bad)
    most = _unavailable(given, width_ms, {*bad, State.UNKNOWN})
    whole = ((given[0].start_ms, given[-1].end_ms),)
    made = [
        *_down(given, least, bad),
        *(replace(each, start_ms=a, end_ms=b) for each, a, b in map(_open, clip(given, subtract(most, least)))),
        *_up(given, subtract(whole, most), bad),
    ]
    return joined(sorted(made, key=lambda each: each.start_ms))


def high_loss(intervals: Sequence[Interval], inside: Spans, *, interval_ms: int, p: int) -> HighLoss:
    """Count the high loss intervals that begin inside."""
    lossy = union((each.start_ms, each.end_ms) for each in intervals if each.because == HIGH_LOSS)
    rows = [-(-end // interval_ms) - -(-start // interval_ms) for start, end in intersect(lossy, inside)]
    return HighLoss(hli=sum(rows), chli=sum(1 for length in rows if length >= p))


def _unavailable(given: Sequence[Interval], width_ms: int, bad: Collection[State]) -> Spans:
    made: list[tuple[int, int]] = []
    since: int | None = None
    for is_bad, row in groupby(given, key=lambda each: each.state in bad):
        alike = list(row)
        at_ms = alike[0].start_ms
        if alike[-1].end_ms - at_ms < width_ms or is_bad is (since is not None):
            continue
        if since is None:
            since = at_ms
        else:
            made.append((since, at_ms))
            since = None
    if since is not None:
        made.append((since, given[-1].end_ms))
    return tuple(made)


def _down(given: Sequence[Interval], spans: Spans, bad: Collection[State]) -> Iterator[Interval]:
    cause = Cause.NONE
    for each, start, end in clip(given, spans):
        if each.state in bad:
            cause = each.cause
            yield replace(each, start_ms=start, end_ms=end, state=State.DOWN)
        elif each.state is State.UNKNOWN:
            yield replace(each, start_ms=start, end_ms=end)
        else:  # too few good ones to end it: on the account of the bad ones before
            yield Interval(start, end, State.DOWN, cause, HELD)


def _open(part: tuple[Interval, int, int]) -> tuple[Interval, int, int]:
    each, start, end = part
    known = each.state is not State.UNKNOWN
    return replace(each, state=State.UNKNOWN, cause=Cause.UNDETERMINED, because=OPEN) if known else each, start, end


def _up(given: Sequence[Interval], spans: Spans, bad: Collection[State]) -> Iterator[Interval]:
    for each, start, end in clip(given, spans):
        lossy = each.state in bad
        found = replace(each, state=State.UP, because=HIGH_LOSS) if lossy else each
        yield replace(found, start_ms=start, end_ms=end)
