"""The portal's keys, and what is derived from them. A clear MAC or code leaves the process only as a keyed hash.

* the identity key: joins of devices across sessions, form tokens;
* the voucher key: what a voucher's hash is made with. Whoever loses it has lost every voucher not yet used;
* the token key: one-time tokens of controllers (captive_portal/radius/tokens.py);
* the person key: joins of numbers and accounts. Without it nobody's records are found by their number any more.

They come by reference (`portal.identity_key`, `portal.voucher_key`, `radius.token_key`, `portal.person_key`); empty
means a file under `<data dir>/keys`, made on first use with mode 0600.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from netops.keyring import derived as derived  # noqa: PLC0414  (what the rooms of the portal derive theirs with)
from netops.keyring import key as _key

if TYPE_CHECKING:
    from captive_portal.model import Client
    from netops.config import Settings


def identity_key(settings: Settings) -> bytes:
    """Return the key for devices and forms."""
    return _key(settings.portal.identity_key, settings.data.dir / "keys" / "portal-identity.key")


def voucher_key(settings: Settings) -> bytes:
    """Return the key for vouchers."""
    return _key(settings.portal.voucher_key, settings.data.dir / "keys" / "portal-voucher.key")


def token_key(settings: Settings) -> bytes:
    """Return the key for one-time tokens, which the portal makes and the RADIUS server takes."""
    return _key(settings.radius.token_key, settings.data.dir / "keys" / "portal-token.key")


def person_key(settings: Settings) -> bytes:
    """Return the key for numbers and accounts."""
    return _key(settings.portal.person_key, settings.data.dir / "keys" / "portal-person.key")


def identity(key: bytes, client: Client) -> bytes:
    """Return who this device is, to those who hold the key: the same in every session and at every site."""
    return _device(key, client.mac)


@lru_cache(64)  # a login asks eight times; as many as are under way at once, so that a clear MAC soon goes
def _device(key: bytes, mac: str) -> bytes:
    return derived(key, b"device", mac.encode())
