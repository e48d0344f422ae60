"""The operators' pages: the map, what is wrong by cause, a subdistrict, a search, the same for scripts."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, abort, jsonify, render_template, request, url_for

from dashboards import charts, words
from dashboards.city import GROUPS, Sums, find, troubles, worst_first
from dashboards.frame import PAGE, bound, frame, fresh, paged
from netops.errors import ConfigError
from netops.pictures import outline
from netops.situation import State
from netops.sla.state import WATCHED
from netops.web import safe
from netops.web.language import gettext as _

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dashboards.city import City, Trouble
    from dashboards.desk import Desk
    from inventory.model import Area

TROUBLES = 12
SYLLABLE = re.compile(r"[^aeiou]*[aeiou]+(?:n(?![aeiou])g?(?![aeiou])|r(?![aeiou]))?", re.IGNORECASE)


def install(blueprint: Blueprint, desk: Desk) -> None:
    """Add the pages."""
    add = blueprint.add_url_rule
    add("/", "home", bound(home, desk))
    add("/area/<area>", "area", bound(area, desk))
    add("/worst", "worst", bound(worst, desk))
    add("/find", "find", bound(find_, desk))
    add("/api/situation", "situation", bound(situation, desk))
    add("/services.csv", "services_csv", bound(services_csv, desk))


def home(desk: Desk) -> Response:
    """Show the map, the troubles by cause, and the table behind the map."""
    city = desk.queries.city()
    return fresh(desk, city, lambda: _home(desk, city))


def _home(desk: Desk, city: City) -> str:
    found = troubles(city)
    areas = sorted(city.snapshot.areas, key=lambda each: (each.row, each.col, each.id))
    return render_template(
        "dashboards/home.html",
        **frame(desk, city),
        whole=city.whole,
        **_map(desk, [_tile(each, city.areas[each.id]) for each in areas], [each.id for each in areas]),
        areas=[(each, city.areas[each.id]) for each in sorted(areas, key=lambda each: _worse(city.areas[each.id]))],
        troubles=[_told(city, each) for each in found[:TROUBLES]],
        more=len(found) - TROUBLES,
        collector=words.collector(city.situation.collector),
    )


def _map(desk: Desk, tiles: list[charts.Tile], areas: list[str]) -> dict[str, Any]:
    """Return the city's own map where the settings name one that can be read, else the schematic one, and why."""
    label, path = _("各街道服务状态图"), desk.settings.city.map
    if path is None:
        return {"map": charts.tile_map(tiles, label=label), "map_error": ""}
    try:
        shapes = _shapes(path, path.stat().st_mtime_ns, tuple(areas))
    except (OSError, ConfigError) as error:
        return {"map": charts.tile_map(tiles, label=label), "map_error": str(error)}
    places = {
        area: outline.Place(value=each.value, state=each.state, href=each.href, title=each.title)
        for area, each in zip(areas, tiles, strict=True)
    }
    return {"map": outline.draw(shapes, places, label=label), "map_error": ""}


@lru_cache(maxsize=2)
def _shapes(path: Path, _changed: int, areas: tuple[str, ...]) -> dict[str, tuple[outline.Ring, ...]]:
    return outline.read(path.read_bytes(), name=str(path), known=areas)


def worst(desk: Desk) -> Response:
    """Show everything that is not up, grouped as asked."""
    by = request.args.get("by", "cause")
    if by not in GROUPS:
        abort(404)
    city = desk.queries.city()
    key = request.args.get("key", "")
    return fresh(desk, city, lambda: _worst(desk, city, by, key))


def _worst(desk: Desk, city: City, by: str, key: str) -> str:
    found = troubles(city, by)
    chosen = [each for each in found if each.key == key]
    rows = list(chosen[0].services) if chosen else []
    return render_template(
        "dashboards/worst.html",
        **frame(desk, city),
        by=by,
        groups=[
            ("cause", _("按原因")),
            ("device", _("按控制器/OLT")),
            ("carrier", _("按运营商")),
            ("area", _("按街道")),
        ],
        troubles=[_told(city, each) for each in found[:PAGE]],
        more=len(found) - PAGE,
        chosen=_told(city, chosen[0]) if chosen else None,
        key=key,
        **paged(city, rows),
    )


def area(desk: Desk, area: str) -> Response:
    """Show the services of a subdistrict, worst first."""
    city = desk.queries.city()
    known = city.snapshot.area.get(area) or abort(404)
    rows = [each for each in city.now.values() if each.area == area]
    rows.sort(key=worst_first)

    def render() -> str:
        return render_template(
            "dashboards/area.html", **frame(desk, city), area=known, sums=city.areas[area], **paged(city, rows)
        )

    return fresh(desk, city, render)


