"""What became of each login, and on whose word: the one measurement that no carrier is to dress up.

A login is *online* when somebody we trust has seen it: our own kernel, or our own RADIUS server, whose yes the
controller has fetched or whose accounting has begun. A controller that merely acknowledges (ACK_AUTH, the ACK to a
Disconnect) has claimed it; a claim that nobody witnesses within a minute is *unconfirmed*, neither good nor bad. One
that the browser had to bring about and that never came in is *failed*, and so is one that its controller refused. What
we could not record, enforce or ask ourselves is *ours*.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from captive_portal.ajar import METHOD
from captive_portal.errors import AbsentError, GatewayError
from captive_portal.model import End
from captive_portal.telling import Login

if TYPE_CHECKING:
    from captive_portal.gateways import Gateway
    from captive_portal.model import Client, Consent, Session
    from captive_portal.premises import Premises
    from captive_portal.telling import Telling
    from netops.clock import Clock

K = TypeVar("K", bound="str | tuple[str, str]")
T = TypeVar("T")
LOG = logging.getLogger("netops.portal")
WITNESS_MS = 60_000  # so long our RADIUS server may take to hear of a login that its controller claims
AWAY_MS = 300_000  # so long who found no room may take to try again
ONWARD_MS = 300_000  # so long a browser may take to bring a login about; the token it carries lives for two minutes
SLACK_MS = 5_000  # a controller tells in whole seconds, and late, since when somebody is in
UNDER_WAY = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A login that its controller says is in."""

    login: Login
    client: Client
    since_ms: int  # when the visit began: who was seen in before that was in by another
    took_ms: int
    claimed_ms: int


