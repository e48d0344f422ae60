"""The difference to the replaced revision anew: which interval changed, by which fact, how much money [13].

Part of the second implementation (`verifier.py`). Numbers in brackets are rules of `docs/explanation/sla.md`. What the
replaced revision rested on are the leaves before the one that sealed it; the facts since are added matter by matter.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from netops.errors import EvidenceError
from netops.evidence import canonical
from netops.evidence.bundle import runs
from netops.evidence.decided import removed
from netops.evidence.differences import differ
from netops.evidence.integrity import Failure
from netops.evidence.lines import merged
from netops.evidence.members import REPORT
from netops.evidence.numbers import Numbers
from netops.evidence.seen import Seen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from netops.evidence.lines import Span
    from netops.evidence.stated import Stated

BEFORE = "netops-report/1"  # told no difference
MOST_STEPS, MOST_ROWS = 16, 1000
STILL = ("report_issued", "clock_state", "monitor_health", "witness_policy")
SEEN = ("availability_hour", "availability_roster")
SURVEYED = ("coverage_areas", "survey_import")
Fact = tuple[int, str, dict[str, Any]]  # leaf, kind, fields


def verify_difference(report: Mapping[str, Any], numbers: Numbers, total: str) -> Iterator[Failure]:
    """Yield what does not hold of the difference; `numbers` and `total` are those of the report itself."""
    issued = numbers.leaves.kinds.get("report_issued", ())
    said = issued[-1][1]["fact"]["body"]["digest"] if issued else ""
    yield from differ(report["replaces"], said, f"{REPORT}: replaces")
    if report["format"] == BEFORE and "difference" not in report:
        return
    if issued:
        found = _Difference(numbers, total).told()
        yield from differ(report.get("difference"), found, f"{REPORT}: difference")
    elif "difference" in report:
        yield Failure(place=f"{REPORT}: difference", what="is there, and no leaf seals a revision before this one")


class _Difference:
    def __init__(self, numbers: Numbers, total: str) -> None:
        self.numbers, self.total = numbers, total
        self.issue, leaf = numbers.leaves.kinds["report_issued"][-1]
        self.body = leaf["fact"]["body"]
        self.facts: list[Fact] = sorted(
            (index, kind, leaf["fact"]["body"]) for kind, held in numbers.leaves.kinds.items() for index, leaf in held
        )
        self.claims = {body["claim"]: body for body in reversed(numbers.leaves.bodies("exclusion_claim"))}
        self.done = {self._sign(numbers.leaves, numbers.rulings.rulings()): (numbers, total)}
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
            start = self._judged(known)
            before = owed = start[1]
            rows = []
            for name, held in steps:
                known |= set(held)
                after = self.total if name == steps[-1][0] else self._judged(known)[1]
                rows.append([name, runs(held), owed, after, _apart(after, owed)])
                owed = after
        except _UnreadError:
            return {**head, "because": "a contract version that ruled then is not among the texts of this report"}
        changed = list(self._changed(start[0], self.numbers))
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

    def _judged(self, known: set[int]) -> tuple[Numbers, str]:
        """Return the numbers that some leaves come to, by the texts of this report that they state."""
        leaves = self.numbers.leaves.only(known)
        rulings = self.numbers.rulings.under(leaves)
        sealed = {body["digest"] for body in leaves.bodies("contract_version")}
        ruling = [version for version, _, _ in self.numbers.rulings.rulings()]
        rulings.versions = [each for each in ruling if canonical.digest(canonical.dumps(each)) in sealed]
        try:
            parts = rulings.rulings()
        except EvidenceError:
            raise _UnreadError from None
        if rulings.unread() or len({(each["currency"], each["credit_cap_percent"]) for each, _, _ in parts}) > 1:
            raise _UnreadError
        sign = self._sign(leaves, parts)
        if sign in self.done:
            return self.done[sign]
        now = self.numbers
        same = all(leaves.indexes(kind) == now.leaves.indexes(kind) for kind in SEEN)
        seen = now.seen if same else Seen(leaves, rulings.period)
        made = Numbers(leaves, rulings, seen, now.signs)
        self.done[sign] = made, made.credit([made.part(*each) for each in parts])["total"]
        return self.done[sign]

    def _sign(self, leaves: Stated, parts: Sequence[tuple[Mapping[str, Any], int, int]]) -> tuple[Any, ...]:
        """Return all that figures follow from: where it is the same, they need not be made again."""
        effects = [
            (claim["claim"], claim["effect"])
            for version, _, _ in parts
            for item in version["items"]
            for objective in item["objectives"]
            for claim in leaves.claims(objective["rules"], self.numbers.period)
        ]
        excusing = tuple(each for each in effects if each[1].startswith("in_force"))
        excusing += tuple((str(each.index), "ruling") for each in leaves.rulings)
        excusing += tuple((str(each.index), "taken out") for each in removed(leaves))
        return (excusing, *(tuple(leaves.indexes(kind)) for kind in (*SEEN, *SURVEYED, "contract_version", "verdict")))

    def _changed(self, before: Numbers, after: Numbers) -> Iterator[list[Any]]:
        for item, objective in sorted({*before.cuts, *after.cuts}):
            old, new = (each.cuts.get((item, objective), {}) for each in (before, after))
            rows: dict[tuple[int, int, str, str], list[str]] = {}
            for service in sorted({*old, *new}):
                for row in _moved(old.get(service, {}), new.get(service, {})):
                    rows.setdefault(row, []).append(service)
            for (start, end, was, now), services in sorted(rows.items()):
                yield [item, objective, start, end, was, now, services]

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


class _UnreadError(Exception):
    """A version that ruled is not among the texts."""


def _moved(old: Mapping[str, list[Span]], new: Mapping[str, list[Span]]) -> Iterator[tuple[int, int, str, str]]:
    """Yield the stretches whose bucket is another one, cut where either changes."""
    if old == new:
        return
    ways = [sorted((a, b, name) for name, spans in each.items() for a, b in spans) for each in (old, new)]
    starts = [[way[0] for way in each] for each in ways]
    points = sorted({point for each in ways for a, b, _ in each for point in (a, b)})
    joined: dict[tuple[str, str], list[Span]] = {}
    for a, b in pairwise(points):
        names = []
        for way, begins in zip(ways, starts, strict=True):
            at = bisect_right(begins, a) - 1
            names.append(way[at][2] if at >= 0 and a < way[at][1] else "not judged")
        if names[0] != names[1]:
            joined.setdefault((names[0], names[1]), []).append((a, b))
    for (was, now), spans in joined.items():
        for a, b in merged(spans):
            yield a, b, was, now


def _apart(after: str, before: str) -> str:
    cents = [int(each.replace(".", "")) for each in (after, before)]
    less = cents[0] - cents[1]
    return f"{'-' if less < 0 else ''}{abs(less) // 100}.{abs(less) % 100:02d}"
