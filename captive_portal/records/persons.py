"""The store of persons: numbers, accounts and MAC addresses as ciphertext, known everywhere else by a keyed hash.

`captive_portal/person.py` is what a method sees of it. `keep` is called before anybody is let in: on return the value
is durable, sealed with the key of the month. A person who comes back in another month is sealed again with that month's
key (`renew`, from the hash alone), so that a record and what it stands for end together. `opened` is the only way
back, and `captive_portal/records/disclosure.py` the only caller that shows it to somebody.
"""

from __future__ import annotations

import contextlib
import queue
from collections import OrderedDict
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock
from typing import TYPE_CHECKING, Self

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from captive_portal import keys
from captive_portal.batch import Batcher
from captive_portal.errors import RecordsError
from captive_portal.records import cipher, tables
from captive_portal.records.periods import Periods
from captive_portal.records.tables import PERIOD, PERSON, WISH
from inventory import sql
from netops.clock import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from captive_portal.model import Session
    from netops.clock import Clock
    from netops.config import Settings

WAIT_S = 10.0
HELD_S = 1.0  # a visitor's way in waits no longer for another process; staff's orders wait as long as any (sql.BUSY_S)
TOGETHER = 256  # sealed before the first of them is waited for
REMEMBERED = 100_000  # persons of this month known to be durable; more are written again, which changes nothing
_KEEP = sql.Many(insert(PERSON).on_conflict_do_nothing(), "hash", "period", "kind", "sealed")


