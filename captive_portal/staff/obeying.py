"""Carrying out what staff ask of visits (captive_portal/staff/directives.py), in the portal process, which alone may.

A visit lasts longer up to what its site allows, counted from now: never beyond what a new login would give, and never
beyond the closing time. One that began without a login, at a site opened by two persons, is not lengthened at all: one
person would make hours of its minutes. What its gateway cannot do (a router that asks us and is never told) is said,
and nothing is written down that would not be so.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from captive_portal import session as visit
from captive_portal.ajar import METHOD
from captive_portal.errors import GatewayError, SilentError
from captive_portal.model import State
from captive_portal.policy import seconds_open
from captive_portal.staff.directives import VOID_MS, Act, Directive, Outcome, read
from captive_portal.tables import DIRECTIVE, SESSION
from netops.facts import Fact, submit

if TYPE_CHECKING:
    from captive_portal.model import Session
    from captive_portal.visits import Visits
    from netops.evidence.canonical import JSON

LOG = logging.getLogger("netops.portal")
AT_ONCE = 20  # of one round: each may wait for a controller
KEPT_MS = 90 * 86_400_000  # how long a row is shown; its facts stay in the ledger
TOLD = 400
LEAST_MS = 1_000


@dataclass(slots=True)
class Said:
    """What came of one directive; `stated` once its fact is durable."""

    directive: Directive
    outcome: Outcome
    done_ms: int
    site: str = ""
    told: str = ""
    until_ms: int | None = None
    took_ms: int = 0
    stated: bool = False


class Obeying:
    """Takes what waits; used by one thread."""

    def __init__(self, visits: Visits) -> None:
        self._visits = visits
        self._owed: dict[str, Said] = {}  # done, and not yet stated or written
        self._swept_ms = 0

    def round(self) -> int:
        """Carry out what was asked since; return how many."""
        for said in list(self._owed.values()):
            self._write(said)
        now_ms = self._visits.clock.now_ms()
        undone = sa.select(DIRECTIVE).where(DIRECTIVE.c.outcome.is_(None))
        older = sa.or_(DIRECTIVE.c.stated_ms.is_not(None), DIRECTIVE.c.asked_ms < now_ms - VOID_MS)
        wanted = undone.where(older).order_by(DIRECTIVE.c.asked_ms).limit(AT_ONCE)
        waiting = [read(row) for row in self._visits.store.read(lambda connection: connection.execute(wanted).all())]
        for each in waiting:
            self._write(self._obeyed(each))
        self._sweep(now_ms)
        return len(waiting)

    def _obeyed(self, directive: Directive) -> Said:
        now_ms, began = self._visits.clock.now_ms(), self._visits.clock.monotonic()
        if directive.taken_ms is not None:
            told = (
                "it was broken off (a restart, or a fault that the log tells); the repair closes what is to be closed"
            )
            return Said(directive, Outcome.UNSURE, now_ms, told=told)
        if directive.void(now_ms):
            return Said(directive, Outcome.VOID, now_ms)
        row = self._take(directive, now_ms)
        if row is None or row.ended_ms is not None:
            return Said(directive, Outcome.OVER, now_ms, site=row.site if row else "", told=row.end if row else "")
        said = self._act(directive, (row.interface, row.mac))
        said.site = row.site
        said.took_ms = int((self._visits.clock.monotonic() - began) * 1000)
        return said

    def _take(self, directive: Directive, now_ms: int) -> Any:
        """Note durably that it is under way; return the visit's row."""

        def work(connection: sa.Connection) -> Any:
            taken = sa.update(DIRECTIVE).where(DIRECTIVE.c.id == directive.id).values(taken_ms=now_ms)
            connection.execute(taken)
            return connection.execute(sa.select(SESSION).where(SESSION.c.id == directive.session)).first()

        return self._visits.store.write(work)

    def _act(self, directive: Directive, key: tuple[str, str]) -> Said:
        visits = self._visits
        live = visits.at(key)
        if live is None or live.id != directive.session:
            return Said(directive, Outcome.OVER, visits.clock.now_ms())
        with visits.turns.own(live.client):
            live = visits.at(key)
            if live is None or live.id != directive.session:
                return Said(directive, Outcome.OVER, visits.clock.now_ms())
            held_s = visits.gateway.held_s(live.client)
            if held_s:
                told = f"its router can neither put out nor lengthen; the visit ends by itself in {held_s} s"
                return Said(directive, Outcome.BOUND, visits.clock.now_ms(), told=told)
            return self._end(directive, live) if directive.act is Act.END else self._extend(directive, live)

    def _end(self, directive: Directive, live: Session) -> Said:
        visits, wrong = self._visits, list[Exception]()
        visits.feed(live, visit.Disconnected(), wrong=wrong)
        now_ms = visits.clock.now_ms()
        visits.put_out.note(visits.premises.identity(live.client), now_ms)
        outcome, told = _of(wrong)
        told += "; the record has ended, and the repair closes the door as soon as it can" if told else ""
        return Said(directive, outcome, now_ms, told=told)

    def _extend(self, directive: Directive, live: Session) -> Said:
        visits, wrong, now_ms = self._visits, list[Exception](), self._visits.clock.now_ms()
        assert live.grant
        if live.grant.method == METHOD:
            return Said(directive, Outcome.NOTHING, now_ms, until_ms=live.grant.until_ms)
        until_ms = self._until(directive, live, now_ms)
        if live.state is not State.ONLINE:
            return Said(directive, Outcome.REFUSED, now_ms, told="it is being opened; try again in a moment")
        if until_ms < live.grant.until_ms + LEAST_MS:
            return Said(directive, Outcome.NOTHING, now_ms, until_ms=live.grant.until_ms)
        after = visits.feed(live, visit.Extended(until_ms), wrong=wrong)
        assert after.grant
        outcome, told = _of(wrong)
        if outcome is Outcome.ENFORCED and after.grant.until_ms != until_ms:
            outcome, told = Outcome.REFUSED, "the record could not be written; nothing was changed"
        until = until_ms if outcome is Outcome.ENFORCED else None
        return Said(directive, outcome, visits.clock.now_ms(), told=told, until_ms=until)

    def _until(self, directive: Directive, live: Session, now_ms: int) -> int:
        """Return the end that is allowed: what is asked, or what a login of now would have, whichever is sooner."""
        assert live.grant
        premises = self._visits.premises
        policy = premises.policy(live.client)
        closes_s = seconds_open(policy.hours, now_ms, premises.zone)
        most_s = policy.bounds.seconds if closes_s is None else min(policy.bounds.seconds, closes_s)
        return min(live.grant.until_ms + directive.minutes * 60_000, now_ms + most_s * 1000)

    # ---- what came of it
    def _write(self, said: Said) -> None:
        """State it and write it; what fails now is owed."""
        self._owed[said.directive.id] = said
        if not said.stated:
            submit(self._visits.telling.spool, _fact(said))
            said.stated = True
        row = sa.update(DIRECTIVE).where(DIRECTIVE.c.id == said.directive.id)
        told = said.told or (str(said.until_ms) if said.until_ms is not None else "")
        row = row.values(outcome=str(said.outcome), done_ms=said.done_ms, told=told[:TOLD])
        self._visits.store.write(lambda connection: connection.execute(row))
        del self._owed[said.directive.id]
        LOG.info("%s of session=%s by staff: %s", said.directive.act, said.directive.session, said.outcome)

    def _sweep(self, now_ms: int) -> None:
        """Let go, once an hour, of what nobody looks at any more."""
        if 0 <= now_ms - self._swept_ms < 3_600_000:
            return
        gone = sa.delete(DIRECTIVE).where(DIRECTIVE.c.done_ms < now_ms - KEPT_MS)
        self._visits.store.write(lambda connection: connection.execute(gone))
        self._swept_ms = now_ms


def _of(wrong: list[Exception]) -> tuple[Outcome, str]:
    """Return what the gateway's errors come to, and its words."""
    found = next((each for each in wrong if isinstance(each, GatewayError)), None)
    if found is not None:
        return (Outcome.SILENT if isinstance(found, SilentError) else Outcome.REFUSED), str(found)[:TOLD]
    other = next((each for each in wrong), None)
    return (Outcome.REFUSED, "a fault of ours, which the log tells") if other is not None else (Outcome.ENFORCED, "")


def _fact(said: Said) -> Fact:
    directive = said.directive
    body: dict[str, JSON] = {
        "directive": directive.id,
        "session": directive.session,
        "act": str(directive.act),
        "outcome": str(said.outcome),
        "took_ms": said.took_ms,
    }
    body |= {"site": said.site} if said.site else {}
    body |= {"until_ms": said.until_ms} if said.until_ms is not None else {}
    body |= {"detail": said.told} if said.told else {}
    return Fact(kind="visit_directed", at_ms=said.done_ms, body=body)
