"""What we hold of one person, and the end of it: the right of access and of erasure (PIPL articles 45, 47 and 50).

What the law still demands is not erased on a wish: until the minimum is over it is kept for the law alone
(PIPL article 47, last sentence) and nobody is recognised by it; then it goes by itself, before the usual time.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from captive_portal.model import Trail
from captive_portal.records import retention
from captive_portal.records.periods import ends_ms
from captive_portal.records.tables import PERSON, WISH
from captive_portal.tables import ADDRESS, CONSENT, RECORD, SESSION
from netops.clock import iso

if TYPE_CHECKING:
    from captive_portal.records.persons import Persons
    from captive_portal.store import Store
    from netops.config import Settings
    from netops.evidence.canonical import JSON

TOGETHER = 5  # sessions in one transaction: each is a look through all entries of its time, and logins wait for it
AROUND_MS = 60_000  # entries lie at the times of their session, within a step of the clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What a wish came to: sessions erased now, sessions that the law still keeps, and until when the last of them."""

    now: int
    kept: int
    until_ms: int | None


def access(connection: sa.Connection, persons: Persons, hash_: bytes) -> dict[str, Any]:
    """Return everything that we hold of a person, as they may be given it."""
    known = persons.opened(hash_)
    rows = connection.execute(sa.select(SESSION).where(SESSION.c.person == hash_).order_by(SESSION.c.since_ms)).all()
    with persons.database.read() as other:
        wished = other.execute(sa.select(WISH.c.at_ms).where(WISH.c.hash == hash_)).scalar()
        sealed = other.execute(sa.select(PERSON.c.period).where(PERSON.c.hash == hash_)).scalars()
        periods = sorted(sealed)
    return {
        "identity": known.value if known else None,
        "sealed_in": periods,
        "erasure_wished": iso(wished) if wished is not None else None,
        "sessions": [_session(connection, persons, row) for row in rows],
    }


def _session(connection: sa.Connection, persons: Persons, row: Any) -> dict[str, Any]:
    device = persons.opened(row.identity)
    used = sa.select(ADDRESS).where(ADDRESS.c.session == row.id).order_by(ADDRESS.c.since_ms, ADDRESS.c.address)
    consent = connection.execute(sa.select(CONSENT).where(CONSENT.c.session == row.id)).first()
    times = {name: getattr(row, f"{name}_ms") for name in ("since", "until", "ended")}
    return {
        "session": row.id,
        "site": row.site,
        "method": row.method,
        "device": device.value if device else None,
        **{name: iso(at_ms) if at_ms is not None else None for name, at_ms in times.items()},
        "end": row.end,
        "octets_up": row.octets_up,
        "octets_down": row.octets_down,
        "addresses": [{"address": each.address, "since": iso(each.since_ms)} for each in connection.execute(used)],
        "consent": consent
        and {
            "at": iso(consent.at_ms),
            "terms": consent.terms,
            "language": consent.language,
            "text_sha256": consent.digest,
            "channel": consent.channel,
        },
    }


def wish(store: Store, persons: Persons, hash_: bytes, *, settings: Settings, by: str, now_ms: int) -> Erased:
    """Note the wish, durable first, and erase what the law does not keep; the rest goes by itself (`fulfil`)."""
    with persons.database.write() as connection:
        noted = insert(WISH).values(hash=hash_, at_ms=now_ms, by=by)
        connection.execute(noted.on_conflict_do_update(index_elements=["hash"], set_={"at_ms": now_ms, "by": by}))
    erased = _erase(store, persons, hash_, before_ms=now_ms, settings=settings, now_ms=now_ms)
    left = sa.select(sa.func.count(), sa.func.max(sa.func.coalesce(SESSION.c.ended_ms, now_ms)))
    count, last_ms = store.read(
        lambda connection: connection.execute(left.select_from(SESSION).where(SESSION.c.person == hash_)).one()
    )
    until_ms = int(last_ms) + retention.law_days(settings) * retention.DAY_MS if count else None
    return Erased(now=erased, kept=int(count), until_ms=until_ms)


