"""The journal of service states: every slot of every service as it was classified, until its hour is sealed.

One SQLite file (`states.db`), written by the core alone; the pages read the sums of
sealed hours beside it. A slot is written once: the same slot
again changes nothing, so a repeated drain is harmless. What was sealed stays as sums per hour, for the pages; the
samples themselves live on in the ledger.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from netops import latecomers, sqlite, unmeasured
from netops.errors import NetopsError
from netops.sla.intervals import Cause, State
from netops.sla.measured import Look
from netops.sla.streams import PROBED
from netops.sla.timeline import Sample

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    import apsw

    from netops.latecomers import Latecomer

HOUR_MS = 3_600_000

_SCHEMA = """
CREATE TABLE IF NOT EXISTS service(no INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS sample(slot_ms INTEGER NOT NULL, no INTEGER NOT NULL, at_ms INTEGER NOT NULL,
    state TEXT NOT NULL, cause TEXT NOT NULL, because TEXT NOT NULL, PRIMARY KEY (slot_ms, no)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS newest(stream TEXT NOT NULL, no INTEGER NOT NULL, slot_ms INTEGER NOT NULL,
    at_ms INTEGER NOT NULL, state TEXT NOT NULL, cause TEXT NOT NULL, because TEXT NOT NULL,
    since_ms INTEGER NOT NULL, uptimes TEXT NOT NULL, PRIMARY KEY (stream, no)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS hour(hour_ms INTEGER NOT NULL, no INTEGER NOT NULL, up_ms INTEGER NOT NULL,
    degraded_ms INTEGER NOT NULL, down_ms INTEGER NOT NULL, unknown_ms INTEGER NOT NULL, worst TEXT NOT NULL,
    PRIMARY KEY (hour_ms, no)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS anchor(slot_ms INTEGER NOT NULL, device TEXT NOT NULL, answered INTEGER NOT NULL,
    PRIMARY KEY (slot_ms, device)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS look(slot_ms INTEGER NOT NULL, no INTEGER NOT NULL, source TEXT NOT NULL,
    metric TEXT NOT NULL, at_ms INTEGER NOT NULL, value REAL, code TEXT NOT NULL,
    PRIMARY KEY (slot_ms, no, source, metric)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS vantage(name TEXT PRIMARY KEY, slot_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sealed(hour_ms INTEGER NOT NULL, contract TEXT NOT NULL,
    PRIMARY KEY (hour_ms, contract)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pending(hour_ms INTEGER PRIMARY KEY);
CREATE TABLE IF NOT EXISTS late(hour_ms INTEGER NOT NULL, no INTEGER NOT NULL, PRIMARY KEY (hour_ms, no)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS later(hour_ms INTEGER NOT NULL, contract TEXT NOT NULL, PRIMARY KEY (hour_ms, contract))
    WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Newest:
    """The last slot of a service: its sample, since when it is in that state, and the uptimes it showed."""

    sample: Sample
    since_ms: int
    uptimes: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class HourSum:
    """One service's sealed hour in milliseconds per state; `worst` is its letter in a strip."""

    service: str
    hour_ms: int
    up_ms: int
    degraded_ms: int
    down_ms: int
    unknown_ms: int
    worst: str


class Journal:
    """The file. Inert until entered; one writer."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: apsw.Connection | None = None
        self._claim: sqlite.Claim | None = None
        self._numbers: dict[str, int] = {}

    def __enter__(self) -> Self:
        self._claim = sqlite.Claim(self._path)
        self._db = sqlite.writer(self._path)
        self._db.execute(_SCHEMA + latecomers.SCHEMA + unmeasured.SCHEMA)
        unmeasured.begin(self._db)
        self._numbers = dict(self._db.execute("SELECT id, no FROM service"))
        return self

    def __exit__(self, *_: object) -> None:
        if self._db is not None:
            sqlite.close(self._db)
        if self._claim is not None:
            self._claim.release()
        self._db = self._claim = None

    def put(
        self,
        samples: Sequence[tuple[str, Sample]],
        *,
        newest: Mapping[str, Mapping[str, Newest]],
        anchors: Iterable[tuple[int, str, bool]] = (),
        looks: Sequence[tuple[str, Look]] = (),
    ) -> None:
        """Keep samples, looks, anchors and what is newest in one durable step; a slot that is known stays as it is."""
        db = self._open()
        with db:
            latecomers.note(db, ((s.slot_ms, self._number(name), "", latecomers.STATE) for name, s in samples))
            latecomers.note(db, ((k.slot_ms, self._number(name), k.source, k.metric) for name, k in looks))
            db.executemany(
                "INSERT OR IGNORE INTO sample VALUES (?, ?, ?, ?, ?, ?)",
                (
                    (s.slot_ms, self._number(service), s.at_ms, s.state.value, s.cause.value, s.because)
                    for service, s in samples
                ),
            )
            db.executemany(
                "INSERT OR REPLACE INTO newest VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    (
                        stream,
                        self._number(service),
                        n.sample.slot_ms,
                        n.sample.at_ms,
                        n.sample.state.value,
                        n.sample.cause.value,
                        n.sample.because,
                        n.since_ms,
                        json.dumps(dict(n.uptimes)),
                    )
                    for stream, services in newest.items()
                    for service, n in services.items()
                ),
            )
            db.executemany(
                "INSERT OR IGNORE INTO look VALUES (?, ?, ?, ?, ?, ?, ?)",
                ((k.slot_ms, self._number(n), k.source, k.metric, k.at_ms, k.value, k.code) for n, k in looks),
            )
            db.executemany(
                "INSERT INTO vantage VALUES (?, ?) ON CONFLICT DO UPDATE SET slot_ms = max(slot_ms, excluded.slot_ms)",
                sorted({(k.vantage, k.slot_ms) for _, k in looks if k.metric.startswith(PROBED)}),
            )
            db.executemany("INSERT OR IGNORE INTO anchor VALUES (?, ?, ?)", ((s, d, int(a)) for s, d, a in anchors))
            db.executemany(
                "INSERT OR IGNORE INTO pending SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM sealed WHERE hour_ms = ?1)",
                ((hour,) for hour in sorted(_hours(each for _, each in samples) | _hours(each for _, each in looks))),
            )

    def late(self) -> dict[int, list[str]]:
        """Return hour → services of the sealed hours that got samples afterwards and were not stated again since."""
        found: dict[int, list[str]] = {}
        rows = self._open().execute("SELECT hour_ms, id FROM late JOIN service USING (no) ORDER BY hour_ms, id")
        for hour, service in rows:
            found.setdefault(int(hour), []).append(str(service))
        return found

    def has_samples(self, hour_ms: int) -> bool:
        """Whether anything of an hour is still here."""
        window = hour_ms, hour_ms + HOUR_MS
        return any(
            self._open().execute(f"SELECT 1 FROM {table} WHERE slot_ms >= ? AND slot_ms < ? LIMIT 1", window).fetchone()  # noqa: S608 - two names of our own
            for table in ("sample", "look")
        )

    def untold(self) -> dict[int, list[Latecomer]]:
        """Return hour → all that came late of it, of the hours of which the ledger has not been told all yet."""
        hours = [int(hour) for (hour,) in self._open().execute("SELECT hour_ms FROM untold ORDER BY hour_ms")]
        return {hour: latecomers.read(self._open(), hour) for hour in hours}

    def told_late(self, hour_ms: int, services: Iterable[str]) -> None:
        """Note that the ledger has been told what came late of an hour, and of which services it said so."""
        db = self._open()
        with db:
            db.executemany(
                "INSERT OR IGNORE INTO late VALUES (?, ?)", ((hour_ms, self._number(each)) for each in services)
            )
            db.execute("DELETE FROM untold WHERE hour_ms = ?", (hour_ms,))

    def restated(self, hour_ms: int, sums: Iterable[HourSum], *, first: bool = False) -> None:
        """Note that an hour of a contract was stated again, with the sums of its services.

        `first`: it waited, and is stated for the first time: nothing that came by now was late.
        """
        db = self._open()
        told = list(sums)
        with db:
            self._keep(told)
            db.executemany(
                "DELETE FROM late WHERE hour_ms = ? AND no = ?", ((hour_ms, self._number(s.service)) for s in told)
            )
            if first:
                db.executemany(
                    "DELETE FROM latecomer WHERE slot_ms >= ?1 AND slot_ms < ?1 + 3600000 AND no = ?2",
                    ((hour_ms, self._number(s.service)) for s in told),
                )

    def newest(self, stream: str) -> dict[str, Newest]:
        """Return the last slot of every service in one stream."""
        rows = self._open().execute(
            "SELECT id, slot_ms, at_ms, state, cause, because, since_ms, uptimes"
            " FROM newest JOIN service USING (no) WHERE stream = ?",
            (stream,),
        )
        return {
            str(service): Newest(
                sample=Sample(slot, at, State(state), Cause(cause), because),
                since_ms=since,
                uptimes=json.loads(uptimes),
            )
            for service, slot, at, state, cause, because, since, uptimes in rows
        }

    def window(self, start_ms: int, end_ms: int) -> dict[str, list[Sample]]:
        """Return the samples of `[start, end)` by service, in order; blind slots are UNKNOWN(monitor)."""
        blind = self.blind(start_ms, end_ms)
        found: dict[str, list[Sample]] = {}
        rows = self._open().execute(
            "SELECT id, slot_ms, at_ms, state, cause, because FROM sample JOIN service USING (no)"
            " WHERE slot_ms >= ? AND slot_ms < ? ORDER BY slot_ms",
            (start_ms, end_ms),
        )
        for service, slot, at, state, cause, because in rows:
            sample = Sample(slot, at, State(state), Cause(cause), because)
            found.setdefault(service, []).append(unseen(sample) if slot in blind else sample)
        return found

    def looks(self, start_ms: int, end_ms: int, *, of: Collection[str] = ()) -> dict[str, list[Look]]:
        """Return what was measured in `[start, end)` for objectives on a metric, by service, in order.

        `of`: only these metrics; empty: all.
        """
        found: dict[str, list[Look]] = {}
        rows = self._open().execute(
            "SELECT id, slot_ms, at_ms, source, metric, value, code FROM look JOIN service USING (no)"
            " WHERE slot_ms >= ?1 AND slot_ms < ?2 AND (?3 = '[]' OR metric IN (SELECT value FROM json_each(?3)))"
            " ORDER BY slot_ms, source, metric",
            (start_ms, end_ms, json.dumps(sorted(of))),
        )
        for service, slot, at, source, metric, value, code in rows:
            look = Look(slot_ms=slot, at_ms=at, source=source, metric=metric, value=value, code=code)
            found.setdefault(service, []).append(look)
        return found

    def blind(self, start_ms: int, end_ms: int) -> frozenset[int]:
        """Return the slots in which not one anchor of our vantage point answered."""
        rows = self._open().execute(
            "SELECT slot_ms FROM anchor WHERE slot_ms >= ? AND slot_ms < ? GROUP BY slot_ms HAVING max(answered) = 0",
            (start_ms, end_ms),
        )
        return frozenset(slot for (slot,) in rows)

    def anchors(self, slot_ms: int) -> tuple[int, int]:
        """Return (asked, answered) anchors of a slot."""
        row = (
            self._open()
            .execute("SELECT count(*), coalesce(sum(answered), 0) FROM anchor WHERE slot_ms = ?", (slot_ms,))
            .fetchone()
        )
        return (0, 0) if row is None else (int(row[0]), int(row[1]))

    def unsealed(self, *, until_ms: int, limit: int) -> list[int]:
        """Return the hours that have samples, end by `until_ms` and are not sealed, oldest first."""
        rows = self._open().execute(
            "SELECT hour_ms FROM pending WHERE hour_ms < ? ORDER BY hour_ms LIMIT ?",
            (until_ms // HOUR_MS * HOUR_MS, limit),
        )
        return [int(hour) for (hour,) in rows]

    def summed_before(self, hour_ms: int) -> int:
        """Return the newest hour before one that has sums; that hour itself when there is none."""
        asked = "SELECT max(hour_ms) FROM unmeasured WHERE hour_ms < ?"
        newest: int | None = self._open().execute(asked, (hour_ms,)).get
        return hour_ms if newest is None else newest

    def keep_gap(self, sums: Iterable[HourSum]) -> None:
        """Keep the sums of an hour that is not sealed: nobody told anything of it."""
        db = self._open()
        with db:
            self._keep(sums)

    def seal(self, hour_ms: int, sums: Mapping[str, Iterable[HourSum]], *, later: Iterable[str] = ()) -> None:
        """Note that the hour of these contracts is judged, with the sums of their services.

        It is in the ledger, but for the contracts `later`: these wait for vantage points.
        """
        db = self._open()
        with db:
            self._keep(s for each in sums.values() for s in each)
            db.executemany("INSERT OR IGNORE INTO sealed VALUES (?, ?)", ((hour_ms, contract) for contract in sums))
            db.executemany("INSERT OR IGNORE INTO later VALUES (?, ?)", ((hour_ms, each) for each in later))
            db.execute("DELETE FROM pending WHERE hour_ms = ?", (hour_ms,))

    def _keep(self, sums: Iterable[HourSum]) -> None:
        told = list(sums)
        self._open().executemany(
            "INSERT OR REPLACE INTO hour VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                (s.hour_ms, self._number(s.service), s.up_ms, s.degraded_ms, s.down_ms, s.unknown_ms, s.worst)
                for s in told
            ),
        )
        unmeasured.note(self._open(), (s.hour_ms for s in told))

    def later(self, *, until_ms: int, limit: int, contract: str = "") -> list[tuple[int, str]]:
        """Return (hour, contract) of hours that end by `until_ms` and wait to be sealed, oldest first."""
        rows = self._open().execute(
            "SELECT hour_ms, contract FROM later WHERE hour_ms < ?1 AND (?2 = '' OR contract = ?2)"
            " ORDER BY hour_ms, contract LIMIT ?3",
            (until_ms // HOUR_MS * HOUR_MS, contract, limit),
        )
        return [(int(hour), str(name)) for hour, name in rows]

    def waited(self, hour_ms: int, contract: str) -> None:
        """Note that the hour of a contract that waited is in the ledger."""
        self._open().execute("DELETE FROM later WHERE hour_ms = ? AND contract = ?", (hour_ms, contract))

    def told(self, since_ms: int) -> dict[str, int]:
        """Return the newest slot that each vantage point has told of since an instant; they tell the oldest first."""
        rows = self._open().execute("SELECT name, slot_ms FROM vantage WHERE slot_ms >= ?", (since_ms,))
        return {str(name): int(slot) for name, slot in rows}

    def sums(self, start_ms: int, end_ms: int) -> dict[str, tuple[int, int, int, int]]:
        """Return (up, degraded, down, unknown) milliseconds of each service over the sealed hours of a window."""
        rows = self._open().execute(
            "SELECT id, sum(up_ms), sum(degraded_ms), sum(down_ms), sum(unknown_ms) FROM hour JOIN service USING (no)"
            " WHERE hour_ms >= ? AND hour_ms < ? GROUP BY no",
            (start_ms, end_ms),
        )
        return {str(row[0]): (int(row[1]), int(row[2]), int(row[3]), int(row[4])) for row in rows}

    def strips(self, start_ms: int, end_ms: int) -> dict[str, dict[int, str]]:
        """Return the letter of each sealed hour of a window, by service and hour."""
        rows = self._open().execute(
            "SELECT id, hour_ms, worst FROM hour JOIN service USING (no) WHERE hour_ms >= ? AND hour_ms < ?",
            (start_ms, end_ms),
        )
        found: dict[str, dict[int, str]] = {}
        for service, hour, worst in rows:
            found.setdefault(str(service), {})[int(hour)] = str(worst)
        return found

    def prune(self, before_ms: int) -> int:
        """Forget samples of sealed hours that are older than `before_ms`; return how many."""
        db = self._open()
        with db:
            db.execute(
                "DELETE FROM sample WHERE slot_ms < ?1 AND slot_ms / ?2 * ?2 IN (SELECT hour_ms FROM sealed)",
                (before_ms, HOUR_MS),
            )
            gone = db.changes()
            db.execute(
                "DELETE FROM look WHERE slot_ms < ?1 AND slot_ms / ?2 * ?2 IN (SELECT hour_ms FROM sealed)",
                (before_ms, HOUR_MS),
            )
            db.execute("DELETE FROM anchor WHERE slot_ms < ?", (before_ms,))
            db.execute("DELETE FROM late WHERE hour_ms < ?", (before_ms,))
            latecomers.forget(db, before_ms)
        return gone

    def _number(self, service: str) -> int:
        number = self._numbers.get(service)
        if number is None:
            db = self._open()
            db.execute("INSERT OR IGNORE INTO service(id) VALUES (?)", (service,))
            number = int(db.execute("SELECT no FROM service WHERE id = ?", (service,)).get)
            self._numbers[service] = number
        return number

    def _open(self) -> apsw.Connection:
        if self._db is None:
            raise NetopsError(f"{self._path}: the journal is not open; enter it first")
        return self._db


def _hours(given: Iterable[Sample] | Iterable[Look]) -> set[int]:
    return {each.slot_ms // HOUR_MS * HOUR_MS for each in given}


def unseen(sample: Sample) -> Sample:
    """Return the slot as nobody's: our vantage point had lost all its anchors."""
    return Sample(sample.slot_ms, sample.at_ms, State.UNKNOWN, Cause.MONITOR, "anchors_lost")
