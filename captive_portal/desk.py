"""The desk: feeds a visit's events to the table and carries out the effects, in order: record, firewall, answer.

What stands here is the edge. What follows what is decided in captive_portal/session.py, what to repair in
captive_portal/reconcile.py. Events of one client are handled one after the other (captive_portal/turns.py); different
clients do not wait for one another except for the shared fsync.
"""

from __future__ import annotations

import logging
import secrets
from collections import deque
from contextlib import nullcontext
from dataclasses import dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING, TypeAlias

from captive_portal import keys, reconcile
from captive_portal import session as visit
from captive_portal.errors import GatewayError, PortalError
from captive_portal.gateways import Offer, Onward
from captive_portal.limits import Limit, Rate, Rates
from captive_portal.meters import Meters
from captive_portal.methods import Shown
from captive_portal.model import ADDRESSES_PER_CLIENT, FREE, MOST_OCTETS, Client, Grant, Session, State
from captive_portal.policy import narrower, open_at, opens_ms, seconds_open
from captive_portal.store import Admission
from captive_portal.turns import Crowd, Turns
from captive_portal.twins import Twins
from captive_portal.verdict import Ask, Leave, Refusal, Why
from inventory.errors import SqlError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from zoneinfo import ZoneInfo

    from captive_portal.gateways import Gateway
    from captive_portal.methods import Method
    from captive_portal.policy import Policies, Policy
    from captive_portal.ruleset import Admitted
    from captive_portal.store import Consent, Store
    from captive_portal.telling import Telling
    from captive_portal.verdict import Verdict
    from netops.clock import Clock

