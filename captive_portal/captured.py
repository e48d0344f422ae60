"""What was captured on TCP/80: whose name a request came for, and the redirect that every other name gets."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import Response

from netops.web.health import near

if TYPE_CHECKING:
    from netops.config import Settings


def own_hosts(settings: Settings, *urls: str) -> frozenset[str]:
    """Return the names under which the portal itself is asked: its URLs' and its listeners'."""
    listeners = {f"{at.host}:{at.port}" for at in (settings.portal.listen, settings.portal.secure)}
    return frozenset({*map(host, urls), *listeners})


def host(url: str) -> str:
    """Return the `Host` that a browser sends for a URL: without the port that its scheme implies."""
    parts = urlsplit(url)
    return parts.netloc.lower().removesuffix({"http": ":80", "https": ":443"}.get(parts.scheme, ""))


def loopback(name: str) -> bool:
    """Whether a `Host` names this machine to itself."""
    name = name.rpartition(":")[0] or name
    return near(name.strip("[]")) or name == "localhost"


def to_portal(base_url: str) -> Response:
    """Redirect a captured request, with a body of more than 4 octets: some devices take less for "online".

    It comes without a length: the server then closes the connection, so that the next question of this device meets the
    firewall anew.
    """
    target = f"{base_url}/"
    answer = Response(iter([f'<html><body><a href="{target}">WiFi login</a></body></html>\n'.encode()]), status=302)
    answer.headers["Location"] = target
    answer.headers["Cache-Control"] = "no-store"
    answer.mimetype = "text/html"
    return answer
