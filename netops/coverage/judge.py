"""The verdict on coverage by area: each area of the register by itself, and all of them together.

Each known cell weighs by its surface. The share is the weighted mean of the cells' good hours; its n is
(sum of w)^2 / sum of (w^2 / hours): the number of independent hours of equal cells that would say as much, so cells
that were measured often cannot speak for those that were measured seldom. The Wilson interval of this share and n is
the bound. Cells of which nothing is known are in no share, unless a contract says that they count as covered or as
not; how much surface they are is always told, and above `max_unknown` there is no verdict. A cell that is unknown only
because rulings took its hours out is in no share under any of these rules: who objects to samples must not win, nor
lose, by what the contract assumes of places where nobody measured. This is coverage of *area*:
it is never added to or compared with availability (of time) or with shares of people or traffic.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING

from netops.coverage import wilson
from netops.coverage.cells import Known, look

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from inventory.model import UnknownCells
    from netops.coverage.cells import Cell, Rules, Table

DIGITS = 6  # of a printed bound: four of its percentage


class Outcome(StrEnum):
    """What is said of an area."""

    MET = "met"
    MISSED = "missed"
    NOT_DETERMINABLE = "not_determinable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What coverage was promised: shares of area from 0 to 1; z is a decimal of the contract (1.96 for 95 %).

    `minima` are of the areas that the contract names, `minimum` is of the others.
    """

    rules: Rules
    target: Fraction
    minimum: Fraction
    z: Fraction = Fraction("1.96")
    max_unknown: Fraction = Fraction(1, 10)
    minima: Mapping[str, Fraction] = field(default_factory=dict)
    unknown_cells: UnknownCells = "removed"

    def least(self, area: str) -> Fraction:
        """Return what one area must reach."""
        return self.minima.get(area, self.minimum)


@dataclass(frozen=True, slots=True)
class Weak:
    """Weak coverage, 弱覆盖: of the known cells' hours, and of these cells, how many are beneath the promised level.

    A weak cell is beneath it in more than half of its hours. No surface weighs here, and no quality counts.
    """

    hours: int = 0
    weak_hours: int = 0
    cells: int = 0
    weak_cells: int = 0

    @classmethod
    def of(cls, cells: Iterable[Cell]) -> Weak:
        """Count them."""
        known = [each for each in cells if each.known is Known.KNOWN]
        hours, weak = sum(each.hours for each in known), sum(each.weak for each in known)
        return cls(hours, weak, len(known), sum(2 * each.weak > each.hours for each in known))


@dataclass(frozen=True, slots=True)
class Standing:
    """How an area stands. `share` is None where no cell is known; surfaces in square decimetres.

    `share` and its bounds are those of the promise's rule for unknown cells; `n` is of the known ones. `ruled_out` is
    the surface of the cells that rulings made unknown: it is in no share.
    """

    outcome: Outcome
    because: str
    target: Fraction
    share: Fraction | None = None
    lower: Fraction = Fraction(0)
    upper: Fraction = Fraction(1)
    n: Fraction = Fraction(0)
    surface: int = 0
    known_surface: int = 0
    cells: Mapping[str, int] = field(default_factory=dict)
    newest_ms: int = 0
    oldest_ms: int = 0
    weak: Weak = Weak()
    ruled_out: int = 0

    @property
    def unknown(self) -> Fraction:
        """The share of the surface of which nothing is known."""
        return 1 - Fraction(self.known_surface, self.surface) if self.surface else Fraction(1)


@dataclass(frozen=True, slots=True)
class Coverage:
    """The verdict: the whole, each area, how many samples lay in no area; and the whole `alone`, without the minima."""

    whole: Standing
    areas: Mapping[str, Standing]
    outside: int
    alone: Standing


Zones = dict[str, dict[str, int]]
"""Area → its cells and their surfaces in square decimetres."""


def judge(table: Table, zones: Zones, promise: Promise, *, at_ms: int, measured: Table | None = None) -> Coverage:
    """Judge all areas and the whole at an instant. A whole is met only with each of its areas at its minimum.

    `measured` has the cells that rulings took hours of, as they were before.
    """
    before = measured.hours if measured is not None else {}

    def seen(cell: str) -> Cell:
        found = look(table.hours.get(cell, {}), promise.rules, at_ms=at_ms)
        if found.known is Known.KNOWN or cell not in before:
            return found
        return replace(found, ruled_out=look(before[cell], promise.rules, at_ms=at_ms).known is Known.KNOWN)

    looked = {area: [(seen(cell), surface) for cell, surface in cells.items()] for area, cells in sorted(zones.items())}
    areas = {area: _stand(cells, promise.least(area), promise) for area, cells in looked.items()}
    alone = _stand([each for cells in looked.values() for each in cells], promise.target, promise)
    inside = {cell for cells in zones.values() for cell in cells}
    outside = sum(hour.samples for cell, hours in table.hours.items() if cell not in inside for hour in hours.values())
    return Coverage(_with_minima(alone, areas), areas, outside, alone)


