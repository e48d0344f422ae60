"""The portal's record: who was let in, when, by what, and what they agreed to. Durable when a call returns.

What is recorded about a session is an entry of the chain too (records/chain.py), in the same transaction:
`portal_session` says how it is, the chain how it came to be.

Writers of the hot path go through one thread (captive_portal/batch.py): each hands in a piece of work, all pieces of a
batch go into one transaction, and one fsync acknowledges them all. Admissions of a batch are one statement a table.
"""

from __future__ import annotations

import json
import queue
from contextlib import ExitStack, suppress
from dataclasses import astuple, dataclass, fields
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Self, TypeAlias, TypeVar, cast

import sqlalchemy as sa

from captive_portal.allotment import Used
from captive_portal.batch import Batcher, Refused
from captive_portal.errors import PortalError
from captive_portal.meters import counted
from captive_portal.model import Allowance, Bounds, Client, Consent, End, Grant, Session, State
from captive_portal.records import chain
from captive_portal.redeeming import Issued, judge
from captive_portal.tables import ADDRESS, BATCH, CONSENT, HOLDER, META, MIGRATIONS, SESSION, VOUCHER
from inventory import sql
from inventory.errors import SqlBusyError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from captive_portal.records.persons import Persons
    from captive_portal.verdict import Refusal
    from netops.evidence.canonical import JSON

T = TypeVar("T")
WAIT_S = 10.0  # until work is begun, with all that waits before it
HELD_S = 4.0  # who finds the database held by another process waits no longer for it, and is told so
WRITTEN_S = 10.0  # for what is begun: it is waited for, because nobody can take it back
LATE = "the record was not written in time, nobody was let in; is the disk slow?"
_BOUNDS = tuple(each.name for each in fields(Bounds))


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """A session's first record, with whose it is and what was agreed."""

    session: Session
    identity: bytes
    site: str
    consent: Consent


@dataclass(frozen=True, slots=True, kw_only=True)
class Online:
    """The firewall is open for a session since then."""

    session: str
    at_ms: int


Work: TypeAlias = "Admission | Online | Callable[[sa.Connection], Any]"
_ENDED = sa.update(SESSION).where(SESSION.c.id == sa.bindparam("which"), SESSION.c.ended_ms.is_(None))
_ONLINE = sa.select(SESSION.c.online_ms).where(SESSION.c.id == sa.bindparam("which"))
_METER = (
    sa.update(SESSION)
    .where(SESSION.c.id == sa.bindparam("which"), SESSION.c.ended_ms.is_(None))
    .values(meter=sa.bindparam("counted"))
)
# Made ready once: a login waits for them.
_MARK = sql.Many(
    sa.update(SESSION).where(SESSION.c.id == sa.bindparam("which")).values(online_ms=sa.bindparam("at_ms")),
    *("at_ms", "which"),
)
_ROW = sql.Many(
    sa.insert(SESSION),
    *("id", "identity", "interface", "mac", "site", "method", "voucher", "since_ms", "until_ms", "bounds", "person"),
    "policy",
)
_AT = sql.Many(sa.insert(ADDRESS), "session", "address", "since_ms")
_AGREED = sql.Many(sa.insert(CONSENT), "session", "at_ms", "terms", "language", "digest", "channel")


