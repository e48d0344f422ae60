"""How a network tells its devices where the RFC 8908 API is: DHCPv4 option 114, DHCPv6 option 103, RA option 37.

RFC 8910 section 2 wants the same URI in all three, https, at most 255 octets over DHCPv4, and no address in place of
a name: a certificate does not fit an address. What is said here are settings for servers of others; we run none.
"""

from __future__ import annotations

import ipaddress
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from captive_portal.capport import PATH
from netops.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from netops.config import Settings

DHCP4, DHCP6, RA = 114, 103, 37  # RFC 8910 sections 2.1, 2.2, 2.3
LONGEST = 255  # octets: the length field of a DHCPv4 option
_PLAIN = re.compile(
    r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+;=%-]+"
)  # RFC 3986 without ',', which the servers read as two values


def url(settings: Settings) -> str:
    """Return the URI to announce; ConfigError says what keeps it from being one."""
    portal = settings.portal
    found = portal.api_url or f"{portal.public_url.rstrip('/')}{PATH}"
    wrong = fault(found)
    if wrong:
        where = settings.origin.get("portal.api_url", "portal.api_url")
        raise ConfigError(f"{where}: '{found}' {wrong}; expected https://<name of the portal>{PATH}")
    return found


def page(base_url: str, api_url: str, *, secure: bool) -> str:
    """Return what the API calls the portal's page: over TLS wherever we speak it (RFC 8908 section 5)."""
    if secure and not base_url.startswith("https:") and api_url.startswith("https:"):
        return f"https://{urlsplit(api_url).netloc}/"
    return f"{base_url}/"


def fault(found: str) -> str:
    """Return what is wrong with a URI that RFC 8910 should announce, or the empty string."""
    try:
        parts = urlsplit(found)
        host = parts.hostname or ""
    except ValueError:
        return "is no URI"
    if parts.scheme != "https":
        return "is not https (RFC 8908 section 4)"
    if not host or not _PLAIN.fullmatch(found):
        return "has no host or a character that a URI in a DHCP option may not have"
    if _address(host):
        return "has an address in place of a name (RFC 8910 section 2)"
    return f"is longer than {LONGEST} octets" if len(found) > LONGEST else ""


def _address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host.replace(".", "").isdecimal()
    return True


def dnsmasq(uri: str, interfaces: Iterable[str]) -> str:
    """Return lines for dnsmasq; it tags a request with the interface it came by."""
    tags = [f"tag:{each}," for each in interfaces] or [""]
    lines = [f"# RFC 8910: where devices ask whether they are online. dnsmasq sends no RA option {RA}: see radvd."]
    lines += [f'dhcp-option={tag}{DHCP4},"{uri}"' for tag in tags]
    lines += [f'dhcp-option={tag}option6:{DHCP6},"{uri}"' for tag in tags]
    return "\n".join(lines) + "\n"


def kea(uri: str, interfaces: Iterable[str] = ()) -> str:  # noqa: ARG001  (one shape for all servers)
    """Return option-data for Kea's two servers, to be put into the visitors' subnets."""
    return json.dumps(kea_data(uri), indent=2) + "\n"


def kea_data(uri: str) -> dict[str, Any]:
    """Return the option-data of both servers; Kea knows both names since 1.9."""

    def option(name: str, code: int, space: str) -> dict[str, Any]:
        return {"option-data": [{"name": name, "code": code, "space": space, "csv-format": True, "data": uri}]}

    return {
        "Dhcp4": option("v4-captive-portal", DHCP4, "dhcp4"),
        "Dhcp6": option("v6-captive-portal", DHCP6, "dhcp6"),
    }


def radvd(uri: str, interfaces: Iterable[str]) -> str:
    """Return lines for radvd 2.20 and later, which sends option 37."""
    blocks = [
        f'interface {each} {{\n  # …\n  AdvCaptivePortalAPI "{uri}";  # RA option {RA}\n}};\n'
        for each in list(interfaces) or ["<interface>"]
    ]
    return "".join(blocks)


SERVERS: Mapping[str, Callable[[str, Iterable[str]], str]] = {"dnsmasq": dnsmasq, "kea": kea, "radvd": radvd}


def snippets(settings: Settings, wanted: str = "") -> str:
    """Return what to put into one server's settings, or into each with its name before it."""
    uri, interfaces = url(settings), tuple(settings.portal.visitors)
    if wanted:
        return SERVERS[wanted](uri, interfaces)
    return "\n".join(f"==> {name} <==\n{make(uri, interfaces)}" for name, make in SERVERS.items())
