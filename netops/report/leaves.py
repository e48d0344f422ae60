"""The sealed leaves that a report rests on, read as what they mean to it. Pure.

A leaf counts by when we recorded it, never by when it says it was written: a claim's notice runs from the record. In a
rehearsal, whose month before is told afterwards, the fact's own time stands for it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from netops.access import approvals
from netops.clock import utc
from netops.dispute import states
from netops.dispute.lateness import Lateness
from netops.dispute.terms import of_texts
from netops.evidence import canonical, receipt
from netops.facts import Fact
from netops.report import corrected, decided
from netops.sla import calendar, hours, ruled, tickets
from netops.sla.exclusions import Claim

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from zoneinfo import ZoneInfo

    from inventory.model import Contract, ExclusionClass
    from netops.access.approvals import Approval
    from netops.coverage.ground import Out
    from netops.dispute.terms import Terms
    from netops.sla.ruled import Decision
    from netops.sla.tickets import Ticket

TERMS = approvals.ACTIONS["exclusion"].fields
MINUTE_MS = 60_000
STEPS = frozenset({*states.KINDS, *states.AROUND, receipt.RECEIVED})
ASIDE = (
    "listening_break",
    receipt.RECEIVED,
    "party_key",
    "rebuttal",
    "report_accepted",
    "report_final",
    "report_settled",
)  # of the dispute: no report rests on them
NOT_WELL = {"clock_state": "synchronised", "monitor_health": "ok"}  # kind → the state that needs no line


@dataclass(frozen=True, slots=True)
class Sealed:
    """One leaf: its index, its canonical bytes, and the bytes read."""

    index: int
    data: bytes
    leaf: Mapping[str, Any]

    @classmethod
    def read(cls, index: int, data: bytes) -> Sealed:
        """Read a leaf's bytes."""
        return cls(index, data, canonical.loads(data))

    @property
    def kind(self) -> str:
        """The fact's kind."""
        return str(self.leaf["fact"]["kind"])

    @property
    def body(self) -> Mapping[str, Any]:
        """The fact's fields."""
        found: Mapping[str, Any] = self.leaf["fact"]["body"]
        return found

    @property
    def fact(self) -> Fact:
        """The fact as it was stated."""
        return Fact(**self.leaf["fact"])

    @property
    def known_ms(self) -> int:
        """When the fact counts as known to us."""
        return int(self.leaf["fact"]["at_ms"] if self.leaf["rehearsal"] else self.leaf["recorded_ms"])


