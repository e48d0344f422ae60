"""From a contract version, a month and the claims to verdicts: one objective at a time, services first, then the whole.

The verdict is `met` or `missed` by the unrounded value against the target, and `not_determinable` when more of the
judged time is unknown than the contract allows, or nothing is left to judge. A service's own verdict informs; the
objective's is what is owed for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from types import MappingProxyType
from typing import TYPE_CHECKING

from netops.metrics import probe
from netops.sla import aggregate, availability, calendar, derived, exclusions, mef, numbers, repair, ruled, timeline
from netops.sla.aggregate import Aggregation, Ratio
from netops.sla.availability import DegradedMode
from netops.sla.intervals import Cause, Interval, Spans, State, intersect, subtract, total, union
from netops.sla.state import PARENT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from zoneinfo import ZoneInfo

    from inventory.model import Objective
    from netops.sla.availability import Tally, Value
    from netops.sla.exclusions import Decided
    from netops.sla.month import Key, Member, Month
    from netops.sla.rules import Typed
    from netops.sla.tickets import Ticket

EMPTY_AS_UP = "an empty history counts as up"


class Outcome(StrEnum):
    """What a verdict says."""

    MET = "met"
    MISSED = "missed"
    NOT_DETERMINABLE = "not_determinable"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceLine:
    """One service under one objective; `incidents` and `degraded` are those that touch its judged time.

    `high_loss` are the high loss intervals of available time, where the contract has a sliding window. `cut` is what it
    was all summed from.
    """

    service: str
    contracted_ms: int
    tally: Tally
    value: Value
    outcome: Outcome
    incidents: tuple[repair.Incident, ...]
    degraded: tuple[Interval, ...]
    high_loss: mef.HighLoss | None
    cut: aggregate.Object

    def buckets(self, typed: Typed) -> dict[str, Spans]:
        """Return the judged instants by the bucket they were summed into."""
        cut = self.cut
        return availability.buckets(
            cut.intervals,
            judged=cut.judged,
            excluded=cut.excluded,
            excused=typed.excused,
            degraded=typed.modes.degraded,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One objective over one period: the whole, and every service of it."""

    whole: Ratio
    outcome: Outcome
    because: str
    remark: str  # what holds of a verdict that is not determinable, whatever the unknown time was
    lines: tuple[ServiceLine, ...]
    tally: Tally
    windowed: bool = False  # by a sliding window, so that there are high loss intervals to count


def against(ratio: Fraction | None, *, determinable: bool, target: Fraction, comparison: str) -> Outcome:
    """Compare an unrounded ratio with a target in percent."""
    if ratio is None or not determinable:
        return Outcome.NOT_DETERMINABLE
    percent = ratio * 100
    good = percent <= target if comparison == "at_most" else percent >= target
    return Outcome.MET if good else Outcome.MISSED


def judge(
    given: Objective,
    typed: Typed,
    month: Month,
    members: Sequence[Member],
    *,
    period: Spans,
    decided: Sequence[Decided],
    tz: ZoneInfo,
    told: Month | None = None,
    rulings: Sequence[ruled.Decision] = (),
    tickets: Mapping[str, tuple[Ticket, ...]] = MappingProxyType({}),
) -> Judged:
    """Judge one objective over `period` (one span inside the month) for the item's members.

    `told`: the services' state, when `month` holds counts: it says when somebody was there to count. Where nothing was
    counted nothing is judged. `rulings` are what rulings decide of intervals, in the order of the ledger; `tickets`
    those that count, by service.
    """
    hours = service_hours(typed, period, tz)
    excused = exclusions.spans_by_service(decided, (each.service for each in members))
    for_all = excused.get(exclusions.ALL, ())
    target = Fraction(given.target)
    seen = Seen(month, typed)
    done: dict[tuple[Key, Spans, Spans | None, tuple[ruled.Decision, ...], tuple[Ticket, ...]], _Result] = {}
    lines: list[ServiceLine] = []
    objects: list[aggregate.Object] = []
    weighted: list[tuple[Tally, Fraction]] = []
    for member in members:
        own = excused.get(member.service)
        mine = ruled.of(rulings, member.service)
        reports = clocks(tickets, member.service, typed)
        # without what all share: it would be hashed for each of them
        key = (member.history, member.contracted, own, mine, reports)
        result = done.get(key)
        if result is None:
            out = union(for_all, own) if own else for_all
            judged = availability.contracted(period, valid=member.contracted, service_hours=hours)
            if told is not None:
                judged = intersect(judged, month.covered(member.history))
            share = contracted_share(month, period, member.contracted)
            result = done[key] = _result(
                seen.intervals(member.history, mine), judged, out, typed, share, tickets=reports
            )
        lines.append(_line(member, result, period, target, given.comparison))
        weighted.append((result.tally, Fraction(member.weight)))
        if typed.aggregation in UNITS:
            objects.append(result.cut)
    whole, tally = _whole(typed, weighted, objects, given.id)
    unseen = Fraction(0)
    if _unattended(given, typed, told):
        out_of = {each.service: union(for_all, excused.get(each.service, ())) for each in members}
        unseen, own_unseen = _shares_unseen(typed, told or month, members, out_of, period=period, hours=hours)
        limit = typed.modes.max_unknown_ratio
        whole = aggregate.attended(whole, unseen, limit)
        lines = [_attended(each, own_unseen[each.service], limit, target, given.comparison) for each in lines]
    outcome = against(whole.value, determinable=whole.determinable, target=target, comparison=given.comparison)
    return Judged(
        whole=whole,
        outcome=outcome,
        because=_because(whole, typed),
        remark="" if unseen else _remark(whole, outcome, target=given.target, comparison=given.comparison),
        lines=tuple(lines),
        tally=tally,
        windowed=bool(typed.window_ms),
    )


