"""What came after its hour was sealed: which samples and looks, as the journal notes them and the ledger is told.

The ledger gets one `late_samples` for each hour of each contract, another when more has come since: how many by then,
from where, and their digest. Who says which hours are corrected is thereby not who says which could be. ADR 29.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from netops.evidence import canonical
from netops.facts import Fact
from netops.ledger import LedgerEntry
from netops.sealing import number
from netops.sla import hours
from netops.sla.streams import PROBED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import apsw

    from netops.ledger_file import LedgerReader

KIND = "late_samples"
STATE = ""  # the metric of a sample of the state itself
_HOUR_MS = hours.HOUR_MS

SCHEMA = """
CREATE TABLE IF NOT EXISTS latecomer(slot_ms INTEGER NOT NULL, no INTEGER NOT NULL, source TEXT NOT NULL,
    metric TEXT NOT NULL, PRIMARY KEY (slot_ms, no, source, metric)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS untold(hour_ms INTEGER PRIMARY KEY);
"""

Place = tuple[int, int, str, str]  # slot, number of the service, source, metric


class Latecomer(NamedTuple):
    """One that came late: a sample of the state (no source, no metric), or a look at a metric."""

    service: str
    slot_ms: int
    source: str
    metric: str
    said: tuple[str | int, ...]

    def seen_from(self, ours: str) -> str:
        """Return the vantage point: the prober's own, or the collector's for what a device's doors told."""
        return self.source.partition("/")[0] if self.metric.startswith(PROBED) else ours


def note(db: apsw.Connection, places: Iterable[Place]) -> None:
    """Keep which of these come only now that their hour is sealed; to be called before they are in the journal."""
    over: dict[int, bool] = {}
    for place in places:
        hour = place[0] // _HOUR_MS * _HOUR_MS
        if hour not in over:
            over[hour] = db.execute("SELECT 1 FROM sealed WHERE hour_ms = ?", (hour,)).fetchone() is not None
        if over[hour] and not _is_known(db, place):
            db.execute("INSERT OR IGNORE INTO latecomer VALUES (?, ?, ?, ?)", place)
            db.execute("INSERT OR IGNORE INTO untold VALUES (?)", (hour,))
            if place[3] == STATE:  # whether a look is late depends on its contract: it may wait for vantage points
                db.execute("INSERT OR IGNORE INTO late VALUES (?, ?)", (hour, place[1]))


def _is_known(db: apsw.Connection, place: Place) -> bool:
    if place[3] == STATE:
        return db.execute("SELECT 1 FROM sample WHERE slot_ms = ? AND no = ?", place[:2]).fetchone() is not None
    sql = "SELECT 1 FROM look WHERE slot_ms = ? AND no = ? AND source = ? AND metric = ?"
    return db.execute(sql, place).fetchone() is not None


def read(db: apsw.Connection, hour_ms: int) -> list[Latecomer]:
    """Return all that came late of an hour, in order."""
    window = hour_ms, hour_ms + _HOUR_MS
    samples = db.execute(
        "SELECT id, slot_ms, source, metric, at_ms, state, cause, because"
        " FROM latecomer JOIN sample USING (slot_ms, no) JOIN service USING (no)"
        " WHERE metric = '' AND slot_ms >= ? AND slot_ms < ?",
        window,
    )
    looks = db.execute(
        "SELECT id, slot_ms, source, metric, at_ms, coalesce(CAST(value AS TEXT), ''), code"
        " FROM latecomer JOIN look USING (slot_ms, no, source, metric) JOIN service USING (no)"
        " WHERE slot_ms >= ? AND slot_ms < ?",
        window,
    )
    rows: list[Any] = [*samples, *looks]
    return sorted(Latecomer._make((*row[:4], tuple(row[4:]))) for row in rows)


def forget(db: apsw.Connection, before_ms: int) -> None:
    """Forget what came late of slots before an instant."""
    db.execute("DELETE FROM latecomer WHERE slot_ms < ?", (before_ms,))
    db.execute("DELETE FROM untold WHERE hour_ms < ?", (before_ms,))


def facts(
    ledger: LedgerReader, hour_ms: int, found: Sequence[Latecomer], *, ours: str, now_ms: int
) -> Iterator[LedgerEntry]:
    """Yield what the ledger does not know yet of an hour, for each contract that stated it."""
    stated = (leaf.fact.body for leaf in ledger.find(hours.KIND, start_ms=hour_ms, end_ms=hour_ms + 1))
    named = {(str(body["contract"]), str(body["roster"])) for body in stated}
    sold = _sold(ledger, named) if found else {}
    for contract, services in sorted(sold.items()):
        mine = [each for each in found if each.service in services]
        if mine:
            entry = _fact(contract, hour_ms, mine, ours=ours, now_ms=now_ms)
            if ledger.holds(entry.source, entry.sequence) is None:
                yield entry


def _sold(ledger: LedgerReader, named: set[tuple[str, str]]) -> Mapping[str, set[str]]:
    """Return the services of each contract in the rosters that its hour names."""
    made: dict[str, set[str]] = {}
    for leaf in ledger.find(hours.ROSTER):
        body: Any = leaf.fact.body
        if (body["contract"], body["roster"]) in named:
            made.setdefault(body["contract"], set()).update(row[0] for row in body["services"])
    return made


def _fact(contract: str, hour_ms: int, found: Sequence[Latecomer], *, ours: str, now_ms: int) -> LedgerEntry:
    digest = canonical.digest(canonical.dumps([[*each[:4], *each.said] for each in found]))
    vantages = Counter(each.seen_from(ours) for each in found)
    body: Any = {
        "contract": contract,
        "start_ms": hour_ms,
        "services": len({each.service for each in found}),
        "samples": len(found),
        "vantages": dict(sorted(vantages.items())),
        "digest": digest,
    }
    return LedgerEntry(f"late:{contract}", number(digest), Fact(kind=KIND, at_ms=now_ms, body=body))