@dataclass(frozen=True)
class Leaves:
    """All leaves of a report, in the order of the ledger. Who asks for a kind or a name finds it without a search.

    `steps` are those of the contract's whole dispute and of its texts: most stand apart, and say what an objection or a
    ruling is worth. `void` are the indexes of those that count for nothing: the tables of the dispute refuse them, or
    they came `late`, by the terms of the contract's `texts` (by digest).
    """

    all: tuple[Sealed, ...]
    steps: tuple[Sealed, ...] = ()
    void: frozenset[int] = frozenset()
    late: frozenset[int] = frozenset()
    texts: Mapping[str, Terms] = field(default_factory=dict)

    def timely(self, contracts: Iterable[Contract]) -> Leaves:
        """Return the leaves with the carrier's late words among what counts for nothing, by all texts there ever were.

        In a rehearsal, whose past is told afterwards, nobody is late.
        """
        known = {} if any(each.leaf["rehearsal"] for each in self.steps[:1]) else of_texts(contracts)
        steps = ((each.index, each.fact, each.known_ms) for each in self.steps)
        void = states.without_effect(steps, Lateness(known))
        late = frozenset(index for index, why in void.items() if why == states.LATE)
        return replace(self, void=frozenset(void), late=late, texts=known)

    @property
    def cases(self) -> states.Cases:
        """What the steps of the dispute amount to."""
        return states.fold(((each.fact, each.known_ms) for each in self.steps), lateness=Lateness(self.texts))

    def only(self, kept: Callable[[Sealed], bool]) -> Leaves:
        """Return the leaves of which something holds; what a ruling is worth does not depend on which are asked for."""
        return replace(self, all=tuple(filter(kept, self.all)))

    def of(self, *kinds: str) -> list[Sealed]:
        """Return the leaves of some kinds, in order."""
        found = [each for kind in kinds for each in self._kinds.get(kind, ())]
        return found if len(kinds) == 1 else sorted(found, key=lambda each: each.index)

    def about(self, name: str) -> list[Sealed]:
        """Return the requests and decisions under a name, in order."""
        return self._asked.get(name, [])

    @cached_property
    def requests(self) -> Mapping[str, Approval]:
        """What became of each request, by `approvals.fold`."""
        return approvals.fold((each.fact, True) for each in self.of("approval_request", "approval_decision"))

    def objections(self, target: str) -> list[Sealed]:
        """Return the objections to a claim or a report that the tables of the dispute allow, in order."""
        return self._objections.get(target, [])

    def rulings(self, objections: Iterable[str]) -> list[Sealed]:
        """Return the rulings on some objections that the tables of the dispute allow, in order."""
        return sorted((r for name in objections for r in self._rulings.get(name, ())), key=lambda each: each.index)

    @cached_property
    def decisions(self) -> tuple[Decision, ...]:
        """What rulings decide of intervals, in the order of the ledger."""
        return decided.decisions(self)

    @cached_property
    def tickets(self) -> Mapping[str, tuple[Ticket, ...]]:
        """The tickets that count, by service."""
        steps = ((each.known_ms, each.body) for each in self.of(tickets.KIND))
        return tickets.by_service(tickets.read(steps).values())

    @cached_property
    def outs(self) -> tuple[tuple[decided.Case, Out], ...]:
        """What rulings take out of surveys, each with the case that it was said in."""
        return decided.taken_out(self)

    @cached_property
    def _kinds(self) -> Mapping[str, list[Sealed]]:
        return _by(self.all, lambda each: each.kind)

    @cached_property
    def _asked(self) -> Mapping[str, list[Sealed]]:
        return _by(self.of("approval_request", "approval_decision"), lambda each: str(each.body["request"]))

    @cached_property
    def _objections(self) -> Mapping[str, list[Sealed]]:
        allowed = (each for each in self.of("objection") if each.index not in self.void)
        return _by(allowed, lambda each: str(each.body["target"]))

    @cached_property
    def _rulings(self) -> Mapping[str, list[Sealed]]:
        allowed = (each for each in self.of("ruling") if each.index not in self.void)
        return _by(allowed, lambda each: str(each.body["objection"]))

    @property
    def digest(self) -> str:
        """SHA-256 over the SHA-256 of each leaf's bytes: names exactly these inputs in this order."""
        return canonical.digest(b"".join(sha256(each.data).digest() for each in self.all))


def _by(given: Iterable[Sealed], name: Callable[[Sealed], str]) -> dict[str, list[Sealed]]:
    made: dict[str, list[Sealed]] = {}
    for each in given:
        made.setdefault(name(each), []).append(each)
    return made


def opened(leaves: Leaves) -> tuple[dict[str, list[hours.Hour]], dict[str, hours.Roster]]:
    """Return the hours of each stream (of the services' state under the empty name) and the rosters."""
    found = hours.read_streams(each.body for each in corrected.standing(leaves))
    return found, hours.read_rosters(each.body for each in leaves.of(hours.ROSTER))


def claims(leaves: Leaves, classes: Mapping[str, ExclusionClass]) -> list[Claim]:
    """Return the exclusion claims, each by its first leaf: a later one under the same name changes nothing.

    Behind them stand the rulings on a cause that stand for claims.
    """
    made: dict[str, Claim] = {}
    for each in leaves.of("exclusion_claim"):
        body = each.body
        if body["claim"] not in made:
            made[body["claim"]] = Claim(
                id=body["claim"],
                class_id=body["class"],
                start_ms=body["start_ms"],
                end_ms=body["end_ms"],
                noticed_ms=each.known_ms,
                services=tuple(body["services"]),
                reason=body["reason"],
                by=body["by"],
                approved=_approved(leaves, body, classes),
                given_ms=_upheld(leaves, body, "claim_refused"),
                taken_ms=_upheld(leaves, body, "claim_granted"),
            )
    return [*made.values(), *ruled.claims(leaves.decisions, classes)]


