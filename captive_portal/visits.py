"""The visits that live, as the database has them, and the edge: record, firewall, answer, in the table's order.

What follows what is decided in captive_portal/session.py. Whoever feeds an event has the client's turn
(captive_portal/turns.py): events of one client come one after the other, different clients do not wait for one another
except for the shared fsync.
"""

from __future__ import annotations

import heapq
import logging
import secrets
from collections import deque
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING

from captive_portal import session as visit
from captive_portal.errors import PortalError, SilentError
from captive_portal.meters import Meters
from captive_portal.model import ADDRESSES_PER_CLIENT, MOST_OCTETS, Client, End, Session, State
from captive_portal.outcomes import Outcomes
from captive_portal.put_out import PutOut
from captive_portal.store import Admission
from captive_portal.tenants import Tenants
from captive_portal.turns import Turns
from inventory.errors import SqlError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from captive_portal.enforcing import Onward
    from captive_portal.gateways import Gateway
    from captive_portal.model import Consent
    from captive_portal.premises import Premises
    from captive_portal.store import Store
    from captive_portal.telling import Telling
    from netops.clock import Clock

LOG = logging.getLogger("netops.portal")


class Visits:
    """Who is in, or about to be, by the client's key."""

    def __init__(self, *, store: Store, gateway: Gateway, telling: Telling, clock: Clock, premises: Premises) -> None:
        self.store = store
        self.gateway = gateway
        self.telling = telling
        self.clock = clock
        self.premises = premises
        self.outcomes = Outcomes(telling=telling, gateway=gateway, premises=premises, clock=clock)
        self.turns = Turns()
        self.meters = Meters()
        self.put_out = PutOut()
        self._live: dict[tuple[str, str], Session] = {}
        self._ends: list[tuple[int, tuple[str, str]]] = []  # a heap
        self._watched: dict[tuple[str, str], int] = {}  # the soonest end in the heap, by client
        self._lock = Lock()
        self._tenants = Tenants()
        self._onward: dict[str, Onward] = {}
        self._owed: dict[str, tuple[Session, tuple[int, int]]] = {}  # ends that could not be written yet
        self._shut: set[tuple[tuple[str, str], str]] = set()  # doors closed with another's, still to be opened again

    # ---- who is in
    def __len__(self) -> int:
        return len(self._live)

    @property
    def live(self) -> Mapping[tuple[str, str], Session]:
        """The visits that live; look, and copy before going through it."""
        return self._live

    def every(self) -> list[Session]:
        """Return the visits that live now."""
        return list(self._live.values())

    def due(self, now_ms: int) -> list[Session]:
        """Return, once, the visits whose time is over; it costs what is due, not who is in."""
        over: dict[str, Session] = {}
        with self._lock:
            while self._ends and self._ends[0][0] - now_ms < 1000:  # as `Session.seconds_left` rounds
                until_ms, key = heapq.heappop(self._ends)
                if self._watched.get(key) != until_ms:
                    continue  # another end was noted since
                del self._watched[key]
                live = self._live.get(key)
                if live is not None and live.seconds_left(now_ms) == 0:
                    over[live.id] = live
                elif live is not None:
                    self._watch(live)
        return list(over.values())

    def watch(self, sessions: Iterable[Session]) -> None:
        """Have those that still live told by `due` again."""
        with self._lock:
            for each in sessions:
                live = self._live.get(each.client.key)
                if live is not None:
                    self._watch(live)

    def _watch(self, live: Session) -> None:
        """Note when a visit ends: an end that came nearer at once, one that moved away when the old one is due."""
        assert live.grant
        key, until_ms = live.client.key, live.grant.until_ms
        if until_ms < self._watched.get(key, until_ms + 1):
            self._watched[key] = until_ms
            heapq.heappush(self._ends, (until_ms, key))

    def at(self, key: tuple[str, str]) -> Session | None:
        """Return the visit of a client that lives, with time left or without."""
        return self._live.get(key)

    def current(self, client: Client) -> Session | None:
        """Return the client's visit if it is online and has time left."""
        session = self._live.get(client.key)
        if session is None or session.state is not State.ONLINE or not session.seconds_left(self.clock.now_ms()):
            return None
        return session

    def take_up(self) -> None:
        """Take up the visits of before; a repair then brings the firewall to them."""
        for session in self.store.live():
            self.hold(session)
        now_ms, meters = self.clock.now_ms(), self.store.meters()
        for session in self.every() if meters else ():
            if session.id in meters:
                self.meters.take_up(session.client.key, meters[session.id], now_ms)
        self.put_out.take_up(self.store, now_ms)

    # ---- what happens to one
    def begun(self, client: Client) -> Session:
        """Return a new visit of a client, under every address that is seen of it."""
        every = (*client.addresses, *self.gateway.addresses(client))  # the one asked from comes first
        seen = tuple(dict.fromkeys(every))[:ADDRESSES_PER_CLIENT]
        opened = Session(id=secrets.token_hex(12), client=client.at(*seen))
        return visit.step(opened, visit.Begun(), self.clock.now_ms())[0]

    def over(self, session: Session) -> Session:
        """End a visit, unless its gateway may let it through for longer: then the record goes on for as long."""
        held, now_ms = self.gateway.held_s(session.client), self.clock.now_ms()
        if held and session.seconds_left(now_ms):
            return session
        return self.feed(session, visit.Adjusted(now_ms + held * 1000) if held else visit.Expired())

    def adopt(self, session: Session, consent: Consent, *, ended: tuple[End, int] | None) -> None:
        """Record a visit that a gateway began by itself while nobody could; it goes on unless it has `ended`."""
        identity, site = self.premises.identity(session.client), self.premises.site(session.client)
        self.store.admit(Admission(session=session, identity=identity, site=site, consent=consent))
        if ended is None:  # no login came in: nobody's success is counted
            self.hold(replace(session, state=State.ONLINE))
            self.store.online(session, self.clock.now_ms())
            return
        end, at_ms = ended
        self.store.end(replace(session, state=State.ENDED, end=end, ended_ms=at_ms))

    def see(self, live: Session, addresses: tuple[str, ...]) -> Session:
        """Let a visit's device in under more addresses."""
        for each in addresses:
            live = self.feed(live, visit.Seen(each))
        return live

    def onward(self, session: Session) -> Onward | None:
        """Return, once, where the browser has to go for the door to open, if anywhere."""
        return self._onward.pop(session.id, None)

    def feed(
        self,
        session: Session,
        event: visit.Event,
        *,
        consent: Consent | None = None,
        wrong: list[Exception] | None = None,
    ) -> Session:
        """Step through the table until nothing is left to do. `wrong` is given the errors of doors and records.

        An end that could not be written is none of them: it is owed.
        """
        events = deque([event])
        while events:
            before = session
            session, effects = visit.step(session, events.popleft(), self.clock.now_ms())
            self.hold(session)
            for effect in effects:
                try:
                    followed = self._do(session, effect, consent)
                except Exception as error:  # whatever it is, the table says what follows, and others wait
                    ours = not isinstance(error, SqlError | PortalError)
                    LOG.warning("effect failed effect=%s error=%s", type(effect).__name__, error, exc_info=ours)
                    if wrong is not None and not isinstance(effect, visit.Tell):
                        wrong.append(error)
                    self.outcomes.stumbled(session, error)
                    followed = _failed(session, effect)
                    if followed is None and session.state is not State.ENDED:
                        session = before  # a record that fails ends what came with it, not the visit
                        self.hold(session)
                        break
                if followed is not None:
                    events.append(followed)
        return session

    def close(self, client: Client) -> None:
        """Close the client's door, and keep open what others have under the same address.

        An address goes to the next visitor while the session of the last one still runs. Upwards the kernel tells them
        apart by MAC; downwards there is one entry for the address, and closing takes it from both.
        """
        others = self._tenants.others(client)
        self._shut.update(others)  # what fails from here on may have closed it all the same
        self.gateway.revoke(client)
        self._open_again(others)

    def _open_again(self, shut: Iterable[tuple[tuple[str, str], str]]) -> None:
        """Open what others have under an address that was closed; one that fails stays owed, and others wait.

        A gateway that does not answer is not waited for at each door.
        """
        silent: set[str] = set()
        for key, address in shut:
            if key[0] in silent:
                continue
            self._shut.discard((key, address))
            try:
                self._let_on(key, address)
            except Exception as error:  # noqa: BLE001  (it stays owed)
                LOG.warning("door not opened again place=%s error=%s", key[0], error)
                self._shut.add((key, address))
                if isinstance(error, SilentError):
                    silent.add(key[0])

    def _let_on(self, key: tuple[str, str], address: str) -> None:
        """Let a visit on under one of its addresses, for what is left."""
        other = self._live.get(key)
        left = other.seconds_left(self.clock.now_ms()) if other is not None and self._is_open(other) else 0
        if other is not None and left and address in other.client.addresses:
            assert other.grant
            self.gateway.allow(other.client.at(address), replace(other.grant.bounds, seconds=left))
            self._count_anew(other.client.at(address))
            if key not in self._live:  # it ended meanwhile
                self.gateway.revoke(other.client.at(address))

    def _is_open(self, session: Session) -> bool:
        """Whether a visit's door is open, or is being opened: it is durable, and the kernel may be ahead of us.

        A controller keeps its doors by device, and one that is asked a second time for a login forgets the first.
        """
        if session.state is State.ONLINE:
            return True
        behind = (each for each in self.gateway.parts() if each.serves(session.client.interface))
        return session.state is State.RECORDED and not any(each.distant for each in behind)

    def settle(self) -> None:
        """Do what is owed: ends that could not be written, doors that could not be opened again."""
        for each in list(self._owed):
            try:
                self._write_end(*self._owed.pop(each))
            except Exception as error:  # noqa: BLE001  (it stays owed, and others wait)
                LOG.warning("end not written session=%s error=%s", each, error)
        self._open_again(list(self._shut))

    # ---- the edge
    def _do(self, session: Session, effect: visit.Effect, consent: Consent | None) -> visit.Event | None:
        if isinstance(effect, visit.Record):
            if session.state is State.PROVEN:
                assert consent
                identity, site = self.premises.identity(session.client), self.premises.site(session.client)
                self.store.admit(Admission(session=effect.session, identity=identity, site=site, consent=consent))
                self.outcomes.agreed(effect.session, consent)
                return visit.Recorded()
            self.store.widen(effect.session, self.clock.now_ms())
        elif isinstance(effect, visit.Allow):
            began = self.clock.monotonic()
            onward = self.gateway.allow(effect.client, effect.bounds)
            if onward is None:
                self._count_anew(effect.client)
                if session.state is State.RECORDED:
                    took_ms = int((self.clock.monotonic() - began) * 1000)
                    self.outcomes.opened(session, took_ms)
                return visit.Opened()
            self._onward[session.id] = onward
            self.outcomes.sent(session)
        elif isinstance(effect, visit.Revoke):
            self.close(effect.client)
        else:
            self._tell(session, effect)
        return None

    def _count_anew(self, client: Client) -> None:
        if any(part.counts_anew and part.serves(client.interface) for part in self.gateway.parts()):
            self.meters.reopened(client)

    def _tell(self, session: Session, effect: visit.Tell) -> None:
        try:
            if effect.what == "login":
                self.outcomes.came_in(session)
                self.store.online(session, self.clock.now_ms())
            elif effect.what == "ended":
                self.outcomes.over(session)
            elif session.state is State.PROVING or session.end is End.REFUSED:
                self.outcomes.refused(session)
            else:
                self.outcomes.failed(session)
        finally:
            if session.state is State.ENDED and session.grant is not None:
                up, down = self.meters.forget(session.client.key)
                self._write_end(session, (min(up, MOST_OCTETS), min(down, MOST_OCTETS)))

    def _write_end(self, session: Session, used: tuple[int, int]) -> None:
        """Keep how a visit ended; what cannot be written now is owed: else it would live again after a restart."""
        try:
            self.store.end(session, used)
        except Exception:
            self._owed[session.id] = session, used
            raise

    def hold(self, session: Session) -> None:
        """Hold what lives; a visit that is not recorded is nobody's yet."""
        if session.state in {State.RECORDED, State.ONLINE}:
            self._live[session.client.key] = session
            self._tenants.add(session.client)
            with self._lock:
                self._watch(session)
        elif session.state is State.ENDED and session.grant is not None:
            held = self._live.get(session.client.key)
            if held is not None and held.id == session.id:
                del self._live[session.client.key]
                self._tenants.remove(held.client)


def _failed(session: Session, effect: visit.Effect) -> visit.Event | None:
    """Return what to feed when an effect failed; a `Revoke` or `Tell` that failed is repaired by the next reconcile."""
    if isinstance(effect, visit.Record) and session.state is State.PROVEN:
        return visit.RecordFailed()
    return visit.OpenFailed() if isinstance(effect, visit.Allow) else None
