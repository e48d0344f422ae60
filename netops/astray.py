"""Look whether keys, spools and databases are open to those that they are meant for, and to nobody else.

Where services have users of their own, the table of `netops/privilege.py` says whom each thing is for; an instance of
one user keeps everything from everybody else. Nothing is changed here: each finding names its remedy.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from netops import founding, privilege
from netops.config import Secret
from netops.privilege import ALL, BESIDE, DIRECTORIES, MEMBERS, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netops.config import Settings
    from netops.privilege import Holding

PRIVATE = ("keys", "spool", "staff.db", "portal.db", "register.db", "ledger.db", "telemetry", "raw")


def look(settings: Settings) -> list[str]:
    """Return what is open to others than intended, as sentences with their remedies; empty: nothing is."""
    found = [*(_apart(settings) if settings.data.users else _alone(settings)), *_secrets(settings)]
    return list(dict.fromkeys(found))


def _alone(settings: Settings) -> Iterator[str]:
    """Look at an instance of one user: its directory is closed, or each thing in it is."""
    top = settings.data.dir
    if not _seen(top) or not stat.S_IMODE(top.lstat().st_mode) & 0o011:
        return  # nobody else comes in, whatever the modes within
    for name in PRIVATE:
        path = top / name
        inside = sorted(path.iterdir()) if path.is_dir() and os.access(path, os.R_OK) else []
        for each in (path, *inside):
            seen = each.lstat() if _seen(each) else None
            if seen is not None and not stat.S_ISDIR(seen.st_mode) and stat.S_IMODE(seen.st_mode) & 0o077:
                if each.suffix == ".vkey":
                    continue
                yield f"{each} is open to others (mode {stat.S_IMODE(seen.st_mode):04o}); `chmod go= {each}`"


def _apart(settings: Settings) -> Iterator[str]:
    remedy = "`sudo netops init` gives each thing to whom it belongs"
    yield from _members(settings)
    for holding in privilege.holdings(settings):
        path = privilege.place(settings, holding)
        queue = holding.kind in (Kind.QUEUE, Kind.OWN)
        beside = () if holding.kind in DIRECTORIES else BESIDE
        for each in (path, *(path.with_name(path.name + end) for end in beside)):
            yield from (f"{each}: {wrong}; {remedy}" for wrong in _wrong(settings, holding, each, holding.mode))
        if queue:
            lock = path.with_name(path.name + ".lock")
            yield from (f"{lock}: {wrong}; {remedy}" for wrong in _wrong(settings, holding, lock, 0o600))
    reference = settings.evidence.key.reference if settings.evidence.key else "empty"
    if not founding.given_by_systemd(settings):
        shown = reference.partition(":")[0]
        yield f"evidence.key is '{shown}', not 'credential:evidence.key': systemd alone keeps it from every service"


def _wrong(settings: Settings, holding: Holding, path: Path, mode: int) -> Iterator[str]:
    if not _seen(path):
        return
    seen = path.lstat()
    if stat.S_ISLNK(seen.st_mode):
        yield "is a link; expected the thing itself"
        return
    owner, wanted = privilege.who(seen.st_uid), privilege.user(settings, holding.owner)
    if owner != wanted and not _writes_journals(settings, holding, path, owner):
        yield f"belongs to '{owner}', expected '{wanted}'"
    group, meant = _group(seen.st_gid), privilege.group(settings, holding.group)
    has = stat.S_IMODE(seen.st_mode)
    if group != meant and has & 0o070 and mode & 0o070:
        yield f"is open to group '{group}', expected '{meant}'"
    if more := has & ~mode & 0o777:
        yield f"is open to others (mode {has:04o}, {more:03o} more than {mode:04o})"


def _writes_journals(settings: Settings, holding: Holding, path: Path, owner: str) -> bool:
    """Whether it is a journal that another writer of the same database has just made."""
    writers = {privilege.user(settings, role) for role in MEMBERS.get(holding.group, ()) if role != "gate"}
    return path.name.endswith("-journal") and bool(holding.mode & 0o020) and owner in writers


def _members(settings: Settings) -> Iterator[str]:
    """Look who else belongs to the groups: a right given to a group is given to all of them."""
    primary: dict[int, set[str]] = {}
    for each in pwd.getpwall():
        primary.setdefault(each.pw_gid, set()).add(each.pw_name)
    for name, roles in MEMBERS.items():
        group = privilege.group(settings, name)
        try:
            known = grp.getgrnam(group)
        except KeyError:
            yield f"there is no group '{group}'; the playbook in ansible/ makes it"
            continue
        meant = {privilege.user(settings, role) for role in roles}
        for member in sorted({*known.gr_mem, *primary.get(known.gr_gid, ())} - meant):
            if name != ALL:  # more people of the house may read settings and register
                yield f"user '{member}' is in group '{group}'; `gpasswd -d {member} {group}`"


def _secrets(settings: Settings) -> Iterator[str]:
    """Look at the files that settings name as secrets, and at the keys of TLS."""
    for dotted, path in _named(settings, ""):
        if not _seen(path):
            continue
        seen = path.stat()
        has, group = stat.S_IMODE(seen.st_mode), _group(seen.st_gid)
        if has & 0o007:
            yield f"{dotted}: {path} is open to everybody (mode {has:04o}); `chmod o= {path}`"
        elif settings.data.users and has & 0o070 and group == settings.data.users:
            yield f"{dotted}: {path} is open to every service (group '{group}'); give it to the group of who needs it"


def _named(node: object, at: str) -> Iterator[tuple[str, Path]]:
    pairs = node.items() if isinstance(node, dict) else [(f.name, getattr(node, f.name)) for f in fields(node)]  # type: ignore[arg-type]
    for name, value in pairs:
        dotted = f"{at}.{name}" if at else str(name)
        if isinstance(value, Secret) and value.reference.startswith("file:"):
            yield dotted, Path(value.reference.removeprefix("file:"))
        elif name == "tls_key" and isinstance(value, Path):
            yield dotted, value
        elif is_dataclass(value) or isinstance(value, dict):
            yield from _named(value, dotted)


def _seen(path: Path) -> bool:
    try:
        path.lstat()
    except OSError:
        return False  # not there, or in a place that is closed to us: then it is closed
    return True


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
