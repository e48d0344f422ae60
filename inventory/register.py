"""The register: what was bought and where it stands, by the time it holds and the time it was recorded.

Files are applied (`apply`), what two persons decided is carried out (`edit`); one after the other, all others read.
A register is a rehearsal's or a production instance's from its first application on, and the other kind refuses to
open it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Self

import sqlalchemy as sa

from inventory import codec, edits
from inventory.change import Belief, Plan
from inventory.city import Source
from inventory.errors import RegisterError
from inventory.model import Contract
from inventory.plan import plan
from inventory.sql import Database
from inventory.tables import APPLICATION, FOREVER, META, RECORD, SOURCE
from inventory.times import iso

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inventory.city import City, Key
    from inventory.edits import Edit
    from inventory.model import Record

STEP_BACK_MS = 2_000  # a clock this far behind the last record is corrected by it; further back it is refused
_R = RECORD.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Spell:
    """A record over the time it holds, cut to what was asked for; `to_ms` may be `FOREVER`."""

    record: Record
    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One row of a record's history: when it holds, and when it was believed."""

    record: Record
    valid_from: int
    valid_to: int
    recorded_from: int
    recorded_to: int
    by: str = ""
    reason: str = ""
    request: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """One change of the register: when it was recorded, from when it holds, by whom, why; how many records it touched.

    `request` is the decision of two persons that it carries out; empty: files were applied.
    """

    recorded_ms: int
    valid_ms: int
    added: int
    changed: int
    ended: int
    by: str
    reason: str
    request: str


