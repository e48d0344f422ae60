"""Which cells make up an area of the register: from `cells.csv` (cell,area) or from GeoJSON boundaries.

The city brings them. A cell belongs to one area; with boundaries, to the one that holds its centre. An area without
cells is named: its coverage could never be judged.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from netops.coverage import grid
from netops.coverage.survey import SurveyError, check_plain
from netops.errors import UsageError, nearest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path
    from typing import Any

    from netops.coverage.judge import Zones

MOST_BYTES = 200_000_000
MOST_FAULTS = 100
HEADER = "cell,area"


def read(path: Path, areas: Collection[str], *, resolution: int = grid.RESOLUTION) -> Zones:
    """Return area → cell → surface; SurveyError names each line or boundary that is off."""
    check_plain(path, f"a CSV with the header {HEADER}, or GeoJSON", most=MOST_BYTES)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise SurveyError(f"{path.name}: is not UTF-8 at byte {error.start}; save it as UTF-8") from None
    pairs = _csv(text, path.name) if text.lstrip().startswith("cell") else _geojson(text, path.name, resolution)
    zones: Zones = {area: {} for area in sorted(areas)}
    owner: dict[str, str] = {}
    faults: list[str] = []
    for where, cell, area in pairs:
        if why := _wrong(cell, area, owner, areas, resolution):
            faults.append(f"{where}: {why}")
            continue
        owner[cell] = area
        zones[area][cell] = grid.area_dm2(cell)
    if bare := [area for area, cells in zones.items() if not cells]:
        faults.append(f"{path.name}: {without_cells(bare)}; add them")
    faults = list(dict.fromkeys(faults))  # a boundary of an unknown area has the same fault in each of its cells
    if faults:
        more = len(faults) - MOST_FAULTS
        told = faults[:MOST_FAULTS] + [f"{path.name}: and {more} more faults"] * (more > 0)
        raise SurveyError("\n".join(["refused, nothing was taken", *told]))
    return zones


def without_cells(areas: Sequence[str]) -> str:
    """Return how many areas have no cells, and the first of them by name."""
    if len(areas) == 1:
        return f"area {areas[0]} has no cells"
    return f"{len(areas)} areas have no cells: {few(areas)}"


def few(names: Sequence[str], most: int = 5) -> str:
    """Return the first names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _wrong(cell: str, area: str, owner: dict[str, str], areas: Collection[str], resolution: int) -> str:
    if area not in areas:
        return f"area {area[:40]!r} is not in the register{nearest(area[:40], areas)}; expected a code of its areas"
    found = grid.resolution_of(cell)
    if found is None:
        return f"{cell[:40]!r} is no H3 cell; expected 15 lower-case hex digits"
    if found != resolution:
        return f"cell {cell} has resolution {found}; expected {resolution}, or name another with --resolution"
    if cell in owner:
        return f"cell {cell} belongs to area {owner[cell]} already; keep one of the two"
    return ""


def _csv(text: str, name: str) -> Iterator[tuple[str, str, str]]:
    lines = text.splitlines()
    if lines[0].strip() != HEADER:
        raise SurveyError(f"{name}:1: the header is {lines[0][:60]!r}; expected {HEADER}")
    for number, line in enumerate(lines[1:], 2):
        if line.strip():
            cell, _, area = line.partition(",")
            yield f"{name}:{number}", cell.strip(), area.strip()


def _geojson(text: str, name: str, resolution: int) -> Iterator[tuple[str, str, str]]:
    try:
        root: Any = json.loads(text)
    except (ValueError, RecursionError):
        raise SurveyError(f"{name}: is neither JSON nor a CSV with the header {HEADER}") from None
    features = root.get("features") if isinstance(root, dict) else None
    if not isinstance(features, list):
        raise SurveyError(f"{name}: is no GeoJSON FeatureCollection; expected a feature for each area")
    for index, feature in enumerate(features, 1):
        where = f"{name}: feature {index}"
        properties = feature.get("properties") if isinstance(feature, dict) else None
        geometry = feature.get("geometry") if isinstance(feature, dict) else None
        area = properties.get("area") if isinstance(properties, dict) else None
        if not isinstance(area, str) or not isinstance(geometry, dict):
            raise SurveyError(f"{where}: expected a geometry, and the area's code as text in the property 'area'")
        try:
            cells = grid.cells_within(geometry, resolution)
        except UsageError as error:
            raise SurveyError(f"{where}: {error}") from None
        for cell in cells:
            yield where, cell, area
