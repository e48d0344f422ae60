"""The difference to the replaced revision anew: which interval changed, by which fact, how much money [13].

Part of the second implementation (`verifier.py`). Numbers in brackets are rules of `docs/explanation/sla.md`. What the
replaced revision rested on are the leaves before the one that sealed it; the facts since are added matter by matter.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any

from netops.evidence.bundle import runs
from netops.evidence.come_to import SEEN, SURVEYED, Again, UnreadError, changed_between
from netops.evidence.differences import differ
from netops.evidence.integrity import Failure
from netops.evidence.members import REPORT
from netops.evidence.objected import objections
from netops.evidence.tickets import TICKET

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from netops.evidence.numbers import Numbers

BEFORE = "netops-report/1"  # told no difference
UNLISTED = (BEFORE, "netops-report/2")  # listed no objections
MOST_STEPS, MOST_ROWS = 16, 1000
STILL = ("report_issued", "clock_state", "monitor_health", "witness_policy", "late_samples")
Fact = tuple[int, str, dict[str, Any]]  # leaf, kind, fields


def verify_difference(
    report: Mapping[str, Any], numbers: Numbers, parts: Sequence[Mapping[str, Any]], total: str
) -> Iterator[Failure]:
    """Yield what does not hold of difference and objections; `numbers`, `parts`, `total` are the report's own."""
    again = Again(numbers, parts, total)
    yield from _difference(report, again)
    if report["format"] not in UNLISTED or "objections" in report:
        yield from differ(report.get("objections"), objections(numbers, again), f"{REPORT}: objections")


def _difference(report: Mapping[str, Any], again: Again) -> Iterator[Failure]:
    numbers = again.numbers
    issued = numbers.leaves.kinds.get("report_issued", ())
    said = issued[-1][1]["fact"]["body"]["digest"] if issued else ""
    yield from differ(report["replaces"], said, f"{REPORT}: replaces")
    if report["format"] == BEFORE and "difference" not in report:
        return
    if issued:
        found = _Difference(again).told()
        yield from differ(report.get("difference"), found, f"{REPORT}: difference")
    elif "difference" in report:
        yield Failure(place=f"{REPORT}: difference", what="is there, and no leaf seals a revision before this one")


class _Difference:
    def __init__(self, again: Again) -> None:
        self.again, self.numbers, self.total = again, again.numbers, again.total
        numbers = self.numbers
        self.issue, leaf = numbers.leaves.kinds["report_issued"][-1]
        self.body = leaf["fact"]["body"]
        self.facts: list[Fact] = sorted(
            (index, kind, leaf["fact"]["body"]) for kind, held in numbers.leaves.kinds.items() for index, leaf in held
        )
        self.claims = {body["claim"]: body for body in reversed(numbers.leaves.bodies("exclusion_claim"))}
        self.objects = {body["objection"]: body["target"] for body in numbers.leaves.bodies("objection")}

    def told(self) -> dict[str, Any]:
        head = {"revision": self.body["revision"], "digest": self.body["digest"], "leaf": self.issue}
        since = [each for each in self.facts if each[0] > self.issue and each[1] not in STILL]
        grouped: dict[str, list[int]] = {}
        for fact in since:
            grouped.setdefault(self._matter(fact), []).append(fact[0])
        steps = list(grouped.items())
        left = sorted(index for _, held in steps[MOST_STEPS:] for index in held)
        steps = steps[:MOST_STEPS] + ([("the rest", left)] if left else [])
        known = {index for index, _, _ in self.facts if index < self.issue}
        try:
            start = self.again.judged(known)
            before = owed = start[1]
            rows = []
            for name, held in steps:
                known |= set(held)
                after = self.total if name == steps[-1][0] else self.again.judged(known)[1]
                rows.append([name, runs(held), owed, after, _apart(after, owed)])
                owed = after
        except UnreadError:
            return {**head, "because": "a contract version that ruled then is not among the texts of this report"}
        changed = list(changed_between(start[0], self.numbers))
        return {
            **head,
            "because": "",
            "before": before,
            "after": self.total,
            "change": _apart(self.total, before),
            "steps": {"columns": ["matter", "leaves", "before", "after", "change"], "rows": rows},
            "intervals": {
                "columns": ["item", "objective", "start_ms", "end_ms", "before", "after", "services", "leaves"],
                "rows": list(self._caused(changed[:MOST_ROWS], since)),
            },
            "intervals_more": max(len(changed) - MOST_ROWS, 0),
        }

    def _matter(self, fact: Fact) -> str:
        _, kind, body = fact
        claim = self._claim(kind, body)
        if claim is not None and kind in {"objection", "ruling"} and claim not in self.claims:
            return f"objection {body['objection']}"
        if claim is not None:
            return f"claim {claim}"
        if kind == TICKET:
            return f"ticket {body['ticket']}"
        again = fact[0] if kind == "correction" else body.get("correction")
        if again is not None:
            return f"correction {again}"
        return "late hours" if kind in SEEN else "surveys" if kind in SURVEYED else kind

    def _claim(self, kind: str, body: Mapping[str, Any]) -> str | None:
        if kind == "exclusion_claim":
            return str(body["claim"])
        if kind.startswith("approval_"):
            return str(body["request"])
        if kind in {"objection", "ruling"}:
            return str(self.objects.get(body["objection"], ""))
        return None

    def _caused(self, rows: Sequence[list[Any]], since: Sequence[Fact]) -> Iterator[list[Any]]:
        """Add to each row the facts that can have moved it, else all that can move anything."""
        about = sorted(
            (span[0], span[1], fact[0], frozenset(span[2])) for fact in since if (span := self._about(fact)) is not None
        )
        begins = [each[0] for each in about]
        for row in rows:
            start, end, services = row[2], row[3], row[6]
            by = [
                index
                for _, last, index, named in about[: bisect_left(begins, end)]
                if start < last and (not named or not named.isdisjoint(services))
            ]
            yield [*row, runs(by or [each[2] for each in about])]

    def _about(self, fact: Fact) -> tuple[int, int, Sequence[str]] | None:
        """Return the time and the services that a fact can move (no service named: all)."""
        _, kind, body = fact
        if kind == "availability_hour":
            return body["start_ms"], body["end_ms"], ()
        if kind == "contract_version":
            return body["valid_from_ms"], 2**53, ()
        for each in self.numbers.leaves.rulings:
            if each.index == fact[0]:
                return each.start, each.end, [each.service] if each.service else ()
        claim = self.claims.get(self._claim(kind, body) or "")
        if claim is None:
            return None
        return claim["start_ms"], claim["end_ms"], () if "*" in claim["services"] else claim["services"]


def _apart(after: str, before: str) -> str:
    cents = [int(each.replace(".", "")) for each in (after, before)]
    less = cents[0] - cents[1]
    return f"{'-' if less < 0 else ''}{abs(less) // 100}.{abs(less) % 100:02d}"
