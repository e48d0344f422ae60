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
from netops.sla import hours
from netops.sla.hours import KIND

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from netops.ledger_file import LedgerReader
    from netops.sla.hours import Hour

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


def loses(ledger: LedgerReader, entries: Sequence[LedgerEntry], asked: Waiting, *, services: int) -> bool:
    """Whether a statement of the same services in an hour knows less of one of them than the statement that stands.

    Samples are added and never taken away, but a journal may be lost, or come back from a backup: what was seen would
    become unknown.
    """
    told = (leaf.fact.body for leaf in ledger.find(KIND, start_ms=asked.hour_ms, end_ms=asked.hour_ms + 1))
    bodies: list[Any] = [body for body in told if body["contract"] == asked.contract and "stream" not in body]
    last = max((body.get("correction", -1) for body in bodies), default=-1)
    (before,) = hours.read(body for body in bodies if body.get("correction", -1) == last)
    states = (each.fact.body for each in entries if each.fact.kind == KIND and "stream" not in each.fact.body)
    (after,) = hours.read(states)
    if (before.roster, before.step_ms) != (after.roster, after.step_ms):
        return False  # the register was amended for the past
    return any(_seen(after, at) < _seen(before, at) for at in range(services))


def _seen(hour: Hour, position: int) -> int:
    """Return how many slots of a service an hour knows."""
    return sum(run[1] for run in hour.others.get(position, hour.usual))


def _source(source: str) -> str:
    return f"{SOURCE}:{source}"
