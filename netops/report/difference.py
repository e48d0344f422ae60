"""What a revision changed: which interval, by which fact, how much money (sla.md 2.13). Pure.

The replaced revision is judged anew from the leaves that it rested on: those before the leaf that sealed it. Then the
facts since are added, one matter after the other in the order of the ledger, and each answers for the money that moved
when it came. So the steps add up to the whole change exactly, whatever the facts do to one another.

`netops/evidence/difference_of.py` does the same in the other implementation.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from netops.errors import UsageError
from netops.evidence import bundle
from netops.report import leaves as sealed
from netops.sla.intervals import intersect, subtract, union

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from netops.report.leaves import Leaves, Sealed
    from netops.sla.intervals import Spans

Buckets = dict[str, "Spans"]  # of one service: the instants of each bucket
Cut = dict[tuple[str, str], dict[str, Buckets]]  # (item, objective) → service → buckets

STEPS = ("matter", "leaves", "before", "after", "change")
INTERVALS = ("item", "objective", "start_ms", "end_ms", "before", "after", "services", "leaves")
MOST_MATTERS, MOST_ROWS = 16, 1000
UNREAD = "a contract version that ruled then is not among the texts of this report"
NO_MATTER = frozenset(
    {"report_issued", "clock_state", "monitor_health", "witness_policy", "late_samples"}
)  # they move no figure
HOURS = frozenset({"availability_hour", "availability_roster"})
SURVEYS = frozenset({"coverage_areas", "survey_import"})
NOBODY = "not judged"


@dataclass(frozen=True, slots=True)
class Comes:
    """What some leaves come to: what is owed in sum, and the judged instants by bucket, cut when asked for."""

    total: str
    cut: Callable[[], Cut]


def tell(leaves: Leaves, now: Comes, judged: Callable[[Leaves], Comes]) -> dict[str, Any]:
    """Return the difference to the revision that was sealed last."""
    issued = leaves.of("report_issued")[-1]
    told: dict[str, Any] = {
        "revision": issued.body["revision"],
        "digest": issued.body["digest"],
        "leaf": issued.index,
        "because": "",
    }
    since = matters(leaves, issued.index)
    try:
        before = judged(_until(leaves, issued.index, ()))
        rows = list(
            _steps(since, before.total, now.total, lambda added: judged(_until(leaves, issued.index, added)).total)
        )
    except UsageError:
        return told | {"because": UNREAD}
    changed = list(moved(before.cut(), now.cut()))
    by_what = _by_what(changed[:MOST_ROWS], [each for _, found in since for each in found], leaves)
    return told | {
        "before": before.total,
        "after": now.total,
        "change": _less(now.total, before.total),
        "steps": {"columns": list(STEPS), "rows": rows},
        "intervals": {"columns": list(INTERVALS), "rows": list(by_what)},
        "intervals_more": max(len(changed) - MOST_ROWS, 0),
    }


def matters(leaves: Leaves, after: int) -> list[tuple[str, list[Sealed]]]:
    """Return the facts since a leaf by what they are about, in the order of their first leaf; the last holds the rest.

    A claim, its decision and the dispute over it are one matter; so are a correction and its hour, all late hours, and
    all contract versions.
    """
    claimed = {each.body["claim"] for each in leaves.of("exclusion_claim")}
    objections = {each.body["objection"]: each.body["target"] for each in leaves.of("objection")}
    targets = {name: target for name, target in objections.items() if target in claimed}
    found: dict[str, list[Sealed]] = {}
    for each in leaves.all:
        if each.index > after and each.kind not in NO_MATTER:
            found.setdefault(_matter(each, targets), []).append(each)
    listed = list(found.items())
    rest = [each for _, held in listed[MOST_MATTERS:] for each in held]
    return [*listed[:MOST_MATTERS], *([("the rest", rest)] if rest else [])]


def _matter(each: Sealed, targets: Mapping[str, str]) -> str:
    match each.kind:
        case "exclusion_claim":
            return f"claim {each.body['claim']}"
        case "approval_request" | "approval_decision":
            return f"claim {each.body['request']}"
        case "objection" | "ruling":
            name = each.body["objection"]
            return f"claim {targets[name]}" if name in targets else f"objection {name}"
        case "correction":
            return f"correction {each.index}"
        case "availability_hour" | "correction_refused" if "correction" in each.body:
            return f"correction {each.body['correction']}"
        case "availability_hour" | "availability_roster":
            return "late hours"
        case "coverage_areas" | "survey_import":
            return "surveys"
        case "ticket_step":
            return f"ticket {each.body['ticket']}"
        case kind:
            return kind


def hours(leaves: Leaves) -> list[int]:
    """Return the leaves of what was seen: where they are the same, so is what is opened of them."""
    return [each.index for each in leaves.all if each.kind in HOURS]


def _until(leaves: Leaves, index: int, added: Iterable[Sealed]) -> Leaves:
    more = {each.index for each in added}
    return leaves.only(lambda each: each.index < index or each.index in more)


def _steps(
    since: Sequence[tuple[str, list[Sealed]]], first: str, last: str, owed: Callable[[Sequence[Sealed]], str]
) -> Iterator[list[Any]]:
    at, added = first, list[sealed.Sealed]()
    for number, (name, found) in enumerate(since, 1):
        added += found
        after = last if number == len(since) else owed(added)
        yield [name, bundle.runs(each.index for each in found), at, after, _less(after, at)]
        at = after


def _less(after: str, before: str) -> str:
    return str(Decimal(after) - Decimal(before))


Changed = tuple[str, str, int, int, str, str, list[str]]  # item, objective, from, to, before, after, services


def moved(before: Cut, after: Cut) -> Iterator[Changed]:
    """Yield the instants that are in another bucket now, services with the same ones together."""
    for item, objective in sorted({*before, *after}):
        one, other = before.get((item, objective), {}), after.get((item, objective), {})
        found: dict[tuple[int, int, str, str], list[str]] = {}
        for service in sorted({*one, *other}):
            for row in _moved(one.get(service, {}), other.get(service, {})):
                found.setdefault(row, []).append(service)
        for (start, end, was, now), services in sorted(found.items()):
            yield item, objective, start, end, was, now, services


def _by_what(changed: Iterable[Changed], since: Sequence[Sealed], leaves: Leaves) -> Iterator[list[Any]]:
    """Yield each interval with the leaves that can have moved it; all of them where none names it."""
    claims = {each.body["claim"]: each.body for each in leaves.of("exclusion_claim")}
    targets = {each.body["objection"]: each.body["target"] for each in leaves.of("objection")}
    told: dict[About, list[int]] = {}  # a claim, its request and its decision are about the same
    for each in since:
        about = _about(each, claims, targets)
        if about is not None:
            told.setdefault(about, []).append(each.index)
    new = {each.index for each in since}
    for said in leaves.decisions:
        if said.leaf in new:
            named = frozenset({said.service} if said.service else ())
            told.setdefault((said.start_ms, said.end_ms, named), []).append(said.leaf)
    for row in changed:
        _, _, start, end, _, _, services = row
        by = [index for about, held in told.items() if _touches(about, start, end, services) for index in held]
        yield [*row, bundle.runs(by or [index for held in told.values() for index in held])]


def _moved(one: Buckets, other: Buckets) -> Iterator[tuple[int, int, str, str]]:
    if one == other:
        return
    ever, then = union(*one.values()), union(*other.values())
    olds = {**one, NOBODY: subtract(then, ever)}
    news = {**other, NOBODY: subtract(ever, then)}
    for was, spans in olds.items():
        for now, found in news.items():
            if was != now:
                for start, end in intersect(spans, found):
                    yield start, end, was, now


About = tuple[int, int, frozenset[str]]  # from, to, which services (none: all)


def _about(each: Sealed, claims: Mapping[str, Mapping[str, Any]], targets: Mapping[str, str]) -> About | None:
    """Return the time and the services that a fact can move; None for one that moves no instant."""
    body, everybody = each.body, frozenset[str]()
    match each.kind:
        case "exclusion_claim":
            name = body["claim"]
        case "approval_request" | "approval_decision":
            name = body["request"]
        case "objection" | "ruling":
            name = targets.get(body["objection"], "")
        case "availability_hour":
            return body["start_ms"], body["end_ms"], everybody
        case "contract_version":
            return body["valid_from_ms"], 2**53, everybody
        case _:
            return None
    claim = claims.get(name)
    if claim is None:
        return None
    services = frozenset(claim["services"])
    return claim["start_ms"], claim["end_ms"], everybody if "*" in services else services


def _touches(about: About, start: int, end: int, services: Sequence[str]) -> bool:
    first, last, named = about
    return first < end and start < last and (not named or not named.isdisjoint(services))
