"""A large file, handed in by small parts: what came stays when the line breaks, and is gone on with.

No request is larger than a form, so the listener needs to buffer no more before it knows who sends. A file is begun
under its own SHA-256, which the note must name: there is nothing else to begin. With the city's answer one file comes,
which nothing names before; a second one replaces it (`drop`). Each part says where it belongs and its
own SHA-256; it is durable before it is answered. The file is there when all of it hashes to its name, and not before.
Parts that nobody went on with for a day are thrown away whenever another file comes.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from netops.dispute import room
from netops.dispute.attached import MOST, harmless
from netops.errors import UsageError
from netops.evidence import canonical, files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from netops.config import Settings
    from netops.dispute.attached import Shelf

PART_BYTES: Final = 512 * 1024
KEPT_MS: Final = 86_400_000
_PART: Final = re.compile(r"[0-9a-f]{64}\.part")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Bytes of a file: its SHA-256, name and size, where the bytes belong, their own SHA-256."""

    file: str
    name: str
    size: int
    at: int
    data: bytes
    digest: str


class PlaceError(UsageError):
    """A part that does not go on where the file ends; `have` is how many bytes are here."""

    def __init__(self, have: int) -> None:
        self.have = have
        super().__init__(f"the part does not begin where the file ends, which is at {have}; go on there")


class Parts:
    """The unfinished files on a shelf. One writer at a time: the caller holds `attached.TURN`."""

    def __init__(self, settings: Settings, shelf: Shelf) -> None:
        self._bounds = settings.objections
        self._shelf = shelf

    def have(self, note: str, file: str) -> int:
        """Return how many bytes of an unfinished file are here; -1 when it is here whole."""
        if not _PART.fullmatch(f"{file}.part"):
            raise UsageError("no file is named so; expected its SHA-256 in 64 lower-case hex digits")
        if self._shelf.path(note, file) is not None:
            return -1
        path = self._shelf.beside(note, f"{file}.part")
        return path.stat().st_size if path.is_file() else 0

    def take(self, note: str, part: Part, *, carrier: str, now_ms: int) -> int:
        """Keep a part, durable on return; return what `have` says now. UsageError says what is off, FullError is one.

        Whoever calls knows that the note names the file.
        """
        self.tidy(now_ms=now_ms)
        have = self.have(note, part.file)
        if have < 0:
            return have
        self._fits(note, part, have)
        room.check(self._bounds, self._shelf.root, carrier, size=part.size, coming=part.size - have)
        path = self._shelf.beside(note, f"{part.file}.part")
        self._shelf.make(note, carrier)
        with path.open("ab") as file:
            os.fchmod(file.fileno(), 0o640)
            file.write(part.data)
            file.flush()
            os.fsync(file.fileno())
        files.settle(path.parent)
        return self._finished(path, part) if have + len(part.data) == part.size else have + len(part.data)

    def drop(self, note: str, *, but: str) -> None:
        """Throw away what is begun beside one file: of what has one file alone, a second attempt replaces the first."""
        for each in list(self._begun(note)):
            if each.name != f"{but}.part":
                each.unlink(missing_ok=True)

    def _fits(self, note: str, part: Part, have: int) -> None:
        if not 0 < len(part.data) <= PART_BYTES or canonical.digest(part.data) != part.digest:
            raise UsageError(
                f"the part is not what it says: expected 1 to {PART_BYTES} bytes of its SHA-256; repeat it"
            )
        if part.at != have:
            raise PlaceError(have)
        if not 0 < part.at + len(part.data) <= part.size:
            raise UsageError("the part goes beyond the size of its file")
        begun = {each.digest for each in self._shelf.held(note)} | {each.name[:64] for each in self._begun(note)}
        if len(begun | {part.file}) > MOST:
            raise UsageError(f"{len(begun) + 1} files with one note; expected at most {MOST}: make one of them")

    def _begun(self, note: str) -> Iterator[Path]:
        return (each for each in self._shelf.beside(note, "").glob("*.part") if _PART.fullmatch(each.name))

    @staticmethod
    def _finished(path: Path, part: Part) -> int:
        """Give a file its name when it is the one; throw away what is another."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != part.file:
            path.unlink()
            raise UsageError("the parts together are another file than the note names; hand in the one that was signed")
        files.replace(path.with_name(f"{part.file}.name"), harmless(part.name).encode(), mode=0o640)
        path.rename(path.with_name(part.file))
        files.settle(path.parent)
        return -1

    def tidy(self, *, now_ms: int) -> int:
        """Throw away the parts that nobody went on with for a day; return how many files they were of."""
        old = [
            each
            for each in self._shelf.root.glob("*/*.part")
            if _PART.fullmatch(each.name) and each.stat().st_mtime * 1000 < now_ms - KEPT_MS
        ]
        for each in old:
            each.unlink(missing_ok=True)
        return len(old)
