"""Which of a carrier's words came when their window was over, by what the ledger held before each. Pure.

The core refuses a late word before it is sealed (`netops/access/disputes.py`). One that was sealed all the same counts
for nothing: who judges passes it over and lists it, as all that the tables of the dispute refuse. What decides are
leaves: the breaks of our listening, the arrival of its note, the text of the contract at the period's end. Where no
break was stated before, in a ledger of an earlier release, nobody's word is late; nor by a text that the register does
not hold, or a calendar that lacks the year.

`netops/evidence/deadlines.py` does the same in the other implementation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from netops.dispute import keys
from netops.dispute.listening import KIND as BREAK
from netops.dispute.listening import SHORT_MS
from netops.errors import UsageError
from netops.evidence.receipt import RECEIVED, noted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netops.dispute.states import Case
    from netops.dispute.terms import Terms
    from netops.facts import Fact


@dataclass(slots=True)
class Lateness:
    """What was sealed so far that decides who is late; `texts` are the terms by the digest of their contract's text."""

    texts: Mapping[str, Terms]
    _breaks: list[tuple[int, int]] = field(default_factory=list)
    _came: dict[str, int] = field(default_factory=dict)  # SHA-256 of a note → when it came in

    def take(self, fact: Fact, known_ms: int) -> None:
        """Take the next fact of the ledger, with the instant at which it counts as known."""
        body: Any = fact.body
        if fact.kind == BREAK:
            self._breaks.append((body["lost_ms"], body["since_ms"]))
        elif fact.kind == RECEIVED:
            self._came.setdefault(body["digest"], heard(fact.at_ms, known_ms))

    def is_late(self, fact: Fact, known_ms: int, case: Case) -> bool:
        """Whether a word on the newest revision of a case came after its window."""
        terms = self.texts.get(case.last.text)
        if terms is None or not self._breaks or fact.kind not in keys.SPOKEN or "due_ms" in fact.body:
            return False
        at_ms = heard(fact.at_ms, known_ms)
        at_ms = min(at_ms, self._came.get(noted({"kind": fact.kind, "body": fact.body}), at_ms))
        try:
            return terms.closes(terms.window(case), tuple(self._breaks), case.last.text) <= at_ms
        except UsageError:
            return False


def heard(handed_ms: int, recorded_ms: int) -> int:
    """Return by what time a word is late or not: when it was recorded.

    It is when the city's desk had it where that was shortly before: a restart over midnight is no break, and what lay
    in a spool meanwhile was handed in.
    """
    return handed_ms if 0 <= recorded_ms - handed_ms <= SHORT_MS else recorded_ms
