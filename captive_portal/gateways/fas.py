"""openNDS far away, by FAS level 3: a router that sends browsers here, and whose `authmon` asks whom to let in.

Who somebody is says openNDS in what it has sealed; the browser must come from the address that stands there. A visit is
online when `authmon` has said that it let it in. It asks every ten seconds, so no page waits for it longer than
`WAIT_S`, and few at once: the others wait on a page that looks again by itself. Time, rates and volume are openNDS's.

What this protocol cannot do: put somebody out. So whom the router was told of has a record until its minutes are over,
whatever we are told meanwhile: `held_s`. Where that is not enough, run openNDS beside the gate
(captive_portal/gateways/opennds.py).
"""

from __future__ import annotations

import math
import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

from captive_portal import controllers, fas
from captive_portal.enforcing import Offer, Onward, Readiness
from captive_portal.errors import GatewayError, PortalError
from captive_portal.gateways import Gateway
from captive_portal.model import Admitted, Client
from captive_portal.model import address as canonical

if TYPE_CHECKING:
    from collections.abc import Mapping

    from captive_portal.controllers import Network
    from captive_portal.gateways import Ears
    from captive_portal.model import Bounds
    from netops.clock import Clock
    from netops.config import Settings

WAIT_S = 2.0  # enough where `nat_traversal_poll_interval` is 1; no thread of the pages waits for ten seconds
WAITERS = 4  # of all routers together: the pages have 32 threads
PATIENCE_S = 60.0  # a router that has not asked in so long is away
GRACE_S = 15.0  # from our answer until `authmon` has done what stands there
TELLINGS = 30  # what the router has not taken after so many answers it does not know
HOME = "/"  # our own page, which looks again by itself
TAKEN = 100_000  # names of visits that are known to be not new
ARRIVED = 20_000  # visitors whose arrival is remembered; those longest not seen are forgotten
FRESH_S = 1800.0  # how long openNDS holds a device that it has captured, unless told otherwise
AT_ONCE = 4  # openNDS takes so many of one answer
SHORTEST_KEY = 16


@dataclass(frozen=True)
class Place:
    """One router. `address` is where its `authmon` comes from."""

    id: str
    address: str
    networks: tuple[Network, ...]
    key: str
    name: str


@dataclass
class Visit:
    """A visit with a record: offered to its router, or let in there. Times are of the monotonic clock."""

    addresses: tuple[str, ...]
    bounds: Bounds
    offered: float
    until: float  # of the grant
    name: str = ""  # by which the router takes it; empty after our restart, until it is captured again
    ends: float = 0.0  # when the router's minutes are over at the latest, by what it was told
    told_s: int = 0
    tellings: int = 0
    inside: bool = False
    done: threading.Event = field(default_factory=threading.Event)


def places(settings: Settings) -> tuple[Place, ...]:
    """Return the routers of the settings; ConfigError names what is off."""
    found = []
    for name, given in settings.portal.acs.items():
        if given.gateway != "fas":
            continue
        key = given.fas_key.read() if given.fas_key is not None else ""
        if len(key) < SHORTEST_KEY:
            what = f"has {len(key)} characters; expected at least {SHORTEST_KEY}"
            raise controllers.off(settings, name, "fas_key", what)
        at = controllers.reach(settings, name, given)
        if len(at.addresses) > 1:
            raise controllers.off(
                settings, name, "address", "has several; expected the one that its authmon comes from"
            )
        if not given.fas_name:
            raise controllers.off(settings, name, "fas_name", "is empty; expected its gatewayname")
        found.append(Place(id=name, address=at.addresses[0], networks=at.networks, key=key, name=given.fas_name))
    return tuple(found)


