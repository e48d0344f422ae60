"""What of the RADIUS server's memory outlives it: `radius.db`, written by the service `radius` alone.

Rows of many packets go into one transaction (captive_portal/batch.py); an Accounting-Response is sent after its fsync,
because a controller that has it forgets what it reported (RFC 2866 section 2). A device's MAC stands here in clear
while it is there or its door is open, and no longer.
"""

from __future__ import annotations

import json
import queue
import secrets
from contextlib import ExitStack
from dataclasses import astuple, dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from captive_portal.batch import Batcher
from captive_portal.errors import PortalError
from captive_portal.radius.heard import HEARD_MS, MOST
from captive_portal.radius.stay import (
    UNHEARD,
    Closed,
    Door,
    Ended,
    Known,
    Marked,
    Row,
    Sighted,
    Sojourn,
    bounds_of,
    numbers_of,
)
from netops import sqlite

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Future
    from pathlib import Path


WAIT_S = 10.0
DAY_MS = 86_400_000
GONE_MS = 2 * DAY_MS  # ended sessions are remembered so long, against replays
_FIRST = """
CREATE TABLE IF NOT EXISTS about (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS door (
  place TEXT NOT NULL, mac TEXT NOT NULL, until_ms INTEGER NOT NULL, bounds TEXT NOT NULL, addresses TEXT NOT NULL,
  mark BLOB NOT NULL, PRIMARY KEY (place, mac)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sojourn (
  place TEXT NOT NULL, session TEXT NOT NULL, mac TEXT, calling TEXT NOT NULL, user TEXT NOT NULL,
  addresses TEXT NOT NULL, since_ms INTEGER NOT NULL, seen_ms INTEGER NOT NULL, up INTEGER NOT NULL,
  down INTEGER NOT NULL, mark BLOB NOT NULL, stopped_ms INTEGER, cause INTEGER NOT NULL,
  PRIMARY KEY (place, session)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sighting (
  address TEXT PRIMARY KEY, place TEXT NOT NULL, mac TEXT NOT NULL, seen_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS heard (mark BLOB PRIMARY KEY, at_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outcome (
  number INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, place TEXT NOT NULL, device TEXT NOT NULL, asked TEXT NOT NULL,
  word TEXT NOT NULL, cause INTEGER NOT NULL, sent INTEGER NOT NULL, took_ms INTEGER NOT NULL) STRICT;
"""
FORMS = (_FIRST,)  # what makes each form of the file of the one before


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One Disconnect or CoA and what came of it."""

    at_ms: int
    place: str
    device: str  # the keyed hash of a MAC
    asked: str
    word: str
    cause: int
    sent: int
    took_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Old:
    """What is older than it may become."""

    now_ms: int
    days: int


Writable: TypeAlias = Row | Kept | Old


class Keeping:
    """The file and its writer; a context manager."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.born = ""
        self._db: sqlite.Connection | None = None
        self._writer: Batcher[Sequence[Writable], None] = Batcher("radius-record", self._together)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            try:
                stack.callback(sqlite.Claim(self.path).release)
                self._db = sqlite.writer(self.path, erases=True)
                stack.callback(sqlite.close, self._db)
                sqlite.upgrade(self._db, self.path, FORMS)
                self.born = self._born(self._db)
            except (BlockingIOError, sqlite.Error) as error:
                raise PortalError(f"{self.path}: cannot be opened ({error}); is another server running?") from None
            stack.enter_context(self._writer)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def put(self, rows: Sequence[Writable]) -> Future[None]:
        """Hand rows in; what comes back is done when they are durable. PortalError when too many wait."""
        try:
            return self._writer.put(rows)
        except queue.Full:
            raise PortalError(f"{self.path}: too much waits to be written; is the disk slow?") from None

    def keep(self, rows: Sequence[Writable]) -> None:
        """Hand rows in; durable on return. PortalError when they are not."""
        if not rows:
            return
        try:
            self.put(rows).result(WAIT_S)
        except (TimeoutError, sqlite.Error) as error:
            raise PortalError(f"{self.path}: not written ({error or 'too slow'}); is the disk full or slow?") from None

    def known(self, now_ms: int) -> Known:
        """Return what was durable, and forget what is too old to matter."""
        assert self._db
        db = self._db
        with db:
            db.execute("DELETE FROM sojourn WHERE stopped_ms < ?", (now_ms - GONE_MS,))
            db.execute("DELETE FROM door WHERE until_ms <= ?", (now_ms,))
        ended = [
            ((place, session), since_ms, cause)
            for place, session, since_ms, cause in sqlite.rows(
                db,
                "SELECT place, session, since_ms, cause FROM sojourn WHERE stopped_ms IS NOT NULL ORDER BY stopped_ms",
            )
        ]
        doors = sqlite.rows(db, "SELECT place, mac, until_ms, bounds, addresses, mark FROM door")
        sojourns = sqlite.rows(
            db,
            "SELECT place, session, mac, calling, user, addresses, since_ms, seen_ms, up, down, mark"
            " FROM sojourn WHERE stopped_ms IS NULL",
        )
        heard = sqlite.rows(db, "SELECT mark, at_ms FROM heard ORDER BY at_ms DESC LIMIT ?", (MOST,))
        sightings = sqlite.rows(db, "SELECT address, place, mac, seen_ms FROM sighting ORDER BY seen_ms")
        return Known(
            doors=[_door(row) for row in doors],
            sojourns=[_sojourn(row) for row in sojourns],
            gone=[key for key, _, cause in ended if cause != UNHEARD],
            lost=[(key, since_ms) for key, since_ms, cause in ended if cause == UNHEARD],
            heard=[(mark, at_ms) for mark, at_ms in reversed(heard)],
            sightings=[(address, (place, mac), seen_ms) for address, place, mac, seen_ms in sightings],
        )

    def purge(self, now_ms: int, *, days: int) -> None:
        """Delete ended sessions, sightings and outcomes that are older than they may become."""
        self.keep([Old(now_ms=now_ms, days=days)])

    def _together(self, works: Sequence[Sequence[Writable]]) -> list[None]:
        assert self._db
        with self._db:
            for rows in works:
                for row in rows:
                    WRITES[type(row)](self._db, row)
        return [None] * len(works)

    @staticmethod
    def _born(db: sqlite.Connection) -> str:
        with db:
            db.execute("INSERT OR IGNORE INTO about (key, value) VALUES ('born', ?)", (secrets.token_hex(8),))
        return str(sqlite.rows(db, "SELECT value FROM about WHERE key = 'born'")[0][0])


