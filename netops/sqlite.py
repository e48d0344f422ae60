"""The door of `apsw`: how every file of ours that one process writes and others read is opened.

WAL with `synchronous=FULL`: a commit that has returned is on disk. The engine is the one in apsw's wheel, so no such
file may be opened by the interpreter's `sqlite3` in the same process (two copies of SQLite defeat each other's locks).
The write-ahead log and its index stay when the writer leaves, also killed, so that a reader of another user, without
any write permission, still finds them (tests/netops/test_privilege.py); SQLite gives them the main file's mode.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import stat
import time
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import apsw

from netops.errors import NetopsError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Connection: TypeAlias = apsw.Connection
Error: TypeAlias = apsw.Error
CantOpenError: TypeAlias = apsw.CantOpenError
BUSY_MS = 10_000
RENEW_BYTES = 65_536  # SQLite writes at most 131,071 bytes in one piece


class Claim:
    """The right to write one file, held through a lock beside it; the kernel gives it back when the process dies."""

    def __init__(self, path: Path, *, wait_s: float = 10.0) -> None:
        lock = path.with_name(path.name + ".lock")
        # for its owner alone: who can open a lock, to read even, can hold it and keep the writer out
        self._descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        inherit(path.parent)
        inherit(lock)
        deadline = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    os.close(self._descriptor)
                    raise
                time.sleep(0.02)
            else:
                return

    def release(self) -> None:
        """Give the right back."""
        os.close(self._descriptor)


def writer(path: Path, *, vfs: str | None = None, erases: bool = False) -> apsw.Connection:
    """Open for the one writer, who holds the Claim. Raises apsw.Error.

    `erases`: what is deleted here must be gone, so SQLite overwrites it; the log has it until `settle`.
    """
    _renew_log(path.with_name(path.name + "-wal"), vfs or "")
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    db = apsw.Connection(str(path), flags=flags, vfs=vfs) if vfs else apsw.Connection(str(path), flags=flags)
    try:
        db.set_busy_timeout(BUSY_MS)
        db.transaction_mode = "IMMEDIATE"
        db.execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA journal_size_limit=67108864").fetchall()
        if erases:
            db.execute("PRAGMA secure_delete = ON").fetchall()
        _keep_log(db)
        inherit(path)
    except BaseException:
        close(db)
        raise
    return db


def reader(path: Path) -> apsw.Connection:
    """Open read-only beside the writer. Raises apsw.Error when there is no such file.

    The writer may be another user's, and broken into: its file is data and runs nothing. A view in the place of a table
    could go round for ever in the reader's process.
    """
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    db.set_busy_timeout(BUSY_MS)
    for barred in (apsw.SQLITE_DBCONFIG_ENABLE_VIEW, apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA):
        db.config(barred, 0)
    return db


def upgrade(db: apsw.Connection, path: Path, steps: Sequence[str]) -> None:
    """Bring a file to this program's form, in one transaction: step n makes form n of form n - 1.

    The form stands in `user_version`; 0 is an empty file, or one of before forms were numbered, so the first step makes
    what is missing. A file of a newer program is refused, and nothing is written: NetopsError says what to install.
    """
    with db:
        form = _form(db, path, steps)
        for step in steps[form:]:
            db.execute(step).fetchall()
        if form != len(steps):
            db.execute(f"PRAGMA user_version = {len(steps)}").fetchall()


def readable(db: apsw.Connection, path: Path, steps: Sequence[str]) -> apsw.Connection:
    """Return the connection of a reader; NetopsError, and it is closed, for a file of a newer program."""
    try:
        _form(db, path, steps)
    except BaseException:
        close(db)
        raise
    return db


def _form(db: apsw.Connection, path: Path, steps: Sequence[str]) -> int:
    form = int(rows(db, "PRAGMA user_version")[0][0])
    if not 0 <= form <= len(steps):
        what = f"it has form {form}, and this program knows forms up to {len(steps)}"
        raise NetopsError(f"{path}: {what}; another version of NetOps wrote it: install that version or a newer one")
    return form


def rows(db: apsw.Connection, sql: str, bound: Sequence[object] = ()) -> list[tuple[Any, ...]]:
    """Return all rows of a query."""
    return cast("list[tuple[Any, ...]]", db.execute(sql, cast("Any", bound)).fetchall())


def inherit(path: Path) -> None:
    """Give what root made in a service's directory to the service: else `sudo netops …` would lock it out of its file.

    SQLite does the same for the logs that it makes beside a file.
    """
    owner, made = path.parent.stat(), path.lstat()
    linked = stat.S_ISREG(made.st_mode) and made.st_nlink > 1  # never give away what has another name elsewhere
    if os.geteuid() == 0 and owner.st_uid != 0 and made.st_uid == 0 and not linked:
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def settle(db: apsw.Connection) -> None:
    """Copy the log into the main file with fsync and empty it; apsw.BusyError when a reader holds on too long.

    What is acknowledged next then stands on pages whose fsync was seen to succeed.
    """
    busy, _, _ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() or (1, 0, 0)
    if busy:
        raise apsw.BusyError("a reader holds the write-ahead log")


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable: a new file is one only when its name is on disk too."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def close(db: apsw.Connection) -> None:
    """Close whatever state the connection is in; an error then says nothing that the next open will not say again."""
    try:
        db.close(force=True)
    except apsw.Error:
        return


def _renew_log(log: Path, vfs: str) -> None:
    """Write the log's own bytes over themselves and sync them, before anyone builds on them.

    After a failed fsync the kernel may call a page clean that never reached the disk, and a later fsync says yes. The
    next opening would find that transaction whole in the page cache and copy it into the main file; after a power cut
    the older log on the disk would be replayed over it and tear the file. Written anew, the pages are dirty again.
    """
    if not log.exists():
        return
    file = apsw.VFSFile(vfs, str(log), [apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_READWRITE, 0])
    try:
        size = file.xFileSize()
        for offset in range(0, size, RENEW_BYTES):
            file.xWrite(file.xRead(min(RENEW_BYTES, size - offset), offset), offset)
        file.xSync(apsw.SQLITE_SYNC_FULL)
    finally:
        file.xClose()


def _keep_log(db: apsw.Connection) -> None:
    keep = ctypes.c_int(1)  # SQLITE_FCNTL_PERSIST_WAL takes a pointer to an int
    db.file_control("main", apsw.SQLITE_FCNTL_PERSIST_WAL, ctypes.addressof(keep))