UNITS = frozenset({Aggregation.ANY_DOWN, Aggregation.ALL_DOWN})


@dataclass(frozen=True, slots=True)
class _Result:
    """What one history comes to; shared by all services that have it."""

    cut: aggregate.Object
    tally: Tally
    value: Value
    incidents: tuple[repair.Incident, ...]
    degraded: tuple[Interval, ...]
    high_loss: mef.HighLoss | None


class Seen:
    """The intervals of each history under one objective's rules, made once."""

    def __init__(self, month: Month, typed: Typed) -> None:
        self._month = month
        self._typed = typed
        self._made: dict[Key, list[Interval]] = {}

    def intervals(self, history: Key, rulings: Sequence[ruled.Decision] = ()) -> list[Interval]:
        """Return the intervals of one history, sorted and disjoint, as rulings on its services leave them."""
        made = self._made.get(history)
        if made is None:
            made = self._made[history] = _intervals(self._month.stretches(history), self._month, self._typed)
        return ruled.ruled(made, rulings, minimum_ms=self._typed.minimum_ms) if rulings else made


def _intervals(given: list[timeline.Stretch], month: Month, typed: Typed) -> list[Interval]:
    if typed.empty_is_up and all(each.state is State.UNKNOWN for each in given):
        return [Interval(month.start_ms, month.end_ms, State.UP, Cause.NONE, EMPTY_AS_UP)]
    if typed.undetermined_is_down:
        given = [_not_shown(each) for each in given]
    if not typed.children_down:
        given = [_independent(each) for each in given]
    made = timeline.intervals(
        given,
        start_ms=month.start_ms,
        end_ms=month.end_ms,
        edge=typed.edge,
        minimum_ms=typed.minimum_ms,
        minimum_samples=typed.minimum_samples,
        slice_ms=typed.slice_ms,
    )
    if not typed.window_ms:
        return made
    bad = {State.DOWN, State.DEGRADED} if typed.modes.degraded is DegradedMode.AS_DOWN else {State.DOWN}
    return mef.windowed(made, width_ms=typed.window_ms, bad=bad)


def _not_shown(each: timeline.Stretch) -> timeline.Stretch:
    """Where the contract says so, who answers without showing a service has shown that it is not there."""
    if each.state is State.UNKNOWN and each.cause is Cause.UNDETERMINED:
        return replace(each, state=State.DOWN)
    return each


def _independent(each: timeline.Stretch) -> timeline.Stretch:
    """Where the contract holds children apart from their parent, its silence tells nothing about them."""
    if each.state is State.DOWN and each.because.startswith(PARENT):
        return timeline.Stretch(
            each.start_ms, each.end_ms, each.step_ms, State.UNKNOWN, Cause.UNDETERMINED, each.because
        )
    return each


def contracted_share(month: Month, period: Spans, contracted: Spans) -> Fraction:
    """Return for what share of the whole month a service was contracted inside `period`."""
    return availability.pro_rata(intersect(period, contracted), ((month.start_ms, month.end_ms),))


def clocks(tickets: Mapping[str, tuple[Ticket, ...]], service: str, typed: Typed) -> tuple[Ticket, ...]:
    """Return the tickets of a service where an objective asks for them; none where it does not."""
    return tickets.get(service, ()) if typed.figure is not None and typed.figure.reported else ()


def counted(
    intervals: Sequence[Interval],
    judged: Spans,
    out: Spans,
    typed: Typed,
    share: Fraction,
    *,
    tickets: tuple[Ticket, ...] = (),
) -> aggregate.Object:
    """Return what is summed of one history: what was seen, or what the objective's figure makes of it."""
    if typed.figure is None:
        return aggregate.Object(intervals=intervals, judged=judged, excluded=out)
    made = typed.figure.of(intervals, judged=judged, out=out, share=share, tickets=tickets)
    return aggregate.Object(intervals=made.parts, judged=made.judged, excluded=out)


def _result(
    intervals: list[Interval],
    judged: Spans,
    out: Spans,
    typed: Typed,
    share: Fraction,
    *,
    tickets: tuple[Ticket, ...] = (),
) -> _Result:
    cut = counted(intervals, judged, out, typed, share, tickets=tickets)
    sums = availability.tally(
        cut.intervals, judged=cut.judged, excluded=out, excused=typed.excused, degraded=typed.modes.degraded
    )
    found = tuple(each for each in repair.incidents(intervals) if _touches(each, judged))
    degraded = tuple(each for each in intervals if each.state is State.DEGRADED and _touches(each, judged))
    high_loss = None
    if typed.window_ms:
        inside = subtract(judged, out)
        high_loss = mef.high_loss(intervals, inside, interval_ms=typed.interval_ms, p=typed.consecutive)
    return _Result(cut, sums, availability.judge(sums, typed.modes), found, degraded, high_loss)