class Store:
    """The portal's database; a context manager. Errors are inventory.errors.SqlError and PortalError.

    With `persons`, what a device and a person are known by is durable there before their session is here.
    """

    def __init__(self, url: str, persons: Persons | None = None) -> None:
        self.url = url
        self._persons = persons
        self._database = sql.Database(url, busy_s=HELD_S)
        self._writer: Batcher[Work, Any] = Batcher("portal-record", self._together)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        sql.upgrade(MIGRATIONS, self.url)
        self._stack.enter_context(self._database)
        self._stack.enter_context(self._writer)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def batches(self) -> tuple[int, int]:
        """How many transactions have been made, and for how many records."""
        return self._writer.batches, self._writer.items

    def write(self, work: Callable[[sa.Connection], T]) -> T:
        """Do the work in the next transaction; on return it is durable."""
        return cast("T", self._wait(work))

    def write_lazily(self, work: Callable[[sa.Connection], object]) -> None:
        """Do the work with the next transaction; nobody waits for it, and a crash may lose it."""
        self._writer.put_lazily(work)

    def read(self, work: Callable[[sa.Connection], T]) -> T:
        """Do the work on what is durable now; it writes nothing."""
        with self._database.read() as connection:
            return work(connection)

    def _wait(self, work: Work) -> Any:
        """Return what the work came to. What is not begun in time is left out: nothing comes after its asker left."""
        try:
            future = self._writer.put(work)
        except queue.Full:
            raise PortalError(LATE) from None
        with suppress(TimeoutError):
            return future.result(WAIT_S)
        if future.cancel():
            raise PortalError(LATE)
        try:
            return future.result(WRITTEN_S)
        except TimeoutError:
            raise PortalError(LATE) from None

    def _together(self, works: Sequence[Work]) -> list[Any]:
        """Do a batch: admissions, then what became of them, then the rest, each kind in the order handed in.

        While another process holds the persons nobody is admitted, and each is told so; the rest is done.
        """
        admissions = [work for work in works if isinstance(work, Admission)]
        marks = [work for work in works if isinstance(work, Online)]
        held: Refused | None = None
        try:
            if self._persons is not None:
                self._persons.note(each.session for each in admissions)
        except SqlBusyError as error:
            if len(admissions) == len(works):
                raise
            held = Refused(error)
        with self._database.write() as connection:
            if admissions and held is None:
                _admit(connection, admissions)
            if marks:
                _MARK.run(connection, ((mark.at_ms, mark.session) for mark in marks))
            done = {Admission: held, Online: None}
            return [done[type(work)] if isinstance(work, Admission | Online) else work(connection) for work in works]

    # ---- sessions
    def admit(self, admission: Admission) -> None:
        """Keep a new session with its addresses and its consent; RecordsError when it is nobody's.

        SqlBusyError while another process holds the persons: nothing is kept, and the next try may do.
        """
        self._wait(admission)

    def widen(self, session: Session, now_ms: int) -> None:
        """Keep the addresses and the end that a live session has now."""
        self.write(lambda connection: _widen(connection, session, now_ms))

    def online(self, session: Session, now_ms: int) -> None:
        """Note that the firewall is open. Losing it costs nothing: the restart opens it again."""
        self._writer.put_lazily(Online(session=session.id, at_ms=now_ms))

    def end(self, session: Session, used: tuple[int, int] = (0, 0)) -> None:
        """Keep how a session ended and the octets up and down it used; the clear MAC goes with it."""
        self.write(lambda connection: _end(connection, session, used))

    def live(self) -> list[Session]:
        """Return the sessions that have not ended."""
        with self._database.read() as connection:
            rows = connection.execute(_LIVE).all()
            addresses: dict[str, list[str]] = {}
            wanted = sa.select(ADDRESS.c.session, ADDRESS.c.address).join(SESSION, SESSION.c.id == ADDRESS.c.session)
            for session, address in connection.execute(
                wanted.where(SESSION.c.ended_ms.is_(None)).order_by(ADDRESS.c.since_ms, ADDRESS.c.address)
            ):
                addresses.setdefault(session, []).append(address)
        return [_session(row, tuple(addresses.get(row[0], ()))) for row in rows]

    def used(self, identity: bytes, since_ms: int) -> list[Used]:
        """Return what a device has used in each of its visits that began after an instant, living ones too."""
        octets = (SESSION.c.octets_up + SESSION.c.octets_down).label("octets")
        wanted = sa.select(SESSION.c.since_ms, octets, SESSION.c.meter).where(
            SESSION.c.identity == identity, SESSION.c.since_ms > since_ms
        )
        with self._database.read() as connection:
            rows = connection.execute(wanted).all()
        return [Used(row.since_ms, row.octets or (counted(row.meter) if row.meter else 0)) for row in rows]

    def meters(self) -> dict[str, str]:
        """Return session → what was counted of it, as kept last."""
        wanted = sa.select(SESSION.c.id, SESSION.c.meter).where(
            SESSION.c.ended_ms.is_(None), SESSION.c.meter.is_not(None)
        )
        with self._database.read() as connection:
            return {row.id: row.meter for row in connection.execute(wanted)}

    def keep_meters(self, counted: Sequence[tuple[str, str]]) -> None:
        """Keep what was counted of sessions so far."""
        rows = [{"which": session, "counted": meter} for session, meter in counted]
        self.write(lambda connection: connection.execute(_METER, rows))

    def born(self, gateway: str) -> str:
        """Return which memory a gateway had when it was last seen."""
        return self._kept(f"born:{gateway}")

    def set_born(self, gateway: str, born: str) -> None:
        """Remember which memory a gateway has now."""
        self._keep(f"born:{gateway}", born)

    def stated(self, gateway: str) -> tuple[str, int]:
        """Return of which log of a gateway, and up to which entry of it, the periods are stated."""
        mark, _, upto = self._kept(f"periods:{gateway}").rpartition(" ")
        return mark, int(upto or 0)

    def set_stated(self, gateway: str, mark: str, upto: int) -> None:
        """Remember up to which entry the periods of a gateway's log are stated."""
        self._keep(f"periods:{gateway}", f"{mark} {upto}")

    def _kept(self, key: str) -> str:
        with self._database.read() as connection:
            return str(connection.execute(sa.select(META.c.value).where(META.c.key == key)).scalar() or "")

    def _keep(self, key: str, value: str) -> None:
        def work(connection: sa.Connection) -> None:
            connection.execute(sa.delete(META).where(META.c.key == key))
            connection.execute(sa.insert(META).values(key=key, value=value))

        self.write(work)

    def was_online(self, identity: bytes, since_ms: int) -> bool:
        """Whether a device has had a visit since then that was let in."""
        mine = (SESSION.c.identity == identity, SESSION.c.since_ms >= since_ms, SESSION.c.online_ms.is_not(None))
        wanted = sa.select(SESSION.c.id).where(*mine).limit(1)
        return self.read(lambda connection: connection.execute(wanted).first()) is not None

    # ---- vouchers
    def redeem(self, hash_: bytes, identity: bytes, now_ms: int) -> Grant | Refusal:
        """Judge a voucher for a device and, on a yes, start it and bind the device, in one transaction."""
        return self.write(lambda connection: _redeem(connection, hash_, identity, now_ms))


