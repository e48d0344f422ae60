"""Whether the records are what they were: the chain from its beginning, certificates, the ledger's heads, the tables.

Reads one state of the database and writes nothing. What a finding names is an entry's number or a session's random id.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from captive_portal import agreement
from captive_portal.errors import RecordsError
from captive_portal.records import chain, cipher
from captive_portal.records.persons import Kind, about
from captive_portal.records.tables import PERSON
from captive_portal.tables import ADDRESS, CONSENT, RECORD, SESSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from captive_portal.records.persons import Persons

TOGETHER = 500
LANGUAGES = ("zh_CN", "en", "ja", "ko")
MOST = 50  # findings that are told one by one
_FIELDS = ("identity", "person", "site", "method", "voucher", "since_ms", "policy", "interface")


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


@dataclass(slots=True)
class _Walk:
    """What the walk carries along: numbers without a body, and certificates for them."""

    number: int = 0
    missing: list[list[int]] = field(default_factory=list)  # ranges, ascending
    covered: list[tuple[int, int]] = field(default_factory=list)
    opened: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    ended: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    matched: int = 0
    began_ms: int | None = None
    before_ms: int = 0


def verify(connection: sa.Connection, heads: Mapping[int, str]) -> Verified:
    """Walk the whole chain; `heads` are those that the ledger holds, by number of entries."""
    found, walk = Verified(), _Walk()
    rows = connection.execution_options(yield_per=2000).execute(sa.select(RECORD).order_by(RECORD.c.n))
    for row in rows:
        _entry(found, walk, row, heads)
        if len(walk.opened) + len(walk.ended) >= TOGETHER:
            _compare(connection, found, walk)
    _compare(connection, found, walk)
    for number in sorted(set(heads)):
        if number > found.entries:
            found.say(f"the ledger holds a head of {number} entries; the chain has {found.entries}: the end is missing")
    _certified(found, walk)
    _beside(connection, found, walk)
    _terms(connection, found)
    return found


def _entry(found: Verified, walk: _Walk, row: Any, heads: Mapping[int, str]) -> None:
    walk.number += 1
    if row.n != walk.number:
        found.say(f"entry {walk.number} is missing; the next one is {row.n}")
        walk.number = row.n
    if row.body is None:
        found.erased += 1
        if row.kind in chain.CERTIFICATES:
            found.say(f"entry {row.n} is a certificate without its body")
        if walk.missing and walk.missing[-1][1] == row.n - 1:
            walk.missing[-1][1] = row.n
        else:
            walk.missing.append([row.n, row.n])
    elif chain.digest(row.n, row.at_ms, row.kind, row.body.encode()) != row.digest:
        found.say(f"entry {row.n}: its content is not that of its digest")
    else:
        _read(walk, row)
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


def _read(walk: _Walk, row: Any) -> None:
    body = json.loads(row.body)
    if row.kind == chain.ERASED:
        walk.covered += [(first, last) for first, last in body["numbers"]]
        if body["why"] == "retention":
            walk.before_ms = max(walk.before_ms, body["before_ms"])
    elif row.kind == chain.OPENED:
        walk.opened[body["session"]] = (row.n, body)
    elif row.kind == chain.ENDED:
        walk.ended[body["session"]] = (row.n, body)


def _compare(connection: sa.Connection, found: Verified, walk: _Walk) -> None:
    """Hold entries against the tables: a session says how it is, the chain how it came to be."""
    ids = [*walk.opened, *(each for each in walk.ended if each not in walk.opened)]
    rows: dict[str, Any] = {row.id: row for row in connection.execute(sa.select(SESSION).where(SESSION.c.id.in_(ids)))}
    addresses: dict[str, set[str]] = {}
    for used in connection.execute(sa.select(ADDRESS).where(ADDRESS.c.session.in_(ids))):
        addresses.setdefault(used.session, set()).add(used.address)
    agreed = {row.session: row for row in connection.execute(sa.select(CONSENT).where(CONSENT.c.session.in_(ids)))}
    for id_, (number, body) in walk.opened.items():
        row = rows.get(id_)
        if row is None:
            found.say(f"entry {number}: its session {id_} is not in the table")
            continue
        walk.matched += 1
        for name in _differs(row, body, addresses.get(id_, set()), agreed.get(id_)):
            found.say(f"session {id_}: '{name}' is not what entry {number} says")
    for id_, (number, body) in walk.ended.items():
        row = rows.get(id_)
        if row is not None and (row.end, row.octets_up, row.octets_down) != (
            body["end"], body["octets_up"], body["octets_down"],
        ):  # fmt: skip
            found.say(f"session {id_}: its end is not what entry {number} says")
    found.sessions = walk.matched
    walk.opened.clear()
    walk.ended.clear()


def _differs(row: Any, body: Mapping[str, Any], addresses: set[str], consent: Any) -> list[str]:
    said = {**body, "identity": body["device"]}
    is_so = {name: getattr(row, name) for name in _FIELDS}
    shown = {name: value.hex() if isinstance(value, bytes) else value or "" for name, value in is_so.items()}
    wrong = [name for name in _FIELDS if shown[name] != said[name]]
    if not set(body["addresses"]) <= addresses:
        wrong.append("addresses")
    if consent is None or any(getattr(consent, name) != body["consent"][name] for name in body["consent"]):
        wrong.append("consent")
    return wrong


def _certified(found: Verified, walk: _Walk) -> None:
    """Say what is erased without a certificate."""
    covered = sorted(walk.covered)
    for first, last in walk.missing:
        at = first
        for low, high in covered:
            if low <= at <= high:
                at = high + 1
        if at <= last:
            found.say(f"entries {at} to {last} are erased, and no certificate says so")


def _beside(connection: sa.Connection, found: Verified, walk: _Walk) -> None:
    """Say how many sessions came into the table beside the chain, since it began and what was erased."""
    if walk.began_ms is None:
        return
    since = SESSION.c.since_ms >= max(walk.began_ms, walk.before_ms)
    count = connection.execute(sa.select(sa.func.count()).select_from(SESSION).where(since)).scalar() or 0
    if count > walk.matched:
        found.say(f"{count - walk.matched} sessions stand in the table without an entry")


def _terms(connection: sa.Connection, found: Verified) -> None:
    """Say which consents are to a text that is no longer here."""
    known = {agreement.terms(language, version).digest for version in agreement.versions() for language in LANGUAGES}
    wanted = sa.select(CONSENT.c.terms, CONSENT.c.language, CONSENT.c.digest, sa.func.count())
    for row in connection.execute(wanted.group_by(CONSENT.c.terms, CONSENT.c.language, CONSENT.c.digest)):
        if row.digest not in known:
            found.say(f"{row[3]} consents are to terms {row.terms} ({row.language}), whose text is not here any more")


def persons(found: Verified, store: Persons) -> None:
    """Open every sealed value and hold it against its hash; what cannot be read here is said once."""
    keys: dict[str, bytes] = {}
    with store.database.read() as connection:
        for row in connection.execution_options(yield_per=2000).execute(sa.select(PERSON)):
            found.persons += 1
            try:
                key = keys.setdefault(row.period, store.periods.key(row.period))
                value = cipher.unseal(key, row.sealed, about(row.hash, row.kind, row.period))
            except RecordsError as error:
                found.say(f"person {row.hash.hex()[:8]} of {row.period}: {error}")
                continue
            if row.kind != Kind.DEVICE and store.hashed(row.kind, value) != row.hash:
                found.say(f"person {row.hash.hex()[:8]} of {row.period}: the value is not the one of its hash")


def heads_of(leaves: Iterable[Any]) -> dict[int, str]:
    """Return the heads that facts `portal_records` state."""
    return {int(leaf.fact.body["entries"]): str(leaf.fact.body["head"]) for leaf in leaves}


def told(found: Verified) -> Sequence[str]:
    """Return the findings, the last line saying how many more there are."""
    return [*found.problems, *([f"and {found.untold} more"] if found.untold else [])]