class Register:
    """Inert until entered. `rehearsal` is what this instance is."""

    def __init__(self, url: str, *, rehearsal: bool, readonly: bool = False) -> None:
        self.database = Database(url, readonly=readonly)
        self.rehearsal = rehearsal

    def __enter__(self) -> Self:
        self.database.__enter__()
        try:
            with self.database.read() as connection:
                self._refuse_other(connection)
        except BaseException:
            self.database.close()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.database.close()

    def plan(self, city: City, *, at_ms: int) -> Plan:
        """Return what `apply` would do; nothing is written."""
        with self.database.read() as connection:
            return plan(city, _beliefs(connection), _contracts(connection), at_ms=at_ms)

    def apply(self, city: City, *, at_ms: int, now_ms: int, by: str = "", reason: str = "") -> Plan:
        """Make the register say what the city's files say, from `at_ms` on; durable on return.

        Nothing to change writes no row, but the places of the records in their files.
        """
        with self.database.write(lock="register") as connection:
            self._refuse_other(connection)
            made = plan(city, _beliefs(connection), _contracts(connection), at_ms=at_ms)
            self._keep(connection, made, now_ms=now_ms, why=("", by, reason))
        return made

    def plan_edits(self, wanted: Sequence[Edit], *, at_ms: int) -> Plan:
        """Return what `edit` would do; nothing is written. FilesError with every edit that does not fit."""
        with self.database.read() as connection:
            return edits.plan(wanted, _beliefs(connection), at_ms=at_ms, place="")

    def edit(self, wanted: Sequence[Edit], *, at_ms: int, now_ms: int, request: str, by: str, reason: str) -> Plan:
        """Carry out what two persons decided, all of it or nothing; durable on return.

        FilesError when an edit does not fit what the register holds; SqlConflictError when it was carried out before.
        """
        with self.database.write(lock="register") as connection:
            self._refuse_other(connection)
            made = edits.plan(wanted, _beliefs(connection), at_ms=at_ms, place=f"request {request}")
            self._keep(connection, made, now_ms=now_ms, why=(request, by, reason))
        return made

    def applied(self, request: str) -> int | None:
        """Return when what a request asked for was recorded; None while it was not."""
        with self.database.read() as connection:
            chosen = sa.select(APPLICATION.c.recorded_ms).where(APPLICATION.c.request == request)
            return connection.execute(chosen).scalar()

    def applications(self, *, most: int) -> list[Application]:
        """Return the last changes of the register, the newest first."""
        names = [field.name for field in fields(Application)]
        chosen = sa.select(*(APPLICATION.c[name] for name in names)).order_by(APPLICATION.c.id.desc()).limit(most)
        with self.database.read() as connection:
            return [Application(**dict(zip(names, row, strict=True))) for row in connection.execute(chosen)]

    def _keep(self, connection: sa.Connection, made: Plan, *, now_ms: int, why: tuple[str, str, str]) -> None:
        if connection.execute(sa.select(META.c.value).where(META.c.key == "rehearsal")).scalar() is None:
            connection.execute(META.insert().values(key="rehearsal", value=_word(rehearsal=self.rehearsal)))
        if made.changes:
            _write(connection, made, _recorded(connection, now_ms, self.database.shown), why)
        _place(connection, made)

    def holding(
        self, *, at_ms: int, recorded_ms: int | None = None
    ) -> tuple[list[tuple[str, str, str]], dict[Key, Source], int]:
        """Return (noun, id, canonical body) of all that holds, the places, and the instant of the last record."""
        chosen = sa.select(_R.noun, _R.name, _R.body).where(
            _R.valid_from <= at_ms, _R.valid_to > at_ms, *_believed(recorded_ms)
        )
        with self.database.read() as connection:
            rows = [(row[0], row[1], row[2]) for row in connection.execute(chosen)]
            return rows, _sources(connection), _last(connection)

    def spells(
        self, noun: str, *, start_ms: int, end_ms: int, name: str = "", recorded_ms: int | None = None
    ) -> list[Spell]:
        """Return the records of a noun that hold at any time in `[start, end)`, each cut to it, by id and time.

        A service contracted for half a month has one spell of half a month; an amended contract has two.
        """
        chosen = sa.select(_R.noun, _R.body, _R.valid_from, _R.valid_to).where(
            _R.noun == noun, _R.valid_from < end_ms, _R.valid_to > start_ms, *_believed(recorded_ms)
        )
        if name:
            chosen = chosen.where(_R.name == name)
        with self.database.read() as connection:
            found = list(connection.execute(chosen.order_by(_R.name, _R.valid_from)))
        return [
            Spell(record=codec.decode(row[0], row[1]), from_ms=max(row[2], start_ms), to_ms=min(row[3], end_ms))
            for row in found
        ]

    def mark(self, *, at_ms: int) -> tuple[int, int]:
        """Return what tells two states apart at little cost: while the mark is the same, so is the snapshot.

        It is the instant of the last record, and the last instant up to `at_ms` at which something began or ended.
        """
        with self.database.read() as connection:
            edges = [
                connection.execute(sa.select(sa.func.max(edge)).where(edge <= at_ms, *_believed(None))).scalar()
                for edge in (_R.valid_from, _R.valid_to)
            ]
            return _last(connection), max(edge or 0 for edge in edges)

    def ahead(self, *, at_ms: int) -> list[int]:
        """Return the instants after `at_ms` from which on something is planned to begin or to change."""
        chosen = sa.select(_R.valid_from).where(_R.valid_from > at_ms, _R.recorded_to == FOREVER).distinct()
        with self.database.read() as connection:
            return list(connection.execute(chosen.order_by(_R.valid_from)).scalars())

    def history(self, noun: str, name: str) -> list[Told]:
        """Return everything ever said about one record, in the order in which it was recorded."""
        why = (APPLICATION.c.by, APPLICATION.c.reason, APPLICATION.c.request)
        times = (_R.valid_from, _R.valid_to, _R.recorded_from, _R.recorded_to)
        chosen = sa.select(_R.body, *times, *why).join_from(RECORD, APPLICATION).where(_R.noun == noun, _R.name == name)
        with self.database.read() as connection:
            rows = list(connection.execute(chosen.order_by(_R.recorded_from, _R.valid_from)))
        return [
            Told(
                record=codec.decode(noun, body),
                valid_from=valid_from,
                valid_to=valid_to,
                recorded_from=recorded_from,
                recorded_to=recorded_to,
                by=by,
                reason=reason,
                request=request,
            )
            for body, valid_from, valid_to, recorded_from, recorded_to, by, reason, request in rows
        ]

    def _refuse_other(self, connection: sa.Connection) -> None:
        mark = connection.execute(sa.select(META.c.value).where(META.c.key == "rehearsal")).scalar()
        if mark is None or mark == _word(rehearsal=self.rehearsal):
            return
        whose, instance = ("a rehearsal", "a production") if mark == "true" else ("a production", "a rehearsal")
        what = f"this register is of {whose} instance; {instance} instance refuses it"
        remedy = "use the settings it was made with ([city] rehearsal), or another register"
        raise RegisterError(f"{self.database.shown}: {what}; {remedy}")


