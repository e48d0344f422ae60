"""Judge a contract over any interval: what a report would say if its period were that one. Pure.

Nothing is owed for an interval: money is of calendar months.

Hours are sealed whole. An interval whose edge cuts one takes of it what lies inside: a slot's state holds for the whole
slot, so time can be cut anywhere, and the answer names the slots that were cut, since where in them a change fell is
not sealed. Counts of a cut slot cannot be told apart: what is promised one by one is then not determinable. The rules
that look at neighbours (edges, the minimum outage, slices) see the whole hours that the interval touches, no further.
Exclusions are decided over calendar months, as a report decides them: their caps are a month's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from inventory import times
from netops.clock import utc
from netops.errors import UsageError
from netops.evidence import canonical
from netops.report import build, counts, covered, told
from netops.report import leaves as sealed
from netops.report.parts import Sight
from netops.sla import calendar, derived, exclusions, judge, rules, streams
from netops.sla.hours import HOUR_MS
from netops.sla.intervals import intersect

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from zoneinfo import ZoneInfo

    from inventory.model import Contract, Objective, ServiceItem
    from netops.report.covered import Found
    from netops.report.leaves import Leaves
    from netops.sla.exclusions import Decided
    from netops.sla.hours import Hour
    from netops.sla.judge import Judged
    from netops.sla.month import Member
    from netops.sla.rules import Typed

CUT = "an edge of the interval cuts a slot, and its counts cannot be told apart"
MONTHLY = "this indicator is judged over calendar months alone: `netops report build`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One objective over a version's part of the interval; `judged` is None where `because` says why it cannot be."""

    version: str
    start_ms: int
    end_ms: int
    item: ServiceItem
    objective: Objective
    typed: Typed
    members: Sequence[Member]
    judged: Judged | None
    decided: Sequence[Decided]
    because: str = ""

    @property
    def name(self) -> str:
        """`item/objective`, as a verdict names it."""
        return f"{self.item.id}/{self.objective.id}"

    @property
    def outcome(self) -> judge.Outcome:
        """What is to be said of it."""
        return judge.Outcome.NOT_DETERMINABLE if self.judged is None else self.judged.outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was judged over `[start_ms, end_ms)`; `cut` are the slots that an edge cuts, as `(edge, start, end)`."""

    contract: str
    start_ms: int
    end_ms: int
    lines: tuple[Line, ...]
    hours: int
    missing: int
    cut: tuple[tuple[int, int, int], ...]
    coverage: tuple[tuple[str, Found], ...] = ()

    @property
    def breached(self) -> bool:
        """Whether any objective was missed."""
        outcomes = [each.outcome for each in self.lines] + [found.coverage.whole.outcome for _, found in self.coverage]
        return any(each == judge.Outcome.MISSED for each in outcomes)


def around(start_ms: int, end_ms: int, tz: ZoneInfo) -> tuple[int, int]:
    """Return the whole hours and calendar months that the interval touches: what must be read to judge it.

    UsageError for an empty or negative interval.
    """
    if end_ms <= start_ms:
        raise UsageError(
            f"interval [{times.shown(start_ms, tz)}, {times.shown(end_ms, tz)}) is empty or negative;"
            " expected its end after its start"
        )
    months = list(_months(start_ms, end_ms, tz))
    hours = start_ms // HOUR_MS * HOUR_MS, -(-end_ms // HOUR_MS) * HOUR_MS
    return min(months[0][0], hours[0]), max(months[-1][1], hours[1])


def ask(contracts: Sequence[Contract], leaves: Leaves, *, start_ms: int, end_ms: int, tz: ZoneInfo) -> Answer:
    """Judge every objective of the versions that rule in the interval, from the leaves of all that is `around` it.

    UsageError when no version rules in it, or no hour of it is sealed.
    """
    around(start_ms, end_ms, tz)
    leaves = leaves.timely(contracts)
    name = f"[{times.shown(start_ms, tz)}, {times.shown(end_ms, tz)})"
    period = build.Period(name=name, start_ms=start_ms, end_ms=end_ms)
    ruling = build.versions(contracts, period)
    for each, _, _ in ruling:
        _held(each, leaves)
    low, high = start_ms // HOUR_MS * HOUR_MS, -(-end_ms // HOUR_MS) * HOUR_MS
    sight = Sight(_within(leaves, low, high), low, high)
    state = sight.of("")
    if not state.hours:
        raise UsageError(
            f"contract {ruling[-1][0].id}: no hour of {period.name} is sealed; expected an interval that was watched "
            "(the core seals hours as they pass)"
        )
    build.bounded([each for each, _, _ in ruling], sight)
    made = _Judge(leaves, sight, tz)
    lines = [
        made.line(contract, item, objective, start, end)
        for contract, start, end in ruling
        for item in contract.items
        for objective in item.objectives
    ]
    return Answer(
        contract=ruling[-1][0].id,
        start_ms=start_ms,
        end_ms=end_ms,
        lines=tuple(lines),
        hours=len(state.hours),
        missing=state.missing,
        cut=tuple(_cut(state.hours, start_ms, end_ms)),
        coverage=tuple(_coverage(ruling, leaves, (start_ms, end_ms))),
    )


def _coverage(
    ruling: Sequence[tuple[Contract, int, int]], leaves: Leaves, span: tuple[int, int]
) -> Iterator[tuple[str, Found]]:
    """Yield each version's promises of coverage, as they stand at the end of its part."""
    surveyed = covered.Surveyed(leaves, (ruling[-1][0].id, *span))
    for contract, _, end_ms in ruling:
        for item in contract.items:
            for given in item.coverage:
                yield contract.version, covered.find(contract, item, given, surveyed, at_ms=end_ms)


