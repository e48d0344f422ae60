"""Controllers that speak Portal 2.0 as gateways: each is one, for itself; together they share a port and a journal.

A controller says who has an address, lets in with a token that it asks our RADIUS server about, puts out, and tells us
when it has put somebody out itself. How long somebody may stay it knows from RADIUS (Session-Timeout), and we put out
whose time is over. Rates and idle time are the controller's too, by RADIUS; octets are counted by its accounting, which
the RADIUS server beside us tells us.
"""

from __future__ import annotations

from contextlib import ExitStack
from threading import Event
from typing import TYPE_CHECKING, Self

from captive_portal import keys
from captive_portal.enforcing import Onward, Readiness
from captive_portal.errors import GatewayError
from captive_portal.figures import ranked
from captive_portal.gateways import Gateway
from captive_portal.gateways.switchboard import Switchboard
from captive_portal.model import Admitted, Client
from captive_portal.model import address as canonical
from captive_portal.portal2 import ac as controllers
from captive_portal.portal2.journal import Journal
from captive_portal.portal2.linger import Linger
from captive_portal.portal2.packets import journal_path
from captive_portal.portal2.post import Post
from captive_portal.portal2.reports import Reports
from captive_portal.portal2.side import Around, Side
from captive_portal.portal2.vault import Vault
from captive_portal.portal2.workers import Workers
from captive_portal.radius import line as radius_line
from captive_portal.radius.profiles import PROFILES
from captive_portal.radius.tokens import Mint
from captive_portal.records import retention
from netops.facts import Fact

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from captive_portal.enforcing import Offer
    from captive_portal.gateways import Ears
    from captive_portal.model import Bounds, Trail
    from netops.clock import Clock
    from netops.config import Settings

MIB = 1 << 20


class Controller(Gateway):
    """One controller, and the visitors behind it."""

    simulated = False
    distant = True
    counts_anew = False  # its accounting counts a session, however often its door is set

    def __init__(self, side: Side, journal: Journal, reports: Reports, clock: Clock) -> None:
        self.side = side
        self.offers = PROFILES[side.ac.vendor].offers
        self._reports = reports
        self.name = f"portal2-{side.ac.id}"
        self.interface = side.ac.id
        self._journal = journal
        self._clock = clock

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def tell(self, ears: Ears) -> None:
        """Say who has come and who was put out."""
        self.side.ears = ears

    def serves(self, interface: str) -> bool:
        """Whether it is this controller."""
        return interface == self.side.ac.id

    def ready(self) -> Readiness:
        """Tell whether it answers. Its memory is what we know of it: that ends where a crash may have torn it.

        And where a login could not be brought about: it may have been one that a restart owed to somebody, and who is
        missing then was not put out by anybody.
        """
        away = self.side.door.away
        born = f"{self._journal.born}.{self.side.failed}"
        return Readiness(born=born, wrong={"controller": away} if away else {})

    def identify(self, address: str) -> Client | None:
        """Return who has this address, as the controller says; only addresses of its networks are its visitors'."""
        known = canonical(address)
        if known is None or not self.side.ac.has(known):
            return None
        mac = self.side.who(known)
        return Client(mac=mac, interface=self.interface, addresses=(known,)) if mac else None

    def puzzled(self, address: str, claimed: Mapping[str, str]) -> None:
        """Note a stranger who seems to be sent by this controller."""
        self.side.puzzled(address, claimed)

    def addresses(self, client: Client) -> tuple[str, ...]:
        """Return the addresses at which the client is online."""
        return tuple(each.address for each in self.side.book.of(client.mac, self._clock.now_ms()))

    def moved(self) -> Mapping[tuple[str, str], tuple[str, ...]]:
        """Return who is online at another address, as the controller has said."""
        now_ms, book = self._clock.now_ms(), self.side.book
        return {(self.interface, mac): tuple(each.address for each in book.of(mac, now_ms)) for mac in book.moved()}

    def allow(self, client: Client, bounds: Bounds) -> Onward | None:
        """Let the client in at its addresses; of one that is in already, only those are set anew.

        The other addresses of such a client may be of yesterday, and who has them now is not to be let in.
        """
        own = [each for each in client.addresses if self.side.ac.has(each)]
        if not own:
            raise GatewayError(f"no address of the client is in the networks of controller '{self.interface}'")
        inside = set(self.addresses(client))
        for each in [each for each in own if each in inside] or own:
            self.side.let_in(client, each, bounds)
        return None

    def revoke(self, client: Client) -> None:
        """Put the client out at its addresses."""
        for each in client.addresses:
            self.side.put_out(client, each)

    def witnessed_ms(self, client: Client) -> int | None:
        """Return when our RADIUS server said yes to the token, or accounting began: ACK_AUTH proves neither."""
        return self._reports.inside_ms(client)

    def admitted(self) -> list[Admitted]:
        """Return who is online, as the controller has said, with what its accounting has counted."""
        now_ms, octets, told = self._clock.now_ms(), self._reports.octets(), set()
        listed = []
        for each in self.side.book.every(now_ms):
            key = self.interface, each.mac
            up, down = (0, 0) if key in told else octets.get(key, (0, 0))  # a device's, at its first address
            told.add(key)
            client = Client(mac=each.mac, interface=self.interface, addresses=(each.address,))
            left = (each.until_ms - now_ms) // 1000
            listed.append(Admitted(client=client, seconds=left, octets_up=up, octets_down=down))
        return listed

    def counters(self) -> Mapping[str, int]:
        """Return what was counted, and how long the last courses took, in milliseconds."""
        latency = {f"took_ms_p{rank}": value for rank, value in ranked(list(self.side.door.took_ms)).items()}
        return {**self.side.counted, **self.side.door.counted, **latency}


