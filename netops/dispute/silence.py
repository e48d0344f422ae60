"""What happens when nobody speaks: silence counts against whoever was to speak. Pure.

| who was to speak | until | then |
|---|---|---|
| the carrier, on a report | the end of its window | the report is accepted |
| the city, on an objection | the end of its answer's time | the objection is conceded; it still needs a ruling |
| who is to rule, on an answered objection | the end of the ruling's time | the objection is upheld |

Each is a fact of the core's own, under a name made of the report or objection and the stage, dated at the deadline:
said again after a kill it is the same fact, and the ledger holds it once. The carrier does not count as silent while
the core was not there to hear it (`listening.py`); the city does: who runs the core could choose when it rests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from netops.access.disputes import DEADLINE
from netops.dispute import codes, states
from netops.errors import UsageError
from netops.facts import Fact
from netops.ledger import LedgerEntry

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from netops.dispute.listening import Breaks
    from netops.dispute.states import Case, Cases, Objection
    from netops.dispute.terms import Lookup, Terms
    from netops.evidence.canonical import JSON

SOURCE: Final = "dispute"
WINDOW, ANSWER, DECISION = range(3)  # the stages, as sequences of the source


def missed(
    cases: Cases,
    terms: Lookup,
    *,
    until_ms: int,
    breaks: Breaks = (),
    wrong: list[UsageError] | None = None,
    awaited: Collection[str] = (),
) -> list[LedgerEntry]:
    """Return what is stated of the deadlines that are over by `until_ms`, up to which everybody was heard.

    The carrier's that fell into a break of ours is kept open. So is that of a report about which a note came in that
    nobody looked at yet (`awaited`, by name). A case whose calendar lacks a year holds no other; why is
    added to `wrong`.
    """
    made: list[LedgerEntry] = []
    for case in cases.held.values():
        known = terms(case.contract, case.end_ms - 1)
        try:
            made += _of(case, known, until_ms, breaks, awaited) if known is not None else ()
        except UsageError as error:
            if wrong is not None:
                wrong.append(error)
    return made


def _of(case: Case, terms: Terms, until_ms: int, breaks: Breaks, awaited: Collection[str]) -> Iterator[LedgerEntry]:
    is_open = case.state == states.ISSUED and case.last.name not in awaited
    over = terms.window(case) if is_open else until_ms + 1
    if over <= until_ms and terms.closes(over, breaks, case.last.text) <= until_ms:
        told: dict[str, JSON] = {"report": case.last.name, "digest": case.last.digest}
        yield _stated("report_accepted", case.last.name, WINDOW, over, told)
    for each in case.open:
        if each.state == states.MADE and (over := terms.answer(each)) <= until_ms:
            yield _stated("rebuttal", each.id, ANSWER, over, {"objection": each.id, "stance": "accepted"})
        elif each.state == states.ANSWERED and (over := terms.decision(each)) <= until_ms:
            yield _stated("ruling", each.id, DECISION, over, _upheld(each))


def _upheld(each: Objection) -> dict[str, JSON]:
    """Return what silence rules: what was asked for, of all that it was asked for."""
    told: dict[str, JSON] = {"objection": each.id, "outcome": "upheld"}
    if not each.asks or not each.end_ms:
        return told
    about = codes.target(each.target)
    told |= {"decides": each.asks, "start_ms": each.start_ms, "end_ms": each.end_ms}
    return told | ({"service": about.name} if about.name and about.kind != codes.SURVEY else {})


def _stated(kind: str, name: str, stage: int, over_ms: int, told: dict[str, JSON]) -> LedgerEntry:
    body = {**told, "by": DEADLINE, "due_ms": over_ms, "reason": "nobody spoke until the deadline"}
    return LedgerEntry(f"{SOURCE}:{name}", stage, Fact(kind=kind, at_ms=over_ms, body=body))
