"""What some of a bundle's leaves come to, by the texts of its report; judged once where nothing that counts differs.

Part of the second implementation (`verifier.py`).
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from netops.errors import EvidenceError
from netops.evidence import canonical
from netops.evidence.decided import removed
from netops.evidence.lines import merged
from netops.evidence.numbers import Numbers
from netops.evidence.seen import Seen
from netops.evidence.tickets import TICKET

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from netops.evidence.lines import Span
    from netops.evidence.stated import Stated

SEEN = ("availability_hour", "availability_roster")
SURVEYED = ("coverage_areas", "survey_import")
Come = tuple[Numbers, str, "Sequence[Mapping[str, Any]]"]  # numbers, what is owed, parts


class UnreadError(Exception):
    """A version that ruled is not among the texts."""


class Again:
    """The report's own numbers, and what other leaves come to."""

    def __init__(self, numbers: Numbers, parts: Sequence[Mapping[str, Any]], total: str) -> None:
        self.numbers, self.total = numbers, total
        self.done: dict[Any, Come] = {self._sign(numbers.leaves, numbers.rulings.rulings()): (numbers, total, parts)}

    def judged(self, known: Collection[int]) -> Come:
        """Return the numbers that some leaves come to, by the texts of this report that they state."""
        leaves = self.numbers.leaves.only(known)
        rulings = self.numbers.rulings.under(leaves)
        sealed = {body["digest"] for body in leaves.bodies("contract_version")}
        ruling = [version for version, _, _ in self.numbers.rulings.rulings()]
        rulings.versions = [each for each in ruling if canonical.digest(canonical.dumps(each)) in sealed]
        try:
            parts = rulings.rulings()
        except EvidenceError:
            raise UnreadError from None
        if rulings.unread() or len({(each["currency"], each["credit_cap_percent"]) for each, _, _ in parts}) > 1:
            raise UnreadError
        sign = self._sign(leaves, parts)
        if sign in self.done:
            return self.done[sign]
        now = self.numbers
        same = all(leaves.indexes(kind) == now.leaves.indexes(kind) for kind in SEEN)
        seen = now.seen if same else Seen(leaves, rulings.period)
        made = Numbers(leaves, rulings, seen, now.signs)
        told = [made.part(*each) for each in parts]
        self.done[sign] = made, made.credit(told)["total"], told
        return self.done[sign]

    def _sign(self, leaves: Stated, parts: Sequence[tuple[Mapping[str, Any], int, int]]) -> tuple[Any, ...]:
        """Return all that figures follow from: where it is the same, they need not be made again."""
        effects = [
            (claim["claim"], claim["effect"], claim["start_ms"], claim["end_ms"])
            for version, _, _ in parts
            for item in version["items"]
            for objective in item["objectives"]
            for claim in leaves.claims(objective["rules"], self.numbers.period)
        ]
        excusing: tuple[Any, ...] = tuple(each for each in effects if each[1].startswith("in_force"))
        excusing += tuple((str(each.index), "ruling") for each in leaves.rulings)
        excusing += tuple((str(each.index), "taken out") for each in removed(leaves))
        others = ("contract_version", "verdict", TICKET)
        return (excusing, *(tuple(leaves.indexes(kind)) for kind in (*SEEN, *SURVEYED, *others)))


def changed_between(before: Numbers, after: Numbers) -> Iterator[list[Any]]:
    """Yield item, objective, begin, end, bucket before and after, services of what is in another bucket."""
    for item, objective in sorted({*before.cuts, *after.cuts}):
        old, new = (each.cuts.get((item, objective), {}) for each in (before, after))
        rows: dict[tuple[int, int, str, str], list[str]] = {}
        for service in sorted({*old, *new}):
            for row in _moved(old.get(service, {}), new.get(service, {})):
                rows.setdefault(row, []).append(service)
        for (start, end, was, now), services in sorted(rows.items()):
            yield [item, objective, start, end, was, now, services]


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
