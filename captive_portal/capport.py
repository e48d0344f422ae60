"""The Captive Portal API of RFC 8908: what a device may ask instead of guessing by probes.

One URL for both states; the answer depends on who asks and is therefore private. Who asks is told by the gateway from
the address of the connection, because what DHCP announces is the same for a whole subnet (RFC 8910 section 2). Times
are whole seconds, amounts octets.

Every device of a full square asks at once when the power comes back. So the door stands before the pages' machinery:
what it answers needs no template, no language and no form.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from captive_portal.errors import PortalError
from netops.web import headers

if TYPE_CHECKING:
    from collections.abc import Callable

    from captive_portal.desk import Desk
    from captive_portal.model import Session

PATH = "/capport/api"
MEDIA_TYPE = "application/captive+json"  # RFC 8908 section 8
LARGEST = 4096  # octets: Android reads no more
_QUESTION = f"GET {PATH} HTTP/1.1".encode()
_HOST = re.compile(rb"(?:^|\r\n)host:[ \t]*([^\r\n]*?)[ \t]*\r\n", re.IGNORECASE)
SITE = "{site}"  # in venue_info_url: the id of the visitor's site


def answer(
    session: Session | None, *, portal_url: str, venue_url: str, now_ms: int, octets_left: int | None = None
) -> bytes:
    """Return the JSON of RFC 8908 section 5 for a visitor with, or without, a live session."""
    body: dict[str, object] = {"captive": session is None, "user-portal-url": portal_url}
    if venue_url:
        body["venue-info-url"] = venue_url
    if session is not None:
        # a click or another voucher gives a new session; a running one is not lengthened
        body["can-extend-session"] = False
        body["seconds-remaining"] = session.seconds_left(now_ms)
        if octets_left is not None:
            body["bytes-remaining"] = octets_left
    return json.dumps(body, ensure_ascii=True, separators=(",", ":")).encode()


class Api:
    """Answers by the address that asks."""

    def __init__(self, desk: Desk, *, portal_url: str, venue_url: str) -> None:
        self.desk = desk
        self.asked = 0
        self._portal_url = portal_url
        self._venue_url = venue_url

    def tell(self, address: str) -> bytes:
        """Return the JSON for whoever has this address now; a stranger is told where the portal is."""
        self.asked += 1
        visitor = self.desk.gateway.identify(address)
        session = self.desk.returning(visitor) if visitor is not None else None
        venue_url = self._venue_url
        if SITE in venue_url:  # without a site there is no page about it
            venue_url = venue_url.replace(SITE, self.desk.site(visitor)) if visitor is not None else ""
        return answer(
            session,
            portal_url=self._portal_url,
            venue_url=venue_url,
            now_ms=self.desk.clock.now_ms(),
            octets_left=self.desk.octets_left(session) if session is not None else None,
        )


class Fork:
    """Answers the API's address under our own names itself and hands everything else on (WSGI)."""

    def __init__(self, app: Callable[..., Any], api: Api, own: frozenset[str], *, rehearsal: bool) -> None:
        self._app = app
        self._api = api
        self._own = own
        self._headers = [("Content-Type", MEDIA_TYPE), ("Cache-Control", "private"), *headers.ALWAYS.items()]
        self._headers += [headers.REHEARSAL] if rehearsal else []

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        """Answer, or let the pages answer; a gateway that is away gets the pages' sentence for it."""
        if (
            environ.get("PATH_INFO") != PATH
            or environ.get("REQUEST_METHOD") not in {"GET", "HEAD"}
            or environ.get("HTTP_HOST", "").lower() not in self._own
        ):
            return self._app(environ, start_response)
        try:
            body = self._api.tell(environ.get("REMOTE_ADDR", ""))
        except PortalError:
            return self._app(environ, start_response)
        secure = [headers.HSTS] if environ.get("wsgi.url_scheme") == "https" else []
        start_response("200 OK", [*self._headers, *secure, ("Content-Length", str(len(body)))])
        return [body] if environ["REQUEST_METHOD"] == "GET" else [b""]

    def shortcut(self, request: bytes, address: str) -> bytes | None:
        """Return the whole answer to a question that came over TLS in one piece; None for everything else.

        RFC 8908 wants TLS, and this is the question of every device that joins: it takes no second connection.
        """
        line, _, rest = request.partition(b"\r\n")
        if line != _QUESTION or not rest.endswith(b"\r\n\r\n"):
            return None
        host = _HOST.search(rest)
        if host is None or host[1].decode("ascii", "replace").lower() not in self._own:
            return None
        try:
            body = self._api.tell(address)
        except PortalError:
            return None
        told = [*self._headers, headers.HSTS, ("Content-Length", str(len(body))), ("Connection", "close")]
        head = "".join(f"{name}: {value}\r\n" for name, value in told)
        return b"HTTP/1.1 200 OK\r\n" + head.encode("ascii") + b"\r\n" + body