def _admit(connection: sa.Connection, admissions: Sequence[Admission]) -> None:
    _ROW.run(connection, map(_row, admissions))
    sessions = [each.session for each in admissions]  # one that a controller let in may have no address yet
    _AT.run(connection, ((each.id, address, each.since_ms) for each in sessions for address in each.client.addresses))
    _AGREED.run(connection, map(_agreed, admissions))
    chain.append(connection, [_opened(each) for each in admissions])


def _row(admission: Admission) -> tuple[Any, ...]:
    session, grant = admission.session, admission.session.grant
    assert grant
    return (
        *(session.id, admission.identity, session.client.interface, session.client.mac, admission.site, grant.method),
        *(grant.voucher or None, session.since_ms, grant.until_ms, _bounds_text(grant.bounds), grant.person or None),
        grant.policy,
    )


def _agreed(admission: Admission) -> tuple[Any, ...]:
    consent = admission.consent
    which = admission.session.id, admission.session.since_ms
    return (*which, consent.terms, consent.language, consent.digest, consent.channel)


def _opened(admission: Admission) -> chain.Entry:
    session, grant, consent = admission.session, admission.session.grant, admission.consent
    assert grant
    agreed: dict[str, JSON] = {
        "terms": consent.terms,
        "language": consent.language,
        "digest": consent.digest,
        "channel": consent.channel,
    }
    body: dict[str, JSON] = {
        "session": session.id,
        "device": admission.identity.hex(),
        "person": grant.person.hex(),
        "voucher": grant.voucher.hex(),
        "interface": session.client.interface,
        "site": admission.site,
        "method": grant.method,
        "addresses": list(session.client.addresses),
        "since_ms": session.since_ms,
        "until_ms": grant.until_ms,
        "policy": grant.policy,
        "consent": agreed,
    }
    return chain.Entry(kind=chain.OPENED, at_ms=session.since_ms, body=body)


def _end(connection: sa.Connection, session: Session, used: tuple[int, int]) -> None:
    assert session.ended_ms is not None
    ended = {"ended_ms": session.ended_ms, "end": str(session.end), "mac": None, "meter": None}
    which = {"which": session.id, **ended, "octets_up": used[0], "octets_down": used[1]}
    if not connection.execute(_ENDED, which).rowcount:
        return  # it has its end: a write that came too late for its asker is asked for again
    online_ms = connection.execute(_ONLINE, {"which": session.id}).scalar()
    seen: dict[str, JSON] = {"online_ms": online_ms, "octets_up": used[0], "octets_down": used[1]}
    body = {"session": session.id, "end": str(session.end), **seen}
    chain.append(connection, [chain.Entry(kind=chain.ENDED, at_ms=session.ended_ms, body=body)])