class Fas(Gateway):
    """The routers whose `gateway` is `fas`, as one; safe from several threads."""

    name = "fas"
    simulated = False
    distant = True
    puts_out = False  # a router is told at its next question, and asks about those alone who are not in
    offers = frozenset({Offer.RATE})

    def __init__(self, settings: Settings, clock: Clock, *, wait_s: float = WAIT_S) -> None:
        self._settings = settings
        self._clock = clock
        self._wait_s = wait_s
        self._places: dict[str, Place] = {}
        self._born = secrets.token_hex(4)
        self._arrived: OrderedDict[str, tuple[Place, fas.Arrival, float]] = OrderedDict()
        self._taken: OrderedDict[str, None] = OrderedDict()  # every `hid` that came, oldest first
        self._offers: dict[str, OrderedDict[str, tuple[str, str]]] = {}  # place → name → whose
        self._visits: dict[tuple[str, str], Visit] = {}
        self._waiters = threading.BoundedSemaphore(WAITERS)
        self._ears: Ears | None = None
        self._counted = {"arrived": 0, "forged": 0, "stale": 0, "asked": 0, "let_in": 0, "lingering": 0}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._places = {each.id: each for each in places(self._settings)}
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def tell(self, ears: Ears) -> None:
        """Say who was let in after its page had stopped waiting."""
        self._ears = ears

    def serves(self, interface: str) -> bool:
        """Whether it is one of these routers."""
        return interface in self._places

    def ready(self) -> Readiness:
        """Return which memory this is: that of this process."""
        return Readiness(born=self._born)

    # ---- what the browser brings, and what the router asks
    def carried(self, address: str, query: Mapping[str, str]) -> bool:
        """Take in whom openNDS has sent; what it has not sealed, or sealed for another address, is counted only."""
        known = canonical(address)
        place = self._behind(known)
        if known is None or place is None or "fas" not in query:
            return False
        try:
            arrival = fas.opened(query, place.key, place.name)
        except PortalError:
            arrival = None
        if arrival is None or arrival.address != known:
            with self._lock:
                self._counted["forged"] += 1
            return True
        with self._lock:
            self._take(known, place, arrival)
        return True

    def _take(self, known: str, place: Place, arrival: fas.Arrival) -> None:
        """Remember the arrival; one that was taken before does not take the address back from who has it now.

        A device that is captured while it has a record is offered to its router again, for what is left: either the
        router has put it out, or this is an address line of long ago, of which the router knows nothing. Only its own
        minutes end a record.
        """
        before = self._arrived.get(known)
        if before is not None and before[1].hid != arrival.hid and arrival.hid in self._taken:
            self._counted["stale"] += 1
            return
        self._taken[arrival.hid] = None
        self._taken.move_to_end(arrival.hid)
        while len(self._taken) > TAKEN:
            self._taken.popitem(last=False)
        self._arrived[known] = place, arrival, self._clock.monotonic()
        self._arrived.move_to_end(known)
        while len(self._arrived) > ARRIVED:
            self._arrived.popitem(last=False)
        self._counted["arrived"] += 1
        held = self._visits.get((place.id, arrival.mac))
        if held is not None:
            self._offer(held, (place.id, arrival.mac), fas.rhid(arrival.hid, place.key))

    def _offer(self, visit: Visit, key: tuple[str, str], name: str) -> None:
        """Have the router told of a visit under the name that it has for it now."""
        if visit.name != name:
            offers = self._offers.setdefault(key[0], OrderedDict())
            offers.pop(visit.name, None)
            offers[name] = key
            visit.name, visit.tellings, visit.told_s = name, 0, 0

    def heard(self, address: str, form: Mapping[str, str]) -> str | None:
        """Answer `authmon`; None when it is none of these routers'."""
        known = canonical(address)
        place = next((each for each in self._places.values() if each.address == known), None)
        if place is None or form.get("gatewayhash") != fas.gateway_hash(place.name):
            return None
        with self._lock:
            self._counted["asked"] += 1
            late = self._let_in(place, fas.names(form.get("payload", "")))
            said = "ack" if form.get("auth_get") not in {"view", "list"} else fas.told(self._rows(place))
        for each in late if self._ears is not None else ():
            self._ears.opened(each)  # type: ignore[union-attr]  # not None
        return said

    def _let_in(self, place: Place, names: list[str]) -> list[Client]:
        """Note whom the router has let in; return them."""
        offers, now, clients = self._offers.get(place.id, OrderedDict()), self._clock.monotonic(), []
        for name in names:
            key = offers.pop(name, None)
            visit = self._visits.get(key) if key is not None else None
            if key is None or visit is None or not visit.tellings:
                continue
            if not visit.inside:
                self._counted["let_in"] += 1
            visit.inside, visit.ends = True, now + visit.told_s
            visit.done.set()
            clients.append(Client(interface=key[0], mac=key[1], addresses=visit.addresses))
        return clients

    def _rows(self, place: Place) -> list[str]:
        """Return the next visits to let in; who was told of goes to the end of the queue."""
        offers, now, rows = self._offers.get(place.id, OrderedDict()), self._clock.monotonic(), []
        for name, key in list(offers.items()):
            visit = self._visits.get(key)
            if visit is None or visit.until <= now or visit.tellings >= TELLINGS:
                del offers[name]
                continue
            seconds = math.ceil(visit.until - now)
            rows.append(fas.row(name, replace(visit.bounds, seconds=seconds)))
            visit.told_s = max(visit.told_s, _whole(seconds))
            visit.ends = max(visit.ends, now + _whole(seconds) + GRACE_S)
            visit.tellings += 1
            offers.move_to_end(name)
            if len(rows) == AT_ONCE:
                break
        return rows

    # ---- the desk
    def identify(self, address: str) -> Client | None:
        """Return who has this address, as openNDS has sealed it."""
        known = canonical(address)
        with self._lock:
            found = self._arrived.get(known or "")
            if known is None or found is None:
                return None
            place, arrival, came = found
            if self._clock.monotonic() - came > FRESH_S and (place.id, arrival.mac) not in self._visits:
                return None  # the address may be somebody else's by now, who will be sent here too
        return Client(interface=place.id, mac=arrival.mac, addresses=(known,))

    def addresses(self, client: Client) -> tuple[str, ...]:
        """Return the address that the client came with: openNDS knows one."""
        return client.addresses

    def allow(self, client: Client, bounds: Bounds) -> Onward | None:
        """Offer the client to its router; None when it is in, `Onward` to our own page while it is not.

        The time of one that is in is the router's: it is not set anew.
        """
        place, now = self._places[client.interface], self._clock.monotonic()
        with self._lock:
            visit = self._visits.get(client.key)
            if visit is not None and max(visit.ends, visit.until) <= now:
                self._forget(client.key)
                visit = None
            found = next((self._arrived[each][1] for each in client.addresses if each in self._arrived), None)
            fresh = visit is None
            if visit is None:
                visit = self._visits[client.key] = Visit((), bounds, now, now + bounds.seconds)
                if found is None:  # our restart: who has a record is in at the router
                    visit.inside, visit.ends = True, visit.until
            visit.addresses = tuple(dict.fromkeys((*visit.addresses, *_four(client))))
            if found is not None:
                self._offer(visit, client.key, fas.rhid(found.hid, place.key))
            if not visit.inside and not visit.ends and now - visit.offered > PATIENCE_S:
                self._forget(client.key)
                raise GatewayError(f"router '{place.id}' has not asked for {PATIENCE_S:g} s; is it up?")
        if fresh and not visit.inside and self._waiters.acquire(blocking=False):
            try:
                visit.done.wait(self._wait_s)
            finally:
                self._waiters.release()
        return None if visit.inside else Onward(url=HOME)

    def held_s(self, client: Client) -> int:
        """Return until when its router may let the client through, whatever we say, in seconds from now."""
        now = self._clock.monotonic()
        with self._lock:
            visit = self._visits.get(client.key)
            if visit is None:
                return 0
            offered = now + _whole(visit.until - now) if not visit.inside and visit.until > now else 0.0
            return max(0, math.ceil(max(visit.ends, offered) - now))

    def revoke(self, client: Client) -> None:
        """Forget the client; GatewayError when its router was told of it and cannot be told otherwise."""
        with self._lock:
            visit = self._visits.get(client.key)
            left = visit.ends - self._clock.monotonic() if visit is not None else 0
            if left > 0:
                self._counted["lingering"] += 1
                what = f"router '{client.interface}' cannot be told to put a device out"
                raise GatewayError(f"{what}; it does so by itself in {math.ceil(left)} s")
            self._forget(client.key)

    def _forget(self, key: tuple[str, str]) -> None:
        visit = self._visits.pop(key, None)
        if visit is not None:
            self._offers.get(key[0], OrderedDict()).pop(visit.name, None)

    def admitted(self) -> list[Admitted]:
        """Return who is in, until the minutes are over that the router was told."""
        now = self._clock.monotonic()
        with self._lock:
            for key in [key for key, each in self._visits.items() if max(each.ends, each.until) <= now]:
                self._forget(key)
            return [
                Admitted(client=Client(interface=key[0], mac=key[1], addresses=(at,)), seconds=int(each.ends - now))
                for key, each in self._visits.items()
                if each.inside and each.ends > now
                for at in each.addresses
            ]

    def counters(self) -> Mapping[str, int]:
        """Return what came in, and what was forged."""
        with self._lock:
            return dict(self._counted)

    def _behind(self, known: str | None) -> Place | None:
        if known is None:
            return None
        return next((each for each in self._places.values() if controllers.within(each.networks, known)), None)


def _whole(seconds: float) -> int:
    """Return the seconds of the whole minutes that a router is told (`fas.row`)."""
    return math.ceil(seconds / 60) * 60


def _four(client: Client) -> tuple[str, ...]:
    """Return the addresses that openNDS knows of: it has no IPv6."""
    return tuple(each for each in client.addresses if ":" not in each)
