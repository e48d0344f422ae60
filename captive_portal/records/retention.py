"""The two clocks of a record: not erased before the law's minimum is over, not kept beyond the privacy maximum.

`retention.session_days` lies between the two (`captive_portal/records/checks.py` says when it does not), and whatever
the settings say, nothing that the law wants is erased outside a rehearsal. What is older is
erased in small transactions, so that logins go on meanwhile, and each erasure is certified by an entry of the chain in
the same transaction. The month's key goes when the last day of its month is over by as much; what it sealed goes after
it in small transactions too, each of which counts what it has deleted, and the certificate states their sum.

A clock that jumps ahead must not erase the evidence of a year in one night: the horizon, before which things are
erased, moves on by at most a day in a round, and there is a round an hour. A clock that was wrong is noticed long
before; after a stop of weeks the horizon catches up within a day or two.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from captive_portal.records import chain
from captive_portal.records.periods import begins_ms, ends_ms, month
from captive_portal.records.tables import PERIOD, PERSON, PROOF, WISH
from captive_portal.tables import ADDRESS, CONSENT, HOLDER, META, RECORD, SESSION, VOUCHER

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from captive_portal.records.persons import Persons
    from captive_portal.store import Store
    from netops.config import Settings
    from netops.evidence.canonical import JSON

DAY_MS = 86_400_000
SIX_MONTHS = 184  # days; the longest six months of a year, March to August and July to December
SLICE = 2000
ROWS = 1000  # of a month's sealed values in one transaction: some 30 ms, more on a slow disk
PAUSE_S = 0.12  # between two of them: who waits for SQLite's lock looks ten times a second whether it is free
SLACK_MS = 2 * DAY_MS  # a month's key outlives the month's last sessions: those that go on are sealed anew each hour
HORIZON = "records.horizon_ms"
PROOF_MS = DAY_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Purged:
    """What a round has erased."""

    before_ms: int
    sessions: int = 0
    entries: int = 0
    periods: tuple[str, ...] = ()


def keep_days(settings: Settings) -> int:
    """Return for how many days records stay: never fewer than the law says, except in a rehearsal."""
    days = settings.retention.session_days
    return days if settings.city.rehearsal else max(days, law_days(settings))


def law_days(settings: Settings) -> int:
    """Return for how many days the law wants records: more than six months where the settings say so, never fewer."""
    days = settings.retention.law_days
    return days if settings.city.rehearsal else max(days, SIX_MONTHS)


def purge(store: Store, persons: Persons, settings: Settings, now_ms: int) -> Purged:
    """Erase what is due; safe to interrupt anywhere and to repeat."""
    before_ms = _advance(store, now_ms - keep_days(settings) * DAY_MS)
    sessions = entries = 0
    # entries first: what a crash leaves between the two is then certified already, and no session is missed
    while (count := store.write(lambda connection: _entries(connection, before_ms, now_ms))) > 0:
        entries += count
    while (count := store.write(lambda connection: _sessions(connection, before_ms))) > 0:
        sessions += count
    while store.write(lambda connection: _holders(connection, before_ms)) > 0:
        pass
    periods = tuple(each for each in _due(persons, before_ms) if _destroy(store, persons, each, now_ms))
    _forget(persons, before_ms, now_ms)
    return Purged(before_ms=before_ms, sessions=sessions, entries=entries, periods=periods)


def _advance(store: Store, wanted_ms: int) -> int:
    """Move the horizon on, durable on return; it never passes what the clock and the settings say."""

    def work(connection: sa.Connection) -> int:
        stood = noted(connection, HORIZON)
        held = sa.select(sa.func.min(RECORD.c.at_ms)).where(RECORD.c.body.is_not(None))
        oldest = wanted_ms if stood else connection.execute(held).scalar()
        horizon = min(wanted_ms, int(stood or oldest or wanted_ms) + DAY_MS)
        note(connection, HORIZON, horizon)
        return horizon

    return store.write(work)


def _sessions(connection: sa.Connection, before_ms: int) -> int:
    """Delete a slice of the sessions that ended before; their entries of the chain go by their own time."""
    due = sa.select(SESSION.c.id).where(SESSION.c.ended_ms < before_ms).order_by(SESSION.c.ended_ms).limit(SLICE)
    ids = list(connection.execute(due).scalars())
    delete_sessions(connection, ids)
    return len(ids)


def _holders(connection: sa.Connection, before_ms: int) -> int:
    """Delete a slice of which devices used a voucher whose time was over before; the voucher itself names nobody."""
    over = sa.select(VOUCHER.c.hash).where(VOUCHER.c.until_ms < before_ms)
    own = (HOLDER.c.voucher, HOLDER.c.identity)
    due = sa.select(*own).where(HOLDER.c.since_ms < before_ms, HOLDER.c.voucher.in_(over)).limit(SLICE)
    return connection.execute(sa.delete(HOLDER).where(sa.tuple_(*own).in_(due))).rowcount


def delete_sessions(connection: sa.Connection, ids: Sequence[str]) -> None:
    """Delete sessions with their addresses and consents."""
    for start in range(0, len(ids), 500):
        some = ids[start : start + 500]
        connection.execute(sa.delete(ADDRESS).where(ADDRESS.c.session.in_(some)))
        connection.execute(sa.delete(CONSENT).where(CONSENT.c.session.in_(some)))
        connection.execute(sa.delete(SESSION).where(SESSION.c.id.in_(some)))


def _entries(connection: sa.Connection, before_ms: int, now_ms: int) -> int:
    """Erase the bodies of a slice of the entries that are older, and certify it: one transaction.

    By their time, not by their number: after a clock stepped back an entry may be older than the one before it.
    """
    due = sa.select(RECORD.c.n).where(
        RECORD.c.body.is_not(None), RECORD.c.at_ms < before_ms, RECORD.c.kind.not_in(chain.CERTIFICATES)
    )
    numbers = sorted(connection.execute(due.order_by(RECORD.c.at_ms).limit(SLICE)).scalars())
    if numbers:
        erase_entries(connection, numbers, {"why": "retention", "before_ms": before_ms}, now_ms)
    return len(numbers)


def erase_entries(connection: sa.Connection, numbers: list[int], why: Mapping[str, JSON], now_ms: int) -> None:
    """Erase the bodies of these entries, ascending, and append the certificate; in the caller's transaction."""
    pieces: list[JSON] = []
    for first, last in ranges(numbers):
        connection.execute(sa.update(RECORD).where(RECORD.c.n.between(first, last)).values(body=None))
        pieces.append([first, last])
    body: dict[str, JSON] = {"numbers": pieces, "entries": len(numbers), **why}
    chain.append(connection, [chain.Entry(kind=chain.ERASED, at_ms=now_ms, body=body)])


