"""What a device's page draws of many things at once: clients by access point and hour, received power, busy cells.

Each picture has its table; without a value to draw there is none, and a store that cannot be read is said by the page.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from dashboards import words
from netops import children
from netops.errors import NetopsError
from netops.metrics import optics
from netops.model import Quality, Subject
from netops.pictures import heat, histogram, percentiles
from netops.web.language import gettext as _

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dashboards.city import City
    from dashboards.courses import Day
    from dashboards.desk import Desk
    from inventory.model import Device, Service

HOUR_MS = 3_600_000
HOURS = 24
SHOWN = 24  # access points in a heat map, the busiest
ASKED = 600  # access points of which the store is asked at once: a controller has some hundreds
CLIENTS, RECEIVED, BUSY = "wlan.ap.clients", optics.RECEIVED, ("lte.cell.prb_dl", "lte.cell.prb_ul")
CLASS = f"{optics.MARGIN}gpon_b_plus"  # where no contract of the device names another
LATELY_MS = 6 * HOUR_MS  # heavy columns are asked for seldom


def of_device(desk: Desk, city: City, device: Device, seen: Day) -> dict[str, Any]:
    """Return the pictures of a device's page by its role; none where it has none."""
    services = [city.snapshot.service[each] for each in city.index.by_device.get(device.id, ())]
    made: dict[str, Any] = {}
    if device.role == "wlan_controller":
        made = {"clients": clients(desk, city, services)}
    elif device.role == "olt":
        made = {"light": light(desk, city, device)}
    elif device.role == "small_cell":
        made = {"busy": [each for metric in BUSY for each in busy(desk, seen, metric)]}
    return {"clients": None, "light": None, "busy": [], **made}


def of_site(desk: Desk, city: City, site: str) -> dict[str, Any]:
    """Return the clients of a site's access points."""
    return {"clients": clients(desk, city, [city.snapshot.service[each] for each in city.index.by_site.get(site, ())])}


def clients(desk: Desk, city: City, services: Iterable[Service]) -> dict[str, Any] | None:
    """Return the mean number of clients of each access point in each of the last 24 hours; None where nobody told."""
    found = [(each, subject) for each in services if each.role == "ap" for subject in children.of_service(each)[:1]]
    groups = {subject: each.id for each, subject in found[:ASKED]}
    if not groups:
        return None
    now_ms = desk.clock.now_ms()
    start_ms = now_ms // HOUR_MS * HOUR_MS - (HOURS - 1) * HOUR_MS
    try:
        told = desk.queries.grouped(CLIENTS, groups, start_ms=start_ms, end_ms=now_ms + 1, step_ms=HOUR_MS)
    except NetopsError:
        return None  # the readings say that the store cannot be read
    held: dict[str, list[float | None]] = defaultdict(lambda: [None] * HOURS)
    for each in told:
        held[each.group][(each.start_ms - start_ms) // HOUR_MS] = each.mean
    order = sorted(held, key=lambda name: (-sum(each or 0.0 for each in held[name]), name))
    names = _names(city, found)
    rows = [heat.Row(name=names[name], values=tuple(held[name]), href=f"/service/{name}") for name in order[:SHOWN]]
    if not rows:
        return None
    ticks = [text for _at, text in words.hours(start_ms, start_ms + HOURS * HOUR_MS - 1, desk.zone, step_h=1)]
    label = _("过去24小时每小时的平均终端数，%(count)d 个接入点", count=len(rows))
    return {
        "picture": heat.draw(rows, hours=ticks[:HOURS], label=label),
        "rows": [(each, " ".join("—" if one is None else f"{one:.0f}" for one in each.values)) for each in rows],
        "hours": f"{ticks[0]} – {ticks[-1]}" if ticks else "",
        "more": len(order) - len(rows),
        "silent": len(groups) - len(held),
    }


def light(desk: Desk, city: City, device: Device) -> dict[str, Any] | None:
    """Return how much light the ONUs of an OLT receive, against the limits of the class that its contract names."""
    try:
        told = desk.queries.last("onu", [RECEIVED], max_age_ms=LATELY_MS)
    except NetopsError:
        return None
    values = [
        each.value
        for each in told
        if each.device.partition("/")[0] == device.id and each.value is not None and each.code == Quality.OK.value
    ]
    if not values:
        return None
    margin = _class(city, device.id)
    low, high = (int(each) for each in optics.LIMITS[margin])
    made = histogram.bins(values, low=low, high=high)
    beyond = sum(each.count for each in made if not each.inside)
    label = _(
        "%(count)d 个 ONU 的收光功率，%(beyond)d 个超出 %(low)d 至 %(high)d dBm",
        count=len(values),
        beyond=beyond,
        low=low,
        high=high,
    )
    return {
        "picture": histogram.draw(made, unit="dBm", label=label),
        "said": label,
        "class": margin.removeprefix(optics.MARGIN),
        "rows": [(_ends(each), each.count, each.inside) for each in made if each.count],
    }


def busy(desk: Desk, seen: Day, metric: str) -> list[dict[str, Any]]:
    """Return the percentiles of a day of each cell for a metric in percent; nothing of a cell that told none."""
    made = []
    start_ms = -(-seen.start_ms // HOUR_MS) * HOUR_MS
    starts = range(start_ms - (HOUR_MS if start_ms > seen.start_ms else 0), seen.end_ms, HOUR_MS)
    for subject, readings in seen.readings.items():
        by_hour: dict[int, list[float]] = defaultdict(list)
        for each in readings:
            if each.metric == metric and each.value is not None and each.code == Quality.OK.value:
                by_hour[each.slot_ms // HOUR_MS * HOUR_MS].append(each.value)
        if subject.kind == "cell" and by_hour:
            ticks = dict(words.hours(starts[0], seen.end_ms, desk.zone, step_h=1))
            hours = [percentiles.hour(ticks.get(at, ""), by_hour.get(at, ())) for at in starts]
            made.append(_busy(metric, subject, hours))
    return made


def _busy(metric: str, subject: Subject, hours: Sequence[percentiles.Hour]) -> dict[str, Any]:
    name = _("下行PRB利用率") if metric == BUSY[0] else _("上行PRB利用率")
    label = _("%(name)s：每小时第 5、50、95 百分位", name=name)
    return {
        "name": name,
        "subject": str(subject),
        "picture": percentiles.draw(hours, most=100, unit="%", label=label),
        "rows": [each for each in hours if each.count],
        "blind": sum(not each.count for each in hours),
    }


def _names(city: City, found: Iterable[tuple[Service, Subject]]) -> Mapping[str, str]:
    """Return what each service's access point is called: by its device in the register, else by its own id."""
    names = {}
    for service, subject in found:
        now = city.now.get(service.id)
        device = city.snapshot.device.get(now.device) if now is not None else None
        own = device is not None and children.is_child(device)
        names[service.id] = (device.name or device.id) if own and device is not None else subject.id.partition(":")[2]
    return names


def _class(city: City, device: str) -> str:
    """Return the margin's name of the class that a contract of the device's services promises."""
    contracts = {city.now[each].contract for each in city.index.by_device.get(device, ()) if each in city.now}
    for name in sorted(contracts & set(city.snapshot.contract)):
        for item in city.snapshot.contract[name].items:
            for objective in item.objectives:
                if objective.indicator in optics.LIMITS:
                    return objective.indicator
    return CLASS


def _ends(each: histogram.Bin) -> str:
    if math.isinf(each.low):
        return f"< {each.high:g}"
    return f"≥ {each.low:g}" if math.isinf(each.high) else f"{each.low:g} – {each.high:g}"
