"""A contract's promises of coverage over a part of a period: judged, what they owe, and as the report tells them. Pure.

They stand beside the objectives and never among them: a share of surface shares no column with a share of time
(rule 15 of `docs/explanation/sla.md`). `netops/evidence/surface.py` recomputes all of it by other means.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from inventory import codec
from netops.coverage import promised
from netops.coverage.cells import Known
from netops.coverage.ground import ground
from netops.coverage.judge import Outcome, judge
from netops.coverage.sealed import AREAS, SURVEY
from netops.sla import credit, numbers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inventory.model import Contract, ServiceItem
    from inventory.model import Coverage as Given
    from netops.coverage.ground import Ground
    from netops.coverage.judge import Coverage, Standing, Weak
    from netops.report.leaves import Leaves

COLUMNS = (
    *("area", "area_target", "verdict", "because", "area_share", "area_shown", "area_lower", "area_upper", "n"),
    *("surface_dm2", "known_dm2", "unknown_shown", *(each.value for each in Known), "newest_ms", "oldest_ms"),
)
WEAK = (
    *("area", "cell_hours", "weak_hours", "weak_share", "weak_shown"),
    *("cells", "weak_cells", "weak_cells_share", "weak_cells_shown"),
)
LOWER_PLACES = 4
"""Decimals of a bound in percent; it is rounded outward, so that the exact one lies within."""


@dataclass(frozen=True, slots=True)
class Found:
    """One promise of coverage at the end of a part: what it owes by itself, and as the report tells it."""

    name: str
    given: Given
    coverage: Coverage
    percent: Fraction
    told: dict[str, Any]

    def claimed(self) -> credit.Claimed:
        """Return what it owes; it is for no minutes."""
        return credit.Claimed(objective=self.given.id, percent=self.percent, against={})


class Surveyed:
    """The surveys of a report's leaves; what was known at an instant is opened once."""

    def __init__(self, leaves: Leaves, case: tuple[str, int, int]) -> None:
        """Open the leaves; of the rulings count those on the reports of this case: contract, from, to."""
        self._outs = [out for said_in, out in leaves.outs if said_in == case]
        self._stated = [(each.fact, each.known_ms) for each in leaves.of(AREAS, SURVEY)]
        self._open: dict[tuple[str, str, int], Ground] = {}

    def at(self, carrier: str, technology: str, at_ms: int) -> Ground:
        """Return what a verdict on one network rests on at an instant."""
        key = carrier, technology, at_ms
        if key not in self._open:
            self._open[key] = ground(self._stated, carrier=carrier, technology=technology, at_ms=at_ms, outs=self._outs)
        return self._open[key]


def find(
    contract: Contract, item: ServiceItem, given: Given, surveyed: Surveyed, *, at_ms: int, breaches_before: int = 0
) -> Found:
    """Judge one promise at an instant: the end of the part that its version rules."""
    promise = promised.promise(contract, item, given)
    seen = surveyed.at(contract.carrier, promised.technology(given), at_ms)
    areas = item.select.areas or tuple(sorted(seen.zones))
    zones = {area: seen.zones.get(area, {}) for area in areas}
    found = judge(seen.table, zones, promise, at_ms=at_ms, measured=seen.measured)
    percent = owed(found, given, breaches_before=breaches_before)
    told = _told(given, seen, found, at_ms=at_ms) | {
        "carrier": contract.carrier,
        "breaches_before": breaches_before,
        "credit_percent": numbers.text(percent),
    }
    return Found(f"{item.id}/{given.id}", given, found, percent, told)


def surveyed(report: Mapping[str, Any]) -> frozenset[tuple[str, str]]:
    """Return of whose surveys a report's content is made, as `netops.coverage.promised.asked` of its versions."""
    items = [item for part in report["parts"] for item in part["items"]]
    return frozenset((each["carrier"], each["technology"]) for item in items for each in item.get("coverage", ()))


def owed(found: Coverage, given: Given, *, breaches_before: int) -> Fraction:
    """Return what is owed in percent of the item's fee: the tier that holds the upper bound of a whole below its
    target, and so much for each area below its minimum. As the verdict, money rests on the bound, never on the point.
    """  # noqa: D205
    base = Fraction(0)
    if found.alone.outcome is Outcome.MISSED:
        base += credit.percent(found.alone.upper * 100, given.credits.tiers)
    missed = sum(each.outcome is Outcome.MISSED for each in found.areas.values())
    base += Fraction(given.area_percent) * missed
    return credit.limited(base, given.credits, breaches_before=breaches_before)


def _told(given: Given, seen: Ground, found: Coverage, *, at_ms: int) -> dict[str, Any]:
    whole = found.whole
    minima = {each.area: each.percent for each in given.minima}
    return {
        "objective": given.id,
        "title": given.title,
        "promise": codec.plain(given),
        "technology": promised.technology(given),
        "at_ms": at_ms,
        "grid": seen.grid,
        "areas_digest": seen.areas,
        "surveys": {
            "count": seen.surveys,
            "incomplete": seen.incomplete,
            "samples": seen.samples,
            "outside": found.outside,
            "cell_hours": sum(map(len, seen.table.hours.values())),
            **({"taken_out": seen.taken_out} if seen.taken_out else {}),
            **({"ruled_out_dm2": found.alone.ruled_out} if found.alone.ruled_out else {}),
        },
        "verdict": whole.outcome.value,
        "because": whole.because,
        "whole": dict(zip(COLUMNS, _row("", given.target, found.alone), strict=True)),
        "areas": {
            "columns": list(COLUMNS),
            "rows": [_row(area, minima.get(area, given.minimum), each) for area, each in found.areas.items()],
        },
        "weak": {
            "columns": list(WEAK),
            "rows": [_weak(area, each.weak) for area, each in {"": found.alone, **found.areas}.items()],
        },
    }


def _weak(area: str, each: Weak) -> list[Any]:
    return [
        *(area, each.hours, each.weak_hours, *_share(each.weak_hours, each.hours)),
        *(each.cells, each.weak_cells, *_share(each.weak_cells, each.cells)),
    ]


def _share(part: int, whole: int) -> tuple[str, str]:
    """Return a share, exactly and in percent; nothing of nothing."""
    return (numbers.text(Fraction(part, whole)), numbers.shown(Fraction(part, whole) * 100)) if whole else ("", "")


def _row(area: str, target: str, each: Standing) -> list[Any]:
    return [
        *(area, target, each.outcome.value, each.because),
        "" if each.share is None else numbers.text(each.share),
        "" if each.share is None else numbers.shown(each.share * 100),
        *(numbers.shown(bound * 100, LOWER_PLACES) for bound in (each.lower, each.upper)),
        numbers.shown(each.n, 1),
        *(each.surface, each.known_surface, numbers.shown(each.unknown * 100)),
        *(each.cells.get(known.value, 0) for known in Known),
        *(each.newest_ms, each.oldest_ms),
    ]
