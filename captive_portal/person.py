"""Who somebody is, kept apart: a method that identifies a person hands over the number or account here and gets a hash.

The session's record carries the keyed hash alone, for joins. How the value itself is kept for the law is the keeper's
(captive_portal/records/persons.py).
"""

from __future__ import annotations

from typing import Protocol


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
