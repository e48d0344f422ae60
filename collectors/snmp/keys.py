"""SNMPv3 keys: pass phrase to key (RFC 3414 A.2), localised to an engine, lengthened where AES-192/256 need it.

HMACs and their truncations: RFC 3414 (MD5, SHA), RFC 7860 (SHA-2). Lengthening for AES-192 and AES-256 is Blumenthal's
(draft-blumenthal-aes-usm-04), as net-snmp has it; the other one ("AES-256-C", Reeder) is not offered.
"""

from __future__ import annotations

import hashlib
import hmac
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from collectors.errors import CollectorError
from netops.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

_MEGABYTE = 1 << 20
_SHORTEST = 8  # characters; RFC 3414 section 11.2


class Auth(NamedTuple):
    """An authentication protocol: its hash and how many octets of the HMAC are sent."""

    digest: str
    size: int


AUTH: Mapping[str, Auth] = {
    "MD5": Auth("md5", 12),
    "SHA": Auth("sha1", 12),
    "SHA-224": Auth("sha224", 16),
    "SHA-256": Auth("sha256", 24),
    "SHA-384": Auth("sha384", 32),
    "SHA-512": Auth("sha512", 48),
}
PRIV: Mapping[str, int] = {"AES": 16, "AES-192": 24, "AES-256": 32}  # octets of key


def auth_of(name: str) -> Auth:
    """Return the authentication protocol of this name."""
    if name not in AUTH:
        raise CollectorError(
            f"SNMPv3 authentication '{name}' is unknown; use one of {', '.join(AUTH)}{nearest(name, AUTH)}"
        )
    return AUTH[name]


def priv_of(name: str) -> int:
    """Return the key size of the privacy protocol of this name."""
    if name not in PRIV:
        raise CollectorError(f"SNMPv3 privacy '{name}' is unknown; use one of {', '.join(PRIV)}{nearest(name, PRIV)}")
    return PRIV[name]


def check_phrase(user: str, phrase: str) -> None:
    """Refuse a pass phrase that the RFC does not allow, without showing it."""
    if len(phrase.encode()) < _SHORTEST:
        raise CollectorError(f"SNMPv3 user '{user}': a pass phrase has fewer than {_SHORTEST} octets; agents refuse it")


@lru_cache(maxsize=1024)
def master(digest: str, phrase: str) -> bytes:
    """Return Ku: the hash of a megabyte of the repeated phrase (RFC 3414 A.2.1)."""
    octets = phrase.encode()
    whole = (octets * (_MEGABYTE // len(octets) + 1))[:_MEGABYTE]
    return hashlib.new(digest, whole).digest()


@lru_cache(maxsize=65_536)
def localised(digest: str, phrase: str, engine_id: bytes) -> bytes:
    """Return Kul, the key of this phrase for this engine (RFC 3414 A.2.2)."""
    key = master(digest, phrase)
    return hashlib.new(digest, key + engine_id + key).digest()


def lengthened(digest: str, key: bytes, size: int) -> bytes:
    """Return `size` octets of privacy key."""
    while len(key) < size:
        key += hashlib.new(digest, key).digest()
    return key[:size]


class Authenticator:
    """The HMAC of one localised key (RFC 2104); the key's two blocks are hashed once."""

    __slots__ = ("_inner", "_outer", "size")

    def __init__(self, auth: Auth, key: bytes) -> None:
        inner, outer = hashlib.new(auth.digest), hashlib.new(auth.digest)
        padded = key.ljust(inner.block_size, b"\0")  # a localised key is never longer than a block
        inner.update(bytes(octet ^ 0x36 for octet in padded))
        outer.update(bytes(octet ^ 0x5C for octet in padded))
        self._inner, self._outer = inner.copy, outer.copy
        self.size = auth.size

    def mac(self, octets: bytes) -> bytes:
        """Return the truncated HMAC."""
        inner, outer = self._inner(), self._outer()
        inner.update(octets)
        outer.update(inner.digest())
        return outer.digest()[: self.size]

    def holds(self, octets: bytes, mac: bytes) -> bool:
        """Return whether this is the HMAC, in constant time."""
        return hmac.compare_digest(self.mac(octets), mac)