def outcomes(path: Path, *, limit: int = 50) -> list[Kept]:
    """Return the last Disconnects and CoAs, the newest first; for readers beside the server."""
    db = sqlite.reader(path)
    try:
        found = sqlite.rows(
            sqlite.readable(db, path, FORMS),
            "SELECT at_ms, place, device, asked, word, cause, sent, took_ms FROM outcome ORDER BY number DESC LIMIT ?",
            (limit,),
        )
    finally:
        sqlite.close(db)
    return [
        Kept(at_ms=at, place=place, device=device, asked=asked, word=word, cause=cause, sent=sent, took_ms=took)
        for at, place, device, asked, word, cause, sent, took in found
    ]


def _door(row: tuple[Any, ...]) -> Door:
    place, mac, until_ms, bounds, addresses, mark = row
    return Door(
        place=place,
        mac=mac,
        until_ms=until_ms,
        bounds=bounds_of(bounds),
        addresses=tuple(json.loads(addresses)),
        mark=mark,
    )


def _sojourn(row: tuple[Any, ...]) -> Sojourn:
    place, session, mac, calling, user, addresses, since_ms, seen_ms, up, down, mark = row
    return Sojourn(
        place=place,
        session=session,
        mac=mac,
        calling=calling,
        user=user,
        addresses=tuple(json.loads(addresses)),
        since_ms=since_ms,
        seen_ms=seen_ms,
        up=up,
        down=down,
        mark=mark,
    )


# ---- every statement that changes a row
def _put_door(db: sqlite.Connection, door: Door) -> None:
    db.execute(
        "INSERT OR REPLACE INTO door (place, mac, until_ms, bounds, addresses, mark) VALUES (?, ?, ?, ?, ?, ?)",
        (
            door.place,
            door.mac,
            door.until_ms,
            str(list(numbers_of(door.bounds))),
            json.dumps(door.addresses),
            door.mark,
        ),
    )


def _close(db: sqlite.Connection, closed: Closed) -> None:
    db.execute("DELETE FROM door WHERE place = ? AND mac = ?", closed.key)


def _put_sojourn(db: sqlite.Connection, each: Sojourn) -> None:
    who = each.place, each.session, each.mac, each.calling, each.user, json.dumps(each.addresses)
    db.execute(
        "INSERT OR REPLACE INTO sojourn"
        " (place, session, mac, calling, user, addresses, since_ms, seen_ms, up, down, mark, stopped_ms, cause)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, 0)",
        (*who, each.since_ms, each.seen_ms, each.up, each.down, each.mark),
    )


def _end(db: sqlite.Connection, ended: Ended) -> None:
    db.execute(
        "INSERT OR REPLACE INTO sojourn"
        " (place, session, mac, calling, user, addresses, since_ms, seen_ms, up, down, mark, stopped_ms, cause)"
        " VALUES (?, ?, NULL, '', '', '[]', ?, ?, ?, ?, ?, ?, ?)",
        (*ended.key, *ended[1:]),
    )


def _put_sighting(db: sqlite.Connection, seen: Sighted) -> None:
    bound = (seen.address, *seen.key, seen.seen_ms)
    db.execute("INSERT OR REPLACE INTO sighting (address, place, mac, seen_ms) VALUES (?, ?, ?, ?)", bound)


def _put_mark(db: sqlite.Connection, marked: Marked) -> None:
    db.execute("INSERT OR IGNORE INTO heard (mark, at_ms) VALUES (?, ?)", marked)


def _put_outcome(db: sqlite.Connection, kept: Kept) -> None:
    db.execute(
        "INSERT INTO outcome (at_ms, place, device, asked, word, cause, sent, took_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        astuple(kept),
    )


def _purge(db: sqlite.Connection, old: Old) -> None:
    db.execute("DELETE FROM sojourn WHERE stopped_ms < ?", (old.now_ms - GONE_MS,))
    db.execute("DELETE FROM sighting WHERE seen_ms < ?", (old.now_ms - DAY_MS,))
    db.execute("DELETE FROM heard WHERE at_ms < ?", (old.now_ms - HEARD_MS,))
    db.execute("DELETE FROM outcome WHERE at_ms < ?", (old.now_ms - old.days * DAY_MS,))


WRITES: Mapping[type, Callable[[sqlite.Connection, Any], None]] = MappingProxyType(
    {
        Door: _put_door,
        Closed: _close,
        Sojourn: _put_sojourn,
        Ended: _end,
        Sighted: _put_sighting,
        Marked: _put_mark,
        Kept: _put_outcome,
        Old: _purge,
    }
)
