"""The record of codes and messages: reserved before anything is sent, counted before anybody learns whether it was so.

Every change is one piece of work in the portal's writer, one after the other: a thousand requests at once meet the same
counts. A crash after a reservation costs the visitor one of the day's messages, never the city one too many; a message
is given back only when it is certain that nobody took it, and its code ends with that. A code that was tried stays
counted for number and device: the day's five codes of three tries are the promise that nobody guesses one.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from captive_portal.sms import budget
from captive_portal.sms.budget import DAY_MS, Denied, Spent, Window
from captive_portal.sms.code import RESUME_MS, TRIES, Handing, Judged, Pending, judge
from captive_portal.sms.number import ABROAD
from captive_portal.sms.tables import BUDGET, CODE, SENT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from captive_portal.store import Store
    from netops.texting import Sms


_KEEP = insert(CODE)
_KEEP_LAST = _KEEP.on_conflict_do_update(
    index_elements=["identity"], set_={each.name: _KEEP.excluded[each.name] for each in CODE.columns}
)
_COUNT = insert(BUDGET).on_conflict_do_update(
    index_elements=["scope", "length_ms", "start_ms"], set_={"count": BUDGET.c.count + 1}
)
_OF = sa.select(CODE).where(CODE.c.identity == sa.bindparam("whose"))
_END = sa.delete(CODE).where(CODE.c.identity == sa.bindparam("whose"))
_WHOSE = sa.or_(SENT.c.number == sa.bindparam("to_number"), SENT.c.identity == sa.bindparam("for_device"))
_WENT_OUT = sa.select(SENT.c.number, SENT.c.identity, SENT.c.at_ms).where(_WHOSE, SENT.c.at_ms > sa.bindparam("since"))
_COME_BACK = sa.update(SENT).where(_WHOSE, SENT.c.at_ms > sa.bindparam("now")).values(at_ms=sa.bindparam("now"))
_COUNTED = sa.select(BUDGET).where(
    BUDGET.c.scope.in_(sa.bindparam("scopes", expanding=True)),
    BUDGET.c.start_ms.in_(sa.bindparam("starts", expanding=True)),
)
_TRIED = sa.update(CODE).where(CODE.c.identity == sa.bindparam("whose")).values(tries=sa.bindparam("so_many"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What a try of a code came to; `pending` is the code as it stands after it, `wait_ms` until another may be had."""

    judged: Judged
    pending: Pending | None
    wait_ms: int = 0


