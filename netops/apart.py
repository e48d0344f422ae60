"""Make it so: the directories, spools, databases and keys of an instance whose services have users of their own.

`netops init` does it as root, and again after every upgrade: what is there is kept, and what does not belong to whom
the table of `netops/privilege.py` names is given to them. An instance that ran as one user is taken over.

Root writes by name only where nobody else can: in directories of root's. In those of a service the service's own user
does it, in a process of its own, and what is already there is changed through its descriptor, never through a name that
could be a link by then.
"""

from __future__ import annotations

import errno
import grp
import json
import os
import pwd
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from netops import founding, privilege, sqlite
from netops.commands.db import installed, upgrade
from netops.errors import NetopsError, UsageError
from netops.privilege import BESIDE, DIRECTORIES, Kind
from netops.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from netops.config import Settings
    from netops.privilege import Holding

# Which database a branch of tables is in: its owner brings it to this version, in a directory of its own.
BRANCHES = {
    "inventory": "register/register.db",
    "access": "staff/staff.db",
    "portal": "portal/portal.db",
    "persons": "persons/persons.db",
}
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_LOOK = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC  # a socket opens in no other way


def found(settings: Settings) -> list[str]:
    """Found the instance or bring it to this version; return the lines that say what was done."""
    if os.geteuid() != 0:
        raise UsageError("`netops init` gives each service what is its own here, as root; run `sudo netops init …`")
    known = Names(settings)
    lines = [*_directories(settings, known), *_moved(settings), *_before(settings, known)]
    lines += [*_queues(settings, known), *founding.keys(settings)]
    lines += [line for branch in installed() for line in _upgraded(settings, known, branch.name)]
    return lines + [line for each in privilege.holdings(settings) for line in known.given(each)]


