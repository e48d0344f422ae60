"""Approvals as the ledger has them, with what still waits in a spool; and the way in for new facts.

Reading never writes. A fact counts from the moment that its spool has acknowledged it; the page says until when the
ledger has not sealed it yet.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from netops import drain, facts, spool
from netops.access import approvals
from netops.errors import EvidenceError, NetopsError
from netops.ledger import LedgerReader

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from netops.access.approvals import Approval
    from netops.config import Settings
    from netops.facts import Fact

SOURCES = ("web", "cli")  # whose spools hold what people asked and decided
KINDS = frozenset({"approval_request", "approval_decision"})
PAGE = 1000


def spool_path(settings: Settings, source: str) -> Path:
    """Return the file of a service's spool."""
    return settings.data.dir / "spool" / f"{source}.db"


def ledger_path(settings: Settings) -> Path:
    """Return the file of the ledger."""
    return settings.data.dir / "ledger.db"


def state(settings: Settings, made: Sequence[Fact]) -> tuple[str, int]:
    """State facts from the command line: durable on return; what the core has taken of earlier ones is let go.

    Return source and sequence of the last one.
    """
    with spool.Spool(spool_path(settings, "cli"), source="cli") as mine:
        last = facts.submit(mine, *made)
        source = mine.source
        with contextlib.suppress(NetopsError):  # the facts are safe; the spool only stays longer
            mine.trim(drain.drained(settings, "cli"))
    return source, last


def became(ledger: LedgerReader, source: str, sequence: int) -> int | str | None:
    """Return the leaf of a stated fact, or why the core refused it; None while it waits."""
    leaf = ledger.holds(source, sequence)
    if leaf is not None:
        return leaf
    refused = (each.fact.body for each in ledger.find("fact_refused"))
    return next((str(b["reason"]) for b in refused if (b["source"], b["sequence"]) == (source, sequence)), None)


def read(settings: Settings) -> dict[str, Approval]:
    """Return request id → approval, sealed facts first in the ledger's order, then the waiting ones by time."""
    return approvals.fold(stated(settings, KINDS))


def stated(settings: Settings, kinds: frozenset[str]) -> list[tuple[Fact, bool]]:
    """Return the facts of these kinds and whether each is sealed, in the order of `read`."""
    sealed: set[tuple[str, int]] = set()
    first: list[tuple[Fact, bool]] = []
    if ledger_path(settings).exists():
        with LedgerReader(ledger_path(settings)) as ledger:
            leaves = sorted((leaf for kind in kinds for leaf in ledger.find(kind)), key=lambda leaf: leaf.index)
            first = [(leaf.fact, True) for leaf in leaves]
            sealed = {(leaf.source, leaf.sequence) for leaf in leaves}
            bodies = [leaf.fact.body for leaf in ledger.find("fact_refused")]
            sealed |= {(str(each["source"]), int(str(each["sequence"]))) for each in bodies}  # what will never be
    waiting = [
        fact
        for entry, fact in _waiting(settings)
        if fact.kind in kinds and (entry.source, entry.sequence) not in sealed
    ]
    waiting.sort(key=lambda fact: fact.at_ms)
    return [*first, *((fact, False) for fact in waiting)]


def _waiting(settings: Settings) -> Iterator[tuple[spool.Entry, Fact]]:
    for source in SOURCES:
        path = spool_path(settings, source)
        after = 0
        while path.exists() and (found := spool.read(path, after=after, limit=PAGE)):
            for entry in found:
                with contextlib.suppress(EvidenceError):  # no fact: the core isolates it, and its reason says so
                    if entry.kind == "fact":
                        yield entry, facts.decode(entry.payload)
            after = found[-1].sequence
