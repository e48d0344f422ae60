"""Forms that only our own pages can send.

Two locks on every request that changes something: the browser's own word on where it comes from (Fetch Metadata,
Origin), and, for a logged-in person, a token bound to the server-side session.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import request

if TYPE_CHECKING:
    from werkzeug.datastructures import Headers

FIELD = "csrf"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def token(session_secret: str) -> str:
    """Return the form token of a session: it dies with the session and tells nothing about the cookie."""
    return hmac.new(session_secret.encode(), b"netops form token", hashlib.sha256).hexdigest()


def genuine(session_secret: str, sent: str) -> bool:
    """Whether `sent` is the token of this session; compared in constant time."""
    return hmac.compare_digest(token(session_secret).encode(), sent.encode())


def foreign(headers: Headers, host: str) -> bool:
    """Whether a browser says that another site's page sent this request."""
    return elsewhere(headers.get("Sec-Fetch-Site"), headers.get("Origin"), host)


def elsewhere(site: str | None, origin: str | None, host: str) -> bool:
    """Whether these words of a browser name another site than `host`; None is a word that it has not said.

    A browser always says so on a POST (`Sec-Fetch-Site`, or at least `Origin`); a client that says nothing is no
    browser and carries no cookie that it was not given on purpose.
    """
    if site is not None and site not in {"same-origin", "none"}:
        return True
    return origin is not None and urlsplit(origin).netloc.lower() != host.lower()


def crossed() -> bool:
    """Whether the present request would change something and comes from a foreign page."""
    return request.method not in SAFE and foreign(request.headers, request.host)
