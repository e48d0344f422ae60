"""Who somebody is, kept apart: a method that identifies a person hands over the number or account here and gets a hash.

The session's record carries the keyed hash alone, for joins. Whether and how the value itself is kept for the law is
the keeper's; `Nameless` keeps nothing.
"""

from __future__ import annotations

from typing import Protocol

from captive_portal import keys


class Persons(Protocol):
    """Keeps what identified a person."""

    def keep(self, kind: str, value: str) -> bytes:
        """Keep a value of a kind (`phone`: E.164 with its +); return its keyed hash. Durable on return."""
        ...

    def renew(self, hash_: bytes) -> bool:
        """Keep somebody who is known by the hash for as long as if they came today; False when nothing is known."""
        ...

    def restricted(self, hash_: bytes, since_ms: int = 0) -> bool:
        """Whether they have wished to be forgotten after a login at `since_ms`."""
        ...


class Nameless:
    """Keeps no value: only the hash, which whoever holds the identity key can compare with a number they know."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def keep(self, kind: str, value: str) -> bytes:
        """Return the keyed hash."""
        return keys.derived(self._key, b"person", kind.encode(), value.encode())

    def renew(self, hash_: bytes) -> bool:  # noqa: ARG002  (the protocol's)
        """Return True: there is nothing to keep longer."""
        return True

    def restricted(self, hash_: bytes, since_ms: int = 0) -> bool:  # noqa: ARG002  (the protocol's)
        """Return False: nothing is kept that a wish could be about."""
        return False
