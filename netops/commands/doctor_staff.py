"""What `netops doctor` looks at of how staff come in: key, second factors, passkeys' place, providers of accounts."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import sqlalchemy as sa

from inventory.errors import InventoryError
from inventory.sql import Database
from netops.access import approvals, resets, steps, tables
from netops.access.factors import Factors
from netops.access.passwords import Passwords
from netops.access.places import STANDARD, place
from netops.access.sealed import Seal, staff_key
from netops.access.staff import Staff
from netops.access.tables import CODES, IDENTITY, PASSKEY
from netops.clock import SYSTEM
from netops.commands.findings import NOTE, OK, WRONG, Finding
from netops.entering import as_provider
from netops.errors import AccessError, ConfigError, NetopsError
from netops.web.health import near

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from netops.access.staff import Account
    from netops.config import Settings

NAMED = 5  # accounts that a line names


def look(settings: Settings) -> Iterator[Finding]:
    """Look at how staff come in."""
    yield key_file(settings, settings.data.dir / "keys" / "staff.key")
    yield passkeys_place(settings)
    yield from providers(settings)
    if not (settings.room("staff") / "staff.db").exists():
        return
    try:
        with Database(tables.url(settings), readonly=True) as database:
            yield from _accounts(settings, database)
    except InventoryError as error:
        yield Finding(NOTE, "second factors", f"the accounts cannot be read: {str(error).splitlines()[0]}")


def key_file(settings: Settings, path: Path) -> Finding:
    """Look at the key that opens one-time codes: who else may read it can make them."""
    what = "staff key"
    if settings.access.key is not None:
        try:
            staff_key(settings)
        except NetopsError as error:
            return Finding(WRONG, what, str(error))
        return Finding(OK, what, f"by reference, {settings.access.key}")
    if not os.access(path.parent, os.X_OK) and path.parent.exists():
        return Finding(NOTE, what, f"{path} is not ours to look at")
    if not path.exists():
        return Finding(NOTE, what, f"there is none at {path}; `netops init`, or the first start of the pages, makes it")
    mode, most = stat.S_IMODE(path.lstat().st_mode), 0o640 if settings.data.users else 0o600
    if mode & ~most:
        said = (
            f"{path} has mode {mode:04o}, expected {most:04o}: who reads it makes anybody's codes; `chmod {most:04o}`"
        )
        return Finding(WRONG, what, said)
    return Finding(OK, what, f"{path}, mode {mode:04o}")


def passkeys_place(settings: Settings) -> Finding:
    """Look whether the origin that passkeys and providers are told is where the pages are found."""
    what = "passkeys"
    try:
        found = place(settings)
    except ConfigError as error:
        return Finding(WRONG, what, str(error))
    if found is None:
        return Finding(OK, what, "none: 'access.url' is empty")
    if why := elsewhere(settings, found.origin):
        return Finding(WRONG, what, f"the origin is {found.origin}, but {why}: no passkey is accepted there")
    belongs = f"they belong to '{found.rp_id}'" if found.rp_id else "none: it is an address"
    return Finding(OK, what, f"the origin is {found.origin}; {belongs}")


def elsewhere(settings: Settings, origin: str) -> str:
    """Return why the listener cannot be what a browser sees at this origin; empty where it can."""
    web, parts = settings.web, urlsplit(origin)
    if web.trusted_proxy:
        return ""  # the proxy's address is what the browser sees
    if parts.scheme == "https" and web.tls_certificate is None:
        return "'web' speaks plain HTTP; give it 'web.tls_certificate', or 'web.trusted_proxy' that speaks TLS"
    if parts.scheme == "http" and web.tls_certificate is not None:
        return "'web' speaks TLS; write https in 'access.url'"
    if parts.scheme == "http" and not near(web.host) and web.host != "localhost":
        return f"'web.host' is {web.host}, and 'access.url' is this machine alone"
    port = parts.port or STANDARD[parts.scheme]
    return f"'web.port' is {web.port}; write it in 'access.url'" if web.port not in {0, port} else ""


def providers(settings: Settings) -> Iterator[Finding]:
    """Ask each provider of accounts what it publishes."""
    for name, each in settings.access.oidc.items():
        from netops.oidc.provider import Known  # noqa: PLC0415  (a third of a second that most instances do not need)

        what = f"accounts of {name}"
        try:
            found = Known(name, as_provider(each)).learn(SYSTEM.now_ms())
        except NetopsError as error:
            remedy = "; until it answers nobody comes in by it" + ("" if settings.access.local else " but break_glass")
            yield Finding(WRONG, what, f"{error}{remedy}")
        else:
            logout = "there is a logout" if found.end_session else "it has no logout of its own"
            yield Finding(OK, what, f"{each.issuer} answers; {logout}")


def _accounts(settings: Settings, database: Database) -> Iterator[Finding]:
    staff = Staff(database, Passwords())
    active = [each for each in staff.accounts() if not each.disabled]
    try:
        rule = steps.rule(settings)
        factors = Factors(staff, Seal(b""))  # looks at what there is; opens nothing
        missing = [each for each in active if rule.lacks(each.role, factors.held(each.name))]
    except ConfigError as error:
        yield Finding(WRONG, "second factors", str(error))
        return
    elsewhere_proven = _by_provider(settings, database)
    yield without(sorted(rule.required | rule.passkey), [each for each in missing if each.name not in elsewhere_proven])
    yield resetting(active, rule.required | rule.passkey)
    yield from _sealed(settings, database)


def _by_provider(settings: Settings, database: Database) -> frozenset[str]:
    """Return the accounts whose second factor is the provider's affair."""
    issuers = [each.issuer for each in settings.access.oidc.values() if not each.second_factor]
    with database.read() as db:
        return frozenset(db.execute(sa.select(IDENTITY.c.account).where(IDENTITY.c.issuer.in_(issuers))).scalars())


