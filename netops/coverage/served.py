"""Coverage in time: how much of the surface was served for how long, by the state of cells and access points. Pure.

A *footprint* says which cells of the grid each service serves while it is up. It is declared, by the carrier or by a
plan: a claim, so what follows from it informs and owes nothing; what is measured stands in surveys. A cell is served
while one of its services is up, not served while all of them are down, and else unknown. Surfaces times durations are
added: this is of surface *and* time, and shares no column with either (rule 15 of `docs/explanation/sla.md`).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from netops.coverage import grid
from netops.coverage.survey import MOST_FAULTS, SurveyError, check_plain
from netops.errors import nearest
from netops.sla.intervals import intersect, subtract, total, union

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from pathlib import Path

    from netops.coverage.judge import Zones
    from netops.sla.intervals import Spans

HEADER = "service,cell"
MOST_BYTES = 200_000_000
Footprint = dict[str, frozenset[str]]
"""Cell → the services that serve it while they are up."""


@dataclass(frozen=True, slots=True)
class State:
    """When a service was seen up, and when nobody knows; it was down in all other time."""

    up: Spans
    unknown: Spans


@dataclass(frozen=True, slots=True)
class Served:
    """Surface × time in square decimetres × milliseconds; `unclaimed` is that of cells that no service serves."""

    up: int = 0
    down: int = 0
    unknown: int = 0
    unclaimed: int = 0

    def __add__(self, other: Served) -> Served:
        """Return both together."""
        return Served(
            self.up + other.up,
            self.down + other.down,
            self.unknown + other.unknown,
            self.unclaimed + other.unclaimed,
        )

    @property
    def claimed(self) -> int:
        """What the footprint claims to serve."""
        return self.up + self.down + self.unknown

    @property
    def share(self) -> Fraction | None:
        """The served share of what is claimed and known; None where nothing is."""
        known = self.up + self.down
        return Fraction(self.up, known) if known else None

    @property
    def bounds(self) -> tuple[Fraction, Fraction]:
        """The share of what is claimed if all that is unknown had been down, and if all of it had been up."""
        if not self.claimed:
            return Fraction(0), Fraction(1)
        return Fraction(self.up, self.claimed), Fraction(self.up + self.unknown, self.claimed)


def served(zones: Zones, footprint: Footprint, states: Mapping[str, State], *, period: Spans) -> dict[str, Served]:
    """Return each area's sums over the period; a service without a state was never seen: unknown."""
    length = total(period)
    done: dict[frozenset[str], tuple[int, int]] = {}
    made: dict[str, Served] = {}
    for area, cells in sorted(zones.items()):
        sums = Served()
        for cell, surface in cells.items():
            who = footprint.get(cell, frozenset())
            if not who:
                sums += Served(unclaimed=surface * length)
                continue
            if who not in done:
                done[who] = _times(who, states, period)
            up, unknown = done[who]
            sums += Served(surface * up, surface * (length - up - unknown), surface * unknown)
        made[area] = sums
    return made


def _times(who: Iterable[str], states: Mapping[str, State], period: Spans) -> tuple[int, int]:
    """Return for how long one of them was up, and for how long none was while one may have been."""
    blind = State((), period)
    found = [states.get(each, blind) for each in sorted(who)]
    up = intersect(period, union(*(each.up for each in found)))
    unknown = subtract(intersect(period, union(*(each.unknown for each in found))), up)
    return total(up), total(unknown)


def read(path: Path, services: Collection[str], *, resolution: int) -> Footprint:
    """Return the footprint of a CSV `service,cell`; SurveyError names each line that is off."""
    check_plain(path, f"a CSV with the header {HEADER}", most=MOST_BYTES)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise SurveyError(f"{path.name}: is not UTF-8 at byte {error.start}; save it as UTF-8") from None
    if not lines or lines[0].strip() != HEADER:
        raise SurveyError(f"{path.name}:1: expected the header {HEADER}")
    made: dict[str, set[str]] = {}
    faults: list[str] = []
    count = 0
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        service, _, cell = (each.strip() for each in line.partition(","))
        if why := _wrong(service, cell, made, services, resolution):
            count += 1
            faults += [f"{path.name}:{number}: {why()}"] * (count <= MOST_FAULTS)
        else:
            made.setdefault(cell, set()).add(service)
    if faults:
        told = faults + [f"{path.name}: and {count - MOST_FAULTS} more faults"] * (count > MOST_FAULTS)
        raise SurveyError("\n".join(["refused", *told]))
    return {cell: frozenset(who) for cell, who in made.items()}


def _wrong(
    service: str, cell: str, made: Mapping[str, set[str]], services: Collection[str], resolution: int
) -> Callable[[], str] | None:
    """Return what says what is wrong with a line, or None: the nearest name is looked for only where it is told."""
    if service not in services:
        return lambda: f"service {service[:60]!r} is not in the register{nearest(service[:60], services)}"
    if grid.resolution_of(cell) != resolution:
        return lambda: f"{cell[:40]!r} is no H3 cell of resolution {resolution}"
    if service in made.get(cell, ()):
        return lambda: f"cell {cell} of service {service} is there twice; keep one of the two"
    return None
