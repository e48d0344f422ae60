"""The packets of probes: how many were answered, of how many were sent → an hour's places, one a packet. Pure.

A month's loss by packets is lost over sent, sum over sum; no mean of the slots' ratios. The places are those of
`netops/sla/counted.py`. The contract says how many packets a slot is to have (`threshold`):

1. the looks that begin together are joined, and a slot's sums are those of its looks. A target's first word counts;
2. a target that refused told no count: it lost as many packets as the slot's largest look sent, and in a slot without
   any count its share of the slot's packets. A look that was not measured has as many, and they are unknown;
3. a vantage point accuses with all its targets of the service: the one that lost the smallest share speaks, and what it
   lost is lost only if all the others were measured too;
4. of several vantage points that one speaks of which `quorum` lost at least as large a share. Where fewer were measured
   the best one's answers stand, and what it lost is unknown;
5. what a slot lacks of its packets is unknown, on our account: more of it than the contract allows leaves no verdict.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from netops.model import OURS, Reason
from netops.sla.counted import PACKETS, Part, laid
from netops.sla.intervals import Cause, State
from netops.sla.measured import LOST, order
from netops.sla.state import NO_QUORUM
from netops.sla.timeline import CLOCK

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from netops.sla.measured import Look
    from netops.sla.streams import Stream
    from netops.sla.timeline import Run

HOUR_MS = 3_600_000
SENT, UNANSWERED, LOSS = PACKETS
_OURS = frozenset(reason.value for reason in OURS)
_GOOD = Part(State.UP, Cause.NONE, "")
_LOST = Part(State.DOWN, Cause.CARRIER, "lost")
_MISSING = Part(State.UNKNOWN, Cause.MONITOR, "missing slot")
_ONE_TARGET = Part(State.UNKNOWN, Cause.MONITOR, "another target was not measured")
_TOO_FEW = Part(State.UNKNOWN, Cause.MONITOR, NO_QUORUM)


@dataclass(frozen=True, slots=True)
class _Said:
    """What one source, or one vantage point, says of a look: packets answered, and the others with their part."""

    answered: int
    others: int
    part: Part

    @property
    def measured(self) -> bool:
        return self.part.state is State.DOWN

    @property
    def share(self) -> Fraction:
        """The share that was lost."""
        return Fraction(self.others, max(1, self.answered + self.others))


def runs(
    stream: Stream,
    looks: Iterable[Look],
    *,
    hour_ms: int,
    steps: Mapping[str, Sequence[int]],
    planned: Callable[[int], bool] = lambda _slot_ms: False,
) -> list[Run]:
    """Return a service's hour of packets. `steps`: when the clock of a vantage point stepped."""
    step, whole = stream.every_s * 1000, int(stream.threshold)
    slots: dict[int, list[Look]] = defaultdict(list)
    for each in looks:
        if each.metric in PACKETS:
            slots[each.slot_ms // step * step].append(each)
    made: list[Run] = []
    for slot_ms in range(hour_ms, hour_ms + HOUR_MS, step):
        stepped = {name for name, told in steps.items() if any(slot_ms <= at < slot_ms + step for at in told)}
        parts = _slot(slots.get(slot_ms, ()), whole, stream.quorum, stepped)
        made += laid(stream, slot_ms, parts, planned=planned(slot_ms))
    return made


def _slot(looks: Sequence[Look], whole: int, quorum: int, stepped: Collection[str]) -> list[tuple[int, Part]]:
    """Return the parts of a slot: what was answered, what was lost by whose account, what nobody knows."""
    begun: dict[int, list[Look]] = defaultdict(list)
    for each in looks:
        begun[each.slot_ms].append(each)
    sent = [int(each.value) for each in looks if each.metric == SENT and each.value is not None and not each.code]
    usual = max(sent, default=0) or whole // max(1, len(begun))
    sums: dict[Part, int] = {_GOOD: 0}
    for slot_ms in sorted(begun):
        said = _joined(begun[slot_ms], usual, quorum, stepped)
        sums[_GOOD] += said.answered
        sums[said.part] = sums.get(said.part, 0) + said.others
    missing = whole - sum(sums.values())
    if missing > 0:
        sums[_MISSING] = sums.get(_MISSING, 0) + missing
    return [(count, part) for part, count in sums.items()]


def _joined(looks: Sequence[Look], usual: int, quorum: int, stepped: Collection[str]) -> _Said:
    """Return what those that looked at one time say together."""
    vantages: dict[str, list[_Said]] = defaultdict(list)
    for source in sorted({each.source for each in looks}):
        mine = sorted((each for each in looks if each.source == source), key=order, reverse=True)
        told = {each.metric: each for each in mine}  # the first word of each metric
        vantage = mine[0].vantage
        vantages[vantage].append(_source(told, usual, dark=vantage in stepped))
    said = [_vantage(vantages[name]) for name in sorted(vantages)]
    measured = sorted((each for each in said if each.measured), key=lambda each: each.share, reverse=True)
    if len(measured) >= quorum:
        return measured[quorum - 1]
    if measured:
        return _Said(measured[-1].answered, measured[-1].others, _TOO_FEW)
    return min(said, key=lambda each: (-each.answered, each.part.cause is Cause.MONITOR))


def _source(told: Mapping[str, Look], usual: int, *, dark: bool) -> _Said:
    sent, lost = (told[name].value if name in told and not told[name].code else None for name in (SENT, UNANSWERED))
    if dark:
        return _Said(0, usual, Part(State.UNKNOWN, Cause.MONITOR, CLOCK))
    if sent is not None and lost is not None and sent > 0:
        gone = min(max(0, int(lost)), int(sent))
        return _Said(int(sent) - gone, gone, _LOST)
    codes = sorted({each.code for each in told.values()} - {""})
    code = codes[0] if codes else Reason.ROW_MISSING.value
    if code in LOST:
        return _Said(0, usual, Part(State.DOWN, Cause.UNDETERMINED, code))
    cause = Cause.MONITOR if code in _OURS else Cause.UNDETERMINED
    return _Said(0, usual, Part(State.UNKNOWN, cause, code))


def _vantage(sources: Sequence[_Said]) -> _Said:
    """Join the targets of a vantage point: the one that lost the smallest share, if nobody leaves it open."""
    measured = [each for each in sources if each.measured]
    if not measured:
        return min(sources, key=lambda each: each.part.cause is not Cause.MONITOR)
    best = min(measured, key=lambda each: each.share)
    open_ = len(measured) < len(sources) and best.others
    return _Said(best.answered, best.others, _ONE_TARGET) if open_ else best