def _widen(connection: sa.Connection, session: Session, now_ms: int) -> None:
    assert session.grant
    known = set(connection.execute(sa.select(ADDRESS.c.address).where(ADDRESS.c.session == session.id)).scalars())
    fresh: list[JSON] = [each for each in session.client.addresses if each not in known]
    if fresh:
        connection.execute(
            sa.insert(ADDRESS), [{"session": session.id, "address": each, "since_ms": now_ms} for each in fresh]
        )
    until_ms = session.grant.until_ms
    connection.execute(sa.update(SESSION).where(SESSION.c.id == session.id).values(until_ms=until_ms))
    body: dict[str, JSON] = {"session": session.id, "addresses": fresh, "until_ms": until_ms}
    chain.append(connection, [chain.Entry(kind=chain.WIDENED, at_ms=now_ms, body=body)])


# What a session is made of: at a start fifty thousand are read, so their columns come by place and not by name.
_LIVE = sa.select(
    *(SESSION.c[name] for name in ("id", "mac", "interface", "online_ms", "since_ms", "method", "until_ms", "voucher")),
    *(SESSION.c[name] for name in ("bounds", "person", "policy")),
).where(SESSION.c.ended_ms.is_(None))


def _session(row: Sequence[Any], addresses: tuple[str, ...]) -> Session:
    id_, mac, interface, online_ms, since_ms, method, until_ms, voucher, bounds, person, policy = row
    return Session(
        id=id_,
        client=Client(mac=mac, interface=interface, addresses=addresses),
        state=State.ONLINE if online_ms is not None else State.RECORDED,
        since_ms=since_ms,
        grant=Grant(
            method=method,
            until_ms=until_ms,
            voucher=voucher or b"",
            bounds=_bounds(bounds),
            person=person or b"",
            policy=policy,
        ),
    )


@lru_cache(256)  # a city's policies have a few
def _bounds(text: str) -> Bounds:
    return Bounds(**dict(zip(_BOUNDS, json.loads(text), strict=True)))


@lru_cache(256)
def _bounds_text(bounds: Bounds) -> str:
    return json.dumps(astuple(bounds))


def _redeem(connection: sa.Connection, hash_: bytes, identity: bytes, now_ms: int) -> Grant | Refusal:
    issued = _issued(connection, hash_)
    verdict = judge(issued, hash_, identity, now_ms)
    if not isinstance(verdict, Grant) or issued is None:
        return verdict
    if issued.first_ms is None:
        connection.execute(
            sa.update(VOUCHER).where(VOUCHER.c.hash == hash_).values(first_ms=now_ms, until_ms=verdict.until_ms)
        )
    if identity not in issued.holders:
        connection.execute(sa.insert(HOLDER), {"voucher": hash_, "identity": identity, "since_ms": now_ms})
    return verdict


def _issued(connection: sa.Connection, hash_: bytes) -> Issued | None:
    found = connection.execute(
        sa.select(VOUCHER, BATCH).join(BATCH, BATCH.c.id == VOUCHER.c.batch).where(VOUCHER.c.hash == hash_)
    ).first()
    if found is None:
        return None
    let_in = SESSION.c.end != End.NO_GATEWAY.value  # whom our own gateway has let down has used nothing up
    ended = sa.select(SESSION.c.id).where(SESSION.c.voucher == hash_, SESSION.c.ended_ms.is_not(None), let_in).limit(1)
    return Issued(
        hash=found.hash,
        allowance=Allowance(seconds=found.minutes * 60, devices=found.devices, single_use=found.single_use),
        start_by_ms=found.start_by_ms,
        first_ms=found.first_ms,
        until_ms=found.until_ms,
        withdrawn=found.withdrawn_ms is not None,
        used_up=found.single_use and connection.execute(ended).first() is not None,
        holders=frozenset(connection.execute(sa.select(HOLDER.c.identity).where(HOLDER.c.voucher == hash_)).scalars()),
    )
