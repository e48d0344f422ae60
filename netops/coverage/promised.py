"""What a contract promises of coverage, ready for arithmetic: words looked at, numbers exact. Pure."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from netops.coverage import survey
from netops.coverage.cells import HOUR_MS, Rules
from netops.coverage.judge import Promise
from netops.errors import UsageError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from inventory.model import Contract, Coverage, ServiceItem

DAY_MS = 24 * HOUR_MS
HUNDRED = 100
TECHNOLOGY = {level: technology for technology, (level, _) in survey.RADIO.items()}
"""What is measured → whose it is: `rsrp` of LTE, `rssi` of WiFi."""


def technology(given: Coverage) -> str:
    """Return which surveys speak of a promise: `lte` or `wifi`."""
    return TECHNOLOGY[given.metric]


def asked(contracts: Iterable[Contract]) -> frozenset[tuple[str, str]]:
    """Return of whose surveys these versions are judged by: carrier and technology."""
    return frozenset(
        (each.carrier, technology(one)) for each in contracts for item in each.items for one in item.coverage
    )


def promise(contract: Contract, item: ServiceItem, given: Coverage) -> Promise:
    """Return one promise; UsageError names the place, the field and what was expected."""
    where = f"contract {contract.id} version {contract.version}, {item.id}/{given.id}"
    if given.metric not in TECHNOLOGY:
        raise UsageError(
            f"{where}: metric is '{given.metric}'; expected one of {', '.join(sorted(TECHNOLOGY))}"
            f"{nearest(given.metric, TECHNOLOGY)}"
        )
    if technology(given) != item.kind:
        raise UsageError(
            f"{where}: metric '{given.metric}' is of {technology(given)}, and the item sells {item.kind}; expected "
            "rsrp of lte, rssi of wifi"
        )
    level_of, quality_of = survey.RADIO[technology(given)]
    stray = [each.area for each in given.minima if item.select.areas and each.area not in item.select.areas]
    if stray:
        raise UsageError(f"{where}: minima name area {stray[0]}, which the item does not select; leave it out")
    return Promise(
        rules=Rules(
            level=_hundredths(where, "level", level_of, given.level),
            quality=_hundredths(where, "quality", quality_of, given.quality) if given.quality else None,
            min_hours=given.min_hours,
            max_age_ms=given.max_age_days * DAY_MS,
        ),
        target=Fraction(given.target) / HUNDRED,
        minimum=Fraction(given.minimum) / HUNDRED,
        z=Fraction(given.z),
        max_unknown=Fraction(given.max_unknown_ratio),
        minima={each.area: Fraction(each.percent) / HUNDRED for each in given.minima},
        unknown_cells=given.unknown_cells,
    )


def _hundredths(where: str, field: str, column: str, text: str) -> int:
    value = survey.hundredths(column, text)
    if value is None:
        low, high = survey.RANGES[column]
        raise UsageError(
            f"{where}: {field} is '{text[:20]}'; expected a {column} from {low} to {high} with at most two decimals"
            f"{survey.unsigned(column, text)}"
        )
    return value
