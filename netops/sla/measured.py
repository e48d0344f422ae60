"""Looks at a service → its slots in a stream: good, bad, or not measured and on whose account. Pure.

A path that one vantage point probes, or a door of the device that tells of the service, is a *source*. In this order:

1. of a source counts its first look in a slot: who looks more often than the contract asks changes no verdict. A door
   that was silent, or was not asked, looked at nothing: a later look in the slot, whatever it saw, stands before that;
2. a look that is ours, a blind vantage point's, or by clocks that err too far for the threshold, is UNKNOWN(monitor);
3. what never came back is worse than any threshold: a lost packet is an infinite delay; so is an answer that was wrong;
4. a vantage point accuses with all its targets of the service: one that is silent or slow while another is not has
   itself to blame, and one that was not measured leaves it open;
5. DOWN takes `quorum` vantage points that say so; one that saw it good is enough for good. So many are needed as well
   before "did not show it" (undetermined), which a contract may count as down, is said of a slot: fewer are ours.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from types import MappingProxyType
from typing import TYPE_CHECKING

from netops.model import OURS, Quality, Reason
from netops.sla.intervals import Cause, State
from netops.sla.state import NO_QUORUM, quorum
from netops.sla.streams import CLOCK_ERROR, RATED, REACHED
from netops.sla.timeline import CLOCK, Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence

    from netops.sla.streams import Stream

_OURS = frozenset(reason.value for reason in OURS)
UNTOLD = _OURS | {  # a door's: of its metric nothing was said
    Reason.NO_ANSWER.value,
    Reason.REFUSED.value,
    Reason.ROW_MISSING.value,
    Reason.BUSY.value,
}
LOST = frozenset({Reason.NO_ANSWER.value, Reason.REFUSED.value, Reason.ERROR_STATUS.value})


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one poll said of one metric of a service. `source`: `<vantage>/<target>`, or the poll's device."""

    slot_ms: int
    at_ms: int
    source: str
    metric: str
    value: float | None
    code: str = ""

    @property
    def vantage(self) -> str:
        """Who looked: the targets of a vantage point, and the doors of a device, speak together."""
        return self.source.partition("/")[0]


