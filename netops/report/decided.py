"""Which rulings decide an interval, and what of it: the objection and the ruling on it, read together. Pure.

A ruling moves what its objection was about and nothing else: the objection's service, from the beginning of its outage
on or inside its interval, inside the part that it asked for, inside the period of its report. What lies beyond is cut
off. A code allows some decisions alone (`netops.dispute.codes.DECIDES`). What the tables of the dispute refuse decides
nothing, whoever had it sealed.

`netops/evidence/decided.py` does the same in the other implementation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from netops.coverage.ground import Out
from netops.dispute import codes
from netops.errors import UsageError
from netops.sla.ruled import Decision

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from netops.dispute.codes import Target
    from netops.report.leaves import Leaves, Sealed

FOR_EVER_MS: Final = 2**53
UPHELD: Final = frozenset({"upheld", "partly_upheld"})


Case = tuple[str, int, int]  # contract, from, to


def decisions(leaves: Leaves) -> tuple[Decision, ...]:
    """Return what rulings decide of intervals, in the order of the ledger."""
    found = (_decision(ruling, objection, about, case) for ruling, objection, about, case in _counting(leaves))
    return tuple(each for each in found if each is not None)


def taken_out(leaves: Leaves) -> tuple[tuple[Case, Out], ...]:
    """Return what rulings take out of surveys, each with the case that it was said in, in the order of the ledger."""
    found = ((case, _out(ruling, objection, about)) for ruling, objection, about, case in _counting(leaves))
    return tuple((case, each) for case, each in found if each is not None)


def _counting(leaves: Leaves) -> Iterator[tuple[Sealed, Mapping[str, Any], Target, Case]]:
    """Yield each ruling that decides something of what its objection is about, with that and its report's case."""
    rulings = [each for each in leaves.of("ruling") if "decides" in each.body and each.index not in leaves.void]
    if not rulings:
        return
    objections = {e.body["objection"]: e.body for e in leaves.of("objection") if e.index not in leaves.void}
    cases: dict[str, Case] = {}
    for each in leaves.steps:
        if each.kind == "report_issued":
            told = each.body
            cases.setdefault(told["report"], (told["contract"], told["start_ms"], told["end_ms"]))
    for each in rulings:
        objection = objections.get(each.body["objection"])
        if objection is None or objection["report"] not in cases or each.body["outcome"] not in UPHELD:
            continue
        if each.body["by"] == objection["by"]:
            continue
        if each.body["decides"] not in codes.DECIDES.get(objection["code"], ()):
            continue
        try:
            about = codes.check(objection["code"], objection["target"])
        except UsageError:  # sealed before anybody looked at targets
            continue
        yield each, objection, about, cases[objection["report"]]


def _span(ruling: Sealed, objection: Mapping[str, Any], bounds: tuple[int, int]) -> tuple[int, int]:
    told = [bounds, (ruling.body.get("start_ms", 0), ruling.body.get("end_ms", 0))]
    if "end_ms" in objection:
        told.append((objection.get("start_ms", 0), objection["end_ms"]))
    return max(each[0] for each in told), min(each[1] for each in told)


def _out(ruling: Sealed, objection: Mapping[str, Any], about: Target) -> Out | None:
    if about.kind != codes.SURVEY:
        return None
    start_ms, end_ms = _span(ruling, objection, (about.start_ms, about.end_ms or FOR_EVER_MS))
    return Out(ruling.index, about.name, about.area, start_ms, end_ms) if start_ms < end_ms else None


def _decision(ruling: Sealed, objection: Mapping[str, Any], about: Target, case: Case) -> Decision | None:
    if about.kind == codes.SURVEY:
        return None
    body = ruling.body
    bounds = max(case[1], about.start_ms), min(case[2], about.end_ms or case[2])
    start_ms, end_ms = _span(ruling, objection, bounds)
    if start_ms < end_ms and body.get("service", "") == about.name:
        return Decision(
            objection=body["objection"],
            leaf=ruling.index,
            decides=body["decides"],
            service=about.name,
            start_ms=start_ms,
            end_ms=end_ms,
            known_ms=ruling.known_ms,
            by=body["by"],
            reason=body["reason"],
        )
    return None