def trail(connection: sa.Connection, hash_: bytes, before_ms: int) -> Trail:
    """Return what leads to everything that gateways keep of a person until an instant, by the visits that are held."""
    mine = sa.and_(SESSION.c.person == hash_, SESSION.c.since_ms <= before_ms)
    rows = connection.execute(sa.select(SESSION.c.identity, SESSION.c.interface, SESSION.c.ended_ms, ADDRESS).join(
        ADDRESS, ADDRESS.c.session == SESSION.c.id).where(mine)).all()  # fmt: skip
    stays = [
        (row.interface, row.address, row.since_ms - AROUND_MS, min(row.ended_ms or before_ms, before_ms) + AROUND_MS)
        for row in rows
    ]
    devices = connection.execute(sa.select(SESSION.c.identity).where(mine)).scalars()
    return Trail(whose=hash_, devices=frozenset(devices), stays=tuple(stays), before_ms=before_ms)


def trails(store: Store, persons: Persons) -> list[Trail]:
    """Return the trails of all who wished to be forgotten."""
    with persons.database.read() as connection:
        wishes = connection.execute(sa.select(WISH.c.hash, WISH.c.at_ms)).all()
    return store.read(lambda connection: [trail(connection, hash_, at_ms) for hash_, at_ms in wishes])


def fulfil(store: Store, persons: Persons, settings: Settings, now_ms: int) -> int:
    """Erase what has become due of all wishes; return how many sessions. Part of the hourly round."""
    with persons.database.read() as connection:
        wishes = connection.execute(sa.select(WISH.c.hash, WISH.c.at_ms)).all()
    count = 0
    for hash_, at_ms in wishes:
        count += _erase(store, persons, hash_, before_ms=at_ms, settings=settings, now_ms=now_ms)
    return count


def _erase(store: Store, persons: Persons, hash_: bytes, *, before_ms: int, settings: Settings, now_ms: int) -> int:
    """Erase a person's sessions that began before the wish and that the law does not keep any more."""
    due_ms = _due_ms(store, settings, now_ms)
    count = done = store.write(lambda connection: _sessions(connection, hash_, before_ms, due_ms, now_ms))
    while done == TOGETHER:
        time.sleep(retention.PAUSE_S)
        done = store.write(lambda connection: _sessions(connection, hash_, before_ms, due_ms, now_ms))
        count += done
    with persons.database.write() as connection:
        held = connection.execute(sa.select(PERSON.c.period).where(PERSON.c.hash == hash_)).scalars().all()
        over = [each for each in held if ends_ms(each) + retention.SLACK_MS <= min(due_ms, before_ms)]
        connection.execute(sa.delete(PERSON).where(PERSON.c.hash == hash_, PERSON.c.period.in_(over)))
    return count


def _due_ms(store: Store, settings: Settings, now_ms: int) -> int:
    """Return before when the law keeps nothing; by the horizon too, which no jump of the clock moves on."""
    horizon = store.read(lambda connection: retention.noted(connection, retention.HORIZON))
    ahead = (retention.keep_days(settings) - retention.law_days(settings)) * retention.DAY_MS
    by_clock = now_ms - retention.law_days(settings) * retention.DAY_MS
    return min(by_clock, int(horizon) + ahead) if horizon is not None and ahead >= 0 else by_clock


def _sessions(connection: sa.Connection, hash_: bytes, before_ms: int, due_ms: int, now_ms: int) -> int:
    """Erase a slice of sessions, their entries of the chain, and certify it: one transaction."""
    mine = sa.and_(SESSION.c.person == hash_, SESSION.c.since_ms <= before_ms, SESSION.c.ended_ms < due_ms)
    rows = connection.execute(sa.select(SESSION).where(mine).order_by(SESSION.c.since_ms).limit(TOGETHER)).all()
    if not rows:
        return 0
    numbers: set[int] = set()
    for row in rows:
        at = RECORD.c.at_ms.between(row.since_ms - AROUND_MS, row.ended_ms + AROUND_MS)
        own = sa.select(RECORD.c.n).where(
            RECORD.c.body.is_not(None), at, RECORD.c.body.contains(f'"session":"{row.id}"', autoescape=True)
        )
        numbers.update(connection.execute(own).scalars())
    retention.delete_sessions(connection, [row.id for row in rows])
    why: dict[str, JSON] = {"why": "wish", "before_ms": due_ms, "sessions": len(rows)}
    retention.erase_entries(connection, sorted(numbers), why, now_ms)
    return len(rows)
