"""The calendars that a report was judged by, as bytes: which days were holidays goes into the bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inventory import workdays
from netops.evidence import canonical
from netops.report.deadlines import years
from netops.sla import calendar

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date
    from zoneinfo import ZoneInfo

    from inventory.model import Contract, Hours


def document(
    ruling: Iterable[tuple[Contract, int, int]], tz: ZoneInfo, *, deadlines: Iterable[tuple[Contract, int, int]] = ()
) -> bytes:
    """Return the years that hours by kind of day look at, and deadlines, as canonical JSON; empty where none does.

    `ruling` holds (version, start, end in ms), `deadlines` those of `deadlines.looked_at`; UsageError (floor 1's) names
    a year that is not there.
    """
    made: dict[str, Any] = {}
    for contract, start_ms, end_ms in deadlines:
        for number in years(contract, start_ms, end_ms):
            made.setdefault(contract.calendar, {})[str(number)] = _year(contract.calendar, number)
    for contract, start_ms, end_ms in ruling:
        hours = [each for each in _hours(contract) if each.kinds]
        if not hours:
            continue
        over = any(each.end_minute > calendar.DAY_MINUTES for each in hours)
        for number in calendar.years(start_ms - (calendar.DAY_MS if over else 0), end_ms, tz):
            made.setdefault(contract.calendar, {})[str(number)] = _year(contract.calendar, number)
    return canonical.dumps(made) if made else b""


def _year(name: str, number: int) -> dict[str, Any]:
    year = workdays.year(name, number)
    days = {"holidays": _written(year.holidays), "workdays": _written(year.workdays)}
    return {"source": year.source, **days}


def known() -> dict[str, dict[str, dict[str, list[str]]]]:
    """Return the days of every year that this installation holds, by calendar and year, as a verifier wants them."""
    made: dict[str, dict[str, dict[str, list[str]]]] = {}
    for name, number in workdays.years():
        year = workdays.year(name, number)
        days = {"holidays": _written(year.holidays), "workdays": _written(year.workdays)}
        made.setdefault(name, {})[str(number)] = days
    return made


def _hours(contract: Contract) -> Iterable[Hours]:
    return (hours for item in contract.items for each in item.objectives for hours in each.rules.hours)


def _written(days: Iterable[date]) -> list[str]:
    return [each.isoformat() for each in sorted(days)]
