"""Which months a contract has, and how far each has come: running, over, issued with its revisions, disputed.

Read from the ledger alone, in one go, and kept while it has not grown. Pure below `read`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from netops.access import disputes
from netops.access.record import ledger_path
from netops.clock import utc
from netops.ledger_file import LedgerReader
from netops.report import closed
from netops.sla import calendar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from inventory.model import Contract
    from netops.access.disputes import Known
    from netops.config import Settings
    from netops.dispute.states import Case
    from netops.report.closed import Issue

RUNNING, OVER, ISSUED = "running", "over", "issued"
HOUR = "availability_hour"
HELD = 4


@dataclass(frozen=True, kw_only=True)
class Told:
    """What the ledger tells of all contracts: issues in order, verdicts in order, when hours are sealed, disputes."""

    issues: tuple[Issue, ...] = ()
    verdicts: tuple[Mapping[str, Any], ...] = ()
    hours: Mapping[str, tuple[int, int]] | None = None
    known: Known | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """One contract's month, `[start_ms, end_ms)`: how far it has come, its revisions, the dispute over it."""

    contract: str
    name: str
    start_ms: int
    end_ms: int
    state: str
    issues: tuple[Issue, ...] = ()
    verdicts: Mapping[str, int] | None = None
    case: Case | None = None

    @property
    def last(self) -> Issue | None:
        """The newest revision."""
        return self.issues[-1] if self.issues else None


def read(settings: Settings, contracts: Iterable[str]) -> Told:
    """Return what the ledger tells of these contracts; nothing before there is a ledger."""
    path = ledger_path(settings)
    if not path.exists():
        return Told()
    with LedgerReader(path) as ledger:
        size = ledger.size
    return _read(path, size, tuple(sorted(contracts)))


@lru_cache(maxsize=HELD)
def _read(path: Path, _size: int, contracts: tuple[str, ...]) -> Told:
    with LedgerReader(path) as ledger:
        issued = sorted(ledger.find("report_issued"), key=lambda leaf: leaf.index)
        verdicts = sorted(ledger.find("verdict"), key=lambda leaf: leaf.index)
        found = sorted((leaf for kind in disputes.RESTS_ON for leaf in ledger.find(kind)), key=lambda leaf: leaf.index)
        facts = [(leaf.fact, leaf.fact.at_ms if ledger.rehearsal else leaf.recorded_ms) for leaf in found]
        spans = {name: span for name in contracts if (span := ledger.span_on(name, HOUR)) is not None}
        return Told(
            issues=tuple(closed.issues(issued, rehearsal=ledger.rehearsal)),
            verdicts=tuple(leaf.fact.body for leaf in verdicts),
            hours=spans,
            known=disputes.known(facts, leaves=ledger.size),
        )


def of(contract: Contract, told: Told, *, now_ms: int) -> list[Period]:
    """Return the months of a contract, the newest first: from its first sealed hour or report to the present one."""
    tz = calendar.zone(contract.timezone)
    mine = [each for each in told.issues if each.contract == contract.id]
    first = (told.hours or {}).get(contract.id)
    begins = [each.start_ms for each in mine] + ([first[0]] if first else [])
    if not begins:
        return []
    made, at = [], min(begins)
    until = now_ms if contract.ends_ms is None else min(now_ms, contract.ends_ms)
    while at <= max(until - 1, *(each.start_ms for each in mine), 0):
        name = f"{utc(at).astimezone(tz):%Y-%m}"
        start_ms, at = calendar.month(name, tz)
        issued = tuple(each for each in mine if each.month(tz) == name)
        made.append(_period(contract.id, name, (start_ms, at), issued, told, now_ms=now_ms))
    return made[::-1]


def named(contract: Contract, name: str, told: Told, *, now_ms: int) -> Period | None:
    """Return one month of a contract by its name; None where it has no such month."""
    return next((each for each in of(contract, told, now_ms=now_ms) if each.name == name), None)


def _period(
    contract: str, name: str, span: tuple[int, int], mine: tuple[Issue, ...], told: Told, *, now_ms: int
) -> Period:
    state = ISSUED if mine else (RUNNING if now_ms < span[1] else OVER)
    held = told.known.cases.held if told.known is not None else {}
    last = mine[-1] if mine else None
    return Period(
        contract=contract,
        name=name,
        start_ms=last.start_ms if last else span[0],
        end_ms=last.end_ms if last else span[1],
        state=state,
        issues=mine,
        verdicts=outcomes(told.verdicts, last) if last else None,
        case=held.get((contract, last.start_ms, last.end_ms)) if last else None,
    )


def outcomes(verdicts: Iterable[Mapping[str, Any]], issue: Issue) -> Counter[str]:
    """Return how many objectives met, missed, cannot be determined: by the verdicts sealed last over the period.

    A revision seals all of its verdicts anew, under one digest of inputs.
    """
    inside = [
        each
        for each in verdicts
        if each["contract"] == issue.contract and issue.start_ms <= each["start_ms"] and each["end_ms"] <= issue.end_ms
    ]
    standing = [each for each in inside if each["inputs_digest"] == inside[-1]["inputs_digest"]]
    return Counter(str(each["outcome"]) for each in standing)
