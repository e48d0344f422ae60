"""The sums of sealed hours, read beside the core that writes them: of one service, or of several as one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from netops.hourly import LETTER
from netops.journal import HourSum
from netops.sla.intervals import State
from netops.unmeasured import reading

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from pathlib import Path

SEVERAL = ""  # whose the sum of several services is
WRONG = (LETTER[State.DOWN], LETTER[State.DEGRADED])


def hours_of(path: Path, service: str, hours: Iterable[int]) -> list[HourSum]:
    """Return the sealed ones of a service's hours in their order; none before there is a file.

    Raises NetopsError when the file cannot be read.
    """
    with reading(path) as db:
        if db is None:
            return []
        rows = db.execute(
            "SELECT hour_ms, up_ms, degraded_ms, down_ms, unknown_ms, worst FROM json_each(?1) AS asked"
            " JOIN hour ON hour_ms = asked.value AND no = (SELECT no FROM service WHERE id = ?2) ORDER BY hour_ms",
            (json.dumps(list(hours)), service),
        )
        return [_sum(service, row) for row in rows]


def together(path: Path, services: Collection[str], hours: Iterable[int]) -> list[HourSum]:
    """Return the sealed ones of the hours in their order, each the sum over these services.

    Its letter is down or degraded where any of them was, else "not measured" where most of its time was not: one of
    many that nobody looked at does not hide that the others were up. Raises NetopsError when the file cannot be read.
    """
    with reading(path) as db:
        if db is None:
            return []
        rows = db.execute(
            "SELECT hour_ms, sum(up_ms), sum(degraded_ms), sum(down_ms), sum(unknown_ms), sum(worst = ?3),"
            " sum(worst = ?4) FROM json_each(?1) AS asked JOIN hour ON hour_ms = asked.value"
            " AND no IN (SELECT no FROM service WHERE id IN (SELECT value FROM json_each(?2)))"
            " GROUP BY hour_ms ORDER BY hour_ms",
            (json.dumps(list(hours)), json.dumps(sorted(services)), *WRONG),
        )
        return [_sum(SEVERAL, (*row[:5], _letter(row[1:5], down=row[5], degraded=row[6]))) for row in rows]


def _letter(spent: Sequence[int], *, down: int, degraded: int) -> str:
    """Return the letter of a sum: (up, degraded, down, unknown) in ms, and how many services were down or degraded."""
    if down or degraded:
        return WRONG[0] if down else WRONG[1]
    *measured, unknown_ms = spent
    return LETTER[State.UNKNOWN if unknown_ms > sum(measured) else State.UP]


def _sum(service: str, row: tuple[object, ...]) -> HourSum:
    hour_ms, up_ms, degraded_ms, down_ms, unknown_ms = (int(str(each)) for each in row[:5])
    return HourSum(
        service=service,
        hour_ms=hour_ms,
        up_ms=up_ms,
        degraded_ms=degraded_ms,
        down_ms=down_ms,
        unknown_ms=unknown_ms,
        worst=str(row[5]),
    )
