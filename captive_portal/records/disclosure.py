"""Who was behind a session: shown to one of the two persons who decided it, in the time they gave, and told before.

Two persons means a request by one and an approval by another, both sealed in the ledger: a fact that only lies in a
spool counts for nothing here. The fact of the look itself is durable before anybody sees a number, so that there is no
look without a trace; it names the session and the request, never what was seen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from captive_portal import tables
from captive_portal.records.persons import Persons
from captive_portal.tables import ADDRESS, SESSION
from inventory.sql import Database
from netops.access import approvals, record
from netops.access.permissions import may
from netops.errors import AccessError, UsageError, nearest
from netops.facts import Fact

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from captive_portal.records.persons import Known
    from netops.access.approvals import Approval, Request
    from netops.config import Settings

SESSION_ID = re.compile(r"[0-9a-f]{24}")
PERMISSION = "person.disclose"
HOLDS_MS = 30 * 86_400_000  # how long an approved inspection may be exported
EXPORT = "records.export"  # the staff action that a request's exports are counted by
MOST_EXPORTS = 5  # of one request: a torn copy may be taken anew, not one a day
MOST = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A session as it may be shown to who looks for one: not who."""

    id: str
    site: str
    method: str
    since_ms: int
    ended_ms: int | None
    identified: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosed:
    """What was shown. `outcome` is shown, erased or nobody (the visitor gave neither number nor account)."""

    session: str
    outcome: str
    person: Known | None = None
    device: Known | None = None


def approved(settings: Settings, request: str, action: str) -> Approval:
    """Return the approval of this request; UsageError or AccessError says what is missing."""
    known = {name: each for name, each in record.read(settings).items() if each.request.action == action}
    approval = known.get(request)
    if approval is None:
        raise UsageError(f"no request '{request}' of the kind '{action}'{nearest(request, known)}")
    if approval.state != approvals.APPROVED:
        raise AccessError(f"request {request} is {approval.state}; a second person must approve it first")
    if not approval.sealed:
        raise AccessError(f"request {request} is not sealed in the ledger yet; try again in a minute")
    return approval


def look(
    settings: Settings, request: str, *, by: str, role: str, now_ms: int, submit: Callable[[Sequence[Fact]], object]
) -> Disclosed:
    """State the look, then return who was behind the session of an approved request."""
    approval = approved(settings, request, "disclosure")
    _allowed(approval, by=by, role=role, now_ms=now_ms)
    session = str(approval.request.terms["session"])
    with Persons(settings, readonly=True) as persons:
        found = _found(settings, persons, session)
        body = {"request": request, "session": session, "by": by, "outcome": found.outcome}
        submit([Fact(kind="person_disclosed", at_ms=now_ms, body=body)])
    return found


def inspection(
    settings: Settings, request: str, *, by: str, role: str, start_ms: int, end_ms: int, now_ms: int
) -> Request:
    """Return the approved request to export numbers of a window; AccessError when it does not cover that or them."""
    approval = approved(settings, request, "inspection")
    _one_of_the_two(approval, by=by, role=role)
    terms = approval.request.terms
    if not int(str(terms["start_ms"])) <= start_ms < end_ms <= int(str(terms["end_ms"])):
        raise AccessError(f"request {request} does not cover the window; it must lie within what was approved")
    assert approval.decision
    if not approval.decision.at_ms <= now_ms < approval.decision.at_ms + HOLDS_MS:
        raise AccessError(f"request {request} was approved more than 30 days ago; ask again")
    if _exports(settings, request) >= MOST_EXPORTS:
        raise AccessError(f"request {request} was exported {MOST_EXPORTS} times already; ask again")
    return approval.request


def requests(settings: Settings) -> list[Approval]:
    """Return the requests about persons, the newest first."""
    every = [each for each in record.read(settings).values() if each.request.action in {"disclosure", "inspection"}]
    return sorted(every, key=lambda each: -each.request.at_ms)


def visits(settings: Settings, *, session: str = "", address: str = "", at_ms: int = 0) -> list[Visit]:
    """Return the session of this id, or those that used an address at an instant; at most 50."""
    if session:
        wanted = sa.select(SESSION).where(SESSION.c.id == session)
    else:
        used = sa.select(ADDRESS.c.session).where(ADDRESS.c.address == address, ADDRESS.c.since_ms <= at_ms)
        open_ = sa.or_(SESSION.c.ended_ms.is_(None), SESSION.c.ended_ms >= at_ms)
        wanted = sa.select(SESSION).where(SESSION.c.id.in_(used), SESSION.c.since_ms <= at_ms, open_)
    with Database(tables.url(settings), readonly=True) as database, database.read() as connection:
        rows = connection.execute(wanted.order_by(SESSION.c.since_ms.desc(), SESSION.c.id).limit(MOST)).all()
    return [
        Visit(
            id=row.id,
            site=row.site,
            method=row.method,
            since_ms=row.since_ms,
            ended_ms=row.ended_ms,
            identified=row.person is not None,
        )
        for row in rows
    ]


def _exports(settings: Settings, request: str) -> int:
    """Return how often this request was exported, also what waits to be sealed."""
    actions = [fact.body for fact, _ in record.stated(settings, frozenset({"staff_action"}))]
    return sum(each["action"] == EXPORT and each["subject"] == request for each in actions)


def _one_of_the_two(approval: Approval, *, by: str, role: str) -> None:
    request, decision = approval.request, approval.decision
    assert decision
    if not may(role, PERMISSION) or by not in {request.by, decision.by}:
        raise AccessError(f"request {request.id}: only a privacy officer who asked for it or approved it may look")


def _allowed(approval: Approval, *, by: str, role: str, now_ms: int) -> None:
    _one_of_the_two(approval, by=by, role=role)
    request = approval.request
    start_ms, end_ms = int(str(request.terms["start_ms"])), int(str(request.terms["end_ms"]))
    if not start_ms <= now_ms < end_ms:
        raise AccessError(f"request {request.id}: the time in which it may be looked at is over or has not begun")


def _found(settings: Settings, persons: Persons, session: str) -> Disclosed:
    with Database(tables.url(settings), readonly=True) as database, database.read() as connection:
        row = connection.execute(sa.select(SESSION).where(SESSION.c.id == session)).first()
    if row is None:
        return Disclosed(session=session, outcome="erased")
    device = persons.opened(row.identity)
    if row.person is None:
        return Disclosed(session=session, outcome="nobody", device=device)
    person = persons.opened(row.person)
    return Disclosed(session=session, outcome="shown" if person else "erased", person=person, device=device)
