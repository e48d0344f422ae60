"""openNDS on this machine: captured and enforced by openNDS, let in and put out by the gate (captive_portal/nds.py).

This side is the one of the nftables gateway: without a privilege, five verbs on the gate's socket, and the neighbour
table says who somebody is. openNDS enforces rates and time; it counts, so that the desk enforces volume and idle time.
It knows no IPv6: of a device's addresses only the IPv4 one is handed to it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from captive_portal.enforcing import Offer, Onward
from captive_portal.gateways.nftables import Nftables

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from captive_portal.model import Admitted, Bounds, Client
    from captive_portal.socket_line import Answer


class Opennds(Nftables):
    """A client of the gate that speaks to openNDS."""

    name = "opennds"
    stands_by = False
    at_once = 1
    timeout_s = 20.0  # `ndsctl` is one at a time, and some of them are needed for one login
    offers = frozenset({Offer.RATE, Offer.COUNTERS})

    def addresses(self, client: Client) -> tuple[str, ...]:
        """Return the client's IPv4 addresses."""
        return tuple(each for each in super().addresses(client) if ":" not in each)

    def moved(self) -> Mapping[tuple[str, str], tuple[str, ...]]:
        """Return the devices with another IPv4 address."""
        return {key: tuple(each for each in seen if ":" not in each) for key, seen in super().moved().items()}

    def identify(self, address: str) -> Client | None:
        """Return who has this address; nobody by IPv6, which openNDS does not capture."""
        return super().identify(address) if "." in address else None

    def allow(self, client: Client, bounds: Bounds) -> Onward | None:
        """Let the client in by its IPv4 address."""
        return super().allow(client.at(*(each for each in client.addresses if ":" not in each)), bounds)

    def seek(self, clients: Sequence[Client]) -> list[Admitted]:  # noqa: ARG002  (the protocol's)
        """Return nobody: what openNDS lists is whole."""
        return []

    def _open(self, admission: Answer) -> None:
        """Open one door: openNDS is asked for each by itself."""
        self._gate.ask("allow", **admission, by=math.inf)
