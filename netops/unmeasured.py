"""How much of each sealed hour nobody measured, of all services or of some: kept by the core, read by the pages.

A month of thousands of services is millions of sums; a page that adds them up is late. So the journal
(`netops/journal.py`) adds up an hour when it keeps its sums, and again when the hour is stated again.
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
"""
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
    """Add up all hours of a journal that is from before this table; nothing where it has any."""
    if db.execute("SELECT 1 FROM unmeasured LIMIT 1").get is None:
        db.execute(f"{_ADDED} GROUP BY hour_ms")


def note(db: apsw.Connection, hours: Iterable[int]) -> None:
    """Add up hours whose sums were kept."""
    db.executemany(f"{_ADDED} WHERE hour_ms = ? GROUP BY hour_ms", ((hour,) for hour in sorted(set(hours))))


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
        if services is not None:
            rows = list(_of(db, services, [hour for hour, _unknown, _whole in rows]))
        return {int(hour): (int(unknown), int(whole)) for hour, unknown, whole in rows}


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


def _of(db: apsw.Connection, services: Collection[str], hours: Iterable[int]) -> Iterator[tuple[int, int, int]]:
    """Yield the sums of some services by hour; an hour in which none of them was sealed is not among them.

    Few services are looked up one by one, many are found on the way through the hour: measured, the one is quicker
    below a quarter of them.
    """
    wanted, known = set(services), list(db.execute("SELECT no, id FROM service"))
    mine = [(no,) for no, name in known if name in wanted]
    one = _LOOKED_UP if len(mine) * FEW < len(known) else _ON_THE_WAY
    db.pragma("temp_store", 2)  # in memory: the file may be another user's, and its directory, too
    with db:
        db.execute("CREATE TEMP TABLE mine(no INTEGER PRIMARY KEY)")
        db.executemany("INSERT INTO mine VALUES (?)", mine)
    for hour in hours:
        unknown, whole = db.execute(one, (hour,)).get
        if whole is not None:
            yield hour, unknown, whole
