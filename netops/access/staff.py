"""Accounts and logins, kept in `staff.db`.

No default password exists: an account begins with a random one-time password that its owner must replace at the first
login. What is done to accounts is kept with who did it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from netops.access import bulk, passwords, refusals, throttle
from netops.access import scope as scopes
from netops.access.attempts import ThrottledError as ThrottledError  # noqa: PLC0414  (what a login may raise)
from netops.access.attempts import forgive, reserve
from netops.access.permissions import ROLES
from netops.access.scope import EVERYTHING, Scope
from netops.access.tables import ACCOUNT, EVENT, NETWORK, SESSION
from netops.errors import AccessError, UsageError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from inventory.sql import Database
    from netops.access.passwords import Passwords

NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
ONE_TIME_MS = 72 * 3_600_000
EVENTS_KEPT_MS = 400 * 86_400_000
COMMAND_LINE = "command line"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One person's account, without its password."""

    name: str
    title: str
    role: str
    must_change: bool
    disabled: bool
    scope: Scope = EVERYTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something done to or with an account."""

    at_ms: int
    account: str
    what: str
    by: str
    origin: str


class Staff:
    """The accounts of one instance."""

    def __init__(
        self, database: Database, secrets: Passwords, *, barred: Callable[[str], bool] = lambda _name: False
    ) -> None:
        """`barred` names accounts whose password lets nobody in: they come by another way."""
        self.database = database
        self.passwords = secrets
        self.barred = barred

    def add(
        self,
        name: str,
        *,
        role: str,
        by: str,
        now_ms: int,
        title: str = "",
        origin: str = COMMAND_LINE,
        scope: Scope = EVERYTHING,
    ) -> str:
        """Make an account and return its one-time password, which is shown once and kept nowhere in clear."""
        if not NAME.fullmatch(name):
            raise UsageError(
                f"account name {name!r}: expected lower-case letters, digits, '_', '.' and '-', at most 64"
            )
        if role not in ROLES:
            raise UsageError(f"role '{role}' is unknown; expected one of {', '.join(ROLES)}{nearest(role, ROLES)}")
        scopes.fits(role, scope)
        if len(title) > 120 or not title.isprintable():
            raise UsageError("the person's name has at most 120 printable characters")
        password = passwords.one_time()
        row = {
            "name": name,
            "title": title or name,
            "role": role,
            "password": self.passwords.hash(password),
            "one_time_until_ms": now_ms + ONE_TIME_MS,
            "created_ms": now_ms,
            "scope": scopes.stored(scope),
        }
        with self.database.write() as db:
            if _find(db, name) is not None:
                raise UsageError(
                    f"account '{name}' exists; `netops staff reset {name}` gives it a new one-time password"
                )
            db.execute(sa.insert(ACCOUNT).values(**row))
            note(db, now_ms, name, f"added as {role}", by=by, origin=origin)
        return password

    def reset(self, name: str, *, by: str, now_ms: int, origin: str = COMMAND_LINE) -> str:
        """Give the account a new one-time password, end its sessions, enable it; return the password."""
        password = passwords.one_time()
        values = {
            "password": self.passwords.hash(password),
            "one_time_until_ms": now_ms + ONE_TIME_MS,
            "disabled_ms": None,
        }
        self._alter(name, values, "password reset", by=by, now_ms=now_ms, origin=origin)
        return password

    def disable(self, name: str, *, by: str, now_ms: int, origin: str = COMMAND_LINE) -> None:
        """Close the account at once, its sessions included."""
        self._alter(name, {"disabled_ms": now_ms}, "disabled", by=by, now_ms=now_ms, origin=origin)
        with self.database.write() as db:
            db.execute(sa.delete(NETWORK).where(NETWORK.c.account == name))

    def narrow(self, name: str, scope: Scope, *, by: str, now_ms: int, origin: str = COMMAND_LINE) -> None:
        """Give the account another scope; its sessions end."""
        known = self.account(name)
        if known is not None:
            scopes.fits(known.role, scope)
        self._alter(name, {"scope": scopes.stored(scope)}, "scope changed", by=by, now_ms=now_ms, origin=origin)

    def account(self, name: str) -> Account | None:
        """Return an account by its name."""
        with self.database.read() as db:
            row = _find(db, name)
        return account_of(row) if row is not None else None

    def accounts(self) -> list[Account]:
        """Return every account by name."""
        with self.database.read() as db:
            return [account_of(row) for row in db.execute(sa.select(ACCOUNT).order_by(ACCOUNT.c.name))]

    def events(self, *, limit: int = 100) -> list[Event]:
        """Return what was done to and with accounts, the latest first."""
        query = sa.select(EVENT).order_by(EVENT.c.id.desc()).limit(limit)
        with self.database.read() as db:
            return [
                Event(at_ms=row.at_ms, account=row.account, what=row.what, by=row.by, origin=row.origin)
                for row in db.execute(query)
            ]

    def login(
        self,
        name: str,
        password: str,
        *,
        address: str,
        now_ms: int,
        whole: Callable[[Account], bool] = lambda _account: True,
    ) -> Account:
        """Return the account whose password this is; AccessError tells nothing about which part was wrong.

        `whole`: whether the password is all that this account needs. Otherwise it is noted as accepted, and the login
        only once the rest is proven too (`Factors.entered`).
        """
        name = name.strip().lower()
        spots = throttle.buckets(name, address)
        with self.database.read() as db:
            row = _find(db, name) if NAME.fullmatch(name) else None
            home = address == COMMAND_LINE or _known(db, name, address, now_ms)
        reserve(self.database, spots, now_ms, throttle.AT_HOME if home else frozenset(spots))
        fits = self.passwords.fits(row.password if row is not None else None, password[: passwords.LONGEST])
        if row is None or not fits or row.disabled_ms is not None or self.barred(name):
            with self.database.write() as db:
                refusals.count(db, now_ms, account=name if row is not None else bulk.NOBODY, address=address)
                if row is not None:
                    note(db, now_ms, name, "login refused", by=name, origin=address)
            raise AccessError("account or password is wrong, or the account is disabled")
        if row.one_time_until_ms is not None and now_ms > row.one_time_until_ms:
            raise AccessError("the one-time password has expired; ask an administrator for `netops staff reset`")
        what = "login" if whole(account_of(row)) else "password accepted"
        with self.database.write() as db:
            forgive(db, spots)
            _remember(db, name, address, now_ms)
            if self.passwords.outdated(row.password):
                renewed = self.passwords.hash(password)
                db.execute(sa.update(ACCOUNT).where(ACCOUNT.c.name == name).values(password=renewed))
            note(db, now_ms, name, what, by=name, origin=address)
        return account_of(row)

    def change(self, name: str, *, old: str, new: str, address: str, now_ms: int) -> None:
        """Replace one's own password; every session of the account ends."""
        passwords.check(new, account=name)
        reserve(self.database, throttle.buckets(name, address), now_ms, throttle.AT_HOME)
        with self.database.read() as db:
            row = _find(db, name)
        if row is None or not self.passwords.fits(row.password, old[: passwords.LONGEST]):
            raise AccessError("the present password is wrong")
        if new == old:
            raise UsageError("the new password is the present one; choose another")
        values = {"password": self.passwords.hash(new), "one_time_until_ms": None}
        self._alter(name, values, "password changed", by=name, now_ms=now_ms, origin=address)
        with self.database.write() as db:
            forgive(db, throttle.buckets(name, address))

    def _alter(self, name: str, values: Mapping[str, object], what: str, *, by: str, now_ms: int, origin: str) -> None:
        with self.database.write() as db:
            if _find(db, name) is None:
                known = [row.name for row in db.execute(sa.select(ACCOUNT.c.name))]
                remedy = nearest(name, known) or "; `netops staff list` shows them all"
                raise UsageError(f"no account '{name}'{remedy}")
            db.execute(sa.update(ACCOUNT).where(ACCOUNT.c.name == name).values(**values))
            db.execute(sa.delete(SESSION).where(SESSION.c.account == name))
            note(db, now_ms, name, what, by=by, origin=origin)