def _word(*, rehearsal: bool) -> str:
    return "true" if rehearsal else "false"


def _believed(recorded_ms: int | None) -> tuple[sa.ColumnElement[bool], ...]:
    if recorded_ms is None:
        return (_R.recorded_to == FOREVER,)
    return _R.recorded_from <= recorded_ms, _R.recorded_to > recorded_ms


def _beliefs(connection: sa.Connection) -> list[Belief]:
    columns = (_R.id, _R.noun, _R.name, _R.version, _R.valid_from, _R.valid_to, _R.body, APPLICATION.c.request)
    chosen = sa.select(*columns).join_from(RECORD, APPLICATION).where(_R.recorded_to == FOREVER)
    return [
        Belief(
            row=row,
            at=(noun, name, version),
            valid_from=start,
            valid_to=end,
            record=codec.decode(noun, body),
            request=request,
        )
        for row, noun, name, version, start, end, body, request in connection.execute(chosen)
    ]


def _contracts(connection: sa.Connection) -> dict[Key, Contract]:
    """Return every version ever recorded, in the order in which they were."""
    found: dict[Key, Contract] = {}
    chosen = sa.select(_R.name, _R.version, _R.body).where(_R.noun == "contract").order_by(_R.id)
    for name, version, body in connection.execute(chosen):
        if ("contract", name, version) not in found:
            record = codec.decode("contract", body)
            assert isinstance(record, Contract)
            found["contract", name, version] = record
    return found


def _last(connection: sa.Connection) -> int:
    return connection.execute(sa.select(sa.func.max(APPLICATION.c.recorded_ms))).scalar() or 0


def _recorded(connection: sa.Connection, now_ms: int, shown: str) -> int:
    """Return the recorded time: it only moves forward, whatever the clock does, or beliefs would overlap."""
    last = _last(connection)
    if now_ms < last - STEP_BACK_MS:
        behind = f"its last record is of {iso(last)}, this clock says {iso(now_ms)}"
        raise RegisterError(f"{shown}: {behind}; the clock stepped back: correct it, then apply again")
    return max(now_ms, last + 1)


def _write(connection: sa.Connection, made: Plan, recorded: int, why: tuple[str, str, str]) -> None:
    counts = {"added": made.count("add"), "changed": made.count("change"), "ended": made.count("end")}
    told = dict(zip(("request", "by", "reason"), why, strict=True))
    entry = APPLICATION.insert().values(recorded_ms=recorded, valid_ms=made.at_ms, **counts, **told)
    application = connection.execute(entry.returning(APPLICATION.c.id)).scalar_one()
    old = [{"row": row} for change in made.changes for row in change.supersedes]
    if old:
        close = RECORD.update().where(_R.id == sa.bindparam("row")).values(recorded_to=recorded)
        connection.execute(close, old)
    rows = [
        {
            "noun": piece.at[0],
            "name": piece.at[1],
            "version": piece.at[2],
            "valid_from": piece.valid_from,
            "valid_to": piece.valid_to,
            "recorded_from": recorded,
            "recorded_to": FOREVER,
            "application": application,
            "body": codec.encode(piece.record),
        }
        for change in made.changes
        for piece in change.pieces
    ]
    if rows:
        connection.execute(RECORD.insert(), rows)


def _sources(connection: sa.Connection) -> dict[Key, Source]:
    return {
        (noun, name, version): Source(place, json.loads(places) if places != "{}" else {})
        for noun, name, version, place, places in connection.execute(sa.select(SOURCE))
    }


def _place(connection: sa.Connection, made: Plan) -> None:
    before = _sources(connection)
    moved = {at: source for at, source in made.sources.items() if before.get(at) != source}
    gone = [{"n": at[0], "i": at[1], "v": at[2]} for at in moved if at in before]
    if gone:
        of = SOURCE.c
        same = (of.noun == sa.bindparam("n"), of.name == sa.bindparam("i"), of.version == sa.bindparam("v"))
        connection.execute(SOURCE.delete().where(*same), gone)
    rows = [
        {"noun": at[0], "name": at[1], "version": at[2], "source": source.place, "places": _lines(source)}
        for at, source in moved.items()
    ]
    if rows:
        connection.execute(SOURCE.insert(), rows)


def _lines(source: Source) -> str:
    return json.dumps(dict(source.parts), ensure_ascii=False)
