"""What one slot's polls say about one service: up, degraded, down, or not known, and on whose account.

Pure: the polls come in as `Seen`, a `Sample` comes out. The rules, in their order:

1. our vantage point was blind, or the gap is ours (`netops.model.OURS`): UNKNOWN(monitor); so is a slot without a poll;
2. the device that answers for the service is silent: a controller or OLT takes its children down with it
   (DOWN, `parent:<device>`), a device that is the service itself is DOWN(undetermined): power or carrier, nobody saw;
3. it answered, but not so that we can read it: UNKNOWN(undetermined);
4. the subject is missing from its table, or its state metric has no value: UNKNOWN(undetermined), never "down";
5. the worst standing of the watched state metrics decides (the catalogue says what each code stands for);
6. an outage while approved maintenance runs is planned; an ONT's dying gasp is power at home;
7. up, but its uptime began after the slot before, in which it was up too: a hidden reboot. It was away for some of the
   time between the two polls, and nobody knows for how much: DEGRADED(carrier, `hidden_reboot`) for one slot.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from netops.metrics import METRICS, Standing
from netops.model import ANSWERED, OURS, Reason
from netops.sla.intervals import Cause, State
from netops.sla.timeline import GOOD, Sample

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

UPTIME_SLACK_MS = 30_000  # uptimes are truncated, cached by controllers and read late in a walk
TICKS_WRAP_MS = 2**32 * 10  # TimeTicks count hundredths in 32 bits: 497 days
HIDDEN_REBOOT = "hidden_reboot"
PARENT = "parent:"
NO_QUORUM = "no quorum"
SILENT = frozenset({Reason.NO_ANSWER.value, Reason.REFUSED.value})
_OURS = frozenset(reason.value for reason in OURS)


@dataclass(frozen=True, slots=True)
class Watch:
    """Which metrics tell the state of a role. The first of `states` must have a value, the others join when they have.

    No `states`: a device that answers is up. `causes` maps codes of the `down_cause` metric to accounts.
    """

    states: tuple[str, ...] = ()
    uptimes: tuple[str, ...] = ()
    down_cause: str = ""
    causes: Mapping[str, Cause] = field(default_factory=lambda: MappingProxyType({}))


_ANSWERS = Watch(uptimes=("host.uptime", "system.uptime"))
WATCHED: Mapping[str, Watch] = MappingProxyType(
    {
        "ap": Watch(("wlan.ap.state",), ("wlan.ap.uptime",)),
        "ont": Watch(
            ("pon.onu.state",),
            ("pon.onu.uptime",),
            "pon.onu.down_cause",
            MappingProxyType({"dying_gasp": Cause.POWER}),
        ),
        "small_cell": Watch(("lte.cell.oper", "lte.cell.rf", "lte.cell.s1"), ("system.uptime",)),
        "wlan_controller": _ANSWERS,
        "olt": _ANSWERS,
        "lte_gateway": _ANSWERS,
        "gateway": _ANSWERS,
        "switch": _ANSWERS,
        "router": _ANSWERS,
        "portal": Watch(("portal.state",)),  # what it counts is promised one by one: netops/sla/counted.py
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One slot as it was seen: the poll of the device, and of it the row of the subject.

    `outcome` is the poll's (`answered` or a Reason); `values` and `codes` are the row's, empty when there was none.
    For a service that is a device itself they are the rows of that device.
    """

    slot_ms: int
    at_ms: int
    outcome: str
    values: Mapping[str, float | None] = field(default_factory=dict)
    codes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a service hangs: its role, the device that answers for it, whether it is that device, and its parent."""

    role: str
    device: str
    itself: bool
    parent: str = ""


def classify(
    place: Place,
    seen: Seen,
    *,
    before: tuple[Seen, Sample] | None = None,
    parent_outcome: str = "",
    blind: bool = False,
    planned: bool = False,
) -> Sample:
    """Return the sample of one slot.

    `before` is the last slot seen with its sample (for hidden reboots); `parent_outcome` the outcome of the parent's
    poll in the same slot when the parent is another device; `blind`: too few anchors answered the vantage point;
    `planned`: approved maintenance covers the slot.
    """
    state, cause, because = _judge(place, seen, parent_outcome, blind=blind)
    if state is State.DOWN and planned:
        cause = Cause.PLANNED
    sample = Sample(seen.slot_ms, seen.at_ms, state, cause, because)
    if state is State.UP and before is not None and _rebooted(WATCHED[place.role], seen, *before):
        return replace(sample, state=State.DEGRADED, cause=Cause.CARRIER, because=HIDDEN_REBOOT)
    return sample


def missed(slot_ms: int, reason: str = Reason.MISSED_SLOT.value) -> Sample:
    """Return the sample of a slot in which nothing was asked."""
    return Sample(slot_ms, slot_ms, State.UNKNOWN, Cause.MONITOR, reason)


def quorum(samples: Sequence[Sample], need: int) -> Sample:
    """Return what several vantage points say of one slot: DOWN takes `need` of them, else one that saw it up."""
    down = [each for each in samples if each.state is State.DOWN]
    if len(down) >= need:
        return down[0]
    good = sorted((each for each in samples if each.state in GOOD), key=lambda each: each.state is State.DEGRADED)
    if good:
        return good[0]
    if down:
        return replace(down[0], state=State.UNKNOWN, cause=Cause.MONITOR, because=NO_QUORUM)
    return samples[0]


def _judge(place: Place, seen: Seen, parent_outcome: str, *, blind: bool) -> tuple[State, Cause, str]:
    if blind:
        return State.UNKNOWN, Cause.MONITOR, Reason.ANCHORS_LOST.value
    if seen.outcome in _OURS:
        return State.UNKNOWN, Cause.MONITOR, seen.outcome
    if seen.outcome in SILENT:
        if not place.itself:
            return State.DOWN, Cause.CARRIER, PARENT + place.device
        if place.parent and parent_outcome in SILENT:
            return State.DOWN, Cause.CARRIER, PARENT + place.parent
        return State.DOWN, Cause.UNDETERMINED, seen.outcome
    if seen.outcome != ANSWERED:
        return State.UNKNOWN, Cause.UNDETERMINED, seen.outcome
    return _told(WATCHED[place.role], seen)


_ORDER = (Standing.DOWN, Standing.DEGRADED, Standing.UP)


def _told(watch: Watch, seen: Seen) -> tuple[State, Cause, str]:
    if not watch.states:
        return State.UP, Cause.NONE, ""
    first, *others = watch.states
    code = seen.codes.get(first, "")
    if code or seen.values.get(first) is None:
        return State.UNKNOWN, Cause.UNDETERMINED, code or Reason.ROW_MISSING.value
    told = [_standing(name, seen) for name in (first, *others)]
    if told[0][0] is Standing.UNKNOWN:
        return State.UNKNOWN, Cause.UNDETERMINED, told[0][1]
    standing, because = min((each for each in told if each[0] in _ORDER), key=lambda each: _ORDER.index(each[0]))
    if standing is Standing.UP:
        return State.UP, Cause.NONE, ""
    if standing is Standing.DEGRADED:
        return State.DEGRADED, Cause.CARRIER, because
    named = _name(watch.down_cause, seen) if watch.down_cause else ""
    return State.DOWN, watch.causes.get(named, Cause.CARRIER), named or because


def _standing(name: str, seen: Seen) -> tuple[Standing, str]:
    value = seen.values.get(name)
    state = METRICS[name].state(value) if value is not None and not seen.codes.get(name) else None
    return (state.standing, f"{name}={state.name}") if state else (Standing.UNKNOWN, f"{name}=?")


def _name(metric: str, seen: Seen) -> str:
    value = seen.values.get(metric)
    state = METRICS[metric].state(value) if value is not None and not seen.codes.get(metric) else None
    return state.name if state else ""


def _rebooted(watch: Watch, seen: Seen, last: Seen, sample: Sample) -> bool:
    if sample.state not in GOOD:
        return False
    for metric in watch.uptimes:
        now, then = _uptime(metric, seen), _uptime(metric, last)
        if now is not None and then is not None:
            elapsed = seen.at_ms - last.at_ms
            # Any uptime may be TimeTicks; after a wrap it stands where it must, after a reboot near one it does not.
            wrapped = abs(now - (then + elapsed - TICKS_WRAP_MS)) <= UPTIME_SLACK_MS
            # Its beginning lies after the last look, and it is less than it was: both, so that slack cannot accuse.
            return elapsed > 0 and now < then and now + UPTIME_SLACK_MS < then + elapsed and not wrapped
    return False


def _uptime(metric: str, seen: Seen) -> float | None:
    value = seen.values.get(metric)
    return None if value is None or seen.codes.get(metric) else value * 1000
