"""Failed logins, counted by window, account and address in `staff.db`; `bulk.py` says which of them are told.

Rows are of a bounded number, whatever is tried: beyond `MOST` of a window an address is no longer told apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from inventory.errors import SqlConflictError
from netops.access import bulk
from netops.access.bulk import Refused
from netops.access.tables import REFUSED, TOLD

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from inventory.sql import Database
    from netops.facts import Fact

MOST = 200  # pairs of account and address in one window
ADDRESS = 45
N = REFUSED.c.failures


def count(db: sa.Connection, now_ms: int, *, account: str, address: str) -> None:
    """Count one failed attempt; `account` is empty where there is none of that name."""
    start_ms, address = bulk.window(now_ms), address[:ADDRESS]
    in_window = REFUSED.c.window_ms == start_ms
    mine = sa.and_(in_window, REFUSED.c.account == account, REFUSED.c.address == address)
    if db.execute(sa.update(REFUSED).where(mine).values(failures=N + 1)).rowcount:
        return
    held = db.execute(sa.select(sa.func.count()).select_from(REFUSED).where(in_window)).scalar_one()
    if held >= MOST:
        address = ""
        mine = sa.and_(in_window, REFUSED.c.account == account, REFUSED.c.address == address)
        if db.execute(sa.update(REFUSED).where(mine).values(failures=N + 1)).rowcount:
            return
    db.execute(sa.delete(REFUSED).where(REFUSED.c.window_ms < start_ms - bulk.USUAL_MS))
    db.execute(sa.insert(REFUSED).values(window_ms=start_ms, account=account, address=address, failures=1))


class Refusals:
    """The windows of one instance; `step` tells of those that are over."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._after_ms = 0  # windows before were looked at by this process

    def step(self, submit: Callable[[Sequence[Fact]], object], *, now_ms: int) -> int:
        """State each window that is over and was bulk, once, whichever process comes first; return how many.

        A process that dies between the two leaves the fact in its spool and no mark: then it is stated again.
        """
        since_ms, until_ms = max(self._after_ms, now_ms - bulk.TOLD_MS), bulk.window(now_ms)
        due = sa.and_(REFUSED.c.window_ms >= since_ms, REFUSED.c.window_ms < until_ms)
        with self.database.read() as db:
            starts = db.execute(sa.select(REFUSED.c.window_ms).where(due).distinct().order_by(REFUSED.c.window_ms))
            windows = list(starts.scalars())
        made = sum(self._tell(submit, start_ms, now_ms=now_ms) for start_ms in windows)
        self._after_ms = until_ms
        return made

    def _tell(self, submit: Callable[[Sequence[Fact]], object], start_ms: int, *, now_ms: int) -> bool:
        with self.database.read() as db:
            if db.execute(sa.select(TOLD.c.window_ms).where(TOLD.c.window_ms == start_ms)).first() is not None:
                return False
            query = sa.select(REFUSED).where(REFUSED.c.window_ms == start_ms)
            rows = [Refused(account=row.account, address=row.address, count=row.failures) for row in db.execute(query)]
        fact = bulk.told(start_ms, rows, lambda of, name: self._usual(of, name, start_ms), now_ms=now_ms)
        if fact is None:
            return False
        try:
            with self.database.write() as db:
                db.execute(sa.delete(TOLD).where(TOLD.c.window_ms < start_ms - bulk.USUAL_MS))
                db.execute(sa.insert(TOLD).values(window_ms=start_ms))
                submit([fact])
        except SqlConflictError:
            return False
        return True

    def _usual(self, of: str, name: str, start_ms: int) -> int:
        """Return the most failures of a name in any window of the 30 days before that was not told."""
        column = REFUSED.c.account if of == "account" else REFUSED.c.address
        before = sa.and_(REFUSED.c.window_ms < start_ms, REFUSED.c.window_ms >= start_ms - bulk.USUAL_MS)
        untold = REFUSED.c.window_ms.not_in(sa.select(TOLD.c.window_ms))
        query = sa.select(sa.func.sum(N)).where(column == name, before, untold).group_by(REFUSED.c.window_ms)
        with self.database.read() as db:
            return max(db.execute(query).scalars(), default=0)