class Book:
    """Codes and messages in the portal's database, which nobody else writes.

    Which devices have a code is also known in memory: most who come by have none, and cost no question.
    """

    def __init__(self, store: Store, caps: Sms) -> None:
        self._store = store
        self._caps = caps
        self._held: dict[bytes, int] | None = None  # identity → when its code was asked for
        self._lock = Lock()

    def reserve(self, wanted: Pending, now_ms: int) -> Denied | int:
        """Count a message and keep its code in place of the device's last one; durable on return.

        Return how many milliseconds until another code may be had, or why this one may not.
        """
        held = self._index()

        def work(connection: sa.Connection) -> Denied | int:
            spent = _spent(connection, self._caps, wanted, now_ms)
            no = budget.denied(self._caps, spent, now_ms)
            if no is not None:
                return no
            _count(connection, wanted, 0, now_ms, spent.counts)
            connection.execute(_KEEP_LAST, asdict(wanted))
            held[wanted.identity] = wanted.asked_ms  # before it is durable: in doubt the database is asked
            return budget.next_ms(self._caps, spent.after(now_ms), now_ms)

        return self._store.write(work)

    def charge(self, wanted: Pending, now_ms: int) -> Denied | None:
        """Count a message whose code is kept elsewhere, for good; durable on return."""

        def work(connection: sa.Connection) -> Denied | None:
            spent = _spent(connection, self._caps, wanted, now_ms)
            no = budget.denied(self._caps, spent, now_ms)
            if no is None:
                _count(connection, wanted, 0, now_ms, spent.counts)
            return no

        return self._store.write(work)

    def further(self, sent: Pending, part: int, now_ms: int) -> bool:
        """Count one more message with the same code, when it is not certain that the last one was not taken."""

        def work(connection: sa.Connection) -> bool:
            spent = _spent(connection, self._caps, sent, now_ms)
            if budget.denied(self._caps, spent, now_ms, further=True) is not None:
                return False
            _count(connection, sent, part, now_ms, spent.counts)
            return True

        return self._store.write(work)

    def give_back(self, sent: Pending) -> None:
        """Give a message back that nobody took, with what it was counted for, and end its code.

        While the providers were asked it may have been tried, or replaced: then number and device have had a code.
        """

        def work(connection: sa.Connection) -> None:
            times = connection.execute(sa.select(SENT.c.at_ms).where(SENT.c.id == sent.id)).scalars().all()
            for at_ms in times:
                for window in _windows(self._caps, sent):
                    counted = (*_at(window, window.start_ms(at_ms)), BUDGET.c.count > 0)
                    connection.execute(sa.update(BUDGET).where(*counted).values(count=BUDGET.c.count - 1))
            ended = sa.update(CODE).where(*_own(sent)).values(handing=Handing.UNSENT, tries=TRIES)
            if connection.execute(ended.where(CODE.c.tries == 0)).rowcount:
                connection.execute(sa.delete(SENT).where(SENT.c.id == sent.id))
            else:
                connection.execute(ended)

        self._store.write(work)

    def forget(self, sent: Pending) -> None:
        """Delete a code, so that its device begins anew."""
        self._store.write(lambda connection: connection.execute(sa.delete(CODE).where(*_own(sent))))

    def note(self, sent: Pending, handing: Handing) -> None:
        """Note what became of a message; nobody waits for it."""
        change = sa.update(CODE).where(*_own(sent)).values(handing=handing)
        self._store.write_lazily(lambda connection: connection.execute(change))

    def attempt(self, identity: bytes, key: bytes, code: str, now_ms: int) -> Tried:
        """Judge a try, count it, and end a code that was right; durable on return."""

        def work(connection: sa.Connection) -> Tried:
            pending = _pending(connection, identity)
            judged = judge(pending, key, code, now_ms)
            if pending is None:
                return Tried(judged=judged, pending=None)
            if judged is Judged.RIGHT:
                connection.execute(_END, {"whose": identity})
                return Tried(judged=judged, pending=pending)
            if judged is Judged.WRONG:
                pending = replace(pending, tries=pending.tries + 1)
                connection.execute(_TRIED, {"whose": identity, "so_many": pending.tries})
            spent = _went_out(connection, pending, now_ms)
            return Tried(judged=judged, pending=pending, wait_ms=budget.next_ms(self._caps, spent, now_ms))

        if identity not in self._index():
            return Tried(judged=Judged.OVER, pending=None)

        return self._store.write(work)

    def put_back(self, pending: Pending) -> None:
        """Keep a code again that was right, when the person behind it could not be recorded; a newer one stays."""
        keep = _KEEP.on_conflict_do_nothing()
        self._store.write(lambda connection: connection.execute(keep, asdict(pending)))

    def pending(self, identity: bytes, now_ms: int) -> Pending | None:
        """Return the code that a device was sent and has not used."""
        if identity not in self._index():
            return None
        found = self._store.read(lambda connection: _pending(connection, identity))
        return found if found is not None and found.open(now_ms) else None

    def next_ms(self, pending: Pending, now_ms: int) -> int:
        """Return how long until the device may ask for another code to this number."""
        spent = self._store.read(lambda connection: _went_out(connection, pending, now_ms))
        return budget.next_ms(self._caps, spent, now_ms)

    def purge(self, now_ms: int) -> None:
        """Delete what no longer bears on anything: codes with the sealed numbers first.

        What went out is kept for a day longer than it counts: a clock that jumps ahead and back refills nothing.
        """

        def work(connection: sa.Connection) -> None:
            connection.execute(sa.delete(CODE).where(CODE.c.asked_ms < now_ms - RESUME_MS))
            connection.execute(sa.delete(SENT).where(SENT.c.at_ms < now_ms - 2 * DAY_MS))
            connection.execute(sa.delete(BUDGET).where(BUDGET.c.start_ms < now_ms - 2 * DAY_MS))

        self._store.write(work)
        held = self._index()
        for identity in [each for each, asked_ms in list(held.items()) if asked_ms < now_ms - RESUME_MS]:
            held.pop(identity, None)

    def _index(self) -> dict[bytes, int]:
        with self._lock:
            if self._held is None:
                rows = self._store.read(
                    lambda connection: connection.execute(sa.select(CODE.c.identity, CODE.c.asked_ms)).all()
                )
                self._held = {row.identity: row.asked_ms for row in rows}
            return self._held


