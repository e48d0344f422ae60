"""Whose turn it is. Pure. Turns are counted in wall clock: a change at eight stays at eight when clocks change."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from netops.clock import utc

if TYPE_CHECKING:
    from netops.alerts.policy import Duty

HOUR = timedelta(hours=1)


def on(duty: Duty, now_ms: int) -> str:
    """Return who is on duty. Before the first turn it is the first one's already: somebody always is.

    A swap counts before the turns; of two at once the one that began later.
    """
    swapped = [each for each in duty.swaps if each.start_ms <= now_ms < each.end_ms]
    if swapped:
        return max(swapped, key=lambda each: each.start_ms).who
    where = ZoneInfo(duty.timezone)
    wall = utc(now_ms).astimezone(where).replace(tzinfo=None)
    first = utc(duty.from_ms).astimezone(where).replace(tzinfo=None)
    turn = max(0, (wall - first) // (HOUR * duty.every_h))
    return duty.turns[turn % len(duty.turns)]