class Portal2(Switchboard):
    """All controllers that speak Portal 2.0."""

    name = "portal2"

    journal: Journal
    post: Post
    workers: Workers

    def __init__(self, settings: Settings, clock: Clock) -> None:
        super().__init__([])
        self._settings = settings
        self._clock = clock
        self._parts: tuple[Controller, ...] = ()
        self.simulated = False  # also without a controller

    def __enter__(self) -> Self:
        settings, clock, at = self._settings, self._clock, self._settings.portal2
        acs = controllers.read(settings)
        line = radius_line.caller(settings)
        reports = Reports(line, clock, [each.id for each in acs])
        cap = max(1, at.packets_mb) * MIB
        self.journal = Journal(
            journal_path(settings), clock, vault=Vault.of(settings), cap_bytes=cap, days=retention.keep_days(settings)
        )
        linger, workers, stopping = Linger(self.journal, clock), Workers(), Event()
        around = Around(
            tokens=Mint(keys.token_key(settings)),
            reported=reports.mac,
            later=workers.later,
            linger=linger,
            stopping=stopping,
        )
        sides = [Side(each, self.journal, clock, around) for each in acs]
        by_address = {name: side for side in sides for name in (side.ac.address, *side.ac.others)}
        self.workers = workers
        self.post = Post(by_address, self.journal, clock, workers, host=at.host, port=at.port)
        self._every = self._parts = tuple(Controller(side, self.journal, reports, clock) for side in sides)
        with ExitStack() as stack:
            stack.callback(line.close)
            stack.enter_context(self.journal)
            for side in sides:
                side.book.open(self.journal.users(side.ac.id))
            linger.start()
            stack.callback(linger.stop)
            workers.start()
            stack.callback(workers.stop)
            self.post.start()
            stack.callback(self.post.stop)
            stack.callback(stopping.set)
            self._stack = stack.pop_all()
        return self

    def offered(self, place: str) -> frozenset[Offer]:
        """Return what a controller of this make enforces, by RADIUS."""
        given = controllers.named(self._settings).get(place)
        return PROFILES[given.vendor].offers if given is not None and given.vendor in PROFILES else frozenset()

    def amiss(self) -> Mapping[str, str]:
        """Tell when packets are not kept: logins go on without their evidence, and somebody has to know."""
        return {"packets": self.journal.wrong} if self.journal.wrong else {}

    def forget(self, trails: Sequence[Trail]) -> None:
        """Empty the packets of these devices, soon."""
        self.journal.forget(trails)

    def facts(self, now_ms: int) -> Sequence[Fact]:
        """Return where the chain of packets stands, and up to where it is erased."""
        number, link = self.journal.head
        said = Fact(
            kind="controller_packets",
            at_ms=now_ms,
            body={"packets": number, "head": link, "erased": self.journal.floor},
        )
        return [said]

    def counters(self) -> Mapping[str, int]:
        """Return every controller's counters, and those of the port where they tell us things."""
        number, _ = self.journal.head
        own = {
            **self.post.counted,
            "dropped": self.workers.dropped,
            "packets": number,
            "packets_missed": self.journal.missed,
            "packets_waiting": self.journal.waiting,
        }
        each = {f"{part.interface}_{name}": n for part in self._parts for name, n in part.counters().items()}
        return {**each, **own}
