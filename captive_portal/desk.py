"""The desk: feeds a visit's events to the table and carries out the effects, in order: record, firewall, answer.

What stands here is the edge. What follows what is decided in captive_portal/session.py, what to repair in
captive_portal/reconcile.py. Events of one client are handled one after the other; different clients do not wait for one
another except for the shared fsync.
"""

from __future__ import annotations

import logging
import secrets
from collections import deque
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from captive_portal import keys, reconcile
from captive_portal import session as visit
from captive_portal.errors import GatewayError, PortalError
from captive_portal.limits import Limit, Rate, Rates
from captive_portal.methods import Refusal, Shown, Why
from captive_portal.model import ADDRESSES_PER_CLIENT, Client, Session, State
from captive_portal.store import Admission
from inventory.errors import SqlError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from captive_portal.gateways import Gateway
    from captive_portal.methods import Method
    from captive_portal.store import Consent, Store
    from captive_portal.telling import Telling
    from netops.clock import Clock

LOG = logging.getLogger("netops.portal")
STRIPES = 64
STARTS = Rates(
    client=Rate(burst=12, every_ms=30_000),  # a device that logs in and out in a circle writes no endless record
    site=Rate(burst=10_000, every_ms=5),  # a full square comes online at once; many MACs from one place end here
    city=Rate(burst=20_000, every_ms=1),
)
NOWHERE = "unassigned"


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
    ) -> None:
        self.store = store
        self.gateway = gateway
        self.methods = methods
        self.telling = telling
        self.clock = clock
        self._key = identity_key
        self._sites = sites
        self._born = ""
        self._live: dict[tuple[str, str], Session] = {}
        self._tenants = Tenants()
        self._starts = Limit(STARTS)
        self._stripes = [Lock() for _ in range(STRIPES)]

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

    @property
    def live(self) -> int:
        """How many sessions live."""
        return len(self._live)

    # ---- what visitors do
    def login(self, attempt: Attempt) -> Session | Refusal:
        """Admit, or say why not. PortalError or SqlError when we could not: then nobody is in by this attempt."""
        client = attempt.client
        with self._stripe(client):
            live = self.current(client)
            if live is not None:
                return self._see(live, client.addresses)
            began = self.clock.monotonic()
            now_ms = self.clock.now_ms()
            identity = self.identity(client)
            wait_ms = self._starts.take(identity, self.site(client), now_ms)
            if wait_ms:
                return Refusal(why=Why.TOO_OFTEN, wait_ms=wait_ms)
            stale = self._live.get(client.key)
            if stale is not None:
                self._feed(stale, visit.Expired())
            opened = Session(id=secrets.token_hex(12), client=client.at(*self._seen(client)))
            session, _ = visit.step(opened, visit.Begun(), now_ms)
            shown = Shown(fields=attempt.fields, identity=identity, site=self.site(client))
            verdict = self.methods[attempt.method].prove(shown, now_ms)
            if isinstance(verdict, Refusal):
                self._feed(session, visit.Refused())
                return verdict
            session = self._feed(session, visit.Proved(verdict), consent=attempt.consent)
            return self._answer(session, began)

    def returning(self, client: Client) -> Session | None:
        """Let a live session's device in under the address it comes from now; None when it has no session."""
        live = self.current(client)
        if live is None or set(client.addresses) <= set(live.client.addresses):
            return live
        with self._stripe(client):
            live = self.current(client)
            return None if live is None else self._see(live, client.addresses)

    def logout(self, client: Client) -> bool:
        """End the client's session; return whether there was one."""
        with self._stripe(client):
            live = self._live.get(client.key)
            if live is None or live.state is not State.ONLINE:
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
        """Bring record and firewall together; return how many repairs (GatewayError: not now)."""
        ready = self.gateway.ready()
        if ready.wrong:
            raise GatewayError("; ".join(ready.wrong.values()))
        before = self.store.born()
        sessions = list(self._live.values())
        actions = reconcile.plan(
            sessions, self.gateway.admitted(), same_memory=before == ready.born, now_ms=self.clock.now_ms()
        )
        for action in actions:
            self._repair(action)
        if before != ready.born:
            self.store.set_born(ready.born)
        self._born = ready.born
        if actions:
            LOG.info("repaired count=%d live=%d", len(actions), len(self._live))
        return len(actions)

    def look_in(self) -> int:
        """Repair at once when the gateway has lost its memory; return how many repairs. Cheap when it has not."""
        ready = self.gateway.ready()
        return 0 if ready.born == self._born and not ready.wrong else self.repair()

    def follow(self) -> int:
        """Let live devices in under addresses that the gateway has seen since; return how many."""
        wider = 0
        for session in list(self._live.values()):
            fresh = set(self.gateway.addresses(session.client)) - set(session.client.addresses)
            if fresh:
                with self._stripe(session.client):
                    live = self.current(session.client)
                    if live is not None:
                        self._see(live, tuple(sorted(fresh)))
                        wider += 1
        return wider

    def expire(self) -> int:
        """End the sessions whose time is over; return how many. The kernel has closed their doors by itself."""
        now_ms = self.clock.now_ms()
        over = [session for session in list(self._live.values()) if session.seconds_left(now_ms) == 0]
        for session in over:
            with self._stripe(session.client):
                live = self._live.get(session.client.key)
                if live is not None and live.id == session.id and live.seconds_left(now_ms) == 0:
                    self._feed(live, visit.Expired())
        return len(over)

    def _repair(self, action: reconcile.Action) -> None:
        client = action.client if isinstance(action, reconcile.Strike) else action.session.client
        with self._stripe(client):
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
                self._feed(live, visit.Lost() if lost else visit.Expired())

    # ---- the edge
    def _stripe(self, client: Client) -> Lock:
        return self._stripes[hash(client.key) % STRIPES]

    def _seen(self, client: Client) -> tuple[str, ...]:
        """Return the address asked from, first, and the others of the same device."""
        every = (*client.addresses, *self.gateway.addresses(client))
        return tuple(dict.fromkeys(every))[:ADDRESSES_PER_CLIENT]

    def _see(self, live: Session, addresses: tuple[str, ...]) -> Session:
        for each in addresses:
            live = self._feed(live, visit.Seen(each))
        return live

    def _answer(self, session: Session, began: float) -> Session:
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
                except (SqlError, PortalError) as error:
                    LOG.warning("effect failed effect=%s error=%s", type(effect).__name__, error)
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
            self.gateway.allow(effect.client, effect.seconds)
            return visit.Opened()
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
                self.gateway.allow(other.client.at(address), left)
                if key not in self._live:  # it ended meanwhile
                    self.gateway.revoke(other.client.at(address))

    def _tell(self, session: Session, effect: visit.Tell) -> None:
        now_ms, site = self.clock.now_ms(), self.site(session.client)
        if effect.what == "login":
            self.store.online(session, now_ms)
        elif effect.what == "refused":
            (self.telling.refused if session.state is State.PROVING else self.telling.failed)(site, now_ms)
        if session.state is State.ENDED and session.grant is not None:
            self.store.end(session)

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
