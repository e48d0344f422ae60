"""What a cell counts: RRC and E-RAB attempts, what came of them, the resource blocks in use → an hour's places. Pure.

A ratio of a month is a ratio of sums: how many attempts succeeded, of how many there were, never a mean of ratios. The
places are those of `netops/sla/counted.py`; what makes them are counters that only grow:

1. what lies between two readings is their difference, however long nobody read: a gap within `BEFORE_MS` loses nothing;
2. a counter that is smaller than before has wrapped at 2^32 when the difference then fits the places of a slot, and has
   else begun anew. Then what it counts since is counted, and what it forgot stands as unknown: as many as the busiest
   stretch of these hours would have brought in that time, and one at least;
3. one door of the device tells an hour, the one that read most often: two would count twice. Its cells are summed;
4. the counter of the outcome is exact in each hour. An attempt may end in a later slot than it began in: what ended
   beyond what began is taken off the rest of the slots that follow, so the sums of the period stay right.
"""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from itertools import pairwise
from math import floor
from typing import TYPE_CHECKING

from netops.metrics import lte
from netops.model import OURS
from netops.sla.counted import Part, laid
from netops.sla.intervals import Cause, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from netops.sla.measured import Look
    from netops.sla.streams import Stream
    from netops.sla.timeline import Run

HOUR_MS = 3_600_000
BEFORE_MS = 2 * HOUR_MS  # how far back a reading is taken to begin an hour from
READ = frozenset(name for pair in lte.ATTEMPTS.values() for name in pair)
OF = " of "  # a look's source: `<door> of <cell>`
WRAP = 1 << 32
SHARES = 1000  # of a cell's resource blocks in a slot: tenths of a percent, the load rounded down
_OURS = frozenset(reason.value for reason in OURS)

_GOOD = Part(State.UP, Cause.NONE, "")
_FAILED = Part(State.DOWN, Cause.CARRIER, "failed")
_BUSY = Part(State.DOWN, Cause.CARRIER, "busy")
_ANEW = Part(State.UNKNOWN, Cause.UNDETERMINED, "began anew")
_NOT_READ = Part(State.UNKNOWN, Cause.MONITOR, "not read before")
_MISSING = Part(State.UNKNOWN, Cause.MONITOR, "missing slot")
Reading = tuple[int, int, int]  # slot_ms, all, outcome
Counts = dict[int, dict[Part, int]]  # slot → how many of each


def attempts(
    stream: Stream, looks: Iterable[Look], *, hour_ms: int, planned: Callable[[int], bool] = lambda _slot_ms: False
) -> list[Run]:
    """Return a service's hour of attempts; `looks` begin `BEFORE_MS` earlier, and only the hour is told."""
    slots: Counts = defaultdict(lambda: defaultdict(int))
    for readings in _told(stream, looks):
        _walk(stream, readings, slots, hour_ms)
    order = (_GOOD, _FAILED, _ANEW, _NOT_READ)
    made: list[Run] = []
    for slot_ms in sorted(each for each in slots if each >= hour_ms):
        parts = [(slots[slot_ms].get(part, 0), part) for part in order]
        made += laid(stream, slot_ms, parts, planned=planned(slot_ms))
    return made


def _told(stream: Stream, looks: Iterable[Look]) -> Sequence[Sequence[Reading]]:
    """Return the readings of each cell by the door that read most often; of two alike the first by name."""
    whole, outcome = lte.ATTEMPTS[stream.metric]
    seen: dict[str, dict[int, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
    for each in looks:
        if each.metric in (whole, outcome) and each.value is not None and not each.code:
            seen[each.source][each.slot_ms][each.metric] = int(each.value)
    doors: dict[str, list[list[Reading]]] = defaultdict(list)
    for source in sorted(seen):
        at = seen[source]
        readings = [(slot, at[slot][whole], at[slot][outcome]) for slot in sorted(at) if len(at[slot]) > 1]
        doors[source.partition(OF)[0]].append(readings)
    return doors[max(sorted(doors), key=lambda door: sum(map(len, doors[door])))] if doors else ()


def _walk(stream: Stream, readings: Sequence[Reading], slots: Counts, hour_ms: int) -> None:
    step = stream.every_s * 1000
    grown = [(a, b, _grown(a[1], b[1], step), _grown(a[2], b[2], step)) for a, b in pairwise(readings)]
    paces = (Fraction(all_, b[0] - a[0]) for a, b, all_, outcome in grown if all_ is not None and outcome is not None)
    pace = max(paces, default=Fraction(0))
    if readings and readings[0][0] >= hour_ms:
        slots[readings[0][0] // step * step][_NOT_READ] += max(1, floor(pace * step))
    owed = 0
    for before, now, more, ended in grown:
        at = slots[now[0] // step * step]
        all_, outcome = now[1:] if more is None or ended is None else (more, ended)
        if more is None or ended is None:
            at[_ANEW] += max(1, floor(pace * (now[0] - before[0])))
            owed = 0
        at[_GOOD] += outcome
        rest = all_ - outcome - owed
        at[_FAILED] += max(0, rest)
        owed = max(0, -rest)


def _grown(before: int, now: int, places: int) -> int | None:
    """Return by how much a counter grew; None when it began anew."""
    if now >= before:
        return now - before
    wrapped = now + WRAP - before
    return wrapped if before < WRAP and wrapped < places else None


def free(
    stream: Stream, looks: Iterable[Look], *, hour_ms: int, planned: Callable[[int], bool] = lambda _slot_ms: False
) -> list[Run]:
    """Return a service's hour of resource blocks, `SHARES` a slot: free, in use, or not told.

    In a slot counts the first look that has a value; a slot without any look is ours.
    """
    step, source = stream.every_s * 1000, lte.FREE[stream.metric]
    slots: dict[int, list[Look]] = defaultdict(list)
    for each in looks:
        if each.metric == source:
            slots[each.slot_ms // step * step].append(each)
    made: list[Run] = []
    for slot_ms in range(hour_ms, hour_ms + HOUR_MS, step) if slots else ():
        made += laid(stream, slot_ms, _load(slots.get(slot_ms, ())), planned=planned(slot_ms))
    return made


def _load(looks: Sequence[Look]) -> list[tuple[int, Part]]:
    told = sorted(
        looks, key=lambda each: (each.value is None or bool(each.code), each.slot_ms, each.at_ms, each.source)
    )
    if not told:
        return [(SHARES, _MISSING)]
    first = told[0]
    if first.value is None or first.code:
        cause = Cause.MONITOR if first.code in _OURS else Cause.UNDETERMINED
        return [(SHARES, Part(State.UNKNOWN, cause, first.code))]
    used = min(floor(Fraction(first.value) * SHARES / 100), SHARES)
    return [(SHARES - used, _GOOD), (used, _BUSY)]