def _windows(caps: Sms, wanted: Pending) -> tuple[Window, ...]:
    return budget.windows(caps, wanted.site, abroad=wanted.carrier == ABROAD)


def _at(window: Window, start_ms: int) -> tuple[Any, ...]:
    return BUDGET.c.scope == window.scope, BUDGET.c.length_ms == window.length_ms, BUDGET.c.start_ms == start_ms


def _own(sent: Pending) -> tuple[Any, ...]:
    return CODE.c.identity == sent.identity, CODE.c.id == sent.id


def _spent(connection: sa.Connection, caps: Sms, wanted: Pending, now_ms: int) -> Spent:
    """Return what counts; times that a clock which has stepped back left in the future become now."""
    spent = _went_out(connection, wanted, now_ms)
    if spent.ahead:
        whose = {"to_number": wanted.number, "for_device": wanted.identity, "now": now_ms}
        connection.execute(_COME_BACK, whose)
    windows = _windows(caps, wanted)
    which = {"scopes": [each.scope for each in windows], "starts": [each.start_ms(now_ms) for each in windows]}
    rows = connection.execute(_COUNTED, which).mappings()
    found = {(row["scope"], row["length_ms"], row["start_ms"]): int(row["count"]) for row in rows}
    counts = {each: found.get((each.scope, each.length_ms, each.start_ms(now_ms)), 0) for each in windows}
    return replace(spent, counts=counts)


def _went_out(connection: sa.Connection, wanted: Pending, now_ms: int) -> Spent:
    """Return what went out in the last day to the number and for the device."""
    whose = {"to_number": wanted.number, "for_device": wanted.identity, "since": now_ms - DAY_MS}
    rows = connection.execute(_WENT_OUT, whose).all()
    return Spent(
        number_ms=tuple(sorted(min(each.at_ms, now_ms) for each in rows if each.number == wanted.number)),
        client_ms=tuple(sorted(min(each.at_ms, now_ms) for each in rows if each.identity == wanted.identity)),
        counts={},
        ahead=any(each.at_ms > now_ms for each in rows),
    )


def _count(connection: sa.Connection, sent: Pending, part: int, now_ms: int, windows: Iterable[Window]) -> None:
    row = {"id": sent.id, "part": part, "number": sent.number, "identity": sent.identity, "at_ms": now_ms}
    connection.execute(sa.insert(SENT), row)
    counts = [
        {"scope": each.scope, "length_ms": each.length_ms, "start_ms": each.start_ms(now_ms), "count": 1}
        for each in windows
    ]
    connection.execute(_COUNT, counts)


def _pending(connection: sa.Connection, identity: bytes) -> Pending | None:
    row = connection.execute(_OF, {"whose": identity}).mappings().first()
    return Pending(**{**row, "handing": Handing(row["handing"])}) if row is not None else None
