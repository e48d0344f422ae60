"""What the vantage points measure: who looks at what, how it went last, and why something was not measured."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from flask import Blueprint, render_template

from dashboards import courses, words
from dashboards.frame import bound, frame
from netops.access import guard
from netops.errors import NetopsError
from netops.web.language import gettext as _
from netops.web.language import mark

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dashboards.city import City
    from dashboards.desk import Desk
    from netops.model import Subject
    from netops.store import Reading

DOOR, SERVES = "probe", "probe.service"
RECENT_MS = 2 * 3_600_000
LATE_MS = 10 * 60_000  # no vantage point looks less often than every few minutes
MOST = 200
REACHED, RTT, LOSS = "probe.reached", "probe.rtt.p95", "probe.loss"
ONE_WAY = ("probe.delay_there.p95", "probe.delay_back.p95")
STEERED, ERROR = "probe.clock.synchronised", "probe.clock.error"
MS_PER_S = 1000
OTHERS: Mapping[str, str] = MappingProxyType(
    {
        "probe.variation": mark("时延变化"),
        "probe.connect": mark("建立连接"),
        "probe.dns.time": mark("域名解析"),
        "probe.total": mark("页面打开"),
        "probe.login.success": mark("门户登录成功"),
        "probe.login.time": mark("门户登录用时"),
        "probe.throughput": mark("下载速率"),
        "probe.air.points": mark("可收到的接入点"),
        "probe.dhcp.strangers": mark("未登记的 DHCP 服务器"),
    }
)
ALL = (REACHED, RTT, LOSS, *ONE_WAY, STEERED, ERROR, *OTHERS)


@dataclass(frozen=True, slots=True)
class Path:
    """What is known of one path: its newest readings by metric, and its texts."""

    subject: Subject
    readings: Mapping[str, Reading]
    texts: Mapping[str, str]

    @property
    def vantage(self) -> str:
        """Who looks."""
        return self.subject.id.partition("/")[0]

    @property
    def target(self) -> str:
        """What is looked at."""
        return self.subject.id.partition("/")[2]

    @property
    def anchor(self) -> bool:
        """Whether it is one of the vantage point's anchors."""
        return self.texts.get("probe.role") == "anchor"

    @property
    def last(self) -> Reading:
        """The newest reading."""
        return max(self.readings.values(), key=lambda each: each.slot_ms)


def install(blueprint: Blueprint, desk: Desk) -> None:
    """Add the page."""
    blueprint.add_url_rule("/probes", "probes", bound(probes, desk))


def probes(desk: Desk) -> str:
    """Show every vantage point with its paths."""
    city = desk.queries.city()
    try:
        found, error = paths(desk), ""
    except NetopsError as wrong:
        found, error = [], str(wrong)
    now_ms = desk.clock.now_ms()
    vantages = [
        _vantage(name, list(mine), now_ms) for name, mine in groupby(found[:MOST], key=lambda each: each.vantage)
    ]
    more = max(len(found) - MOST, 0)
    return render_template(
        "dashboards/probes.html", **frame(desk, city), vantages=vantages, more=more, probes_error=error
    )


def of_service(desk: Desk, service: str) -> list[dict[str, Any]]:
    """Return the paths on which vantage points probe a service; none where the store cannot be read."""
    try:
        found = [each for each in paths(desk) if each.texts.get(SERVES) == service]
    except NetopsError:
        return []
    return [_row(each, desk.clock.now_ms()) | {"vantage": each.vantage} for each in found]


def paths(desk: Desk) -> list[Path]:
    """Return the paths that were looked at lately: by vantage point, its anchors first."""
    held: dict[Subject, dict[str, Reading]] = {}
    for each in desk.queries.last("path", ALL, max_age_ms=RECENT_MS):
        known = held.setdefault(each.subject, {})
        if each.metric not in known or known[each.metric].slot_ms < each.slot_ms:
            known[each.metric] = each
    found = [Path(subject, _newest(readings), desk.queries.texts(subject)) for subject, readings in held.items()]
    found = sorted(found, key=lambda each: (each.vantage, not each.anchor, each.target))
    return found if guard.scope().whole else in_sight(found, desk.queries.city())


def in_sight(found: Sequence[Path], city: City) -> list[Path]:
    """Return paths as somebody with a scope sees them: those that serve what lies in it, beside their anchors.

    Of a vantage point that looks at nothing there nothing is shown. The anchors say whether it was blind.
    """
    served = {each.subject: each.texts.get(SERVES, "") for each in found}
    known = city.snapshot.service
    mine = {each.vantage for each in found if served[each.subject] in known}
    return [
        each
        for each in found
        if served[each.subject] in known or (each.vantage in mine and each.anchor and not served[each.subject])
    ]


def _newest(readings: Mapping[str, Reading]) -> dict[str, Reading]:
    """Leave out what the newest look no longer told of: the target is another kind now."""
    newest = max(each.slot_ms for each in readings.values())
    return {name: each for name, each in readings.items() if newest - each.slot_ms <= LATE_MS}


def _vantage(name: str, mine: Sequence[Path], now_ms: int) -> dict[str, Any]:
    anchors = [each for each in mine if each.anchor]
    reached = sum(_reached(each) == "up" for each in anchors)
    last_ms = max(each.last.at_ms for each in mine)
    steered = [each.readings[STEERED].value for each in mine if STEERED in each.readings]
    errors = [each.readings[ERROR].value or 0 for each in mine if ERROR in each.readings]
    return {
        "name": name,
        "rows": [_row(each, now_ms) for each in mine],
        "anchors": len(anchors),
        "reached": reached,
        "state": _sight(len(anchors), reached, late=now_ms - last_ms > LATE_MS),
        "last_ms": last_ms,
        "late": now_ms - last_ms > LATE_MS,
        "clock": None if not steered else all(steered),
        "error": _bounded(max(errors)) if errors else "",
    }


def _bounded(error_ms: float) -> str:
    """Say a bound of a clock's error in three digits."""
    return f"{error_ms:.3g} ms" if error_ms < MS_PER_S else f"{error_ms / MS_PER_S:.3g} s"


def _sight(anchors: int, reached: int, *, late: bool) -> str:
    """Return how well a vantage point sees: without an anchor that answers nobody knows."""
    if late or not reached:
        return "unknown"
    return "up" if reached == anchors else "degraded"


def _reached(path: Path) -> str:
    found = path.readings.get(REACHED)
    if found is None or found.value is None or found.code != courses.OK:
        return "unknown"
    return "up" if found.value == 1 else "down"


def _row(path: Path, now_ms: int) -> dict[str, Any]:
    readings, last = path.readings, path.last
    state = "unknown" if now_ms - last.at_ms > LATE_MS else _reached(path)
    return {
        "target": path.target,
        "kind": path.texts.get("probe.kind", ""),
        "service": path.texts.get(SERVES, ""),
        "anchor": path.anchor,
        "state": state,
        "because": words.outcome(readings[REACHED].code) if state == "unknown" and REACHED in readings else "",
        "rtt": _said(readings.get(RTT)),
        "loss": _said(readings.get(LOSS)),
        "ways": [_said(readings.get(name)) for name in ONE_WAY],
        "others": [(_(name), _said(readings[metric])) for metric, name in OTHERS.items() if metric in readings],
        "last": last,
    }


def _said(reading: Reading | None) -> tuple[str, str]:
    """Say a value, or why there is none."""
    if reading is None:
        return "", ""
    if reading.code == courses.OK and reading.value is not None:
        return courses.said(reading), ""
    return "", _("未测：%(why)s", why=words.outcome(reading.code))
