"""The spool: a service's own fsynced queue, one SQLite file per source, between what happened and what is kept.

`put` returns after fsync, and that return is the acknowledgement: whatever happens afterwards, the record is handed to
the core under its `(source, sequence)`. A sequence is never used twice, not after a trim and not after a lost file: a
new file has a new source name. One process writes; the core reads from another process. The polls of one `put` are
compressed together (`netops/blocks.py`); each keeps its own sequence, and readers see records, not blocks.

What stands here: the file, its cap, its recovery. Not here: what the payloads mean (`netops/wire.py`,
`netops/facts.py`) and how far the core has read (`netops/drain.py`).
"""

from __future__ import annotations

import logging
import os
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import apsw

from netops import blocks, sqlite
from netops.errors import SpoolError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

log = logging.getLogger(__name__)
KINDS = frozenset({"poll", "fact"})
CAP_BYTES = 4 << 30
PAYLOAD_BYTES = 32 << 20  # one payload; a larger one is a programming error, not traffic
READ_BYTES = 24 << 20  # what one `read` hands over at most, beyond its first record: memory is bounded (I6)
FACTS_ROOM = 64  # facts may go beyond the cap by this part of it: that polls are given up is itself a fact
RECORD_OVERHEAD = 32  # bytes of SQLite's own per record, for the cap's arithmetic

