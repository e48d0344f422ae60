"""One controller's side of the portal: who has an address there, letting in, putting out, and what it tells us.

Who somebody is says the controller (REQ_INFO), asked about the address that the connection came from, and never the
query that it wrote into its redirect (S11). Whom it lets in it has asked our RADIUS server about, with a token made for
this device at this place; the MAC that it names in its answer must be that device's.
"""

from __future__ import annotations

import logging
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from threading import Event, Lock
from typing import TYPE_CHECKING, Protocol

from captive_portal.errors import GatewayError, SilentError
from captive_portal.model import Client
from captive_portal.model import address as canonical
from captive_portal.portal2 import exchange
from captive_portal.portal2.book import Book
from captive_portal.portal2.door import Door
from captive_portal.portal2.exchange import Code
from captive_portal.portal2.hearing import bound
from captive_portal.portal2.journal import User
from captive_portal.portal2.rolls import Rolls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from captive_portal.gateways import Ears
    from captive_portal.model import Bounds
    from captive_portal.portal2.ac import Ac
    from captive_portal.portal2.exchange import Answer
    from captive_portal.portal2.journal import Journal
    from captive_portal.portal2.linger import Linger
    from captive_portal.portal2.packet import Packet
    from captive_portal.radius.tokens import Token
    from netops.clock import Clock

LOG = logging.getLogger("netops.portal")
NAT_S = 60.0  # between two lines of the log about NAT
SEEN_S = 5.0  # how long it is believed who has an address; addresses go to the next visitor
UNSEEN_S = 2.0
SIGHTS = 50_000
SLACK_MS = 5_000
BUSY_S = 0.4
LATE_MS = 30_000  # until who is past their time and was not put out by the desk is put out here
DOUBT_S = 3.0  # between two questions about one user: who repeats a logout makes us ask no oftener
DOUBTS = 10  # questions in half a second, by controller
STRIPES = 64
NOBODY_IN = frozenset({Code.REFUSED, Code.FAILED})  # answers that leave no doubt
MEANINGS = {
    Code.REFUSED: "refused the token; does it ask our RADIUS server, with this controller's secret there?",
    Code.BUSY: "says that another attempt of this visitor runs",
    Code.FAILED: "failed",
    Code.SILENT: "did not answer; is it up, is the secret the same on both sides?",
    Code.ODD: "answered something that is not defined",
}


class Tokens(Protocol):
    """Makes what a visitor's controller shows to our RADIUS server; good once (captive_portal/radius/tokens.py)."""

    def issue(self, client: Client, bounds: Bounds, now_ms: int) -> Token:
        """Return a name and a password for this device at its place."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What a controller's side needs of the portal around it, and has from its first moment."""

    tokens: Tokens
    reported: Callable[[str, str], str]  # place and address → the MAC that accounting reports there, or nothing
    later: Callable[[Callable[[], object]], None]  # does what must not be done under a lock of ours
    linger: Linger
    stopping: Event = field(default_factory=Event)  # nobody waits for a controller any more


