"""The next hotspot that works: what the page names when the way beyond this one is down. Pure.

Distances are straight lines on a sphere; over the few kilometres that anybody walks the Earth's flattening is less than
what a path adds. Nothing is named that is not known to work, nor what is closed, nor what is too far to walk.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

EARTH_M = 6_371_000
FARTHEST_M = 5_000
WINDS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Venue:
    """A site as visitors know it; `at` is latitude and longitude in degrees, None where the register has none."""

    id: str
    name: str
    address: str = ""
    at: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hotspot:
    """Where to go: `metres` rounded to what a walker needs, `wind` 0 north, 1 north-east … 7 north-west."""

    name: str
    address: str
    metres: int
    wind: int


def nearest(
    here: str, venues: Iterable[Venue], *, working: Collection[str], open_now: Callable[[str], bool]
) -> Hotspot | None:
    """Return the nearest other place that works and is open, None when none is known within a walk."""
    known = {each.id: each for each in venues}
    own = known.get(here)
    if own is None or own.at is None:
        return None
    away = [
        (distance(own.at, each.at), each)
        for each in known.values()
        if each.id != here and each.at is not None and each.id in working and open_now(each.id)
    ]
    metres, found = min(away, key=lambda each: (each[0], each[1].id), default=(math.inf, None))
    if found is None or found.at is None or metres > FARTHEST_M:
        return None
    return Hotspot(name=found.name, address=found.address, metres=rounded(metres), wind=wind(own.at, found.at))


def distance(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return the metres between two venues (haversine)."""
    lat, lat2 = math.radians(one[0]), math.radians(other[0])
    half = math.sin((lat2 - lat) / 2) ** 2
    half += math.cos(lat) * math.cos(lat2) * math.sin(math.radians(other[1] - one[1]) / 2) ** 2
    return 2 * EARTH_M * math.asin(min(1.0, math.sqrt(half)))


def wind(one: tuple[float, float], other: tuple[float, float]) -> int:
    """Return in which of the eight directions the other place lies."""
    lat, lat2, across = math.radians(one[0]), math.radians(other[0]), math.radians(other[1] - one[1])
    east = math.sin(across) * math.cos(lat2)
    north = math.cos(lat) * math.sin(lat2) - math.sin(lat) * math.cos(lat2) * math.cos(across)
    return round(math.degrees(math.atan2(east, north)) / (360 / WINDS)) % WINDS


def rounded(metres: float) -> int:
    """Return metres as one says them: to 50 below a kilometre, to 100 above."""
    step = 50 if metres < 1000 else 100
    return max(step, round(metres / step) * step)
