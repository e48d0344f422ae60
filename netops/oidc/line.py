"""Questions to a provider of accounts over HTTP (netops/outgoing.py): hosts from a list, answers in JSON.

Nothing here trusts an answer further than that it is a JSON object; `token.py` says what is believed of it.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from netops import outgoing
from netops.errors import NetopsError
from netops.question import PORTS
from netops.web.health import near

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ssl import SSLContext

LARGEST = 256 * 1024
STEP_S = 4.0  # for one question; who waits for the whole course waits for `provider.COURSE_S`


class AwayError(NetopsError):
    """The provider cannot be reached, is too slow, or says that it cannot now."""


class BusyError(AwayError):
    """It answers, and asks for patience (RFC 6585 section 4): nothing to be had from it now, but it is there."""


class SaidNoError(NetopsError):
    """The provider answered with an error of its own (RFC 6749 section 5.2); nobody is let in by it."""


class StrangeError(NetopsError):
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


class Line:
    """One course of questions; `cut` ends the one under way, for whoever has waited long enough."""

    def __init__(self, hosts: frozenset[str], context: SSLContext, *, private: bool) -> None:
        self._hosts = hosts
        self._context = context
        self._private = private
        self._connection: outgoing.Connection | None = None
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
            raise AwayError(f"{host}: no answer ({outgoing.why(error)})") from None
        if status == http.client.TOO_MANY_REQUESTS:
            raise BusyError(f"{host}: answered {status}")
        if status >= 500:
            raise AwayError(f"{host}: answered {status}")
        found = _object(host, content)
        if status != http.client.OK:
            raise SaidNoError(f"{host}: answered {status} {str(found.get('error', ''))[:60]!r}")
        return found

    def cut(self) -> None:
        """End the question under way, and ask no further one."""
        self._cut = True
        if self._connection is not None:
            self._connection.cut()

    def _talk(
        self, url: str, host: str, headers: Mapping[str, str], form: Mapping[str, str] | None
    ) -> tuple[int, bytes]:
        parts = urlsplit(url)
        name, port = host.rsplit(":", 1)
        connection = self._connection = outgoing.Connection(
            name,
            int(port),
            context=self._context if parts.scheme == "https" else None,
            timeout_s=STEP_S,
            private=self._private or _spelled_out(name),
        )
        if self._cut:  # after it is known to `cut`
            raise ConnectionAbortedError
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            if form is None:
                connection.request("GET", target, headers=dict(headers))
            else:
                kind = {"Content-Type": "application/x-www-form-urlencoded"}
                connection.request("POST", target, urlencode(form).encode(), {**headers, **kind})
            return connection.answered(LARGEST)
        finally:
            connection.close()


def _spelled_out(name: str) -> bool:
    """Whether the settings have an address itself, or this machine: then nobody else says what stands behind a name."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name == "localhost"
    return True


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
