"""Surveys and areas as the ledger holds them: facts in parts, and tables read back.

`coverage_areas` fixes which cells make up each area and their surfaces, as whole square decimetres. `survey_import`
holds a survey's table of cells and hours and the SHA-256 of the file that it was read from. A verdict rests on these
integers alone. That a position of the file lies in its cell can be checked with the file and the grid library.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from netops.coverage.cells import Hour, Table
from netops.errors import EvidenceError
from netops.evidence import canonical
from netops.facts import Fact

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from netops.coverage.judge import Zones
    from netops.coverage.survey import Survey
    from netops.evidence.canonical import JSON

AREAS, SURVEY = "coverage_areas", "survey_import"
KINDS = frozenset({AREAS, SURVEY})
ROOM = 40_000  # bytes of rows in a part: the names of fifty instruments may stand beside them


@dataclass(frozen=True, slots=True)
class Surveyed:
    """What of a survey stands beside its table."""

    digest: str
    carrier: str
    technology: str
    samples: int
    first_ms: int
    last_ms: int
    error_mm: int
    resolution: int


@dataclass(slots=True)
class Held:
    """What the facts say: areas as they were stated last, surveys and their tables."""

    zones: Zones = field(default_factory=dict)
    areas_digest: str = ""
    grid: str = ""
    resolution: int = 0
    surveys: list[tuple[Surveyed, Table]] = field(default_factory=list)


def of_areas(zones: Zones, *, grid: str, resolution: int, by: str, now_ms: int) -> list[Fact]:
    """Return the facts that fix which cells are an area's, and how large each is."""
    rows: list[JSON] = [
        [cell, area, surface] for area, cells in sorted(zones.items()) for cell, surface in sorted(cells.items())
    ]
    told: dict[str, JSON] = {"areas": _digest(rows), "grid": grid, "resolution": resolution, "by": by}
    return _parts(AREAS, told, rows, at_ms=now_ms)


def of_survey(survey: Survey, *, carrier: str, grid: str, by: str, now_ms: int) -> list[Fact]:
    """Return the facts of an imported survey."""
    rows: list[JSON] = [
        [cell, hour, each.samples, each.silent, each.level, each.rated, each.quality]
        for cell, hours in sorted(survey.table.hours.items())
        for hour, each in sorted(hours.items())
    ]
    told: dict[str, JSON] = {
        "survey": survey.digest,
        "carrier": carrier,
        "technology": survey.technology,
        "grid": grid,
        "resolution": survey.resolution,
        "samples": survey.samples,
        "first_ms": survey.first_ms,
        "last_ms": survey.last_ms,
        "datums": dict(survey.datums),
        "error_mm": survey.error_mm,
        "instruments": dict(survey.instruments),
        "by": by,
    }
    return _parts(SURVEY, told, rows, at_ms=now_ms)


def differs(stated: Table, survey: Survey) -> str:
    """Return where a table that was stated is not what the survey's file says, or the empty string."""
    for cell in sorted({*stated.hours, *survey.table.hours}):
        held, made = stated.hours.get(cell, {}), survey.table.hours.get(cell, {})
        for hour in sorted({*held, *made}):
            if held.get(hour) != made.get(hour):
                return f"cell {cell}, hour {hour}: stated {held.get(hour)}, by the file {made.get(hour)}"
    return ""


def _parts(kind: str, told: Mapping[str, JSON], rows: Sequence[JSON], *, at_ms: int) -> list[Fact]:
    cut = list(_cut(rows))
    return [
        Fact(kind=kind, at_ms=at_ms, body={**told, "part": index, "parts": len(cut), "cells": part})
        for index, part in enumerate(cut)
    ]


def _cut(rows: Sequence[JSON]) -> Iterator[list[JSON]]:
    part: list[JSON] = []
    size = 0
    for row in rows:
        room = len(canonical.dumps(row)) + 1
        if part and size + room > ROOM:
            yield part
            part, size = [], 0
        part.append(row)
        size += room
    yield part


def _digest(rows: Sequence[JSON]) -> str:
    return canonical.digest(canonical.dumps(list(rows)))


def read(facts: Iterable[Fact], *, carrier: str = "", technology: str = "") -> Held:
    """Return what facts in their order say; of a survey that was imported twice, the first counts.

    EvidenceError names areas or a survey of which parts are missing.
    """
    held = Held()
    areas: dict[str, list[Mapping[str, Any]]] = {}
    surveys: dict[str, list[Mapping[str, Any]]] = {}
    for fact in facts:
        body: Mapping[str, Any] = fact.body
        if fact.kind == AREAS:
            areas.setdefault(f"{body['areas']}", []).append(body)
            held.areas_digest = f"{body['areas']}"
        elif fact.kind == SURVEY and body["carrier"] == carrier and body["technology"] == technology:
            surveys.setdefault(f"{body['survey']}", []).append(body)
    if areas:
        parts = _whole("the areas", areas[held.areas_digest])
        held.grid, held.resolution = parts[0]["grid"], parts[0]["resolution"]
        for part in parts:
            for cell, area, surface in part["cells"]:
                held.zones.setdefault(area, {})[cell] = surface
        rows: list[JSON] = [row for part in parts for row in part["cells"]]
        if _digest(rows) != held.areas_digest:
            raise EvidenceError(f"areas {held.areas_digest}: the cells are not those of this digest")
    held.surveys = [_survey(name, bodies) for name, bodies in surveys.items()]
    return held


def waiting(stated: Iterable[tuple[Fact, bool]], *, carrier: str, technology: str) -> frozenset[str]:
    """Return the digests of areas and of a carrier's surveys of which the ledger does not hold every part yet.

    `stated` pairs each fact with whether it is sealed.
    """
    parts: dict[str, int] = {}
    held: dict[str, set[int]] = {}
    for fact, is_sealed in stated:
        body: Mapping[str, Any] = fact.body
        if fact.kind == SURVEY and (body["carrier"], body["technology"]) != (carrier, technology):
            continue
        digest = body["areas" if fact.kind == AREAS else "survey"]
        parts[digest] = body["parts"]
        held.setdefault(digest, set()).update({body["part"]} if is_sealed else ())
    return frozenset(digest for digest, want in parts.items() if len(held[digest]) < want)


def _whole(what: str, bodies: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return each part once, in order."""
    found: dict[int, Mapping[str, Any]] = {}
    for body in bodies:
        found.setdefault(body["part"], body)
    want = bodies[0]["parts"]
    if sorted(found) != list(range(want)):
        raise EvidenceError(f"{what}: {len(found)} of {want} parts are here; import again, or wait for the core")
    return [found[index] for index in range(want)]


def _survey(name: str, bodies: Sequence[Mapping[str, Any]]) -> tuple[Surveyed, Table]:
    parts = _whole(f"survey {name}", bodies)
    table = Table()
    for part in parts:
        for cell, hour, *measured in part["cells"]:
            table.add(cell, hour, Hour(*measured))
    first = parts[0]
    fields = ("survey", "carrier", "technology", "samples", "first_ms", "last_ms", "error_mm", "resolution")
    return Surveyed(*(first[each] for each in fields)), table
