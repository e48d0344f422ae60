"""What a verdict on coverage rests on: the areas that held at an instant, and the surveys of one network. Pure.

The areas are those stated last of all that were known, whole, before the instant: who has seen the measurements cannot
draw the areas anew. Of a survey only what is whole counts; the first import of a file counts, a later one changes
nothing. Which hours are fresh enough is the promise's question (`netops.coverage.cells`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from netops.coverage.cells import Hour, Table
from netops.coverage.sealed import AREAS, SURVEY
from netops.evidence import canonical

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from netops.coverage.judge import Zones
    from netops.facts import Fact

Stated = tuple["Fact", int]
"""A fact, and when it counts as known."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Areas with the digest and grid of their statement, and what so many whole `surveys` measured."""

    zones: Zones = field(default_factory=dict)
    areas: str = ""
    grid: str = ""
    table: Table = field(default_factory=Table)
    surveys: int = 0
    samples: int = 0
    incomplete: int = 0


def ground(stated: Iterable[Stated], *, carrier: str, technology: str, at_ms: int) -> Ground:
    """Return what can be said at an instant, from facts in the order of the ledger."""
    areas: dict[str, list[Mapping[str, Any]]] = {}  # in the order in which each was stated last
    surveys: dict[str, list[Mapping[str, Any]]] = {}
    for fact, known_ms in stated:
        body: Mapping[str, Any] = fact.body
        if fact.kind == AREAS and known_ms < at_ms:
            areas[body["areas"]] = [*areas.pop(body["areas"], ()), body]
        elif fact.kind == SURVEY and (body["carrier"], body["technology"]) == (carrier, technology):
            surveys.setdefault(body["survey"], []).append(body)
    table, whole, samples = Table(), 0, 0
    for bodies in surveys.values():
        parts = _whole(bodies)
        whole += bool(parts)
        samples += parts[0]["samples"] if parts else 0
        for part in parts:
            for cell, hour, *measured in part["cells"]:
                table.add(cell, hour, Hour(*measured))
    return Ground(*_zones(areas), table, whole, samples, len(surveys) - whole)


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
