"""Figures that are made of what was sealed: faults repaired in time, repeated faults, active assets, the access rate.

The hours hold a service's states, or the rates of its slots; here they become the parts that are summed. Faults and
assets are *places* of 1 ms, one thing each: a fault's at its beginning, an asset's where its judged time begins. So
service hours, exclusions, sums and all judges treat one as a millisecond of time, and the figure is a ratio of sums;
where nothing was there to count there is no place, and nothing is judged. A rate is a share of its slot: so much of it
is good as the rate is of the contracted one. `docs/explanation/sla.md` says when each is good.

A fault is an outage by the contract's rules on time (`repair.incidents`); one that hangs on a parent is a fault of each
service. Where the contract counts from the report of a fault, its clock is the ticket's (`tickets.py`), and one that
nobody reported is none. What lies before the period is not looked at: a fault that it cuts off begins with it, and
repeats none.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING

from netops.sla import repair
from netops.sla.intervals import Cause, Interval, Spans, State, clip, intersect, subtract, total, union, where

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from netops.sla.tickets import Ticket

REPAIR = "fault.repair"
REPEAT = "fault.repeat"
ACTIVE = "asset.active"
RATE = "probe.throughput.mean"
OF_STATE = {REPAIR: "<=", REPEAT: ">", ACTIVE: ">="}
"""Those that rest on the state of a service, with what stands before the threshold where one is good."""
UNITS = {REPAIR: "h", REPEAT: "d", ACTIVE: "h"}
NORMS = {REPAIR: "YD/T 3563-2019 障碍修复时限"}
FAULTS = frozenset({REPAIR, REPEAT})
COUNTED = frozenset(OF_STATE)
ALL = frozenset({*OF_STATE, RATE})
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
SHARES = 10_000  # a rate is rounded up to a ten-thousandth of the contracted one: never against who is judged

LATE, REPEATED, INACTIVE, SLOW = "repaired late", "again", "not active", "below the contracted rate"
UNSEEN = "not seen to its end"
OUTAGE, REPORT = "outage", "report"
"""From when on the time to repair counts: from the outage, or from when it was reported to the carrier."""
_RATE = re.compile(r"[0-9]{1,18}")  # bit/s, as `because` of a slot that was measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """The parts that are summed, sorted and disjoint, and where they count."""

    parts: Sequence[Interval]
    judged: Spans


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """What an objective's figure is made by: its indicator and threshold, and the causes that need no claim.

    `reported`: the time to repair counts from the report of a fault.
    """

    indicator: str
    threshold: Fraction
    excused: frozenset[Cause] = frozenset()
    reported: bool = False

    def of(
        self,
        seen: Sequence[Interval],
        *,
        judged: Spans,
        out: Spans,
        share: Fraction = Fraction(1),
        tickets: Sequence[Ticket] = (),
    ) -> Made:
        """Return the parts of what was seen of one service; `out` are the instants that a claim in force excuses.

        `share`: of the period, what the service was contracted for under this version; an asset needs as much less.
        `tickets`: those of the service that count, where faults count from their report.
        """
        if self.indicator == RATE:
            return Made(parts=list(_rates(seen, judged, out, self.threshold)), judged=judged)
        if self.indicator == ACTIVE:
            places = list(_active(seen, judged, out, self, share))
        else:
            found = repair.incidents(seen)
            if self.reported:
                places = list(_repaired(list(clocked(found, tickets)), out, self.threshold))
            elif self.indicator == REPAIR:
                places = list(_repaired([(each, each.start_ms, ()) for each in found], out, self.threshold))
            else:
                places = list(_repeated(found, seen, self.threshold))
        return Made(parts=places, judged=intersect(judged, union((each.start_ms, each.end_ms) for each in places)))


def _place(at_ms: int, state: State, cause: Cause = Cause.NONE, because: str = "") -> Interval:
    return Interval(at_ms, at_ms + 1, state, cause, because)


def clocked(
    found: Iterable[repair.Incident], tickets: Sequence[Ticket]
) -> Iterator[tuple[repair.Incident, int, Spans]]:
    """Yield each fault that was reported, from when on its clock ran, and while it stood still."""
    for each in found:
        mine = [one for one in tickets if one.reported_ms < each.end_ms and one.closed_ms > each.start_ms]
        if mine:
            begun_ms = max(each.start_ms, min(one.reported_ms for one in mine))
            yield each, begun_ms, union(*(one.waits for one in mine))


def _repaired(found: Iterable[tuple[repair.Incident, int, Spans]], out: Spans, hours: Fraction) -> Iterator[Interval]:
    for each, begun_ms, waits in found:
        lasted_ms = total(subtract(subtract(((begun_ms, each.end_ms),), out), waits))
        if lasted_ms > hours * HOUR_MS:
            yield _place(each.start_ms, State.DOWN, each.cause, LATE)
        elif each.censored:
            yield _place(each.start_ms, State.UNKNOWN, Cause.UNDETERMINED, UNSEEN)
        else:
            yield _place(each.start_ms, State.UP)


def _repeated(found: Iterable[repair.Incident], seen: Sequence[Interval], days: Fraction) -> Iterator[Interval]:
    good = [start for start, _ in where(seen, State.UP, State.DEGRADED)]
    before: repair.Incident | None = None
    for each in found:
        if before is None or each.start_ms - before.end_ms > days * DAY_MS:
            yield _place(each.start_ms, State.UP)
        elif bisect_left(good, each.start_ms) > bisect_left(good, before.end_ms):  # it was up in between
            yield _place(each.start_ms, State.DOWN, each.cause, REPEATED)
        else:  # perhaps the same one still
            yield _place(each.start_ms, State.UNKNOWN, Cause.UNDETERMINED, UNSEEN)
        before = each


def _active(seen: Sequence[Interval], judged: Spans, out: Spans, figure: Figure, share: Fraction) -> Iterator[Interval]:
    if not judged:
        return
    need_ms = min(figure.threshold * HOUR_MS * share, Fraction(total(judged)))
    up_ms = open_ms = 0
    for each, start, end in clip(seen, judged):
        if each.state in {State.UP, State.DEGRADED}:
            up_ms += end - start
        elif each.state is State.UNKNOWN or each.cause in figure.excused:
            open_ms += end - start
        else:
            open_ms += total(intersect(((start, end),), out))
    at_ms = (subtract(judged, out) or judged)[0][0]
    if up_ms >= need_ms:
        yield _place(at_ms, State.UP)
    elif up_ms + open_ms >= need_ms:
        yield _place(at_ms, State.UNKNOWN, Cause.UNDETERMINED, UNSEEN)
    else:
        yield _place(at_ms, State.DOWN, Cause.CARRIER, INACTIVE)


def _rates(seen: Sequence[Interval], judged: Spans, out: Spans, contracted: Fraction) -> Iterator[Interval]:
    pieces = [*clip(seen, subtract(judged, out)), *clip(seen, intersect(judged, out))]
    for each, start, end in sorted(pieces, key=lambda piece: piece[1]):
        if each.state is not State.UP or _RATE.fullmatch(each.because) is None:
            yield Interval(start, end, each.state, each.cause, each.because)
            continue
        parts = min(ceil(int(each.because) * SHARES / contracted), SHARES)
        good = start + ceil(Fraction((end - start) * parts, SHARES))
        if start < good:
            yield Interval(start, good, State.UP)
        if good < end:
            yield Interval(good, end, State.DOWN, Cause.CARRIER, SLOW)
