"""The embedded store: SQLite for the hot hours, sealed hourly Parquet behind it, no server.

The core's one writer; any number of readers in other processes. A write is durable on return. Sealing and expiry go
little by little: a call handles a bounded number of cells, so that nothing waits for seconds.
"""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Self, TypeVar

import apsw
import duckdb
import pyarrow as pa

from netops import sqlite
from netops.errors import RefusedError, StoreError
from netops.store import cold, hot, past
from netops.store.merge import POLL_COLUMNS, View
from netops.store.rows import packed
from netops.store.values import Expired, Grouped, Outcome, Reading, SealedFile, Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from netops.config import Settings
    from netops.model import Subject
    from netops.packed import Packed, Polled

HOUR_MS = cold.HOUR_MS
DAY_MS = 24 * HOUR_MS
SEAL_CELLS = 400_000  # cells one call of `seal` moves: a fraction of a second
PAST_MS = HOUR_MS // 2  # behind the newest slot: a backlog, which goes into files at once where it is enough for one
FILE_CELLS = 40_000
EXPIRE_FILES = 500
T = TypeVar("T")


def build(settings: Settings, *, writing: bool) -> Embedded:
    """Return the store of the settings, not yet entered."""
    return Embedded(
        settings.data.dir / "telemetry",
        hot_hours=settings.store.hot_hours,
        retention_days=settings.retention.telemetry_days,
        writing=writing,
    )


