"""The Captive Portal API of RFC 8908: what a device may ask instead of guessing by probes.

One URL for both states; the answer depends on who asks and is therefore private. Times are whole seconds.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from captive_portal.model import Session

MEDIA_TYPE = "application/captive+json"  # RFC 8908 section 8
LARGEST = 4096  # octets: Android reads no more


def answer(session: Session | None, *, portal_url: str, venue_url: str, now_ms: int) -> bytes:
    """Return the JSON of RFC 8908 section 5 for a visitor with, or without, a live session."""
    body: dict[str, object] = {"captive": session is None, "user-portal-url": portal_url}
    if venue_url:
        body["venue-info-url"] = venue_url
    if session is not None:
        # a click or another voucher gives a new session; a running one is not lengthened
        body["can-extend-session"] = False
        body["seconds-remaining"] = session.seconds_left(now_ms)
    return json.dumps(body, ensure_ascii=True, separators=(",", ":")).encode()