def _approved(leaves: Leaves, claim: Mapping[str, Any], classes: Mapping[str, ExclusionClass]) -> bool:
    """Whether two persons allowed exactly this claim, by `approvals.fold`, in the role that the contract's class names.

    `fold` knows who may ask and decide, the order in the ledger, and which decision counts. Who filed the claim does
    not decide on it either, whoever asked in his place.
    """
    kind = classes.get(claim["class"])
    held = leaves.requests.get(claim["claim"])
    if kind is None or held is None or held.decision is None:
        return False
    asked = held.request.action == "exclusion" and held.request.terms == {key: claim[key] for key in TERMS}
    decided = held.decision.role == kind.approver and held.decision.by != claim["by"]
    return asked and decided and held.state == approvals.APPROVED


def _upheld(leaves: Leaves, claim: Mapping[str, Any], code: str) -> int | None:
    """Return for how much of a claim's beginning an objection with this code was upheld, 0: all; None: for nothing.

    By somebody else than who objected, and as the tables of the dispute allow: nothing that they refuse counts. One
    that was upheld wholly decides, else the first that was for some minutes.
    """
    told = [each.body for each in leaves.objections(claim["claim"])]
    objectors = {each["objection"]: each["by"] for each in told if each["code"] == code}
    rulings = [each.body for each in leaves.rulings(objectors)]
    others = [each for each in rulings if each["by"] != objectors.get(each["objection"], each["by"])]
    parts = [each["minutes"] * MINUTE_MS for each in others if each["outcome"] == "partly_upheld" and "minutes" in each]
    part_ms = next((part for part in parts if part), None)
    if any(each["outcome"] == "upheld" for each in others):
        return 0
    return 0 if part_ms and 0 < claim["end_ms"] - claim["start_ms"] <= part_ms else part_ms


def breaches_before(leaves: Leaves, objective: str, start_ms: int, tz: ZoneInfo) -> int:
    """Return how many calendar months in a row before `start_ms` missed the objective.

    A month is breached when any part of it was missed, and is one breach however many amendments split it. What counts
    of it is the report sealed last over it (a revision replaces): its verdicts share one digest of inputs.
    """
    count = 0
    for standing in _months_before(leaves, start_ms, tz):
        if not any(each["objective"] == objective and each["outcome"] == "missed" for each in standing):
            break
        count += 1
    return count


def objects_before(leaves: Leaves, objective: str, start_ms: int, tz: ZoneInfo) -> Counter[str]:
    """Return how many calendar months in a row before `start_ms` each service missed the objective by itself."""
    made: Counter[str] = Counter()
    still: set[str] | None = None
    for standing in _months_before(leaves, start_ms, tz):
        told = [each.get("services_missed", ()) for each in standing if each["objective"] == objective]
        missed = {service for services in told for service in services}
        still = missed if still is None else still & missed
        if not still:
            break
        made.update(still)
    return made


def _months_before(leaves: Leaves, start_ms: int, tz: ZoneInfo) -> Iterator[list[Mapping[str, Any]]]:
    """Yield the verdicts that stand on each month before, the nearest first, for as long as there are any."""
    verdicts = [each.body for each in leaves.of("verdict")]
    at = start_ms
    while True:
        first, last = calendar.month(f"{utc(at - 1).astimezone(tz):%Y-%m}", tz)
        inside = [each for each in verdicts if first <= each["start_ms"] and each["end_ms"] <= last]
        if not inside:
            return
        yield [each for each in inside if each["inputs_digest"] == inside[-1]["inputs_digest"]]
        at = first


def health(leaves: Leaves) -> dict[str, dict[str, int]]:
    """Return how often each kind of trouble of our own clocks and monitors was stated."""
    return {kind: dict(sorted(Counter(each.body["state"] for each in leaves.of(kind)).items())) for kind in NOT_WELL}


def recorded(leaves: Leaves, version: str) -> list[Sealed]:
    """Return the leaves that state a contract version, first to last: more than one text under one version is told."""
    return [each for each in leaves.of("contract_version") if each.body["version"] == version]


