"""The token of a form: bound to the device that was shown it and to the hour, held in the form, no cookie needed.

A page elsewhere cannot know it, because it is made with the visitor's MAC under a key that never leaves this machine.
Sending it twice is harmless: a second login of the same device finds the first.
"""

from __future__ import annotations

import base64
import hmac
from typing import TYPE_CHECKING

from captive_portal import keys

if TYPE_CHECKING:
    from captive_portal.model import Client

FIELD = "token"
LIFE_MS = 60 * 60_000
AHEAD_MS = 60_000  # our own clock may be stepped back by NTP between page and form


def token(key: bytes, client: Client, now_ms: int) -> str:
    """Return a form token for this device."""
    return f"{now_ms:x}.{_mark(key, client, now_ms)}"


def genuine(key: bytes, client: Client, sent: str, now_ms: int) -> bool:
    """Whether `sent` is a token of this device and not too old; compared in constant time."""
    made, _, mark = sent.partition(".")
    if not 0 < len(made) <= 12 or any(letter not in "0123456789abcdef" for letter in made):
        return False
    made_ms = int(made, 16)
    fresh = -AHEAD_MS <= now_ms - made_ms <= LIFE_MS
    return hmac.compare_digest(mark.encode(), _mark(key, client, made_ms).encode()) and fresh


def _mark(key: bytes, client: Client, made_ms: int) -> str:
    mark = keys.derived(key, b"form", client.interface.encode(), client.mac.encode(), made_ms.to_bytes(8, "big"))
    return base64.urlsafe_b64encode(mark[:18]).decode()
