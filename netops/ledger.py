"""The ledger: an append-only file of facts under a Merkle tree, with signed checkpoints. Written by the core alone.

Beside the ledger lies `<file>.checkpoint`, the newest signed head, replaced before it is recorded within: a file that
was cut, torn or exchanged for an older copy no longer leads to it and is refused with the place.
`netops/ledger_file.py` says what the file holds and how it is read.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, cast

import apsw

from netops import facts, ledger_sm3, sqlite
from netops.errors import EvidenceError
from netops.evidence import canonical, merkle, note, tally
from netops.evidence.checkpoint import REHEARSAL, Checkpoint
from netops.evidence.files import replace
from netops.facts import Fact
from netops.ledger_accounts import Accounts
from netops.ledger_file import SCHEMA, VERSION, Leaf, LedgerReader, Sealed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from netops.evidence.canonical import JSON
    from netops.sign import Signer

__all__ = ["Appended", "Leaf", "Ledger", "LedgerEntry", "LedgerReader", "Sealed", "encode"]

MAX_LEAF = 65_535  # a tlog-tiles entry has a 16-bit length
OWN_SOURCE, TALLY = "ledger", "tally"  # the ledger's own sources
_TAIL = 256  # leaves whose hashes are recomputed on open


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A fact as it comes from a spool; `(source, sequence)` makes it itself."""

    source: str
    sequence: int
    fact: Fact


@dataclass(frozen=True, slots=True)
class Appended:
    """What one append did: new leaves are `[first, size)`, tallies of the ledger's own among them.

    Duplicates were there already; conflicts were refused.
    """

    first: int
    size: int
    duplicates: int = 0
    conflicts: int = 0


