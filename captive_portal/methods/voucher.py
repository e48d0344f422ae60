"""Vouchers: a code of 70 random bits lets some devices in for some minutes, from its first use.

The code is found by its keyed hash: who reads the database learns no code, and how long a look-up takes tells nothing
about codes. Trying is limited by client, by site and for the city (S10); a wrong check character is a slip, not a
guess, and is answered before anything is counted or looked up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from captive_portal import code, redeeming
from captive_portal.limits import Limit, Rate, Rates
from captive_portal.methods import Method
from captive_portal.model import Grant
from captive_portal.verdict import Refusal, Why

if TYPE_CHECKING:
    from collections.abc import Mapping

    from captive_portal.methods import Shown
    from captive_portal.store import Store

TRIES = Rates(
    client=Rate(burst=5, every_ms=30_000),
    site=Rate(burst=100, every_ms=50),  # 20 failures a second: who guesses from one site blocks no other
    city=Rate(burst=2_000, every_ms=2),  # 500 failures a second: 2^70 codes outlast the sun at that rate too
)
LONGEST_TYPED = 40  # as the field allows


class Voucher(Method):
    """One field."""

    name = redeeming.METHOD
    template = "portal/voucher.html"

    def __init__(self, store: Store, key: bytes) -> None:
        self.limit = Limit(TRIES)
        self._store = store
        self._key = key

    def typed(self, fields: Mapping[str, str]) -> Mapping[str, str]:
        """Return the code: of fifteen letters one is wrong, and nobody wants to type the others again."""
        return {"code": fields.get("code", "")[:LONGEST_TYPED]}

    def prove(self, shown: Shown, now_ms: int) -> Grant | Refusal:
        """Look the code up and bind the device to it; durable on a yes."""
        meant = code.typed(shown.fields.get("code", ""))
        if meant is None:
            return Refusal(why=Why.MISTYPED)
        wait_ms = self.limit.take(shown.identity, shown.site, now_ms)
        if wait_ms:
            return Refusal(why=Why.TOO_OFTEN, wait_ms=wait_ms)
        verdict = self._store.redeem(redeeming.hashed(self._key, meant), shown.identity, now_ms)
        if isinstance(verdict, Grant):
            self.limit.give_back(shown.identity, shown.site)
        return verdict
