"""openNDS far away, by FAS level 3: a router that sends browsers here, and whose `authmon` asks whom to let in.

Who somebody is says openNDS in what it has sealed; the browser must come from the address that stands there. A login is
done when `authmon` has said so, within `WAIT_S`; without that nobody is in. Time, rates and volume are openNDS's.

What this protocol cannot do: put somebody out. A visit that is ended here before its time stays open at the router
until its minutes are over; `revoke` says so. Where that is not enough, run openNDS beside the gate
(captive_portal/gateways/opennds.py).
"""

from __future__ import annotations

import ipaddress
import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from captive_portal import fas
from captive_portal.errors import GatewayError, PortalError
from captive_portal.gateways import Gateway, Offer, Onward, Readiness
from captive_portal.model import Client
from captive_portal.model import address as canonical
from captive_portal.ruleset import Admitted
from netops.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from captive_portal.gateways import Ears
    from captive_portal.model import Bounds
    from netops.clock import Clock
    from netops.config import Settings

WAIT_S = 15.0  # openNDS asks every ten seconds unless its `nat_traversal_poll_interval` says otherwise
ARRIVED = 20_000  # visitors whose arrival is remembered; those longest not seen are forgotten
FRESH_S = 1800.0  # how long openNDS holds a device that it has captured, unless told otherwise
AT_ONCE = 4  # openNDS takes so many of one answer
SHORTEST_KEY = 16


@dataclass(frozen=True)
class Place:
    """One router. `address` is where its `authmon` comes from."""

    id: str
    address: str
    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]
    key: str
    name: str


@dataclass
class Waiting:
    """A visit that openNDS has yet to let in."""

    row: str
    done: threading.Event = field(default_factory=threading.Event)


@dataclass
class Inside:
    """A visit that openNDS has let in."""

    addresses: tuple[str, ...]
    until: float


def places(settings: Settings) -> tuple[Place, ...]:
    """Return the routers of the settings; ConfigError names what is off."""
    found = []
    for name, given in settings.portal.acs.items():
        if given.gateway != "fas":
            continue
        key = given.fas_key.read() if given.fas_key is not None else ""
        if len(key) < SHORTEST_KEY:
            raise ConfigError(
                f"'portal.acs.{name}.fas_key' has {len(key)} characters; expected at least {SHORTEST_KEY}"
            )
        try:
            nets = tuple(ipaddress.ip_network(each.strip()) for each in given.networks.split(",") if each.strip())
            at = str(ipaddress.ip_address(given.address))
        except ValueError as error:
            raise ConfigError(f"'portal.acs.{name}' has an address or network that is none ({error})") from None
        if not nets or not given.fas_name:
            raise ConfigError(f"'portal.acs.{name}' needs 'networks' (its visitors) and 'fas_name' (its gatewayname)")
        found.append(Place(id=name, address=at, networks=nets, key=key, name=given.fas_name))
    return tuple(found)


