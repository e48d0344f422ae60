"""SNMPv3 keys: pass phrase to key (RFC 3414 A.2), localised to an engine, lengthened where AES-192/256 need it.

HMACs and their truncations: RFC 3414 (MD5, SHA), RFC 7860 (SHA-2). For AES-192 and AES-256 no RFC says how a digest
becomes a longer key, and two drafts are in the field: Blumenthal's (draft-blumenthal-aes-usm-04, "AES-256") and
Reeder's (draft-reeder-snmpv3-usm-3desede-00, "AES-256-C", Cisco's). They agree where the digest is long enough by
itself. DES is refused: 56 bits keep nothing secret.
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


class Priv(NamedTuple):
    """A privacy protocol: octets of AES key, and whose lengthening where the digest is shorter."""

    size: int
    reeder: bool = False


PRIV: Mapping[str, Priv] = {
    "AES": Priv(16),
    "AES-192": Priv(24),
    "AES-256": Priv(32),
    "AES-192-C": Priv(24, reeder=True),
    "AES-256-C": Priv(32, reeder=True),
}
_BROKEN = frozenset({"DES", "3DES", "3DES-EDE", "DES-CBC"})


def auth_of(name: str) -> Auth:
    """Return the authentication protocol of this name."""
    if name not in AUTH:
        raise CollectorError(
            f"SNMPv3 authentication '{name}' is unknown; use one of {', '.join(AUTH)}{nearest(name, AUTH)}"
        )
    return AUTH[name]


def priv_of(name: str) -> Priv:
    """Return the privacy protocol of this name."""
    if name in _BROKEN:
        raise CollectorError(
            f"SNMPv3 privacy '{name}' is refused: 56-bit DES is read by anyone who records it, 3DES has no standard; "
            f"set the device's user to AES (RFC 3826) and priv_protocol to one of {', '.join(PRIV)}"
        )
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
    return _stretched(digest, phrase.encode())


def _stretched(digest: str, octets: bytes) -> bytes:
    whole = (octets * (_MEGABYTE // len(octets) + 1))[:_MEGABYTE]
    return hashlib.new(digest, whole).digest()


def _local(digest: str, key: bytes, engine_id: bytes) -> bytes:
    return hashlib.new(digest, key + engine_id + key).digest()


@lru_cache(maxsize=65_536)
def localised(digest: str, phrase: str, engine_id: bytes) -> bytes:
    """Return Kul, the key of this phrase for this engine (RFC 3414 A.2.2)."""
    return _local(digest, master(digest, phrase), engine_id)


@lru_cache(maxsize=65_536)
def privacy_key(digest: str, phrase: str, engine_id: bytes, priv: Priv) -> bytes:
    """Return the AES key of this phrase for this engine, lengthened where the digest is shorter than it."""
    key = part = localised(digest, phrase, engine_id)
    while len(key) < priv.size:
        # Reeder: the last part is a phrase anew (a megabyte is hashed per engine). Blumenthal: the hash of all so far.
        part = _local(digest, _stretched(digest, part), engine_id) if priv.reeder else hashlib.new(digest, key).digest()
        key += part
    return key[: priv.size]


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
