"""The portal's keys, and what is derived from them. A clear MAC or code leaves the process only as a keyed hash.

* the identity key: joins of devices across sessions, form tokens;
* the voucher key: what a voucher's hash is made with. Whoever loses it has lost every voucher not yet used;
* the token key: one-time tokens of controllers (captive_portal/radius/tokens.py);
* the person key: joins of numbers and accounts. Without it nobody's records are found by their number any more.

They come by reference (`portal.identity_key`, `portal.voucher_key`, `radius.token_key`, `portal.person_key`); empty
means a file under `<data dir>/keys`, made on first use with mode 0600.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from functools import lru_cache
from typing import TYPE_CHECKING

from netops.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from captive_portal.model import Client
    from netops.config import Secret, Settings

LEAST = 32  # characters: 128 bits in hexadecimal


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


def derived(key: bytes, purpose: bytes, *parts: bytes) -> bytes:
    """Return HMAC-SHA-256 over purpose and parts, each with its length, so that no two lists of parts are alike."""
    framed = b"".join(len(part).to_bytes(4, "big") + part for part in (purpose, *parts))
    return hmac.digest(key, framed, hashlib.sha256)


def _key(secret: Secret | None, file: Path) -> bytes:
    text = secret.read() if secret is not None else _kept(file)
    if len(text) < LEAST:
        raise ConfigError(f"{secret or file}: the key has {len(text)} characters; expected at least {LEAST}")
    return hashlib.sha256(text.encode()).digest()


def _kept(file: Path) -> str:
    """Return the key in the file; make it durable first if there is none. Two processes at once get the same one."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not file.exists():
            _make(file)
        return file.read_text(encoding="ascii").strip()
    except OSError as error:
        raise ConfigError(f"key {file}: cannot be made or read ({error.strerror}); check the data directory") from None


def _make(file: Path) -> None:
    fresh = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, secrets.token_hex(32).encode() + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    try:
        os.link(fresh, file)  # fails where another process was first
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
