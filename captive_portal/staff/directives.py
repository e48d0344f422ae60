"""What staff ask of a visit: end it, or let it last longer. Asked by the web process or the command line.

The portal process alone writes sessions. Who asks leaves a row, and the portal takes it within a second
(captive_portal/staff/obeying.py). In this order, so that nothing is done without a trace and nothing twice:

1. the row, not yet to be taken: one of a kind for a visit at a time, whoever asks;
2. the fact `staff_action` (who, when, why, which visit), durable in the asker's spool;
3. the row may be taken, and the portal does it;
4. the portal states `visit_directed`, with what the gateway said, and the outcome stands in the row.

One that nobody took for ten minutes is void: who asked has done something else by then, and nobody is put out by
surprise. Words must name nobody: the ledger cannot forget.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from captive_portal import tables, vouchers
from captive_portal.errors import OrderError
from captive_portal.model import End
from captive_portal.tables import DIRECTIVE, SESSION
from inventory.errors import SqlConflictError
from inventory.sql import Database
from netops.access import approvals
from netops.facts import Fact

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from netops.config import Settings

SESSION_ID = re.compile(r"[0-9a-f]{24}")
PERMISSION = "session.end"
VOID_MS = 600_000
MOST_MINUTES = 1440
MOST_WORDS = 200


class Act(StrEnum):
    """What is asked."""

    END = "end"
    EXTEND = "extend"


class Because(StrEnum):
    """Why; the reasons that a list can give, so that they can be counted."""

    ABUSE = "abuse"  # it disturbs others, or breaks the terms
    ATTACK = "attack"  # it scans, spreads or attacks: mostly without its owner's knowledge
    AUTHORITY = "authority"  # an authority has ordered it
    WISH = "wish"  # the visitor has asked for it
    FAULT = "fault"  # made up for a fault of ours
    TEST = "test"
    OTHER = "other"  # in words


REASONS = {
    Act.END: (Because.ABUSE, Because.ATTACK, Because.AUTHORITY, Because.WISH, Because.TEST, Because.OTHER),
    Act.EXTEND: (Because.WISH, Because.FAULT, Because.TEST, Because.OTHER),
}


class Outcome(StrEnum):
    """What came of it."""

    ENFORCED = "enforced"  # the gateway has done it
    REFUSED = "refused"  # the gateway said no
    SILENT = "silent"  # the gateway did not answer in time
    BOUND = "bound"  # this gateway can neither put out nor lengthen: the visit ends by its time
    OVER = "over"  # the visit had ended by itself
    NOTHING = "nothing"  # it lasts as long as the site allows already
    VOID = "void"  # nobody took it in time
    UNSURE = "unsure"  # the portal was restarted in the middle of it


DONE = frozenset({Outcome.ENFORCED, Outcome.OVER, Outcome.NOTHING})  # what was wanted is so


@dataclass(frozen=True, slots=True, kw_only=True)
class Directive:
    """What one person asks of a visit, and what came of it. `told` is the gateway's word, or until when it lasts."""

    id: str
    session: str
    act: Act
    by: str
    because: Because
    words: str
    asked_ms: int
    minutes: int = 0
    taken_ms: int | None = None
    done_ms: int | None = None
    outcome: Outcome | None = None
    told: str = ""

    def void(self, now_ms: int) -> bool:
        """Whether nobody has taken it for too long."""
        return self.taken_ms is None and not -VOID_MS < now_ms - self.asked_ms < VOID_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A session as staff see it who may end it: no MAC, no address."""

    id: str
    device: str
    place: str
    site: str
    method: str
    since_ms: int
    until_ms: int
    online: bool
    ended_ms: int | None
    end: str


def wanted(
    act: Act, session: str, *, by: str, because: str, words: str = "", minutes: int = 0, now_ms: int
) -> Directive:
    """Return a new directive; OrderError says which word of it cannot be."""
    words = words.strip()
    if not SESSION_ID.fullmatch(session):
        raise OrderError(f"'{session[:40]}' is no session; its id has 24 hexadecimal digits")
    if because not in REASONS[act]:
        raise OrderError(f"reason '{because[:40]}'; expected one of {', '.join(REASONS[act])}")
    if because == Because.OTHER and not words:
        raise OrderError("the reason 'other' needs words: they stand in the ledger")
    if len(words) > MOST_WORDS or not (words or "-").isprintable():
        raise OrderError(f"the words have {len(words)} characters; expected at most {MOST_WORDS} printable ones")
    if approvals.names_somebody(words):
        raise OrderError("the words name somebody; the ledger cannot forget: give the number of the case instead")
    if act is Act.EXTEND and not 0 < minutes <= MOST_MINUTES:
        raise OrderError(f"minutes {minutes}; expected 1 to {MOST_MINUTES}")
    return Directive(
        id=f"dir-{secrets.token_hex(8)}",
        session=session,
        act=act,
        by=by,
        because=Because(because),
        words=words,
        asked_ms=now_ms,
        minutes=minutes if act is Act.EXTEND else 0,
    )


def _end(visit: Visit) -> str:
    """Return why a visit ended, in the word of the staff's page for what staff did."""
    return "ended by staff" if visit.end == End.DISCONNECTED else visit.end


