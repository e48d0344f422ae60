"""The files that go with a carrier's note: kept as they came, under the note's SHA-256 and their own, never opened.

A note names one file by its SHA-256, or a list of files as `sha256sum` writes one. A file that it does not name is not
what the carrier signed, and is not kept. What a file was called is kept beside it as a text: it is no part of a path.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from netops.dispute import room
from netops.errors import UsageError
from netops.evidence import canonical, files

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from netops.config import Settings

MOST: Final = 20  # files of one note
MOST_LIST: Final = 8_000  # bytes of a list
MOST_NAME: Final = 80  # characters
TURN: Final = threading.Lock()  # of whoever writes to a shelf: the pages are one process, which alone opens it
_LINE: Final = re.compile(r"([0-9a-f]{64}) [ *](.{1,400})")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file that came with a note; `name` is what it is called, made harmless."""

    name: str
    data: bytes

    @property
    def digest(self) -> str:
        """Its SHA-256."""
        return canonical.digest(self.data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A file that is kept: what it is called, its bytes' number and SHA-256."""

    name: str
    size: int
    digest: str


def harmless(name: str) -> str:
    """Return what a file may be called: its last part without signs that lead elsewhere or are not seen."""
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rpartition("/")[2]
    plain = "".join(sign if sign.isprintable() and sign not in '<>:"|?*;' else "_" for sign in last)
    return plain.strip(" .")[-MOST_NAME:].lstrip(" .") or "file"


def listed(data: bytes) -> dict[str, str]:
    """Return SHA-256 → name of a list of files; nothing where the bytes are none."""
    if len(data) > MOST_LIST:
        return {}
    try:
        lines = data.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        return {}
    found = [_LINE.fullmatch(line) for line in lines]
    return {match[1]: harmless(match[2]) for match in found if match} if all(found) else {}


def write_list(digests: Iterable[tuple[str, str]]) -> bytes:
    """Return the list of files, each (SHA-256, name), as `sha256sum -c` reads it."""
    return "".join(f"{digest}  {harmless(name)}\n" for digest, name in digests).encode()


def named(evidence: str, known: Iterable[bytes]) -> dict[str, str]:
    """Return SHA-256 → name of what a note names; the names alone of a list that is among the `known` bytes."""
    if not evidence:
        return {}
    mine = next((data for data in known if canonical.digest(data) == evidence), b"")
    return {evidence: ""} | listed(mine)


def split(evidence: str, came: Sequence[File], known: Iterable[bytes] = ()) -> tuple[list[File], list[File]]:
    """Return of files that came those that the note names, and the others; `known` are the bytes held already."""
    names = named(evidence, [*known, *(each.data for each in came)])
    return [each for each in came if each.digest in names], [each for each in came if each.digest not in names]


def of_answer(objection: str) -> str:
    """Return under which name the city's own file with its answer to an objection is kept: that of no note."""
    return canonical.digest(f"the city's answer to {objection}".encode())


class Shelf:
    """Where the files of notes are kept. One note's names are `MOST` at most; the same bytes twice are one file."""

    def __init__(self, settings: Settings) -> None:
        self.root = settings.data.dir / "objections"
        self._bounds = settings.objections

    def keep(self, note: str, came: Iterable[File], *, carrier: str = "") -> None:
        """Keep files on a carrier's account, durable on return.

        UsageError where there would be more than a note may have, FullError where there is no room.
        """
        place = self._place(note)
        held = {each.digest for each in self.held(note)}
        fresh = {each.digest: each for each in came if each.digest not in held}
        if len(held) + len(fresh) > MOST:
            raise UsageError(f"{len(held) + len(fresh)} files with one note; expected at most {MOST}: make one of them")
        if sizes := [len(each.data) for each in fresh.values()]:
            room.check(self._bounds, self.root, carrier, size=max(sizes), coming=sum(sizes))
        self.make(note, carrier)
        for digest, each in fresh.items():
            files.replace(place / f"{digest}.name", each.name.encode(), mode=0o640)
            files.replace(place / digest, each.data, mode=0o640)  # with it the file is there

    def make(self, note: str, carrier: str) -> None:
        """Make the place of a note's files, which says on whose account they go."""
        place = self._place(note)
        place.mkdir(parents=True, exist_ok=True, mode=0o750)
        files.settle(self.root)
        if not (place / room.OWNER).exists():
            files.replace(place / room.OWNER, carrier.encode(), mode=0o640)

    def only(self, note: str, digest: str) -> None:
        """Keep of a place this one file; what came before it was not stated."""
        for each in self.held(note):
            if each.digest != digest:
                (self._place(note) / each.digest).unlink(missing_ok=True)
                (self._place(note) / f"{each.digest}.name").unlink(missing_ok=True)

    def beside(self, note: str, name: str) -> Path:
        """Return where something of a note that is not finished lies."""
        return self._place(note) / name

    def held(self, note: str) -> list[Held]:
        """Return the files of a note by their names."""
        found: list[Path] = []
        with suppress(FileNotFoundError):
            found = [path for path in self._place(note).iterdir() if _DIGEST.fullmatch(path.name)]
        made = [Held(name=self._named(path), size=path.stat().st_size, digest=path.name) for path in found]
        return sorted(made, key=lambda each: (each.name, each.digest))

    def path(self, note: str, digest: str) -> Path | None:
        """Return one file of a note, None where it is not there."""
        path = self._place(note) / digest
        return path if _DIGEST.fullmatch(digest) and path.is_file() else None

    def lists(self, note: str) -> list[bytes]:
        """Return the bytes of a note's files that may be a list."""
        small = [each for each in self.held(note) if each.size <= MOST_LIST]
        return [(self._place(note) / each.digest).read_bytes() for each in small]

    def lacking(self, note: str, evidence: str) -> Mapping[str, str]:
        """Return SHA-256 → name of what a note names and nobody brought; an empty name where no list tells it."""
        held = {each.digest for each in self.held(note)}
        return {each: name for each, name in named(evidence, self.lists(note)).items() if each not in held}

    def _place(self, note: str) -> Path:
        if not _DIGEST.fullmatch(note):
            raise UsageError("no note is named so; expected a SHA-256 in 64 lower-case hex digits")
        return self.root / note

    @staticmethod
    def _named(path: Path) -> str:
        try:
            return harmless(path.with_name(f"{path.name}.name").read_text("utf-8"))
        except (OSError, ValueError):
            return path.name[:16]