# a row with `first` is a block: the records `first` to `sequence`
_SCHEMA = """
CREATE TABLE IF NOT EXISTS about(one INTEGER PRIMARY KEY CHECK (one = 1), source TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS record(
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, payload BLOB NOT NULL, first INTEGER);
CREATE TABLE IF NOT EXISTS trimmed(one INTEGER PRIMARY KEY CHECK (one = 1), upto INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS record_kind ON record(kind, sequence);
CREATE TABLE IF NOT EXISTS mark(name TEXT PRIMARY KEY, upto INTEGER NOT NULL) WITHOUT ROWID;
"""
_WAITING = (
    "SELECT coalesce(sum(sequence - max(coalesce(first, sequence), ?1 + 1) + 1), 0) FROM record WHERE sequence > ?1"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One record as the core reads it; `(source, sequence)` is unique for ever."""

    sequence: int
    kind: str
    payload: bytes
    source: str


@dataclass(frozen=True, slots=True)
class Piece:
    """What is stored and let go as one: the records `first` to `last`."""

    first: int
    last: int
    kind: str
    size: int


class Spool:
    """The writing side. Inert until entered; safe to share between threads of one process.

    After any failed write the connection is dropped, and before the next acknowledgement the file is opened anew, its
    write-ahead log copied into the main file with fsync, and what was refused is taken out again: a page that the
    kernel only pretends to have written is never built upon.
    """

    def __init__(
        self, path: Path, *, source: str, cap_bytes: int = CAP_BYTES, wait_s: float = 10.0, vfs: str | None = None
    ) -> None:
        self.path = path
        self.cap_bytes = cap_bytes
        self._name = source
        self._source = ""
        self._wait_s = wait_s
        self._vfs = vfs
        self._lock = threading.RLock()
        self._claim: sqlite.Claim | None = None
        self._db: apsw.Connection | None = None
        self._acknowledged: int | None = None  # None until the file's own content is known to be ours
        self._held = 0
        self._marks: dict[str, int] = {}

    def __enter__(self) -> Self:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._claim = sqlite.Claim(self.path, wait_s=self._wait_s)
        except OSError as error:
            remedy = "one process writes a spool"
            if isinstance(error, PermissionError):
                remedy = "it is another user's; `netops doctor` says whose it is to be"
            raise SpoolError(f"spool {self.path}: cannot be opened for writing ({error}); {remedy}") from None
        try:
            self._connection()
        except BaseException:
            self._claim.release()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._drop()
            if self._claim is not None:
                self._claim.release()
                self._claim = None

    @property
    def source(self) -> str:
        """The name under which the records go: the service's name and the file's own mark, `collect/3f2a91bc`."""
        return self._source

    def put(self, kind: str, payloads: Sequence[bytes], *, mark: tuple[str, int] | None = None) -> int:
        """Keep all payloads or none; return the last sequence after fsync. SpoolError: nothing was acknowledged.

        `mark` is for who hands on the records of others: how far it has come with one of them, kept in the same step.
        """
        if kind not in KINDS:
            raise SpoolError(f"spool {self.path}: kind '{kind}' is unknown; expected one of {', '.join(sorted(KINDS))}")
        if any(len(payload) > PAYLOAD_BYTES for payload in payloads):
            raise SpoolError(f"spool {self.path}: a payload is over {PAYLOAD_BYTES} bytes; send it in parts")
        groups = list(blocks.split(payloads)) if kind == "poll" else []
        rows = [(len(each), blocks.pack(each)) for each in groups] or [(0, payload) for payload in payloads]
        size = sum(len(stored) + RECORD_OVERHEAD for _, stored in rows)
        with self._lock:
            try:
                self._connection()  # who was dropped must know first what it holds
                cap = self.cap_bytes + (self.cap_bytes // FACTS_ROOM if kind == "fact" else 0)
                if self._held + size > cap:
                    raise SpoolError(
                        f"spool {self.path}: {self._held} bytes wait, the cap is {cap}; does the core run?"
                    )
                return self._put(kind, rows, size, mark)
            except (apsw.Error, OSError) as error:
                self._drop()
                raise SpoolError(
                    f"spool {self.path}: none of {len(payloads)} records was kept ({error}); is the disk full?"
                ) from None

    def trim(self, upto: int) -> None:
        """Delete the records up to and including `upto`: the core has said that they are in store and ledger."""
        with self._lock:
            try:
                db = self._connection()
                with db:
                    db.execute("DELETE FROM record WHERE sequence <= ?", (upto,))
                    db.execute("INSERT OR REPLACE INTO trimmed VALUES (1, max(?, ?))", (upto, _trimmed(db)))
                self._held = _held(db)
            except (apsw.Error, OSError) as error:
                self._drop()
                raise SpoolError(f"spool {self.path}: cannot be trimmed now ({error}); it is kept whole") from None

    def backlog(self) -> int:
        """Return how many records wait."""
        with self._lock:
            try:
                db = self._connection()
                return int(db.execute(_WAITING, (_trimmed(db),)).get)
            except apsw.Error as error:
                self._drop()
                raise SpoolError(f"spool {self.path}: cannot be read ({error})") from None

    def marked(self, name: str) -> int:
        """Return how far `put` came with this mark, 0 when it was never set."""
        with self._lock:
            self._connection()
            return self._marks.get(name, 0)

    def marks(self) -> list[str]:
        """Return the names of all marks."""
        with self._lock:
            self._connection()
            return list(self._marks)

    @property
    def held_bytes(self) -> int:
        """Bytes that wait, as the cap counts them."""
        return self._held

    def _put(self, kind: str, rows: Sequence[tuple[int, bytes]], size: int, mark: tuple[str, int] | None) -> int:
        """Keep rows: blocks with how many records they hold, or single records with 0."""
        db = self._connection()
        if not rows and mark is None:
            return self._acknowledged or 0
        last = self._acknowledged or 0
        with db:
            if rows:
                given = last = _given(db)  # beyond what was acknowledged, when something was refused
                made = []
                for count, stored in rows:
                    last += max(count, 1)
                    made.append((last, kind, stored, given + 1 if count else None))
                    given = last
                db.executemany("INSERT INTO record(sequence, kind, payload, first) VALUES (?, ?, ?, ?)", made)
            if mark is not None:
                db.execute("INSERT OR REPLACE INTO mark VALUES (?, ?)", mark)
        if mark is not None:
            self._marks[mark[0]] = mark[1]
        self._acknowledged = last
        self._held += size
        return last

    def _connection(self) -> apsw.Connection:
        if self._claim is None:
            raise SpoolError(f"spool {self.path}: it is closed; use it as a context manager")
        if self._db is None:
            try:
                self._db = self._opened()
            except (apsw.Error, OSError) as error:
                raise SpoolError(f"spool {self.path}: cannot be opened ({error}); nothing was kept") from None
        return self._db

    def _opened(self) -> apsw.Connection:
        db = sqlite.writer(self.path, vfs=self._vfs)
        try:
            with db:
                db.execute(_SCHEMA)
                if not _has_blocks(db):  # a spool of an older program
                    db.execute("ALTER TABLE record ADD COLUMN first INTEGER")
                mark = f"{self._name}/{os.urandom(4).hex()}"
                db.execute("INSERT OR IGNORE INTO about VALUES (1, ?)", (mark,))
                if self._acknowledged is not None:
                    db.execute("DELETE FROM record WHERE sequence > ?", (self._acknowledged,))
                    db.execute("DELETE FROM mark")  # one that was refused may stand there
                    db.executemany("INSERT INTO mark VALUES (?, ?)", list(self._marks.items()))
            source = str(db.execute("SELECT source FROM about").get)
            self._expect(source)
            sqlite.settle(db)
            self._source = source
            self._held = _held(db)
            if self._acknowledged is None:
                self._acknowledged = _given(db)
                self._marks = {str(name): int(upto) for name, upto in db.execute("SELECT name, upto FROM mark")}
        except BaseException:
            sqlite.close(db)
            raise
        return db

    def _expect(self, source: str) -> None:
        if source.rpartition("/")[0] != self._name:
            raise SpoolError(f"spool {self.path}: it is of '{source}', not of '{self._name}'; each service has its own")

    def _drop(self) -> None:
        if self._db is not None:
            sqlite.close(self._db)
            self._db = None


class Reader:
    """The reading side, for another process: opens read-only, never blocks the writer."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db: apsw.Connection | None = None
        self._knows_blocks = False

    def __enter__(self) -> Self:
        try:
            self._db = sqlite.reader(self.path)
            self._db.limit(apsw.SQLITE_LIMIT_LENGTH, 2 * PAYLOAD_BYTES)  # nor may a row be computed without end
        except apsw.Error as error:
            raise SpoolError(f"spool {self.path}: cannot be read ({error})") from None
        return self

    def __exit__(self, *_: object) -> None:
        if self._db is not None:
            sqlite.close(self._db)
            self._db = None

    def source(self) -> str:
        """Return the file's source name, empty as long as no writer has opened it."""
        assert self._db is not None
        try:
            return str(self._db.execute("SELECT source FROM about").get or "")
        except apsw.SQLError:
            return ""
        except apsw.Error as error:
            raise SpoolError(f"spool {self.path}: cannot be read ({error})") from None

    def newest(self) -> int:
        """Return the highest sequence that was ever given, 0 when none was."""
        with self._asking() as db:
            return _given(db)

    def read(self, *, after: int, limit: int, kind: str = "") -> list[Entry]:
        """Return up to `limit` records (of one kind) beyond sequence `after`, in order; fewer when they are large."""
        found: list[Entry] = []
        size = 0
        source = self.source()
        if not source:
            return found
        after = max(after, self._floor())
        for last, told, stored, first in self._rows("payload", after, limit, kind):
            for entry in _entries(last, told, stored, first, source):
                if entry.sequence <= after:
                    continue
                size += len(entry.payload)
                if len(found) == limit or (found and size > READ_BYTES):
                    return found
                found.append(entry)
        return found

    def pieces(self, *, after: int, limit: int) -> list[Piece]:
        """Return up to `limit` pieces beyond sequence `after`, with the bytes that each takes of the cap."""
        after = max(after, self._floor())
        return [
            Piece(max(after + 1, last if first is None else first), last, kind, size + RECORD_OVERHEAD)
            for last, kind, size, first in self._rows("length(payload)", after, limit, "")
        ]

    def newest_pieces(self, *, limit: int) -> list[Piece]:
        """Return the newest pieces, up to `limit`, in order."""
        with self._asking() as db:
            before = db.execute("SELECT sequence FROM record ORDER BY sequence DESC LIMIT 1 OFFSET ?", (limit,)).get
        return self.pieces(after=before or 0, limit=limit)

    def held(self) -> tuple[int, int]:
        """Return how many records wait and the bytes they take of the cap."""
        with self._asking() as db:
            waiting = _WAITING if self._has_blocks() else "SELECT count(*) FROM record WHERE sequence > ?1"
            return int(db.execute(waiting, (_trimmed(db),)).get), _held(db)

    def _rows(self, what: str, after: int, limit: int, kind: str) -> Iterator[tuple[int, str, Any, int | None]]:
        with self._asking() as db:
            only = "kind = ? AND" if kind else "? = '' AND"
            first = "first" if self._has_blocks() else "NULL"
            sql = f"SELECT sequence, kind, {what}, {first} FROM record WHERE {only} sequence > ?"  # noqa: S608
            yield from db.execute(sql + " ORDER BY sequence LIMIT ?", (kind, after, limit))

    def _floor(self) -> int:
        with self._asking() as db:
            return _trimmed(db)

    @contextmanager
    def _asking(self) -> Iterator[apsw.Connection]:
        assert self._db is not None
        try:
            yield self._db
        except apsw.Error as error:
            raise SpoolError(f"spool {self.path}: cannot be read ({error})") from None

    def _has_blocks(self) -> bool:
        assert self._db is not None
        self._knows_blocks = self._knows_blocks or _has_blocks(self._db)
        return self._knows_blocks


def read(path: Path, *, after: int, limit: int) -> list[Entry]:
    """Open `path` read-only, return up to `limit` records beyond sequence `after`, and close it."""
    with Reader(path) as reader:
        return reader.read(after=after, limit=limit)


def _held(db: apsw.Connection) -> int:
    sql = f"SELECT coalesce(sum(length(payload) + {RECORD_OVERHEAD}), 0) FROM record"  # noqa: S608  (a constant)
    return int(db.execute(sql).get)


def _given(db: apsw.Connection) -> int:
    return int(db.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence").get)


def _trimmed(db: apsw.Connection) -> int:
    """Return up to where records were let go, though the block that holds the last of them may still lie there."""
    try:
        return int(db.execute("SELECT upto FROM trimmed").get or 0)
    except apsw.SQLError:
        return 0  # a spool that an older program made, and no newer one has opened


def _has_blocks(db: apsw.Connection) -> bool:
    return any(column[1] == "first" for column in db.execute("PRAGMA table_info(record)"))


def _entries(last: int, kind: str, stored: bytes, first: int | None, source: str) -> list[Entry]:
    """Return the records of a row. A block that is none is one record, for the core to isolate with its bytes."""
    if first is None:
        return [Entry(last, kind, stored, source)]
    try:
        payloads = blocks.unpack(stored, count=last - first + 1, bound=max(blocks.BYTES, PAYLOAD_BYTES))
    except (SpoolError, TypeError) as error:
        log.warning("block not read", extra={"source": source, "first": first, "last": last, "why": str(error)})
        return [Entry(last, kind, stored, source)]
    return [Entry(sequence, kind, payload, source) for sequence, payload in enumerate(payloads, first)]
