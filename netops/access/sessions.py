"""Server-side sessions: the browser holds a random 256-bit id, the database only its SHA-256.

A session ends when it is idle for an hour, twelve hours after its login, at logout, and with every change of the
account. A page that only refreshes itself does not keep it alive.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from netops.access import browsers, scope
from netops.access.permissions import PUBLIC, SELF, may
from netops.access.scope import EVERYTHING, Scope
from netops.access.staff import note
from netops.access.steps import Step
from netops.access.tables import ACCOUNT, SESSION
from netops.errors import UsageError

if TYPE_CHECKING:
    from inventory.sql import Database

IDLE_MS = 3_600_000
ABSOLUTE_MS = 12 * 3_600_000
TOUCH_MS = 60_000  # how exact "idle" is; a write per request would cost an fsync each
PER_ACCOUNT = 8
ADDRESS = 45  # signs of an address, at most
MARK = 16  # signs of the digest that name a session to people: whoever reads them can log in as nobody


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who sends this request, by a session that holds. `secret` is the session's id: for the form token alone.

    `step` is what the login still needs, `since_ms` when the session began, `scope` the part of the city to look at. A
    program that comes by a token has its id in `token`, and in `only` the permissions that it was bounded to.
    """

    account: str
    title: str
    role: str
    must_change: bool
    secret: str
    step: Step = Step.NOTHING
    since_ms: int = 0
    scope: Scope = EVERYTHING
    only: frozenset[str] | None = None
    token: str = ""

    def may(self, permission: str) -> bool:
        """Whether the role, and the token, allow this; what is a person's own is no program's."""
        if self.token and (permission == SELF or (self.only is not None and permission not in {PUBLIC, *self.only})):
            return False
        return may(self.role, permission)

    @property
    def is_in(self) -> bool:
        """Whether the login is complete: the pages are open."""
        return not self.must_change and self.step is Step.NOTHING

    def __repr__(self) -> str:
        return f"Person({self.account}, {self.role})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Whence:
    """From where a session begins: address, what the browser calls itself, and the provider that one came by.

    `id_token` is of that login, sealed by whoever keeps it; a logout at the provider names it.
    """

    address: str = ""
    agent: str = ""
    provider: str = ""
    id_token: str = ""

    def __repr__(self) -> str:
        return f"Whence({self.address}, {self.provider})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """A session that goes on, as its owner may see it. `step` is what its login still needs."""

    id: str
    account: str
    since_ms: int
    seen_ms: int
    address: str
    seen_address: str
    browser: str
    system: str
    provider: str
    step: Step


class Sessions:
    """The sessions of one instance."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def begin(self, account: str, *, now_ms: int, step: Step = Step.NOTHING, whence: Whence = Whence()) -> str:
        """Return the id of a new session, which may still need a step; the oldest of more than eight ends."""
        secret = secrets.token_urlsafe(32)
        mine = SESSION.c.account == account
        with self.database.write() as db:
            db.execute(sa.delete(SESSION).where(_over(now_ms)))
            rows = (
                db.execute(sa.select(SESSION.c.digest).where(mine).order_by(SESSION.c.seen_ms.desc())).scalars().all()
            )
            db.execute(sa.delete(SESSION).where(SESSION.c.digest.in_(rows[PER_ACCOUNT - 1 :])))
            row = {"digest": _digest(secret), "account": account, "created_ms": now_ms, "seen_ms": now_ms}
            db.execute(sa.insert(SESSION).values(**row, step=step.value, **_row(whence)))
        return secret

    def person(self, secret: str, *, now_ms: int, idle: bool = False, address: str = "") -> Person | None:
        """Return whose session this is, or None. `idle` requests (a page refreshing itself) do not prolong it.

        Another address than before is kept at once: whoever uses somebody else's session shows on the owner's page.
        """
        digest = _digest(secret)
        query = (
            sa.select(
                SESSION,
                ACCOUNT.c.name,
                ACCOUNT.c.title,
                ACCOUNT.c.role,
                ACCOUNT.c.scope,
                ACCOUNT.c.one_time_until_ms,
            )
            .join(ACCOUNT, ACCOUNT.c.name == SESSION.c.account)
            .where(SESSION.c.digest == digest, ~_over(now_ms), ACCOUNT.c.disabled_ms.is_(None))
        )
        with self.database.read() as db:
            row = db.execute(query).first()
        if row is None:
            return None
        seen: dict[str, object] = {"seen_ms": now_ms} if not idle and now_ms - row.seen_ms >= TOUCH_MS else {}
        seen |= {"seen_address": address[:ADDRESS]} if address and address[:ADDRESS] != row.seen_address else {}
        if seen:
            with self.database.write() as db:
                db.execute(sa.update(SESSION).where(SESSION.c.digest == digest).values(**seen))
        return Person(
            account=row.name,
            title=row.title,
            role=row.role,
            must_change=row.one_time_until_ms is not None,
            secret=secret,
            step=Step(row.step),
            since_ms=row.created_ms,
            scope=scope.read(row.scope),
        )

    def end(self, secret: str) -> None:
        """End a session; ending it twice is no error."""
        with self.database.write() as db:
            db.execute(sa.delete(SESSION).where(SESSION.c.digest == _digest(secret)))

    def whence(self, secret: str) -> Whence:
        """Return by which provider a session began, for the one that takes its place and for the logout."""
        with self.database.read() as db:
            row = db.execute(sa.select(SESSION).where(SESSION.c.digest == _digest(secret))).first()
        return Whence(provider=row.provider, id_token=row.id_token) if row is not None else Whence()

    def live(self, account: str, *, now_ms: int) -> list[Live]:
        """Return the sessions of an account that go on, the one seen last first."""
        mine = sa.and_(SESSION.c.account == account, ~_over(now_ms))
        query = sa.select(SESSION).where(mine).order_by(SESSION.c.seen_ms.desc(), SESSION.c.digest)
        with self.database.read() as db:
            return [_live(row) for row in db.execute(query)]

    def end_one(self, account: str, mark: str, *, by: str, now_ms: int, origin: str) -> list[Live]:
        """End the session of this mark and return it; UsageError when the account has none such that goes on."""
        ended = self._end(account, sa.func.substr(SESSION.c.digest, 1, MARK) == mark, by, now_ms, origin)
        if not ended:
            raise UsageError(f"the account '{account}' has no session '{mark}'; it may have ended already")
        return ended

    def end_all(self, account: str, *, but: str = "", by: str, now_ms: int, origin: str) -> list[Live]:
        """End every session of an account but the one of the secret `but`; return those that ended."""
        return self._end(account, SESSION.c.digest != _digest(but), by, now_ms, origin)

    def _end(self, account: str, which: sa.ColumnElement[bool], by: str, now_ms: int, origin: str) -> list[Live]:
        meant = sa.and_(SESSION.c.account == account, which, ~_over(now_ms))
        with self.database.write() as db:
            ended = [_live(row) for row in db.execute(sa.select(SESSION).where(meant))]
            db.execute(sa.delete(SESSION).where(meant))
            for _ in ended:
                note(db, now_ms, account, "session ended", by=by, origin=origin)
        return ended


def mark(secret: str) -> str:
    """Return what names a session to people."""
    return _digest(secret)[:MARK]


def _row(whence: Whence) -> dict[str, str]:
    browser, system = browsers.words(whence.agent)
    address = whence.address[:ADDRESS]
    known = {"address": address, "seen_address": address, "browser": browser, "system": system}
    return known | {"provider": whence.provider, "id_token": whence.id_token}


def _live(row: sa.Row[tuple[object, ...]]) -> Live:
    return Live(
        id=row.digest[:MARK],
        account=row.account,
        since_ms=row.created_ms,
        seen_ms=row.seen_ms,
        address=row.address,
        seen_address=row.seen_address,
        browser=row.browser,
        system=row.system,
        provider=row.provider,
        step=Step(row.step),
    )


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def _over(now_ms: int) -> sa.ColumnElement[bool]:
    """Select what has ended by time; a session of the future (the clock was set back) has ended as well."""
    return sa.or_(
        SESSION.c.seen_ms <= now_ms - IDLE_MS,
        SESSION.c.created_ms <= now_ms - ABSOLUTE_MS,
        SESSION.c.created_ms > now_ms + TOUCH_MS,
    )