class Embedded:
    """See the module. `directory` holds `hot.db` and `cold/<kind>/<day>/<hour>-<n>.parquet`."""

    settle_s = 0.0

    def __init__(
        self,
        directory: Path,
        *,
        hot_hours: int = 26,
        retention_days: int = 400,
        writing: bool = False,
        seal_cells: int = SEAL_CELLS,
        file_cells: int = FILE_CELLS,
        vfs: str | None = None,
    ) -> None:
        self.directory = directory
        self.root = directory / "cold"
        self._path = directory / "hot.db"
        self._hot_ms = hot_hours * HOUR_MS
        self._retention_ms = retention_days * DAY_MS
        self._is_writing = writing
        self._seal_cells = seal_cells
        self._file_cells = file_cells
        self._vfs = vfs
        self._lock = threading.RLock()
        self._claim: sqlite.Claim | None = None
        self._writing: hot.Writing | None = None
        self._reading: tuple[apsw.Connection, hot.Names] | None = None
        self._duck: duckdb.DuckDBPyConnection | None = None

    def __enter__(self) -> Self:
        if self._is_writing:
            try:
                self.root.mkdir(parents=True, exist_ok=True)
                self._claim = sqlite.Claim(self._path)
            except OSError as error:
                raise StoreError(
                    f"telemetry {self.directory}: cannot be written ({error}); only the core writes"
                ) from None
            try:
                self._sweep()
            except BaseException:
                self.__exit__()
                raise
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._drop()
            if self._duck is not None:
                self._duck.close()
                self._duck = None
            if self._claim is not None:
                self._claim.release()
                self._claim = None

    def incarnation(self) -> str:
        """There is no server that could restart."""
        return "embedded"

    # ---- writing

    def write(self, polls: Sequence[Polled]) -> None:
        """Keep the polls in one transaction; the first of a `(device, slot_ms)` stays."""
        with self._wrote(f"{len(polls)} polls") as writing:
            fresh: dict[tuple[str, int], Packed] = {}
            for poll in map(packed, polls):
                if not writing.known(poll):
                    fresh.setdefault((poll.device, poll.slot_ms), poll)
            sealed_to = writing.db.execute(
                "SELECT coalesce(max(last_ms), -1) FROM sealed WHERE kind = ?", (cold.POLLS,)
            ).get
            late = [key for key in fresh if key[1] <= sealed_to]
            known = self._ask(lambda view: view.polled(late)) if late else set()
            new = [poll for key, poll in fresh.items() if key not in known]
            before_ms = writing.newest_ms() - PAST_MS
            writing.insert(new, passed=self._seal_past(writing.db, new, before_ms), before_ms=before_ms)

    def seal(self, now_ms: int) -> list[SealedFile]:
        """Move a bounded part of the hours older than the hot ones to Parquet; return the files not yet told."""
        before_ms = (now_ms - self._hot_ms) // HOUR_MS * HOUR_MS
        with self._lock:
            left = self._seal_cells
            with self._wrote("the list of kinds") as writing:
                sealable = [cold.POLLS, *hot.kinds(writing.db)]
            for kind in sealable:
                moved = 1
                while left > 0 and moved:
                    with self._wrote(f"a sealed hour of '{kind}'") as writing:
                        moved = self._seal_part(writing.db, kind, before_ms, left)
                    left -= moved
            with self._wrote("the list of sealed files") as writing:
                sql = "SELECT path, sha256, hour_ms, rows, kind, size FROM sealed WHERE told = 0 ORDER BY hour_ms, path"
                return [
                    SealedFile(path=f"cold/{path}", sha256=sha, hour_ms=hour, rows=rows, kind=kind, size=size)
                    for path, sha, hour, rows, kind, size in sqlite.rows(writing.db, sql)
                ]

    def expire(self, now_ms: int) -> list[Expired]:
        """Delete files whose hour ended longer ago than the retention; return the deletions not yet told."""
        until_ms = now_ms - self._retention_ms - HOUR_MS
        with self._wrote("expiry") as writing:
            sql = (
                "SELECT path, sha256, hour_ms, rows FROM sealed "
                "WHERE hour_ms <= ? AND told = 1 ORDER BY hour_ms, path LIMIT ?"
            )
            old = sqlite.rows(writing.db, sql, (until_ms, EXPIRE_FILES))
            rows = [(*each, "retention") for each in old]
            writing.db.executemany("INSERT OR REPLACE INTO gone VALUES (?, ?, ?, ?, ?)", rows)
            writing.db.executemany("DELETE FROM sealed WHERE path = ?", [each[:1] for each in old])
        for path, *_ in old:
            (self.root / path).unlink(missing_ok=True)
        with self._wrote("expiry") as writing:
            sql = "SELECT path, sha256, hour_ms, rows, why FROM gone ORDER BY hour_ms, path"
            gone = sqlite.rows(writing.db, sql)
        return [
            Expired(path=f"cold/{path}", sha256=sha, hour_ms=hour, rows=rows, why=why)
            for path, sha, hour, rows, why in gone
        ]

    def told(self, facts: Sequence[SealedFile | Expired]) -> None:
        """Remember that these files' digests and deletions are acknowledged facts."""
        with self._wrote("what was told") as writing:
            for fact in facts:
                path = (fact.path.removeprefix("cold/"),)
                if isinstance(fact, SealedFile):
                    writing.db.execute("UPDATE sealed SET told = 1 WHERE path = ?", path)
                else:
                    writing.db.execute("DELETE FROM gone WHERE path = ?", path)

    # ---- reading

    def last(self, kind: str, metrics: Sequence[str], *, now_ms: int, max_age_ms: int) -> list[Reading]:
        """Return the newest reading of each (subject, metric, device)."""
        start_ms, end_ms = now_ms - max_age_ms + 1, now_ms + 1
        return self._ask(lambda view: view.last(kind, metrics, start_ms=start_ms, end_ms=end_ms))

    def series(self, subject: Subject, metric: str, *, start_ms: int, end_ms: int) -> list[Reading]:
        """Return the readings in order of (slot, device)."""
        return self.readings(subject, [metric], start_ms=start_ms, end_ms=end_ms)

    def readings(self, subject: Subject, metrics: Sequence[str], *, start_ms: int, end_ms: int) -> list[Reading]:
        """Return the series of several metrics, one after the other."""
        return self._ask(lambda view: view.readings(subject, metrics, start_ms=start_ms, end_ms=end_ms))

    def grouped(
        self, metric: str, groups: Mapping[Subject, str], *, start_ms: int, end_ms: int, step_ms: int
    ) -> list[Grouped]:
        """Return n, mean and exact p95 of the ok values."""
        return self._ask(lambda view: view.grouped(metric, groups, start_ms=start_ms, end_ms=end_ms, step_ms=step_ms))

    def outcomes(self, *, start_ms: int, end_ms: int, device: str | None = None) -> list[Outcome]:
        """Return one outcome per poll."""
        return self._ask(lambda view: view.outcomes(start_ms=start_ms, end_ms=end_ms, device=device))

    def tally(self, *, start_ms: int, end_ms: int) -> list[Tally]:
        """Return how many polls of each device had which outcome."""
        return self._ask(lambda view: view.tally(start_ms=start_ms, end_ms=end_ms))

    def texts(self, subject: Subject) -> dict[str, str]:
        """Return the newest text of each name."""
        return self._ask(lambda view: view.texts(subject))

    # ---- within

    @contextmanager
    def _wrote(self, what: str) -> Iterator[hot.Writing]:
        """Give the writer a transaction; whatever goes wrong, nothing of it is kept and the file is opened anew."""
        with self._lock:
            try:
                writing = self._writer()
                with writing.db:
                    yield writing
            except (
                apsw.SQLError,
                apsw.ConstraintError,
                apsw.MismatchError,
                apsw.TooBigError,
                apsw.RangeError,
            ) as error:
                self._drop()
                raise RefusedError(f"telemetry {self.directory}: {what} cannot be kept: {error}") from None
            except (apsw.Error, OSError) as error:
                self._drop()
                raise StoreError(
                    f"telemetry {self.directory}: {what} not kept ({error}); it stays in the spool"
                ) from None
            except BaseException:
                self._drop()
                raise

    def _writer(self) -> hot.Writing:
        if self._claim is None:
            raise StoreError(f"telemetry {self.directory}: not open for writing; only the core writes")
        if self._writing is None:
            db = sqlite.writer(self._path, vfs=self._vfs)
            try:
                with db:
                    db.execute(hot.SCHEMA)
                sqlite.settle(db)
            except BaseException:
                sqlite.close(db)
                raise
            self._writing = hot.Writing(db)
        return self._writing

    def _seal_past(self, db: apsw.Connection, polls: Sequence[Packed], before_ms: int) -> set[past.Place]:
        """Write what a backlog brings as files at once, where it is enough for one; return of which kinds and hours."""
        found = past.heaps((poll for poll in polls if poll.slot_ms < before_ms), hour_ms=HOUR_MS)
        enough = {place: heap for place, heap in found.items() if heap.cells >= self._file_cells}
        for (kind, hour_ms), heap in enough.items():
            self._list(db, kind, hour_ms, heap.table(), heap.span())
        return set(enough)

    def _list(self, db: apsw.Connection, kind: str, hour_ms: int, table: pa.Table, span: tuple[int, int]) -> None:
        """Write a file and list it among the sealed ones."""
        further = "SELECT coalesce(max(number), -1) + 1 FROM sealed WHERE kind = ? AND hour_ms = ?"
        number = int(db.execute(further, (kind, hour_ms)).get)
        written = cold.write(self.root, cold.name(kind, hour_ms, number), table, kind=kind)
        columns = json.dumps(table.column_names)
        entry = (written.path, written.sha256, kind, hour_ms, number, *span, len(table), written.size, columns)
        db.execute("INSERT INTO sealed VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)", entry)

    def _seal_part(self, db: apsw.Connection, kind: str, before_ms: int, cells: int) -> int:
        """Seal rows of the oldest hour; return the cells moved, 0 when no hour is old enough."""
        source = "poll" if kind == cold.POLLS else hot.table(kind)
        oldest = db.execute(f"SELECT min(slot_ms) FROM {source}").get  # noqa: S608
        if oldest is None or oldest >= before_ms:
            return 0
        hour_ms = oldest // HOUR_MS * HOUR_MS
        key = "slot_ms, device" if kind == cold.POLLS else "slot_ms, subject, device"
        names = [str(column[1]) for column in sqlite.rows(db, f"PRAGMA table_info({source})")]
        sql = f"SELECT * FROM {source} WHERE slot_ms < ? ORDER BY {key} LIMIT ?"  # noqa: S608
        rows = sqlite.rows(db, sql, (hour_ms + HOUR_MS, max(1, cells // len(names))))
        key_of = itemgetter(*(names.index(column) for column in key.split(", ")))
        first, last = key_of(rows[0]), key_of(rows[-1])
        if kind != cold.POLLS:  # a series lies together in its file: that compresses and reads best
            rows.sort(key=itemgetter(*(names.index(column) for column in ("subject", "slot_ms", "device"))))
        by_name = dict(zip(names, zip(*rows, strict=True), strict=True))
        texts = hot.Names(db).texts()
        table = _polls(by_name, texts) if kind == cold.POLLS else _rows(by_name, texts)
        self._list(db, kind, hour_ms, table, (first[0], last[0]))
        db.execute(f"DELETE FROM {source} WHERE ({key}) <= ({', '.join('?' * len(last))})", last)  # noqa: S608
        return len(rows) * len(names)

    def _ask(self, question: Callable[[View], T]) -> T:
        with self._lock:
            for attempt in (1, 2):
                try:
                    with View(*self._reader(), self._files(), self.root) as view:
                        return question(view)
                except apsw.Error as error:
                    self._drop_reader()
                    raise StoreError(f"telemetry {self.directory}: cannot be read ({error})") from None
                except duckdb.IOException as error:  # a file expired between the list and the reading: look again
                    if attempt == 2:
                        raise StoreError(f"telemetry {self.root}: a sealed file cannot be read ({error})") from None
            raise AssertionError

    def _reader(self) -> tuple[apsw.Connection, hot.Names]:
        if self._reading is None:
            if self._claim is not None:
                self._writer()  # whoever writes has made the file
            if not self._path.exists():
                raise StoreError(f"telemetry {self._path}: there is none yet; the core makes it when it starts")
            db = sqlite.reader(self._path)
            self._reading = (db, hot.Names(db))
        return self._reading

    def _files(self) -> duckdb.DuckDBPyConnection:
        if self._duck is None:
            self._duck = cold.connect(self.root)
        return self._duck

    def _drop(self) -> None:
        self._drop_reader()
        if self._writing is not None:
            sqlite.close(self._writing.db)
            self._writing = None

    def _drop_reader(self) -> None:
        if self._reading is not None:
            sqlite.close(self._reading[0])
            self._reading = None

    def _sweep(self) -> None:
        """Delete what a crash left behind: files written but never listed, or delisted but not yet deleted."""
        with self._wrote("the list of sealed files") as writing:
            listed = {path for (path,) in writing.db.execute("SELECT path FROM sealed")}
        for file in self.root.glob("*/*/*"):
            if file.relative_to(self.root).as_posix() not in listed:
                file.unlink(missing_ok=True)


def _polls(columns: Mapping[str, Sequence[Any]], texts: Mapping[int, str]) -> pa.Table:
    spoken = ("device", "outcome", "profile", "digest")
    floats = ("rtt_ms", "lag_ms")
    made = {}
    for name in POLL_COLUMNS:
        kept_as = pa.float64() if name in floats else pa.int64()
        made[name] = _texts(columns[name], texts) if name in spoken else pa.array(columns[name], kept_as)
    return pa.table(made)


def _rows(columns: Mapping[str, Sequence[Any]], texts: Mapping[int, str]) -> pa.Table:
    made = {
        "subject": _texts(columns["subject"], texts),
        "device": _texts(columns["device"], texts),
        "slot_ms": pa.array(columns["slot_ms"], pa.int64()),
        "at_ms": pa.array(columns["at_ms"], pa.int64()),
    }
    for name, cells in columns.items():
        if name[0] == "m" and any(cell is not None for cell in cells):
            made[texts[int(name[1:])]] = pa.array(cells, pa.float64())
        elif name[0] == "c" and any(cell is not None for cell in cells):
            made[f"{texts[int(name[1:])]}:code"] = _texts(cells, texts)
    return pa.table(made)


def _texts(numbers: Sequence[int | None], texts: Mapping[int, str]) -> Any:
    return pa.array([None if number is None else texts[number] for number in numbers], pa.string()).dictionary_encode()