class Side:
    """A controller. Safe from several threads; what concerns one address is done one after the other."""

    def __init__(self, ac: Ac, journal: Journal, clock: Clock, around: Around) -> None:
        self.ac = ac
        self.around = around
        self.book = Book(ac.id, journal)
        self.door = Door(ac, journal, clock, around.linger)
        self.rolls = Rolls(ac, self.door.serials.next)
        names = ("in", "out", "put_out", "doubted", "other_mac", "known", "not_there", "behind_nat")
        self.counted = dict.fromkeys(names, 0)
        self._told_nat = 0.0
        self.failed = 0  # logins that could not be brought about
        self.ears: Ears | None = None
        self._clock = clock
        self._sights: OrderedDict[str, tuple[str, float]] = OrderedDict()
        self._doubts: OrderedDict[str, tuple[User, bool]] = OrderedDict()
        self._asked: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._doubted: OrderedDict[str, float] = OrderedDict()
        self._lock = Lock()
        self._stripes = [Lock() for _ in range(STRIPES)]

    # ---- who
    def who(self, address: str) -> str:
        """Return the MAC behind an address, empty when the controller knows none; GatewayError when it is silent.

        Somebody who is online and asks for a page may have been sent here because the controller knows them no more (it
        was restarted, its notification was lost): it is asked that, too, or the page would say "online" for ever.
        """
        mac, fresh = self._who(address)
        user = self.book.at(address) if fresh else None
        if user is not None and user.mac == mac and not self.ac.profile.pap:
            self.doubt(user, sure=False)
        return mac

    def _who(self, address: str) -> tuple[str, bool]:
        """Return the MAC, and whether the controller was asked just now."""
        with self._stripe(f"who {address}"):
            seen = self._sights.get(address)
            if seen is not None and self._clock.monotonic() < seen[1]:
                return seen[0], False
            answer = self.door.run(exchange.info(self.ac, address, serial=self.door.serials.next()))
            if answer.code is Code.SILENT:
                raise self._off(answer)
            mac = answer.mac if answer.code is Code.OK else ""
            if answer.code is Code.OK and not mac:  # it knows the user and has no word for a MAC
                mac = self.around.reported(self.ac.id, address)
            self.saw(address, mac)
            return mac, True

    def puzzled(self, address: str, query: Mapping[str, str]) -> None:
        """Note a stranger whom this controller seems to have sent from elsewhere than its networks: from behind a NAT.

        Who is behind one cannot be told apart from all others there: nobody there is let in, and an operator is told.
        """
        if not self.ac.claims(query) or self.ac.has(address):
            return
        self.counted["behind_nat"] += 1
        if self._clock.monotonic() >= self._told_nat:
            self._told_nat = self._clock.monotonic() + NAT_S
            LOG.warning(
                "visitor comes from no network of the controller controller=%s from=%s; is there NAT in between?",
                self.ac.id,
                canonical(address),
            )

    def saw(self, address: str, mac: str) -> None:
        """Believe for a moment that this device has the address."""
        with self._lock:
            self._sights[address] = mac, self._clock.monotonic() + (SEEN_S if mac else UNSEEN_S)
            self._sights.move_to_end(address)
            if len(self._sights) > SIGHTS:
                self._sights.popitem(last=False)

    def forget(self, address: str) -> None:
        """Ask anew who has this address, the next time."""
        with self._lock:
            self._sights.pop(address, None)

    # ---- in and out
    def let_in(self, client: Client, address: str, bounds: Bounds) -> None:
        """Let a client in at one address; done when the controller has said so."""
        try:
            self._let_in(client, address, bounds)
        except GatewayError:
            self.failed += 1
            raise

    def _let_in(self, client: Client, address: str, bounds: Bounds) -> None:
        with self._stripe(address):
            now_ms = self._clock.now_ms()
            until_ms = now_ms + bounds.seconds * 1000
            user = self.book.at(address)
            known = user is not None and user.mac == client.mac and now_ms < user.until_ms
            if user is not None and known and until_ms <= user.until_ms + SLACK_MS:
                self.book.put(replace(user, until_ms=until_ms))  # the controller would let it in for longer
                return
            if user is not None:
                self._forget_there(address, user.request)
                if self.book.drop(user) and user.mac != client.mac:
                    self.around.later(lambda: self._say_left(user))
            begun = self._begun(client, address, now_ms)
            answer = self._logged_in(client, address, bounds)
            if answer.code in NOBODY_IN:
                self.book.drop(begun)
            if answer.code is not Code.OK:
                raise self._off(answer)
            if answer.mac and answer.mac != client.mac:
                self.counted["other_mac"] += 1
                self.forget(address)
                self._forget_there(address, answer.request)
                self.book.drop(begun)
                raise GatewayError(f"controller '{self.ac.id}' let another device in than the one that asked; put out")
            self.counted["in"] += 1
            self.book.put(replace(begun, request=answer.request, until_ms=until_ms))

    def _begun(self, client: Client, address: str, now_ms: int) -> User:
        """Note that somebody may come in, whatever we hear of it: who is in by an answer that was lost is put out."""
        begun = User(
            address=address,
            mac=client.mac,
            name=secrets.token_hex(4),
            request=0,
            since_ms=now_ms,
            until_ms=now_ms,  # not in, and past their time: `put_out`, or `late` after a crash
        )
        self.book.put(begun)
        return begun

    def _logged_in(self, client: Client, address: str, bounds: Bounds) -> Answer:
        answer = self._login(client, address, bounds)
        if answer.code is Code.ALREADY:  # of before: its time, its name and its MAC may be another's
            self._forget_there(address)
            answer = self._login(client, address, bounds)
        if answer.code is Code.BUSY:
            self.around.stopping.wait(BUSY_S)
            answer = self._login(client, address, bounds)
        return answer

    def put_out(self, client: Client, address: str) -> None:
        """Put a client out at one address; one that is not online there, or is somebody else by now, stays as it is."""
        with self._stripe(address):
            user = self.book.at(address)
            if user is not None and user.mac == client.mac:
                self._put_out(user)

    def late(self) -> list[User]:
        """Return users whose time was over a while ago and whom nobody has put out."""
        if self.door.away:
            return []
        return self.book.overdue(self._clock.now_ms() - LATE_MS, most=DOUBTS)

    def end(self, user: User) -> None:
        """Put a user out whose time is over."""
        with self._stripe(user.address):
            if self.book.at(user.address) == user:
                self._put_out(user)

    def _put_out(self, user: User) -> None:
        self._forget_there(user.address, user.request)
        self.book.drop(user)
        self.counted["out"] += 1

    def _login(self, client: Client, address: str, bounds: Bounds) -> Answer:
        token = self.around.tokens.issue(client, bounds, self._clock.now_ms())
        course = exchange.Login(
            self.ac,
            address,
            serial=self.door.serials.next(),
            name=token.user,
            password=token.password.encode(),
        )
        return self.door.run(course)

    def _forget_there(self, address: str, request: int = 0) -> None:
        """Have the controller put an address out; "it was not online" is as good."""
        answer = self.door.run(exchange.logout(self.ac, address, serial=self.door.serials.next(), request=request))
        if answer.code not in {Code.OK, Code.BUSY}:  # 3 is "already offline" here
            raise self._off(answer)

    # ---- what it tells
    def left(self, user: User) -> None:
        """Note that the controller has put a user out."""
        self.forget(user.address)
        if self.book.drop(user):
            self.counted["put_out"] += 1
            self._say_left(user)

    def all_left(self, users: Iterable[User]) -> None:
        """Note that it does not know these users."""
        for user in users:
            self.left(user)

    def suspect(self, user: User, *, sure: bool) -> None:
        """Note that it may have put a user out; `due` says when it is asked."""
        with self._lock:
            before = self._doubts.get(user.address)
            self._doubts[user.address] = user, sure or (before is not None and before[0] == user and before[1])

    def due(self) -> list[tuple[User, bool]]:
        """Return the users about whom the controller is to be asked now."""
        now = self._clock.monotonic()
        with self._lock:
            ripe = [each for each in self._doubts if now - self._doubted.get(each, -DOUBT_S) >= DOUBT_S][:DOUBTS]
            for each in ripe:
                self._doubted[each] = now
                self._doubted.move_to_end(each)
            while self._doubted and now - next(iter(self._doubted.values())) > DOUBT_S:
                self._doubted.popitem(last=False)
            return [self._doubts.pop(each) for each in ripe]

    def doubt(self, user: User, *, sure: bool) -> None:
        """Ask whether it has put a user out.

        `sure`: what it said was genuine and new, so that silence to our question is believed too.
        """
        self.counted["doubted"] += 1
        if self._is_out(user, sure=sure):
            self.left(user)

    def _is_out(self, user: User, *, sure: bool) -> bool:
        if self.ac.profile.pap:  # it may know no challenge: what is genuine and new has to do
            return sure
        with self._stripe(user.address):
            if self.book.at(user.address) != user:
                return False  # out already, or logged in anew meanwhile
            serial = self.door.serials.next()
            answer = self.door.run(exchange.online(self.ac, user.address, serial=serial))
            if answer.code is Code.OK:  # it offered a challenge, so nobody is online there: take the attempt back
                self.door.run(exchange.logout(self.ac, user.address, serial=serial, request=answer.request, error=1))
            return answer.code is Code.OK or (sure and answer.code is Code.SILENT)

    def moved(self, user: User, address: str) -> None:
        """Note that a user has another address."""
        self.forget(user.address)
        self.forget(address)
        self.book.move(user, address)

    def asked(self, packet: Packet, reply: Callable[[bytes], None]) -> None:
        """Answer whether we know a device; if so, let it in where the controller says *now* that it has this address.

        The question proves that the controller has asked it once, and not when: whoever repeats it has the address by
        now, perhaps. So nothing is believed of it, and no more is noted than what the controller answers to REQ_INFO.
        """
        with self._lock:
            now, key = self._clock.monotonic(), (packet.mac, packet.visitor)
            if now - self._asked.get(key, -DOUBT_S) < DOUBT_S:
                return  # it, or who repeats what it said, asks again at once
            self._asked[key] = now
            self._asked.move_to_end(key)
            if len(self._asked) > SIGHTS:
                self._asked.popitem(last=False)
        client = Client(mac=packet.mac, interface=self.ac.id, addresses=(packet.visitor,))
        known = self.ears is not None and self.ears.knows(client)
        reply(bound(self.ac, packet, known=known))
        if not known or self.ears is None:
            return
        self.forget(packet.visitor)
        mac, _ = self._who(packet.visitor)
        if mac == packet.mac:
            self.counted["known"] += self.ears.arrived(client)
        else:
            self.counted["not_there"] += 1

    def _say_left(self, user: User) -> None:
        """End the visit of a user who is out; a device that is online under another address is not."""
        if self.ears is not None and not self.book.of(user.mac, self._clock.now_ms()):
            self.ears.left(Client(mac=user.mac, interface=self.ac.id, addresses=(user.address,)))

    def _off(self, answer: Answer) -> GatewayError:
        said = f" ({answer.text})" if answer.text else ""
        meaning = MEANINGS.get(answer.code, f"said {answer.code}")
        kind = SilentError if answer.code is Code.SILENT else GatewayError
        return kind(f"controller '{self.ac.id}' {meaning}{said}")

    def _stripe(self, address: str) -> Lock:
        return self._stripes[hash(address) % STRIPES]