class Fas(Gateway):
    """The routers whose `gateway` is `fas`, as one; safe from several threads."""

    name = "fas"
    simulated = False
    offers = frozenset({Offer.RATE})

    def __init__(self, settings: Settings, clock: Clock, *, wait_s: float = WAIT_S) -> None:
        self._settings = settings
        self._clock = clock
        self._wait_s = wait_s
        self._places: dict[str, Place] = {}
        self._born = secrets.token_hex(4)
        self._arrived: OrderedDict[str, tuple[Place, fas.Arrival, float]] = OrderedDict()
        self._waiting: dict[str, OrderedDict[str, Waiting]] = {}
        self._inside: dict[tuple[str, str], Inside] = {}
        self._ears: Ears | None = None
        self._counted = {"arrived": 0, "forged": 0, "asked": 0, "let_in": 0, "lingering": 0}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._places = {each.id: each for each in places(self._settings)}
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def tell(self, ears: Ears) -> None:
        """Say who was put out: a device that openNDS captures again."""
        self._ears = ears

    def serves(self, interface: str) -> bool:
        """Whether it is one of these routers."""
        return interface in self._places

    def ready(self) -> Readiness:
        """Return which memory this is: that of this process."""
        return Readiness(born=self._born)

    # ---- what the browser brings, and what the router asks
    def carried(self, address: str, query: Mapping[str, str]) -> None:
        """Take in whom openNDS has sent; what it has not sealed, or sealed for another address, is counted only."""
        known = canonical(address)
        place = self._behind(known)
        if known is None or place is None or "fas" not in query:
            return
        try:
            arrival = fas.opened(query, place.key, place.name)
        except PortalError:
            arrival = None
        if arrival is None or arrival.address != known:
            with self._lock:
                self._counted["forged"] += 1
            return
        again = self._take(known, place, arrival)
        if again is not None and self._ears is not None:
            self._ears.left(again)

    def _take(self, known: str, place: Place, arrival: fas.Arrival) -> Client | None:
        """Remember the arrival; return the client whom openNDS must have put out, for it captures it again."""
        with self._lock:
            before = self._arrived.get(known)
            self._arrived[known] = place, arrival, self._clock.monotonic()
            self._arrived.move_to_end(known)
            while len(self._arrived) > ARRIVED:
                self._arrived.popitem(last=False)
            self._counted["arrived"] += 1
            held = self._inside.get((place.id, arrival.mac))
            if held is None or (before is not None and before[1].hid == arrival.hid):
                return None
            del self._inside[place.id, arrival.mac]
            return Client(interface=place.id, mac=arrival.mac, addresses=held.addresses)

    def heard(self, address: str, form: Mapping[str, str]) -> str | None:
        """Answer `authmon`; None when it is none of these routers'."""
        known = canonical(address)
        place = next((each for each in self._places.values() if each.address == known), None)
        if place is None or form.get("gatewayhash") != fas.gateway_hash(place.name):
            return None
        with self._lock:
            self._counted["asked"] += 1
            waiting = self._waiting.setdefault(place.id, OrderedDict())
            for name in fas.names(form.get("payload", "")):
                if name in waiting:
                    waiting.pop(name).done.set()
            if form.get("auth_get") not in {"view", "list"}:
                return "ack"
            return fas.told([each.row for each in list(waiting.values())[:AT_ONCE]])

    # ---- the desk
    def identify(self, address: str) -> Client | None:
        """Return who has this address, as openNDS has sealed it."""
        known = canonical(address)
        with self._lock:
            found = self._arrived.get(known or "")
            if known is None or found is None:
                return None
            place, arrival, came = found
            if self._clock.monotonic() - came > FRESH_S and (place.id, arrival.mac) not in self._inside:
                return None  # the address may be somebody else's by now, who will be sent here too
        return Client(interface=place.id, mac=arrival.mac, addresses=(known,))

    def addresses(self, client: Client) -> tuple[str, ...]:
        """Return the address that the client came with: openNDS knows one."""
        return client.addresses

    def allow(self, client: Client, bounds: Bounds) -> Onward | None:
        """Let the client in; returns when its router has said so. The time of one that is in is set here only."""
        until = self._clock.monotonic() + bounds.seconds
        place = self._places[client.interface]
        with self._lock:
            found = [self._arrived[each][1] for each in client.addresses if each in self._arrived]
            held = self._inside.get(client.key)
            if held is not None or not found:  # our restart: who has a record is in at the router
                self._inside[client.key] = Inside(_four(client), until)
                return None
            name = fas.rhid(found[0].hid, place.key)
            waiting = Waiting(fas.row(name, bounds))
            self._waiting.setdefault(place.id, OrderedDict())[name] = waiting
        done = waiting.done.wait(self._wait_s)
        with self._lock:
            self._waiting[place.id].pop(name, None)
            if not done and not waiting.done.is_set():
                raise GatewayError(
                    f"router '{place.id}' did not let the device in within {self._wait_s:g} s; is it up?"
                )
            self._inside[client.key] = Inside(_four(client), until)
            self._counted["let_in"] += 1
        return None

    def revoke(self, client: Client) -> None:
        """Forget the client; GatewayError when it is in at the router, which cannot be told."""
        with self._lock:
            held = self._inside.pop(client.key, None)
            left = held.until - self._clock.monotonic() if held else 0
            if left > 1:
                self._counted["lingering"] += 1
                what = f"router '{client.interface}' cannot be told to put a device out"
                raise GatewayError(f"{what}; it does so by itself in {int(left)} s")

    def admitted(self) -> list[Admitted]:
        """Return who is in, by our own book."""
        now = self._clock.monotonic()
        with self._lock:
            self._inside = {key: each for key, each in self._inside.items() if each.until > now}
            return [
                Admitted(client=Client(interface=key[0], mac=key[1], addresses=(at,)), seconds=int(each.until - now))
                for key, each in self._inside.items()
                for at in each.addresses
            ]

    def counters(self) -> Mapping[str, int]:
        """Return what came in, and what was forged."""
        with self._lock:
            return dict(self._counted)

    def _behind(self, known: str | None) -> Place | None:
        if known is None:
            return None
        at = ipaddress.ip_address(known)
        return next((each for each in self._places.values() if any(at in net for net in each.networks)), None)


def _four(client: Client) -> tuple[str, ...]:
    """Return the addresses that openNDS knows of: it has no IPv6."""
    return tuple(each for each in client.addresses if ":" not in each)
