"""Questions to a provider of accounts over HTTP: hosts from a list, answers of bounded size, no redirect followed.

Nothing here trusts an answer further than that it is a JSON object; `token.py` says what is believed of it.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from captive_portal.errors import PortalError
from netops.errors import ConfigError
from netops.web.health import near

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LARGEST = 256 * 1024
STEP_S = 4.0  # for one read; who waits for the whole course waits for `provider.COURSE_S`
PORTS = {"https": 443, "http": 80}


class AwayError(PortalError):
    """The provider cannot be reached, is too slow, or says that it cannot now."""


class SaidNoError(PortalError):
    """The provider answered with an error of its own (RFC 6749 section 5.2); nobody is let in by it."""


class StrangeError(PortalError):
    """The provider's answer is none that can be used, or leads to a host that is not in the settings."""


def host_of(url: str) -> str:
    """Return `host:port` of a URL that may be asked; StrangeError for any other. Plain HTTP: this machine only."""
    try:
        parts = urlsplit(url)
        port = parts.port or PORTS.get(parts.scheme, 0)
    except ValueError:
        raise StrangeError(f"{url[:100]!r} is no address") from None
    name = (parts.hostname or "").lower()
    safe = parts.scheme == "https" or (parts.scheme == "http" and (near(name) or name == "localhost"))
    if not safe or not name or "@" in parts.netloc or parts.fragment or not url.isascii() or not url.isprintable():
        raise StrangeError(f"{url[:100]!r} is no address of HTTPS")
    return f"{name}:{port}"


def trust(ca: Path | None) -> ssl.SSLContext:
    """Return what a provider's certificate is checked with."""
    try:
        return ssl.create_default_context(cafile=None if ca is None else str(ca))
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"{ca}: no certificates of an authority in PEM ({error})") from None


class Line:
    """One course of questions; `cut` ends the one under way, for whoever has waited long enough."""

    def __init__(self, hosts: frozenset[str], context: ssl.SSLContext) -> None:
        self._hosts = hosts
        self._context = context
        self._connection: http.client.HTTPConnection | None = None
        self._cut = False

    def ask(self, url: str, *, form: Mapping[str, str] | None = None, authorization: str = "") -> dict[str, Any]:
        """Return the JSON object that a GET, or a POST of a form, is answered with."""
        host = host_of(url)
        if host not in self._hosts:
            raise StrangeError(f"host '{host}' is neither the issuer's nor in the provider's 'hosts'")
        headers = {"Accept": "application/json", **({"Authorization": authorization} if authorization else {})}
        try:
            status, content = self._talk(url, host, headers, form)
        except (OSError, http.client.HTTPException) as error:
            raise AwayError(f"{host}: no answer ({type(error).__name__})") from None
        if status >= 500 or status == http.client.TOO_MANY_REQUESTS:
            raise AwayError(f"{host}: answered {status}")
        found = _object(host, content)
        if status != http.client.OK:
            raise SaidNoError(f"{host}: answered {status} {str(found.get('error', ''))[:60]!r}")
        return found

    def cut(self) -> None:
        """End the question under way, and ask no further one."""
        self._cut = True
        sock = getattr(self._connection, "sock", None)
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _talk(
        self, url: str, host: str, headers: Mapping[str, str], form: Mapping[str, str] | None
    ) -> tuple[int, bytes]:
        parts = urlsplit(url)
        name, port = host.rsplit(":", 1)
        if self._cut:
            raise ConnectionAbortedError
        connection = self._connection = (
            http.client.HTTPSConnection(name, int(port), timeout=STEP_S, context=self._context)
            if parts.scheme == "https"
            else http.client.HTTPConnection(name, int(port), timeout=STEP_S)
        )
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            if form is None:
                connection.request("GET", target, headers=dict(headers))
            else:
                kind = {"Content-Type": "application/x-www-form-urlencoded"}
                connection.request("POST", target, urlencode(form).encode(), {**headers, **kind})
            answer = connection.getresponse()
            content = answer.read(LARGEST + 1)
        finally:
            connection.close()
        return answer.status, content


def _object(host: str, content: bytes) -> dict[str, Any]:
    if len(content) > LARGEST:
        raise StrangeError(f"{host}: the answer is larger than {LARGEST} octets")
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        raise StrangeError(f"{host}: the answer is no JSON") from None
    if not isinstance(found, dict):
        raise StrangeError(f"{host}: the answer is no JSON object")
    return found