def without(roles: Sequence[str], missing: Sequence[Account]) -> Finding:
    """Say which accounts must have a second factor and have none."""
    what = "second factors"
    if not roles:
        return Finding(NOTE, what, "no role must have one; 'access.second_factor' says which do")
    if not missing:
        return Finding(OK, what, f"every account of {', '.join(roles)} has one")
    names = ", ".join(each.name for each in missing[:NAMED]) + (", …" if len(missing) > NAMED else "")
    said = (
        f"{len(missing)} accounts of {', '.join(roles)} have none yet: {names}; the next login asks them to set it up"
    )
    return Finding(NOTE, what, said)


def resetting(active: Iterable[Account], roles: Iterable[str]) -> Finding:
    """Say whose second factors no two others could reset."""
    people, asked = list(active), frozenset(roles)
    known = approvals.ACTIONS[resets.ACTION]
    stuck = []
    for owner in (each for each in people if each.role in asked):
        others = [each for each in people if each.name != owner.name and each.scope.whole]
        pairs = any(
            one.name != two.name
            for one in others
            if one.role in known.asks
            for two in others
            if two.role in known.decides
        )
        if not pairs:
            stuck.append(owner.name)
    if not stuck:
        return Finding(OK, "reset by two persons", "whoever loses a second factor has two others to reset it")
    said = f"nobody could ask and approve for {', '.join(stuck[:NAMED])}; it takes two others, of"
    roles_said = f"{', '.join(sorted(known.asks))} to ask and {', '.join(sorted(known.decides))} to approve"
    return Finding(NOTE, "reset by two persons", f"{said} {roles_said}")


def _sealed(settings: Settings, database: Database) -> Iterator[Finding]:
    """Say whether the key is the one that the secrets were sealed with, and passkeys have a place."""
    with database.read() as db:
        row = db.execute(sa.select(CODES).limit(1)).first()
        passkeys = db.execute(sa.select(sa.func.count()).select_from(PASSKEY)).scalar_one()
    if row is not None:
        yield opened(settings, row.account, row.secret)
    if passkeys and not settings.access.url:
        yield Finding(WRONG, "passkeys of accounts", f"{passkeys} of no use: 'access.url' is empty")


def opened(settings: Settings, account: str, sealed: str) -> Finding:
    """Say whether the key opens the secret of somebody's codes; no key is made by looking."""
    what, path = "one-time codes", settings.data.dir / "keys" / "staff.key"
    remedy = "bring the key back, or everybody sets up anew: `netops staff reset-factors NAME --emergency …`"
    if settings.access.key is None and os.access(path.parent, os.X_OK) and not path.exists():
        return Finding(WRONG, what, f"their key {path} is not there; {remedy}")
    try:
        Seal(staff_key(settings)).open("secret", account, sealed)
    except AccessError as error:
        return Finding(WRONG, what, f"their secrets cannot be opened ({error}); {remedy}")
    except ConfigError as error:
        return Finding(NOTE, what, f"cannot be looked at: {error}")
    return Finding(OK, what, "the key opens their secrets")
