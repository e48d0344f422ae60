"""Attempts that are counted as failed before they are looked at; how long each must wait says `throttle.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from netops.access import throttle
from netops.access.tables import FAILURE
from netops.errors import AccessError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inventory.sql import Database


class ThrottledError(AccessError):
    """Too many failed logins; `wait_s` says when the next attempt is looked at."""

    def __init__(self, wait_s: int) -> None:
        self.wait_s = wait_s
        super().__init__(f"too many failed logins; try again in {wait_s} s")


def reserve(database: Database, spots: Mapping[str, str], now_ms: int, holding: frozenset[str]) -> None:
    """Count the attempt as failed before it is looked at, so that parallel ones cannot all slip through.

    It counts in every bucket; those of the limits `holding` can make it wait.
    """
    with database.write() as db:
        rows = {row.bucket: row for row in db.execute(sa.select(FAILURE).where(FAILURE.c.bucket.in_(spots.values())))}
        waits = [
            throttle.wait_ms(limit, count=rows[spot].failures, last_ms=rows[spot].last_ms, now_ms=now_ms)
            for limit, spot in spots.items()
            if spot in rows and limit in holding
        ]
        if wait := max(waits, default=0):
            raise ThrottledError(-(-wait // 1000))
        for spot in spots.values():
            fresh = spot not in rows or now_ms - rows[spot].last_ms >= throttle.FORGET_MS
            count = 1 if fresh else rows[spot].failures + 1
            db.execute(sa.delete(FAILURE).where(FAILURE.c.bucket == spot))
            db.execute(sa.insert(FAILURE).values(bucket=spot, failures=count, last_ms=now_ms))


def forgive(db: sa.Connection, spots: Mapping[str, str]) -> None:
    """Take back the attempt that was counted as failed and has succeeded; others from the same client stay counted."""
    own = [spot for limit, spot in spots.items() if limit in {"both", "name", "factor"}]
    db.execute(sa.delete(FAILURE).where(FAILURE.c.bucket.in_(own)))
    shared = [spot for limit, spot in spots.items() if limit in {"client", "all"}]
    mine = sa.and_(FAILURE.c.bucket.in_(shared), FAILURE.c.failures > 0)
    db.execute(sa.update(FAILURE).where(mine).values(failures=FAILURE.c.failures - 1))
