"""An audit of the raw archive: every segment, every chunk's bytes, and every chunk that the ledger sealed.

What the ledger sealed must be here, or be stated as let go after it. Nothing here writes.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import apsw

from netops import frames, sqlite
from netops.chunks import MAGIC
from netops.errors import SpoolError, UsageError
from netops.raw import CONTENT_BOUND
from netops.sqlite_tail import torn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from netops.ledger_file import LedgerReader

INDEX = "index.db"
_CHUNKS = (
    "SELECT number, segment, offset, length, sha256, polls, told FROM chunk WHERE segment = ? ORDER BY offset, number"
)


@dataclass(frozen=True, slots=True)
class Found:
    """A place that is off, and how."""

    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what}"


@dataclass(slots=True)
class Looked:
    """What an audit of the archive saw: counts, what is off, and what is odd but allowed."""

    segments: int = 0
    chunks: int = 0
    polls: int = 0
    found: list[Found] = field(default_factory=list)
    notes: list[Found] = field(default_factory=list)


def audit(directory: Path, ledger: LedgerReader) -> Looked:
    """Look at all of the archive under `directory`; UsageError when there is none."""
    path, looked = directory / INDEX, Looked()
    if not path.is_file():
        raise UsageError(f"raw archive {path}: there is none; expected the one that the core keeps in data.dir/raw")
    if tail := torn(path):
        looked.found.append(Found(INDEX, tail))
        return looked
    try:
        db = sqlite.reader(path)
        try:
            _look(db, directory, ledger, looked)
        finally:
            sqlite.close(db)
    except apsw.Error as error:
        looked.found.append(Found(INDEX, f"cannot be read ({error}); restore it from the backup"))
    return looked


def _look(db: apsw.Connection, directory: Path, ledger: LedgerReader, looked: Looked) -> None:
    held: dict[int, tuple[str, str]] = {}
    told: set[int] = set()
    segments = sqlite.rows(db, "SELECT path, size FROM segment ORDER BY path")
    for segment, size in segments:
        rows = sqlite.rows(db, _CHUNKS, (segment,))
        held |= {row[0]: (segment, row[4]) for row in rows}
        told |= {row[0] for row in rows if row[6]}
        looked.segments += 1
        looked.chunks += len(rows)
        looked.polls += sum(row[5] for row in rows)
        _segment(directory, segment, size, rows, looked)
    gone = {path for (path,) in sqlite.rows(db, "SELECT DISTINCT path FROM gone")}
    looked.found += _sealed(ledger, held, told, gone)
    known = {segment for segment, _ in segments} | gone
    for file in sorted(directory.glob("*/*.seg")):
        name = file.relative_to(directory).as_posix()
        if name not in known:
            looked.notes.append(Found(name, "is no segment of the index: a first write that was cut, or a stranger"))


def _segment(directory: Path, segment: str, size: int, rows: list[tuple[Any, ...]], looked: Looked) -> None:
    polls = sum(row[5] for row in rows)
    try:
        length = (directory / segment).stat().st_size
        with (directory / segment).open("rb") as file:
            if length < size:
                looked.found.append(Found(segment, f"its tail is torn: {length} bytes; {size} were kept"))
            for _, _, offset, held, sha256, _, _ in rows:
                file.seek(offset)
                if what := _wrong(file.read(held), held, sha256):
                    looked.found.append(Found(f"{segment}: offset {offset}", what))
    except FileNotFoundError:
        what = f"the whole segment is missing: {size} bytes, {len(rows)} chunks, the replies of {polls} polls"
        looked.found.append(Found(segment, what))
        return
    except OSError as error:
        looked.found.append(Found(segment, f"cannot be read ({error.strerror})"))
        return
    if length > size:
        looked.notes.append(Found(segment, f"{length - size} bytes after the last chunk: a write that was cut"))


def _wrong(chunk: bytes, length: int, sha256: str) -> str:
    if len(chunk) != length:
        return f"{len(chunk)} of the {length} bytes of the chunk are here"
    if chunk[:4] != MAGIC or chunk[4:8] != struct.pack(">I", length - 8):
        return "no chunk begins here; the file was changed"
    try:
        content = frames.unpacked(chunk[8:], bound=CONTENT_BOUND)
    except SpoolError as error:
        return f"{error}; the file was changed"
    if hashlib.sha256(content).hexdigest() != sha256:
        return "the content is not the one whose digest was kept; the file was changed"
    return ""


def _sealed(ledger: LedgerReader, held: dict[int, tuple[str, str]], told: set[int], gone: set[str]) -> Iterator[Found]:
    """Hold the index against what the ledger sealed of it."""
    let_go = {}
    for leaf in ledger.find("store_expiry"):
        if leaf.fact.body["store"] == "raw":
            let_go[str(leaf.fact.body["what"]).rpartition(" (")[0]] = leaf.index
    missing: dict[str, list[int]] = {}
    for leaf in ledger.find("raw_chunk"):
        name, digest = str(leaf.fact.body["file"]), str(leaf.fact.body["digest"])
        told.discard(leaf.sequence)
        if leaf.sequence not in held:
            if name not in gone and let_go.get(name, -1) < leaf.index:
                missing.setdefault(name, []).append(leaf.index)
        elif held[leaf.sequence] != (name, digest):
            yield Found(f"{INDEX}: chunk {leaf.sequence}", f"is not the one that leaf {leaf.index} seals")
    for name, leaves in sorted(missing.items()):
        span = f"leaf {leaves[0]}" if len(leaves) == 1 else f"leaves {min(leaves)} to {max(leaves)}"
        what = f"{len(leaves)} chunks that the ledger seals ({span}) are not in the index, nor stated as let go"
        yield Found(name, f"{what}; the index was rolled back or changed")
    for number in sorted(told):
        yield Found(f"{INDEX}: chunk {number}", "is said to be sealed, but the ledger does not hold it: rolled back?")