def samples(
    stream: Stream,
    looks: Iterable[Look],
    *,
    blind: Collection[int] = (),
    blind_ms: int = 1,
    steps: Mapping[str, Sequence[int]] = MappingProxyType({}),
    planned: Callable[[int], bool] = lambda _slot_ms: False,
) -> list[Sample]:
    """Return a service's slots.

    `blind`: when the collector had lost its anchors, each time for `blind_ms` (doors other than SNMP look at instants
    of their own); `steps`: when the clock of a vantage point stepped; `planned`: whether maintenance covers a slot.
    """
    step = stream.every_s * 1000
    slots: dict[int, list[Look]] = defaultdict(list)
    for each in looks:
        if each.metric in stream.metrics:
            slots[each.slot_ms // step * step].append(each)
    made = []
    for slot_ms in sorted(slots):
        stepped = {name for name, told in steps.items() if any(slot_ms <= at < slot_ms + step for at in told)}
        found = _slot(stream, slots[slot_ms], () if stream.probed else blind, blind_ms, stepped)
        if found is not None:
            sample = replace(found, slot_ms=slot_ms)
            if sample.state is State.DOWN and planned(slot_ms):
                sample = replace(sample, cause=Cause.PLANNED)
            made.append(sample)
    return made


def rates(
    stream: Stream,
    looks: Iterable[Look],
    *,
    steps: Mapping[str, Sequence[int]] = MappingProxyType({}),
    planned: Callable[[int], bool] = lambda _slot_ms: False,
) -> list[Sample]:
    """Return a service's slots with the rate that each reached: UP, `because` so many bit/s, rounded up.

    By the rules above: reached is what one target of one vantage point saw, once the quorum has measured all its
    targets; else the slot is not measured. Where nothing came at all it is DOWN.
    """
    slots: dict[int, list[Look]] = defaultdict(list)
    for each in looks:
        slots[each.slot_ms // (stream.every_s * 1000)].append(each)
    made = []
    for number in sorted(slots):
        found = (each.value for each in slots[number] if each.metric == RATED and not each.code)
        told = [Fraction(each) for each in found if each is not None]

        def reached(limit: Fraction, mine: Sequence[Look] = tuple(slots[number])) -> list[Sample]:
            at = replace(stream, metric=RATED, threshold=str(limit))
            return samples(at, mine, steps=steps, planned=planned)

        for sample in reached(max(told, default=Fraction(0)) + 1):
            best = (each for each in sorted(told, reverse=True) if reached(each)[0].state is State.UP)
            top = None if sample.state is State.UNKNOWN else next(best, None)
            rate = sample if top is None else replace(sample, state=State.UP, cause=Cause.NONE, because=str(ceil(top)))
            made.append(rate)
    return made


def _slot(
    stream: Stream, looks: Sequence[Look], blind: Collection[int], blind_ms: int, stepped: Container[str]
) -> Sample | None:
    vantages: dict[str, list[Sample]] = defaultdict(list)
    for source in sorted({each.source for each in looks}):
        mine = [each for each in looks if each.source == source]
        first = min(mine, key=lambda each: (each.metric != stream.source, _untold(stream, each), *order(each)))
        if first.metric == stream.source:
            beside = [each for each in mine if each.slot_ms == first.slot_ms and each.metric != stream.source]
            when = (first.slot_ms, first.at_ms)
            dark = Reason.ANCHORS_LOST.value if any(b <= at < b + blind_ms for b in blind for at in when) else ""
            dark = CLOCK if stream.probed and first.vantage in stepped else dark
            vantages[first.vantage].append(_source(stream, first, beside, dark=dark))
    said = [_vantage(stream, vantages[name]) for name in sorted(vantages)]
    return _joined(said, stream.quorum) if said else None


def order(look: Look) -> tuple[int, int, str, float]:
    """Put the looks of a source in one order, however they came in; two of one slot are told apart by what they say."""
    return look.slot_ms, look.at_ms, look.code, look.value or 0.0


def _untold(stream: Stream, look: Look) -> bool:
    """Whether a door told nothing of the metric, good or bad: what it shows is told by another look."""
    return not stream.probed and look.code in UNTOLD


def _joined(said: Sequence[Sample], need: int) -> Sample:
    """Join vantage points by quorum, in whatever order; too few that did not see it leave a slot on our account."""
    found = quorum(said, need)
    if found.state is not State.UNKNOWN:
        return found
    shown = [each for each in said if each.state is State.UNKNOWN and each.cause is not Cause.MONITOR]
    bad = [each for each in said if each.state is State.DOWN]
    if shown and len(shown) + len(bad) >= need:
        return shown[0]
    ours = next((each for each in said if each.cause is Cause.MONITOR), None)
    return found if bad else ours or replace(shown[0], cause=Cause.MONITOR, because=NO_QUORUM)


def _source(stream: Stream, look: Look, beside: Sequence[Look], *, dark: str) -> Sample:
    def says(state: State, cause: Cause, because: str) -> Sample:
        return Sample(look.slot_ms, look.at_ms, state, cause, because)

    if dark:
        return says(State.UNKNOWN, Cause.MONITOR, dark)
    if look.code in _OURS:
        return says(State.UNKNOWN, Cause.MONITOR, look.code)
    if look.code in LOST and stream.probed:
        return says(State.DOWN, Cause.UNDETERMINED, look.code)
    if look.code or look.value is None:
        return says(State.UNKNOWN, Cause.UNDETERMINED, look.code or Quality.SENTINEL.value)
    if stream.clock and not any(_clocks_good(stream, each) for each in beside):
        return says(State.UNKNOWN, Cause.MONITOR, Reason.CLOCK.value)
    if any(each.metric == REACHED and each.value == 0 for each in beside):
        return says(State.DOWN, Cause.UNDETERMINED, Reason.ERROR_STATUS.value)
    if stream.keeps(look.value):
        return says(State.UP, Cause.NONE, "")
    silent = stream.metric == REACHED  # why, nobody saw: power or carrier
    return says(State.DOWN, Cause.UNDETERMINED if silent else Cause.CARRIER, f"not {stream.metric} {stream.good}")


def _clocks_good(stream: Stream, error: Look) -> bool:
    if error.metric != CLOCK_ERROR or error.code:
        return False
    return error.value is not None and stream.clocks_good(error.value)


def _vantage(stream: Stream, sources: Sequence[Sample]) -> Sample:
    """Join what one vantage point, or one device, says: good when anything was, bad when everything was.

    Not measured: on our account if any target of a vantage point was; a device did not show what one door did not show.
    """
    known = [each for each in sources if each.state is not State.UNKNOWN]
    unseen = [each for each in sources if each.state is State.UNKNOWN]
    good = [each for each in known if each.state is State.UP]
    if good:
        return good[0]
    if unseen and (stream.probed or not known):
        return min(unseen, key=lambda each: (each.cause is Cause.MONITOR) is not stream.probed)
    return known[0]
