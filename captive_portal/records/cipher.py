"""AES-256-GCM (NIST SP 800-38D): how everything of ours that names a person is sealed at rest."""

from __future__ import annotations

import os
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from captive_portal.errors import RecordsError

NONCE = 12
LONGEST = 512  # octets of a value; a number has at most 15 digits, an account's name is cut by its method


def seal(key: bytes, value: str, about: bytes) -> bytes:
    """Return nonce, ciphertext and tag; `about` is not hidden, and a row moved elsewhere does not open any more."""
    content = value.encode()
    if len(content) > LONGEST:
        raise RecordsError(f"a value of {len(content)} octets; expected at most {LONGEST}")
    return seal_octets(key, content, about, os.urandom(NONCE))


def unseal(key: bytes, sealed: bytes, about: bytes) -> str:
    """Return the value; RecordsError when it was altered, moved, or sealed with another key."""
    try:
        return unseal_octets(key, sealed, about).decode()
    except ValueError:
        raise RecordsError("a sealed value is no text: it was altered") from None


def nonces(count: int) -> list[bytes]:
    """Return as many nonces, each good for one sealing, by one question to the system's random source."""
    drawn = os.urandom(NONCE * count)
    return [drawn[at : at + NONCE] for at in range(0, len(drawn), NONCE)]


def seal_octets(key: bytes, content: bytes, about: bytes, nonce: bytes) -> bytes:
    """Seal octets of any length, as `seal` does a value.

    `nonce` is fresh: 96 random bits, for a month's key seals far fewer values than the 2^32 that this allows.
    """
    return nonce + _expanded(key).encrypt(nonce, content, about)


def unseal_octets(key: bytes, sealed: bytes, about: bytes) -> bytes:
    """Return the octets; RecordsError when they were altered, moved, or sealed with another key."""
    try:
        return _expanded(key).decrypt(sealed[:NONCE], sealed[NONCE:], about)
    except (InvalidTag, ValueError):
        raise RecordsError("a sealed value does not open: it was altered, or its key is another") from None


def forget() -> None:
    """Keep no key here that was used."""
    _expanded.cache_clear()


@lru_cache(2)  # of a short value, expanding the key is most of the work; two months are in use at a time
def _expanded(key: bytes) -> AESGCM:
    return AESGCM(key)