LOG = logging.getLogger("netops.portal")
STARTS = Rates(
    client=Rate(burst=12, every_ms=30_000),  # a device that logs in and out in a circle writes no endless record
    site=Rate(burst=10_000, every_ms=5),  # a full square comes online at once; many MACs from one place end here
    city=Rate(burst=20_000, every_ms=1),
)
NOWHERE = "unassigned"
HERE = "/"  # our own page
Outcome: TypeAlias = Session | Refusal | Ask | Leave | Onward


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One login as it came in."""

    client: Client
    method: str
    fields: Mapping[str, str]
    consent: Consent


class Desk:
    """Where visitors are admitted. `live` sessions are kept in memory as the database has them."""

    def __init__(
        self,
        *,
        store: Store,
        gateway: Gateway,
        methods: Mapping[str, Method],
        telling: Telling,
        clock: Clock,
        identity_key: bytes,
        sites: Mapping[str, str],
        policies: Policies,
        zone: ZoneInfo,
    ) -> None:
        self.store = store
        self.gateway = gateway
        self.methods = methods
        self.telling = telling
        self.clock = clock
        self._key = identity_key
        self.policies = policies
        self._sites = sites
        self.zone = zone
        self._born: dict[str, str] = {}
        self._meters = Meters()
        self.twins = Twins()
        self._live: dict[tuple[str, str], Session] = {}
        self._tenants = Tenants()
        self._onward: dict[str, Onward] = {}
        self._owed: dict[str, tuple[Session, tuple[int, int]]] = {}  # ends that could not be written yet
        self._starts = Limit(STARTS)
        self._turns = Turns()
        self._crowd = Crowd()

    # ---- who
    def identity(self, client: Client) -> bytes:
        """Return the keyed identity of a device."""
        return keys.identity(self._key, client)

    def site(self, client: Client) -> str:
        """Return the id of the site behind the client's interface."""
        return self._sites.get(client.interface) or NOWHERE

    def current(self, client: Client) -> Session | None:
        """Return the client's session if it lives and has time left."""
        session = self._live.get(client.key)
        if session is None or session.state is not State.ONLINE or not session.seconds_left(self.clock.now_ms()):
            return None
        return session

    def octets_left(self, session: Session) -> int | None:
        """Return the octets that a session may still use, as counted last; None where nothing bounds them."""
        bound = session.grant.bounds.octets if session.grant else 0
        return max(0, bound - sum(self._meters.used(session.client.key))) if bound else None

    @property
    def live(self) -> int:
        """How many sessions live."""
        return len(self._live)

    # ---- what visitors do
    def login(self, attempt: Attempt) -> Outcome:
        """Admit, or say why not, or what comes next. PortalError or SqlError when we could not: then nobody is in."""
        client = attempt.client
        answer = self._consult(attempt)
        with self._turns.page(client), self._room(client):
            live = self.current(client)
            if live is not None:
                return self._see(live, client.addresses)
            began = self.clock.monotonic()
            now_ms = self.clock.now_ms()
            identity = self.identity(client)
            wait_ms = self._starts.take(identity, self.site(client), now_ms)
            if wait_ms:
                return Refusal(why=Why.TOO_OFTEN, wait_ms=wait_ms)
            kept = self._end_stale(client)
            if kept is not None:
                return kept
            session = self._begun(client, now_ms)
            verdict = self._ask(attempt, replace(self.shown(client, attempt.fields), answer=answer), now_ms)
            if isinstance(verdict, Refusal):
                self._feed(session, visit.Refused())
            if not isinstance(verdict, Grant):
                return verdict
            return self._admit(session, verdict, attempt.consent, began)

    def welcome(self, client: Client, consent: Consent) -> Session | Onward | None:
        """Let a device in that a method of its site recognises, without a tap; None when it has to ask."""
        policy = self.policy(client)
        with self._turns.page(client):
            now_ms, began = self.clock.now_ms(), self.clock.monotonic()
            if self.current(client) is not None or not open_at(policy.hours, now_ms, self.zone):
                return None
            shown = self.shown(client, {})
            found = (self.methods[name].recognise(shown, now_ms) for name in policy.ways)
            grant = next((each for each in found if each is not None), None)
            if grant is None or self._starts.take(shown.identity, shown.site, now_ms):
                return None
            kept = self._end_stale(client)
            if kept is not None:
                return kept
            session = self._begun(client, now_ms)
            return self._admit(session, replace(grant, agreed=None), grant.agreed or consent, began)

    def _begun(self, client: Client, now_ms: int) -> Session:
        """Return a new visit of a client, under every address that is seen of it."""
        opened = Session(id=secrets.token_hex(12), client=client.at(*self._seen(client)))
        return visit.step(opened, visit.Begun(), now_ms)[0]

    def _end_stale(self, client: Client) -> Session | Onward | None:
        """End what is left of a visit before, so that the next one takes nobody's place; return one that goes on."""
        stale = self._live.get(client.key)
        if stale is None:
            return None
        stale = self._over(stale)
        if stale.state is State.RECORDED:
            return Onward(url=HERE)
        return stale if stale.state is State.ONLINE else None

    def _over(self, session: Session) -> Session:
        """End a visit, unless its gateway may let it through for longer: then the record goes on for as long."""
        held, now_ms = self.gateway.held_s(session.client), self.clock.now_ms()
        if held and session.seconds_left(now_ms):
            return session
        return self._feed(session, visit.Adjusted(now_ms + held * 1000) if held else visit.Expired())

    def bound(self, client: Client) -> bool:
        """Whether a visit can end by its time only: its gateway cannot put it out (I4)."""
        return self.gateway.held_s(client) > 0

    def waits(self, client: Client) -> bool:
        """Whether a recorded visit has yet to be let in by a gateway that does so by itself."""
        live = self._live.get(client.key)
        return live is not None and live.state is State.RECORDED and self.bound(client)

    def opened(self, client: Client) -> None:
        """Note that a gateway has let in who was still waiting."""
        with self._turns.page(client):
            live = self._live.get(client.key)
            if live is None or live.state is not State.RECORDED:
                return
            self._onward.pop(live.id, None)
            live = self._feed(live, visit.Opened())
            now_ms = self.clock.now_ms()
            until_ms = now_ms + self.gateway.held_s(client) * 1000
            if live.grant is not None and until_ms > live.grant.until_ms:  # a crash must not find the shorter time
                live = self._feed(live, visit.Adjusted(until_ms))
            took_ms = max(0, now_ms - live.since_ms)
            self.telling.online(self.site(client), self.identity(client), enforced_ms=took_ms, now_ms=now_ms)

    def resumed(self, client: Client) -> tuple[str, Ask] | None:
        """Return the method and the question that this device left open, if any."""
        shown, now_ms = self.shown(client, {}), self.clock.now_ms()
        for name in self.policy(client).methods:
            asked = self.methods[name].resume(shown, now_ms)
            if asked is not None:
                return name, asked
        return None

    def policy(self, client: Client) -> Policy:
        """Return the policy of the client's site."""
        return self.policies.at(self.site(client))

    def shown(self, client: Client, fields: Mapping[str, str]) -> Shown:
        """Return what a method sees of a client."""
        policy, site = self.policy(client), self.site(client)
        return Shown(
            fields=fields,
            identity=self.identity(client),
            site=site,
            bounds=policy.bounds,
            policy=policy,
            random_mac=client.random_mac,
        )

    def _consult(self, attempt: Attempt) -> Verdict | None:
        """Let the method ask somebody far away, where the answer can matter at all."""
        policy, now_ms = self.policy(attempt.client), self.clock.now_ms()
        offered = attempt.method in policy.methods and open_at(policy.hours, now_ms, self.zone)
        if not offered or self.current(attempt.client) is not None:
            return None
        return self.methods[attempt.method].consult(self.shown(attempt.client, attempt.fields), now_ms)

    def _ask(self, attempt: Attempt, shown: Shown, now_ms: int) -> Verdict:
        policy = self.policies.at(shown.site)
        if not open_at(policy.hours, now_ms, self.zone):
            return Refusal(why=Why.CLOSED, wait_ms=opens_ms(policy.hours, now_ms, self.zone) - now_ms)
        if attempt.method not in policy.methods:
            return Refusal(why=Why.NOT_HERE)
        return self.methods[attempt.method].prove(shown, now_ms)

    def _admit(self, session: Session, grant: Grant, consent: Consent, began: float) -> Session | Onward:
        bounded = self._bounded(session.client, grant)
        session = self._feed(session, visit.Proved(bounded), consent=consent)
        return self._answer(session, began)

    def _bounded(self, client: Client, grant: Grant) -> Grant:
        """Return the grant within what the site allows: until its end, its bounds, or the closing time."""
        policy, now_ms = self.policy(client), self.clock.now_ms()
        bounds = narrower(policy.bounds, grant.bounds)
        closes_s = seconds_open(policy.hours, now_ms, self.zone)
        seconds = min(bounds.seconds, closes_s) if closes_s is not None else bounds.seconds
        until_ms = min(grant.until_ms, now_ms + seconds * 1000)
        return replace(grant, until_ms=until_ms, bounds=bounds, policy=policy.digest)

    def returning(self, client: Client) -> Session | None:
        """Let a live session's device in under the address it comes from now; None when it has no session."""
        live = self.current(client)
        if live is None or set(client.addresses) <= set(live.client.addresses):
            return live
        with self._turns.page(client), self._room(client):
            live = self.current(client)
            return None if live is None else self._see(live, client.addresses)

    def lost(self, client: Client) -> bool:
        """End the visit of a client whom the gateway has put out; return whether there was one."""
        with self._turns.own(client):
            live = self._live.get(client.key)
            if live is None or live.state is not State.ONLINE:
                return False
            self._feed(live, visit.Lost())
            return True

    def logout(self, client: Client) -> bool:
        """End the client's session; return whether there was one that can end before its time."""
        with self._turns.page(client), self._room(client):
            live = self._live.get(client.key)
            if live is None or live.state is not State.ONLINE or self.bound(client):
                return False
            self._feed(live, visit.LoggedOut())
            return True

    # ---- what we do ourselves
    def take_up(self) -> None:
        """Take up the sessions of before; `repair` then brings the firewall to them."""
        for session in self.store.live():
            self._live[session.client.key] = session
            self._tenants.add(session.client)

    def repair(self) -> int:
        """Bring record and firewalls together; return how many repairs. GatewayError names those that cannot now."""
        return self._each(self._repair_at)

    def look_in(self) -> int:
        """Repair at once where a gateway has lost its memory; return how many repairs. Cheap where none has."""

        def look(part: Gateway) -> int:
            ready = part.ready()
            self._notice(ready.twice)
            return 0 if ready.born == self._born.get(part.name) and not ready.wrong else self._repair_at(part)

        return self._each(look)

    def _notice(self, twice: Sequence[tuple[str, str, str]]) -> None:
        """State what the gateway has seen of devices that were copied; nobody is put out for it."""
        for session, sign in self.twins.fresh(twice, self._live):
            self.telling.twin(self.site(session.client), sign, self.clock.now_ms())
            self.twins.told(session, sign)
            LOG.warning("two devices as one session=%s sign=%s site=%s", session.id, sign, self.site(session.client))
        if self.twins.sessions:
            self.twins.keep(list(self._live.values()))

    def _each(self, work: Callable[[Gateway], int]) -> int:
        """Do it at every gateway; one that is away costs the others nothing."""
        done, wrong = 0, []
        for part in self.gateway.parts():
            try:
                done += work(part)
            except GatewayError as error:
                wrong.append(str(error))
        if wrong:
            raise GatewayError("; ".join(wrong))
        return done

    def _repair_at(self, part: Gateway) -> int:
        ready = part.ready()
        if ready.wrong:
            raise GatewayError("; ".join(ready.wrong.values()))
        before, now_ms = self.store.born(part.name), self.clock.now_ms()
        sessions = [each for each in list(self._live.values()) if part.serves(each.client.interface)]
        admitted = part.admitted()
        actions = reconcile.plan(sessions, admitted, same_memory=before == ready.born, now_ms=now_ms)
        for action in actions:
            self._repair(action)
        if before != ready.born:
            self.store.set_born(part.name, ready.born)
        self._born[part.name] = ready.born
        counted = admitted if Offer.COUNTERS in part.offers else []
        ended = self._measure(counted, now_ms, idle=Offer.IDLE not in part.offers)
        if actions or ended:
            LOG.info("repaired count=%d bounded=%d live=%d", len(actions), ended, len(self._live))
        return len(actions) + ended

    def _measure(self, admitted: Sequence[Admitted], now_ms: int, *, idle: bool) -> int:
        """End the visits whose octets are used up or, by `idle`, that were idle for too long; return how many.

        A gateway that ends idle ones itself may count seldom: between two reports nobody seems to move.
        """
        ended = 0
        for key, meter in self._meters.read(admitted, now_ms).items():
            session = self._live.get(key)
            bounds = session.grant.bounds if session and session.grant else FREE
            reason = meter.exceeds(bounds if idle else replace(bounds, idle_s=0), now_ms)
            if session is not None and reason is not None:
                with self._turns.own(session.client):
                    live = self._live.get(key)
                    if live is not None and live.id == session.id and live.state is State.ONLINE:
                        self._feed(live, visit.Exhausted(reason))
                        ended += 1
        return ended

    def follow(self) -> int:
        """Let live devices in under addresses that the gateway has seen since; return how many."""
        wider = 0
        for session in list(self._live.values()):
            fresh = set(self.gateway.addresses(session.client)) - set(session.client.addresses)
            if fresh:
                with self._turns.own(session.client):
                    live = self.current(session.client)
                    if live is not None:
                        self._see(live, tuple(sorted(fresh)))
                        wider += 1
        return wider

    def expire(self) -> int:
        """End the sessions whose time is over; return how many. The kernel has closed their doors by itself."""
        self._settle()
        now_ms = self.clock.now_ms()
        over = [session for session in list(self._live.values()) if session.seconds_left(now_ms) == 0]
        for session in over:
            with self._turns.own(session.client):
                live = self._live.get(session.client.key)
                if live is not None and live.id == session.id and live.seconds_left(now_ms) == 0:
                    self._over(live)
        return len(over)

    def _repair(self, action: reconcile.Action) -> None:
        client = action.client if isinstance(action, reconcile.Strike) else action.session.client
        with self._turns.own(client):
            live = self._live.get(client.key)
            if isinstance(action, reconcile.Strike):
                known = live.client.addresses if live is not None else ()
                strangers = tuple(each for each in client.addresses if each not in known)
                if strangers:
                    self._close(client.at(*strangers))
            elif live is None or live.id != action.session.id:
                return  # it ended, or another one began, while the list was read
            elif isinstance(action, reconcile.Found):
                if live.state is State.RECORDED:
                    self._feed(live, visit.Opened())
            elif isinstance(action, reconcile.Restore):
                self._feed(live, visit.Restored())
            elif isinstance(action, reconcile.Adjust):
                self._feed(live, visit.Adjusted(action.until_ms))
            else:
                lost = live.state is State.ONLINE and live.seconds_left(self.clock.now_ms()) > 0
                _ = self._feed(live, visit.Lost()) if lost else self._over(live)

    # ---- the edge
    def _room(self, client: Client) -> AbstractContextManager[None]:
        """Be one of the few pages behind a controller; anywhere else there is room for as many as there are threads."""
        distant = any(part.distant and part.serves(client.interface) for part in self.gateway.parts())
        return self._crowd.within(client.interface) if distant else nullcontext()

    def _seen(self, client: Client) -> tuple[str, ...]:
        """Return the address asked from, first, and the others of the same device."""
        every = (*client.addresses, *self.gateway.addresses(client))
        return tuple(dict.fromkeys(every))[:ADDRESSES_PER_CLIENT]

    def _see(self, live: Session, addresses: tuple[str, ...]) -> Session:
        for each in addresses:
            live = self._feed(live, visit.Seen(each))
        return live

    def _answer(self, session: Session, began: float) -> Session | Onward:
        onward = self._onward.pop(session.id, None)
        if onward is not None and session.state is State.RECORDED:
            return onward  # it is online when the gateway says so: the next repair finds it
        now_ms, site = self.clock.now_ms(), self.site(session.client)
        if session.state is State.ONLINE:
            self.telling.online(
                site,
                self.identity(session.client),
                enforced_ms=int((self.clock.monotonic() - began) * 1000),
                now_ms=now_ms,
            )
            return session
        raise PortalError(f"the login could not be completed ({session.end}); nobody was let in")

    def _feed(self, session: Session, event: visit.Event, *, consent: Consent | None = None) -> Session:
        """Step through the table until nothing is left to do."""
        events = deque([event])
        while events:
            before = session
            session, effects = visit.step(session, events.popleft(), self.clock.now_ms())
            self._keep(session)
            for effect in effects:
                try:
                    followed = self._do(session, effect, consent)
                except Exception as error:  # whatever it is, the table says what follows, and others wait
                    ours = not isinstance(error, SqlError | PortalError)
                    LOG.warning("effect failed effect=%s error=%s", type(effect).__name__, error, exc_info=ours)
                    followed = _failed(session, effect)
                    if followed is None and session.state is not State.ENDED:
                        session = before  # a record that fails ends what came with it, not the visit
                        self._keep(session)
                        break
                if followed is not None:
                    events.append(followed)
        return session

    def _do(self, session: Session, effect: visit.Effect, consent: Consent | None) -> visit.Event | None:
        if isinstance(effect, visit.Record):
            if session.state is State.PROVEN:
                assert consent
                identity, site = self.identity(session.client), self.site(session.client)
                self.store.admit(Admission(session=effect.session, identity=identity, site=site, consent=consent))
                return visit.Recorded()
            self.store.widen(effect.session, self.clock.now_ms())
        elif isinstance(effect, visit.Allow):
            began = self.clock.monotonic()
            onward = self.gateway.allow(effect.client, effect.bounds)
            if onward is None:
                if session.state is State.RECORDED:
                    took_ms = int((self.clock.monotonic() - began) * 1000)
                    self.telling.opened(self.site(session.client), took_ms, self.clock.now_ms())
                return visit.Opened()
            self._onward[session.id] = onward
        elif isinstance(effect, visit.Revoke):
            self._close(effect.client)
        else:
            self._tell(session, effect)
        return None

    def _close(self, client: Client) -> None:
        """Close the client's door, and keep open what others have under the same address.

        An address goes to the next visitor while the session of the last one still runs. Upwards the kernel tells them
        apart by MAC; downwards there is one entry for the address, and closing takes it from both.
        """
        self.gateway.revoke(client)
        for key, address in self._tenants.others(client):
            other = self._live.get(key)
            left = other.seconds_left(self.clock.now_ms()) if other and other.state is State.ONLINE else 0
            if other is not None and left:
                assert other.grant
                self.gateway.allow(other.client.at(address), replace(other.grant.bounds, seconds=left))
                if key not in self._live:  # it ended meanwhile
                    self.gateway.revoke(other.client.at(address))

    def _tell(self, session: Session, effect: visit.Tell) -> None:
        now_ms, site = self.clock.now_ms(), self.site(session.client)
        try:
            if effect.what == "login":
                self.store.online(session, now_ms)
            elif effect.what == "refused":
                (self.telling.refused if session.state is State.PROVING else self.telling.failed)(site, now_ms)
        finally:
            if session.state is State.ENDED and session.grant is not None:
                up, down = self._meters.forget(session.client.key)
                self._write_end(session, (min(up, MOST_OCTETS), min(down, MOST_OCTETS)))

    def _write_end(self, session: Session, used: tuple[int, int]) -> None:
        """Keep how a visit ended; what cannot be written now is owed: else it would live again after a restart."""
        try:
            self.store.end(session, used)
        except Exception:
            self._owed[session.id] = session, used
            raise

    def _settle(self) -> None:
        """Write the ends that are owed."""
        for each in list(self._owed):
            try:
                self._write_end(*self._owed.pop(each))
            except Exception as error:  # noqa: BLE001  (it stays owed, and others wait)
                LOG.warning("end not written session=%s error=%s", each, error)

    def _keep(self, session: Session) -> None:
        """Hold what lives; a visit that is not recorded is nobody's yet."""
        if session.state in {State.RECORDED, State.ONLINE}:
            self._live[session.client.key] = session
            self._tenants.add(session.client)
        elif session.state is State.ENDED and session.grant is not None:
            held = self._live.get(session.client.key)
            if held is not None and held.id == session.id:
                del self._live[session.client.key]
                self._tenants.remove(held.client)