class Kind(StrEnum):
    """What a person is known by. The purpose parts the hashes: no number is ever taken for an account."""

    PHONE = "phone"  # E.164, `+8613800000000`
    ACCOUNT = "account"  # `<issuer>|<subject>` of OpenID Connect
    DEVICE = "device"  # a MAC address, lower case with colons


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A value with its keyed hash and the month it is sealed in. Its text never shows the value."""

    hash: bytes
    kind: Kind
    period: str
    value: str

    def __repr__(self) -> str:
        return f"Known({self.kind} {self.hash.hex()[:8]} {self.period})"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    hash: bytes
    period: str
    kind: str
    sealed: bytes


class UnknownError(RecordsError):
    """Nothing is known of a person any more, or never was."""


class Persons:
    """`persons.db` with the months' keys; a context manager. Errors are RecordsError, SqlError and ConfigError.

    `readonly` opens what is there and keeps nothing; that is for staff, and patient. Else what is called here is on a
    visitor's way in: SqlBusyError after `HELD_S`, and nothing was kept. Orders take `database`, which is patient.
    """

    def __init__(self, settings: Settings, clock: Clock = SYSTEM, *, readonly: bool = False) -> None:
        self._settings = settings
        self._readonly = readonly
        self._clock = clock
        self._url = tables.url(settings)
        self.database = sql.Database(self._url, readonly=readonly)
        self._brisk = self.database if readonly else sql.Database(self._url, busy_s=HELD_S)
        self.periods = Periods(tables.keys(settings))
        self._batcher: Batcher[_Row, None] = Batcher("portal-persons", self._together)
        self._durable: OrderedDict[tuple[bytes, str], None] = OrderedDict()
        self._told: set[str] = set()  # months whose key's digest stands in the database
        self._keys: dict[Kind, bytes] = {}
        self._lock = Lock()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        if not self._readonly:
            keys.person_key(self._settings)  # one that is missing or short is said now, not to a visitor
            sql.upgrade(tables.MIGRATIONS, self._url)
        self._stack.enter_context(self.database)
        if not self._readonly:
            self._stack.enter_context(self._brisk)
            self._stack.enter_context(self._batcher)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    # ---- in
    def hashed(self, kind: str, value: str) -> bytes:
        """Return what a value of a `Kind` is known by, without keeping it."""
        kind = Kind(kind)
        key = self._keys.get(kind)
        if key is None:
            make = keys.identity_key if kind is Kind.DEVICE else keys.person_key
            key = self._keys.setdefault(kind, make(self._settings))
        return keys.derived(key, kind.value.encode(), value.encode())

    def keep(self, kind: str, value: str) -> bytes:
        """Seal a value with this month's key and return its keyed hash; durable on return, at once when it is known."""
        hash_, period = self.hashed(kind, value), self.periods.current(self._clock.now_ms())
        if not self._is_durable(hash_, period):
            self._keep([self._sealed(hash_, Kind(kind), period, value)])
        return hash_

    def renew(self, hash_: bytes) -> bool:
        """Seal somebody who is known by the hash alone with this month's key too; False when nothing is known."""
        period = self.periods.current(self._clock.now_ms())
        try:
            older = self._older(hash_, period)
        except UnknownError:
            return False
        self._keep([self._anew(each, period) for each in older])
        return True

    def renew_all(self, hashes: Iterable[bytes]) -> int:
        """Renew many together; return how many were sealed. One that does not open costs the others nothing."""
        period, older, count = self.periods.current(self._clock.now_ms()), list[Known](), 0
        for each in hashes:
            with contextlib.suppress(RecordsError):  # erased meanwhile; or altered: `netops portal verify` says so
                older += self._older(each, period)
            if len(older) == TOGETHER:
                self._keep([self._anew(each, period) for each in older])
                older, count = [], count + TOGETHER
        self._keep([self._anew(each, period) for each in older])
        return count + len(older)

    def note(self, sessions: Iterable[Session]) -> None:
        """Make durable whose sessions are, before their records are: the devices, and who was identified.

        For a writer that has its own thread: all are one transaction here and now. UnknownError when a person is known
        to nobody: such a session could be joined to no one, nobody is let in.
        """
        period, rows = self.periods.current(self._clock.now_ms()), list[_Row]()
        for session in sessions:
            device = self.hashed(Kind.DEVICE, session.client.mac)
            if not self._is_durable(device, period):
                rows.append(self._sealed(device, Kind.DEVICE, period, session.client.mac))
            person = session.grant.person if session.grant else b""
            if person:
                rows += [self._anew(each, period) for each in self._older(person, period)]
        if rows:
            self._together(rows)
            self._remember(rows)

    # ---- out
    def opened(self, hash_: bytes) -> Known | None:
        """Return the value as it was sealed last; None when it was never kept, or is erased."""
        newest = sa.select(PERSON).where(PERSON.c.hash == hash_).order_by(PERSON.c.period.desc()).limit(1)
        with self._brisk.read() as connection:
            row = connection.execute(newest).first()
        if row is None or row.period not in self.periods.names():
            return None
        value = cipher.unseal(self.periods.key(row.period), row.sealed, about(hash_, row.kind, row.period))
        return Known(hash=hash_, kind=Kind(row.kind), period=row.period, value=value)

    def restricted(self, hash_: bytes, since_ms: int = 0) -> bool:
        """Whether a person has wished, after a login at `since_ms`, to be forgotten.

        That login is then used for nothing but what the law demands: nobody is recognised by it any more.
        """
        wished = sa.select(WISH.c.at_ms).where(WISH.c.hash == hash_, WISH.c.at_ms >= since_ms)
        with self._brisk.read() as connection:
            return connection.execute(wished).first() is not None

    # ---- the edge
    def _is_durable(self, hash_: bytes, period: str) -> bool:
        with self._lock:
            return (hash_, period) in self._durable

    def _older(self, hash_: bytes, period: str) -> list[Known]:
        """Return who is to be sealed anew in a month, from the hash alone; empty when they are."""
        if self._is_durable(hash_, period):
            return []
        found = self.opened(hash_)
        if found is None:
            raise UnknownError("who was identified stands nowhere (erased meanwhile?); they log in anew")
        return [found] if found.period < period else []

    def _anew(self, known: Known, period: str) -> _Row:
        return self._sealed(known.hash, known.kind, period, known.value)

    def _keep(self, rows: Sequence[_Row]) -> None:
        """Hand rows in, at most `TOGETHER`; durable on return."""
        try:
            for future in [self._batcher.put(row) for row in rows]:
                future.result(WAIT_S)
        except (queue.Full, TimeoutError):
            raise RecordsError("who it is was not written in time, nobody was let in; is the disk slow?") from None
        self._remember(rows)

    def _sealed(self, hash_: bytes, kind: Kind, period: str, value: str) -> _Row:
        sealed = cipher.seal(self.periods.made(period), value, about(hash_, kind.value, period))
        return _Row(hash=hash_, period=period, kind=kind.value, sealed=sealed)

    def _remember(self, rows: Sequence[_Row]) -> None:
        with self._lock:
            self._durable.update(dict.fromkeys((row.hash, row.period) for row in rows))
            while len(self._durable) > REMEMBERED:
                self._durable.popitem(last=False)

    def _together(self, rows: Sequence[_Row]) -> list[None]:
        """Do a batch: a row that is there already stays as it is."""
        with self._brisk.write() as connection:
            for period in {row.period for row in rows} - self._told:
                known = {"period": period, "key": self.periods.digest(period)}
                connection.execute(insert(PERIOD).on_conflict_do_nothing(), known)
            _KEEP.run(connection, ((r.hash, r.period, r.kind, r.sealed) for r in rows))
        self._told |= {row.period for row in rows}
        return [None] * len(rows)


def about(hash_: bytes, kind: str, period: str) -> bytes:
    """Return what binds a ciphertext to its row."""
    return b"netops.persons.1\0" + kind.encode() + b"\0" + period.encode() + b"\0" + hash_
