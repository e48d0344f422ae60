"""The archive of raw replies: what devices really sent, kept for a dispute.

Replies of a batch of polls are packed into chunks (zstd) and appended to one segment file per day and class:
`raw/evidence/2026-10-01.seg`, `raw/other/2026-10-01.seg`. The SHA-256 of a chunk's content goes to the ledger and stays
there for ever; the bytes expire with their segment, and that is a fact too. The index (apsw) knows every chunk; it is
committed after the segment is synced, so a torn tail is never referred to and is overwritten by the next chunk.

The disk budget deletes `other` before its time; evidence never: when only evidence is left, keeping fails, the backlog
stays in the spool, and in the end polling stops with gaps of ours.
"""

from __future__ import annotations

import hashlib
import os
import struct
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import apsw

from netops import chunks, frames, sqlite, wire
from netops.chunks import DAY_MS, MAGIC
from netops.clock import utc
from netops.errors import SpoolError, StoreError
from netops.store.values import Expired

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from netops.config import Settings
    from netops.packed import Polled

CONTENT_BOUND: Final = chunks.CHUNK_BYTES + wire.RAW_BYTES + 65_536
CLASSES: Final = ("evidence", "other")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS segment(
    path TEXT PRIMARY KEY, class TEXT NOT NULL, day_ms INTEGER NOT NULL, size INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS chunk(
    number INTEGER PRIMARY KEY AUTOINCREMENT, segment TEXT NOT NULL, offset INTEGER NOT NULL, length INTEGER NOT NULL,
    sha256 TEXT NOT NULL, start_ms INTEGER NOT NULL, end_ms INTEGER NOT NULL, polls INTEGER NOT NULL,
    told INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS chunk_when ON chunk(start_ms, end_ms);
CREATE INDEX IF NOT EXISTS chunk_where ON chunk(segment);
CREATE INDEX IF NOT EXISTS chunk_untold ON chunk(number) WHERE told = 0;
CREATE TABLE IF NOT EXISTS kept(source TEXT PRIMARY KEY, upto INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS gone(
    number INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT NOT NULL, sha256 TEXT NOT NULL, day_ms INTEGER NOT NULL,
    polls INTEGER NOT NULL, why TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A chunk as the ledger names it; `number` is never given twice. `[start_ms, end_ms)` holds its slots."""

    number: int
    file: str
    sha256: str
    start_ms: int
    end_ms: int
    polls: int
    size: int


def frame(replies: Iterable[bytes]) -> bytes:
    """Return the replies of one poll as one string: each with its length (4 bytes, big endian) before it."""
    return b"".join(struct.pack(">I", len(reply)) + reply for reply in replies)


def unframe(raw: bytes) -> list[bytes]:
    """Return the replies that `frame` joined; StoreError when the lengths do not add up."""
    replies = []
    at = 0
    while at < len(raw):
        (length,) = struct.unpack_from(">I", raw, at) if at + 4 <= len(raw) else (len(raw),)
        if at + 4 + length > len(raw):
            raise StoreError("raw replies: a length points beyond the end; expected what `netops.raw.frame` makes")
        replies.append(raw[at + 4 : at + 4 + length])
        at += 4 + length
    return replies


def build(settings: Settings, *, writing: bool = False) -> Archive:
    """Return the archive of the settings, not yet entered. Only the core passes `writing=True`."""
    keep = settings.retention
    return Archive(
        settings.data.dir / "raw",
        days={"evidence": keep.raw_evidence_days, "other": keep.raw_days},
        budget_bytes=keep.raw_budget_mb << 20,
        writing=writing,
    )


class Archive:
    """See the module. Inert until entered; one writer, any number of readers."""

    def __init__(
        self, directory: Path, *, days: dict[str, int], budget_bytes: int, writing: bool = False, vfs: str | None = None
    ) -> None:
        self.directory = directory
        self._path = directory / "index.db"
        self._days = days
        self._budget = budget_bytes
        self._is_writing = writing
        self._vfs = vfs
        self._lock = threading.RLock()
        self._claim: sqlite.Claim | None = None
        self._db: apsw.Connection | None = None

    def __enter__(self) -> Self:
        if self._is_writing:
            try:
                self.directory.mkdir(parents=True, exist_ok=True)
                self._claim = sqlite.Claim(self._path)
            except OSError as error:
                raise StoreError(f"raw archive {self.directory}: cannot be written ({error})") from None
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._drop()
            if self._claim is not None:
                self._claim.release()
                self._claim = None

    def keep(
        self,
        source: str,
        records: Sequence[tuple[int, Polled]],
        *,
        bears: Callable[[Polled], bool] = lambda _: True,
        ready: chunks.Ready | None = None,
    ) -> None:
        """Append the raw replies of `(sequence, poll)` of a spool; what was kept before is passed over.

        `bears` says whether a poll bears on an objective: then its bytes are kept as evidence. `ready` is what
        `prepare` made of these very records: it is used when all of them are new. Durable on return.
        """
        if not records:
            return
        with self._wrote(f"the replies of {len(records)} polls") as db:
            upto = db.execute("SELECT upto FROM kept WHERE source = ?", (source,)).get or 0
            if ready is None or records[0][0] <= upto:
                ready = chunks.prepare([(sequence, poll) for sequence, poll in records if sequence > upto], bears=bears)
            for (rank, day_ms), made in ready.items():
                self._append(db, rank, day_ms, made)
            newest = max(upto, *(sequence for sequence, _ in records))
            db.execute("INSERT OR REPLACE INTO kept VALUES (?, ?)", (source, newest))

    def join(self, source: str, other: str) -> None:
        """Count what was kept under the name `other` as kept of `source`: from here on they are one way."""
        with self._wrote("which replies are kept") as db:
            upto = max(
                int(db.execute("SELECT upto FROM kept WHERE source = ?", (name,)).get or 0) for name in (source, other)
            )
            db.execute("INSERT OR REPLACE INTO kept VALUES (?, ?)", (source, upto))
            db.execute("DELETE FROM kept WHERE source = ?", (other,))

    def untold(self, limit: int = 1000) -> list[Chunk]:
        """Return chunks whose digest is not yet an acknowledged fact."""
        sql = (
            "SELECT number, segment, sha256, start_ms, end_ms, polls, length FROM chunk WHERE told = 0 "
            "ORDER BY number LIMIT ?"
        )
        with self._wrote("the list of chunks") as db:
            return [
                Chunk(number=number, file=file, sha256=sha, start_ms=start, end_ms=end, polls=polls, size=size)
                for number, file, sha, start, end, polls, size in sqlite.rows(db, sql, (limit,))
            ]

    def told(self, facts: Sequence[Chunk | Expired]) -> None:
        """Remember that these digests and deletions are acknowledged facts."""
        with self._wrote("what was told") as db:
            for fact in facts:
                if isinstance(fact, Chunk):
                    db.execute("UPDATE chunk SET told = 1 WHERE number = ?", (fact.number,))
                else:
                    db.execute("DELETE FROM gone WHERE path = ? AND sha256 = ?", (fact.path, fact.sha256))

    def fetch(self, poll_id: str) -> bytes:
        """Return the framed replies of a poll, checked against their digest; StoreError says why there are none."""
        return self.traced(poll_id)[2]

    def traced(self, poll_id: str) -> tuple[str, str, bytes]:
        """Return the segment's file, the chunk's SHA-256 as the ledger names it, and the framed replies of a poll."""
        slot = poll_id.rpartition("@")[2]
        if not slot.isascii() or not slot.isdigit():
            raise StoreError(f"raw replies of {poll_id!r:.80}: expected an id like 'ac-1@1790812800000'")
        sql = "SELECT segment, offset, length, sha256 FROM chunk WHERE start_ms <= ?1 AND end_ms > ?1 ORDER BY number"
        with self._lock:
            try:
                places = sqlite.rows(self._reader(), sql, (int(slot),))
            except apsw.Error as error:
                self._drop()
                raise StoreError(f"raw archive {self.directory}: cannot be read ({error})") from None
        for segment, offset, length, sha256 in places:
            for found, raw in chunks.polls_of(self._content(segment, offset, length, sha256)):
                if found == poll_id:
                    return segment, sha256, raw
        raise StoreError(f"raw replies of {poll_id}: none are kept; no reply came, or their time is over")

    def size(self) -> int:
        """Return the bytes of all segments."""
        with self._lock:
            return int(self._reader().execute("SELECT coalesce(sum(size), 0) FROM segment").get)

    def expire(self, now_ms: int) -> list[Expired]:
        """Delete segments past their days, and `other` ones beyond the budget; return the deletions not yet told."""
        with self._wrote("expiry") as db:
            segments = sqlite.rows(db, "SELECT path, class, day_ms, size FROM segment ORDER BY day_ms, path")
            over = sum(segment[3] for segment in segments) - self._budget
            for path, rank, day_ms, size in segments:
                late = day_ms + DAY_MS * (self._days[rank] + 1) <= now_ms
                if late or (over > 0 and rank == "other"):
                    over -= size
                    _let_go(db, path, day_ms, "retention" if late else "budget")
        with self._wrote("expiry") as db:
            gone = sqlite.rows(db, "SELECT path, sha256, day_ms, polls, why FROM gone ORDER BY day_ms, path")
            kept = {path for (path,) in sqlite.rows(db, "SELECT path FROM segment")}
            for path in {each[0] for each in gone} - kept:  # a late poll may have opened the day anew
                (self.directory / path).unlink(missing_ok=True)
        return [Expired(path=path, sha256=sha, hour_ms=day, rows=polls, why=why) for path, sha, day, polls, why in gone]

    # ---- within

    def _append(self, db: apsw.Connection, rank: str, day_ms: int, chunks_: Sequence[chunks.Made]) -> None:
        path = f"{rank}/{utc(day_ms):%Y-%m-%d}.seg"
        size = int(db.execute("SELECT size FROM segment WHERE path = ?", (path,)).get or 0)
        written = bytearray()
        for made in chunks_:
            place = (path, size + len(written), len(made.octets), made.sha256, made.start_ms, made.end_ms, made.polls)
            db.execute(
                "INSERT INTO chunk(segment, offset, length, sha256, start_ms, end_ms, polls) VALUES (?,?,?,?,?,?,?)",
                place,
            )
            written += made.octets
        self._within_budget(db, rank, len(written))
        _extend(self.directory / path, size, written)
        total = size + len(written)
        db.execute("INSERT OR REPLACE INTO segment VALUES (?, ?, ?, ?)", (path, rank, day_ms, total))

    def _within_budget(self, db: apsw.Connection, rank: str, more: int) -> None:
        evidence = int(db.execute("SELECT coalesce(sum(size), 0) FROM segment WHERE class = 'evidence'").get)
        if rank == "evidence" and evidence + more > self._budget:
            raise StoreError(
                f"raw archive {self.directory}: {evidence} bytes of evidence fill the budget of {self._budget}; "
                "raise retention.raw_budget_mb, nothing of it may be deleted yet"
            )

    def _content(self, segment: str, offset: int, length: int, sha256: str) -> bytes:
        where = f"raw archive {self.directory / segment}, offset {offset}"
        try:
            with (self.directory / segment).open("rb") as file:
                file.seek(offset)
                chunk = file.read(length)
        except OSError as error:
            raise StoreError(f"{where}: cannot be read ({error})") from None
        if chunk[:4] != MAGIC or chunk[4:8] != struct.pack(">I", length - 8) or len(chunk) != length:
            raise StoreError(f"{where}: there is no chunk of {length} bytes; the file was changed")
        try:
            content = frames.unpacked(chunk[8:], bound=CONTENT_BOUND)
        except SpoolError as error:
            raise StoreError(f"{where}: {error}; the file was changed") from None
        if hashlib.sha256(content).hexdigest() != sha256:
            raise StoreError(f"{where}: the content is not the one whose digest was sealed; the file was changed")
        return content

    @contextmanager
    def _wrote(self, what: str) -> Iterator[apsw.Connection]:
        with self._lock:
            try:
                db = self._writer()
                with db:
                    yield db
            except (apsw.Error, OSError) as error:
                self._drop()
                raise StoreError(f"raw archive {self.directory}: {what} not kept ({error}); try again") from None
            except BaseException:
                self._drop()
                raise

    def _writer(self) -> apsw.Connection:
        if self._claim is None:
            raise StoreError(f"raw archive {self.directory}: not open for writing; only the core writes")
        if self._db is None:
            db = sqlite.writer(self._path, vfs=self._vfs)
            try:
                with db:
                    db.execute(_SCHEMA)
                sqlite.settle(db)
            except BaseException:
                sqlite.close(db)
                raise
            self._db = db
        return self._db

    def _reader(self) -> apsw.Connection:
        if self._claim is not None:
            return self._writer()
        if self._db is None:
            if not self._path.exists():
                raise StoreError(f"raw archive {self._path}: there is none yet; the core makes it when it starts")
            self._db = sqlite.reader(self._path)
        return self._db

    def _drop(self) -> None:
        if self._db is not None:
            sqlite.close(self._db)
            self._db = None


def _let_go(db: apsw.Connection, path: str, day_ms: int, why: str) -> None:
    """Take the segment out of the index; its fact names all its chunks by one digest over theirs."""
    gone = sqlite.rows(db, "SELECT sha256, polls FROM chunk WHERE segment = ? ORDER BY number", (path,))
    digest = hashlib.sha256("".join(sha256 for sha256, _ in gone).encode("ascii")).hexdigest()
    polls = sum(polls for _, polls in gone)
    db.execute("INSERT INTO gone VALUES (NULL, ?, ?, ?, ?, ?)", (path, digest, day_ms, polls, why))
    db.execute("DELETE FROM chunk WHERE segment = ?", (path,))
    db.execute("DELETE FROM segment WHERE path = ?", (path,))


def _extend(path: Path, size: int, more: bytes | bytearray) -> None:
    """Make the file `size` bytes and `more`, synced; a torn tail of an earlier attempt is overwritten."""
    path.parent.mkdir(parents=True, exist_ok=True)
    is_new = not path.exists()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        if os.fstat(descriptor).st_size < size:
            raise StoreError(f"raw archive {path}: shorter than the {size} bytes that were kept; the file was changed")
        os.ftruncate(descriptor, size)
        at = size
        view = memoryview(more)
        while view:
            done = os.pwrite(descriptor, view, at)
            at += done
            view = view[done:]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if is_new:
        for directory in (path.parent, path.parent.parent):
            sqlite.sync_directory(directory)
