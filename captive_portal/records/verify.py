"""Whether the records are what they were: the chain from its beginning, certificates, the ledger's heads, the tables.

Reads one state of the database and writes nothing. What a finding names is an entry's number or a session's random id.
"""

from __future__ import annotations

import json
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from captive_portal import agreement, published
from captive_portal.errors import RecordsError
from captive_portal.let_in import UNASKED
from captive_portal.records import chain, cipher
from captive_portal.records.persons import Kind, about
from captive_portal.records.rebuilt import Told, differs
from captive_portal.records.subject import AROUND_MS
from captive_portal.records.tables import PERIOD, PERSON
from captive_portal.tables import ADDRESS, CONSENT, RECORD, SESSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from captive_portal.records.persons import Persons
    from netops.config import Settings

TOGETHER = 500
PAGE = 1000  # sealed values in one look
ROWID: sa.ColumnElement[int] = sa.literal_column("person.rowid", sa.Integer)
MOST = 50  # findings that are told one by one
DAY_MS = 86_400_000
LAW_DAYS = 184  # the longest six months; no setting: the hand that alters records could alter that as well
MISFIT = (ValueError, TypeError, LookupError, AttributeError)  # what JSON of another shape ends in


@dataclass(slots=True)
class Verified:
    """What was looked at, and everything that is wrong."""

    entries: int = 0
    erased: int = 0
    sessions: int = 0
    persons: int = 0
    anchored: int = 0  # the newest entry whose head stands in the ledger
    head: bytes = chain.GENESIS
    problems: list[str] = field(default_factory=list)
    untold: int = 0

    def say(self, problem: str) -> None:
        """Add a finding; beyond MOST they are counted."""
        if len(self.problems) < MOST:
            self.problems.append(problem)
        else:
            self.untold += 1

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


@dataclass(frozen=True, slots=True, order=True)
class _Cover:
    """A range of entries that a certificate covers, as far as they are older than `before_ms`."""

    first: int
    last: int
    before_ms: int


@dataclass(slots=True)
class _Walk:
    """What the walk carries along. `going` are sessions whose end was not met yet, `whole` those to be compared."""

    covers: deque[_Cover]  # ascending
    before_ms: int  # what happened before may be erased by now
    number: int = 0
    missing: list[list[int]] = field(default_factory=list)  # ranges without a certificate, ascending
    covering: list[_Cover] = field(default_factory=list)
    going: dict[str, Told] = field(default_factory=dict)
    whole: dict[str, Told] = field(default_factory=dict)
    matched: int = 0
    ended: int = 0
    began_ms: int | None = None

    @property
    def since_ms(self) -> int:
        """Since when every session has its entries."""
        return max(self.began_ms or 0, self.before_ms)


def verify(connection: sa.Connection, heads: Mapping[int, str], *, now_ms: int, law_days: int = LAW_DAYS) -> Verified:
    """Walk the whole chain; `heads` are those that the ledger holds, by number of entries.

    A certificate covers nothing younger than `law_days`: who can write the file can write certificates too.
    """
    found = Verified()
    walk = _certificates(connection, now_ms, law_days * DAY_MS)
    rows = connection.execution_options(yield_per=2000).execute(sa.select(RECORD).order_by(RECORD.c.n))
    for row in rows:
        _entry(found, walk, row, heads)
        if len(walk.whole) >= TOGETHER:
            _compare(connection, found, walk, walk.whole)
    walk.going |= walk.whole
    while walk.going:
        some = {id_: walk.going.pop(id_) for id_ in list(walk.going)[:TOGETHER]}
        _compare(connection, found, walk, some)
    for number in sorted(set(heads)):
        if number > found.entries:
            found.say(f"the ledger holds a head of {number} entries; the chain has {found.entries}: the end is missing")
    for first, last in walk.missing:
        found.say(f"entries {first} to {last} are erased, and no certificate says so that the law allows")
    _beside(connection, found, walk)
    _terms(connection, found)
    return found


def law_days(settings: Settings) -> int:
    """Return for how long nothing may be erased: six months, whatever the settings say; less in a rehearsal alone."""
    days = settings.retention
    return min(days.law_days, days.session_days) if settings.city.rehearsal else LAW_DAYS


