"""Hours that are stated again, because a correction asks for it: what is waiting, and how it is stated.

A person says that an hour is to be read again, and why; nobody types what it was. The core derives it from the samples
that it holds by now, with the code and the register of now, as it did the first time. What can never be stated is
refused, once, by a fact with the reason. ADR 29.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from netops.facts import Fact
from netops.hourly import PARTS
from netops.ledger import LedgerEntry
from netops.sla import hours
from netops.sla.hours import KIND
from netops.sla.state import NO_QUORUM

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from netops.evidence.canonical import JSON
    from netops.ledger_file import LedgerReader
    from netops.sla.hours import Hour

SOURCE = "again"
REFUSED = "correction_refused"
BY_CONTRACT = "contract"  # who asks for it where `late_samples: correct` does


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A sealed correction whose hour was not stated again, nor refused; `number` is the correction's leaf."""

    number: int
    contract: str
    hour_ms: int


def waiting(ledger: LedgerReader) -> Iterator[Waiting]:
    """Yield what is to be stated again, in the order of the ledger."""
    asked = sorted((leaf.index, int(str(leaf.fact.body["corrects"]))) for leaf in ledger.find("correction"))
    refused = {leaf.fact.body["correction"] for leaf in ledger.find(REFUSED)} if asked else set()
    for number, corrects in asked:
        if number in refused:
            continue
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


def unsettled(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return a report's hours with late samples that the contract wants stated again before it, refused ones aside."""
    late = report.get("late_samples", {"asked": "list", "rows": ()})
    return [each for each in late["rows"] if late["asked"] == "correct" and "refused" not in each]


def by_contract(
    ledger: LedgerReader, contract: str, late: Iterable[Mapping[str, Any]], *, now_ms: int
) -> list[LedgerEntry]:
    """Return the corrections that a contract asks for by itself, one for each hour with late samples."""
    made = []
    for each in late:
        start = each["start_ms"]
        told = ledger.find(KIND, start_ms=start, end_ms=start + 1)
        leaf = min(leaf.index for leaf in told if leaf.fact.body["contract"] == contract)
        body: dict[str, JSON] = {"corrects": leaf, "by": BY_CONTRACT, "reason": "its samples came late: late_samples"}
        fact = Fact(kind="correction", at_ms=now_ms, body=body)
        made.append(LedgerEntry(_source(f"late:{contract}"), each["leaf"], fact))
    return made


def refusal(asked: Waiting, why: str, *, now_ms: int) -> LedgerEntry:
    """Return the fact that a correction leads to nothing: its hour stands as it was stated."""
    body: dict[str, JSON] = {"contract": asked.contract, "correction": asked.number, "start_ms": asked.hour_ms}
    fact = Fact(kind=REFUSED, at_ms=now_ms, body={**body, "reason": f"{why}; the hour stands as it was stated"})
    return LedgerEntry(_source(f"refused:{asked.contract}"), asked.number, fact)


def loses(ledger: LedgerReader, entries: Sequence[LedgerEntry], asked: Waiting) -> bool:
    """Whether a statement knows less of a service, in any stream of the hour, than the statement that stands.

    Samples are added and never taken away, but a journal may be lost, or come back from a backup: what was seen would
    become unknown. A stream over another roster or grid is passed by: the register was amended for the past.
    """
    told = (leaf.fact.body for leaf in ledger.find(KIND, start_ms=asked.hour_ms, end_ms=asked.hour_ms + 1))
    before = _streams(body for body in told if body["contract"] == asked.contract)
    after = _streams(each.fact.body for each in entries if each.fact.kind == KIND)
    return any(_less(after[name], hour) for name, hour in before.items() if name in after)


def _streams(bodies: Iterable[Mapping[str, Any]]) -> dict[str, Hour]:
    """Return one hour as each of its streams was stated last."""
    told: dict[str, dict[int, list[Mapping[str, Any]]]] = {}
    for body in bodies:
        told.setdefault(body.get("stream", ""), {}).setdefault(body.get("correction", -1), []).append(body)
    return {name: hours.read(stated[max(stated)])[0] for name, stated in told.items()}


def _less(after: Hour, before: Hour) -> bool:
    if (before.roster, before.step_ms) != (after.roster, after.step_ms):
        return False
    return any(_seen(after, at) < _seen(before, at) for at in {-1, *before.others, *after.others})


def _seen(hour: Hour, position: int) -> int:
    """Return how many slots of a service an hour knows; -1 is one of those that have the usual hour.

    Where a vantage point is missing, what the others said stands as "no quorum": no less of the slot was seen before.
    """
    return sum(run[1] for run in hour.others.get(position, hour.usual) if run[4] != NO_QUORUM)


def _source(source: str) -> str:
    return f"{SOURCE}:{source}"
