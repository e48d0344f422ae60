"""From polls to intervals: what a row of slots says about the time between them.

A slot owns `[slot, slot + step)`: its state holds until the next slot. A slot that is missing, ours or beyond a clock
step is UNKNOWN(monitor): it is never filled from its neighbours. Between a good and a bad slot lies the edge of an
outage, which nobody saw; the contract says where it is put (`Edge`). Two rules then look at whole stretches: the
minimum countable outage, and the least number of samples a slice needs to be believed.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING

from netops.errors import UsageError
from netops.sla.intervals import Cause, Interval, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

HOUR_MS = 3_600_000
MISSING = "missing slot"
CLOCK = "clock step"
SPARSE = "too few samples in the slice"
BRIEF = "shorter than the minimum countable outage"


class Edge(StrEnum):
    """Where an outage between a good and a bad slot begins (and, for midpoint, ends)."""

    FIRST_BAD = "first_bad"  # [first bad, first good)
    LAST_GOOD = "last_good"  # [last good, first good)
    MIDPOINT = "midpoint"  # [half-way to the first bad, half-way to the first good)


@dataclass(frozen=True, slots=True)
class Sample:
    """One slot's state of one service. `at_ms` is when the device was really asked."""

    slot_ms: int
    at_ms: int
    state: State
    cause: Cause = Cause.NONE
    because: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """`count` slots in a row, `step` apart, in one state: `first_ms` and `last_ms` are slots, both included."""

    first_ms: int
    last_ms: int
    count: int
    state: State
    cause: Cause = Cause.NONE
    because: str = ""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A run in time: `[start_ms, end_ms)` with the step of its slots."""

    start_ms: int
    end_ms: int
    step_ms: int
    state: State
    cause: Cause
    because: str


def runs(samples: Iterable[Sample], *, step_ms: int, clock_steps: Sequence[int] = ()) -> list[Run]:
    """Fold samples, in any order, into runs.

    A repeated sample counts once. Two that contradict each other, one asked a whole step or more away from its slot,
    and one whose slot holds a step of our clock, are UNKNOWN(monitor): they prove nothing.
    """
    if step_ms <= 0:
        raise UsageError(f"step of {step_ms} ms: expected a positive number of milliseconds")
    made: list[Run] = []
    for each in _distinct(samples, step_ms, clock_steps):
        last = made[-1] if made else None
        if (
            last is not None
            and each.slot_ms == last.last_ms + step_ms
            and (each.state, each.cause, each.because) == (last.state, last.cause, last.because)
        ):
            made[-1] = replace(last, last_ms=each.slot_ms, count=last.count + 1)
        else:
            made.append(Run(each.slot_ms, each.slot_ms, 1, each.state, each.cause, each.because))
    return made


def _distinct(samples: Iterable[Sample], step_ms: int, clock_steps: Sequence[int]) -> Iterator[Sample]:
    slots: dict[int, Sample] = {}
    for given in samples:
        each = given
        if abs(each.at_ms - each.slot_ms) >= step_ms:
            each = _blind(each, "asked outside its slot")
        elif any(each.slot_ms <= at < each.slot_ms + step_ms for at in clock_steps):
            each = _blind(each, CLOCK)
        known = slots.get(each.slot_ms)
        if known is not None and (known.state, known.cause) != (each.state, each.cause):
            each = _blind(each, "contradicting samples")
        elif known is not None:
            each = min(known, each, key=lambda one: (one.because, one.at_ms))
        slots[each.slot_ms] = each
    for slot in sorted(slots):
        yield slots[slot]


def _blind(sample: Sample, because: str) -> Sample:
    return replace(sample, state=State.UNKNOWN, cause=Cause.MONITOR, because=because)


def stretches(given: Iterable[Run], *, step_ms: int) -> list[Stretch]:
    """Return the runs in time; UsageError when a run's count does not fit its slots."""
    made: list[Stretch] = []
    for run in given:
        if run.count < 1 or run.last_ms - run.first_ms != (run.count - 1) * step_ms:
            raise UsageError(
                f"run {run.first_ms}..{run.last_ms} claims {run.count} slots; expected "
                f"{(run.last_ms - run.first_ms) // step_ms + 1} at a step of {step_ms} ms"
            )
        made.append(Stretch(run.first_ms, run.last_ms + step_ms, step_ms, run.state, run.cause, run.because))
    return made


def intervals(
    given: Sequence[Stretch],
    *,
    start_ms: int,
    end_ms: int,
    edge: Edge = Edge.FIRST_BAD,
    minimum_ms: int = 0,
    minimum_samples: int = 0,
    slice_ms: int = HOUR_MS,
) -> list[Interval]:
    """Return intervals that cover `[start_ms, end_ms)` exactly, from stretches sorted by start.

    The order of the rules matters and is this: missing slots, sparse hours, edges, minimum outage. An outage that the
    inputs cut off is measured by what lies inside them.
    """
    if end_ms <= start_ms:
        raise UsageError(f"window [{start_ms}, {end_ms}) is empty or negative; expected its end after its start")
    pieces = _covered(given, start_ms, end_ms)
    if minimum_samples:
        pieces = _without_sparse(pieces, minimum_samples, slice_ms)
    pieces = _edged(pieces, edge)
    made = joined(Interval(p.start_ms, p.end_ms, p.state, p.cause, p.because) for p in pieces)
    return joined(counted(made, minimum_ms)) if minimum_ms else made


