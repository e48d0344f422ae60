"""What is promised one by one: logins, answers, messages. Counts of a slot → the hour's runs. Pure.

`portal.login.success` of 98 % is no share of time: ten thousand logins of an evening weigh more than three of a night.
So such a stream's hours hold no slots of time but as many *places* as things were counted: on a grid of 1 ms, those of
a slot stand at its beginning, first the good ones, then the bad, then those of which nobody can say. Everything that
follows (service hours, exclusions, sums, both judges) then adds and divides counts as it does milliseconds elsewhere,
and the month's figure is a ratio of sums. Where nothing was counted there is no place, and nothing is judged.

Whether the portal was there to count at all is the state of the service (role `portal`), told each minute: time in
which it was not is unknown, and more of it than the contract allows leaves the objective undetermined.

A mean (`portal.login.mean`) is counted in seconds: a login has 100 places, and each second that it waited is a bad one.
So the figure is 100 % less the mean wait in seconds, a ratio of sums as the others are: 92 % is a mean of 8 s.

On whose account: what a controller did not serve or let in is the carrier's; what a controller alone claims is
undetermined; what we could not record or enforce ourselves is ours.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netops.metrics import lte, portal, probe
from netops.sla.intervals import Cause, State
from netops.sla.timeline import Run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from netops.sla.measured import Look
    from netops.sla.streams import Stream

PLACE_MS = 1  # the grid: one thing, one place
TOO_MANY = "more than places in the slot"
LATE = "late"
PACKETS = ("probe.sent", "probe.lost", "probe.loss")  # the last tells why there are no counts
SECONDS = portal.CAP_MS // 1000  # the places of a login in a mean


@dataclass(frozen=True, slots=True)
class Part:
    """What a metric's count says: of which state, on whose account, why."""

    state: State
    cause: Cause
    because: str


_FAILED = Part(State.DOWN, Cause.CARRIER, "failed")
_UNSERVED = Part(State.DOWN, Cause.CARRIER, "unserved")
_WAITED = Part(State.DOWN, Cause.CARRIER, "waited")
_UNSURE = Part(State.UNKNOWN, Cause.UNDETERMINED, "unconfirmed")
_OURS = Part(State.UNKNOWN, Cause.MONITOR, "ours")
_LOGIN: Mapping[str, Part] = {
    "portal.login.failed": _FAILED,
    "portal.login.unserved": _UNSERVED,
    "portal.login.unconfirmed": _UNSURE,
    "portal.login.ours": _OURS,
}
_OF_TIME: Mapping[str, Mapping[str, Part]] = {
    portal.SUCCESS: _LOGIN,
    portal.TIME_TO_ONLINE: _LOGIN,  # who never came online waits for ever
    portal.AUTHENTICATION: {name: part for name, part in _LOGIN.items() if part is not _UNSERVED},
    portal.OPENING: {"portal.controller.failed": _FAILED},
    portal.ANSWERING: {},
    portal.DELIVERY: {
        "portal.sms.lost": _FAILED,
        "portal.sms.unproved": Part(State.UNKNOWN, Cause.UNDETERMINED, "unproved"),  # the word of whoever is judged
        "portal.sms.unheard": Part(State.UNKNOWN, Cause.UNDETERMINED, "unheard"),
    },
}
BESIDE: Mapping[str, Mapping[str, Part]] = {
    **_OF_TIME,
    **{mean: _OF_TIME[time] for mean, time in portal.MEANS.items()},
}
"""What stands beside the good ones: an answer that never came is worse than any threshold."""


def columns(metric: str, threshold: str) -> tuple[str, ...]:
    """Return the metrics whose counts a stream is made of: the good ones, all that were timed, what stands beside."""
    if metric in lte.ATTEMPTS:
        return lte.ATTEMPTS[metric]
    if metric in lte.FREE:
        return (lte.FREE[metric],)
    if metric in probe.COUNTED:
        return PACKETS
    if metric == portal.SUCCESS:
        return ("portal.login.online", *BESIDE[metric])
    if metric in portal.MEANS:
        time = portal.MEANS[metric]
        return (portal.summed(time), f"{time}.timed", *BESIDE[metric])
    return (portal.within(metric, int(threshold)), f"{metric}.timed", *BESIDE[metric])


def runs(
    stream: Stream, looks: Iterable[Look], *, planned: Callable[[int], bool] = lambda _slot_ms: False
) -> list[Run]:
    """Return a service's hour: its places. A source that told a slot twice is believed once."""
    step = stream.every_s * 1000
    slots: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for each in {(look.slot_ms, look.source, look.metric): look for look in looks}.values():
        if each.metric in stream.metrics and each.value is not None and not each.code:
            slots[each.slot_ms // step * step][each.metric] += int(each.value)
    if stream.metric in portal.MEANS:
        return _waited(stream, slots, planned=planned)
    return [run for slot_ms in sorted(slots) for run in _slot(stream, slot_ms, slots[slot_ms], planned=planned)]


def _slot(stream: Stream, slot_ms: int, sums: Mapping[str, int], *, planned: Callable[[int], bool]) -> list[Run]:
    good, *rest = columns(stream.metric, stream.threshold)
    parts = [(sums.get(good, 0), Part(State.UP, Cause.NONE, ""))]
    if stream.metric != portal.SUCCESS:
        timed = sums.get(rest.pop(0), 0)
        parts.append((max(0, timed - parts[0][0]), Part(State.DOWN, Cause.CARRIER, LATE)))
    parts += [(sums.get(name, 0), BESIDE[stream.metric][name]) for name in rest]
    return laid(stream, slot_ms, parts, planned=planned(slot_ms))


def _waited(stream: Stream, slots: Mapping[int, Mapping[str, int]], *, planned: Callable[[int], bool]) -> list[Run]:
    """Return the hour of a mean: `SECONDS` places a login, one for each second that it did not wait, or did.

    What is less than a second is carried on into the next slot, and dropped at the end of the hour: less than a second
    for all its logins, in favour of who is judged.
    """
    summed, timed, *beside = columns(stream.metric, stream.threshold)
    made: list[Run] = []
    rest_ms = 0
    for slot_ms in sorted(slots):
        sums = slots[slot_ms]
        whole = sums.get(timed, 0) * SECONDS
        parts = [(whole, Part(State.UNKNOWN, Cause.MONITOR, "not summed"))]  # told by a portal that did not add up
        if summed in sums:
            waited, rest_ms = divmod(sums[summed] + rest_ms, 1000)
            waited = min(waited, whole)
            parts = [(whole - waited, Part(State.UP, Cause.NONE, "")), (waited, _WAITED)]
        parts += [(sums.get(name, 0) * SECONDS, BESIDE[stream.metric][name]) for name in beside]
        made += laid(stream, slot_ms, parts, planned=planned(slot_ms))
    return made


def laid(stream: Stream, slot_ms: int, parts: Sequence[tuple[int, Part]], *, planned: bool) -> list[Run]:
    """Return a slot's places in their order; more than it has are not known, and no smaller number."""
    if sum(count + 1 for count, _ in parts) > stream.every_s * 1000:
        parts = [(stream.every_s * 1000, Part(State.UNKNOWN, Cause.MONITOR, TOO_MANY))]
    made, at = [], slot_ms
    for count, part in parts:
        if count:
            cause = Cause.PLANNED if planned and part.state is State.DOWN else part.cause
            made.append(Run(at, at + count - 1, count, part.state, cause, part.because))
            at += count + 1  # a free place: what failed for another reason is another line of the causes
    return made
