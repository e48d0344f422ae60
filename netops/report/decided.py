"""Which rulings decide an interval, and what of it: the objection and the ruling on it, read together. Pure.

A ruling moves what its objection was about and nothing else: the objection's service, from the beginning of its outage
on or inside its interval, inside the part that it asked for, inside the period of its report. What lies beyond is cut
off. A code allows some decisions alone (`netops.dispute.codes.DECIDES`). What the tables of the dispute refuse decides
nothing, whoever had it sealed.

`netops/evidence/decided.py` does the same in the other implementation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from netops.dispute import codes
from netops.errors import UsageError
from netops.sla.ruled import Decision

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from netops.report.leaves import Leaves, Sealed

UPHELD: Final = frozenset({"upheld", "partly_upheld"})


def decisions(leaves: Leaves) -> tuple[Decision, ...]:
    """Return what rulings decide of intervals, in the order of the ledger."""
    rulings = [each for each in leaves.of("ruling") if "decides" in each.body and each.index not in leaves.void]
    if not rulings:
        return ()
    objections = {e.body["objection"]: e.body for e in leaves.of("objection") if e.index not in leaves.void}
    periods: dict[str, tuple[int, int]] = {}
    for each in leaves.steps:
        if each.kind == "report_issued":
            periods.setdefault(each.body["report"], (each.body["start_ms"], each.body["end_ms"]))
    return tuple(made for each in rulings for made in _decided(each, objections, periods))


def _decided(
    ruling: Sealed, objections: Mapping[str, Mapping[str, Any]], periods: Mapping[str, tuple[int, int]]
) -> Iterator[Decision]:
    body = ruling.body
    objection = objections.get(body["objection"])
    if objection is None or objection["report"] not in periods or body["outcome"] not in UPHELD:
        return
    if body["by"] == objection["by"] or body["decides"] not in codes.DECIDES.get(objection["code"], ()):
        return
    try:
        about = codes.check(objection["code"], objection["target"])
    except UsageError:  # sealed before anybody looked at targets
        return
    bounds = [periods[objection["report"]], (body.get("start_ms", 0), body.get("end_ms", 0))]
    bounds.append((about.start_ms, about.end_ms or bounds[0][1]))
    if "end_ms" in objection:
        bounds.append((objection.get("start_ms", about.start_ms), objection["end_ms"]))
    start_ms, end_ms = max(each[0] for each in bounds), min(each[1] for each in bounds)
    if start_ms < end_ms and body.get("service", "") == about.name:
        yield Decision(
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