def encode(entry: LedgerEntry, *, recorded_ms: int, rehearsal: bool) -> bytes:
    """Return the leaf's canonical bytes; the fact's own canonical bytes stand in them unchanged."""
    return _wrap(facts.encode(entry.fact), entry, recorded_ms, rehearsal=rehearsal)


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
        self._sm3: merkle.Frontier | None = None  # the same leaves under SM3, since the profile signed first
        self._accounts = Accounts(known=self._known)
        self._tops: dict[str, int] = {}
        self.adopted: set[int] = set()  # sizes of checkpoints that were co-signed since their reader cleared this

    def __enter__(self) -> Self:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._claim = sqlite.Claim(self.path, wait_s=self._wait_s)
        except OSError as error:
            raise EvidenceError(
                f"ledger {self.path}: another process writes it ({error}); one writer per ledger"
            ) from None
        try:
            self._open()
        except BaseException:
            self._close()
            raise
        return self

    def append(self, entries: Sequence[LedgerEntry], *, now_ms: int) -> Appended:
        """Seal the entries in order; on return they are on disk. All or nothing.

        An entry that is here already (same source, sequence and fact) is passed over; another fact under a known
        source and sequence is refused, and the refusal itself is sealed, once for each refused fact.
        """
        with self._writing() as db:
            frontier = merkle.Frontier(self._frontier.size, self._frontier.peaks)
            batch = _Batch(frontier, self._accounts.begin(), now_ms=now_ms, rehearsal=self.rehearsal)
            for entry in entries:
                self._admit(batch, entry)
            db.executemany("INSERT INTO leaf VALUES(?, ?, ?, ?, ?, ?)", batch.leaves)
            db.executemany("INSERT INTO node VALUES(?, ?)", batch.nodes)
            db.executemany("INSERT INTO member VALUES(?, ?, ?, ?)", batch.accounts.members)
            db.executemany("INSERT OR IGNORE INTO link VALUES(?, ?)", batch.accounts.links)
            db.executemany("INSERT INTO tally VALUES(?, ?)", batch.accounts.tallies)
        for source, sequence in batch.seen:
            self._tops[source] = max(sequence, self._top(source))
        first, self._frontier, self._accounts = self._frontier.size, frontier, batch.accounts.begin()
        return Appended(first, frontier.size, batch.duplicates, batch.conflicts)

    def checkpoint(self, *, now_ms: int) -> bytes:
        """Return a signed checkpoint over all leaves; an unchanged tree gives the checkpoint that it has."""
        latest = self.latest()
        if latest is not None and latest.size == self._frontier.size:
            return latest.note
        if self._signer is None:
            raise EvidenceError(f"ledger {self.path}: opened without a signing key; expected one from `evidence.key`")
        size = self._frontier.size
        extensions = self._under_sm3(self._signer.sm2_vkey, size) if self._signer.sm2_vkey else ()
        signed = self._signer.sign_checkpoint(
            Checkpoint(origin=self.origin, size=size, root=self._frontier.root(), extensions=extensions)
        )
        replace(self.beside, signed)  # first, so that a checkpoint within implies the one beside
        self._record(Sealed(size, now_ms, signed))
        return signed

    def _under_sm3(self, key: note.VerifierKey, size: int) -> tuple[str, ...]:
        """Take the new leaves into the tree over SM3; return the checkpoint's lines that name its root."""
        if self._sm3 is None:
            self._sm3 = ledger_sm3.begin(self._all, key)
        ledger_sm3.grow(self._sm3, self._all, size, self.path)
        return ledger_sm3.extensions(self._sm3)

    def adopt(self, signed: bytes, keys: Sequence[note.VerifierKey]) -> None:
        """Add the co-signatures that `keys` made on a checkpoint of this ledger (`signed`) to the one that it keeps."""
        given = note.parse(signed)
        known = {(each.key.name, each.key.id) for each in note.verify(given, keys)}
        head = Checkpoint.parse(given.text)
        held = self.checkpoint_of(head.size)
        ours = note.parse(held.note) if held else None
        if held is None or ours is None or ours.text != given.text:
            raise EvidenceError(f"ledger {self.path}: never signed a checkpoint of size {head.size} with this root")
        lines = {(each.name, each.key_id): each for each in given.signatures if (each.name, each.key_id) in known}
        lines = {(each.name, each.key_id): each for each in ours.signatures} | lines
        merged = bytes(note.Note(text=given.text, signatures=tuple(lines.values())))
        latest = self.latest()
        if latest is not None and latest.size == head.size:
            replace(self.beside, merged)
        self._record(Sealed(head.size, held.at_ms, merged))
        self.adopted.add(head.size)

    def _record(self, sealed: Sealed) -> None:
        with self._writing() as db:
            db.execute("INSERT OR REPLACE INTO checkpoint VALUES(?, ?, ?)", (sealed.size, sealed.at_ms, sealed.note))
            if self._sm3 is not None and self._sm3.size == sealed.size:
                edge = (ledger_sm3.KEY, ledger_sm3.stored(self._sm3))
                db.execute("INSERT OR REPLACE INTO about VALUES(?, ?)", edge)

    def _admit(self, batch: _Batch, entry: LedgerEntry) -> None:
        data = facts.encode(entry.fact)
        held = batch.seen.get((entry.source, entry.sequence))
        if held is None and entry.sequence <= self._top(entry.source):
            rows = self._all(
                "SELECT CAST(data AS BLOB) FROM leaf WHERE source = ? AND sequence = ?", entry.source, entry.sequence
            )
            held = _fact_of(rows[0][0]) if rows else None
        if held is None:
            batch.add(entry, data)
        elif held == data:
            batch.duplicates += 1
        else:
            self._refuse(batch, entry, held, data)

    def _top(self, source: str) -> int:
        """Return the highest sequence sealed of a source before this batch: beyond it nothing needs to be looked up."""
        if source not in self._tops:
            self._tops[source] = self._all("SELECT max(sequence) FROM leaf WHERE source = ?", source)[0][0] or 0
        return self._tops[source]

    def _refuse(self, batch: _Batch, entry: LedgerEntry, held: bytes, data: bytes) -> None:
        batch.conflicts += 1
        body: dict[str, JSON] = {
            "source": entry.source,
            "sequence": entry.sequence,
            "kept_digest": canonical.digest(held),
            "refused_digest": canonical.digest(data),
        }
        own = int(canonical.digest(canonical.dumps(body))[:13], 16)  # from the refusal itself: told again, it is known
        if (OWN_SOURCE, own) in batch.seen or self.holds(OWN_SOURCE, own) is not None:
            return
        fact = Fact(kind="source_conflict", at_ms=batch.now_ms, body=body)
        batch.add(LedgerEntry(OWN_SOURCE, own, fact), facts.encode(fact))

    @contextmanager
    def _writing(self) -> Iterator[apsw.Connection]:
        """One transaction. After a failed one the connection is dropped and the file opened and checked anew."""
        if self._claim is None:
            raise EvidenceError(f"ledger {self.path}: is not open; use it as a context manager")
        if self._db is None:
            self._open()
        db = cast("apsw.Connection", self._db)
        try:
            with db:
                yield db
        except (apsw.Error, OSError) as error:
            LedgerReader._close(self)  # noqa: SLF001  (the claim stays)
            raise EvidenceError(f"ledger {self.path}: nothing was sealed ({error}); is the disk full?") from None

    def _open(self) -> None:
        self._tops.clear()
        self._sm3 = None  # a failed step may have left it half way
        try:
            self._db = sqlite.writer(self.path)
            sqlite.settle(self._db)  # what follows stands on pages whose fsync was seen to succeed
            self._settle()
        except apsw.Error as error:
            LedgerReader._close(self)  # noqa: SLF001
            raise EvidenceError(
                f"ledger {self.path}: cannot be opened ({error}); free the disk or restore it from the backup"
            ) from None

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
        self._frontier = merkle.Frontier(size, [self.node(*each) for each in merkle.peaks(size)])
        self.check_beside()
        self._accounts = self.accounts()

    def _found(self) -> None:
        if self.beside.exists():
            raise EvidenceError(
                f"ledger {self.path}: is empty, but {self.beside.name} says otherwise; restore it from the backup"
            )
        origin, rehearsal = self._wanted
        about = [("version", str(VERSION)), ("origin", origin), ("rehearsal", str(rehearsal).lower())]
        with self._writing() as db:
            db.execute(SCHEMA)
            db.executemany("INSERT INTO about VALUES(?, ?)", about)

    def _check_tail(self, size: int) -> None:
        last = self._one("SELECT max(number) FROM node")[0]
        expected = 2 * size - size.bit_count() - 1
        if (-1 if last is None else last) != expected:
            raise EvidenceError(
                f"ledger {self.path}: torn after leaf {size - 1}: the last node is {last}; expected {expected}."
                " Restore it from the backup"
            )
        for index, (held, *_, data) in enumerate(self._rows(size - _TAIL, size), max(0, size - _TAIL)):
            if held != index:
                raise EvidenceError(f"ledger {self.path}: leaf {index} is missing; restore the file from the backup")
            if merkle.leaf_hash(data) != self.node(0, index):
                raise EvidenceError(f"ledger {self.path}: leaf {index} was changed; restore the file from the backup")
        for level, position in merkle.peaks(size):
            self._check_peak(level, position)

    def _check_peak(self, level: int, position: int) -> None:
        """Recompute the right edge under a peak, from its top down."""
        while level:
            left, right = self.node(level - 1, 2 * position), self.node(level - 1, 2 * position + 1)
            if merkle.node_hash(left, right) != self.node(level, position):
                raise EvidenceError(
                    f"ledger {self.path}: node {level}/{position} was changed; restore the file from the backup"
                )
            level, position = level - 1, 2 * position + 1

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
        "accounts",
        "conflicts",
        "duplicates",
        "leaves",
        "nodes",
        "now_ms",
        "seen",
    )

    def __init__(self, frontier: merkle.Frontier, accounts: Accounts, *, now_ms: int, rehearsal: bool) -> None:
        self._frontier = frontier
        self.accounts = accounts
        self._rehearsal = rehearsal
        self.now_ms = now_ms
        self.duplicates = self.conflicts = 0
        self.leaves: list[tuple[int, str, int, str, int, bytes]] = []
        self.nodes: list[tuple[int, bytes]] = []
        self.seen: dict[tuple[str, int], bytes] = {}

    def add(self, entry: LedgerEntry, data: bytes) -> None:
        """Add a leaf, and before it the tally that is due here, or that a report is to stand upon."""
        if entry.fact.kind == "report_issued":
            self._tally()
        if tally.due(self._frontier.size):
            self._tally()
        self._add(entry, data)

    def _tally(self) -> None:
        fact = self.accounts.tally(self._frontier.size, now_ms=self.now_ms)
        self._add(LedgerEntry(TALLY, self._frontier.size, fact), facts.encode(fact))

    def _add(self, entry: LedgerEntry, data: bytes) -> None:
        leaf = _wrap(data, entry, self.now_ms, rehearsal=self._rehearsal)
        index = self._frontier.size
        self.seen[entry.source, entry.sequence] = data
        self.leaves.append((index, entry.source, entry.sequence, entry.fact.kind, entry.fact.at_ms, leaf))
        digest = merkle.leaf_hash(leaf)
        self.accounts.add(index, entry.fact, digest)
        self.nodes += ((merkle.number(level, at), made) for level, at, made in self._frontier.append(digest))


def _wrap(fact: bytes, entry: LedgerEntry, recorded_ms: int, *, rehearsal: bool) -> bytes:
    leaf = b'{"fact":%b,"recorded_ms":%d,"rehearsal":%b,"sequence":%d,"source":%b}' % (
        fact,  # canonical already; the keys stand in their order
        recorded_ms,
        b"true" if rehearsal else b"false",
        entry.sequence,
        canonical.dumps(entry.source),
    )
    if len(leaf) > MAX_LEAF:
        raise EvidenceError(f"leaf of {entry.source}/{entry.sequence}: {len(leaf)} bytes; expected at most {MAX_LEAF}")
    return leaf


def _fact_of(leaf: bytes) -> bytes:
    return canonical.dumps(canonical.loads(leaf)["fact"])
