"""Passwords: argon2id, one-time passwords, and what a password of one's own must be.

A check costs 64 MiB and some tens of milliseconds on purpose; how many run at once is bounded, so that a flood of
logins costs its senders time and not this machine its memory.
"""

from __future__ import annotations

import secrets
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from netops.errors import StoreError, UsageError

SHORTEST, LONGEST = 12, 256
AT_ONCE = 2
WAIT_S = 5.0
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # 31 signs that nobody confuses: 20 of them are 99 bits


class Passwords:
    """Makes and checks argon2id hashes (RFC 9106, its second recommended option: 64 MiB, 3 passes, 4 lanes)."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._places = BoundedSemaphore(AT_ONCE)
        self._nobody = self._hasher.hash(secrets.token_hex())

    def hash(self, password: str) -> str:
        """Return the encoded argon2id hash."""
        with _place(self._places):
            return self._hasher.hash(password)

    def fits(self, encoded: str | None, password: str) -> bool:
        """Whether the password fits. `None`, for an unknown account, takes as long as a wrong password."""
        with _place(self._places):
            try:
                return self._hasher.verify(encoded or self._nobody, password) and encoded is not None
            except (Argon2Error, InvalidHashError):
                return False

    def outdated(self, encoded: str) -> bool:
        """Whether the hash was made with other costs than today's."""
        return self._hasher.check_needs_rehash(encoded)


class _place:  # noqa: N801  (a context manager used like a function)
    def __init__(self, places: BoundedSemaphore) -> None:
        self._places = places

    def __enter__(self) -> None:
        if not self._places.acquire(timeout=WAIT_S):
            raise StoreError("too many logins at once; try again in a minute")

    def __exit__(self, *_: object) -> None:
        self._places.release()


def one_time() -> str:
    """Return a random one-time password, in groups that can be read out: `k7mq3-…`."""
    signs = [secrets.choice(ALPHABET) for _ in range(20)]
    return "-".join("".join(signs[at : at + 5]) for at in range(0, 20, 5))


def check(password: str, *, account: str) -> None:
    """Refuse a weak password of one's own (UsageError says how). Length counts, not the kinds of signs."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise UsageError(f"the password has {len(password)} characters; expected {SHORTEST} to {LONGEST}")
    if account.lower() in password.lower():
        raise UsageError("the password contains the account's name; choose words that are not")
    if len(set(password)) < 6:
        raise UsageError("the password repeats a few characters; choose at least 6 different ones")
