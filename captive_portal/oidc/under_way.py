"""Logins under way at a provider: what this device took there, so that what it brings back can be told from a forgery.

Kept by the server for the device, never in a cookie: the browser of a login sheet has none. One seed gives state,
nonce and the PKCE verifier (RFC 7636); it is taken exactly once.
"""

from __future__ import annotations

import hmac
import secrets
from typing import TYPE_CHECKING

import sqlalchemy as sa

from captive_portal.tables import UNDER_WAY
from netops.oidc.under_way import UnderWay

if TYPE_CHECKING:
    from captive_portal.store import Store

LIFE_MS = 10 * 60_000  # as long as somebody may need for a password and a second factor


def begin(store: Store, identity: bytes, provider: str, now_ms: int) -> UnderWay:
    """Note that a device goes to a provider, in place of any time before; durable on return."""
    row = {"identity": identity, "provider": provider, "seed": secrets.token_bytes(32), "until_ms": now_ms + LIFE_MS}

    def work(connection: sa.Connection) -> None:
        over = UNDER_WAY.c.until_ms <= now_ms
        connection.execute(sa.delete(UNDER_WAY).where((UNDER_WAY.c.identity == identity) | over))
        connection.execute(sa.insert(UNDER_WAY), row)

    store.write(work)
    return UnderWay(provider, row["seed"], now_ms)  # type: ignore[arg-type]  # a row of mixed kinds


def take(store: Store, identity: bytes, state: str, now_ms: int) -> UnderWay | None:
    """Return the device's login with this state and strike it out, durably: of two who ask at once one gets it.

    A state that is not this device's strikes nothing out: whoever makes a visitor follow a link ends no login by it.
    """
    mine = UNDER_WAY.c.identity == identity
    found = store.read(lambda connection: connection.execute(sa.select(UNDER_WAY).where(mine)).first())
    if found is None:
        return None
    under_way = UnderWay(found.provider, found.seed, found.until_ms - LIFE_MS)
    if not hmac.compare_digest(state.encode(), under_way.state.encode()):
        return None
    strike = sa.delete(UNDER_WAY).where(mine, UNDER_WAY.c.seed == found.seed)
    taken = store.write(lambda connection: connection.execute(strike).rowcount)
    return under_way if taken and now_ms < found.until_ms else None
