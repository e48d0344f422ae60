"""What holds where a client is: whose device it is (by key), which site, which policy, in which time zone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from captive_portal import keys

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    from captive_portal.model import Client
    from captive_portal.policy import Policies, Policy

NOWHERE = "unassigned"


@dataclass(slots=True, kw_only=True)
class Premises:
    """The city as the desk needs it. `policies` may be replaced while the portal runs."""

    identity_key: bytes
    sites: Mapping[str, str]  # place (Client.interface) → site
    policies: Policies
    zone: ZoneInfo

    def identity(self, client: Client) -> bytes:
        """Return the keyed identity of a device."""
        return keys.identity(self.identity_key, client)

    def site(self, client: Client) -> str:
        """Return the id of the site behind the client's interface."""
        return self.sites.get(client.interface) or NOWHERE

    def policy(self, client: Client) -> Policy:
        """Return the policy of the client's site."""
        return self.policies.at(self.site(client))