def selected(
    found: Iterable[Sealed],
    *,
    contract: str,
    start_ms: int,
    end_ms: int,
    rosters: Sequence[str] = (),
    surveyed: Collection[tuple[str, str]] = (),
) -> Leaves:
    """Return the leaves, out of the candidates, that a report on the contract and period rests on, by index.

    `rosters` are the digests that its hours name, `surveyed` the carriers and technologies whose coverage it judges.
    """
    candidates = {each.index: each for each in found}
    claimed = {
        each.body["claim"]
        for each in candidates.values()
        if each.kind == "exclusion_claim" and _touches(each.body, contract, start_ms, end_ms)
    }
    reports = {
        each.body["report"]
        for each in candidates.values()
        if each.kind == "report_issued" and _is_on(each.body, contract, start_ms, end_ms)
    }
    objections = {
        each.body["objection"]
        for each in candidates.values()
        if each.kind == "objection" and (each.body["target"] in claimed or each.body["report"] in reports)
    }
    seen = {
        index
        for index, each in candidates.items()
        if each.kind == hours.KIND and _is_within(each.body, contract, start_ms, end_ms)
    }

    corrections = {
        index for index, each in candidates.items() if each.kind == "correction" and each.body["corrects"] in seen
    }

    def wanted(each: Sealed) -> bool:
        body = each.body
        match each.kind:
            case "availability_hour":
                return each.index in seen
            case "correction":
                return body["corrects"] in seen
            case "late_samples":
                return _is_within(body, contract, start_ms, end_ms)
            case "correction_refused":
                return body["correction"] in corrections
            case "availability_roster":
                return bool(body["contract"] == contract and body["roster"] in rosters)
            case "contract_version":
                return bool(body["contract"] == contract)
            case "ticket_step":
                return bool(body["contract"] == contract and each.leaf["fact"]["at_ms"] < end_ms)
            case "exclusion_claim":
                return body["claim"] in claimed
            case "approval_request" | "approval_decision":
                return body["request"] in claimed
            case "objection" | "ruling":
                return body["objection"] in objections
            case "verdict":
                return bool(body["contract"] == contract and body["end_ms"] <= start_ms)
            case "report_issued":
                return _is_on(body, contract, start_ms, end_ms)
            case "coverage_areas":
                return bool(surveyed)
            case "survey_import":
                return (body["carrier"], body["technology"]) in surveyed and bool(body["first_ms"] < end_ms)
            case "clock_state" | "monitor_health":
                at_ms = int(each.leaf["fact"]["at_ms"])
                return body["state"] != NOT_WELL[each.kind] and start_ms <= at_ms < end_ms
            case "witness_policy":
                return True
            case _:
                return False

    ordered = [candidates[index] for index in sorted(candidates)]
    steps = tuple(each for each in ordered if each.kind in STEPS)
    void = states.passed_over((each.index, each.fact, each.known_ms) for each in steps)
    return Leaves(tuple(filter(wanted, ordered)), steps, void)


def _is_within(body: Mapping[str, Any], contract: str, start_ms: int, end_ms: int) -> bool:
    """Whether an hour is one of the contract and the period."""
    return bool(body["contract"] == contract and start_ms <= body["start_ms"] < end_ms)


def _is_on(body: Mapping[str, Any], contract: str, start_ms: int, end_ms: int) -> bool:
    """Whether an issued report is on exactly this contract and period."""
    return bool(body["contract"] == contract and (body["start_ms"], body["end_ms"]) == (start_ms, end_ms))


def _touches(body: Mapping[str, Any], contract: str, start_ms: int, end_ms: int) -> bool:
    """Also an empty window: it is kept and flagged like any other claim without effect."""
    end = max(int(body["end_ms"]), int(body["start_ms"]) + 1)
    return bool(body["contract"] == contract and body["start_ms"] < end_ms and end > start_ms)


KINDS = (
    "availability_hour",
    "availability_roster",
    "correction",
    "correction_refused",
    "late_samples",
    "contract_version",
    "exclusion_claim",
    "approval_request",
    "approval_decision",
    "objection",
    "ruling",
    "verdict",
    "report_issued",
    "clock_state",
    "monitor_health",
    "witness_policy",
    *ASIDE,
    "coverage_areas",
    "survey_import",
    tickets.KIND,
)