def find_(desk: Desk) -> str:
    """Show what a search finds."""
    city = desk.queries.city()
    query = request.args.get("q", "")[:200]
    hits, count = find(city, query)
    return render_template(
        "dashboards/find.html", **frame(desk, city), query=query, hits=hits, count=count, snapshot=city.snapshot
    )


def situation(desk: Desk) -> Response:
    """Give the situation as JSON: for wall displays and scripts."""
    city = desk.queries.city()
    rows = [
        {
            "service": each.service,
            "device": each.device,
            "area": each.area,
            "carrier": each.carrier,
            "kind": each.kind,
            "state": each.state.value,
            "cause": each.cause,
            "because": each.because,
            "since_ms": each.since_ms,
        }
        for each in city.now.values()
        if each.state is not State.UP or request.args.get("all") == "1"
    ]
    sums = city.whole
    body = {
        "at_ms": city.situation.at_ms,
        "register": city.snapshot.digest,
        "rehearsal": desk.settings.city.rehearsal,
        "up": sums.up,
        "degraded": sums.degraded,
        "down": sums.down,
        "unknown": sums.unknown,
        "services": rows,
    }
    return jsonify(body)


def services_csv(desk: Desk) -> Response:
    """Give every service with its state and month as a table for spreadsheets; formula cells are disarmed."""
    city = desk.queries.city()
    head = ["service", "kind", "area", "carrier", "device", "state", "cause", "because", "since", "month_up_ms"]
    head += ["month_down_ms", "month_unknown_ms"]
    rows = [
        (
            each.service,
            each.kind,
            each.area,
            each.carrier,
            each.device,
            each.state.value,
            each.cause,
            each.because,
            words.clock(each.since_ms, desk.zone),
            each.month_up_ms,
            each.month_down_ms,
            each.month_unknown_ms,
        )
        for each in city.now.values()
    ]
    disposition = {"Content-Disposition": 'attachment; filename="services.csv"'}
    return Response(safe.table(head, rows), mimetype="text/csv", headers=disposition)


def _worse(sums: Sums) -> tuple[int, int, int]:
    return -sums.down, -sums.unknown, -sums.degraded


def _tile(each: Area, sums: Sums) -> charts.Tile:
    state = sums.state
    count = {"down": sums.down, "degraded": sums.degraded, "unknown": sums.unknown, "up": sums.up}.get(state, 0)
    name = words.area(each)
    month = words.percent(sums.month, digits=2)
    said = f"{words.state(state)} {count}/{sums.services}" if sums.services else words.state("")
    return charts.Tile(
        col=each.col,
        row=each.row,
        name=broken(name),
        value=str(count) if sums.services else "",
        note=month,
        state=words.LETTER.get(state, charts.NONE),
        href=url_for("dashboards.area", area=each.id),
        title=_("%(name)s：%(said)s，本月可用率 %(month)s", name=name, said=said, month=month),
    )


def broken(name: str) -> tuple[str, ...]:
    """Break a long Latin name between two syllables, as near the middle as it goes: `Beitai-`, `pingzhuang`."""
    if len(name) <= 11 or not name.isascii():
        return (name,)
    ends = [match.end() for match in SYLLABLE.finditer(name)][:-1]
    if not ends:
        return (name,)
    at = min(ends, key=lambda end: abs(end - len(name) / 2))
    return f"{name[:at]}-", name[at:]


def _told(city: City, each: Trouble) -> dict[str, Any]:
    kind, _colon, name = each.key.partition(":")
    snapshot = city.snapshot
    nouns: dict[str, Mapping[str, Any]] = {
        "device": snapshot.device,
        "carrier": snapshot.carrier,
        "area": snapshot.area,
    }
    record = nouns.get(kind, {}).get(name)
    if kind == "cause":
        title = words.cause(name)
    elif record is None:
        title = name
    elif kind == "area":
        title = words.area(record)
    else:
        title = words.carrier(record) if kind == "carrier" else record.name or record.id
    first = each.services[0]
    areas = [words.area(city.snapshot.area[area]) for area in each.areas[:3] if area in city.snapshot.area]
    return {
        "key": each.key,
        "kind": {"device": _("设备"), "carrier": _("运营商"), "area": _("街道"), "cause": _("原因")}.get(kind, kind),
        "title": title,
        "device": name if kind == "device" and record is not None else "",
        "state": each.state.value,
        "count": len(each.services),
        "since_ms": each.since_ms,
        "because": words.because(first.because, snapshot),
        "shown_by": next((now for now in each.services if snapshot.service[now.service].role in WATCHED), None),
        "areas": areas,
        "areas_more": max(len(each.areas) - 3, 0),
    }
