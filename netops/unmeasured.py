"""How much of the sealed hours nobody measured, all services together; read beside the core, for the pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import apsw

from netops import sqlite
from netops.errors import NetopsError

if TYPE_CHECKING:
    from pathlib import Path


def by_hour(path: Path, *, start_ms: int, end_ms: int) -> dict[int, tuple[int, int]]:
    """Return hour → (not measured, whole) service time in ms over the sealed hours of `[start, end)`.

    `path` is the journal's file (`netops/journal.py`); empty before there is one. NetopsError when it cannot be read.
    """
    if not path.exists():
        return {}
    try:
        db = sqlite.reader(path)
        try:
            rows = db.execute(
                "SELECT hour_ms, sum(unknown_ms), sum(up_ms + degraded_ms + down_ms + unknown_ms) FROM hour"
                " WHERE hour_ms >= ? AND hour_ms < ? GROUP BY hour_ms",
                (start_ms, end_ms),
            )
            return {int(hour): (int(unknown), int(whole)) for hour, unknown, whole in rows}
        finally:
            sqlite.close(db)
    except apsw.Error as error:
        raise NetopsError(
            f"{path}: the sums of sealed hours cannot be read ({error}); the core's log says why"
        ) from None
