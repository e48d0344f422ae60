"""Hours that are stated again, because a correction asks for it: what is waiting, and how it is stated.

A person says that an hour is to be read again, and why; nobody types what it was. The core derives it from the samples
that it holds by now, with the code and the register of now, as it did the first time. ADR 29.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from netops.facts import Fact
from netops.hourly import PARTS
from netops.ledger import LedgerEntry
from netops.sla.hours import KIND

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from netops.ledger_file import LedgerReader

SOURCE = "again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A sealed correction whose hour was not stated again yet; `number` is the correction's leaf."""

    number: int
    contract: str
    hour_ms: int


def waiting(ledger: LedgerReader) -> Iterator[Waiting]:
    """Yield what is to be stated again, in the order of the ledger."""
    asked = sorted((leaf.index, int(str(leaf.fact.body["corrects"]))) for leaf in ledger.find("correction"))
    for number, corrects in asked:
        (leaf,) = ledger.entries(corrects, corrects + 1)
        body: Any = leaf.fact.body
        if leaf.fact.kind == KIND and ledger.holds(_source(f"verify:{body['contract']}"), number * PARTS) is None:
            yield Waiting(number=number, contract=body["contract"], hour_ms=body["start_ms"])


def again(entries: Sequence[LedgerEntry], number: int) -> list[LedgerEntry]:
    """Return an hour's entries as the statement that a correction led to: under names of their own, so sealed once."""
    made = []
    for each in entries:
        fact = each.fact
        if fact.kind == KIND:
            fact = Fact(kind=KIND, at_ms=fact.at_ms, body={**fact.body, "correction": number})
        made.append(LedgerEntry(_source(each.source), number * PARTS + each.sequence % PARTS, fact))
    return made


def _source(source: str) -> str:
    return f"{SOURCE}:{source}"
