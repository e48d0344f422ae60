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

from netops.access import scope
from netops.access.permissions import PUBLIC, SELF, may
from netops.access.scope import EVERYTHING, Scope
from netops.access.steps import Step
from netops.access.tables import ACCOUNT, SESSION

if TYPE_CHECKING:
    from inventory.sql import Database

IDLE_MS = 3_600_000
ABSOLUTE_MS = 12 * 3_600_000
TOUCH_MS = 60_000  # how exact "idle" is; a write per request would cost an fsync each
PER_ACCOUNT = 8


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


class Sessions:
    """The sessions of one instance."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def begin(self, account: str, *, now_ms: int, step: Step = Step.NOTHING) -> str:
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
            db.execute(sa.insert(SESSION).values(**row, step=step.value))
        return secret

    def person(self, secret: str, *, now_ms: int, idle: bool = False) -> Person | None:
        """Return whose session this is, or None. `idle` requests (a page refreshing itself) do not prolong it."""
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
        if not idle and now_ms - row.seen_ms >= TOUCH_MS:
            with self.database.write() as db:
                db.execute(sa.update(SESSION).where(SESSION.c.digest == digest).values(seen_ms=now_ms))
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


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def _over(now_ms: int) -> sa.ColumnElement[bool]:
    """Select what has ended by time; a session of the future (the clock was set back) has ended as well."""
    return sa.or_(
        SESSION.c.seen_ms <= now_ms - IDLE_MS,
        SESSION.c.created_ms <= now_ms - ABSOLUTE_MS,
        SESSION.c.created_ms > now_ms + TOUCH_MS,
    )