def _find(db: sa.Connection, name: str) -> sa.Row[tuple[object, ...]] | None:
    return db.execute(sa.select(ACCOUNT).where(ACCOUNT.c.name == name)).first()


def _known(db: sa.Connection, name: str, address: str, now_ms: int) -> bool:
    """Whether the account has logged in from this network lately."""
    mine = sa.and_(NETWORK.c.account == name, NETWORK.c.network == throttle.network(address))
    last_ms = db.execute(sa.select(NETWORK.c.last_ms).where(mine)).scalar()
    return last_ms is not None and now_ms - last_ms < throttle.KNOWN_MS


def _remember(db: sa.Connection, name: str, address: str, now_ms: int) -> None:
    """Keep the network of a login that held, and of the others the latest few."""
    here, mine = throttle.network(address), NETWORK.c.account == name
    db.execute(sa.delete(NETWORK).where(mine, NETWORK.c.network == here))
    db.execute(sa.insert(NETWORK).values(account=name, network=here, last_ms=now_ms))
    latest = sa.select(NETWORK.c.network).where(mine).order_by(NETWORK.c.last_ms.desc(), NETWORK.c.network)
    kept = db.execute(latest.limit(throttle.KNOWN_MOST)).scalars().all()
    db.execute(sa.delete(NETWORK).where(mine, NETWORK.c.network.not_in(kept)))


def account_of(row: sa.Row[tuple[object, ...]]) -> Account:
    """Return the account of its row."""
    return Account(
        name=row.name,
        title=row.title,
        role=row.role,
        must_change=row.one_time_until_ms is not None,
        disabled=row.disabled_ms is not None,
        scope=scopes.read(row.scope),
    )


def note(db: sa.Connection, at_ms: int, account: str, what: str, *, by: str, origin: str) -> None:
    """Keep what was done to or with an account, in at most 40 characters, for 400 days."""
    db.execute(sa.insert(EVENT).values(at_ms=at_ms, account=account, what=what, by=by[:64], origin=origin[:64]))
    db.execute(sa.delete(EVENT).where(EVENT.c.at_ms < at_ms - EVENTS_KEPT_MS))
