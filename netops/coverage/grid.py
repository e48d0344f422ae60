"""The grid: which H3 cell a position lies in, how large a cell is, which cells a boundary holds. The only door of h3.

Areas of cells come from h3 as floats. They are rounded here, once, to whole square decimetres, and everything that
weighs by area works with these integers; `version` names the library that made them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import h3

from netops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

RESOLUTION = 9
"""Edges of about 200 m: the reach of an access point or a small cell outdoors."""
FINEST, COARSEST = 12, 6
SURFACES = ("Polygon", "MultiPolygon")
WIDEST = 2.0  # degrees: a boundary of half the earth would be billions of cells


def version() -> str:
    """Return the version of the grid library, as it is printed beside what it made."""
    return str(h3.versions()["c"])


def cell(latitude: float, longitude: float, resolution: int = RESOLUTION) -> str:
    """Return the cell of a position in WGS-84 degrees, as 15 or 16 hex digits."""
    return str(h3.latlng_to_cell(latitude, longitude, resolution))


def resolution_of(name: str) -> int | None:
    """Return the resolution of a cell by its name; None where the name is no cell."""
    return int(h3.get_resolution(name)) if h3.is_valid_cell(name) else None


def area_dm2(name: str) -> int:
    """Return the surface of a cell on the sphere in whole square decimetres."""
    return round(float(h3.cell_area(name, unit="m^2")) * 100)


def cells_within(geometry: Mapping[str, Any], resolution: int = RESOLUTION) -> list[str]:
    """Return the cells whose centre lies in a GeoJSON Polygon or MultiPolygon, ordered by name."""
    kind = geometry.get("type")
    if kind not in SURFACES:
        raise UsageError(f"a geometry is {kind!r}; expected {' or '.join(SURFACES)}")
    points = list(_points(geometry.get("coordinates")))
    for axis in range(2):
        along = [point[axis] for point in points]
        if not along or max(along) - min(along) > WIDEST:
            raise UsageError(f"a {kind} is empty or wider than {WIDEST} degrees; expected the boundary of one area")
    try:
        return sorted(h3.geo_to_cells(geometry, resolution))
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise UsageError(f"a {kind} is not readable ({error}); expected rings of [longitude, latitude]") from None


def _points(coordinates: object, depth: int = 0) -> Iterator[tuple[float, float]]:
    """Yield the points of nested rings; UsageError where something is no position."""
    if not isinstance(coordinates, list) or depth > 3:
        raise UsageError("its coordinates are no rings; expected rings of [longitude, latitude]")
    if coordinates and not isinstance(coordinates[0], list):
        good = len(coordinates) in {2, 3} and all(type(each) in {int, float} for each in coordinates)
        if (
            not good
            or not all(map(math.isfinite, coordinates))
            or abs(coordinates[1]) > 90
            or abs(coordinates[0]) > 180
        ):
            raise UsageError(f"{str(coordinates)[:60]} is no position; expected [longitude, latitude] in degrees")
        yield float(coordinates[0]), float(coordinates[1])
        return
    for each in coordinates:
        yield from _points(each, depth + 1)
