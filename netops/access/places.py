"""Where the staff pages are found, as passkeys and a provider of accounts must know it. Pure."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from netops.errors import ConfigError

if TYPE_CHECKING:
    from netops.config import Settings

STANDARD = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The origin of the staff pages and the domain that passkeys belong to; empty: it has no passkeys."""

    origin: str
    rp_id: str


def place(settings: Settings) -> Place | None:
    """Return where the pages are, None where the settings do not say; ConfigError when it cannot be.

    A passkey belongs to the host itself or to a domain above it (WebAuthn section 5.1.2), and needs HTTPS or
    `localhost`. An address is no domain.
    """
    access = settings.access
    if not access.url:
        if access.rp_id or access.passkey:
            raise _wrong(settings, "url", "is empty", "passkeys need it: https://netops.example.cn")
        return None
    origin, host = _origin(settings)
    own = "" if _is_address(host) else host
    rp_id = (access.rp_id or own).lower()
    if access.rp_id and not (host == rp_id or host.endswith(f".{rp_id}")):
        raise _wrong(settings, "rp_id", f"is '{access.rp_id}'", f"expected '{host}' or a domain above it")
    if access.rp_id and _is_address(rp_id):
        raise _wrong(settings, "rp_id", f"is '{access.rp_id}'", "an address has no passkeys; expected a name")
    if access.passkey and not rp_id:
        raise _wrong(settings, "passkey", "asks for passkeys", f"'{host}' is an address and has none; use a name")
    return Place(origin=origin, rp_id=rp_id)


def _origin(settings: Settings) -> tuple[str, str]:
    url = settings.access.url
    expected = "expected https://HOST or https://HOST:PORT, or http://localhost:PORT"
    try:
        parts = urlsplit(url)
        port, host = parts.port, (parts.hostname or "").lower()
    except ValueError:
        raise _wrong(settings, "url", f"is {url[:100]!r}", expected) from None
    secure = parts.scheme == "https" or (parts.scheme == "http" and host == "localhost")
    more = parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc
    if not secure or not host or more or not url.isascii() or not url.isprintable():
        raise _wrong(settings, "url", f"is {url[:100]!r}", expected)
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + (f":{port}" if port not in {None, STANDARD[parts.scheme]} else ""), host


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _wrong(settings: Settings, name: str, what: str, expected: str) -> ConfigError:
    where = settings.origin.get(f"access.{name}", "settings")
    return ConfigError(f"{where}: 'access.{name}' {what}; {expected}")
