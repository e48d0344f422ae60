"""Whom a process has let in by itself while the portal was dead: on disk before the door opens, until it is recorded.

One JSON object a line, appended and fsynced; the first names the log, so that what is told twice is known again. What
a crash cut off was never acted on, and is dropped. MAC addresses stand here in clear, as in the portal's own tables
while somebody is in (captive_portal/tables.py): when the portal is back it takes them into its records, sealed, and
tells up to where; then they are struck out here.
"""

from __future__ import annotations

import json
import os
import secrets
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from captive_portal.errors import PortalError
from netops.evidence import files

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

UNASKED = "unasked"  # the channel of a consent that nobody could be asked for
MOST = 200_000  # entries that wait for the portal, some 40 MB; then nobody else is let in


class What(StrEnum):
    """What an entry says."""

    BEGUN = "begun"  # a place is open
    IN = "in"  # a device was let in, or further addresses of it
    OUT = "out"  # it was put out before its time
    ENDED = "ended"  # the place is closed again; `count` devices were let in


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One of them. `request` and `leaf` name the decision that it was done by; `n` is given by the log."""

    what: What
    at_ms: int
    place: str
    request: str
    leaf: int
    n: int = 0
    mac: str = ""
    addresses: tuple[str, ...] = ()
    until_ms: int = 0
    why: str = ""
    count: int = 0


def said(entry: Entry) -> dict[str, Any]:
    """Return an entry as JSON has it."""
    return {**asdict(entry), "what": str(entry.what), "addresses": list(entry.addresses)}


def read(told: Any) -> Entry:
    """Return an entry from JSON; PortalError for anything else."""
    try:
        return Entry(**{**told, "what": What(told["what"]), "addresses": tuple(map(str, told["addresses"]))})
    except (KeyError, TypeError, ValueError) as error:
        raise PortalError(f"no entry of a log of who was let in ({error})") from None


class Log:
    """The file; inert until `open`. Used by one process, from one thread at a time.

    `wrong` is what keeps it from being written now, or the empty string.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.mark = ""
        self.wrong = ""
        self._entries: list[Entry] = []
        self._next = 1
        self._size = 0
        self._handle = -1

    @property
    def entries(self) -> tuple[Entry, ...]:
        """What nobody has recorded yet, in its order."""
        return tuple(self._entries)

    def exists(self) -> bool:
        """Whether there is such a file; also where we may not look: then `open` says so."""
        try:
            return self.path.exists()
        except OSError:
            return True

    def open(self) -> None:
        """Take up what is there, or begin. PortalError: it cannot be read, and is not touched; `append` refuses then.

        A full disk is no reason to fail here: what is there can be told, and `wrong` says why nobody is let in.
        """
        try:
            whole = self.path.read_bytes() if self.path.exists() else b""
            lines = whole[: whole.rfind(b"\n") + 1].splitlines()
            head: dict[str, Any] = json.loads(lines[0]) if lines else {"log": secrets.token_hex(8), "next": 1}
            mark, following = str(head["log"]), int(head["next"])
            self._entries = [read(json.loads(line)) for line in lines[1:]]
        except (OSError, ValueError, KeyError, TypeError, PortalError) as error:
            self.wrong = f"{self.path}: cannot be read ({error}); move it away and restart, it names who was let in"
            raise PortalError(self.wrong) from None
        self.mark, self._next = mark, max([following, *(each.n + 1 for each in self._entries)])
        if whole.endswith(b"\n"):
            self._resume(len(whole))
        self.mend()

    def mend(self) -> None:
        """Write the file anew where that is due; `wrong` says whether it still cannot be."""
        if self._handle < 0 and self.mark:
            with suppress(PortalError):
                self._write()

    def _resume(self, size: int) -> None:
        """Go on at the end of a file that is whole: that needs no room."""
        with suppress(OSError):
            self._handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
            self._size = size

    def close(self) -> None:
        """Let go; safe to call twice."""
        if self._handle >= 0:
            os.close(self._handle)
        self._handle = -1

    def append(self, entries: Sequence[Entry]) -> None:
        """Keep entries; durable on return. PortalError when they are not: then nothing may be done by them."""
        if not self.mark:
            raise PortalError(self.wrong or f"{self.path}: not open; nobody is let in without a record")
        if len(self._entries) + len(entries) > MOST:
            self.wrong = f"{self.path}: {MOST} entries wait for the portal; nobody else is let in"
            raise PortalError(self.wrong)
        if self._handle < 0:  # what was to be struck out, or taken back, could not be: now it can, or nobody is let in
            self._write()
        made = [replace(each, n=self._next + at) for at, each in enumerate(entries)]
        octets = b"".join(_line(said(each)) for each in made)
        try:
            if os.write(self._handle, octets) != len(octets):
                raise OSError("the disk is full")  # noqa: TRY301  (what a short write is)
            os.fsync(self._handle)
        except OSError as error:
            self._take_back()
            self.wrong = f"{self.path}: not written ({error}); nobody is let in without a record"
            raise PortalError(self.wrong) from None
        self.wrong = ""
        self._size += len(octets)
        self._entries += made
        self._next += len(made)

    def forget(self, upto: int) -> int:
        """Strike out what has been recorded elsewhere; return how many entries. PortalError: on disk they still are."""
        left = [each for each in self._entries if each.n > upto]
        gone = len(self._entries) - len(left)
        if gone or (self._handle < 0 and self.mark):
            self._entries = left
            self._write()
        return gone

    def _take_back(self) -> None:
        """Cut off what was not written whole; where even that fails the file is written anew before the next entry."""
        try:
            os.ftruncate(self._handle, self._size)
        except OSError:
            self.close()

    def _write(self) -> None:
        """Write the file anew; PortalError, and no handle to a file that may be gone, where that fails."""
        lines = [_line({"log": self.mark, "next": self._next}), *(_line(said(each)) for each in self._entries)]
        octets = b"".join(lines)
        self.close()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            files.replace(self.path, octets, mode=0o600)
            self._handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        except OSError as error:
            self.wrong = f"{self.path}: not written ({error}); make room, nobody is let in until it is"
            raise PortalError(self.wrong) from None
        self._size, self.wrong = len(octets), ""


def _line(told: dict[str, Any]) -> bytes:
    return json.dumps(told, separators=(",", ":")).encode() + b"\n"
