"""How much of each sealed hour nobody measured, of all services or of some: kept by the core, read by the pages.

A month of thousands of services is millions of sums; a page that adds them up is late. So the journal
(`netops/journal.py`) adds up an hour when it keeps its sums, and again when the hour is stated again. For whoever sees
some services it keeps, of each hour, which services had the same: few amounts, each with its services as bits, so that
any choice of them is added up by counting bits.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import apsw

from netops import sqlite
from netops.errors import NetopsError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

SCHEMA = """
CREATE TABLE IF NOT EXISTS unmeasured(hour_ms INTEGER PRIMARY KEY, unknown_ms INTEGER NOT NULL,
    whole_ms INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS alike(hour_ms INTEGER NOT NULL, unknown_ms INTEGER NOT NULL, whole_ms INTEGER NOT NULL,
    services BLOB NOT NULL, PRIMARY KEY (hour_ms, unknown_ms, whole_ms)) WITHOUT ROWID;
"""
BEFORE_MS = 62 * 86_400_000  # of a journal from before `alike`: the hours that are brought up to it, the newest
_ADDED = (
    "INSERT OR REPLACE INTO unmeasured SELECT hour_ms, sum(unknown_ms), sum(up_ms + degraded_ms + down_ms + unknown_ms)"
    " FROM hour"
)
_LOOKED_UP = (
    "SELECT sum(unknown_ms), sum(up_ms + degraded_ms + down_ms + unknown_ms)"
    " FROM mine CROSS JOIN hour USING (no) WHERE hour_ms = ?"
)
_ON_THE_WAY = (
    "SELECT sum(unknown_ms), sum(up_ms + degraded_ms + down_ms + unknown_ms)"
    " FROM hour CROSS JOIN mine USING (no) WHERE hour_ms = ?"
)
FEW = 4  # a share of all services, below which each is looked up by itself


def begin(db: apsw.Connection) -> None:
    """Add up the hours of a journal that is from before these tables; nothing where they have any."""
    if db.execute("SELECT 1 FROM unmeasured LIMIT 1").get is None:
        db.execute(f"{_ADDED} GROUP BY hour_ms")
    newest = db.execute("SELECT max(hour_ms) FROM unmeasured").get
    if newest is not None and db.execute("SELECT 1 FROM alike LIMIT 1").get is None:
        asked = "SELECT hour_ms FROM unmeasured WHERE hour_ms > ?"
        hours = [int(hour) for (hour,) in db.execute(asked, (newest - BEFORE_MS,))]
        with db:
            _note_alike(db, hours)


def note(db: apsw.Connection, hours: Iterable[int]) -> None:
    """Add up hours whose sums were kept."""
    told = sorted(set(hours))
    db.executemany(f"{_ADDED} WHERE hour_ms = ? GROUP BY hour_ms", ((hour,) for hour in told))
    _note_alike(db, told)


def _note_alike(db: apsw.Connection, hours: Iterable[int]) -> None:
    """Keep which services of each hour had the same amounts."""
    asked = "SELECT unknown_ms, up_ms + degraded_ms + down_ms + unknown_ms, no FROM hour WHERE hour_ms = ?"
    for hour in hours:
        alike: dict[tuple[int, int], list[int]] = {}
        for unknown, whole, no in db.execute(asked, (hour,)):
            alike.setdefault((unknown, whole), []).append(no)
        db.execute("DELETE FROM alike WHERE hour_ms = ?", (hour,))
        db.executemany(
            "INSERT INTO alike VALUES (?, ?, ?, ?)",
            ((hour, unknown, whole, _packed(services)) for (unknown, whole), services in alike.items()),
        )


def _packed(services: Collection[int]) -> bytes:
    """Return numbers of services as bits, that of number n at n."""
    made = bytearray(max(services, default=0) // 8 + 1)
    for no in services:
        made[no // 8] |= 1 << no % 8
    return bytes(made)


def by_hour(
    path: Path, *, start_ms: int, end_ms: int, services: Collection[str] | None = None
) -> dict[int, tuple[int, int]]:
    """Return hour → (not measured, whole) service time in ms over the sealed hours of `[start, end)`.

    With `services` it is theirs alone, added up here. `path` is the journal's file; empty before the core has made one.
    NetopsError when it cannot be read.
    """
    with reading(path) as db:
        if db is None or db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'unmeasured'").get is None:
            return {}  # the core of before wrote it, and has not been started since
        asked = "SELECT hour_ms, unknown_ms, whole_ms FROM unmeasured WHERE hour_ms >= ? AND hour_ms < ?"
        rows = list(db.execute(asked, (start_ms, end_ms)))
        if services is None:
            return {int(hour): (int(unknown), int(whole)) for hour, unknown, whole in rows}
        wanted = set(services)
        mine = [no for no, name in db.execute("SELECT no, id FROM service") if name in wanted]
        counted = _counted(db, mine, start_ms, end_ms)
        older = [hour for hour, _unknown, _whole in rows if hour not in counted]
        sums = counted | {hour: (unknown, whole) for hour, unknown, whole in _added(db, mine, older)}
        return {hour: sums[hour] for hour in sorted(sums) if sums[hour][1]}


def _counted(db: apsw.Connection, mine: Collection[int], start_ms: int, end_ms: int) -> dict[int, tuple[int, int]]:
    """Return the sums of some services over each hour of which it is kept who was alike; (0, 0) where none was there.

    Empty for the journal of a core from before.
    """
    if db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'alike'").get is None:
        return {}
    bits, made = int.from_bytes(_packed(mine), "little"), dict[int, tuple[int, int]]()
    asked = "SELECT hour_ms, unknown_ms, whole_ms, services FROM alike WHERE hour_ms >= ? AND hour_ms < ?"
    for hour, unknown, whole, services in db.execute(asked, (start_ms, end_ms)):
        count = (int.from_bytes(services, "little") & bits).bit_count()
        before = made.get(hour, (0, 0))
        made[hour] = before[0] + count * unknown, before[1] + count * whole
    return made


@contextmanager
def reading(path: Path) -> Iterator[apsw.Connection | None]:
    """Open the journal beside the core that writes it; None before there is one. NetopsError when it cannot be read."""
    if not path.exists():
        yield None
        return
    try:
        db = sqlite.reader(path)
        try:
            yield db
        finally:
            sqlite.close(db)
    except apsw.Error as error:
        raise NetopsError(
            f"{path}: the sums of sealed hours cannot be read ({error}); the core's log says why"
        ) from None


def _added(db: apsw.Connection, mine: Collection[int], hours: Collection[int]) -> Iterator[tuple[int, int, int]]:
    """Yield the sums of some services by hour, added up one by one; an hour in which none was sealed is not among them.

    Few services are looked up one by one, many are found on the way through the hour: measured, the one is quicker
    below a quarter of them.
    """
    if not hours:
        return
    known = db.execute("SELECT count(*) FROM service").get
    one = _LOOKED_UP if len(mine) * FEW < known else _ON_THE_WAY
    db.pragma("temp_store", 2)  # in memory: the file may be another user's, and its directory, too
    with db:
        db.execute("CREATE TEMP TABLE mine(no INTEGER PRIMARY KEY)")
        db.executemany("INSERT INTO mine VALUES (?)", ((no,) for no in mine))
    for hour in hours:
        unknown, whole = db.execute(one, (hour,)).get
        if whole is not None:
            yield hour, unknown, whole
