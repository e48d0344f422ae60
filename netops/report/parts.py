"""One contract version over its part of the period: items, objectives, what each owes, verdicts to be sealed. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from inventory import codec
from netops.report import counts, covered, told
from netops.report import leaves as sealed
from netops.sla import availability, credit, derived, exclusions, judge, month, numbers, rules, streams
from netops.sla.intervals import intersect, total

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inventory.model import Contract, Coverage, Objective, ServiceItem
    from netops.report.build import Ask
    from netops.report.leaves import Leaves
    from netops.sla.judge import Judged
    from netops.sla.month import Member, Month
    from netops.sla.rules import Typed
    from netops.sla.streams import Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One sealed verdict: an objective (`item/objective`) over a version's part of the period.

    `missed` are the services that missed it by themselves, where later months ask for them: escalation by object.
    """

    version: str
    objective: str
    start_ms: int
    end_ms: int
    outcome: str
    value: str
    lower: str
    upper: str
    because: str
    missed: tuple[str, ...] = ()


class Sight:
    """A span of time as each stream saw it, opened once; who was contracted when, the services' state says."""

    def __init__(self, leaves: Leaves, start_ms: int, end_ms: int) -> None:
        self._bounds = {"start_ms": start_ms, "end_ms": end_ms}
        self._hours, self._rosters = sealed.opened(leaves)
        self._open: dict[str, Month] = {}

    def of(self, stream: str) -> Month:
        """Return the span as a stream saw it; the empty name is the services' state."""
        if stream not in self._open:
            mine = self._hours.get(stream, [])
            self._open[stream] = month.open_(mine, self._rosters, state=self._hours[""], **self._bounds)
        return self._open[stream]


@dataclass(frozen=True, slots=True)
class Found:
    """One objective over a part: as judged, what it owes by itself, and as the report tells it."""

    objective: str
    typed: Typed
    judged: Judged
    percent: Fraction
    told: dict[str, Any]

    def claimed(self, item: ServiceItem) -> credit.Claimed:
        """Return what it owes; with the time it is for, where the item asks for that."""
        lines = self.judged.lines if item.double_credit == "by_minute" else ()
        modes = self.typed.modes
        against = {line.service: availability.against(line.buckets(self.typed), modes) for line in lines}
        return credit.Claimed(objective=self.objective, percent=self.percent, against=against)


