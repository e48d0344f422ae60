"""What hides the packets at rest: the months' keys of the records, and keyed hashes of whom a packet is about.

A packet names a MAC and an address. In the file it is ciphertext, sealed with the key of its month: whoever takes the
file, or a backup of it, without the keys has times and controllers. Beside it stand two hashes, so that what is held of
a device can be found and erased: of its MAC (the same as in the session log) and of its address at that controller.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Self

from captive_portal import keys
from captive_portal.errors import RecordsError
from captive_portal.portal2.packet import PacketError, whom
from captive_portal.records import cipher, tables
from captive_portal.records.periods import Periods

if TYPE_CHECKING:
    from netops.config import Settings

SHORT = 16  # octets of an address's hash: it is looked for within one visit


class Vault:
    """The keys of one instance. Errors are RecordsError and ConfigError."""

    def __init__(self, periods: Periods, identity_key: bytes) -> None:
        self._periods = periods
        self._key = identity_key

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the vault of these settings."""
        return cls(Periods(tables.keys(settings)), keys.identity_key(settings))

    def seal(self, octets: bytes, about: bytes, now_ms: int, nonce: bytes) -> tuple[str, bytes]:
        """Return the month and the ciphertext; `about` binds it to its row, `nonce` is as `seal_octets` wants it."""
        period = self._periods.current(now_ms)
        return period, cipher.seal_octets(self._periods.made(period), octets, about, nonce)

    def open(self, period: str, sealed: bytes, about: bytes) -> bytes | None:
        """Return the octets; None when the month's key is not there (any more)."""
        try:
            key = self._periods.key(period)
        except RecordsError:
            return None
        return cipher.unseal_octets(key, sealed, about)

    def device(self, mac: str) -> bytes:
        """Return what a device is known by, here and in the session log."""
        return keys.derived(self._key, b"device", mac.encode())

    def address(self, ac: str, address: str) -> bytes:
        """Return what an address at a controller is known by here."""
        return _address(self._key, ac, address)

    def subject(self, ac: str, octets: bytes) -> tuple[bytes | None, bytes | None]:
        """Return whom a packet is about: device and address, as far as it names them."""
        try:
            mac, visitor = whom(octets)
        except PacketError:
            return None, None
        return self.device(mac) if mac else None, self.address(ac, visitor)


@lru_cache(64)  # a login names its address five times; as many as are under way at once, so that a clear one soon goes
def _address(key: bytes, ac: str, address: str) -> bytes:
    return keys.derived(key, b"packet address", ac.encode(), address.encode())[:SHORT]
