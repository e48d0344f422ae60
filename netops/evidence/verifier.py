"""The second implementation: recompute every number of a report from the leaves of its bundle, by other means.

Standard library and `netops.evidence` alone; of `netops.sla`, `netops.access` and `netops.report` nothing is shared, so
that one mistake cannot hide in both. Where the product works with sets of intervals, this one cuts time at every point
where anything changes and asks of each piece what it is. A bundle carries it as `verify.py`, to be run by a bare Python
3.11. Its rooms: `stated` (the facts), `approvals` (which claims two persons allowed), `procedure` (which objections and
rulings count), `rulings` (by which contract), `seen` (what was seen of whom), `numbers` and `figures` (what follows).

`docs/explanation/sla.md` defines the rules; the numbers in brackets are those of its list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netops.errors import EvidenceError
from netops.evidence import again, canonical
from netops.evidence.bundle import runs
from netops.evidence.cosigners import verify_policy
from netops.evidence.days_of import verify_days
from netops.evidence.deadlines import late_by, verify_deadlines
from netops.evidence.difference_of import verify_difference
from netops.evidence.differences import differ, loads
from netops.evidence.integrity import Failure
from netops.evidence.members import CALENDAR, REGISTER, REPORT, ZONE
from netops.evidence.numbers import Numbers
from netops.evidence.rulings import Rulings
from netops.evidence.seen import Seen
from netops.evidence.stated import Stated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from netops.evidence.members import Bundle


def verify_numbers(bundle: Bundle) -> list[Failure]:
    """Return every number and every binding that does not hold, with its place."""
    try:
        return list(_Recomputed(bundle).differences())
    except EvidenceError as error:
        place, _, what = str(error).partition(": ")
        return [Failure(place=place, what=what or str(error))]
    except (ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError) as error:
        return [Failure(place=REPORT, what=f"cannot be recomputed: {type(error).__name__} {error}")]


def _signs(report: Mapping[str, Any]) -> dict[str, str]:
    """Return what the report says of each objective on a metric: `<=` or `>=` its threshold is good."""
    return {
        f"version {part['version']} {item['item']}/{each['objective']}": each["good"].partition(" ")[0]
        for part in report["parts"]
        for item in part["items"]
        for each in item["objectives"]
        if "good" in each
    }


class _Recomputed:
    """One bundle, recomputed."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self.report = loads(bundle, REPORT)
        self.leaves = Stated(bundle)
        self.rulings = Rulings(bundle, self.report, self.leaves)
        self.leaves.timely(late_by(bundle, self.rulings))
        seen = Seen(self.leaves, self.rulings.period)
        self.numbers = Numbers(self.leaves, self.rulings, seen, _signs(self.report))

    def differences(self) -> Iterator[Failure]:
        report, numbers = self.report, self.numbers
        yield from self._bindings()
        yield from self.rulings.failures()
        parts = [numbers.part(*ruling) for ruling in self.rulings.rulings()]
        yield from differ(report["parts"], parts, f"{REPORT}: parts")
        credit = numbers.credit(parts)
        yield from differ(report["credit"], credit, f"{REPORT}: credit")
        yield from verify_difference(report, numbers, parts, credit["total"])
        yield from differ(report.get("corrections"), again.corrections(self.leaves), f"{REPORT}: corrections")
        asked = self.rulings.rulings()[-1][0].get("late_samples", "list")
        yield from again.verify_late(report, self.leaves, asked)
        yield from differ(report["seen"], numbers.health(), f"{REPORT}: seen")
        yield from differ(report.get("passed_over", []), runs(self.leaves.passed_over()), f"{REPORT}: passed_over")
        yield from verify_days(self.bundle, report, self.leaves)
        yield from verify_deadlines(self.bundle, self.rulings, self.leaves.procedure)
        yield from verify_policy(report, self.leaves)

    def _bindings(self) -> Iterator[Failure]:
        """Say what is not bound to what it should be."""
        bundle, report = self.bundle, self.report
        for name, member in (("register", REGISTER), ("timezone", ZONE)):
            if report["digests"][name] != canonical.digest(bundle.member(member)):
                yield Failure(place=member, what=f"is not the one that {REPORT} names")
        days = bundle.members.get(CALENDAR)
        if report["digests"].get("calendar") != (None if days is None else canonical.digest(days)):
            yield Failure(place=CALENDAR, what=f"is not the one that {REPORT} names")
        if report["digests"]["inputs"] != self.leaves.digest:
            yield Failure(place="leaves.jsonl.gz", what=f"are not the inputs that {REPORT} names")
        if report["rehearsal"] is not bundle.manifest()["rehearsal"]:
            yield Failure(place=REPORT, what="its rehearsal mark differs from the manifest's")
        index, data = bundle.seal()
        body = canonical.loads(data)["fact"]["body"]
        said = {
            "contract": report["contract"],
            "start_ms": self.rulings.period[0],
            "end_ms": self.rulings.period[1],
            "revision": report["revision"],
        }
        if "amount" in body or "currency" in body:  # reports of older releases were sealed without
            said |= {"amount": report["credit"]["total"], "currency": report["credit"]["currency"]}
        for name, value in said.items():
            if body.get(name) != value:
                what = f"leaf {index} seals {name} {body.get(name)}, {REPORT} says {value}"
                yield Failure(place="seal.json", what=what)