class Outcomes:
    """Follows logins until it is known what they came to. Safe from several threads."""

    def __init__(self, *, telling: Telling, gateway: Gateway, premises: Premises, clock: Clock) -> None:
        self.telling = telling
        self._gateway = gateway
        self._premises = premises
        self._clock = clock
        self._began: OrderedDict[str, tuple[str, float]] = OrderedDict()  # by which method, and when
        self._sent: OrderedDict[str, tuple[Login, int]] = OrderedDict()
        self._handed_on: OrderedDict[tuple[str, str], tuple[Login, int]] = OrderedDict()  # to a device's next visit
        self._turned: OrderedDict[tuple[str, str], tuple[Login, str, int]] = OrderedDict()  # away, and whose fault
        self._claims: OrderedDict[str, Claim] = OrderedDict()
        self._wrong: OrderedDict[str, Exception] = OrderedDict()
        self._lock = Lock()

    # ---- what the visit says
    def begun(self, session: Session, method: str, began: float) -> None:
        """Note when the form of a login came in, on the monotonic clock."""
        self._keep(self._began, session.id, (method, began))

    def sent(self, session: Session) -> None:
        """Note that the browser was sent to bring its login about; a repair that says so again sends nobody."""
        with self._lock:
            if session.id in self._sent or session.id not in self._began:
                return
            _, due_ms = self._handed_on.pop(session.client.key, (None, self._clock.now_ms() + ONWARD_MS))
        self._keep(self._sent, session.id, (self._login(session), due_ms))

    def again(self, session: Session) -> None:
        """Note that the device logs in anew, which ends this visit: if it was sent, its five minutes go on."""
        with self._lock:
            sent = self._sent.pop(session.id, None)
        if sent is not None:
            self._keep(self._handed_on, session.client.key, sent)

    def stumbled(self, session: Session, error: Exception) -> None:
        """Note what went wrong with a login; what follows says whether it failed by that."""
        if session.id not in self._wrong:  # what follows of it may fail as well
            self._keep(self._wrong, session.id, error)

    def opened(self, session: Session, took_ms: int) -> None:
        """Note how long a gateway took to open."""
        self.telling.opened(self._login(session), took_ms, self._clock.now_ms())

    def refused(self, session: Session) -> None:
        """Note that a method said no."""
        with self._lock:
            method, _ = self._began.pop(session.id, ("", 0.0))
        self.telling.refused(self._login(session, method), self._clock.now_ms())

    def came_in(self, session: Session) -> None:
        """Note that the gateway says a login is in; it counts when a witness has seen it."""
        now_ms = self._clock.now_ms()
        with self._lock:
            began = self._began.pop(session.id, None)
            sent = self._sent.pop(session.id, None)
            self._handed_on.pop(session.client.key, None)
            self._turned.pop(session.client.key, None)
            self._wrong.pop(session.id, None)
        if _let_in(session):
            return
        if began is None or sent is not None:  # it came in later, by itself: the wait is the visitor's
            took_ms = now_ms - session.since_ms
        else:
            took_ms = int((self._clock.monotonic() - began[1]) * 1000)
        claim = Claim(
            login=self._login(session),
            client=session.client,
            since_ms=session.since_ms,
            took_ms=max(0, took_ms),
            claimed_ms=now_ms,
        )
        if not self._witnessed(claim, now_ms):
            self._keep(self._claims, session.id, claim)

    def failed(self, session: Session) -> None:
        """Count a login that was granted and that is not in."""
        now_ms, login = self._clock.now_ms(), self._login(session)
        with self._lock:
            self._began.pop(session.id, None)
            self._sent.pop(session.id, None)
            self._handed_on.pop(session.client.key, None)
            error = self._wrong.pop(session.id, None)
        if _let_in(session):
            return
        part = self._part(session.client)
        theirs = part is not None and (part.distant or part.simulated)
        ours = session.end is not End.NO_GATEWAY or isinstance(error, AbsentError) or not theirs
        self.telling.came_to("ours" if ours else "failed", login, now_ms)
        if not ours:
            self.telling.unopened(login, now_ms)

    def over(self, session: Session) -> None:
        """Note that a visit has ended: one that its browser never brought about has failed, unless staff ended it."""
        with self._lock:
            sent = self._sent.pop(session.id, None)
            for each in (self._began, self._wrong):
                each.pop(session.id, None)
        if sent is not None:
            ours = session.end is End.DISCONNECTED
            self.telling.came_to("ours" if ours else "failed", sent[0], self._clock.now_ms())

    def unserved(self, address: str, error: Exception | None = None) -> None:
        """Count an address whose gateway could not say whose it is: its visitor sees no login page."""
        behind = self._premises.behind(address)
        distant = any(part.distant and part.serves(behind) for part in self._gateway.parts()) if behind else False
        ours = isinstance(error, AbsentError) or not distant
        place = behind or self._own_place()
        site = self._premises.site_of(place)
        self.telling.unserved(site, place, address, self._clock.now_ms(), ours=ours)

    def _own_place(self) -> str:
        """Return the place that is no controller's: its name, or our gateway's where there are several."""
        parts = self._gateway.parts()
        distant = [part for part in parts if part.distant]
        own = [place for place in self._premises.sites if not any(part.serves(place) for part in distant)]
        return own[0] if len(own) == 1 else next((part.name for part in parts if not part.distant), self._gateway.name)

    def turned_away(self, client: Client, method: str, *, theirs: bool) -> None:
        """Note a device whose login found no room, since its controller is slow (`theirs`) or by our bound."""
        with self._lock:
            known = client.key in self._turned
        if not known:
            due_ms = self._clock.now_ms() + AWAY_MS
            outcome = "unserved" if theirs else "ours"
            self._keep(self._turned, client.key, (self._of(client, method), outcome, due_ms))

    def served(self, client: Client) -> None:
        """Note that a device's login has found room: what comes of it counts."""
        with self._lock:
            self._turned.pop(client.key, None)

    def unknown(self, address: str) -> None:
        """Count an address in a controller's networks that the controller says is nobody's: as good as silence."""
        if self._premises.behind(address):
            self.unserved(address)

    # ---- what becomes of it
    def settle(self) -> int:
        """Look for witnesses, and close what has waited for too long; return how many came to something."""
        now_ms, done = self._clock.now_ms(), 0
        with self._lock:
            claims = list(self._claims.items())
            late = [key for key, (_, due_ms) in self._sent.items() if due_ms <= now_ms]
            given_up = [self._sent.pop(key)[0] for key in late]
            for each in late:
                self._began.pop(each, None)
            dropped = [key for key, (_, due_ms) in self._handed_on.items() if due_ms <= now_ms]
            ended = [self._handed_on.pop(key)[0] for key in dropped]
            late_ones = [key for key, (_, _, due_ms) in self._turned.items() if due_ms <= now_ms]
            turned = [self._turned.pop(key) for key in late_ones]
        for login, outcome, _ in turned:
            self.telling.came_to(outcome, login, now_ms)
        for login in given_up:
            self.telling.came_to("failed", login, now_ms)
        for login in ended:  # by us, before it could be known; and no next visit was sent anywhere
            self.telling.came_to("ours", login, now_ms)
        for key, claim in claims:
            if self._witnessed(claim, now_ms, last=claim.claimed_ms + WITNESS_MS <= now_ms):
                with self._lock:
                    self._claims.pop(key, None)
                done += 1
        return done + len(turned) + len(given_up) + len(ended)

    def _witnessed(self, claim: Claim, now_ms: int, *, last: bool = False) -> bool:
        """Count a login that somebody we trust has seen, or, the last time, one that nobody has."""
        try:
            seen_ms = self._gateway.witnessed_ms(claim.client)
        except GatewayError as error:
            LOG.warning("no witness can be asked place=%s error=%s", claim.client.interface, error)
            if last:
                self.telling.came_to("ours", claim.login, now_ms)
            return last
        if seen_ms is None or 0 < seen_ms < claim.since_ms - SLACK_MS:
            if last:
                self.telling.came_to("unconfirmed", claim.login, now_ms)
            return last
        late_ms = min(max(0, seen_ms - claim.claimed_ms), WITNESS_MS)
        self.telling.online(
            claim.login,
            addresses=claim.client.addresses,
            enforced_ms=claim.took_ms + late_ms,
            in_ms=claim.claimed_ms + late_ms,
            now_ms=now_ms,
        )
        return True

    def agreed(self, session: Session, consent: Consent) -> None:
        """Count a consent that was recorded."""
        self.telling.agreed(self._login(session), consent.terms, self._clock.now_ms())

    def close(self) -> None:
        """Count what is still open: we end before we could know."""
        self.settle()
        with self._lock:
            left = [claim.login for claim in self._claims.values()]
            left += [login for each in (self._sent, self._handed_on) for login, _ in each.values()]
            left += [login for login, _, _ in self._turned.values()]
            self._turned.clear()
            self._claims.clear()
            self._sent.clear()
            self._handed_on.clear()
        for login in left:
            self.telling.came_to("ours", login, self._clock.now_ms())

    def _login(self, session: Session, method: str = "") -> Login:
        return self._of(session.client, session.grant.method if session.grant else method)

    def _of(self, client: Client, method: str) -> Login:
        return Login(
            site=self._premises.site(client),
            place=client.interface,
            method=method,
            identity=self._premises.identity(client),
        )

    def _part(self, client: Client) -> Gateway | None:
        return next((part for part in self._gateway.parts() if part.serves(client.interface)), None)

    def _keep(self, held: OrderedDict[K, T], key: K, value: T) -> None:
        with self._lock:
            held[key] = value
            while len(held) > UNDER_WAY:
                held.popitem(last=False)


def _let_in(session: Session) -> bool:
    """Whether somebody was let in without a login: that is nobody's success, and nobody's failure."""
    return session.grant is not None and session.grant.method == METHOD
