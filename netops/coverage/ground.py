"""What a verdict on coverage rests on: the areas that held at an instant, and the surveys of one network. Pure.

The areas are those stated last of all that were known, whole, before the instant: who has seen the measurements cannot
draw the areas anew. Of a survey only what is whole counts; the first import of a file counts, a later one changes
nothing. Which hours are fresh enough is the promise's question (`netops.coverage.cells`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from netops.coverage.cells import HOUR_MS, Hour, Table
from netops.coverage.sealed import AREAS, SURVEY
from netops.evidence import canonical

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from netops.coverage.judge import Zones
    from netops.facts import Fact

Stated = tuple["Fact", int]
"""A fact, and when it counts as known."""


@dataclass(frozen=True, slots=True)
class Out:
    """What the ruling in a leaf takes out of a survey: its hours that `[start_ms, end_ms)` touches.

    `area`: of the cells of that area alone; empty: of all.
    """

    leaf: int
    survey: str
    area: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Ground:
    """Areas with the digest and grid of their statement, and what so many whole `surveys` measured.

    `measured` has the cells that rulings took hours of, as they were before.
    """

    zones: Zones = field(default_factory=dict)
    areas: str = ""
    grid: str = ""
    table: Table = field(default_factory=Table)
    surveys: int = 0
    samples: int = 0
    incomplete: int = 0
    taken_out: int = 0
    measured: Table = field(default_factory=Table)


def ground(stated: Iterable[Stated], *, carrier: str, technology: str, at_ms: int, outs: Sequence[Out] = ()) -> Ground:
    """Return what can be said at an instant, from facts in the order of the ledger, less what rulings take out."""
    areas: dict[str, list[Mapping[str, Any]]] = {}  # in the order in which each was stated last
    surveys: dict[str, list[Mapping[str, Any]]] = {}
    for fact, known_ms in stated:
        body: Mapping[str, Any] = fact.body
        if fact.kind == AREAS and known_ms < at_ms:
            areas[body["areas"]] = [*areas.pop(body["areas"], ()), body]
        elif fact.kind == SURVEY and (body["carrier"], body["technology"]) == (carrier, technology):
            surveys.setdefault(body["survey"], []).append(body)
    zones, digest, grid = _zones(areas)
    table, out, whole, samples, gone = Table(), Table(), 0, 0, 0
    for name, bodies in surveys.items():
        mine = [each for each in outs if each.survey == name]
        parts = _whole(bodies)
        whole += bool(parts)
        samples += parts[0]["samples"] if parts else 0
        for part in parts:
            for cell, hour, *measured in part["cells"]:
                if mine and any(_touches(each, cell, hour, zones) for each in mine):
                    gone += 1
                    out.add(cell, hour, Hour(*measured))
                    continue
                table.add(cell, hour, Hour(*measured))
    for cell in out.hours:
        for hour, held in table.hours.get(cell, {}).items():
            out.add(cell, hour, held)
    return Ground(zones, digest, grid, table, whole, samples, len(surveys) - whole, gone, out)


def _touches(out: Out, cell: str, hour: int, zones: Zones) -> bool:
    inside = out.start_ms < (hour + 1) * HOUR_MS and hour * HOUR_MS < out.end_ms
    return inside and (not out.area or cell in zones.get(out.area, {}))


def _zones(areas: dict[str, list[Mapping[str, Any]]]) -> tuple[Zones, str, str]:
    for digest, bodies in reversed(areas.items()):
        parts = _whole(bodies)
        rows = [row for part in parts for row in part["cells"]]
        if parts and canonical.digest(canonical.dumps(rows)) == digest:
            zones: Zones = {}
            for cell, area, surface in rows:
                zones.setdefault(area, {})[cell] = surface
            return zones, digest, parts[0]["grid"]
    return {}, "", ""


def _whole(bodies: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return each part once, in order; none where one is missing. Parts cut otherwise than the first are others'."""
    first = bodies[0]
    found: dict[int, Mapping[str, Any]] = {}
    for body in bodies:
        if (body["parts"], body["resolution"]) == (first["parts"], first["resolution"]):
            found.setdefault(body["part"], body)
    want = range(first["parts"])
    return [found[index] for index in want] if len(found) == len(want) and all(each in found for each in want) else []
