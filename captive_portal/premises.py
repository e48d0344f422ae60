"""What holds where a client is: whose device it is (by key), which site, which policy, in which time zone."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from captive_portal import keys

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    from captive_portal.model import Client
    from captive_portal.places import Network
    from captive_portal.policy import Policies, Policy

NOWHERE = "unassigned"


@dataclass(slots=True, kw_only=True)
class Premises:
    """The city as the desk needs it. `policies` may be replaced while the portal runs."""

    identity_key: bytes
    sites: Mapping[str, str]  # place (Client.interface) → site
    policies: Policies
    zone: ZoneInfo
    networks: Mapping[str, tuple[Network, ...]] = field(default_factory=dict)  # controller → whose visitors are its

    def identity(self, client: Client) -> bytes:
        """Return the keyed identity of a device."""
        return keys.identity(self.identity_key, client)

    def site(self, client: Client) -> str:
        """Return the id of the site behind the client's interface."""
        return self.site_of(client.interface)

    def site_of(self, place: str) -> str:
        """Return the id of the site behind a place."""
        return self.sites.get(place) or NOWHERE

    def behind(self, address: str) -> str:
        """Return the controller behind whose networks an address lies; empty where the settings name none."""
        try:
            at = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return ""
        at = getattr(at, "ipv4_mapped", None) or at
        return next((place for place, every in self.networks.items() if any(at in each for each in every)), "")

    def policy(self, client: Client) -> Policy:
        """Return the policy of the client's site."""
        return self.policies.at(self.site(client))
