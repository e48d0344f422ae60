"""Accounts of an institution as staff of ours: found or made by issuer and subject, never by a mail address or a name.

An address may be given to somebody else, a subject never is. The provider says at each login which role somebody has;
whom it gives none is not let in.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from netops.access.permissions import ROLES
from netops.access.scope import CARRIER
from netops.access.staff import COMMAND_LINE, NAME, account_of, note
from netops.access.tables import ACCOUNT, IDENTITY, SESSION
from netops.errors import AccessError, ConfigError, UsageError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netops.access.staff import Account, Staff
    from netops.config import Settings
    from netops.entering import StaffAccounts

TITLE = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """An account of ours and whose it is at a provider."""

    account: str
    issuer: str
    subject: str


class Identities:
    """Who of the providers' accounts is who here."""

    def __init__(self, staff: Staff) -> None:
        self.staff = staff
        self.database = staff.database

    def account(
        self, claims: Mapping[str, Any], provider: StaffAccounts, *, address: str, whole: bool, now_ms: int
    ) -> Account:
        """Return the account of verified claims, made if it is new; AccessError when it may not come in.

        `whole`: whether nothing further is asked for.
        """
        role, subject = role_of(claims, provider), str(claims["sub"])
        mine = sa.and_(IDENTITY.c.issuer == provider.issuer, IDENTITY.c.subject == subject)
        nobodys = self.staff.passwords.hash(secrets.token_hex())  # a password that nobody knows
        with self.database.write() as db:
            query = sa.select(ACCOUNT).join(IDENTITY, IDENTITY.c.account == ACCOUNT.c.name).where(mine)
            row = db.execute(query).first()
            name = row.name if row is not None else _free(db, claims, provider)
            if row is None:
                made = {"title": _title(claims, name), "password": nobodys, "created_ms": now_ms}
                db.execute(sa.insert(ACCOUNT).values(name=name, role=role, **made))
                db.execute(sa.insert(IDENTITY).values(issuer=provider.issuer, subject=subject, account=name))
                note(db, now_ms, name, f"added as {role}", by=name, origin=address)
                note(db, now_ms, name, "password changed", by=name, origin=address)  # it has none of its own
            elif row.disabled_ms is not None:
                note(db, now_ms, name, "login refused", by=name, origin=address)
            elif row.role != role:
                db.execute(sa.update(ACCOUNT).where(ACCOUNT.c.name == name).values(role=role))
                db.execute(sa.delete(SESSION).where(SESSION.c.account == name))
                note(db, now_ms, name, f"role is {role}", by=name, origin=address)
            found = account_of(db.execute(sa.select(ACCOUNT).where(ACCOUNT.c.name == name)).one())
            if not found.disabled:
                note(db, now_ms, name, "login" if whole else "password accepted", by=name, origin=address)
        if found.disabled:
            raise AccessError(f"the account '{name}' is disabled")
        return found

    def links(self, name: str = "") -> list[Linked]:
        """Return which accounts belong to whom at a provider; of one account where a name is given."""
        query = sa.select(IDENTITY).order_by(IDENTITY.c.account, IDENTITY.c.issuer, IDENTITY.c.subject)
        with self.database.read() as db:
            rows = db.execute(query.where(IDENTITY.c.account == name) if name else query)
            return [Linked(account=row.account, issuer=row.issuer, subject=row.subject) for row in rows]

    def unlink(self, name: str, issuer: str, subject: str, *, by: str, now_ms: int, origin: str = COMMAND_LINE) -> None:
        """Say that an account belongs to this subject no more; its sessions end. UsageError when it did not."""
        mine = sa.and_(IDENTITY.c.issuer == issuer, IDENTITY.c.subject == subject, IDENTITY.c.account == name)
        with self.database.write() as db:
            if not db.execute(sa.delete(IDENTITY).where(mine)).rowcount:
                raise UsageError(f"'{name}' is no account of this subject; `netops staff links {name}` shows its own")
            db.execute(sa.delete(SESSION).where(SESSION.c.account == name))
            note(db, now_ms, name, "account of a provider unlinked", by=by, origin=origin)

    def link(self, name: str, issuer: str, subject: str, *, by: str, now_ms: int, origin: str = COMMAND_LINE) -> None:
        """Say that an account that there is belongs to a subject of a provider; UsageError when that is taken."""
        if self.staff.account(name) is None:
            raise UsageError(f"no account '{name}'; `netops staff list` shows them all")
        if not 0 < len(subject) <= 255 or not subject.isprintable():
            raise UsageError("a subject has 1 to 255 printable characters, as the provider writes it in 'sub'")
        with self.database.write() as db:
            mine = sa.and_(IDENTITY.c.issuer == issuer, IDENTITY.c.subject == subject)
            taken = db.execute(sa.select(IDENTITY.c.account).where(mine)).scalar()
            if taken is not None:
                raise UsageError(f"this subject is the account '{taken}' already")
            db.execute(sa.insert(IDENTITY).values(issuer=issuer, subject=subject, account=name))
            note(db, now_ms, name, "account of a provider linked", by=by, origin=origin)


def role_of(claims: Mapping[str, Any], provider: StaffAccounts) -> str:
    """Return the role of the first line of `roles` whose value the claim has; AccessError of none."""
    said = claims.get(provider.role_claim)
    named = {said} if isinstance(said, str) else {each for each in said or () if isinstance(each, str)}
    for value, role in provider.roles.items():
        if value in named:
            return role
    raise AccessError(f"the provider names nothing in '{provider.role_claim}' that has a role here")


def check(settings: Settings) -> None:
    """Raise ConfigError when the providers of staff's accounts, or what stands in their place, cannot be."""
    access = settings.access
    for name, each in access.oidc.items():
        where = settings.origin.get(f"access.oidc.{name}.issuer", "settings")
        if not access.url:
            raise ConfigError(f"{where}: 'access.oidc.{name}' needs 'access.url', where the provider sends people back")
        if not each.client_id or "openid" not in each.scopes.split():
            raise ConfigError(f"{where}: 'access.oidc.{name}' needs a client_id, and openid among its scopes")
        for value, role in each.roles.items():
            if role not in ROLES or role == CARRIER:  # whose scope no provider says
                known = [name for name in ROLES if name != CARRIER]
                what = f"'access.oidc.{name}.roles' gives '{value}' the role '{role}'"
                raise ConfigError(f"{where}: {what}; expected one of {', '.join(known)}{nearest(role, known)}")
    if not access.local and not (access.oidc and access.break_glass):
        where = settings.origin.get("access.local", "settings")
        raise ConfigError(
            f"{where}: 'access.local' is false; expected [access.oidc.NAME] and 'access.break_glass', the one account "
            "that comes in when the provider is away"
        )


def _free(db: sa.Connection, claims: Mapping[str, Any], provider: StaffAccounts) -> str:
    """Return a name that no account has: the one that the provider says, or one like it."""
    said = claims.get(provider.name_claim)
    wanted = said.lower()[:50] if isinstance(said, str) and NAME.fullmatch(said.lower()[:50]) else "sso"
    for name in (wanted, *(f"{wanted}-{secrets.token_hex(3)}" for _ in range(8))):
        if name != "sso" and db.execute(sa.select(ACCOUNT.c.name).where(ACCOUNT.c.name == name)).first() is None:
            return name
    raise AccessError(f"no name is free that is like '{wanted}'")


def _title(claims: Mapping[str, Any], name: str) -> str:
    said = claims.get("name")
    return said[:TITLE] if isinstance(said, str) and said.strip() and said.isprintable() else name