def _touches(each: repair.Incident | Interval, judged: Spans) -> bool:
    return any(start < each.end_ms and each.start_ms < end for start, end in judged)


def _line(member: Member, result: _Result, period: Spans, target: Fraction, comparison: str) -> ServiceLine:
    value = result.value
    return ServiceLine(
        service=member.service,
        contracted_ms=total(intersect(period, member.contracted)),
        tally=result.tally,
        value=value,
        outcome=against(value.ratio, determinable=value.determinable, target=target, comparison=comparison),
        incidents=result.incidents,
        degraded=result.degraded,
        high_loss=result.high_loss,
        cut=result.cut,
    )


def _whole(
    typed: Typed, weighted: Sequence[tuple[Tally, Fraction]], objects: Sequence[aggregate.Object], name: str
) -> tuple[Ratio, Tally]:
    tallies = [each for each, _ in weighted]
    summed = sum(tallies, availability.Tally())
    match typed.aggregation:
        case Aggregation.OBJECT_TIME:
            return aggregate.by_time(tallies, typed.modes), summed
        case Aggregation.OBJECT_MEAN:
            return aggregate.by_object(tallies, typed.modes, name), summed
        case Aggregation.WEIGHTED:
            return aggregate.by_weight(weighted, typed.modes), summed
        case Aggregation.ANY_DOWN | Aggregation.ALL_DOWN:
            unit = aggregate.united(
                objects, aggregation=typed.aggregation, excused=typed.excused, degraded=typed.modes.degraded
            )
            return aggregate.by_time([unit], typed.modes), unit


def _attended(line: ServiceLine, unseen: Fraction, limit: Fraction, target: Fraction, comparison: str) -> ServiceLine:
    value = aggregate.attended(line.value, unseen, limit)
    outcome = against(value.ratio, determinable=value.determinable, target=target, comparison=comparison)
    return replace(line, value=value, outcome=outcome)


def _unattended(given: Objective, typed: Typed, told: Month | None) -> bool:
    """Whether time in which the state was not seen may hold things that nobody counted.

    Packets have places for what was not measured, and come from vantage points, whatever was seen of the state.
    """
    if typed.figure is not None:
        return typed.figure.indicator in derived.FAULTS
    return told is not None and given.indicator not in probe.COUNTED


def _shares_unseen(
    typed: Typed,
    told: Month,
    members: Sequence[Member],
    out: Mapping[str, Spans],
    *,
    period: Spans,
    hours: Spans | None,
) -> tuple[Fraction, dict[str, Fraction]]:
    """Return the share of the time in which nobody was there to count: of all services, and of each.

    It is what would be unknown of their availability by the same rules: excused time is no time to be watched. No
    ruling changes it.
    """
    seen, own = Seen(told, typed), {each.service: each for each in told.members}
    each_unseen: dict[str, Fraction] = {}
    summed = availability.Tally()
    for each in members:
        sums = availability.tally(
            seen.intervals(own[each.service].history),
            judged=availability.contracted(period, valid=each.contracted, service_hours=hours),
            excluded=out[each.service],
            excused=typed.excused,
            degraded=typed.modes.degraded,
        )
        summed += sums
        each_unseen[each.service] = availability.judge(sums, typed.modes).unknown_ratio
    return availability.judge(summed, typed.modes).unknown_ratio, each_unseen


def _because(whole: Ratio, typed: Typed) -> str:
    if whole.value is None:
        return "nothing was left to judge"
    if not whole.determinable:
        return f"unknown time exceeds the contract's limit of {numbers.text(typed.modes.max_unknown_ratio)}"
    return ""


def _remark(whole: Ratio, outcome: Outcome, *, target: str, comparison: str) -> str:
    """Say when both bounds lie on one side of the target: too much is unknown for a verdict, not for this sentence."""
    if outcome is not Outcome.NOT_DETERMINABLE or whole.value is None:
        return ""
    best, worst = ("lower", "upper") if comparison == "at_most" else ("upper", "lower")
    for word, bound in (("missed", best), ("met", worst)):
        ratio: Fraction = getattr(whole, bound)
        if against(ratio, determinable=True, target=Fraction(target), comparison=comparison) == word:
            shown = numbers.shown(numbers.percent(ratio))
            return f"the target of {target} % is {word} even at the {bound} bound, {shown} %"
    return ""


def service_hours(typed: Typed, period: Spans, tz: ZoneInfo) -> Spans | None:
    """Return the instants of the period that are service hours; None where the contract names none: all are."""
    if not typed.hours:
        return None
    return union(*(calendar.service_hours(start, end, typed.hours, tz, typed.calendar) for start, end in period))
