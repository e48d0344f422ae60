"""The dead-man's switch: while all is well somebody elsewhere hears of it every minute, and tells people when not.

Whoever is asked (a server of the city at another place, a service that waits for pings) tells when nothing came: a
monitor that is dead cannot say so itself. What is wrong here is not sent out, only that the beat is missing.
"""

from __future__ import annotations

import http.client
import logging
import ssl
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from netops.errors import ConfigError
from netops.question import PORTS, Question

if TYPE_CHECKING:
    from netops.secret import Secret

log = logging.getLogger(__name__)
PATIENCE_S: Final = 10.0
MOST_BODY: Final = 4096
WELL: Final = range(200, 300)


class Heartbeat:
    """One address that is asked. The address is a secret: who knows it could beat in our place."""

    def __init__(self, url: Secret | None) -> None:
        self._url = url

    def beat(self, wrong: dict[str, str]) -> None:
        """Say that all is well, if nothing else is wrong; `wrong` gets `heartbeat` where nobody heard it."""
        if self._url is None or wrong.keys() - {"heartbeat"}:
            return
        why = _ask(self._url.read())
        wrong.pop("heartbeat", None)
        if why:
            wrong["heartbeat"] = why
            log.warning("the heartbeat was not heard", extra={"why": why})


def _ask(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname:
        raise ConfigError("'alert.heartbeat' is no URL; expected https://…")
    context = ssl.create_default_context() if parts.scheme == "https" else None
    try:
        asked = Question(parts.hostname, parts.port or PORTS[parts.scheme], context=context, timeout_s=PATIENCE_S)
        try:
            asked.request("GET", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
            status, _ = asked.answered(MOST_BODY)
        finally:
            asked.close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"it was not heard ({type(error).__name__}); is the other side there?"
    return "" if status in WELL else f"it was answered {status}; expected 2xx"
