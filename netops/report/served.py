"""Coverage in time, from the sealed hours of a contract and a declared footprint (`netops.coverage.served`). Pure.

A service serves while it was seen up, degraded or not, and only while it is contracted; no rule of the contract
(exclusions, edges, service hours) changes that: it tells what was there, and nothing is owed by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netops.coverage.served import State as Seen
from netops.coverage.served import served
from netops.errors import UsageError
from netops.report.parts import Sight
from netops.sla import intervals
from netops.sla.intervals import intersect, subtract, union

if TYPE_CHECKING:
    from netops.coverage.judge import Zones
    from netops.coverage.served import Footprint, Served
    from netops.report.leaves import Leaves
    from netops.sla.month import Key, Month

GOOD = frozenset({intervals.State.UP, intervals.State.DEGRADED})


def by_area(
    leaves: Leaves, zones: Zones, footprint: Footprint, *, contract: str, start_ms: int, end_ms: int
) -> dict[str, Served]:
    """Return each area's sums over `[start_ms, end_ms)`; UsageError when no hour of it is sealed."""
    if not leaves.of("availability_hour"):
        raise UsageError(f"contract {contract}: no hour of this month is sealed; expected a month that was watched")
    month = Sight(leaves, start_ms, end_ms).of("")
    period = ((start_ms, end_ms),)
    histories: dict[Key, Seen] = {}
    states: dict[str, Seen] = {}
    for member in month.members:
        if member.history not in histories:
            histories[member.history] = _seen(month, member.history)
        seen, there = histories[member.history], intersect(period, member.contracted)
        states[member.service] = Seen(intersect(seen.up, there), intersect(seen.unknown, there))
    return served(zones, footprint, states, period=period)


def _seen(month: Month, history: Key) -> Seen:
    stretches = month.stretches(history)
    up = union((each.start_ms, each.end_ms) for each in stretches if each.state in GOOD)
    down = union((each.start_ms, each.end_ms) for each in stretches if each.state is intervals.State.DOWN)
    whole = ((month.start_ms, month.end_ms),)
    return Seen(up, subtract(subtract(whole, up), down))
