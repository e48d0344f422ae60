"""What the public may know of the network now: hotspots by subdistrict, since when, and planned works. Pure.

No device, no carrier, no cause and nobody's name: where WiFi is sold, whether it works there, and when people work on
it. A site that we have not seen lately is not said to work, nor to be broken.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from netops import hotspots
from netops.situation import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from inventory.snapshot import Snapshot
    from netops.situation import ServiceNow, Situation
    from netops.verify import Planned

KIND = "wifi"
AHEAD_MS = 14 * 86_400_000  # how far ahead planned works are told


class Stand(StrEnum):
    """How a hotspot stands: `unknown` is that we have not seen it, never a kind of working or broken."""

    WORKS = "works"
    BROKEN = "broken"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hotspot:
    """One site with public WiFi; `since_ms` is since when it does not work, 0 while it does."""

    name: str
    address: str
    stand: Stand
    since_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """A subdistrict with its hotspots, those that do not work first."""

    id: str
    name: str
    name_en: str
    hotspots: tuple[Hotspot, ...]

    def count(self, stand: Stand) -> int:
        """Return how many stand so."""
        return sum(each.stand is stand for each in self.hotspots)


@dataclass(frozen=True, slots=True, kw_only=True)
class Works:
    """Approved work on hotspots, `[start_ms, end_ms)`, by the ids of the subdistricts that it touches."""

    start_ms: int
    end_ms: int
    areas: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Everything that the page says; `seen_ms` is as of when, 0 before anything was judged."""

    title: str
    timezone: str
    rehearsal: bool
    written_ms: int
    seen_ms: int
    areas: tuple[Area, ...]
    works: tuple[Works, ...] = ()

    def count(self, stand: Stand) -> int:
        """Return how many hotspots of the city stand so."""
        return sum(each.count(stand) for each in self.areas)

    @property
    def stale(self) -> bool:
        """Whether what was seen last is too old to say anything about now."""
        return self.written_ms - self.seen_ms > hotspots.FRESH_MS


def areas(snapshot: Snapshot, situation: Situation) -> tuple[Area, ...]:
    """Return the subdistricts that have hotspots, by name; a site is judged as the portal judges it (`hotspots.of`)."""
    sites = {each.id: each.site for each in snapshot.services}
    working = hotspots.of(situation, sites).sites
    held: dict[str, list[ServiceNow]] = defaultdict(list)
    for each in situation.services:
        if each.kind == KIND and each.service in sites:
            held[sites[each.service]].append(each)
    found: dict[str, list[Hotspot]] = defaultdict(list)
    for site, services in held.items():
        place = snapshot.site.get(site)
        if place is not None:
            stand, since = _stand(services, works=site in working)
            found[place.area].append(
                Hotspot(name=place.name or place.address or site, address=place.address, stand=stand, since_ms=since)
            )
    known = [each for each in snapshot.areas if each.id in found]
    order = tuple(Stand)[1:] + tuple(Stand)[:1]
    return tuple(
        Area(
            id=each.id,
            name=each.short,
            name_en=each.name_en or each.short,
            hotspots=tuple(sorted(found[each.id], key=lambda one: (order.index(one.stand), one.name))),
        )
        for each in sorted(known, key=lambda one: (one.row, one.col, one.id))
    )


def works(snapshot: Snapshot, planned: Iterable[Planned], *, now_ms: int) -> tuple[Works, ...]:
    """Return the approved work on hotspots that is going on or begins within two weeks, the next one first."""
    where = {each.id: snapshot.site[each.site].area for each in snapshot.services if each.kind == KIND}
    made = set()
    for each in planned:
        touched = {where[service] for service in each.services if service in where}
        if touched and now_ms < each.end_ms and each.start_ms < now_ms + AHEAD_MS:
            made.add((each.start_ms, each.end_ms, tuple(sorted(touched))))
    return tuple(Works(start_ms=start, end_ms=end, areas=touched) for start, end, touched in sorted(made))


def _stand(services: Sequence[ServiceNow], *, works: bool) -> tuple[Stand, int]:
    """Return how a site stands and since when it has not worked: since half of its services did not."""
    if works:
        return Stand.WORKS, 0
    seen = [each for each in services if each.state is not State.UNKNOWN]
    bad = sorted(each.since_ms for each in services if each.state is not State.UP)
    since = bad[-(-len(services) // 2) - 1]
    up = sum(each.state is State.UP for each in services)
    blind = len(services) - len(seen)
    return (Stand.UNKNOWN if 2 * (up + blind) > len(services) else Stand.BROKEN), since
