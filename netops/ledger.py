"""The ledger: an append-only file of facts under a Merkle tree, with signed checkpoints. Written by the core alone.

A leaf is the canonical JSON of a fact with its source, sequence and the time of recording. The hash of every perfect
subtree is kept under its post-order number, so appending writes only at the end of the file and every root and proof
comes from `O(log n)` short reads. Readers in other processes open the file read-only.

Beside the ledger lies `<file>.checkpoint`, the newest signed head, replaced before it is recorded within: a file that
was cut, torn or exchanged for an older copy no longer leads to it and is refused with the place.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, cast

import apsw

from netops import facts, sqlite
from netops.errors import EvidenceError
from netops.evidence import canonical, merkle, note, proof
from netops.evidence.checkpoint import REHEARSAL, Checkpoint
from netops.facts import Fact

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from netops.evidence.canonical import JSON
    from netops.sign import Signer

VERSION = 1
MAX_LEAF = 65_535  # a tlog-tiles entry has a 16-bit length
OWN_SOURCE = "ledger"
_TAIL = 256  # leaves whose hashes are recomputed on open
_PAGE = 1000

_SCHEMA = """
CREATE TABLE about(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE leaf(
    position INTEGER PRIMARY KEY, source TEXT NOT NULL, sequence INTEGER NOT NULL,
    kind TEXT NOT NULL, at_ms INTEGER NOT NULL, data BLOB NOT NULL);
CREATE UNIQUE INDEX leaf_source ON leaf(source, sequence);
CREATE INDEX leaf_kind ON leaf(kind, at_ms);
CREATE TABLE node(number INTEGER PRIMARY KEY, hash BLOB NOT NULL);
CREATE TABLE checkpoint(size INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, note BLOB NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A fact as it comes from a spool; `(source, sequence)` makes it itself."""

    source: str
    sequence: int
    fact: Fact


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
class Appended:
    """What one append did: new leaves are `[first, size)`; duplicates were there already; conflicts were refused."""

    first: int
    size: int
    duplicates: int = 0
    conflicts: int = 0


@dataclass(frozen=True, slots=True)
class Sealed:
    """A signed checkpoint and when it was made."""

    size: int
    at_ms: int
    note: bytes


def encode(entry: LedgerEntry, *, recorded_ms: int, rehearsal: bool) -> bytes:
    """Return the leaf's canonical bytes; the fact's own canonical bytes stand in them unchanged."""
    return _wrap(facts.encode(entry.fact), entry, recorded_ms, rehearsal=rehearsal)


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
            self._close()
            raise EvidenceError(f"ledger {self.path}: cannot be read ({error}); `netops init` makes one") from None
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
        return merkle.root(self._node, self._sized(size))

    def inclusion(self, index: int, size: int | None = None) -> list[bytes]:
        """Return the audit path of a leaf in the tree of `size` leaves."""
        return merkle.inclusion(self._node, index, self._sized(size))

    def consistency(self, size1: int, size2: int | None = None) -> list[bytes]:
        """Return the proof that the first tree is a prefix of the second."""
        return merkle.consistency(self._node, size1, self._sized(size2))

    def latest(self) -> Sealed | None:
        """Return the newest checkpoint, or None before the first."""
        return self._sealed("SELECT size, at_ms, note FROM checkpoint ORDER BY size DESC LIMIT 1")

    def covering(self, index: int) -> Sealed | None:
        """Return the first checkpoint that seals the leaf, or None while none does."""
        return self._sealed("SELECT size, at_ms, note FROM checkpoint WHERE size > ? ORDER BY size LIMIT 1", index)

    def proof(self, index: int) -> bytes:
        """Return a `tlog-proof@v1` of the leaf against the newest checkpoint."""
        sealed = self.latest()
        if sealed is None or sealed.size <= index:
            raise EvidenceError(f"ledger {self.path}: leaf {index} is under no checkpoint yet; ask again later")
        path = tuple(self.inclusion(index, sealed.size))
        return bytes(proof.Proof(index=index, path=path, checkpoint=note.parse(sealed.note)))

    def entries(self, start: int, end: int) -> list[Leaf]:
        """Return the leaves `[start, end)`."""
        return [_leaf(index, data) for index, data in self._rows(start, end)]

    def find(self, kind: str, *, start_ms: int = 0, end_ms: int = canonical.MAX_INTEGER) -> Iterator[Leaf]:
        """Yield the leaves of a kind whose fact lies in `[start_ms, end_ms)`, by that time, then by index."""
        sql = (
            "SELECT at_ms, position, data FROM leaf WHERE kind = ? AND at_ms < ? AND (at_ms, position) > (?, ?)"
            " ORDER BY at_ms, position LIMIT ?"
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

    def node(self, level: int, position: int) -> bytes:
        """Return the hash of a perfect subtree; EvidenceError names the one that the file does not hold."""
        return self._node(level, position)

    def audit(self) -> int:
        """Recompute every hash from the leaves; return their number. EvidenceError names the first that is off."""
        frontier, size = merkle.Frontier(), self.size
        for start in range(0, size, _PAGE):
            for index, data in self._rows(start, start + _PAGE):
                if index != frontier.size:
                    raise EvidenceError(f"ledger {self.path}: leaf {frontier.size} is missing")
                for level, position, made in frontier.append(merkle.leaf_hash(data)):
                    if self._node(level, position) != made:
                        raise EvidenceError(
                            f"ledger {self.path}: leaf {index} does not lead to node {level}/{position}"
                        )
        for at, signed in self._all("SELECT size, note FROM checkpoint ORDER BY size"):
            self._leads_to(Checkpoint.parse(note.parse(signed).text), at, f"the checkpoint of size {at}")
        return size

    def _rows(self, start: int, end: int) -> list[tuple[int, bytes]]:
        sql = "SELECT position, data FROM leaf WHERE position >= ? AND position < ? ORDER BY position"
        return cast("list[tuple[int, bytes]]", self._all(sql, start, end))

    def _sized(self, size: int | None) -> int:
        held = self.size
        if size is not None and not 0 <= size <= held:
            raise EvidenceError(f"ledger {self.path}: holds {held} leaves; {size} were asked for")
        return held if size is None else size

    def _sealed(self, sql: str, *bindings: int) -> Sealed | None:
        rows = self._all(sql, *bindings)
        return Sealed(*rows[0]) if rows else None

    def _node(self, level: int, position: int) -> bytes:
        rows = self._all("SELECT hash FROM node WHERE number = ?", _number(level, position))
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
        if merkle.root(self._node, size) != head.root:
            raise EvidenceError(f"ledger {self.path}: the first {size} leaves do not lead to the root of {what}")

    def _identify(self) -> None:
        about = dict(self._all("SELECT key, value FROM about"))
        if about.get("version") != str(VERSION):
            raise EvidenceError(
                f"ledger {self.path}: format {about.get('version')}; expected {VERSION}, use the matching release"
            )
        self.origin, self.rehearsal = about["origin"], about["rehearsal"] == "true"

    def _all(self, sql: str, *bindings: str | int) -> list[tuple[Any, ...]]:
        if self._db is None:
            raise EvidenceError(f"ledger {self.path}: is not open; use it as a context manager")
        return self._db.execute(sql, bindings).fetchall()

    def _one(self, sql: str) -> tuple[Any, ...]:
        return self._all(sql)[0]

    def _close(self) -> None:
        if self._db is not None:
            sqlite.close(self._db)
            self._db = None


class Ledger(LedgerReader):
    """The evidence writer's hand on the ledger. One at a time: a second writer is refused."""

    def __init__(
        self, path: Path, *, origin: str, rehearsal: bool = False, signer: Signer | None = None, wait_s: float = 5.0
    ) -> None:
        super().__init__(path)
        if rehearsal != origin.endswith(REHEARSAL):
            raise EvidenceError(
                f"ledger {path}: origin '{origin}' with rehearsal = {str(rehearsal).lower()};"
                f" a rehearsal's origin ends in '{REHEARSAL}', and no other does"
            )
        self._wanted = (origin, rehearsal)
        self._signer = signer
        self._wait_s = wait_s
        self._claim: sqlite.Claim | None = None
        self._frontier = merkle.Frontier()
        self._own_sequence = 0

    def __enter__(self) -> Self:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._claim = sqlite.Claim(self.path, wait_s=self._wait_s)
        except OSError as error:
            raise EvidenceError(
                f"ledger {self.path}: another process writes it ({error}); one writer per ledger"
            ) from None
        try:
            self._db = sqlite.writer(self.path)
            self._settle()
        except apsw.Error as error:
            self._close()
            raise EvidenceError(f"ledger {self.path}: cannot be opened ({error}); restore it from the backup") from None
        except BaseException:
            self._close()
            raise
        return self

    def append(self, entries: Sequence[LedgerEntry], *, now_ms: int) -> Appended:
        """Seal the entries in order; on return they are on disk. All or nothing.

        An entry that is here already (same source, sequence and fact) is passed over; another fact under a known
        source and sequence is refused, and the refusal itself is sealed, once for each refused fact.
        """
        frontier = merkle.Frontier(self._frontier.size, self._frontier.peaks)
        batch = _Batch(frontier, now_ms=now_ms, rehearsal=self.rehearsal, own_sequence=self._own_sequence)
        with self._writing() as db:
            for entry in entries:
                self._admit(batch, entry)
            db.executemany("INSERT INTO leaf VALUES(?, ?, ?, ?, ?, ?)", batch.leaves)
            db.executemany("INSERT INTO node VALUES(?, ?)", batch.nodes)
        first, self._frontier, self._own_sequence = self._frontier.size, frontier, batch.own_sequence
        return Appended(first, frontier.size, batch.duplicates, batch.conflicts)

    def checkpoint(self, *, now_ms: int) -> bytes:
        """Return a signed checkpoint over all leaves; an unchanged tree gives the checkpoint that it has."""
        latest = self.latest()
        if latest is not None and latest.size == self._frontier.size:
            return latest.note
        if self._signer is None:
            raise EvidenceError(f"ledger {self.path}: opened without a signing key; expected one from `evidence.key`")
        signed = self._signer.sign_checkpoint(
            Checkpoint(origin=self.origin, size=self._frontier.size, root=self._frontier.root())
        )
        _replace(self._beside, signed)  # first, so that a checkpoint within implies the one beside
        self._record(Sealed(self._frontier.size, now_ms, signed))
        return signed

    def adopt(self, signed: bytes, keys: Sequence[note.VerifierKey], *, now_ms: int) -> None:
        """Replace the checkpoint of its size by the same one with co-signatures by `keys` added (`signed`)."""
        given = note.parse(signed)
        note.verify(given, keys)
        head = Checkpoint.parse(given.text)
        held = self._sealed("SELECT size, at_ms, note FROM checkpoint WHERE size = ?", head.size)
        if held is None or note.parse(held.note).text != given.text:
            raise EvidenceError(f"ledger {self.path}: never signed a checkpoint of size {head.size} with this root")
        lines = dict.fromkeys((*note.parse(held.note).signatures, *given.signatures))
        merged = bytes(note.Note(text=given.text, signatures=tuple(lines)))
        if head.size == self._frontier.size:
            _replace(self._beside, merged)
        self._record(Sealed(head.size, held.at_ms if held else now_ms, merged))

    @property
    def _beside(self) -> Path:
        return self.path.with_name(self.path.name + ".checkpoint")

    def _record(self, sealed: Sealed) -> None:
        with self._writing() as db:
            db.execute("INSERT OR REPLACE INTO checkpoint VALUES(?, ?, ?)", (sealed.size, sealed.at_ms, sealed.note))

    def _admit(self, batch: _Batch, entry: LedgerEntry) -> None:
        data = facts.encode(entry.fact)
        held = batch.seen.get((entry.source, entry.sequence))
        if held is None:
            rows = self._all("SELECT data FROM leaf WHERE source = ? AND sequence = ?", entry.source, entry.sequence)
            held = _fact_of(rows[0][0]) if rows else None
        if held is None:
            batch.add(entry, data)
        elif held == data:
            batch.duplicates += 1
        else:
            self._refuse(batch, entry, held, data)

    def _refuse(self, batch: _Batch, entry: LedgerEntry, held: bytes, data: bytes) -> None:
        batch.conflicts += 1
        refused = canonical.digest(data)
        if refused in batch.refused or self._has_refused(entry, refused):
            return
        batch.refused.add(refused)
        body: dict[str, JSON] = {
            "source": entry.source,
            "sequence": entry.sequence,
            "kept_digest": canonical.digest(held),
            "refused_digest": refused,
        }
        fact = Fact(kind="source_conflict", at_ms=batch.now_ms, body=body)
        batch.own_sequence += 1
        batch.add(LedgerEntry(OWN_SOURCE, batch.own_sequence, fact), facts.encode(fact))

    def _has_refused(self, entry: LedgerEntry, refused: str) -> bool:
        bodies = (leaf.fact.body for leaf in self.find("source_conflict"))
        wanted = (entry.source, entry.sequence, refused)
        return any((body["source"], body["sequence"], body["refused_digest"]) == wanted for body in bodies)

    @contextmanager
    def _writing(self) -> Iterator[apsw.Connection]:
        if self._db is None:
            raise EvidenceError(f"ledger {self.path}: is not open; use it as a context manager")
        try:
            with self._db:
                yield self._db
        except (apsw.Error, OSError) as error:
            raise EvidenceError(f"ledger {self.path}: nothing was sealed ({error}); is the disk full?") from None

    def _settle(self) -> None:
        """Make the file if it is new; else check that its tail is whole and leads to the checkpoint beside it."""
        if not self._all("SELECT 1 FROM sqlite_schema WHERE name = 'about'"):
            self._found()
        self._identify()
        if (self.origin, self.rehearsal) != self._wanted:
            raise EvidenceError(
                f"ledger {self.path}: belongs to '{self.origin}'; the settings say '{self._wanted[0]}'."
                " Rehearsal and production, and two cities, never share a ledger"
            )
        size = self.size
        self._check_tail(size)
        self._frontier = merkle.Frontier(size, [self._node(*each) for each in merkle.peaks(size)])
        self._check_beside(size)
        own = self._all("SELECT max(sequence) FROM leaf WHERE source = ?", OWN_SOURCE)
        self._own_sequence = own[0][0] or 0

    def _found(self) -> None:
        if self._beside.exists():
            raise EvidenceError(
                f"ledger {self.path}: is empty, but {self._beside.name} says otherwise; restore it from the backup"
            )
        origin, rehearsal = self._wanted
        about = [("version", str(VERSION)), ("origin", origin), ("rehearsal", str(rehearsal).lower())]
        with self._writing() as db:
            db.execute(_SCHEMA)
            db.executemany("INSERT INTO about VALUES(?, ?)", about)

    def _check_tail(self, size: int) -> None:
        last = self._one("SELECT max(number) FROM node")[0]
        expected = 2 * size - size.bit_count() - 1
        if (-1 if last is None else last) != expected:
            raise EvidenceError(
                f"ledger {self.path}: torn after leaf {size - 1}: the last node is {last}; expected {expected}."
                " Restore it from the backup"
            )
        for index, (held, data) in enumerate(self._rows(size - _TAIL, size), max(0, size - _TAIL)):
            if held != index:
                raise EvidenceError(f"ledger {self.path}: leaf {index} is missing; restore the file from the backup")
            if merkle.leaf_hash(data) != self._node(0, index):
                raise EvidenceError(f"ledger {self.path}: leaf {index} was changed; restore the file from the backup")
        for level, position in merkle.peaks(size):
            self._check_peak(level, position)

    def _check_peak(self, level: int, position: int) -> None:
        """Recompute the right edge under a peak, from its top down."""
        while level:
            left, right = self._node(level - 1, 2 * position), self._node(level - 1, 2 * position + 1)
            if merkle.node_hash(left, right) != self._node(level, position):
                raise EvidenceError(
                    f"ledger {self.path}: node {level}/{position} was changed; restore the file from the backup"
                )
            level, position = level - 1, 2 * position + 1

    def _check_beside(self, size: int) -> None:
        latest = self.latest()
        try:
            head = Checkpoint.parse(note.parse(self._beside.read_bytes()).text)
        except FileNotFoundError:
            if latest is None:
                return
            raise EvidenceError(
                f"ledger {self.path}: {self._beside.name} is missing; put the newest checkpoint that anyone holds there"
                " (a co-signer's, or a bundle's member `checkpoint`): it shows that nothing was rolled back"
            ) from None
        if head.size > size:
            raise EvidenceError(
                f"ledger {self.path}: rolled back: {size} leaves, but a checkpoint over {head.size} was signed;"
                f" leaves {size} to {head.size - 1} are missing. Restore the file from the backup"
            )
        self._leads_to(head, head.size, self._beside.name)
        if latest is not None:
            self._leads_to(Checkpoint.parse(note.parse(latest.note).text), latest.size, "the newest checkpoint")

    def _close(self) -> None:
        super()._close()
        if self._claim is not None:
            self._claim.release()
            self._claim = None


class _Batch:
    """What one append is about to write."""

    __slots__ = (
        "_frontier",
        "_rehearsal",
        "conflicts",
        "duplicates",
        "leaves",
        "nodes",
        "now_ms",
        "own_sequence",
        "refused",
        "seen",
    )

    def __init__(self, frontier: merkle.Frontier, *, now_ms: int, rehearsal: bool, own_sequence: int) -> None:
        self._frontier = frontier
        self._rehearsal = rehearsal
        self.now_ms = now_ms
        self.own_sequence = own_sequence
        self.duplicates = self.conflicts = 0
        self.leaves: list[tuple[int, str, int, str, int, bytes]] = []
        self.nodes: list[tuple[int, bytes]] = []
        self.seen: dict[tuple[str, int], bytes] = {}
        self.refused: set[str] = set()

    def add(self, entry: LedgerEntry, data: bytes) -> None:
        leaf = _wrap(data, entry, self.now_ms, rehearsal=self._rehearsal)
        index = self._frontier.size
        self.seen[entry.source, entry.sequence] = data
        self.leaves.append((index, entry.source, entry.sequence, entry.fact.kind, entry.fact.at_ms, leaf))
        self.nodes += ((_number(level, at), made) for level, at, made in self._frontier.append(merkle.leaf_hash(leaf)))


def _wrap(fact: bytes, entry: LedgerEntry, recorded_ms: int, *, rehearsal: bool) -> bytes:
    rest = {"recorded_ms": recorded_ms, "rehearsal": rehearsal, "sequence": entry.sequence, "source": entry.source}
    leaf = b'{"fact":' + fact + b"," + canonical.dumps(rest)[1:]  # "fact" sorts before all of them
    if len(leaf) > MAX_LEAF:
        raise EvidenceError(f"leaf of {entry.source}/{entry.sequence}: {len(leaf)} bytes; expected at most {MAX_LEAF}")
    return leaf


def _leaf(index: int, data: bytes) -> Leaf:
    value = json.loads(data)  # checked when it was sealed; `audit` and the proofs speak for the bytes
    return Leaf(index, value["source"], value["sequence"], value["recorded_ms"], Fact(**value["fact"]), data)


def _fact_of(leaf: bytes) -> bytes:
    return canonical.dumps(canonical.loads(leaf)["fact"])


def _number(level: int, position: int) -> int:
    """Return the post-order number of a perfect subtree: nodes are numbered in the order of their completion."""
    last = ((position + 1) << level) - 1
    return 2 * last - last.bit_count() + level


def _replace(path: Path, data: bytes) -> None:
    """Put the bytes in place of the file so that a power cut leaves the old or the new one."""
    fresh = path.with_name(path.name + ".new")
    with fresh.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