def _stand(cells: Iterable[tuple[Cell, int]], target: Fraction, promise: Promise) -> Standing:
    cells = list(cells)
    surface = sum(weight for _, weight in cells)
    known = [(cell, weight) for cell, weight in cells if cell.known is Known.KNOWN]
    count = Counter(str(cell.known) for cell, _ in cells)
    told = {word.value: count[word] for word in Known}
    seen = [cell.newest_ms for cell, _ in cells if cell.newest_ms]
    weight = sum(each for _, each in known)
    out = sum(each for cell, each in cells if cell.ruled_out)
    if not known:
        return Standing(
            *(Outcome.NOT_DETERMINABLE, "nothing_known", target),
            surface=surface, cells=told, newest_ms=max(seen, default=0), oldest_ms=min(seen, default=0),
            ruled_out=out,
        )  # fmt: skip
    by_hours: dict[
        int, list[int]
    ] = {}  # hours → the sums of weight × good hours, and of weight², of cells with so many
    for cell, each in known:
        sums = by_hours.setdefault(cell.hours, [0, 0])
        sums[0] += each * cell.good
        sums[1] += each * each
    share = sum((Fraction(good, hours) for hours, (good, _) in by_hours.items()), Fraction(0)) / weight
    n = weight * weight / sum((Fraction(square, hours) for hours, (_, square) in by_hours.items()), Fraction(0))
    part = _Part.of(promise.unknown_cells, Fraction(weight, surface - out))
    outcome, because = _verdict(share, n, part.of_known(target), promise, unknown=1 - Fraction(weight, surface))
    bounds = wilson.interval(share, n, z=promise.z, digits=DIGITS, scale=part.scale, added=part.added)
    whole = part.scale * share + part.added
    weak = Weak.of(cell for cell, _ in cells)
    return Standing(outcome, because, target, whole, *bounds, n, surface, weight, told, max(seen), min(seen), weak, out)


@dataclass(frozen=True, slots=True)
class _Part:
    """What the known cells are of the whole: the share counted is `scale` × theirs + `added`."""

    scale: Fraction
    added: Fraction

    @classmethod
    def of(cls, rule: UnknownCells, known: Fraction) -> _Part:
        """Return it by the promise's rule for unknown cells: all but `known` of the surface that no ruling took out."""
        if rule == "removed":
            return cls(Fraction(1), Fraction(0))
        return cls(known, 1 - known if rule == "as_covered" else Fraction(0))

    def of_known(self, target: Fraction) -> Fraction:
        """Return what the known cells must reach for the whole to reach the target; it may lie beyond 0 and 1."""
        return (target - self.added) / self.scale


def _verdict(
    share: Fraction, n: Fraction, target: Fraction, promise: Promise, *, unknown: Fraction
) -> tuple[Outcome, str]:
    if unknown > promise.max_unknown:
        return Outcome.NOT_DETERMINABLE, "too_much_unknown"
    if wilson.is_at_least(share, n, target, z=promise.z):
        return Outcome.MET, "lower_bound_reaches_target"
    if wilson.is_below(share, n, target, z=promise.z):
        return Outcome.MISSED, "upper_bound_below_target"
    return Outcome.NOT_DETERMINABLE, "bounds_hold_the_target"


def _with_minima(whole: Standing, areas: Mapping[str, Standing]) -> Standing:
    """Return the whole with what its areas' minima make of it."""
    outcomes = {area: each.outcome for area, each in areas.items()}
    missed = [area for area, each in outcomes.items() if each is Outcome.MISSED]
    open_ = [area for area, each in outcomes.items() if each is Outcome.NOT_DETERMINABLE]
    if whole.outcome is Outcome.MISSED:
        return whole
    if missed:
        return _said(whole, Outcome.MISSED, f"minimum_missed: {', '.join(missed)}")
    if whole.outcome is Outcome.MET and open_:
        return _said(whole, Outcome.NOT_DETERMINABLE, f"minimum_not_determinable: {', '.join(open_)}")
    return whole


def _said(whole: Standing, outcome: Outcome, because: str) -> Standing:
    return replace(whole, outcome=outcome, because=because)


@dataclass(frozen=True, slots=True)
class Hit:
    """How a prediction fared: of the cells that were claimed covered and are known, so many are good by most hours."""

    claimed: int
    known: int
    hits: int


def hit_rate(claimed: Mapping[str, int], table: Table, rules: Rules, *, at_ms: int) -> Hit:
    """Hold a prediction (cell → level in hundredths of dBm) against the measured cells. It is a claim, no evidence."""
    covered = [cell for cell, level in claimed.items() if level >= rules.level]
    looked = [look(table.hours.get(cell, {}), rules, at_ms=at_ms) for cell in covered]
    known = [cell for cell in looked if cell.known is Known.KNOWN]
    return Hit(len(covered), len(known), sum(2 * cell.good > cell.hours for cell in known))
