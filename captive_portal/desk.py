"""The desk: who may come in. It asks the method, narrows what it grants to what the site allows, and begins the visit.

What a visit does from then on is carried out by captive_portal/visits.py; what keeps visits and firewalls together
while nobody asks is captive_portal/upkeep.py.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from captive_portal import session as visit
from captive_portal.ajar import METHOD
from captive_portal.allotment import spent, wait_ms
from captive_portal.enforcing import Onward
from captive_portal.errors import CrowdError, PortalError
from captive_portal.limits import Limit, Rate, Rates
from captive_portal.methods import Shown
from captive_portal.model import Client, Grant, Session, State
from captive_portal.policy import narrower, open_at, opens_ms, seconds_open
from captive_portal.relief import Relief
from captive_portal.turns import Crowd
from captive_portal.upkeep import Upkeep
from captive_portal.verdict import Ask, Leave, Refusal, Why

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from zoneinfo import ZoneInfo

    from captive_portal.allotment import Used
    from captive_portal.gateways import Gateway
    from captive_portal.methods import Method
    from captive_portal.model import Consent
    from captive_portal.policy import Policies, Policy
    from captive_portal.verdict import Verdict
    from captive_portal.visits import Visits

STARTS = Rates(
    client=Rate(burst=12, every_ms=30_000),  # a device that logs in and out in a circle writes no endless record
    site=Rate(burst=10_000, every_ms=5),  # a full square comes online at once; many MACs from one place end here
    city=Rate(burst=20_000, every_ms=1),
)
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
    """Where visitors are admitted, and leave."""

    def __init__(self, visits: Visits, methods: Mapping[str, Method]) -> None:
        self.visits = visits
        self.methods = methods
        self.upkeep = Upkeep(visits)
        self.premises = visits.premises
        self.store = visits.store
        self.telling = visits.telling
        self.clock = visits.clock
        self.relief = Relief(self)
        self._starts = Limit(STARTS)
        self._crowd = Crowd()

    # ---- who
    @property
    def gateway(self) -> Gateway:
        """What opens and closes the doors."""
        return self.visits.gateway

    @property
    def policies(self) -> Policies:
        """What holds at every site."""
        return self.premises.policies

    @property
    def zone(self) -> ZoneInfo:
        """The city's time zone."""
        return self.premises.zone

    def identity(self, client: Client) -> bytes:
        """Return the keyed identity of a device."""
        return self.premises.identity(client)

    def site(self, client: Client) -> str:
        """Return the id of the site behind the client's interface."""
        return self.premises.site(client)

    def policy(self, client: Client) -> Policy:
        """Return the policy of the client's site."""
        return self.premises.policy(client)

    def current(self, client: Client) -> Session | None:
        """Return the client's session if it lives and has time left."""
        return self.visits.current(client)

    def octets_left(self, session: Session) -> int | None:
        """Return the octets that a session may still use, as counted last; None where nothing bounds them."""
        bound = session.grant.bounds.octets if session.grant else 0
        return max(0, bound - sum(self.visits.meters.used(session.client.key))) if bound else None

    @property
    def live(self) -> int:
        """How many sessions live."""
        return len(self.visits)

    # ---- coming in
    def login(self, attempt: Attempt) -> Outcome:
        """Admit, or say why not, or what comes next. PortalError or SqlError when we could not: then nobody is in."""
        client, visits = attempt.client, self.visits
        answer = self._consult(attempt)
        with visits.turns.page(client), self._room(client, attempt.method):
            live = visits.current(client)
            if live is not None:
                return visits.see(live, client.addresses)
            began = self.clock.monotonic()
            now_ms = self.clock.now_ms()
            wait_ms = self._starts.take(self.identity(client), self.site(client), now_ms)
            if wait_ms:
                return Refusal(why=Why.TOO_OFTEN, wait_ms=wait_ms)
            kept = self._end_stale(client)
            if kept is not None:
                return kept
            empty = self._empty(client, now_ms)
            if empty is not None:
                return empty
            session = visits.begun(client)
            verdict = self._ask(attempt, replace(self.shown(client, attempt.fields), answer=answer), now_ms)
            if isinstance(verdict, Refusal):
                visits.outcomes.begun(session, attempt.method, began)
                visits.feed(session, visit.Refused())
            if not isinstance(verdict, Grant):
                return verdict
            admitted = self._admit(session, verdict, attempt.consent, began)
            if verdict.method == METHOD:
                self.relief.took(self.site(client))
            return admitted

    def welcome(self, client: Client) -> Session | Onward | None:
        """Let a device in that a method of its site recognises, without a tap; None when it has to ask.

        It saw no page: its record points to what it agreed to when it became known.
        """
        policy = self.policy(client)
        with self.visits.turns.page(client):
            now_ms, began = self.clock.now_ms(), self.clock.monotonic()
            if self.current(client) is not None or not open_at(policy.hours, now_ms, self.zone):
                return None
            shown = self.shown(client, {})
            grant = self.recognised(shown)
            if (
                grant is None
                or grant.agreed is None
                or self._empty(client, now_ms) is not None
                or self._starts.take(shown.identity, shown.site, now_ms)
            ):
                return None
            kept = self._end_stale(client)
            if kept is not None:
                return kept
            session = self.visits.begun(client)
            return self._admit(session, replace(grant, agreed=None), grant.agreed, began)

    def recognised(self, shown: Shown) -> Grant | None:
        """Return what a device is let in by without a tap; one that staff have put out has to log in."""
        now_ms = self.clock.now_ms()
        if self.visits.put_out.holds(shown.identity, now_ms):
            return None
        found = (self.methods[name].recognise(shown, now_ms) for name in shown.policy.ways)
        return next((each for each in found if each is not None), None)

    def was_put_out(self, client: Client) -> bool:
        """Whether staff have ended the last visit of this device, within a day."""
        return self.visits.put_out.holds(self.identity(client), self.clock.now_ms())

    def resumed(self, client: Client) -> tuple[str, Ask] | None:
        """Return the method and the question that this device left open, if any."""
        shown, now_ms = self.shown(client, {}), self.clock.now_ms()
        for name in self.policy(client).methods:
            asked = self.methods[name].resume(shown, now_ms)
            if asked is not None:
                return name, asked
        return None

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

    def _end_stale(self, client: Client) -> Session | Onward | None:
        """End what is left of a visit before, so that the next one takes nobody's place; return one that goes on."""
        stale = self.visits.at(client.key)
        if stale is None:
            return None
        if not self.bound(client):  # else it goes on
            self.visits.outcomes.again(stale)
        stale = self.visits.over(stale)
        if stale.state is State.RECORDED:
            return Onward(url=HERE)
        return stale if stale.state is State.ONLINE else None

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
        if attempt.method == METHOD:
            return self.relief.grant(shown.site, shown.identity, now_ms) or Refusal(why=Why.NOT_HERE)
        if attempt.method not in policy.methods:
            return Refusal(why=Why.NOT_HERE)
        return self.methods[attempt.method].prove(shown, now_ms)

    def _admit(self, session: Session, grant: Grant, consent: Consent, began: float) -> Session | Onward:
        bounded = self._bounded(session.client, grant)
        self.visits.outcomes.begun(session, grant.method, began)
        session = self.visits.feed(session, visit.Proved(bounded), consent=consent)
        outcome = self._answer(session)
        if grant.method != METHOD:  # that is no login
            self.visits.put_out.forgive(self.identity(session.client))
        return outcome

    def _bounded(self, client: Client, grant: Grant) -> Grant:
        """Return the grant within what the site allows: until its end, its bounds, or the closing time."""
        policy, now_ms = self.policy(client), self.clock.now_ms()
        bounds = narrower(policy.bounds, grant.bounds)
        closes_s = seconds_open(policy.hours, now_ms, self.zone)
        seconds = min(bounds.seconds, closes_s) if closes_s is not None else bounds.seconds
        until_ms = min(grant.until_ms, now_ms + seconds * 1000)
        if bounds.octets:
            used = spent(self._used(client, now_ms), since_ms=now_ms - policy.bounds.seconds * 1000)
            bounds = replace(bounds, octets=max(1, bounds.octets - used))  # 0 would be "no bound"
        return replace(grant, until_ms=until_ms, bounds=bounds, policy=policy.digest)

    def _empty(self, client: Client, now_ms: int) -> Refusal | None:
        """Refuse a device whose volume is used up, before it spends a code or starts a voucher."""
        bounds = self.policy(client).bounds
        if not bounds.octets:
            return None
        wait = wait_ms(self._used(client, now_ms), bounds.octets, window_ms=bounds.seconds * 1000, now_ms=now_ms)
        return Refusal(why=Why.VOLUME, wait_ms=wait) if wait else None

    def _used(self, client: Client, now_ms: int) -> list[Used]:
        since_ms = now_ms - self.policy(client).bounds.seconds * 1000
        return self.store.used(self.identity(client), since_ms)

    def _answer(self, session: Session) -> Session | Onward:
        onward = self.visits.onward(session)
        if onward is not None and session.state is State.RECORDED:
            return onward  # it is online when the gateway says so: the next repair finds it
        if session.state is not State.ONLINE:
            raise PortalError(f"the login could not be completed ({session.end}); nobody was let in")
        return session

    @contextmanager
    def _room(self, client: Client, method: str = "") -> Iterator[None]:
        """Be one of the few pages behind a controller; anywhere else there is room for as many as there are threads.

        A login, by its `method`, that finds none is noted: who gives up then is in no other count.
        """
        if not any(part.distant and part.serves(client.interface) for part in self.gateway.parts()):
            yield
            return
        outcomes = self.visits.outcomes
        try:
            with self._crowd.within(client.interface, self.clock.monotonic()):
                if method:
                    outcomes.served(client)
                yield
        except CrowdError as error:
            if method and method != METHOD and self.current(client) is None:
                outcomes.turned_away(client, method, theirs=error.theirs)
            raise

    # ---- being in
    def returning(self, client: Client) -> Session | None:
        """Let a live session's device in under the address it comes from now; None when it has no session."""
        live = self.current(client)
        if live is None or set(client.addresses) <= set(live.client.addresses):
            return live
        with self.visits.turns.page(client), self._room(client):
            live = self.current(client)
            return None if live is None else self.visits.see(live, client.addresses)

    def bound(self, client: Client) -> bool:
        """Whether a visit can end by its time only: its gateway cannot put it out (I4)."""
        return self.gateway.held_s(client) > 0

    def waits(self, client: Client) -> bool:
        """Whether a recorded visit has yet to be let in by a gateway that does so by itself."""
        live = self.visits.at(client.key)
        return live is not None and live.state is State.RECORDED and self.bound(client)

    def opened(self, client: Client) -> None:
        """Note that a gateway has let in who was still waiting."""
        with self.visits.turns.page(client):
            live = self.visits.at(client.key)
            if live is None or live.state is not State.RECORDED:
                return
            self.visits.onward(live)
            live = self.visits.feed(live, visit.Opened())
            now_ms = self.clock.now_ms()
            until_ms = now_ms + self.gateway.held_s(client) * 1000
            if live.grant is not None and until_ms > live.grant.until_ms:  # a crash must not find the shorter time
                self.visits.feed(live, visit.Adjusted(until_ms))

    # ---- leaving
    def lost(self, client: Client) -> bool:
        """End the visit of a client whom the gateway has put out; return whether there was one."""
        with self.visits.turns.own(client):
            live = self.visits.at(client.key)
            if live is None or live.state is not State.ONLINE:
                return False
            self.visits.feed(live, visit.Lost())
            return True

    def logout(self, client: Client) -> bool:
        """End the client's session; return whether there was one that can end before its time."""
        with self.visits.turns.page(client), self._room(client):
            live = self.visits.at(client.key)
            if live is None or live.state is not State.ONLINE or self.bound(client):
                return False
            self.visits.feed(live, visit.LoggedOut())
            return True