def _certificates(connection: sa.Connection, now_ms: int, law_ms: int) -> _Walk:
    """Read what certificates may cover: none erases what the law still kept when it was written, or keeps now."""
    covers: list[_Cover] = []
    horizon_ms = 0
    for row in connection.execute(sa.select(RECORD).where(RECORD.c.kind == chain.ERASED, RECORD.c.body.is_not(None))):
        with suppress(*MISFIT):  # the walk names it
            why, before_ms, ranges = _certificate(json.loads(row.body))
            before_ms = min(before_ms, min(row.at_ms, now_ms) - law_ms)
            if why == "retention":
                horizon_ms = max(horizon_ms, before_ms)
            else:
                before_ms += AROUND_MS  # a wish finds entries around the times of their session
            covers += [_Cover(first, last, before_ms) for first, last in ranges]
    return _Walk(covers=deque(sorted(covers)), before_ms=horizon_ms)


def _certificate(body: Mapping[str, Any]) -> tuple[str, int, list[tuple[int, int]]]:
    """Return why, what is before when, and which entries; an error of MISFIT when it is no certificate."""
    return str(body["why"]), int(body["before_ms"]), [(int(first), int(last)) for first, last in body["numbers"]]


def _entry(found: Verified, walk: _Walk, row: Any, heads: Mapping[int, str]) -> None:
    walk.number += 1
    if row.n != walk.number:
        found.say(f"entry {walk.number} is missing; the next one is {row.n}")
        walk.number = row.n
    if row.body is None:
        found.erased += 1
        if row.kind in chain.CERTIFICATES:
            found.say(f"entry {row.n} is a certificate without its body")
        _erased(walk, row)
    elif chain.digest(row.n, row.at_ms, row.kind, row.body.encode()) != row.digest:
        found.say(f"entry {row.n}: its content is not that of its digest")
    else:
        try:
            _read(found, walk, row)
        except MISFIT:
            found.say(f"entry {row.n}: its content is not what an entry '{row.kind}' says")
    found.head = chain.head(found.head, row.digest)
    if found.head != row.head:
        found.say(f"entry {row.n}: its head does not follow from the one before")
        found.head = row.head
    found.entries = row.n
    stated = heads.get(row.n)
    if stated is not None and stated != row.head.hex():
        found.say(f"entry {row.n}: the ledger holds another head; the chain was made anew")
    elif stated is not None:
        found.anchored = row.n
    walk.began_ms = row.at_ms if walk.began_ms is None else walk.began_ms


def _erased(walk: _Walk, row: Any) -> None:
    """Note an entry without a body that no certificate covers."""
    while walk.covers and walk.covers[0].first <= row.n:
        walk.covering.append(walk.covers.popleft())
    walk.covering = [each for each in walk.covering if each.last >= row.n]
    if any(row.at_ms < each.before_ms for each in walk.covering):
        return
    if walk.missing and walk.missing[-1][1] == row.n - 1:
        walk.missing[-1][1] = row.n
    else:
        walk.missing.append([row.n, row.n])


def _read(found: Verified, walk: _Walk, row: Any) -> None:
    body = json.loads(row.body)
    if row.kind == chain.ERASED:
        _certificate(body)
    if row.kind in chain.CERTIFICATES:
        return
    id_ = str(body["session"])
    told = walk.going.setdefault(id_, Told(row.n))
    if row.kind == chain.OPENED and told.opened is not None:
        found.say(f"entry {row.n}: session {id_} begins a second time")
    told.hear(row, body)
    if row.kind == chain.ENDED:
        walk.whole[id_] = walk.going.pop(id_)