def _covered(given: Sequence[Stretch], start_ms: int, end_ms: int) -> list[Stretch]:
    made: list[Stretch] = []
    at = start_ms
    for each in given:
        start, end = max(each.start_ms, at), min(each.end_ms, end_ms)
        if start >= end:
            continue
        if start > at:
            made.append(Stretch(at, start, each.step_ms, State.UNKNOWN, Cause.MONITOR, MISSING))
        whole = start == each.start_ms and end == each.end_ms
        made.append(each if whole else replace(each, start_ms=start, end_ms=end))
        at = end
    if at < end_ms:
        step = made[-1].step_ms if made else end_ms - at
        made.append(Stretch(at, end_ms, step, State.UNKNOWN, Cause.MONITOR, MISSING))
    return made


def _without_sparse(pieces: list[Stretch], minimum: int, slice_ms: int) -> list[Stretch]:
    """Make UNKNOWN every slice (from the epoch) that holds unknown time and fewer than `minimum` known samples."""
    slices = {each for p in pieces if p.state is State.UNKNOWN for each in _slices(p, slice_ms)}
    starts = [p.start_ms for p in pieces]
    sparse = sorted(each for each in slices if _known(pieces, starts, each, slice_ms) < minimum)
    return [part for p in pieces for part in _split(p, sparse, slice_ms)] if sparse else pieces


def _slices(piece: Stretch, slice_ms: int) -> range:
    return range(piece.start_ms // slice_ms, (piece.end_ms - 1) // slice_ms + 1)


def _known(pieces: list[Stretch], starts: list[int], number: int, slice_ms: int) -> Fraction:
    """Return how many samples of the slice are known, by its widest step."""
    low, high = number * slice_ms, (number + 1) * slice_ms
    known_ms, step_ms = 0, 1
    for i in range(max(bisect_right(starts, low) - 1, 0), bisect_left(starts, high)):
        each = pieces[i]
        step_ms = max(step_ms, each.step_ms)
        if each.state is not State.UNKNOWN:
            known_ms += max(min(each.end_ms, high) - max(each.start_ms, low), 0)
    return Fraction(known_ms, step_ms)


def _split(piece: Stretch, sparse: list[int], slice_ms: int) -> Iterator[Stretch]:
    numbers = _slices(piece, slice_ms)
    touched = sparse[bisect_left(sparse, numbers[0]) : bisect_right(sparse, numbers[-1])]
    if piece.state is State.UNKNOWN or not touched:
        yield piece
        return
    at = piece.start_ms
    for each in touched:
        low, high = max(each * slice_ms, at), min((each + 1) * slice_ms, piece.end_ms)
        if at < low:
            yield replace(piece, start_ms=at, end_ms=low)
        yield replace(piece, start_ms=low, end_ms=high, state=State.UNKNOWN, cause=Cause.MONITOR, because=SPARSE)
        at = high
    if at < piece.end_ms:
        yield replace(piece, start_ms=at)


def _edged(pieces: list[Stretch], edge: Edge) -> list[Stretch]:
    """Move the edges of outages; only a good slot beside a bad one leaves room, an unknown one does not."""
    if edge is Edge.FIRST_BAD:
        return pieces
    starts = [p.start_ms for p in pieces]
    for i in range(1, len(pieces)):
        before, after = pieces[i - 1], pieces[i]
        begins = before.state in GOOD and after.state is State.DOWN
        ends = before.state is State.DOWN and after.state in GOOD
        if begins or (ends and edge is Edge.MIDPOINT):
            room = min(before.step_ms, before.end_ms - before.start_ms)
            starts[i] -= room if edge is Edge.LAST_GOOD else room // 2
    ends_at = [*starts[1:], pieces[-1].end_ms]
    return [
        p if (p.start_ms, p.end_ms) == (start, end) else replace(p, start_ms=start, end_ms=end)
        for p, start, end in zip(pieces, starts, ends_at, strict=True)
        if start < end
    ]


GOOD = frozenset({State.UP, State.DEGRADED})


def joined(given: Iterable[Interval]) -> list[Interval]:
    """Return the intervals, which touch, with equal neighbours as one."""
    made: list[Interval] = []
    for each in given:
        last = made[-1] if made else None
        if last is not None and (last.state, last.cause, last.because) == (each.state, each.cause, each.because):
            made[-1] = replace(last, end_ms=each.end_ms)
        else:
            made.append(each)
    return made


def counted(given: Sequence[Interval], minimum_ms: int) -> Iterator[Interval]:
    """Turn each stretch of DOWN that is shorter than the minimum into UP, and say so."""
    i = 0
    while i < len(given):
        j = i
        while j < len(given) and given[j].state is State.DOWN:
            j += 1
        if j == i:
            yield given[i]
            i += 1
            continue
        brief = given[j - 1].end_ms - given[i].start_ms < minimum_ms
        for each in given[i:j]:
            yield replace(each, state=State.UP, because=BRIEF) if brief else each
        i = j
