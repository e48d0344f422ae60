"""From the echoes of a session to its figures: delay, loss and variation, there and back. Pure; whole nanoseconds.

- A lost packet is an infinite delay. Which way it was lost is told by a stateful reflector's own sequence numbers; what
  was lost after the last answer, or with a stateless reflector, is lost on an unknown way and counts as infinite both
  ways.
- A one-way delay stands only while both clocks say that they are synchronised, their errors together are within the
  limit, and ours did not step. Nothing is clamped: a delay below zero within the error is what was measured; one beyond
  it proves that a clock is not what it says, whatever the reflector claims.
- The round trip needs no clock but ours; where it stepped, the monotonic one is used.
- Variation is IPDV between packets that follow each other (RFC 3393, RFC 5481 4.1): it needs clocks that run alike, not
  clocks that agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING

from collectors.probes.stamp.timestamps import ErrorEstimate
from netops.sla.percentiles import nearest_rank

if TYPE_CHECKING:
    from collections.abc import Sequence

    from collectors.probes.stamp.session import Echo

RANKS = (50, 95, 99)
STEP_NS = 1_000_000
SLEW_PPM = 1000  # what a clock may be steered by without a step: NTP's 500 ppm on either side
Delay = int | float  # float only for `inf`


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One direction, or the round trip. No delays: not known. `lost` None: the ways cannot be told apart."""

    delays: tuple[Delay, ...]
    lost: int | None
    variation: tuple[int, ...] = ()
    invalid: str = ""  # why the delays are not to be believed

    def percentile(self, rank: int) -> Delay | None:
        """Return the delay of this nearest rank in ns, infinite when it falls among the lost; None without delays."""
        if not self.delays or self.invalid:
            return None
        return _one_of(self.delays, rank)

    def spread(self, rank: int = 95) -> int | None:
        """Return the rank of the absolute variation in ns, None with fewer than two neighbours."""
        if not self.variation:
            return None
        return int(_one_of([abs(each) for each in self.variation], rank))


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What one session showed."""

    sent: int
    answered: int
    duplicates: int
    reordered: int
    round_trip: Way
    there: Way
    back: Way
    unplaced: int  # lost on an unknown way
    error_ns: int  # of both clocks together, the largest seen
    synchronised: bool
    stepped: bool

    @property
    def lost(self) -> int:
        """Packets without an answer."""
        return self.sent - self.answered

    @property
    def loss(self) -> Fraction:
        """Unanswered among sent."""
        return Fraction(self.lost, self.sent) if self.sent else Fraction(0)


def figures(echoes: Sequence[Echo], *, sent: int, stateful: bool, limit_ns: int) -> Figures:
    """Return the figures of a session of `sent` packets; `limit_ns` is how far both clocks together may be off."""
    first: dict[int, Echo] = {}
    for each in echoes:
        first.setdefault(each.sequence, each)
    kept = [first[sequence] for sequence in sorted(first)]
    lost = sent - len(kept)
    there, back, unplaced = _placed(echoes, sent) if stateful else (None, None, lost)
    stepped = any(_stepped(each) for each in kept)
    error_ns, synchronised = _clocks(kept)
    invalid = _invalid(kept, stepped=stepped, synchronised=synchronised, error_ns=error_ns, limit_ns=limit_ns)
    return Figures(
        sent=sent,
        answered=len(kept),
        duplicates=len(echoes) - len(kept),
        reordered=_reordered([each.sequence for each in echoes]),
        round_trip=_way(kept, [_round_trip(each) for each in kept], lost),
        there=_way(kept, [each.t2_ns - each.t1_ns for each in kept], there, also=unplaced, invalid=invalid),
        back=_way(kept, [each.t4_ns - each.t3_ns for each in kept], back, also=unplaced, invalid=invalid),
        unplaced=unplaced,
        error_ns=error_ns,
        synchronised=synchronised,
        stepped=stepped,
    )


def _one_of(delays: Sequence[Delay], rank: int) -> Delay:
    found = nearest_rank(delays, rank)
    return found if isinstance(found, (int, float)) else int(found)


def _way(kept: Sequence[Echo], delays: Sequence[int], lost: int | None, *, also: int = 0, invalid: str = "") -> Way:
    missing: list[Delay] = [inf] * ((lost or 0) + also)
    neighbours = [
        delays[at + 1] - delays[at]
        for at, (one, other) in enumerate(pairwise(kept))
        if other.sequence == one.sequence + 1 and not _stepped(one) and not _stepped(other)
    ]
    return Way(delays=(*delays, *missing), lost=lost, variation=tuple(neighbours), invalid=invalid)


def _round_trip(echo: Echo) -> int:
    """Return the time on the way: without what the packet spent in the reflector, where its clock says so."""
    inside = max(0, echo.t3_ns - echo.t2_ns)  # a reflector whose clock went back tells nothing: the whole time is kept
    gone = echo.t4_ns - echo.t1_ns
    return (gone - echo.drift_ns if _stepped(echo) else gone) - inside


def _placed(echoes: Sequence[Echo], sent: int) -> tuple[int | None, int | None, int]:
    """Return (lost there, lost back, lost on an unknown way) by the reflector's own numbers.

    The reflector counted `max + 1` arrivals up to its last answer that we have; those answers among them that we do not
    have were lost on the way back; the packets before it that it did not count were lost on the way there.
    """
    by_number: dict[int, int] = {}
    for each in echoes:
        if by_number.setdefault(each.reflected, each.sequence) != each.sequence:
            return None, None, sent - len({e.sequence for e in echoes})  # it began to count anew: it proves nothing
    answered = {each.sequence for each in echoes}
    if not by_number:
        return None, None, sent
    last = max(answered)
    tail = sent - 1 - last
    arrivals = max(by_number) + 1
    lost_back = arrivals - len(by_number)
    twice = len(by_number) - len(answered)  # the way there doubled them: counted, but no packet of their own
    lost_there = (last + 1) - (arrivals - twice)
    if lost_there < 0:  # it counted more than we sent: somebody else's packets
        return None, None, sent - len(answered)
    return lost_there, lost_back, tail


def _stepped(echo: Echo) -> bool:
    return abs(echo.drift_ns) > STEP_NS + abs(echo.t4_ns - echo.t1_ns) * SLEW_PPM // 1_000_000


def _clocks(kept: Sequence[Echo]) -> tuple[int, bool]:
    pairs = {(each.ours, each.theirs) for each in kept}
    read = [(ErrorEstimate.read(ours), ErrorEstimate.read(theirs)) for ours, theirs in pairs]
    error = max((ours.error_ns + theirs.error_ns for ours, theirs in read), default=0)
    return error, bool(read) and all(ours.synchronised and theirs.synchronised for ours, theirs in read)


def _invalid(kept: Sequence[Echo], *, stepped: bool, synchronised: bool, error_ns: int, limit_ns: int) -> str:
    if stepped:
        return "our clock stepped"
    if kept and not synchronised:
        return "a clock is not synchronised"
    if error_ns > limit_ns:
        return "the clocks may be further off than allowed"
    if any(each.t3_ns < each.t2_ns for each in kept):
        return "the reflector's clock went back"
    if any(min(each.t2_ns - each.t1_ns, each.t4_ns - each.t3_ns) < -error_ns for each in kept):
        return "a packet came before it left: a clock is further off than it says"
    return ""


def _reordered(sequences: Sequence[int]) -> int:
    """Return how many arrived after a later one (RFC 4737 3.3); a repeat is a duplicate, not out of order."""
    seen: set[int] = set()
    highest, count = -1, 0
    for each in sequences:
        if each not in seen and each < highest:
            count += 1
        highest = max(highest, each)
        seen.add(each)
    return count
