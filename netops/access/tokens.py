"""Tokens with which a program reads pages and API in somebody's name: never more than its owner may, and nothing else.

A token is 256 bits of chance and shown once; the database holds a keyed digest. It lives no longer than its owner's
account and role: who is disabled, or may less than the token's role, has no token that lets anybody in.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from netops.access import scope, throttle
from netops.access.attempts import reserve
from netops.access.permissions import ROLES
from netops.access.sessions import Person
from netops.access.staff import COMMAND_LINE, note
from netops.access.steps import Step
from netops.access.tables import ACCOUNT, TOKEN
from netops.errors import AccessError, UsageError, nearest

if TYPE_CHECKING:
    from collections.abc import Collection

    from inventory.sql import Database
    from netops.access.sealed import Seal
    from netops.access.staff import Account

MARK = "netops_"  # how one is told from other secrets, by whoever finds it in a log
LENGTH = len(MARK) + 43
TOUCH_MS = 60_000
MOST = 32  # of one account
TITLE = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token as its owner sees it: everything but itself. `only`: permissions, all of the role where it is empty."""

    id: str
    account: str
    title: str
    role: str
    only: tuple[str, ...]
    created_ms: int
    until_ms: int | None
    used_ms: int | None


class Tokens:
    """The tokens of one instance."""

    def __init__(self, database: Database, seal: Seal) -> None:
        self.database = database
        self.seal = seal

    def add(
        self,
        account: Account,
        *,
        title: str,
        by: str,
        now_ms: int,
        role: str = "",
        only: Collection[str] = (),
        until_ms: int | None = None,
        origin: str = COMMAND_LINE,
    ) -> tuple[str, Token]:
        """Make a token and return it, which is shown once, with what is kept; UsageError says what is off."""
        role = role or account.role
        check(account, title=title, role=role, only=only, until_ms=until_ms, now_ms=now_ms)
        secret = MARK + secrets.token_urlsafe(32)
        made = Token(
            id=secrets.token_hex(6),
            account=account.name,
            title=title.strip(),
            role=role,
            only=tuple(sorted(set(only))),
            created_ms=now_ms,
            until_ms=until_ms,
            used_ms=None,
        )
        row = {name: getattr(made, name) for name in ("id", "account", "title", "role", "created_ms", "until_ms")}
        with self.database.write() as db:
            held = db.execute(sa.select(sa.func.count()).where(TOKEN.c.account == account.name)).scalar_one()
            if held >= MOST:
                raise UsageError(f"'{account.name}' has {held} tokens; revoke one that is not used any more")
            db.execute(sa.insert(TOKEN).values(**row, digest=self._digest(secret), only=" ".join(made.only)))
            note(db, now_ms, account.name, "token added", by=by, origin=origin)
        return secret, made

    def revoke(self, token: str, *, by: str, now_ms: int, account: str = "", origin: str = COMMAND_LINE) -> Token:
        """End a token by its id, of that account alone where one is named; UsageError when there is none."""
        mine = TOKEN.c.id == token if not account else sa.and_(TOKEN.c.id == token, TOKEN.c.account == account)
        with self.database.write() as db:
            row = db.execute(sa.select(TOKEN).where(mine)).first()
            if row is None:
                raise UsageError(f"no token '{token}'; `netops staff token list` shows them all")
            db.execute(sa.delete(TOKEN).where(mine))
            note(db, now_ms, row.account, "token revoked", by=by, origin=origin)
        return _token(row)

    def all(self, account: str = "") -> list[Token]:
        """Return the tokens of an account, or of all, the newest first."""
        query = sa.select(TOKEN).order_by(TOKEN.c.created_ms.desc(), TOKEN.c.id)
        with self.database.read() as db:
            return [_token(row) for row in db.execute(query.where(TOKEN.c.account == account) if account else query)]

    def person(self, secret: str, *, address: str, now_ms: int) -> Person:
        """Return in whose name a token speaks, and how far; AccessError, always the same, of any other.

        Whoever sends what is no token is slowed down (ThrottledError), by client.
        """
        query = (
            sa.select(TOKEN, ACCOUNT.c.title.label("person"), ACCOUNT.c.role.label("own_role"), ACCOUNT.c.scope)
            .join(ACCOUNT, ACCOUNT.c.name == TOKEN.c.account)
            .where(TOKEN.c.digest == self._digest(secret), ACCOUNT.c.disabled_ms.is_(None))
            .where(sa.or_(TOKEN.c.until_ms.is_(None), TOKEN.c.until_ms > now_ms))
            .where(ACCOUNT.c.one_time_until_ms.is_(None))
        )
        row = None
        if len(secret) == LENGTH and secret.startswith(MARK):
            with self.database.read() as db:
                row = db.execute(query).first()
        if row is None or not within(row.role, row.own_role):
            spots = throttle.client_buckets("token", address)
            reserve(self.database, spots, now_ms, frozenset(spots))
            raise AccessError("the token is not valid: unknown, expired, revoked, or its owner may less than it")
        if row.used_ms is None or now_ms - row.used_ms >= TOUCH_MS:
            with self.database.write() as db:
                db.execute(sa.update(TOKEN).where(TOKEN.c.id == row.id).values(used_ms=now_ms))
        return Person(
            account=row.account,
            title=row.person,
            role=row.role,
            must_change=False,
            secret=self.seal.digest("form of a token", row.id),
            step=Step.NOTHING,
            since_ms=row.created_ms,
            only=frozenset(row.only.split()) or None,
            token=row.id,
            scope=scope.read(row.scope),
        )

    def _digest(self, secret: str) -> str:
        return self.seal.digest("token", secret)


def within(role: str, own: str) -> bool:
    """Whether a role may nothing that the other may not."""
    return ROLES.get(role, frozenset({role})) <= ROLES.get(own, frozenset())


def check(account: Account, *, title: str, role: str, only: Collection[str], until_ms: int | None, now_ms: int) -> None:
    """Raise UsageError when such a token cannot be."""
    if account.disabled or account.must_change:
        raise UsageError(f"'{account.name}' is disabled or still has its one-time password; a token would be of no use")
    if not 0 < len(title.strip()) <= TITLE or not title.isprintable():
        raise UsageError(f"a token's title says what it is for, in 1 to {TITLE} printable characters")
    if role not in ROLES:
        raise UsageError(f"role '{role}' is unknown; expected one of {', '.join(ROLES)}{nearest(role, ROLES)}")
    if not within(role, account.role):
        raise UsageError(f"'{account.name}' has the role '{account.role}' and may less than '{role}'; a token may not")
    for each in only:
        if each not in ROLES[role]:
            known = sorted(ROLES[role])
            raise UsageError(f"the role '{role}' has no permission '{each}'; it has {', '.join(known)}")
    if until_ms is not None and until_ms <= now_ms:
        raise UsageError("the token would have expired already; name an instant to come")


def _token(row: sa.Row[tuple[object, ...]]) -> Token:
    return Token(
        id=row.id,
        account=row.account,
        title=row.title,
        role=row.role,
        only=tuple(row.only.split()),
        created_ms=row.created_ms,
        until_ms=row.until_ms,
        used_ms=row.used_ms,
    )