def give(settings: Settings, directive: Directive, submit: Callable[[Sequence[Fact]], object]) -> Directive:
    """State it and hand it to the portal; return it, or the one of somebody else that is under way already.

    OrderError when the visit is over, or never was.
    """
    visit = seen(settings, directive.session)
    if visit is None:
        raise OrderError(f"no session {directive.session}; it was erased on time, or never was")
    if visit.ended_ms is not None:
        raise OrderError(f"session {visit.id} has ended already ({_end(visit)}); there is nothing to do")
    with Database(tables.url(settings)) as database:
        try:
            with database.write() as connection:
                connection.execute(sa.insert(DIRECTIVE), _row(directive))
        except SqlConflictError:
            under_way = next((each for each in of(settings, visit.id) if _same(each, directive)), None)
            if under_way is None:  # it was done in this moment
                raise
            return under_way
        try:
            submit([_stated(directive, visit.site)])
        except BaseException:
            with database.write() as connection:  # what is on no record is not done either
                connection.execute(sa.delete(DIRECTIVE).where(DIRECTIVE.c.id == directive.id))
            raise
        stated = sa.update(DIRECTIVE).where(DIRECTIVE.c.id == directive.id).values(stated_ms=directive.asked_ms)
        with database.write() as connection:
            connection.execute(stated)
    return directive


def _same(one: Directive, other: Directive) -> bool:
    return one.act is other.act and one.outcome is None


def _stated(directive: Directive, site: str) -> Fact:
    detail = f"{directive.id} {directive.because}"
    detail += f", {directive.minutes} min" if directive.minutes else ""
    detail += f": {directive.words}" if directive.words else ""
    body = {"action": f"session.{directive.act}", "subject": directive.session, "by": directive.by, "detail": detail}
    body |= {"site": site} if site else {}
    return Fact(kind="staff_action", at_ms=directive.asked_ms, body=body)


def _row(directive: Directive) -> dict[str, Any]:
    names = ("id", "session", "by", "words", "asked_ms", "minutes")
    return {
        **{name: getattr(directive, name) for name in names},
        "act": str(directive.act),
        "because": str(directive.because),
    }


# ---- what became of them
def of(settings: Settings, session: str) -> list[Directive]:
    """Return what was asked of a visit, the newest first."""
    if not vouchers.exists(tables.url(settings)):
        return []
    asked = sa.select(DIRECTIVE).where(DIRECTIVE.c.session == session).order_by(DIRECTIVE.c.asked_ms.desc())
    with Database(tables.url(settings), readonly=True) as database, database.read() as connection:
        return [read(row) for row in connection.execute(asked.limit(20))]


def seen(settings: Settings, session: str) -> Visit | None:
    """Return a visit, live or ended."""
    if not vouchers.exists(tables.url(settings)):
        return None
    with Database(tables.url(settings), readonly=True) as database, database.read() as connection:
        row = connection.execute(sa.select(SESSION).where(SESSION.c.id == session)).first()
    if row is None:
        return None
    return Visit(
        id=row.id,
        device=row.identity.hex()[:10],
        place=row.interface,
        site=row.site,
        method=row.method,
        since_ms=row.since_ms,
        until_ms=row.until_ms,
        online=row.online_ms is not None,
        ended_ms=row.ended_ms,
        end=row.end or "",
    )


def read(row: Any) -> Directive:
    """Return a row of the table."""
    return Directive(
        id=row.id,
        session=row.session,
        act=Act(row.act),
        by=row.by,
        because=Because(row.because),
        words=row.words,
        asked_ms=row.asked_ms,
        minutes=row.minutes,
        taken_ms=row.taken_ms,
        done_ms=row.done_ms,
        outcome=Outcome(row.outcome) if row.outcome else None,
        told=row.told,
    )