def _compare(connection: sa.Connection, found: Verified, walk: _Walk, sessions: dict[str, Told]) -> None:
    """Hold entries against the tables, and forget them: a session says how it is, the chain how it came to be."""
    ids = list(sessions)
    rows: dict[str, Any] = {row.id: row for row in connection.execute(sa.select(SESSION).where(SESSION.c.id.in_(ids)))}
    addresses: dict[str, dict[str, int]] = {}
    for used in connection.execute(sa.select(ADDRESS).where(ADDRESS.c.session.in_(ids))):
        addresses.setdefault(used.session, {})[used.address] = used.since_ms
    agreed = {row.session: row for row in connection.execute(sa.select(CONSENT).where(CONSENT.c.session.in_(ids)))}
    for id_, told in sessions.items():
        row = rows.get(id_)
        if row is None:
            if told.recorded:
                found.say(f"entry {told.number}: its session {id_} is not in the table")
            continue
        walk.matched += told.opened is not None
        walk.ended += row.ended_ms is not None and row.ended_ms >= walk.since_ms
        for what in differs(told, row, addresses.get(id_, {}), agreed.get(id_), walk.since_ms):
            found.say(f"session {id_}: {what}")
    found.sessions = walk.matched
    sessions.clear()


def _beside(connection: sa.Connection, found: Verified, walk: _Walk) -> None:
    """Say how many sessions began or ended in the table beside the chain, since it began and what was erased."""
    if walk.began_ms is None:
        return
    count = sa.select(sa.func.count()).select_from(SESSION)
    began = connection.execute(count.where(SESSION.c.since_ms >= walk.since_ms)).scalar() or 0
    if began > walk.matched:
        found.say(f"{began - walk.matched} sessions stand in the table without an entry")
    ended = connection.execute(count.where(SESSION.c.ended_ms >= walk.since_ms)).scalar() or 0
    if ended > walk.ended:
        found.say(f"{ended - walk.ended} sessions ended in the table without an entry")


def _terms(connection: sa.Connection, found: Verified) -> None:
    """Say which consents are to a text that is no longer here."""
    known = {each.digest for each in agreement.built_in().texts.values()} | published.digests(connection)
    wanted = sa.select(CONSENT.c.terms, CONSENT.c.language, CONSENT.c.digest, sa.func.count())
    asked = wanted.where(CONSENT.c.channel != UNASKED)  # who was let in while nobody could ask
    for row in connection.execute(asked.group_by(CONSENT.c.terms, CONSENT.c.language, CONSENT.c.digest)):
        if row.digest not in known:
            found.say(f"{row[3]} consents are to terms {row.terms} ({row.language}), whose text is not here any more")


def persons(found: Verified, store: Persons) -> None:
    """Open every sealed value and hold it against its hash; what cannot be read here is said once.

    Where the end of a month was cut off between its key and its rows, the next round goes on with it: no finding.
    """
    after: int | None = None
    while (last := _page(found, store, after)) is not None:
        after = last


def _page(found: Verified, store: Persons, after: int | None) -> int | None:
    """Look at the next sealed values and return which was the last: a short look, for nobody is let in meanwhile.

    A month's key goes only after its end was noted, which waits for us: what is under way here stays so.
    """
    ending = sa.select(PERIOD.c.period).where(PERIOD.c.rows.is_not(None), PERIOD.c.certified_ms.is_(None))
    wanted = sa.select(PERSON, ROWID.label("at")).where(sa.true() if after is None else after < ROWID)
    last = None
    with store.database.read() as connection:
        going = set(connection.execute(ending).scalars())
        for row in connection.execute(wanted.order_by(ROWID).limit(PAGE)):
            _person(found, store, row, ending=row.period in going)
            last = int(row.at)
    return last


def _person(found: Verified, store: Persons, row: Any, *, ending: bool) -> None:
    found.persons += 1
    where = f"person {row.hash.hex()[:8]} of {row.period}"
    try:
        value = cipher.unseal(store.periods.key(row.period), row.sealed, about(row.hash, row.kind, row.period))
    except RecordsError as error:
        if not ending:
            found.say(f"{where}: {error}")
        return
    if row.kind != Kind.DEVICE and store.hashed(row.kind, value) != row.hash:
        found.say(f"{where}: the value is not the one of its hash")


def heads_of(leaves: Iterable[Any]) -> dict[int, str]:
    """Return the heads that facts `portal_records` state."""
    return {int(leaf.fact.body["entries"]): str(leaf.fact.body["head"]) for leaf in leaves}


def told(found: Verified) -> Sequence[str]:
    """Return the findings, the last line saying how many more there are."""
    return [*found.problems, *([f"and {found.untold} more"] if found.untold else [])]
