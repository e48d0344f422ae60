"""By what else a device's subjects are known: what the poller learnt, for the doors that know them by less.

A table's `identity` lists what names a row, first choice first. The first that is there names the subject; the others
are names of the same thing, and another door may know no more than one of them: a trap has an interface's number, a
controller's command line an access point's wired address. The poller keeps them in one small file a device, written
when they change; the other services read it and name the same subject.

    interface#3          -> sw-1/eth0            a number of this device's own, which it may give anew when it restarts
    ap:mac:0a0b0c000001  -> mac:0a0b0c0000f0     an address
    onu#1/2/3/5          -> sn:HWTC01234567      a place
    cell#                -> enb-1/1              the device itself: its only one of the kind, by its scalars

Nothing here is evidence: without the file a subject has the name that its door knows.
"""

from __future__ import annotations

import json
import logging
import os
import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from netops.model import Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

log = logging.getLogger(__name__)
ROOM: Final = "names"
RESTART_MS: Final = 60_000  # two readings of sysUpTime that are further apart than this are of two lives
_MOST_HELD: Final = 256  # devices whose names a reader holds
_SEVERAL: Final = ""  # what a name leads to that two subjects claim


def in_text(kind: str, name: str) -> str:
    """Return how a name that is an id is written down."""
    return f"{kind}:{name}"


def in_numbers(kind: str, tail: str) -> str:
    """Return how a place or a number of the device's own is written down: no interface's name can be taken for it."""
    return f"{kind}#{tail}"


def collect(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the id for each name; a name that two subjects claim leads to neither."""
    found: dict[str, str] = {}
    for name, subject in pairs:
        if found.setdefault(name, subject) != subject:
            found[name] = _SEVERAL
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAs:
    """One device's names, and when it had started as they were learnt (None: it did not say)."""

    boot_ms: int | None = None
    tables: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: MappingProxyType({}))
    names: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))  # of all tables
    own: frozenset[str] = frozenset()  # ids that are subjects' own, as kind:id

    @classmethod
    def of(cls, tables: Mapping[str, Mapping[str, str]], boot_ms: int | None) -> KnownAs:
        """Return the names of these tables, ready to be looked up."""
        names = collect(pair for table in tables.values() for pair in table.items())
        own = frozenset(in_text(re.split("[#:]", name, maxsplit=1)[0], s) for name, s in names.items() if s)
        return cls(boot_ms=boot_ms, tables=tables, names=names, own=own)

    def named(self, kind: str, name: str) -> str:
        """Return the id of the subject that an id means: itself, or another that is known by it; "" when unknown."""
        written = in_text(kind, name)
        return name if written in self.own else self.names.get(written, "")

    def numbered(self, kind: str, tail: str) -> str:
        """Return the id of the subject that has this number or place; "" when unknown."""
        return self.names.get(in_numbers(kind, tail), "")

    @property
    def whole(self) -> dict[str, str]:
        """Return the ids, by kind, of what is the device itself: whoever says its serial number means them."""
        return {name[:-1]: subject for name, subject in self.names.items() if name.endswith("#") and subject}

    def owns(self, kind: str, name: str) -> bool:
        """Whether an id is a subject's own."""
        return in_text(kind, name) in self.own

    def subject(self, told: Subject, device: str) -> Subject:
        """Return the subject that a door's own means, or that very one."""
        found = self.named(told.kind, told.id)
        if not found and told.id.startswith(f"{device}/"):
            found = self.numbered(told.kind, told.id[len(device) + 1 :])
        return Subject(told.kind, found) if found and found != told.id else told

    def restarted(self, boot_ms: int | None) -> bool:
        """Whether the device has started anew since its numbers were learnt; what it did not say it did not do."""
        return boot_ms is not None and self.boot_ms is not None and abs(boot_ms - self.boot_ms) > RESTART_MS


NOTHING: Final = KnownAs()


def started(at_ms: int, uptime: int | None) -> int | None:
    """Return when a device that says this sysUpTime (in ticks of 10 ms) had started."""
    return None if uptime is None else at_ms - uptime * 10


class Names:
    """The poller's side: keeps what is new. Never raises; `refused` says why the last thing was not kept."""

    def __init__(self, data: Path) -> None:
        self._room = data / ROOM
        self._boots: dict[str, int] = {}
        self.refused = ""

    def keep(self, device: str, fresh: Mapping[str, Mapping[str, str]], boot_ms: int | None) -> bool:
        """Keep the names of these tables and renew the device's start; others' names stay. False: try again."""
        seen = self._boots.get(device)
        same = boot_ms is None or (seen is not None and abs(boot_ms - seen) <= RESTART_MS // 2)
        if same and not fresh:
            return True
        before = _read(self._file(device))
        tables = {**before.tables, **fresh}
        started = before.boot_ms if boot_ms is None else boot_ms
        news = bool(tables) and (tables, started) != (before.tables, before.boot_ms)
        if news and not self._write(device, {"boot_ms": started, "tables": tables}):
            return False
        self._boots |= {} if boot_ms is None else {device: boot_ms}
        return True

    def forget(self, devices: Iterable[str]) -> None:
        """Drop what left the register."""
        for device in devices:
            self._boots.pop(device, None)
            try:
                self._file(device).unlink(missing_ok=True)
            except OSError as error:
                self.refused = f"{self._file(device)}: {error.strerror or error}"

    def _file(self, device: str) -> Path:
        return self._room / f"{device}.json"

    def _write(self, device: str, content: Mapping[str, object]) -> bool:
        """Replace the file. No fsync: what a power cut takes is learnt again by the next poll."""
        file = self._file(device)
        fresh = file.with_suffix(".new")
        try:
            self._room.mkdir(exist_ok=True)
            with fresh.open("w", encoding="ascii") as into:
                os.fchmod(into.fileno(), 0o640)  # the other collectors are of the directory's group
                into.write(json.dumps(content, separators=(",", ":")))
            fresh.replace(file)
        except OSError as error:
            self.refused = f"{file}: {error.strerror or error}; other doors name subjects by what they know themselves"
            return False
        self.refused = ""
        return True


def reader(data: Path) -> Callable[[str], KnownAs]:
    """Return what looks up a device's names, and reads them anew when they have changed."""
    held: dict[str, tuple[tuple[int, int], KnownAs]] = {}

    def of(device: str) -> KnownAs:
        file = data / ROOM / f"{device}.json"
        try:
            stat = file.stat()
        except OSError:
            return NOTHING
        mark = (stat.st_mtime_ns, stat.st_ino)
        seen = held.get(device)
        if seen is None or seen[0] != mark:
            if len(held) >= _MOST_HELD:
                held.clear()
            seen = held[device] = (mark, _read(file))
        return seen[1]

    return of


def _read(file: Path) -> KnownAs:
    """Return what a file holds; nothing where there is none, or none that can be read (the log says so)."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        tables = {str(table): {str(n): str(s) for n, s in names.items()} for table, names in content["tables"].items()}
        told = content["boot_ms"]
        return KnownAs.of(tables, None if told is None else int(told))
    except FileNotFoundError:
        return NOTHING
    except (OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        log.warning("names not readable", extra={"file": str(file), "why": str(error)})
        return NOTHING
