"""Time lines and sets of instants, as the verifier has them: cut at every point where anything changes.

Part of the second implementation (`verifier.py`). `times[i]` to `times[i + 1]` has `labels[i]`; after the last time
comes `end`. Numbers in brackets are rules of `docs/explanation/sla.md`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Label = tuple[str, str, str]  # state, cause, because
Span = tuple[int, int]
MISSING: Label = ("UNKNOWN", "monitor", "missing slot")
SPARSE: Label = ("UNKNOWN", "monitor", "too few samples in the slice")
HIGH_LOSS = "high loss interval in available time"
HELD = "good checks in unavailable time"
OPEN: Label = ("UNKNOWN", "undetermined", "a gap leaves the window open")


class Line:
    """A time line. `steps[i]` is the distance of the slots of piece i."""

    def __init__(self) -> None:
        self.times: list[int] = []
        self.labels: list[Label] = []
        self.steps: list[int] = []
        self.end = 0

    def add(self, start: int, end: int, step: int, label: Label) -> None:
        """Append a piece that begins where the last one ended; an equal one continues it."""
        if self.labels and self.labels[-1] == label and self.steps[-1] == step and self.end == start:
            self.end = end
            return
        self.times.append(start)
        self.labels.append(label)
        self.steps.append(step)
        self.end = end

    def pieces(self) -> Iterator[tuple[int, int, int, Label]]:
        """Yield start, end, step, label."""
        bounds = [*self.times, self.end]
        for i, label in enumerate(self.labels):
            yield bounds[i], bounds[i + 1], self.steps[i], label


def filled(slots: Iterable[tuple[int, int, int, Label]], start: int, end: int) -> Line:
    """Return a line that covers the period; what no slot covers is missing [2]."""
    made = Line()
    at, step = start, end - start
    for first, last, each_step, label in slots:
        if first > at:
            made.add(at, first, each_step, MISSING)
        made.add(first, last, each_step, label)
        at, step = last, each_step
    if at < end:
        made.add(at, end, step, MISSING)
    return made


def sparse(line: Line, least: int, width: int) -> Line:
    """Blank every slice with unknown time and fewer than `least` known samples [4]."""
    pieces = list(line.pieces())
    doubtful = {
        number
        for start, end, _, label in pieces
        if label[0] == "UNKNOWN"
        for number in range(start // width, (end - 1) // width + 1)
    }
    blank = [(n * width, (n + 1) * width) for n in sorted(doubtful) if _poor(line, pieces, n, least, width)]
    if not blank:
        return line
    made = Line()
    starts = [span[0] for span in blank]
    for start, end, step, label in pieces:
        edges = {p for span in blank[max(bisect_right(starts, start) - 1, 0) : bisect_right(starts, end)] for p in span}
        for a, b in pairwise(sorted({start, end} | {p for p in edges if start < p < end})):
            dark = label[0] != "UNKNOWN" and inside(blank, starts, a)
            made.add(a, b, step, SPARSE if dark else label)
    return made


def _poor(line: Line, pieces: Sequence[tuple[int, int, int, Label]], number: int, least: int, width: int) -> bool:
    low, high = number * width, (number + 1) * width
    touching = pieces[max(bisect_right(line.times, low) - 1, 0) : bisect_right(line.times, high - 1)]
    known = sum(min(b, high) - max(a, low) for a, b, _, label in touching if label[0] != "UNKNOWN")
    return known < least * max(step for _, _, step, _ in touching)


def edged(line: Line, edge: str) -> Line:
    """Put the unseen edges of outages where the contract says [3]."""
    if edge == "first_bad":
        return line
    bounds = [*line.times, line.end]
    moved = bounds[:]
    for i in range(1, len(line.labels)):
        left, right = line.labels[i - 1][0], line.labels[i][0]
        if "UNKNOWN" in (left, right) or (left == "DOWN") == (right == "DOWN"):
            continue
        room = min(line.steps[i - 1], bounds[i] - bounds[i - 1])
        if edge == "midpoint":
            moved[i] -= room // 2
        elif right == "DOWN":
            moved[i] -= room
    made = Line()
    for i, label in enumerate(line.labels):
        if moved[i] < moved[i + 1]:
            made.add(moved[i], moved[i + 1], line.steps[i], label)
    return made


def told(line: Line) -> Line:
    """Forget the steps, so that equal neighbours are one piece."""
    made = Line()
    for start, end, _, label in line.pieces():
        made.add(start, end, 0, label)
    return made


def outages(line: Line) -> list[tuple[int, int]]:
    """Return `(first, last + 1)` of each row of DOWN pieces, by number."""
    made: list[tuple[int, int]] = []
    for i, label in enumerate(line.labels):
        if label[0] == "DOWN":
            if made and made[-1][1] == i:
                made[-1] = (made[-1][0], i + 1)
            else:
                made.append((i, i + 1))
    return made


def counted(line: Line, least_ms: int) -> Line:
    """Outages shorter than the minimum are up time, and say so [3]."""
    bounds = [*line.times, line.end]
    labels = line.labels[:]
    for first, after in outages(line):
        if bounds[after] - bounds[first] < least_ms:
            for i in range(first, after):
                labels[i] = ("UP", labels[i][1], "shorter than the minimum countable outage")
    made = Line()
    for i, label in enumerate(labels):
        made.add(bounds[i], bounds[i + 1], 0, label)
    return made


def windowed(line: Line, width: int, bad: Sequence[str]) -> Line:
    """Unavailable from where everything is bad for `width` ms on, until from where everything is good for so long [3].

    Said twice, once as if every gap were good and once as if it were bad: where both agree it is so.
    """
    best, worst = _unavailable(line, width, bad), _unavailable(line, width, (*bad, "UNKNOWN"))
    made = Line()
    cause = ""
    for i, (start, end, _, label) in enumerate(line.pieces()):
        state, of, because = label
        if state in bad:
            cause = of
        if state == "UNKNOWN":
            made.add(start, end, 0, label)
        elif best[i] is not worst[i]:
            made.add(start, end, 0, OPEN)
        elif best[i]:
            made.add(start, end, 0, ("DOWN", of, because) if state in bad else ("DOWN", cause, HELD))
        else:
            made.add(start, end, 0, ("UP", of, HIGH_LOSS) if state in bad else label)
    return made


def _unavailable(line: Line, width: int, bad: Sequence[str]) -> list[bool]:
    """Return for each piece whether its time is unavailable: what it begins is alike for a whole window."""
    is_bad = [label[0] in bad for label in line.labels]
    bounds = [*line.times, line.end]
    until = bounds[1:]
    for i in range(len(until) - 2, -1, -1):
        if is_bad[i] == is_bad[i + 1]:
            until[i] = until[i + 1]
    made, state = [], False
    for i, start in enumerate(line.times):
        if is_bad[i] is not state and until[i] - start >= width:
            state = not state
        made.append(state)
    return made


# ---- sets of instants as sorted boundaries


class Gathered:
    """Instants gathered stretch by stretch, as sorted edges: an even number of them lies before what is outside."""

    def __init__(self) -> None:
        self.edges: list[int] = []
        self.length = 0

    def lacking(self, start: int, end: int) -> int:
        """Return how much of a stretch is not gathered yet."""
        if start >= end:
            return 0
        low, high = bisect_left(self.edges, start), bisect_right(self.edges, end)
        held = [*([start] if low % 2 else []), *self.edges[low:high], *([end] if high % 2 else [])]
        return end - start - sum(held[1::2]) + sum(held[::2])

    def add(self, start: int, end: int) -> None:
        """Gather a stretch; an empty one is nothing."""
        if start >= end:
            return
        self.length += self.lacking(start, end)
        low, high = bisect_left(self.edges, start), bisect_right(self.edges, end)
        self.edges[low:high] = [*([] if low % 2 else [start]), *([] if high % 2 else [end])]


def inside(spans: Sequence[Span], starts: Sequence[int], at: int) -> bool:
    """Whether an instant lies in one of the sorted spans."""
    i = bisect_right(starts, at) - 1
    return i >= 0 and at < spans[i][1]


def merged(spans: Iterable[Span]) -> list[Span]:
    """Return sorted disjoint spans."""
    made: list[Span] = []
    for start, end in sorted(spans):
        if start >= end:
            continue
        if made and start <= made[-1][1]:
            made[-1] = (made[-1][0], max(end, made[-1][1]))
        else:
            made.append((start, end))
    return made


def cut(*sets: Sequence[Span], keep: Sequence[bool]) -> list[Span]:
    """Return the pieces that lie in each set exactly as `keep` says: an intersection, or a difference."""
    points = sorted({point for spans in sets for span in spans for point in span})
    starts = [[span[0] for span in spans] for spans in sets]
    return merged(
        (a, b)
        for a, b in pairwise(points)
        if all(inside(spans, starts[i], a) is keep[i] for i, spans in enumerate(sets))
    )


def length(spans: Iterable[Span]) -> int:
    """Return the sum of the lengths."""
    return sum(end - start for start, end in spans)
