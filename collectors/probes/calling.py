"""The way from a site to the core's intake: one HTTPS request at a time, bounded, its answer read as JSON."""

from __future__ import annotations

import http.client
import ipaddress
import json
import ssl
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from netops.errors import ConfigError, NetopsError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TIMEOUT_S = 20.0
ANSWER_OCTETS = 256 * 1024


class AwayError(NetopsError):
    """The core was not reached, or did not answer as it should; what was to be handed in stays where it is."""

    exit_code = 75


def post(
    url: str,
    path: str,
    body: bytes,
    *,
    headers: Mapping[str, str],
    ca: Path | None = None,
    timeout_s: float = TIMEOUT_S,
) -> tuple[int, dict[str, Any]]:
    """Send one request to the intake at `url`; return status and answer. AwayError: try again later."""
    talk = _connection(url, ca, timeout_s)
    try:
        talk.request("POST", path, body, {"Content-Type": "application/octet-stream"} | dict(headers))
        answer = talk.getresponse()
        told = answer.read(ANSWER_OCTETS)
        return answer.status, _object(told)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise AwayError(f"core {url}: {type(error).__name__}: {error}") from None
    finally:
        talk.close()


def check_url(url: str) -> None:
    """Refuse an address over which an answer could be forged: a false `taken` would cost records (ConfigError)."""
    expected = "expected https://host:port (http:// on this machine only)"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ConfigError(f"'probe.core_url' is '{url}' ({error}); {expected}") from None
    host = parts.hostname or ""
    secure = (parts.scheme == "https" and host) or (parts.scheme == "http" and _loopback(host))
    if not secure or port == 0 or parts.path.strip("/") or parts.query or parts.username is not None:
        raise ConfigError(f"'probe.core_url' is '{url}'; {expected}")


def _connection(url: str, ca: Path | None, timeout_s: float) -> http.client.HTTPConnection:
    check_url(url)
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=timeout_s)
    try:
        trusted = ssl.create_default_context(cafile=ca)
    except OSError as error:
        raise ConfigError(f"'probe.core_ca' {ca}: cannot be read ({error})") from None
    return http.client.HTTPSConnection(host, port, timeout=timeout_s, context=trusted)


def _object(told: bytes) -> dict[str, Any]:
    found = json.loads(told)
    if not isinstance(found, dict):
        raise ValueError("the answer is no JSON object")  # noqa: TRY004  (to the caller it is one more unreadable answer)
    return found


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
