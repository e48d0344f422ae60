"""Where visitors find the portal, and from which networks they come."""

from __future__ import annotations

import ipaddress
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from netops.config import Settings

Network: TypeAlias = "ipaddress.IPv4Network | ipaddress.IPv6Network"


def base_url(settings: Settings) -> str:
    """Return where visitors find the portal, without a slash at the end."""
    at = settings.portal.listen
    host = f"[{at.host}]" if ":" in at.host else at.host
    return (settings.portal.public_url or f"http://{host}:{at.port}").rstrip("/")


def networks(settings: Settings) -> dict[str, tuple[Network, ...]]:
    """Return the networks of the visitors behind each controller; what cannot be read its own gateway refuses."""
    made = {}
    for place, each in settings.portal.acs.items():
        with suppress(ValueError):
            said = [part.strip() for part in each.networks.split(",") if part.strip()]
            made[place] = tuple(ipaddress.ip_network(part, strict=False) for part in said)
    return made
