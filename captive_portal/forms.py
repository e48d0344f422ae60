"""The token of a form: bound to the device that was shown it and to the hour, held in the form, no cookie needed.

A page elsewhere cannot know it, because it is made with the visitor's MAC under a key that never leaves this machine.
Sending it twice is harmless: a second login of the same device finds the first. It also says which terms stood on the
page, in which language: what was agreed to is what was shown, whatever the answer comes with.
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
MOST_TERMS = 96
AHEAD_MS = 60_000  # our own clock may be stepped back by NTP between page and form


def token(key: bytes, client: Client, now_ms: int, *, terms: str = "") -> str:
    """Return a form token for this device; `terms` is what stands on the page, `<version>.<language>`."""
    return f"{now_ms:x}.{_mark(key, client, now_ms, terms)}{'.' if terms else ''}{terms}"


def genuine(key: bytes, client: Client, sent: str, now_ms: int) -> bool:
    """Whether `sent` is a token of this device and not too old; compared in constant time."""
    made, _, rest = sent.partition(".")
    mark, _, terms = rest.partition(".")
    if not 0 < len(made) <= 12 or any(letter not in "0123456789abcdef" for letter in made) or len(terms) > MOST_TERMS:
        return False
    made_ms = int(made, 16)
    fresh = -AHEAD_MS <= now_ms - made_ms <= LIFE_MS
    return hmac.compare_digest(mark.encode(), _mark(key, client, made_ms, terms).encode()) and fresh


def made_ms(sent: str) -> int:
    """Return when a genuine token was made."""
    return int(sent.partition(".")[0], 16)


def shown(sent: str) -> tuple[str, str]:
    """Return the version and language of the terms on the page of a genuine token; empty where there were none."""
    version, _, language = sent.partition(".")[2].partition(".")[2].partition(".")
    return version, language


def _mark(key: bytes, client: Client, made_ms: int, terms: str) -> str:
    about = (client.interface.encode(), client.mac.encode(), made_ms.to_bytes(8, "big"), terms.encode())
    return base64.urlsafe_b64encode(keys.derived(key, b"form", *about)[:18]).decode()
