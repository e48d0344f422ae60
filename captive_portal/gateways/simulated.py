"""A gateway that enforces nothing and says so: for the rehearsal city and for tests.

It keeps real books (who, until when) on the monotonic clock, as a kernel does. A visitor on loopback is identified by
the source address alone: `127.0.0.7` is one device, `127.0.0.8` another.
"""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
from threading import Lock
from typing import TYPE_CHECKING, Self

from captive_portal.enforcing import Offer, Onward, Readiness
from captive_portal.gateways import Gateway
from captive_portal.model import Admitted, Client
from captive_portal.model import address as canonical

if TYPE_CHECKING:
    from collections.abc import Mapping

    from captive_portal.model import Bounds
    from netops.clock import Clock
    from netops.config import PortalAt

INTERFACE = "simulated"


class Simulated(Gateway):
    """In-memory sets with timeouts."""

    name = "simulated"
    simulated = True
    offers: frozenset[Offer] = frozenset()

    def __init__(self, settings: PortalAt, clock: Clock) -> None:
        self.interface = next(iter(settings.visitors), INTERFACE)
        self._clock = clock
        self._born = secrets.token_hex(4)
        self._until: dict[tuple[str, str, str], float] = {}
        self._counted = {"allowed": 0, "revoked": 0}
        self._lock = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def serves(self, interface: str) -> bool:
        """Whether it is the one place there is."""
        return interface == self.interface

    def ready(self) -> Readiness:
        """Return that it can act; its memory lasts as long as the process."""
        return Readiness(born=self._born)

    def identify(self, address: str) -> Client | None:
        """Return the visitor at a loopback address; nobody else exists here."""
        known = canonical(address)
        if known is None or not ipaddress.ip_address(known).is_loopback:
            return None
        digest = hashlib.sha256(known.encode()).digest()
        mac = bytes([0x02, *digest[:5]]).hex(":")  # locally administered: no vendor's number is borrowed
        return Client(mac=mac, interface=self.interface, addresses=(known,))

    def addresses(self, client: Client) -> tuple[str, ...]:
        """Return what the client came with: a simulated device has one address."""
        return client.addresses

    def allow(self, client: Client, bounds: Bounds) -> Onward | None:
        """Write the client's addresses into the books, until `bounds.seconds` from now."""
        with self._lock:
            self._counted["allowed"] += 1
            for each in client.addresses:
                self._until[client.interface, client.mac, each] = self._clock.monotonic() + bounds.seconds
        return None

    def revoke(self, client: Client) -> None:
        """Strike the client's addresses out."""
        with self._lock:
            self._counted["revoked"] += 1
            for each in client.addresses:
                self._until.pop((client.interface, client.mac, each), None)

    def admitted(self) -> list[Admitted]:
        """Return the books as of now; what has run out is struck out."""
        now = self._clock.monotonic()
        with self._lock:
            self._until = {key: until for key, until in self._until.items() if until > now}
            return [
                Admitted(client=Client(interface=key[0], mac=key[1], addresses=(key[2],)), seconds=int(until - now))
                for key, until in self._until.items()
            ]

    def counters(self) -> Mapping[str, int]:
        """Return how often the two verbs were used."""
        return dict(self._counted)
