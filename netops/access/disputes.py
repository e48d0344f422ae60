"""What is said in the dispute over a report, before it is sealed: of what there is, in order, by another person. Pure.

A ruling moves money: an upheld objection takes a claim out of a report. So none counts that nobody objected to, that
who objected gave himself, or that is a second one. The accounts are asked by `admission.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from netops.facts import Fact

KINDS: Final = ("report_accepted", "objection", "rebuttal", "ruling", "report_settled", "correction")
ROLES: Final = frozenset({"contract_manager"})  # whose word this is
RESTS_ON: Final = ("report_issued", "objection", "ruling")


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the ledger holds: reports, who objected under which name, which objections are ruled on, how many leaves."""

    reports: frozenset[str] = frozenset()
    objections: Mapping[str, str] = field(default_factory=dict)
    ruled: frozenset[str] = frozenset()
    leaves: int = 0


def known(facts: Iterable[Fact], *, leaves: int) -> Known:
    """Return what these facts, in the ledger's order, amount to."""
    made = Known(leaves=leaves)
    for fact in facts:
        made = beside(made, fact)
    return made


def beside(before: Known, fact: Fact) -> Known:
    """Return what is known with one more fact."""
    body: Any = fact.body
    if fact.kind == "report_issued":
        return replace(before, reports=before.reports | {body["report"]})
    if fact.kind == "objection":
        return replace(before, objections={body["objection"]: body["by"], **before.objections})
    if fact.kind == "ruling":
        return replace(before, ruled=before.ruled | {body["objection"]})
    return before


def broken(fact: Fact, held: Known) -> str:
    """Return the rule that a fact of the dispute breaks, or the empty string."""
    body: Any = fact.body
    if fact.kind == "correction":
        return "" if body["corrects"] < held.leaves else f"there is no leaf {body['corrects']}"
    if "report" in body and body["report"] not in held.reports:
        return f"there is no report '{body['report']}'"
    if fact.kind == "objection":
        return f"there is an objection '{body['objection']}' already" if body["objection"] in held.objections else ""
    if fact.kind not in ("rebuttal", "ruling"):
        return ""
    objector = held.objections.get(body["objection"])
    if objector is None:
        return f"there is no objection '{body['objection']}'"
    if objector == body["by"]:
        return f"'{objector}' made the objection; a second person must answer it"
    if fact.kind == "ruling" and body["objection"] in held.ruled:
        return f"the objection '{body['objection']}' is ruled on already"
    return ""
