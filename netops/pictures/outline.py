"""A map by the city's own GeoJSON (RFC 7946): each subdistrict in its shape, with the symbol of its state. Pure.

A file is read with bounds: it may come from anywhere. Longitudes are shortened by the cosine of the middle latitude,
which is true enough for a city; what is closer together than a unit of the picture is one point.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from netops.errors import ConfigError
from netops.pictures import ink

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

WIDE, EDGE = 700, 6
MOST_BYTES, MOST_POINTS = 8 << 20, 200_000
TALLEST = 1.6  # times as high as wide: beyond it the map is made narrower
NARROW = 0.3  # of the width at least, whatever the shape: a picture must keep a frame
Ring = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a map says of a subdistrict and where it leads."""

    value: str
    state: str
    href: str
    title: str


def read(data: bytes, *, name: str, known: Iterable[str]) -> dict[str, tuple[Ring, ...]]:
    """Return the rings of each feature whose `properties.id` (or `id`) is a known subdistrict; ConfigError when none.

    Polygons and multipolygons count, by longitude and latitude in degrees; other features are passed over.
    """
    if len(data) > MOST_BYTES:
        raise ConfigError(f"{name}: {len(data)} bytes; expected a GeoJSON file of at most {MOST_BYTES}")
    try:
        features = json.loads(data)["features"]
        found: dict[str, tuple[Ring, ...]] = {}
        wanted, left = set(known), MOST_POINTS
        for each in features:
            area = str((each.get("properties") or {}).get("id", each.get("id", "")))
            if area in wanted:
                rings = tuple(_rings(each["geometry"]))
                left -= sum(map(len, rings))
                found[area] = found.get(area, ()) + rings
                if left < 0:
                    raise ConfigError(f"{name}: more than {MOST_POINTS} points; expected a simplified map")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        what = "expected a GeoJSON FeatureCollection of polygons by longitude and latitude"
        raise ConfigError(f"{name}: {type(error).__name__}: {error}; {what}") from None
    if not any(found.values()):
        raise ConfigError(
            f"{name}: no polygon has the id of a subdistrict; expected it in `properties.id`, as 110108001"
        )
    return {area: rings for area, rings in found.items() if rings}


def draw(
    shapes: Mapping[str, Sequence[Ring]], places: Mapping[str, Place], *, label: str, alone: bool = False
) -> Markup:
    """Return the map; a subdistrict without a shape is not on it (the table behind has it)."""
    points = [point for rings in shapes.values() for ring in rings for point in ring]
    if not points:
        return ink.svg(
            WIDE, 40, [ink.bar(0, WIDE, 40, ink.UNKNOWN)], label=label, alone=alone, extra=' class="outline"'
        )
    west, east = min(x for x, _ in points), max(x for x, _ in points)
    south, north = min(y for _, y in points), max(y for _, y in points)
    shorter = max(math.cos(math.radians((south + north) / 2)), 0.01)
    across, up = max((east - west) * shorter, 1e-9), max(north - south, 1e-9)
    scale = min(WIDE / across, WIDE * TALLEST / up)
    wide, high = max(across * scale, WIDE * NARROW) + 2 * EDGE, max(up * scale, 40.0) + 2 * EDGE

    def flat(ring: Ring) -> list[tuple[int, int]]:
        made = [(round(EDGE + (x - west) * shorter * scale), round(EDGE + (north - y) * scale)) for x, y in ring]
        return [made[0], *(after for before, after in pairwise(made) if after != before)]

    parts, named = [], []
    for area, rings in sorted(shapes.items()):
        place = places.get(area)
        if place is None:
            continue
        flats = [flat(ring) for ring in rings]
        drawn = "".join(_path(ring) for ring in flats)
        x, y = _middle(max(flats, key=_size))
        state = place.state if place.state in ink.TINT else ink.NONE
        said = ink.text(f"{ink.SYMBOL[state]}{place.value}", x, y + 6, size=18, fill=ink.TEXT[state], weight=600)
        parts.append(
            f'<a href="{escape(place.href)}"><title>{escape(place.title)}</title>'
            f'<path d="{drawn}" fill="{ink.TINT[state]}" stroke="{ink.EDGE[state]}" fill-rule="evenodd"/></a>'
        )
        named.append(said)
    size = (round(wide), round(high))
    return ink.svg(*size, [*parts, *named], label=label, alone=alone, role="group", extra=' class="outline"')


def _rings(geometry: Any) -> list[Ring]:
    if geometry is None:
        return []
    polygons = {"Polygon": lambda held: [held], "MultiPolygon": list}.get(geometry["type"])
    if polygons is None:
        return []
    return [_ring(ring) for polygon in polygons(geometry["coordinates"]) for ring in polygon]


def _ring(given: Any) -> Ring:
    made = tuple((float(point[0]), float(point[1])) for point in given)
    if len(made) < 4 or not all(abs(x) <= 180 and abs(y) <= 90 for x, y in made):
        raise ValueError(f"a ring of {len(made)} points; expected at least 4, within 180 and 90 degrees")
    return made


def _path(ring: Sequence[tuple[int, int]]) -> str:
    """Return a closed path in relative steps: two thirds of the bytes."""
    start, *_ = ring
    steps = (f"{x2 - x} {y2 - y}" for (x, y), (x2, y2) in pairwise(ring))
    return f"M{start[0]} {start[1]}l{' '.join(steps)}z" if len(ring) > 1 else ""


def _size(ring: Sequence[tuple[int, int]]) -> int:
    return abs(sum(x * y2 - x2 * y for (x, y), (x2, y2) in pairwise([*ring, ring[0]])))


def _middle(ring: Sequence[tuple[int, int]]) -> tuple[float, float]:
    """Return the middle of the widest stretch that lies within the ring: a centroid may lie outside."""
    low, high = min(y for _, y in ring), max(y for _, y in ring)
    best = (0.0, float(ring[0][0]), float(ring[0][1]))
    for part in (5, 4, 6, 3, 7):
        y = low + (high - low) * part / 10 + 0.01
        crossings = sorted(
            x + (y - y1) * (x2 - x) / (y2 - y1)
            for (x, y1), (x2, y2) in pairwise([*ring, ring[0]])
            if (y1 > y) != (y2 > y)
        )
        for left, right in zip(crossings[::2], crossings[1::2], strict=False):
            best = max(best, (right - left, (left + right) / 2, y), key=lambda each: each[0])
    return best[1], best[2]
