"""Sites whose ways in are all broken while the portal itself lives: open without a login, by a decision of two persons.

| the site's policy | decision | its methods | then |
|---|---|---|---|
| `when_broken: closed` | any | any | they are what there is |
| `when_broken: open` | none in force | any | they are what there is |
| `when_broken: open` | in force | one of them may work | they are what there is |
| `when_broken: open` | in force | none can work: no provider answers | a tap lets in for `SHORT_S` |

Since when, until when and for how many is a fact (`fail_open`). Who was let in has a session like everybody, by the
method `fail_open`, under the terms that the page showed; it is no login, and nobody's success. A decision that
is over or taken back ends what it began. A portal that is dead cannot do this: captive_portal/ajar.py.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from captive_portal import session as visit
from captive_portal.ajar import METHOD, SHORT_S
from captive_portal.model import Grant, State
from netops import fail_open
from netops.facts import Fact, submit

if TYPE_CHECKING:
    from captive_portal.desk import Desk
    from captive_portal.policy import Policy
    from netops.config import Settings
    from netops.evidence.canonical import JSON
    from netops.fail_open import Order

LOG = logging.getLogger("netops.portal")
CAUSE = "methods_away"


@dataclass(slots=True)
class Period:
    """A site is open: by which decision, and for how many so far."""

    order: Order
    let_in: int = 0


class Relief:
    """What is open now, by site. `look` is a chore of every few seconds; safe from several threads."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._settings: Settings | None = None
        self._watch: fail_open.Watch | None = None
        self._open: dict[str, Period] = {}
        self._owed: list[Fact] = []  # of what is closed, and could not be told yet
        self._ordered: frozenset[str] | None = None  # sites with a decision in force, when we last looked
        self._lock = Lock()

    def begin(self, settings: Settings) -> None:
        """Say where decisions lie; before that nothing opens."""
        self._settings = settings

    # ---- what a page asks
    def seconds(self, site: str) -> int:
        """Return for how long a visitor of a site may be let in without a login now; 0: not."""
        with self._lock:
            period = self._open.get(site)
            if period is None or self._watch is None:
                return 0
            clock = self._desk.clock
            left_s = self._watch.left_s(period.order, now_ms=clock.now_ms(), monotonic=clock.monotonic())
            return min(SHORT_S, left_s)

    def grant(self, site: str, identity: bytes, now_ms: int) -> Grant | None:
        """Return what a tap gives; None where the site is not open, and for whom staff have put out."""
        if self._desk.visits.put_out.holds(identity, now_ms):
            return None
        seconds = self.seconds(site)
        return Grant(method=METHOD, until_ms=now_ms + seconds * 1000) if seconds else None

    def took(self, site: str) -> None:
        """Count somebody who is in by it."""
        with self._lock:
            if site in self._open:
                self._open[site].let_in += 1

    # ---- what follows by itself
    def look(self) -> int:
        """Open and close as it is due; return how many sites have changed. EvidenceError: a decision is not genuine."""
        wanting = self._wanting()
        if not wanting and not self._open and not self._owed and self._ordered is not None:
            return 0
        try:
            self._believe()
        finally:
            ordered = {site: order for site in wanting if (order := self._order(site)) is not None}
            broken = {site: order for site, order in ordered.items() if self._broken(wanting[site])}
            self._shut(broken)
            if self._ordered is None or self._ordered - ordered.keys():
                self._end(ordered)
            self._ordered = frozenset(ordered)
            changed = self._tell(broken)
        return changed

    def close(self) -> None:
        """State that what is open is so no more: we end."""
        self._shut({})
        self._tell({})

    def _wanting(self) -> dict[str, Policy]:
        """Return the sites that want to be open when broken."""
        policies = self._desk.policies
        found = {site: policies.at(site) for site in set(self._desk.premises.sites.values()) if site}
        return {site: policy for site, policy in found.items() if policy.when_broken == "open"}

    def _believe(self) -> None:
        note = fail_open.read(self._settings) if self._settings is not None else b""
        if self._settings is None or not note:
            return
        clock = self._desk.clock
        with self._lock:
            if self._watch is None:
                self._watch = fail_open.Watch(fail_open.key(self._settings))
            self._watch.take(note, now_ms=clock.now_ms(), monotonic=clock.monotonic())

    def _order(self, site: str) -> Order | None:
        clock = self._desk.clock
        with self._lock:
            if self._watch is None:
                return None
            return self._watch.order(site, now_ms=clock.now_ms(), monotonic=clock.monotonic())

    def _broken(self, policy: Policy) -> bool:
        """Whether no method of a page can work."""
        now_ms, methods = self._desk.clock.now_ms(), self._desk.methods
        return bool(policy.methods) and all(methods[name].away(policy, now_ms) for name in policy.methods)

    def _shut(self, broken: dict[str, Order]) -> None:
        """Close what is to be open no more, or by another decision; what is closed is so whether it is told or not."""
        with self._lock:
            shut = {site: each for site, each in self._open.items() if broken.get(site) != each.order}
            for site, each in shut.items():
                del self._open[site]
                self._owed.append(self._fact("ended", site, each.order, let_in=each.let_in))

    def _tell(self, broken: dict[str, Order]) -> int:
        """Tell what has ended, and open what is due: what cannot be told does not begin."""
        with self._lock:
            begun = {site: order for site, order in broken.items() if site not in self._open}
            facts = self._owed + [
                self._fact("begun", site, order, why=self._why(site)) for site, order in begun.items()
            ]
            if facts:
                submit(self._desk.telling.spool, *facts)
            self._owed = []
            self._open |= {site: Period(order) for site, order in begun.items()}
        for each in facts:
            LOG.warning("fail-open site=%s state=%s", each.body["site"], each.body["state"])
        return len(facts)

    def _why(self, site: str) -> str:
        return f"none of {', '.join(self._desk.policies.at(site).methods)} can work"

    def _fact(self, state: str, site: str, order: Order, *, let_in: int | None = None, why: str = "") -> Fact:
        more: dict[str, JSON] = {"why": why} if let_in is None else {"let_in": let_in}
        known: dict[str, JSON] = {
            "site": site,
            "state": state,
            "cause": CAUSE,
            "request": order.request,
            "decision": order.leaf,
        }
        return Fact(kind="fail_open", at_ms=self._desk.clock.now_ms(), body={**known, **more})

    def _end(self, ordered: dict[str, Order]) -> None:
        """End the visits of sites without a decision in force, however they began."""
        visits = self._desk.visits
        for session in visits.every():
            if session.grant is None or session.grant.method != METHOD:
                continue
            if self._desk.site(session.client) in ordered:
                continue
            with visits.turns.own(session.client):
                live = visits.at(session.client.key)
                if live is not None and live.id == session.id and live.state is State.ONLINE:
                    visits.feed(live, visit.Expired())
