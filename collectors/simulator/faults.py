"""What goes wrong in the rehearsal, and when: planted, so that each page has something true to show.

`plant` plans the month before and the month that runs; a fault is a half-open interval on one agent or child. Kinds:
`down` (does not work; an agent that is down does not answer, a child is shown down by its parent), `hidden_reboot` (was
down, and says afterwards that all was well: only its uptime tells), `power` (an ONT whose home lost power: dying gasp),
`maintenance` (down inside an approved window),
`slow` (the bought line, of an evening).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from collectors.simulator import line
from collectors.simulator.noise import between, pick, unit

if TYPE_CHECKING:
    from collectors.simulator.city import City

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
SLOW_DAYS = (3, 4, 10, 16, 17, 18, 24, 25)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Fault:
    """One planted fault: `[start_ms, end_ms)` on `target` (an agent's or child's id)."""

    target: str
    start_ms: int
    end_ms: int
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """All that is planted: faults, the windows in which the collector itself did not run, approved maintenance."""

    faults: tuple[Fault, ...]
    blind: tuple[tuple[int, int], ...]
    maintenance: tuple[Fault, ...]  # the approved windows, wider than the outage inside

    def of(self, target: str) -> tuple[Fault, ...]:
        """Return the faults of one agent or child, in order."""
        return tuple(sorted(each for each in self.faults if each.target == target))


def plant(city: City, *, month_start_ms: int, now_ms: int) -> Planted:
    """Plant the named faults in the month before, the accidents of every day, and what is wrong right now."""
    wlan = [a for a in city.agents if a.role == "wlan_controller"]
    olts = [a for a in city.agents if a.role == "olt"]
    cells = [a for a in city.agents if a.role == "small_cell"]

    def at(day: int, hour: float) -> int:
        return month_start_ms + (day - 1) * DAY_MS + int(hour * HOUR_MS)

    ap = wlan[0].children[9]
    ont = olts[1].children[20]
    window = Fault(target=olts[2].id, start_ms=at(20, 2), end_ms=at(20, 6), kind="maintenance")
    named = [
        Fault(target=ap.id, start_ms=at(9, 14), end_ms=at(9, 20.5), kind="down"),
        Fault(target=wlan[1].id, start_ms=at(17, 9), end_ms=at(17, 13.5), kind="down"),
        Fault(target=cells[22].id, start_ms=at(11, 3.1), end_ms=at(11, 3.6), kind="hidden_reboot"),
        Fault(target=cells[22].id, start_ms=at(23, 3.2), end_ms=at(23, 4.6), kind="hidden_reboot"),
        Fault(target=ont.id, start_ms=at(6, 18), end_ms=at(7, 7), kind="power"),
        Fault(target=olts[2].id, start_ms=at(20, 2.5), end_ms=at(20, 4.5), kind="maintenance"),
        Fault(target=line.LINE, start_ms=at(12, 10), end_ms=at(12, 12.5), kind="down"),
        Fault(target="far-1", start_ms=at(15, 9), end_ms=at(15, 13), kind="down"),
        *(Fault(target=line.SLOW, start_ms=at(day, 18), end_ms=at(day, 23), kind="slow") for day in SLOW_DAYS),
    ]
    blind = ((at(14, 1), at(14, 4)),)
    current = [
        Fault(target=wlan[2].children[15].id, start_ms=now_ms - 50 * 60_000, end_ms=now_ms + 30 * DAY_MS, kind="down"),
        Fault(target=cells[8].id, start_ms=now_ms - 5 * HOUR_MS, end_ms=now_ms + 30 * DAY_MS, kind="down"),
        Fault(target=olts[0].children[7].id, start_ms=now_ms - 3 * HOUR_MS, end_ms=now_ms + DAY_MS, kind="power"),
    ]
    everyday = _accidents(city, month_start_ms, now_ms)
    clear = [each for each in everyday if not any(_overlap(each, other) for other in (*named, *current))]
    return Planted(faults=tuple(sorted([*named, *current, *clear])), blind=blind, maintenance=(window,))


def _overlap(a: Fault, b: Fault) -> bool:
    return a.target == b.target and a.start_ms < b.end_ms and b.start_ms < a.end_ms


def _accidents(city: City, start_ms: int, end_ms: int) -> list[Fault]:
    """Return the small outages of every day: each child is down on about one day in sixty, for 10 to 130 minutes."""
    found = []
    days = range(start_ms // DAY_MS, end_ms // DAY_MS)
    targets = [c.id for a in city.agents for c in a.children] + [a.id for a in city.agents if a.role == "small_cell"]
    for target in targets:
        for day in days:
            if unit("accident", target, day) < 1 / 60:
                begin = day * DAY_MS + pick(22 * 60, "when", target, day) * 60_000
                end = begin + int(between(10, 130, "long", target, day)) * 60_000
                if end < end_ms - 2 * HOUR_MS:
                    kind = "power" if "-ont-" in target and unit("power", target, day) < 0.5 else "down"
                    found.append(Fault(target=target, start_ms=begin, end_ms=end, kind=kind))
    return found
