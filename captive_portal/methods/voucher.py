"""Vouchers: a code of 70 random bits lets some devices in for some minutes, from its first use.

The code is found by its keyed hash: who reads the database learns no code, and how long a look-up takes tells nothing
about codes. Trying is limited by client, by site and for the city (S10); a wrong check character is a slip, not a
guess, and is answered before anything is counted or looked up.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

from captive_portal import code, keys
from captive_portal.limits import Limit, Rate, Rates
from captive_portal.methods import Refusal, Why
from captive_portal.model import Grant, Policy

if TYPE_CHECKING:
    from captive_portal.methods import Shown
    from captive_portal.store import Store

TRIES = Rates(
    client=Rate(burst=5, every_ms=30_000),
    site=Rate(burst=100, every_ms=50),  # 20 failures a second: who guesses from one site blocks no other
    city=Rate(burst=2_000, every_ms=2),  # 500 failures a second: 2^70 codes outlast the sun at that rate too
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """What the store knows of one voucher. `used_up` is a single-use voucher whose session has ended."""

    hash: bytes
    policy: Policy
    start_by_ms: int
    first_ms: int | None
    until_ms: int | None
    withdrawn: bool
    used_up: bool
    holders: frozenset[bytes]


def hashed(key: bytes, meant: str) -> bytes:
    """Return what a voucher is stored as."""
    return keys.derived(key, b"voucher", meant.encode())


def judge(issued: Issued | None, wanted: bytes, identity: bytes, now_ms: int) -> Grant | Refusal:
    """Decide on one voucher for one device; pure."""
    if issued is None or not hmac.compare_digest(issued.hash, wanted) or issued.withdrawn:
        return Refusal(why=Why.UNKNOWN)
    if issued.until_ms is not None and issued.until_ms <= now_ms:
        return Refusal(why=Why.EXPIRED)
    if issued.first_ms is None and issued.start_by_ms <= now_ms:
        return Refusal(why=Why.TOO_LATE)
    if issued.used_up:
        return Refusal(why=Why.USED_UP)
    if identity not in issued.holders and len(issued.holders) >= issued.policy.devices:
        return Refusal(why=Why.TOO_MANY_DEVICES)
    until_ms = issued.until_ms if issued.until_ms is not None else now_ms + issued.policy.seconds * 1000
    return Grant(method=Voucher.name, until_ms=until_ms, voucher=issued.hash)


class Voucher:
    """One field."""

    name = "voucher"
    template = "portal/voucher.html"

    def __init__(self, store: Store, key: bytes) -> None:
        self.limit = Limit(TRIES)
        self._store = store
        self._key = key

    def prove(self, shown: Shown, now_ms: int) -> Grant | Refusal:
        """Look the code up and bind the device to it; durable on a yes."""
        meant = code.typed(shown.fields.get("code", ""))
        if meant is None:
            return Refusal(why=Why.MISTYPED)
        wait_ms = self.limit.take(shown.identity, shown.site, now_ms)
        if wait_ms:
            return Refusal(why=Why.TOO_OFTEN, wait_ms=wait_ms)
        verdict = self._store.redeem(hashed(self._key, meant), shown.identity, now_ms)
        if isinstance(verdict, Grant):
            self.limit.give_back(shown.identity, shown.site)
        return verdict
