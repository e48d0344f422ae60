"""What the staff's own key makes: sealed secrets, keyed digests, and tickets that hold for minutes and once.

A ticket is a nonce of our own making: whoever brings it back has got it from us, for this purpose, a short time ago.
Nothing is kept of it until it is used, so that showing a page writes nothing, however often it is asked for.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from inventory.errors import SqlConflictError
from netops import keyring
from netops.access.tables import SPENT
from netops.errors import AccessError

if TYPE_CHECKING:
    from inventory.sql import Database
    from netops.config import Settings

LIFE_MS = 10 * 60_000
NONCE, MARK = 12, 16
AHEAD_MS = 60_000


def staff_key(settings: Settings) -> bytes:
    """Return the key of everything that proves staff besides their passwords."""
    return keyring.key(settings.access.key, settings.data.dir / "keys" / "staff.key")


class Seal:
    """Seals and opens with one key, each value for one purpose and one owner."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def digest(self, purpose: str, *parts: str) -> str:
        """Return a keyed digest, in hexadecimal."""
        return self.derived(purpose, *parts).hex()

    def derived(self, purpose: str, *parts: str) -> bytes:
        """Return 32 octets that nobody knows without the key."""
        return keyring.derived(self._key, purpose.encode(), *(each.encode(errors="replace") for each in parts))

    def close(self, purpose: str, owner: str, text: str) -> str:
        """Return the text sealed (AES-256-GCM), as text."""
        nonce = secrets.token_bytes(NONCE)
        made = AESGCM(self.derived("seal", purpose)).encrypt(nonce, text.encode(), owner.encode())
        return _written(nonce + made)

    def open(self, purpose: str, owner: str, sealed: str) -> str:
        """Return what was sealed for this purpose and owner; AccessError for anything else."""
        try:
            octets = _read(sealed)
            return (
                AESGCM(self.derived("seal", purpose)).decrypt(octets[:NONCE], octets[NONCE:], owner.encode()).decode()
            )
        except (InvalidTag, ValueError):
            raise AccessError("what was sealed was not sealed here, or for somebody else") from None

    def ticket(self, purpose: str, owner: str, *, now_ms: int) -> bytes:
        """Return a fresh ticket: 8 octets of time, 16 of chance, 16 that prove it."""
        body = now_ms.to_bytes(8, "big") + secrets.token_bytes(16)
        return body + self._mark(purpose, owner, body)

    def genuine(self, purpose: str, owner: str, ticket: bytes, *, now_ms: int) -> bool:
        """Whether the ticket is one of ours for this purpose and owner, and not too old."""
        body, mark = ticket[:-MARK], ticket[-MARK:]
        if len(ticket) != 24 + MARK or not hmac.compare_digest(mark, self._mark(purpose, owner, body)):
            return False
        return -AHEAD_MS <= now_ms - int.from_bytes(body[:8], "big") < LIFE_MS

    def _mark(self, purpose: str, owner: str, body: bytes) -> bytes:
        return self.derived("ticket", purpose, owner, body.hex())[:MARK]


def spend(database: Database, ticket: bytes, *, now_ms: int) -> bool:
    """Strike a ticket out, durably; of two who bring the same one at once, one gets True."""
    row = {"digest": hashlib.sha256(ticket).hexdigest(), "until_ms": now_ms + 2 * LIFE_MS}
    try:
        with database.write() as db:
            db.execute(sa.delete(SPENT).where(SPENT.c.until_ms <= now_ms))
            db.execute(sa.insert(SPENT).values(**row))
    except SqlConflictError:
        return False
    return True


def _written(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def _read(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        raise ValueError(text[:20]) from None
