"""What is counted of a line of time: faults, assets, rates. Each yields pieces `(start, end, state, cause)`.

Part of the second implementation (`verifier.py`). `docs/explanation/sla.md` says what one is and when it is good.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from netops.evidence.lines import cut, inside, length, merged, outages

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from netops.evidence.lines import Label, Line, Span
    from netops.evidence.tickets import Reported

REPAIR, REPEAT, ACTIVE, RATE = "fault.repair", "fault.repeat", "asset.active", "probe.throughput.mean"
GOOD = {REPAIR: "<=", REPEAT: ">", ACTIVE: ">="}  # what rests on the services' state
Piece = tuple[int, int, str, str]
Figure = tuple[str, Fraction, Fraction]  # indicator, threshold, for what share of the period a service was contracted
HOUR = 3_600_000


def figure_of(objective: Mapping[str, Any]) -> tuple[str, Fraction] | None:
    """Return by what an objective's figure is made, and the number in it; None where each instant is its state's."""
    kind = objective["indicator"]
    if kind not in {*GOOD, RATE}:
        return None
    text = objective["threshold"]
    if re.fullmatch(r"[0-9]{1,30}(\.[0-9]{1,30})?", text) is None:
        raise ValueError(f"{kind}: the threshold {text[:40]!r} is no plain decimal number")
    return kind, Fraction(text)


def pieces(
    figure: Figure,
    line: Line,
    judged: Sequence[Span],
    excused: Sequence[Span],
    free: Collection[str],
    *,
    tickets: Sequence[Reported] | None = None,
) -> Iterator[Piece]:
    """Yield what is summed; a thing is a piece of 1 ms. `tickets`: where faults count from their report."""
    kind, limit, share = figure
    if kind == RATE:
        yield from _rates(line, limit, judged, excused)
    elif kind == ACTIVE:
        yield from _asset(line, limit * HOUR * share, judged, excused, free)
    else:
        yield from _faults(kind, limit, line, excused, tickets)


def _faults(
    kind: str, limit: Fraction, line: Line, excused: Sequence[Span], tickets: Sequence[Reported] | None
) -> Iterator[Piece]:
    bounds, labels = [*line.times, line.end], line.labels
    before: int | None = None  # the number of the piece after the last fault
    starts = [span[0] for span in excused]
    for first, after in outages(line):
        start, end = bounds[first], bounds[after]
        cause = labels[max(range(first, after), key=lambda i: (bounds[i + 1] - bounds[i], -i))][1]
        if kind == REPAIR:
            clock, waits = _clock(start, end, tickets)
            if clock is None:
                continue
            seen_to_the_end = first > 0 and after < len(labels)
            seen_to_the_end = seen_to_the_end and "UNKNOWN" not in {labels[first - 1][0], labels[after][0]}
            near = excused[max(bisect_right(starts, start) - 1, 0) : bisect_left(starts, end)]
            lasted = length(cut([(clock, end)], merged([*near, *waits]), keep=(True, False)))
            state = "DOWN" if lasted > limit * HOUR else "UP" if seen_to_the_end else "UNKNOWN"
        elif before is None or start - bounds[before] > limit * 24 * HOUR:
            state = "UP"
        else:
            state = "UNKNOWN" if {label[0] for label in labels[before:first]} == {"UNKNOWN"} else "DOWN"
        before = after
        yield start, start + 1, state, cause


def _clock(start: int, end: int, tickets: Sequence[Reported] | None) -> tuple[int | None, list[Span]]:
    """Return from when on the repair of a fault counts, None for never, and while its clock stood still."""
    if tickets is None:
        return start, []
    mine = [each for each in tickets if not (each[0] >= end or each[1] <= start)]
    if not mine:
        return None, []
    return max(start, min(each[0] for each in mine)), [span for each in mine for span in each[2]]


def _asset(
    line: Line, need: Fraction, judged: Sequence[Span], excused: Sequence[Span], free: Collection[str]
) -> Iterator[Piece]:
    if not judged:
        return
    up = perhaps = 0
    for a, b, (state, cause, _), out in _cells(line, judged, excused):
        if state in {"UP", "DEGRADED"}:
            up += b - a
        elif state == "UNKNOWN" or cause in free or out:
            perhaps += b - a
    need = min(need, Fraction(length(judged)))
    state = "UP" if up >= need else "UNKNOWN" if up + perhaps >= need else "DOWN"
    at = (cut(judged, excused, keep=(True, False)) or judged)[0][0]
    yield at, at + 1, state, "carrier"


def _rates(line: Line, contracted: Fraction, judged: Sequence[Span], excused: Sequence[Span]) -> Iterator[Piece]:
    """Yield of each piece its good share first; a rate counts in ten-thousandths of the contracted one, rounded up."""
    for a, b, (state, cause, because), _ in _cells(line, judged, excused):
        if state != "UP" or re.fullmatch("[0-9]{1,18}", because) is None:
            yield a, b, state, cause
            continue
        share = min(-(-int(because) * 10_000 // contracted), 10_000)
        middle = a - (a - b) * share // 10_000
        yield a, middle, "UP", ""
        yield middle, b, "DOWN", "carrier"


def _cells(line: Line, judged: Sequence[Span], excused: Sequence[Span]) -> Iterator[tuple[int, int, Label, bool]]:
    """Yield the judged time cut at every point where anything changes: what it was, and whether it is excused."""
    points = {*line.times, line.end} | {p for spans in (judged, excused) for span in spans for p in span}
    starts, apart = [span[0] for span in judged], [span[0] for span in excused]
    for a, b in pairwise(sorted(points)):
        if inside(judged, starts, a):
            yield a, b, line.labels[bisect_right(line.times, a) - 1], inside(excused, apart, a)