class Names:
    """The users and groups of this machine by role; NetopsError names those that are missing."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ids: dict[tuple[str, str], tuple[int, int]] = {}
        missing = []
        for each in privilege.HOLDINGS:
            user, group = privilege.user(settings, each.owner), privilege.group(settings, each.group)
            try:
                self._ids[each.owner, each.group] = pwd.getpwnam(user).pw_uid, grp.getgrnam(group).gr_gid
            except KeyError:
                missing.append(f"{user}:{group}")
        if missing:
            raise NetopsError(
                f"no such users or groups: {', '.join(sorted(set(missing)))}; the playbook in ansible/ makes them"
            )

    def ids(self, holding: Holding) -> tuple[int, int]:
        """Return uid and gid of whom it belongs to."""
        return self._ids[holding.owner, holding.group]

    def given(self, holding: Holding) -> Iterator[str]:
        """Give what is there to whom it belongs, with everything beside and below it; yield what was changed."""
        path = privilege.place(self._settings, holding)
        uid, gid = self.ids(holding)
        names = [path, *(path.with_name(path.name + each) for each in BESIDE)]
        for each in [path] if holding.kind in DIRECTORIES else names:
            if _give(each, uid, gid, holding.mode):
                yield f"mended {each}"
        if holding.kind is Kind.OWN or holding.kind is Kind.QUEUE:
            lock = path.with_name(path.name + ".lock")
            if _give(lock, uid, gid if holding.kind is Kind.OWN else -1, 0o600):
                yield f"mended {lock}"
        if holding.kind in {Kind.OWN, Kind.SHELF} and path.is_dir():
            for root, directories, files, at in os.fwalk(path):
                inside = [(name, 0o750) for name in directories]
                inside += [(name, 0o600 if name.endswith(".lock") else 0o640) for name in files]
                if changed := sum(_give(Path(name), uid, gid, mode, at=at) for name, mode in inside):
                    yield f"mended {changed} in {root}"

    def run_as(self, holding: Holding, act: Callable[[], list[str]]) -> list[str]:
        """Do it in a process of the owner's, whose files get the holding's group and mode; return its lines."""
        uid, gid = self.ids(holding)
        sys.stdout.flush()
        out, within = os.pipe()
        child = os.fork()
        if child == 0:
            os._exit(_within(within, lambda: _become(uid, gid, holding.mode), act))
        os.close(within)
        with os.fdopen(out, encoding="utf-8") as told:
            text = told.read()
        _, status = os.waitpid(child, 0)
        if status != 0:
            why = text or f"its process ended with {status}"
            raise NetopsError(f"as user {privilege.user(self._settings, holding.owner)}: {why}")
        lines: list[str] = json.loads(text)
        return lines


def _within(pipe: int, become: Callable[[], None], act: Callable[[], list[str]]) -> int:
    with os.fdopen(pipe, "w", encoding="utf-8") as tell:
        try:
            become()
            tell.write(json.dumps(act()))
        except Exception as error:  # noqa: BLE001  (whatever it is, it is told to who started us)
            tell.write(str(error))
            return 1
    return 0


def _become(uid: int, gid: int, mode: int) -> None:
    os.initgroups(privilege.who(uid), gid)
    os.setgid(gid)
    os.setuid(uid)
    os.umask(0o777 & ~(mode | 0o110))


def _directories(settings: Settings, known: Names) -> Iterator[str]:
    for each in privilege.holdings(settings):
        if each.kind not in DIRECTORIES:
            continue
        path = privilege.place(settings, each)
        made = not path.exists()
        if made:
            path.mkdir(mode=0o700, parents=True)
        if _give(path, *known.ids(each), each.mode) or made:
            yield f"{'made' if made else 'mended'} {path}"


def _moved(settings: Settings) -> Iterator[str]:
    """Bring the databases of an instance of one user into directories of their own."""
    for each in privilege.holdings(settings):
        path = privilege.place(settings, each)
        old = settings.data.dir / path.name
        if each.kind is Kind.ROLLBACK and old.is_file() and not path.exists():
            journal = old.with_name(old.name + "-journal")
            if journal.exists():  # first: without it the database would be one that a change was cut off in
                journal.rename(path.with_name(journal.name))
            old.rename(path)
            yield f"moved {old} → {path}"
    yield from _shelf(settings)


def _shelf(settings: Settings) -> Iterator[str]:
    """Bring what lies beside the accounts, where it lay once and the core could read it, into its own directory.

    Onto an empty one alone: a rename takes the place of nothing else.
    """
    old, new = settings.data.dir / "staff" / "objections", settings.data.dir / "objections"
    if old.is_symlink() or not old.is_dir():
        return
    try:
        old.rename(new)
    except OSError as error:
        raise NetopsError(f"{old}: cannot be moved to {new} ({error.strerror}); bring what is in it there") from None
    yield f"moved {old} → {new}"


def _before(settings: Settings, known: Names) -> Iterator[str]:
    """Give what exists to its owners before these open it."""
    for each in privilege.holdings(settings):
        if each.kind in (Kind.QUEUE, Kind.ROLLBACK):
            yield from known.given(each)


def _queues(settings: Settings, known: Names) -> Iterator[str]:
    """Make the files of apsw with log, index and lock: their directory belongs to root, who alone makes names there."""
    for each in privilege.holdings(settings):
        path = privilege.place(settings, each)
        if each.kind is not Kind.QUEUE:
            continue
        lock = path.with_name(path.name + ".lock")
        whole = [path, lock, *(path.with_name(path.name + end) for end in ("-wal", "-shm"))]
        if not all(name.exists() for name in whole):
            if path.parent.name == "spool":
                with Spool(path, source=path.stem):
                    pass
                for name in whole:
                    _give(name, *known.ids(each), 0o600 if name == lock else each.mode)
            else:
                known.run_as(each, lambda path=path: _opened(path))  # type: ignore[misc]
            yield f"made {path}"


def _opened(path: Path) -> list[str]:
    claim = sqlite.Claim(path)
    try:
        db = sqlite.writer(path)
        sqlite.rows(db, "SELECT count(*) FROM sqlite_schema")  # the first reading makes log and index
        sqlite.close(db)
    finally:
        claim.release()
    return []


def _upgraded(settings: Settings, known: Names, name: str) -> list[str]:
    """Bring a branch of tables to this version as its owner."""
    database = BRANCHES.get(name, "register/register.db")
    holding = next(each for each in privilege.HOLDINGS if each.path == database)
    path = privilege.place(settings, holding)

    def act() -> list[str]:
        lines = upgrade(settings, [branch for branch in installed() if branch.name == name])
        if path.exists():
            path.chmod(holding.mode)  # SQLite makes it 0644 less the umask; its journals get what it has
        return lines

    return known.run_as(holding, act)


def _give(path: Path, uid: int, gid: int, mode: int, *, at: int | None = None) -> bool:
    """Give a file or directory to its owner by its descriptor; return whether that changed anything."""
    try:
        handle = os.open(path, _OPEN, dir_fd=at)
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno == errno.ENXIO:
            return _give_socket(path, uid, gid, mode, at=at)
        raise NetopsError(f"{path}: expected a file of this instance, not a link ({error.strerror})") from None
    try:
        seen = os.fstat(handle)
        plain = stat.S_ISDIR(seen.st_mode) or (stat.S_ISREG(seen.st_mode) and seen.st_nlink == 1)
        if not plain:
            raise NetopsError(f"{path}: expected a plain file with one name; remove what was put there")
        if seen.st_uid == uid and gid in (-1, seen.st_gid) and stat.S_IMODE(seen.st_mode) == mode:
            return False
        os.fchown(handle, uid, gid)
        os.fchmod(handle, mode)  # after it: a change of the owner takes bits away
        return True
    finally:
        os.close(handle)


def _give_socket(path: Path, uid: int, gid: int, mode: int, *, at: int | None) -> bool:
    """Give the socket of a service that runs to its owner; return whether that changed anything."""
    try:
        handle = os.open(path, _LOOK, dir_fd=at)
    except FileNotFoundError:  # its service ended meanwhile
        return False
    try:
        seen = os.fstat(handle)
        if not stat.S_ISSOCK(seen.st_mode) or seen.st_nlink != 1:
            raise NetopsError(f"{path}: expected a plain file with one name; remove what was put there")
        if seen.st_uid == uid and gid in (-1, seen.st_gid) and stat.S_IMODE(seen.st_mode) == mode:
            return False
        itself = Path(f"/proc/self/fd/{handle}")  # a descriptor of this kind is no other way to what it names
        os.chown(itself, uid, gid)
        itself.chmod(mode)
        return True
    finally:
        os.close(handle)
