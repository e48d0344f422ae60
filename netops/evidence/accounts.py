"""Whether anything was left out of a bundle: its leaves are counted against the tallies that the ledger sealed.

Part of the stand-alone verifier. The heads of the contract and of everybody are replayed from the leaves of the bundle,
through every tally around the period, to the one right before the report's seal (ADR 13). Then the leaves that the
report rests on are held against those that concern it, by rules written here a second time.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from netops.errors import EvidenceError
from netops.evidence import heads, merkle, tally
from netops.evidence.differences import loads
from netops.evidence.integrity import MAX_FAILURES, Failure
from netops.evidence.members import APART, HEADS, LEAVES, REPORT, TALLIES
from netops.evidence.tally import EVERYBODY, HOUR, SHARED, SIGHT, STANDING, Head

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from netops.evidence.lines import Span
    from netops.evidence.members import Bundle

ZERO = Head()


def verify_completeness(bundle: Bundle) -> list[Failure]:
    """Return every place at which something is missing from the bundle, or that the ledger never counted."""
    try:
        return list(_Counted(bundle).failures())
    except EvidenceError as error:
        place, _, what = str(error).partition(": ")
        return [Failure(place=place, what=what or str(error))]
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        return [Failure(place=HEADS, what=f"cannot be counted: {type(error).__name__} {error}")]


class _Counted:
    """One bundle, counted."""

    def __init__(self, bundle: Bundle) -> None:
        report = loads(bundle, REPORT)
        self.contract: str = report["contract"]
        items = [item for part in report["parts"] for item in part["items"]]
        self.surveyed = {(each["carrier"], each["technology"]) for item in items for each in item.get("coverage", ())}
        surveys = {tally.surveys(carrier) for carrier, _ in self.surveyed}
        self.period: Span = (report["period"]["start_ms"], report["period"]["end_ms"])
        self.seal = bundle.seal()[0]
        self.tallies = dict(bundle.leaves(TALLIES))
        self.used: set[int] = set()
        self.leaves: dict[int, tuple[bytes, dict[str, Any]]] = {}
        for name in (LEAVES, APART):
            for index, data in bundle.leaves(name):
                self.leaves[index] = data, json.loads(data)["fact"]
                if name == LEAVES:
                    self.used.add(index)
        self.heads = dict(heads.opened(bundle))
        wanted = {self.contract, EVERYBODY}
        if any(set(each) - surveys != wanted for each in self.heads.values()):
            raise EvidenceError(f"{HEADS}: expected the accounts of {self.contract} and of everybody")
        if not surveys <= set(self.heads[max(self.heads)]):  # earlier tallies may be from before that account
            raise EvidenceError(f"{HEADS}: expected the account of the carrier's surveys in the last tally")
        self.groups: dict[tuple[str, str], list[tuple[int, bytes, int]]] = {}
        for index in sorted(self.leaves):
            data, fact = self.leaves[index]
            if fact["kind"] in tally.KINDS:
                whose = self._whose(fact)
                row = (index, merkle.leaf_hash(data), tally.when(fact))
                self.groups.setdefault((whose, fact["kind"]), []).append(row)

    def _whose(self, fact: Mapping[str, Any]) -> str:
        if fact["kind"] == tally.SURVEY:
            return tally.surveys(fact["body"]["carrier"])
        return EVERYBODY if fact["kind"] in SIGHT | SHARED | {tally.AREAS} else self.contract

    def failures(self) -> Iterator[Failure]:
        yield from self._places()
        for kind in sorted(STANDING):
            yield from self._replayed(self.contract, kind, [])
        for kind in sorted(SHARED):
            yield from self._replayed(EVERYBODY, kind, [])
        for whose, kind in [(self.contract, HOUR), *((EVERYBODY, kind) for kind in sorted(SIGHT))]:
            yield from self._around(whose, kind)
        if self.surveyed:
            yield from self._replayed(EVERYBODY, tally.AREAS, [])
        for carrier in sorted({carrier for carrier, _ in self.surveyed}):
            yield from self._replayed(tally.surveys(carrier), tally.SURVEY, [])
        yield from self._relevant()

    # -- the tallies

    def _places(self) -> Iterator[Failure]:
        """Yield each tally that must stand somewhere and does not: one cannot be passed over."""
        rows = [self.groups[key][0][0] for key in self.groups if key[0] == self.contract and key[1] in STANDING]
        born = (
            min(rows, default=0) // tally.EVERY * tally.EVERY + tally.EVERY - 1
        )  # the first tally that can know the contract
        first = min((index for index in self.tallies if tally.due(index)), default=born)
        kinds = [(self.contract, HOUR), *((EVERYBODY, kind) for kind in sorted(SIGHT))]
        if any(self._head(first, *each).latest_ms >= self.period[0] for each in kinds):
            first = min(born, first)  # it counts the period already, so those before it must be here as well
        due = (self.seal - first) // tally.EVERY
        if due > len(self.tallies) + MAX_FAILURES:
            what = f"hold {len(self.tallies)} of the {due} that stand before leaf {self.seal}"
            yield Failure(place=TALLIES, what=what)
            return
        wanted = {*range(first, self.seal, tally.EVERY), self.seal - 1}
        if first >= self.seal > born:
            wanted.add(self.seal // tally.EVERY * tally.EVERY - 1)
        for index in sorted(wanted - set(self.heads)):
            yield Failure(
                place=f"{TALLIES}: leaf {index}", what="is missing; a tally stands at this place of the ledger"
            )
        for index in sorted(set(self.tallies) - wanted):
            yield Failure(place=f"{TALLIES}: leaf {index}", what="is no tally that was asked for")
        for index, data in self.tallies.items():
            if json.loads(data)["fact"]["kind"] != tally.KIND:
                yield Failure(place=f"{TALLIES}: leaf {index}", what=f"is no {tally.KIND}")

    def _head(self, index: int, whose: str, kind: str) -> Head:
        return self.heads[index].get(whose, {}).get(kind, ZERO) if index in self.heads else ZERO

    # -- the counts

    def _around(self, whose: str, kind: str) -> Iterator[Failure]:
        """Replay the leaves between the last tally before the period and the first one after all of it."""
        ordered = sorted(self.heads)
        before = [index for index in ordered if self._head(index, whose, kind).latest_ms < self.period[0]]
        start = before[-1] if before else -1
        late = self._head(ordered[-1], whose, kind).late
        over = [
            index
            for index in ordered
            if index > start
            and self._head(index, whose, kind).latest_ms >= self.period[1]
            and self._head(index, whose, kind).late == late
        ]
        yield from self._replayed(whose, kind, [start, over[0] if over else ordered[-1]])

    def _replayed(self, whose: str, kind: str, bounds: Sequence[int]) -> Iterator[Failure]:
        """Yield where the leaves of a kind part from what the tallies count; `bounds` are two tallies, or none."""
        low, high = bounds or (-1, max(self.heads))
        head = self._head(low, whose, kind)
        rows = self.groups.get((whose, kind), [])
        at, before = 0, low
        while at < len(rows) and rows[at][0] <= low:
            yield self._uncounted(rows[at][0], kind)
            at += 1
        for index in sorted(self.heads):
            if not low < index <= high:
                continue
            since = head.count
            while at < len(rows) and rows[at][0] < index:
                head = head.then(rows[at][1], rows[at][2])
                at += 1
            sealed = self._head(index, whose, kind)
            if head != sealed:
                counted, shown = sealed.count - since, head.count - since
                name = f"of {whose}" if whose else "of everybody"
                span = f"{kind} {name} between leaf {before + 1} and {index}"
                if counted > shown:
                    what = f"{counted - shown} of {counted} {span} missing: the ledger counts {counted}"
                elif counted < shown:
                    what = f"{shown} {span}; the ledger counts {counted}"
                else:
                    what = f"{span}: not the {counted} that the ledger counts"
                yield Failure(place=LEAVES, what=what)
                return
            before = index
        for index, _, _ in rows[at:]:
            yield self._uncounted(index, kind)

    def _uncounted(self, index: int, kind: str) -> Failure:
        name = LEAVES if index in self.used else APART
        return Failure(place=f"{name}: leaf {index}", what=f"a {kind} outside of what the tallies count here")

    # -- what concerns the report

    def _relevant(self) -> Iterator[Failure]:
        """Yield each counted leaf that concerns the report and is not among those that it rests on, and the reverse."""
        facts = {index: fact for index, (_, fact) in self.leaves.items() if fact["kind"] in tally.KINDS}
        claims = {fact["body"]["claim"] for fact in facts.values() if self._touches(fact)}
        issued = [fact["body"] for fact in facts.values() if fact["kind"] == "report_issued"]
        reports = {body["report"] for body in issued if self._is_own(body)}
        objections = {
            fact["body"]["objection"]
            for fact in facts.values()
            if fact["kind"] == "objection" and (fact["body"]["target"] in claims or fact["body"]["report"] in reports)
        }
        hours = {index for index, fact in facts.items() if fact["kind"] == HOUR and self._is_inside(fact["body"])}
        for index, fact in sorted(facts.items()):
            if fact["kind"] == "correction":
                concerns = fact["body"]["corrects"] in hours
            elif fact["kind"] == "correction_refused":
                concerns = facts.get(fact["body"]["correction"], {"body": {}})["body"].get("corrects") in hours
            else:
                concerns = self._concerns(fact, claims, objections)
            if concerns and index not in self.used:
                what = f"is missing: the {fact['kind']} concerns the report, which does not rest on it"
                yield Failure(place=f"{LEAVES}: leaf {index}", what=what)
            elif not concerns and index in self.used:
                yield Failure(place=f"{LEAVES}: leaf {index}", what=f"the {fact['kind']} does not concern this report")
        for index, (_, fact) in sorted(self.leaves.items()):
            kind, rests = fact["kind"], index in self.used
            if kind not in tally.KINDS and not (rests and kind == "availability_roster"):
                yield Failure(place=f"{LEAVES if rests else APART}: leaf {index}", what=f"a {kind} has no place here")

    def _is_own(self, body: Mapping[str, Any]) -> bool:
        """Whether an issued report is an earlier revision of this one."""
        return bool(body["contract"] == self.contract and (body["start_ms"], body["end_ms"]) == self.period)

    def _is_inside(self, body: Mapping[str, Any]) -> bool:
        """Whether an hour is one of the contract and the period."""
        return bool(body["contract"] == self.contract and self.period[0] <= body["start_ms"] < self.period[1])

    def _touches(self, fact: Mapping[str, Any]) -> bool:
        body = fact["body"]
        if fact["kind"] != "exclusion_claim" or body["contract"] != self.contract:
            return False
        return bool(body["start_ms"] < self.period[1] and max(body["end_ms"], body["start_ms"] + 1) > self.period[0])

    def _concerns(self, fact: Mapping[str, Any], claims: set[str], objections: set[str]) -> bool:
        kind, body, (start, end) = fact["kind"], fact["body"], self.period
        own = body.get("contract") == self.contract
        if kind in SHARED:
            return bool(kind == tally.POLICY)  # breaks of our listening are of the dispute, and stand apart
        if kind in {HOUR, "late_samples"}:
            return self._is_inside(body)
        if kind in {"clock_state", "monitor_health"}:
            return bool(body["state"] != tally.WELL[kind] and start <= fact["at_ms"] < end)
        if kind == tally.AREAS:
            return bool(self.surveyed)
        if kind == tally.SURVEY:
            return bool((body["carrier"], body["technology"]) in self.surveyed and body["first_ms"] < end)
        if kind == "verdict":
            return bool(own and body["end_ms"] <= start)
        if kind == "report_issued":
            return self._is_own(body)
        keys = {"exclusion_claim": "claim", "approval_request": "request", "approval_decision": "request"}
        if kind in keys:
            return body[keys[kind]] in claims
        if kind in {"objection", "ruling"}:
            return body["objection"] in objections
        if kind == "ticket_step":
            return bool(own and fact["at_ms"] < end)
        return bool(kind == "contract_version" and own)
