"""Whether what an objection is about stands in its report: the services that it judges, the outages it tells of. Pure.

A claim, a leaf and a period are known to the ledger (`netops/access/disputes.py`); services and outages only to the
report. Who objects to an outage that the report does not tell of would wait for a ruling about nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

from inventory import times
from netops.clock import utc
from netops.dispute import codes
from netops.errors import UsageError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from zoneinfo import ZoneInfo

    from netops.dispute.codes import Target

_T = TypeVar("_T")
MOST_SHOWN: Final = 5
_OUTAGES: Final = ("incidents", "degraded")  # both are tables of an objective: service, start_ms, end_ms, …


@dataclass(frozen=True, slots=True)
class Told:
    """What a report tells of: each service that it judges, and its outages, from when to when (ms UTC).

    Of outages that begin together, under several objectives, the longest counts. `surveys` are those that it rests on,
    by the SHA-256 of their files; `claims` what it says of each claim, under all objectives.
    """

    outages: Mapping[str, Mapping[int, int]]
    surveys: frozenset[str] = frozenset()
    claims: Mapping[str, frozenset[str]] = field(default_factory=dict)


def read(report: Any, surveys: Iterable[str] = ()) -> Told:
    """Return what a `report.json` tells of; LookupError, TypeError or AttributeError when it is none."""
    found: dict[str, dict[int, int]] = {}
    for each in _objectives(report):
        for row in each.get("services", {}).get("rows", ()):
            found.setdefault(_a(str, row[0]), {})
        for table in _OUTAGES:
            for row in each.get(table, {}).get("rows", ()):
                mine, end_ms = found.setdefault(_a(str, row[0]), {}), _a(int, row[2])
                mine[_a(int, row[1])] = max(mine.get(row[1], end_ms), end_ms)
    return Told(found, frozenset(surveys), claims(report))


def claims(report: Any) -> dict[str, frozenset[str]]:
    """Return what a `report.json` says of each claim: in force, late, not approved, …, under all objectives."""
    found: dict[str, frozenset[str]] = {}
    for each in _objectives(report):
        for told in each.get("exclusions", ()):
            name = _a(str, told["claim"])
            found[name] = found.get(name, frozenset()) | {_a(str, told["effect"])}
    return found


def missing(target: Target, told: Told, zone: ZoneInfo, *, until_ms: int = 0) -> str:
    """Return why the report tells of nothing that the target could be, or the empty string.

    `until_ms` is the end of the part that is asked for.
    """
    if target.kind == codes.SURVEY:
        known = ", ".join(sorted(told.surveys)[:MOST_SHOWN]) or "none"
        return "" if target.name in told.surveys else f"the report rests on no survey {target.name}; on {known}"
    if not target.name or target.kind not in {codes.INCIDENT, codes.INTERVAL}:
        return ""
    starts = told.outages.get(target.name)
    if starts is None:
        return f"the report judges no service '{target.name}'{nearest(target.name, told.outages)}"
    if target.kind == codes.INTERVAL:
        return ""
    if target.start_ms in starts:
        end_ms = starts[target.start_ms]
        over = f"the outage of '{target.name}' was over at {times.shown(end_ms, zone)}"
        return f"{over}; what is asked for ends later" if until_ms > end_ms else ""
    at = times.shown(target.start_ms, zone)
    if not starts:
        return f"service '{target.name}' has no outage in the report, none that begins at {at} either"
    near = sorted(sorted(starts, key=lambda start: abs(start - target.start_ms))[:MOST_SHOWN])
    more = f" and {len(starts) - len(near)} more" if len(starts) > len(near) else ""
    shown = ", ".join(times.shown(start, zone) for start in near)
    return f"service '{target.name}' has no outage that begins at {at}; its outages begin at {shown}{more}"


def words(text: str, zone: ZoneInfo, *, chinese: bool = False) -> str:
    """Return a target as a sentence of the list shows it; what is none, or drives a terminal, as a literal."""
    try:
        target = codes.target(text)
    except UsageError:
        return repr(text)
    name = target.name if target.name.isprintable() else repr(target.name)
    match target.kind:
        case codes.CLAIM:
            return f"免责申报 {name}" if chinese else f"claim {name}"
        case codes.LEAF:
            return f"存证 {target.leaf}" if chinese else f"leaf {target.leaf}"
        case codes.SURVEY:
            to, in_area, survey = ("至", "，区域", "测量文件") if chinese else ("to", " in area", "survey")
            hours = f", {_clock(target.start_ms, zone)} {to} {_clock(target.end_ms, zone)}" if target.end_ms else ""
            area = f"{in_area} {target.area if target.area.isprintable() else repr(target.area)}" if target.area else ""
            return f"{survey} {name[:16]}…{area}{hours}"
        case codes.INCIDENT:
            began = _clock(target.start_ms, zone)
            return f"{name} 始于 {began} 的中断" if chinese else f"outage of {name} that began {began}"
        case _:
            span = f"{_clock(target.start_ms, zone)} {'至' if chinese else 'to'} {_clock(target.end_ms, zone)}"
            return f"{name}, {span}" if name else span


def _clock(at_ms: int, zone: ZoneInfo) -> str:
    return f"{utc(at_ms).astimezone(zone):{'%Y-%m-%d %H:%M:%S' if at_ms % 60_000 else '%Y-%m-%d %H:%M'}}"


def _a(kind: type[_T], value: Any) -> _T:
    """Return the value when it is of the kind: a bundle that was not verified yet may hold anything."""
    if type(value) is not kind:
        raise TypeError(f"{value!r:.40} is no {kind.__name__}")
    return value


def _objectives(report: Any) -> Iterator[Any]:
    for part in report["parts"]:
        for item in part["items"]:
            yield from item["objectives"]