def plain_coverage(version: str, found: Found) -> dict[str, Any]:
    """Return a promise of coverage as JSON tells it, in the words of a report, without money."""
    told = {name: each for name, each in found.told.items() if name not in {"credit_percent", "breaches_before"}}
    return {"item": found.name.partition("/")[0], "version": version, **told}


def plain(line: Line) -> dict[str, Any]:
    """Return an objective as JSON tells it, in the words of a report."""
    head = {
        "item": line.item.id,
        "objective": line.objective.id,
        "indicator": line.objective.indicator,
        "target": line.objective.target,
        "comparison": line.objective.comparison,
        "version": line.version,
        "start_ms": line.start_ms,
        "end_ms": line.end_ms,
    }
    if line.judged is None:
        return {**head, "verdict": line.outcome.value, "because": line.because}
    return {
        **head,
        **told.judged(line.judged, counted=line.objective.indicator in counts.INDICATORS),
        "exclusions": [told.claim(each) for each in line.decided],
    }


class _Judge:
    """One objective after the other."""

    def __init__(self, leaves: Leaves, sight: Sight, tz: ZoneInfo) -> None:
        self._leaves, self._sight, self._tz = leaves, sight, tz

    def line(self, contract: Contract, item: ServiceItem, given: Objective, start_ms: int, end_ms: int) -> Line:
        typed = rules.objective(contract, item, given)
        stream = streams.stream(given)
        state = self._sight.of("")
        window = ((start_ms, end_ms),)
        members = [each for each in state.members if each.item == item.id and intersect(window, each.contracted)]
        because = ""
        if stream is None and given.indicator not in {streams.AVAILABILITY, *derived.OF_STATE}:
            because = MONTHLY
        elif stream is not None and stream.counted and any(at % (stream.every_s * 1000) for at in window[0]):
            because = CUT
        sight = state if stream is None else self._sight.of(stream.name)
        if stream is not None:
            asked = {each.service for each in members}
            members = [each for each in sight.members if each.service in asked]
        decided = self._decided(typed, start_ms, end_ms)
        judged = None
        if not because:
            counted = stream is not None and stream.counted
            judged = judge.judge(
                given,
                typed,
                sight,
                members,
                period=window,
                decided=decided,
                tz=self._tz,
                told=state if counted else None,
                rulings=self._leaves.decisions,
                tickets=self._leaves.tickets,
            )
        return Line(
            version=contract.version,
            start_ms=start_ms,
            end_ms=end_ms,
            item=item,
            objective=given,
            typed=typed,
            members=members,
            judged=judged,
            decided=decided,
            because=because,
        )

    def _decided(self, typed: Typed, start_ms: int, end_ms: int) -> list[Decided]:
        """Return the claims that touch the interval, decided by the month, and each cut to the month of its effect."""
        claims = sealed.claims(self._leaves, typed.classes)
        made = []
        for low, high in _months(start_ms, end_ms, self._tz):
            touching = [each for each in claims if each.start_ms < high and max(each.end_ms, each.start_ms + 1) > low]
            for each in exclusions.decide(touching, typed.classes, ((low, high),)):
                first, last = max(each.claim.start_ms, low), min(each.claim.end_ms, high)
                if first < end_ms and max(last, first + 1) > start_ms:
                    made.append(replace(each, claim=replace(each.claim, start_ms=first, end_ms=last)))
        return made


def _held(contract: Contract, leaves: Leaves) -> None:
    """Refuse a text of a version that the leaves do not name: what is judged by another contract proves nothing."""
    digest = canonical.digest(build.document(contract))
    if all(each.body["digest"] != digest for each in sealed.recorded(leaves, contract.version)):
        raise UsageError(
            f"contract {contract.id} version {contract.version}: no `contract_version` leaf names this text of it; "
            "expected the text that was sealed (the core states what the register holds)"
        )


def _within(leaves: Leaves, low_ms: int, high_ms: int) -> Leaves:
    def inside(each: sealed.Sealed) -> bool:
        return each.kind != "availability_hour" or bool(low_ms <= each.body["start_ms"] < high_ms)

    return leaves.only(inside)


def _months(start_ms: int, end_ms: int, tz: ZoneInfo) -> Iterator[tuple[int, int]]:
    at = start_ms
    while at < end_ms:
        found = calendar.month(f"{utc(at).astimezone(tz):%Y-%m}", tz)
        yield found
        at = found[1]


def _cut(hours: Sequence[Hour], *edges: int) -> Iterator[tuple[int, int, int]]:
    """Yield the slots of the services' state that an edge lies inside of."""
    for edge in edges:
        for hour in hours:
            if hour.start_ms <= edge < hour.start_ms + HOUR_MS and (edge - hour.start_ms) % hour.step_ms:
                slot = hour.start_ms + (edge - hour.start_ms) // hour.step_ms * hour.step_ms
                yield edge, slot, slot + hour.step_ms
