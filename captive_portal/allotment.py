"""What a device may still use of its site's volume: pure. The volume is that of a window, not of a visit.

The window is as long as a visit may be: whoever disconnects and logs in again has what one visit without that would
have left. What counts is every visit of the device that began within the window, wherever in the city; a device that
makes up a new MAC address is a new one, here as everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Used:
    """One visit's octets, both directions together."""

    since_ms: int
    octets: int


def spent(visits: Iterable[Used], *, since_ms: int) -> int:
    """Return the octets of the visits that began after an instant."""
    return sum(each.octets for each in visits if each.since_ms > since_ms)


def wait_ms(visits: Iterable[Used], bound: int, *, window_ms: int, now_ms: int) -> int:
    """Return how long until something of the bound is free again; 0 where something is."""
    within = sorted((each for each in visits if each.since_ms > now_ms - window_ms), key=lambda each: each.since_ms)
    held = sum(each.octets for each in within)
    wait = 0
    for each in within:
        if held < bound:
            break
        held -= each.octets
        wait = each.since_ms + window_ms - now_ms
    return wait