class Part:
    """One contract version over its part of the period."""

    def __init__(
        self,
        ask: Ask,
        leaves: Leaves,
        sight: Sight,
        *,
        contract: Contract,
        start_ms: int,
        end_ms: int,
    ) -> None:
        self._ask, self._leaves, self._sight, self._seen = ask, leaves, sight, sight.of("")
        self._contract, self._start, self._end = contract, start_ms, end_ms
        self.verdicts: list[Verdict] = []
        self.found: list[tuple[str, Found]] = []
        self._surveyed = covered.Surveyed(leaves, (contract.id, ask.period.start_ms, ask.period.end_ms))

    def tell(self) -> dict[str, Any]:
        """Return the part as the report tells it."""
        return {
            "version": self._contract.version,
            "start_ms": self._start,
            "end_ms": self._end,
            "unassigned": self._unassigned(),
            "items": [self._item(item) for item in self._contract.items],
        }

    def _unassigned(self) -> list[str]:
        """Return the services that sealed rosters list under items this version has not (a late amendment)."""
        window = ((self._start, self._end),)
        known = {item.id for item in self._contract.items}
        return [
            each.service for each in self._seen.members if each.item not in known and intersect(window, each.contracted)
        ]

    def _item(self, item: ServiceItem) -> dict[str, Any]:
        window = ((self._start, self._end),)
        members = [each for each in self._seen.members if each.item == item.id and intersect(window, each.contracted)]
        found = [self._objective(item, number, members) for number in range(len(item.objectives))]
        self.found += [(item.id, each) for each in found]
        surfaces = [self._covered(item, given) for given in item.coverage]
        contracted_ms = sum(total(intersect(window, each.contracted)) for each in members)
        period_ms = self._ask.period.end_ms - self._ask.period.start_ms
        due = rules.exactly(item.fee, f"fee of item {item.id}") * contracted_ms / period_ms
        return {
            "item": item.id,
            "title": item.title,
            "kind": item.kind,
            "fee": item.fee,
            "services": len(members),
            "contracted_ms": contracted_ms,
            "fee_due": numbers.text(due),
            "objectives": [each.told for each in found],
            **({"coverage": [each.told for each in surfaces]} if surfaces else {}),
            "credit": told.credit(item, [e.claimed(item) for e in found] + [e.claimed() for e in surfaces], due),
        }

    def _covered(self, item: ServiceItem, given: Coverage) -> covered.Found:
        name = f"{item.id}/{given.id}"
        before = sealed.breaches_before(self._leaves, name, self._ask.period.start_ms, self._ask.zone.tz())
        found = covered.find(self._contract, item, given, self._surveyed, at_ms=self._end, breaches_before=before)
        whole = found.coverage.whole
        self.verdicts.append(
            Verdict(
                version=self._contract.version,
                objective=name,
                start_ms=self._start,
                end_ms=self._end,
                outcome=whole.outcome.value,
                value="" if whole.share is None else numbers.text(whole.share),
                lower=numbers.text(whole.lower),
                upper=numbers.text(whole.upper),
                because=whole.because,
            )
        )
        return found

    def _objective(self, item: ServiceItem, number: int, members: Sequence[Member]) -> Found:
        given = item.objectives[number]
        typed = rules.objective(self._contract, item, given)
        period = self._ask.period
        decided = exclusions.decide(
            sealed.claims(self._leaves, typed.classes), typed.classes, ((period.start_ms, period.end_ms),)
        )
        stream = streams.stream(given)
        sight = self._sight.of(stream.name if stream is not None else "")
        if stream is not None:
            asked = {each.service for each in members}
            members = [each for each in sight.members if each.service in asked]
        judged = judge.judge(
            given,
            typed,
            sight,
            members,
            period=((self._start, self._end),),
            decided=decided,
            tz=self._ask.zone.tz(),
            told=self._seen if stream is not None and stream.counted else None,
            rulings=self._leaves.decisions,
            tickets=self._leaves.tickets,
        )
        name = f"{item.id}/{given.id}"
        before = sealed.breaches_before(self._leaves, name, period.start_ms, self._ask.zone.tz())
        by_object = given.credits.per == "object"
        each_before = self._objects_before(name, given)
        objects = self._objects(judged, given, each_before)
        percent = Fraction(0)
        if by_object:
            percent = credit.owed_by_object([each[1:] for each in objects], given.credits)
        elif judged.outcome is judge.Outcome.MISSED and judged.whole.value is not None:
            percent = credit.owed_percent(judged.whole.value * 100, given.credits, breaches_before=before)
        self.verdicts.append(self._verdict(name, judged, given))
        content = {
            "objective": given.id,
            "title": given.title,
            "indicator": given.indicator,
            "target": given.target,
            "comparison": given.comparison,
            **_good(given, stream),
            "rules": codec.plain(given.rules),
            "credits": codec.plain(given.credits),
            "breaches_before": before,
            "credit_percent": numbers.text(percent),
            **({"objects": told.objects(objects)} if by_object else {}),
            **({"objects_before": told.objects_before(objects, each_before)} if each_before else {}),
            **told.judged(judged, counted=given.indicator in counts.INDICATORS),
            "exclusions": [told.claim(each) for each in decided],
        }
        return Found(given.id, typed, judged, percent, content)

    def _objects_before(self, name: str, given: Objective) -> Mapping[str, int]:
        """Return in how many months in a row before each service missed by itself; empty where nothing asks for it."""
        if not _escalates_by_object(given):
            return {}
        return sealed.objects_before(self._leaves, name, self._ask.period.start_ms, self._ask.zone.tz())

    def _objects(self, judged: Judged, given: Objective, before: Mapping[str, int]) -> list[tuple[str, int, Fraction]]:
        """Return (service, contracted ms, percent of its fee) of each service.

        Only one whose own value missed owes, and none where too much is unknown for a verdict on all of them.
        """
        made = []
        missed = set(_missed(judged))
        for line in judged.lines:
            owed, value = Fraction(0), line.value.ratio
            if line.service in missed and value is not None:
                owed = credit.object_percent(value * 100, given.credits, breaches_before=before.get(line.service, 0))
            made.append((line.service, line.contracted_ms, owed))
        return made

    def _verdict(self, name: str, judged: Judged, given: Objective) -> Verdict:
        whole = judged.whole
        return Verdict(
            version=self._contract.version,
            objective=name,
            start_ms=self._start,
            end_ms=self._end,
            outcome=judged.outcome.value,
            value="" if whole.value is None else numbers.text(whole.value),
            lower=numbers.text(whole.lower),
            upper=numbers.text(whole.upper),
            because=judged.because,
            missed=_missed(judged) if _escalates_by_object(given) else (),
        )


def _escalates_by_object(given: Objective) -> bool:
    return given.credits.per == "object" and given.credits.escalate_after > 0


def _missed(judged: Judged) -> tuple[str, ...]:
    """Return the services that missed by themselves; none where too much is unknown for a verdict on all of them."""
    if judged.outcome is judge.Outcome.NOT_DETERMINABLE:
        return ()
    return tuple(
        line.service for line in judged.lines if line.outcome is judge.Outcome.MISSED and line.value.ratio is not None
    )


def _good(given: Objective, stream: Stream | None) -> dict[str, str]:
    """Return what makes one good, of whatever the figure is a share of; nothing where that is a service's state."""
    if given.indicator in derived.OF_STATE:
        return {"good": f"{derived.OF_STATE[given.indicator]} {given.threshold}"}
    return {"good": stream.good} if stream is not None else {}