def ranges(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Return ascending numbers as ranges, ends included."""
    found: list[tuple[int, int]] = []
    for each in numbers:
        if found and found[-1][1] == each - 1:
            found[-1] = (found[-1][0], each)
        else:
            found.append((each, each))
    return found


def noted(connection: sa.Connection, key: str) -> str | None:
    """Return what was noted under a key."""
    return connection.execute(sa.select(META.c.value).where(META.c.key == key)).scalar()


def note(connection: sa.Connection, key: str, value: object) -> None:
    """Note a value under a key."""
    connection.execute(sa.delete(META).where(META.c.key == key))
    connection.execute(sa.insert(META).values(key=key, value=str(value)))


def renew(store: Store, persons: Persons, now_ms: int) -> int:
    """Seal anew, with this month's key, whose sessions go on from another month; return how many were sealed."""
    month_ms = begins_ms(month(now_ms))
    older = sa.select(SESSION.c.identity, SESSION.c.person).where(SESSION.c.ended_ms.is_(None))
    rows = store.read(lambda connection: connection.execute(older.where(SESSION.c.since_ms < month_ms)).all())
    return persons.renew_all({each for row in rows for each in row if each})


# ---- the months' keys
def _due(persons: Persons, before_ms: int) -> list[str]:
    """Return the months that are over, keys and rows both: one of the two may be gone since a crash."""
    with persons.database.read() as connection:
        known = set(connection.execute(sa.select(PERIOD.c.period).where(PERIOD.c.certified_ms.is_(None))).scalars())
    every = known | set(persons.periods.names())
    return sorted(each for each in every if ends_ms(each) + SLACK_MS <= before_ms)


def _destroy(store: Store, persons: Persons, period: str, now_ms: int) -> bool:
    """Destroy a month's key, then its rows, then certify it. Each step finds out what is done already."""
    this = PERIOD.c.period == period
    with persons.database.write() as connection:
        row: Any = connection.execute(sa.select(PERIOD).where(this)).first()
        if row is None:  # a key that sealed nothing
            connection.execute(sa.insert(PERIOD).values(period=period, key=persons.periods.digest(period), rows=0))
        elif row.rows is None:  # from here on it is under way
            connection.execute(sa.update(PERIOD).where(this).values(rows=0))
    persons.periods.destroy(period)
    while not _emptied(persons, period, now_ms):
        time.sleep(PAUSE_S)
    with persons.database.read() as connection:
        row = connection.execute(sa.select(PERIOD).where(this)).one()
    store.write(lambda connection: _certify(connection, row))
    with persons.database.write() as connection:
        connection.execute(sa.update(PERIOD).where(this).values(certified_ms=now_ms))
    return True


def _emptied(persons: Persons, period: str, now_ms: int) -> bool:
    """Delete a slice of a month's rows and count it, in one transaction; whether it was the last, noted with it."""
    own, counted = PERSON.c.period == period, sa.update(PERIOD).where(PERIOD.c.period == period)
    some = sa.select(PERSON.c.hash).where(own).limit(ROWS)
    with persons.database.write() as connection:
        count = connection.execute(sa.delete(PERSON).where(own, PERSON.c.hash.in_(some))).rowcount
        connection.execute(counted.values(rows=PERIOD.c.rows + count))
        if count < ROWS:
            connection.execute(counted.where(PERIOD.c.destroyed_ms.is_(None)).values(destroyed_ms=now_ms))
    return count < ROWS


def _certify(connection: sa.Connection, row: Any) -> None:
    """State in the chain that a key is gone; once, also when a crash came between this and the note of it."""
    body: dict[str, JSON] = {"period": row.period, "key": row.key, "rows": row.rows, "destroyed_ms": row.destroyed_ms}
    entry = chain.Entry(kind=chain.DESTROYED, at_ms=row.destroyed_ms, body=body)
    said = sa.select(RECORD.c.n).where(RECORD.c.kind == chain.DESTROYED, RECORD.c.at_ms == row.destroyed_ms)
    if connection.execute(said.where(RECORD.c.body.contains(f'"period":"{row.period}"'))).first() is None:
        chain.append(connection, [entry])


def _forget(persons: Persons, before_ms: int, now_ms: int) -> None:
    """Drop wishes about data that are gone, and proofs that are over."""
    with persons.database.write() as connection:
        connection.execute(sa.delete(WISH).where(WISH.c.at_ms < before_ms))
        connection.execute(sa.delete(PROOF).where(PROOF.c.sent_ms < now_ms - PROOF_MS))