class Tenants:
    """Which clients have an address of an interface; more than one while a left visitor's session still runs."""

    def __init__(self) -> None:
        self._by_address: dict[tuple[str, str], set[tuple[str, str]]] = {}
        self._lock = Lock()

    def add(self, client: Client) -> None:
        """Note the client's addresses."""
        with self._lock:
            for each in client.addresses:
                self._by_address.setdefault((client.interface, each), set()).add(client.key)

    def remove(self, client: Client) -> None:
        """Forget the client."""
        with self._lock:
            for each in client.addresses:
                held = self._by_address.get((client.interface, each), set())
                held.discard(client.key)
                if not held:
                    self._by_address.pop((client.interface, each), None)

    def others(self, client: Client) -> list[tuple[tuple[str, str], str]]:
        """Return who else has an address of the client, with the address."""
        with self._lock:
            held = [(each, self._by_address.get((client.interface, each), set())) for each in client.addresses]
            return [(key, address) for address, keys_ in held for key in keys_ if key != client.key]


def _failed(session: Session, effect: visit.Effect) -> visit.Event | None:
    """Return what to feed when an effect failed; a `Revoke` or `Tell` that failed is repaired by the next reconcile."""
    if isinstance(effect, visit.Record) and session.state is State.PROVEN:
        return visit.RecordFailed()
    return visit.OpenFailed() if isinstance(effect, visit.Allow) else None
