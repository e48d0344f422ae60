"""What the pages show beside the report: each day of the period by bucket, and excused time by who allowed it.

`report.json` sums a period; a reader asks which day it was, and under whose name time was taken out. Both are cut here
out of the same intervals that the judge summed, so the days of an objective add up to its tally to the millisecond.
Pure; the bytes become the bundle's member `days.json`. Nothing is owed by a figure of this file.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from dataclasses import dataclass, fields
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from netops.access import approvals
from netops.clock import utc
from netops.evidence import canonical
from netops.report import build
from netops.report import leaves as sealed
from netops.report.parts import Sight
from netops.sla import aggregate, availability, calendar, exclusions, judge, ruled, rules, streams
from netops.sla.availability import DegradedMode, Tally
from netops.sla.intervals import State, Taken, clip, intersect, subtract, total, union, within

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from zoneinfo import ZoneInfo

    from inventory.model import Contract, Objective, ServiceItem
    from netops.report.build import Ask
    from netops.report.leaves import Leaves
    from netops.sla.exclusions import Decided
    from netops.sla.intervals import Interval, Spans
    from netops.sla.month import Member, Month
    from netops.sla.rules import Typed

FORMAT = "netops-days/1"
BUCKETS = tuple(each.name for each in fields(Tally))
DAYS = ("day", *(f"{name}_ms" for name in BUCKETS))
EXCUSED = ("claim", "cause", "asked_ms", "up_ms", "down_ms", "unknown_ms")


def made(ask: Ask, leaves: Leaves) -> bytes:
    """Return the canonical bytes: per version, item and objective its days and its excused time, and the decisions."""
    sight = _Sight(ask, leaves)
    parts = [
        {
            "version": contract.version,
            "items": [_item(sight, contract, item, (start, end)) for item in contract.items],
        }
        for contract, start, end in build.versions(ask.contracts, ask.period)
    ]
    return canonical.dumps({"format": FORMAT, "parts": parts, "decisions": decisions(leaves)})


def decisions(leaves: Leaves) -> dict[str, dict[str, Any]]:
    """Return who decided on each claim, with the leaf that says so; only those that `approvals.fold` lets count."""
    claims = {each.body["claim"] for each in leaves.of("exclusion_claim")}
    found: dict[str, dict[str, Any]] = {}
    for name, state in leaves.requests.items():
        if state.decision is None or name not in claims:
            continue
        of_it = (each for each in leaves.about(name) if each.kind == "approval_decision")
        leaf = next(each for each in of_it if approvals.decision(each.fact) == state.decision)
        found[name] = {
            "state": state.state,
            "by": state.decision.by,
            "role": state.decision.role,
            "leaf": leaf.index,
            "at_ms": leaf.known_ms,
        }
    return found


def midnights(start_ms: int, end_ms: int, tz: ZoneInfo) -> list[int]:
    """Return the edges of the calendar days of `[start_ms, end_ms)`: the start, each midnight in it, the end."""
    edges, at = [start_ms], utc(start_ms).astimezone(tz).date()
    while edges[-1] < end_ms:
        at += timedelta(days=1)
        edges.append(min(calendar.midnight(at.year, at.month, at.day, tz), end_ms))
    return edges


class _Sight(Sight):
    """The months as the judge opens them, with the claims as each item's classes decide them, and the days' edges."""

    def __init__(self, ask: Ask, leaves: Leaves) -> None:
        super().__init__(leaves, ask.period.start_ms, ask.period.end_ms)
        self.ask, self.leaves = ask, leaves
        self.tz = ask.zone.tz()
        self.edges = midnights(ask.period.start_ms, ask.period.end_ms, self.tz)

    def decided(self, typed: Typed) -> list[Decided]:
        period = ((self.ask.period.start_ms, self.ask.period.end_ms),)
        return exclusions.decide(sealed.claims(self.leaves, typed.classes), typed.classes, period)


def _item(sight: _Sight, contract: Contract, item: ServiceItem, span: tuple[int, int]) -> dict[str, Any]:
    return {
        "item": item.id,
        "objectives": [_objective(sight, contract, item, each, span) for each in item.objectives],
    }


def _objective(
    sight: _Sight, contract: Contract, item: ServiceItem, given: Objective, span: tuple[int, int]
) -> dict[str, Any]:
    typed = rules.objective(contract, item, given)
    stream = streams.stream(given)
    seen = sight.of(stream.name if stream is not None else "")
    told = sight.of("") if stream is not None and stream.counted else None
    asked = {each.service for each in sight.of("").members if each.item == item.id}
    members = [each for each in seen.members if each.service in asked and intersect((span,), each.contracted)]
    decided = sight.decided(typed)
    histories = list(_histories(sight, typed, seen, members, decided, span=span, told=told))
    cut = [at for at in sight.edges if span[0] < at < span[1]]
    edges = [span[0], *cut, span[1]]
    if typed.aggregation in judge.UNITS:
        days = _days_of_unit(histories, edges, typed)
    else:
        days = _days(histories, edges, typed)
    return {
        "objective": given.id,
        "days": {
            "columns": list(DAYS),
            "rows": [
                [utc(at).astimezone(sight.tz).date().isoformat(), *(getattr(sums, name) for name in BUCKETS)]
                for at, sums in zip(edges, days, strict=False)
            ],
        },
        "excused": {"columns": list(EXCUSED), "rows": _excused(histories, typed, decided)},
    }


@dataclass(slots=True)
class _History:
    """One history under one objective: its intervals, judged and excused time, and the services that share it."""

    intervals: Sequence[Interval]
    judged: Spans
    excluded: Spans
    services: list[str]


def _histories(
    sight: _Sight,
    typed: Typed,
    seen: Month,
    members: Sequence[Member],
    decided: Sequence[Decided],
    *,
    span: tuple[int, int],
    told: Month | None,
) -> Iterator[_History]:
    hours = judge.service_hours(typed, (span,), sight.tz)
    excused = exclusions.spans_by_service(decided, (each.service for each in members))
    for_all = excused.get(exclusions.ALL, ())
    opened = judge.Seen(seen, typed)
    done: dict[object, _History] = {}
    for each in members:
        own = excused.get(each.service)
        mine = ruled.of(sight.leaves.decisions, each.service)
        reports = judge.clocks(sight.leaves.tickets, each.service, typed)
        # without what all share: it would be hashed for each of them
        key = (each.history, each.contracted, own, mine, reports)
        if key not in done:
            out = union(for_all, own) if own else for_all
            judged = availability.contracted((span,), valid=each.contracted, service_hours=hours)
            if told is not None:
                judged = intersect(judged, seen.covered(each.history))
            share = judge.contracted_share(seen, (span,), each.contracted)
            cut = judge.counted(opened.intervals(each.history, mine), judged, out, typed, share, tickets=reports)
            done[key] = _History(cut.intervals, cut.judged, out, [])
        done[key].services.append(each.service)
    yield from done.values()


def _days(histories: Sequence[_History], edges: Sequence[int], typed: Typed) -> list[Tally]:
    """Return the tally of each day, all services summed."""
    sums = [dict.fromkeys(BUCKETS, 0) for _ in pairwise(edges)]
    for each in histories:
        count = len(each.services)
        for bucket, start, end in _buckets(each, typed):
            at = start
            day = bisect_right(edges, at) - 1
            while at < end:
                until = min(end, edges[day + 1])
                sums[day][bucket] += (until - at) * count
                at, day = until, day + 1
    return [Tally(**each) for each in sums]


def _buckets(each: _History, typed: Typed) -> Iterator[tuple[str, int, int]]:
    """Yield `(bucket, start, end)` of the judged time, as `availability.tally` sums it."""
    covered = intersect(each.judged, each.excluded) if each.excluded else ()
    excused = typed.excused
    for interval, start, end in clip(each.intervals, subtract(each.judged, covered) if covered else each.judged):
        bucket = _bucket(interval.state, typed)
        yield (f"excluded_{bucket}" if bucket == "down" and interval.cause in excused else bucket), start, end
    for interval, start, end in clip(each.intervals, covered):
        yield f"excluded_{_bucket(interval.state, typed)}", start, end


def _bucket(state: State, typed: Typed) -> str:
    if state is State.DEGRADED:
        return "down" if typed.modes.degraded is DegradedMode.AS_DOWN else "up"
    return {State.UP: "up", State.DOWN: "down", State.UNKNOWN: "unknown"}[state]


def _days_of_unit(histories: Sequence[_History], edges: Sequence[int], typed: Typed) -> list[Tally]:
    """Return the tally of each day of the unit that the services form (`any_down`, `all_down`)."""
    return [
        aggregate.united(
            [
                aggregate.Object(
                    intervals=each.intervals, judged=intersect(each.judged, (day,)), excluded=each.excluded
                )
                for each in histories
            ],
            aggregation=typed.aggregation,
            excused=typed.excused,
            degraded=typed.modes.degraded,
        )
        for day in pairwise(edges)
    ]


def _excused(histories: Sequence[_History], typed: Typed, decided: Sequence[Decided]) -> list[list[str | int]]:
    """Return the rows of excused service time: by claim, then by cause that needs no claim.

    Time that two claims in force cover stands under the first, so rows add up. `asked_ms` is all judged time that a
    claim names, whatever became of it. The sums are of services, also where the objective judges them as one unit.
    """
    claims: dict[str, dict[str, int]] = {each.claim.id: dict.fromkeys(EXCUSED[2:], 0) for each in decided}
    causes: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(EXCUSED[2:], 0))
    named: dict[str, list[int]] = defaultdict(list)
    for number, each in enumerate(decided):
        for service in each.claim.services or (exclusions.ALL,):
            named[service].append(number)
    for_all = tuple(named.pop(exclusions.ALL, ()))
    for history in histories:
        groups: dict[tuple[int, ...], int] = defaultdict(int)
        for service in history.services:
            groups[tuple(named.get(service, ()))] += 1
        for own, count in groups.items():
            numbers = sorted({*own, *for_all})
            _by_claim(history, typed, [decided[number] for number in numbers], claims, count)
        for interval, start, end in clip(history.intervals, subtract(history.judged, history.excluded)):
            if _bucket(interval.state, typed) == "down" and interval.cause in typed.excused:
                causes[interval.cause.value]["down_ms"] += (end - start) * len(history.services)
    rows: list[list[str | int]] = [[claim, "", *sums.values()] for claim, sums in claims.items()]
    rows.extend(["", cause, *causes[cause].values()] for cause in sorted(causes))
    return rows


def _by_claim(
    history: _History,
    typed: Typed,
    decided: Sequence[Decided],
    claims: Mapping[str, dict[str, int]],
    count: int,
) -> None:
    taken = Taken()
    begins = [interval.start_ms for interval in history.intervals]
    for each in decided:
        window = within(history.judged, each.claim.start_ms, each.claim.end_ms)
        sums = claims[each.claim.id]
        sums["asked_ms"] += total(window) * count
        if each.counts and window:
            low, high = bisect_right(begins, window[0][0]) - 1, bisect_left(begins, window[-1][1])
            for interval, start, end in clip(history.intervals[max(low, 0) : high], taken.free(window)):
                sums[f"{_bucket(interval.state, typed)}_ms"] += (end - start) * count
            taken.add(window)
