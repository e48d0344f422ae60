"""What devices have agreed to whose login is not done yet: they look for a code, or are at somebody else's page.

The terms stand on the first form; what is recorded in the end is what stood there. Held in memory for as long as a
login may take: after a restart of the portal it is what the site shows, in the language of the page.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from captive_portal.model import Consent

LIFE_MS = 20 * 60_000
MOST = 50_000


class Agreed:
    """By the device's keyed identity; safe from several threads, and bounded."""

    def __init__(self) -> None:
        self._held: OrderedDict[bytes, tuple[Consent, int]] = OrderedDict()
        self._lock = Lock()

    def note(self, identity: bytes, consent: Consent, now_ms: int) -> None:
        """Remember what a device agreed to just now."""
        with self._lock:
            self._held[identity] = consent, now_ms
            self._held.move_to_end(identity)
            while len(self._held) > MOST:
                self._held.popitem(last=False)

    def of(self, identity: bytes, now_ms: int) -> Consent | None:
        """Return what a device agreed to a while ago."""
        with self._lock:
            consent, at_ms = self._held.get(identity, (None, 0))
        return consent if abs(now_ms - at_ms) <= LIFE_MS else None
