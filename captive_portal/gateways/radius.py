"""Controllers that speak RADIUS: the server beside us (captive_portal/radius) knows who is there and opens the doors.

This side holds connections to the server's UNIX socket, one for each thread that asks at the same time: a controller
that takes a second to answer holds up its own visitor and nobody else's.
"""

from __future__ import annotations

from dataclasses import astuple
from threading import Event, Thread
from typing import TYPE_CHECKING, Self

from captive_portal import let_in
from captive_portal.enforcing import Offer, Onward, Readiness
from captive_portal.errors import GatewayError, PortalError
from captive_portal.gateways import Gateway
from captive_portal.model import Admitted, Client
from captive_portal.model import address as canonical
from captive_portal.radius import line, nas
from captive_portal.radius.profiles import PROFILES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from captive_portal.gateways import Ears
    from captive_portal.let_in import Entry
    from captive_portal.model import Bounds
    from netops.clock import Clock
    from netops.config import Settings
    from netops.controllers import Controller

FRESH_S = 1.0
NEWS_MS = 500


class Radius(Gateway):
    """The controllers whose `gateway` is `radius`, as one."""

    name = "radius"
    simulated = False
    distant = True
    stands_by = True
    counts_anew = False  # its accounting counts a session, however often its door is set

    def __init__(self, settings: Settings, clock: Clock) -> None:
        own = {name: each for name, each in settings.portal.acs.items() if each.gateway == "radius"}
        self._places = sorted(own)
        self._asking = nas.asking(settings)
        self._offered = {name: _offers(each) for name, each in own.items() if each.vendor in PROFILES}
        self.offers = frozenset.intersection(*self._offered.values()) if self._offered else frozenset()
        self._back = settings.portal.public_url
        self._line = line.caller(settings)
        self._clock = clock
        self._stopping = Event()
        self._thread: Thread | None = None
        self._inside: set[tuple[str, str]] = set()
        self._seen: dict[tuple[str, str], tuple[str, ...]] = {}
        self._asked_at = float("-inf")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._line.close()

    def tell(self, ears: Ears) -> None:
        """Say from now on who has come, and who has left for good: a known device is in without a tap."""
        self._thread = Thread(target=self._listen, args=(ears,), name="radius-news", daemon=True)
        self._thread.start()

    def _listen(self, ears: Ears) -> None:
        while not self._stopping.is_set():
            try:
                told = [each for part in self._line.every("news", wait_ms=NEWS_MS) for each in part["news"]]
            except GatewayError:  # the server is away: `ready` says so
                self._stopping.wait(1.0)
                continue
            for what, place, mac, addresses in told:
                if place in self._places:
                    client = Client(interface=place, mac=mac, addresses=tuple(addresses))
                    (ears.arrived if what == "came" else ears.left)(client)

    def serves(self, interface: str) -> bool:
        """Whether it is one of these controllers."""
        return interface in self._places

    def offered(self, place: str) -> frozenset[Offer]:
        """Return what a controller of this make enforces."""
        return self._offered.get(place, frozenset())

    def ready(self) -> Readiness:
        """Ask the server which memory it has; a controller that it does not know is amiss."""
        try:
            said = self._line.ask("ready")
        except GatewayError as error:
            return Readiness(born="", wrong={"radius": str(error)})
        missing = [each for each in self._places if each not in said["places"]]
        wrong = dict.fromkeys(missing, "the RADIUS server does not know this controller; restart it")
        waits, opens = int(said.get("unrecorded", 0)), str(said.get("opens", ""))
        return Readiness(born=str(said["born"]), wrong=wrong, unrecorded=waits, opens=opens)

    def unrecorded(self) -> tuple[str, list[Entry]]:
        """Return whom the server has let in while the portal was dead."""
        parts = self._line.every("list", own=True)
        return str(parts[0]["log"]), [let_in.read(each) for part in parts for each in part["entries"]]

    def alone_at(self) -> Mapping[str, str]:
        """Return the controllers that ask by MAC."""
        return self._asking

    def recorded(self, upto: int) -> None:
        """Let the server forget them."""
        self._line.ask("ready", recorded=upto)

    def identify(self, address: str) -> Client | None:
        """Return who has this address, by what the controllers have reported."""
        known = canonical(address)
        if known is None:
            return None
        said = self._line.ask("who", address=known)
        if said.get("place") not in self._places:
            return None
        return Client(interface=str(said["place"]), mac=str(said["mac"]), addresses=(known,))

    def addresses(self, client: Client) -> tuple[str, ...]:
        """Return the addresses that accounting tells of the device.

        Of those who are in the desk asks every few seconds, of fifty thousand one by one: one answer of the server
        tells for all of them who has a new address.
        """
        if client.key in self._inside:
            return self._wider().get(client.key, client.addresses)
        said = self._line.ask("addresses", place=client.interface, mac=client.mac)
        return tuple(str(each) for each in said["addresses"])

    def _wider(self) -> Mapping[tuple[str, str], tuple[str, ...]]:
        now = self._clock.monotonic()
        if now - self._asked_at > FRESH_S:
            said = self._line.ask("wider")["wider"]
            self._seen = {(place, mac): tuple(addresses) for place, mac, addresses in said}
            self._asked_at = now
        return self._seen

    def moved(self) -> Mapping[tuple[str, str], tuple[str, ...]]:
        """Return who uses an address beyond those let through, as accounting tells."""
        return self._wider()

    def allow(self, client: Client, bounds: Bounds) -> Onward | None:
        """Open the door and have the controller told; or send the browser there with a token."""
        said = self._line.ask("allow", **_asked(client), bounds=list(astuple(bounds)), back=self._back)
        self._inside.add(client.key)
        return Onward(url=str(said["onward"])) if said["onward"] else None

    def revoke(self, client: Client) -> None:
        """Close the door and have the controller end it."""
        self._inside.discard(client.key)
        if client.addresses:
            self._line.ask("revoke", **_asked(client))

    def witnessed_ms(self, client: Client) -> int | None:
        """Return since when our server has let the device in, or its accounting has begun: an ACK proves neither."""
        return line.inside_ms(self._line, client)

    def admitted(self) -> list[Admitted]:
        """Return who is in, with what accounting has counted."""
        listed = [each for part in self._line.every("list", places=self._places) for each in part["listed"]]
        self._inside = {(place, mac) for place, mac, *_ in listed}
        return [
            Admitted(
                client=Client(interface=place, mac=mac, addresses=(address,)),
                seconds=left,
                octets_up=up,
                octets_down=down,
            )
            for place, mac, address, left, up, down in listed
        ]

    def counters(self) -> Mapping[str, int]:
        """Return what the server has counted."""
        return {str(name): int(count) for name, count in self._line.ask("counters")["counters"].items()}


def _asked(client: Client) -> dict[str, object]:
    if not client.addresses:
        raise PortalError("a client without an address cannot be let in; expected at least the one that it asked from")
    return {"mac": client.mac, "place": client.interface, "addresses": list(client.addresses)}


def _offers(given: Controller) -> frozenset[Offer]:
    """Return what a controller enforces, and whether our answer alone lets somebody in there."""
    return PROFILES[given.vendor].offers | ({Offer.STANDBY} if nas.asks(given) else frozenset())
