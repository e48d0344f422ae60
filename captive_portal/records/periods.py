"""The months' keys: one file each, whose end is the end of everything sealed with it.

A key is on disk before anything is sealed with it. Destroyed, it is overwritten once and unlinked; on a disk that
writes elsewhere (flash, copy-on-write) the old block may stay until it is reused: docs/explanation/records.md says what
a city does about that. Keys are never part of a backup that outlives them.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
from calendar import monthrange
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

from captive_portal.errors import RecordsError
from captive_portal.records import cipher
from netops.clock import to_ms, utc
from netops.sqlite import sync_directory

if TYPE_CHECKING:
    from pathlib import Path

KEY = 32
NAME = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])")
AHEAD_MONTHS = 12  # a clock that stepped back by less seals with the newest key; nothing is destroyed before its time


def month(at_ms: int) -> str:
    """Return the month of an instant, `2026-11`, in UTC."""
    return f"{utc(at_ms):%Y-%m}"


def begins_ms(period: str) -> int:
    """Return the instant at which a month begins."""
    return to_ms(datetime(int(period[:4]), int(period[5:]), 1, tzinfo=UTC))


def ends_ms(period: str) -> int:
    """Return the instant at which a month is over."""
    return begins_ms(period) + monthrange(int(period[:4]), int(period[5:]))[1] * 86_400_000


class Periods:
    """The key files of a folder; made on first use with mode 0640 (0600 where nobody shares the folder's group).

    Keys stay in memory until one is destroyed, by whichever of these in the process: then all of them forget.
    """

    _destroyed: ClassVar[int] = 0

    def __init__(self, folder: Path) -> None:
        self._seen = Periods._destroyed
        self._folder = folder
        self._known: dict[str, bytes] = {}
        self._current: tuple[int, int, str] = (0, 0, "")  # from when to when on the clock which month is sealed with

    def __repr__(self) -> str:
        return f"Periods({self._folder})"

    def names(self) -> tuple[str, ...]:
        """Return the months that there are keys of, the oldest first."""
        try:
            found = [file.stem for file in self._folder.glob("*.key")]
        except OSError as error:
            raise RecordsError(f"{self._folder}: cannot be read ({error.strerror})") from None
        return tuple(sorted(name for name in found if NAME.fullmatch(name)))

    def current(self, now_ms: int) -> str:
        """Return the month to seal with now: by the clock, and never an older one than was sealed with before."""
        from_ms, to_ms, name = self._current
        if not from_ms <= now_ms < to_ms:
            wanted = month(now_ms)
            newest = self.names()[-1:]
            back = bool(newest) and 0 < _months(newest[0]) - _months(wanted) <= AHEAD_MONTHS
            name = newest[0] if back else wanted
            self._current = begins_ms(wanted), ends_ms(wanted), name
        return name

    def made(self, period: str) -> bytes:
        """Return a month's key; make it durable first if there is none. Two processes at once get the same one."""
        if known := self._remembered(period):
            return known
        with contextlib.suppress(RecordsError):
            return self.key(period)
        file = self._file(period)
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o750)
            fresh = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
            _write(fresh, os.urandom(KEY))
            try:
                with contextlib.suppress(FileExistsError):  # another process was first
                    os.link(fresh, file)
            finally:
                fresh.unlink()
            sync_directory(self._folder)
        except OSError as error:
            raise RecordsError(f"key {file}: cannot be made ({error.strerror}); nothing was sealed") from None
        return self.key(period)

    def key(self, period: str) -> bytes:
        """Return a month's key; RecordsError when it was destroyed or is not to be read."""
        if known := self._remembered(period):
            return known
        file = self._file(period)
        try:
            content = file.read_bytes()
        except FileNotFoundError:
            raise RecordsError(f"the key of {period} is not there: what it sealed cannot be read any more") from None
        except OSError as error:
            raise RecordsError(f"key {file}: cannot be read ({error.strerror})") from None
        if len(content) != KEY:
            raise RecordsError(f"key {file}: {len(content)} octets; expected {KEY}")
        self._known[period] = content
        return content

    def _remembered(self, period: str) -> bytes | None:
        if self._seen != Periods._destroyed:
            self._seen = Periods._destroyed
            self.forget()
        return self._known.get(period)

    def digest(self, period: str) -> str:
        """Return the SHA-256 of a key: which one it was can be told when it is gone."""
        return hashlib.sha256(self.key(period)).hexdigest()

    def destroy(self, period: str) -> bool:
        """Overwrite and unlink a key, durable on return; False when there is none (any more)."""
        file = self._file(period)
        try:
            with file.open("r+b") as content:
                content.write(bytes(KEY))
                content.flush()
                os.fsync(content.fileno())
            file.unlink()
            sync_directory(self._folder)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise RecordsError(f"key {file}: cannot be destroyed ({error.strerror})") from None
        finally:  # afterwards: who reads it until it is gone forgets it again
            Periods._destroyed += 1
            self.forget()
        return True

    def forget(self) -> None:
        """Read the keys anew from now on: another process may have destroyed one."""
        self._known.clear()
        self._current = (0, 0, "")
        cipher.forget()

    def _file(self, period: str) -> Path:
        if not NAME.fullmatch(period):
            raise RecordsError(f"'{period}' is no month; expected one like 2026-11")
        return self._folder / f"{period}.key"


def _months(period: str) -> int:
    return int(period[:4]) * 12 + int(period[5:])


def _write(file: Path, content: bytes) -> None:
    shared = 0o640 if file.parent.stat().st_mode & 0o2000 else 0o600  # the folder's group is who may read them
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, shared)
    try:
        os.write(descriptor, content)
        os.fchmod(descriptor, shared)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
