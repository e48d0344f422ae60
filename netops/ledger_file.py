"""The ledger's file as anyone may read it: leaves, perfect subtrees, checkpoints; roots and proofs from them.

A leaf is the canonical JSON of a fact with its source, sequence and the time of recording. The hash of every perfect
subtree is kept under its post-order number, so appending writes only at the end of the file and every root and proof
comes from `O(log n)` short reads. `netops/ledger.py` writes it; readers in other processes open it read-only.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Self, cast

import apsw

from netops import ledger_accounts, ledger_sm3, sqlite
from netops.errors import EvidenceError
from netops.evidence import canonical, merkle, note, proof, tally, tiles
from netops.evidence.checkpoint import Checkpoint
from netops.facts import Fact
from netops.ledger_accounts import Accounts
from netops.ledger_audit import Audit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from netops.evidence.tally import Heads

VERSION = 2
_PAGE = 1000

SCHEMA = """
CREATE TABLE about(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE leaf(
    position INTEGER PRIMARY KEY, source TEXT NOT NULL, sequence INTEGER NOT NULL,
    kind TEXT NOT NULL, at_ms INTEGER NOT NULL, data BLOB NOT NULL) STRICT;
CREATE UNIQUE INDEX leaf_source ON leaf(source, sequence);
CREATE INDEX leaf_kind ON leaf(kind, at_ms);
CREATE TABLE node(number INTEGER PRIMARY KEY, hash BLOB NOT NULL) STRICT;
CREATE TABLE checkpoint(size INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, note BLOB NOT NULL) STRICT;
"""
SCHEMA += ledger_accounts.SCHEMA


@dataclass(frozen=True, slots=True)
class Leaf:
    """A sealed fact; `data` are the bytes under the leaf hash, `recorded_ms` is when the core wrote it."""

    index: int
    source: str
    sequence: int
    recorded_ms: int
    fact: Fact
    data: bytes


@dataclass(frozen=True, slots=True)
class Sealed:
    """A signed checkpoint and when it was made."""

    size: int
    at_ms: int
    note: bytes


class NoLedgerError(EvidenceError):
    """There is no ledger yet; nothing is wrong with one."""

    exit_code = 75


class LedgerReader:
    """The ledger as anyone may read it. A context manager; not shared between threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.origin = ""
        self.rehearsal = False
        self._db: apsw.Connection | None = None

    def __enter__(self) -> Self:
        try:
            self._db = sqlite.reader(self.path)
            self._identify()
        except apsw.Error as error:
            raise self._unopened(error) from None
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    @property
    def size(self) -> int:
        """How many leaves there are now."""
        row = self._one("SELECT max(position) + 1 FROM leaf")
        return int(row[0] or 0)

    def root(self, size: int | None = None) -> bytes:
        """Return the root over the first `size` leaves (all by default)."""
        return merkle.root(self.node, self._sized(size))

    def inclusion(self, index: int, size: int | None = None) -> list[bytes]:
        """Return the audit path of a leaf in the tree of `size` leaves."""
        return merkle.inclusion(self.node, index, self._sized(size))

    def sm3_inclusions(self, indexes: Iterable[int], head: Checkpoint) -> dict[int, list[bytes]]:
        """Return the audit paths of leaves under a checkpoint's SM3 root; all leaves are hashed once for it."""
        return ledger_sm3.inclusions(self._all, indexes, head, self.path)

    def consistency(self, size1: int, size2: int | None = None) -> list[bytes]:
        """Return the proof that the first tree is a prefix of the second."""
        return merkle.consistency(self.node, size1, self._sized(size2))

    def latest(self) -> Sealed | None:
        """Return the newest checkpoint, or None before the first."""
        return self._sealed("SELECT size, at_ms, CAST(note AS BLOB) FROM checkpoint ORDER BY size DESC LIMIT 1")

    def covering(self, index: int) -> Sealed | None:
        """Return the first checkpoint that seals the leaf, or None while none does."""
        return self._sealed(
            "SELECT size, at_ms, CAST(note AS BLOB) FROM checkpoint WHERE size > ? ORDER BY size LIMIT 1", index
        )

    def checkpoint_of(self, size: int) -> Sealed | None:
        """Return the checkpoint over exactly so many leaves, or None when none was signed."""
        return self._sealed("SELECT size, at_ms, CAST(note AS BLOB) FROM checkpoint WHERE size = ?", size)

    def cosigned(self, index: int, names: Sequence[str], *, least: int) -> Iterator[Sealed]:
        """Yield the checkpoints that seal the leaf and hold lines of at least so many of these signers, in their order.

        Lines are found by name alone: whose key it was is for the reader of the note to say.
        """
        lines = " + ".join("(instr(note, ?) > 0)" for _ in names) or "0"
        of = f"size > ? AND {lines} >= ? ORDER BY size LIMIT ?"
        sql = f"SELECT size, at_ms, CAST(note AS BLOB) FROM checkpoint WHERE {of}"  # noqa: S608  (placeholders alone)
        while rows := self._all(sql, index, *(f"\n\u2014 {name} ".encode() for name in names), least, _PAGE):
            yield from (Sealed(*row) for row in rows)
            index = rows[-1][0]

    def checkpoints(self, *, below: int = canonical.MAX_INTEGER, most: int) -> list[Sealed]:
        """Return the newest checkpoints over fewer than `below` leaves, the newest first."""
        sql = "SELECT size, at_ms, CAST(note AS BLOB) FROM checkpoint WHERE size < ? ORDER BY size DESC LIMIT ?"
        return [Sealed(*row) for row in self._all(sql, below, most)]

    def last_signed(self, name: str, *, among: int) -> Sealed | None:
        """Return the newest of the last `among` checkpoints that holds a line of a signer, by name alone."""
        last = "SELECT size, at_ms, note FROM checkpoint ORDER BY size DESC LIMIT ?"
        sql = f"SELECT size, at_ms, CAST(note AS BLOB) FROM ({last}) WHERE instr(note, ?) > 0 LIMIT 1"  # noqa: S608  (a constant)
        rows = self._all(sql, among, f"\n\u2014 {name} ".encode())
        return Sealed(*rows[0]) if rows else None

    def place_of(self, digest: bytes) -> int | None:
        """Return the index of the leaf with a hash (RFC 6962); None: there is none. It looks at every node."""
        size = self.size
        for (number,) in self._all("SELECT number FROM node WHERE hash = ?", digest):
            at = bisect_left(range(size), number, key=partial(merkle.number, 0))
            if at < size and merkle.number(0, at) == number:
                return at
        return None

    def proof(self, index: int) -> bytes:
        """Return a `tlog-proof@v1` of the leaf against the newest checkpoint."""
        sealed = self.latest()
        if sealed is None or sealed.size <= index:
            raise EvidenceError(f"ledger {self.path}: leaf {index} is under no checkpoint yet; ask again later")
        path = tuple(self.inclusion(index, sealed.size))
        return bytes(proof.Proof(index=index, path=path, checkpoint=note.parse(sealed.note)))

    def entries(self, start: int, end: int) -> list[Leaf]:
        """Return the leaves `[start, end)`."""
        return [_leaf(row[0], row[-1]) for row in self._rows(start, end)]

    def find(self, kind: str, *, start_ms: int = 0, end_ms: int = canonical.MAX_INTEGER) -> Iterator[Leaf]:
        """Yield the leaves of a kind whose fact lies in `[start_ms, end_ms)`, by that time, then by index."""
        sql = (
            "SELECT at_ms, position, CAST(data AS BLOB) FROM leaf"
            " WHERE kind = ? AND at_ms < ? AND (at_ms, position) > (?, ?) ORDER BY at_ms, position LIMIT ?"
        )
        after = (start_ms, -1)
        while rows := self._all(sql, kind, end_ms, *after, _PAGE):
            for _, index, data in rows:
                yield _leaf(index, data)
            after = (rows[-1][0], rows[-1][1])

    def holds(self, source: str, sequence: int) -> int | None:
        """Return the index of the leaf of that source and sequence, if it is there."""
        rows = self._all("SELECT position FROM leaf WHERE source = ? AND sequence = ?", source, sequence)
        return rows[0][0] if rows else None

    def members(self, subject: str) -> dict[int, tuple[str, int]]:
        """Return index → (kind, when) of the leaves on an account, in their order."""
        sql = "SELECT position, kind, at_ms FROM member WHERE subject = ? ORDER BY position"
        return {index: (kind, when) for index, kind, when in self._all(sql, subject)}

    def span_on(self, subject: str, kind: str, *, until_ms: int = canonical.MAX_INTEGER) -> tuple[int, int] | None:
        """Return the first and last instant, up to `until_ms`, of an account's leaves of a kind; None without any."""
        sql = "SELECT min(at_ms), max(at_ms) FROM member WHERE subject = ? AND kind = ? AND at_ms <= ?"
        first, last = self._all(sql, subject, kind, until_ms)[0]
        return None if first is None else (first, last)

    def newest_on(self, subject: str) -> int:
        """Return the index of the newest leaf on an account; -1 while there is none."""
        sql = "SELECT max(position) FROM member WHERE subject = ? AND kind = ?"
        found = [self._all(sql, subject, kind)[0][0] for kind in tally.KINDS]  # each is one step in its key
        return max((each for each in found if each is not None), default=-1)

    def tallies(self, start: int, end: int) -> list[tuple[int, dict[str, Heads]]]:
        """Return `(index, heads by account)` of the tallies in `[start, end)`."""
        sql = "SELECT position, CAST(heads AS BLOB) FROM tally WHERE position >= ? AND position < ? ORDER BY position"
        return [(index, ledger_accounts.unpack(data)) for index, data in self._all(sql, start, end)]

    def accounts(self) -> Accounts:
        """Return the heads over all leaves."""
        last = self._all("SELECT position, CAST(heads AS BLOB) FROM tally ORDER BY position DESC LIMIT 1")
        heads = ledger_accounts.unpack(last[0][1]) if last else {tally.EVERYBODY: {}}
        since = "SELECT subject, kind, position, at_ms FROM member WHERE position > ? ORDER BY position"
        for subject, kind, index, when in self._all(since, last[0][0] if last else -1):
            mine = heads.setdefault(subject, {})
            mine[kind] = mine.get(kind, tally.Head()).then(self.node(0, index), when)
        return Accounts(heads, known=self._known)

    def _known(self, name: str) -> list[str]:
        """Return on whose accounts the fact is that gave this name."""
        if name.startswith("leaf:"):
            rows = self._all("SELECT subject FROM member WHERE position = ?", int(name.removeprefix("leaf:")))
        else:
            rows = self._all("SELECT subject FROM link WHERE name = ?", name)
        return [row[0] for row in rows]

    def export_tiles(self, directory: Path) -> int:
        """Publish the tree under the newest checkpoint as C2SP tlog-tiles; return how many files are new."""
        sealed = self.latest()
        if sealed is None:
            raise EvidenceError(f"ledger {self.path}: has no checkpoint yet; there is nothing to publish")
        return tiles.export(self, sealed.note, directory)

    def audit(self) -> int:
        """Recompute every hash from the leaves; return their number. EvidenceError names the first that is off."""
        size = self.size
        Audit(self.path, self._all).run(size)
        for at, signed in self._all("SELECT size, CAST(note AS BLOB) FROM checkpoint ORDER BY size"):
            self._leads_to(Checkpoint.parse(note.parse(signed).text), at, f"the checkpoint of size {at}")
        ledger_sm3.audit(self._all, self.path)
        return size

    @property
    def beside(self) -> Path:
        """Where the newest signed head lies, beside the file."""
        return self.path.with_name(self.path.name + ".checkpoint")

    def check_beside(self) -> Checkpoint | None:
        """Check that the file leads to the checkpoint beside it and to its own newest; return the one beside it."""
        latest = self.latest()
        try:
            head = Checkpoint.parse(note.parse(self.beside.read_bytes()).text)
        except FileNotFoundError:
            if latest is None:
                return None
            raise EvidenceError(
                f"ledger {self.path}: {self.beside.name} is missing; put the newest checkpoint that anyone holds there"
                " (a co-signer's, or a bundle's member `checkpoint`): it shows that nothing was rolled back"
            ) from None
        self.check_head(head, self.beside.name)
        if latest is not None:
            self._leads_to(Checkpoint.parse(note.parse(latest.note).text), latest.size, "the newest checkpoint")
        return head

    def check_head(self, head: Checkpoint, name: str) -> None:
        """Check that the file leads to a checkpoint that someone holds; `name` is what it is called."""
        size = self.size
        if head.origin == self.origin and head.size > size:
            raise EvidenceError(
                f"ledger {self.path}: rolled back: {size} leaves, but a checkpoint over {head.size} was signed;"
                f" leaves {size} to {head.size - 1} are missing. Restore the file from the backup"
            )
        self._leads_to(head, head.size, name)

    def _rows(self, start: int, end: int) -> list[tuple[Any, ...]]:
        """Return `(position, source, sequence, kind, at_ms, data)` of the leaves `[start, end)`."""
        sql = (
            "SELECT position, source, sequence, kind, at_ms, CAST(data AS BLOB) FROM leaf"
            " WHERE position >= ? AND position < ? ORDER BY position"
        )
        return self._all(sql, start, end)

    def _sized(self, size: int | None) -> int:
        held = self.size
        if size is not None and not 0 <= size <= held:
            raise EvidenceError(f"ledger {self.path}: holds {held} leaves; {size} were asked for")
        return held if size is None else size

    def _sealed(self, sql: str, *bindings: int) -> Sealed | None:
        rows = self._all(sql, *bindings)
        return Sealed(*rows[0]) if rows else None

    def node(self, level: int, position: int) -> bytes:
        """Return the hash of a perfect subtree; EvidenceError names the one that the file does not hold."""
        rows = self._all("SELECT CAST(hash AS BLOB) FROM node WHERE number = ?", merkle.number(level, position))
        if not rows:
            raise EvidenceError(
                f"ledger {self.path}: node {level}/{position} is missing; restore the file from the backup"
            )
        return cast("bytes", rows[0][0])

    def _leads_to(self, head: Checkpoint, size: int, what: str) -> None:
        if head.origin != self.origin or head.size != size:
            raise EvidenceError(
                f"ledger {self.path}: {what} is of log '{head.origin}', size {head.size};"
                f" expected '{self.origin}', {size}"
            )
        if merkle.root(self.node, size) != head.root:
            raise EvidenceError(f"ledger {self.path}: the first {size} leaves do not lead to the root of {what}")

    def _unopened(self, error: apsw.Error) -> EvidenceError:
        try:
            self.path.stat()
        except FileNotFoundError:
            return NoLedgerError(
                f"ledger {self.path}: there is no ledger yet: the core makes it when it first runs; start `netops up`"
            )
        except OSError:
            pass  # it may lie behind a directory that is not ours to enter
        return EvidenceError(
            f"ledger {self.path}: cannot be opened ({error}); expected the core's ledger, readable to this user"
        )

    def _identify(self) -> None:
        about = dict(self._all("SELECT key, value FROM about"))
        if about.get("version") != str(VERSION):
            raise EvidenceError(
                f"ledger {self.path}: format {about.get('version')}; expected {VERSION}: use the release that wrote it"
                " (a rehearsal begins anew with `netops demo --fresh`)"
            )
        self.origin, self.rehearsal = about["origin"], about["rehearsal"] == "true"

    def _all(self, sql: str, *bindings: str | bytes | int) -> list[tuple[Any, ...]]:
        if self._db is None:
            raise EvidenceError(f"ledger {self.path}: is not open; use it as a context manager")
        try:
            return self._db.execute(sql, bindings).fetchall()
        except apsw.Error as error:
            raise EvidenceError(f"ledger {self.path}: cannot be read ({error}); restore it from the backup") from None

    def _one(self, sql: str) -> tuple[Any, ...]:
        return self._all(sql)[0]

    def _close(self) -> None:
        if self._db is not None:
            sqlite.close(self._db)
            self._db = None


def _leaf(index: int, data: bytes) -> Leaf:
    try:
        value = json.loads(data)  # checked when it was sealed; `audit` and the proofs speak for the bytes
        return Leaf(index, value["source"], value["sequence"], value["recorded_ms"], Fact(**value["fact"]), data)
    except (ValueError, KeyError, TypeError) as error:
        raise EvidenceError(f"ledger: leaf {index} was changed ({error}); restore the file from the backup") from None
