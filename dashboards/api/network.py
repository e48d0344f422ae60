"""The network for programs: the city's situation, its areas, sites, devices and services, and a search."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

from flask import abort, url_for

from dashboards import inside, subjects, words
from dashboards.api import parameters, shapes
from dashboards.api.operation import Many, One, Operation
from dashboards.city import GROUPS, find, sums, troubles
from inventory import model
from netops.clock import iso
from netops.situation import STATES, State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dashboards.city import City, Sums, Trouble
    from dashboards.desk import Desk
    from inventory.model import Area, Device, Service, Site

    Asked = Mapping[str, Any]

MILLIONTH = 10**6
AREA = parameters.text("area", "Only of this area.")
SITE = parameters.text("site", "Only at this site.")
CARRIER = parameters.text("carrier", "Only of this carrier.")


def share(part_ms: int, whole_ms: int) -> shapes.Share:
    """Return a share of time; without a whole it is none."""
    percent = rounded(Fraction(part_ms, whole_ms)) if whole_ms else None
    because: Any = "" if whole_ms else "nothing_measured"
    return shapes.Share(part_ms=part_ms, whole_ms=whole_ms, percent=percent, because=because)


def rounded(ratio: Fraction) -> float:
    """Return a share in percent, rounded down to six digits."""
    return ratio.numerator * 100 * MILLIONTH // ratio.denominator / MILLIONTH


def counts(of: Sums) -> shapes.Counts:
    """Return how many services are in which state."""
    return shapes.Counts(up=of.up, degraded=of.degraded, down=of.down, unknown=of.unknown)


def month(of: Any) -> shapes.Availability:
    """Return the month of sums or of one service."""
    up, down = of.month_up_ms, of.month_down_ms
    return shapes.Availability(up=share(up, up + down), unknown_ms=of.month_unknown_ms)


def situation(desk: Desk, _asked: Asked) -> shapes.Situation:
    """Return the city now."""
    city = desk.queries.city()
    at_ms = city.situation.at_ms
    return shapes.Situation(
        at=iso(at_ms) if at_ms else None,
        because="" if at_ms else "not_judged_yet",
        register=city.snapshot.digest,
        rehearsal=desk.settings.city.rehearsal,
        services=counts(city.whole),
        month=month(city.whole),
        collector=dict(city.situation.collector),
    )


def troubles_of(desk: Desk, asked: Asked) -> list[Trouble]:
    """Return what is not up, grouped as asked."""
    return troubles(desk.queries.city(), asked["by"] or "cause")


def trouble(_desk: Desk, each: Trouble) -> shapes.Trouble:
    """Show one group."""
    return shapes.Trouble(
        key=each.key,
        state=each.state,
        since=iso(each.since_ms),
        services=len(each.services),
        areas=tuple(each.areas),
    )


def area(desk: Desk, each: Area) -> shapes.Area:
    """Show an area."""
    held = desk.queries.city().areas[each.id]
    return shapes.Area(
        id=each.id,
        name=each.name,
        name_en=each.name_en,
        column=each.col,
        row=each.row,
        population=each.population or None,
        services=counts(held),
        month=month(held),
    )


def site(desk: Desk, each: Site) -> shapes.Site:
    """Show a site."""
    city = desk.queries.city()
    return shapes.Site(
        id=each.id,
        name=each.name,
        area=each.area,
        address=each.address,
        longitude=each.longitude,
        latitude=each.latitude,
        tags=each.tags,
        services=_counted(city, city.index.by_site.get(each.id, ())),
    )


def device(desk: Desk, each: Device) -> shapes.Device:
    """Show a device."""
    city = desk.queries.city()
    where = city.snapshot.site.get(each.site)
    return shapes.Device(
        id=each.id,
        name=each.name,
        site=each.site,
        area=where.area if where else "",
        carrier=each.carrier,
        role=each.role,
        profile=each.profile if inside.is_seen() else "",
        address=each.address,
        mac=each.mac,
        serial=each.serial,
        parent=each.parent,
        subjects=tuple(map(str, subjects.told(each))),
        services=_counted(city, city.index.by_device.get(each.id, ())),
    )


def _counted(city: City, services: tuple[str, ...]) -> shapes.Counts:
    return counts(sums(city.now[each] for each in services if each in city.now))


def service(desk: Desk, each: Service) -> shapes.Service:
    """Show a service."""
    city = desk.queries.city()
    now, where = city.now.get(each.id), city.snapshot.site.get(each.site)
    return shapes.Service(
        id=each.id,
        kind=each.kind,
        role=each.role,
        carrier=each.carrier,
        site=each.site,
        area=where.area if where else "",
        contract=now.contract if now else "",
        device=each.device,
        subject=each.subject,
        state=now.state if now else None,
        since=iso(now.since_ms) if now else None,
        cause=now.cause if now else "",
        because=now.because if now else "not_judged_yet",
        month=month(now or sums(())),
        strip=now.strip if now else "",
    )


def sites(desk: Desk, asked: Asked) -> list[Site]:
    """Return the sites, of one area where asked."""
    return [each for each in desk.queries.city().snapshot.sites if asked["area"] in {"", each.area}]


def devices(desk: Desk, asked: Asked) -> list[Device]:
    """Return the devices that are as asked."""
    city = desk.queries.city()
    return [
        each
        for each in city.snapshot.devices
        if asked["site"] in {"", each.site}
        and asked["role"] in {"", each.role}
        and asked["carrier"] in {"", each.carrier}
        and asked["parent"] in {"", each.parent}
        and asked["area"] in {"", _area(city, each.site)}
    ]


def services(desk: Desk, asked: Asked) -> list[Service]:
    """Return the services that are as asked."""
    city = desk.queries.city()
    return [
        each
        for each in city.snapshot.services
        if asked["site"] in {"", each.site}
        and asked["kind"] in {"", each.kind}
        and asked["carrier"] in {"", each.carrier}
        and asked["device"] in {"", each.device}
        and asked["area"] in {"", _area(city, each.site)}
        and _is(city, each.id, asked["state"], asked["contract"])
    ]


def _area(city: City, site: str) -> str:
    found = city.snapshot.site.get(site)
    return found.area if found else ""


def _is(city: City, service: str, state: str, contract: str) -> bool:
    now = city.now.get(service)
    return state in {"", now.state.value if now else ""} and contract in {"", now.contract if now else ""}


def search(desk: Desk, asked: Asked) -> shapes.Hits:
    """Return what a search finds, as the page does, with the page of each."""
    city = desk.queries.city()
    found, count = find(city, asked["q"])
    shown = tuple(
        shapes.Hit(
            kind=cast("Any", each.kind),  # one of FIRST
            id=each.id,
            name=words.area(city.snapshot.area[each.id]) if each.kind == "area" else each.name,
            detail=each.detail,
            area=each.area,
            state=STATES.get(each.state),
            path=_page(each.kind, each.id),
        )
        for each in found[: asked["limit"]]
    )
    return shapes.Hits(hits=shown, count=count)


def _page(kind: str, name: str) -> str:
    known: Any = {kind: name}
    return url_for(f"dashboards.{kind}", **known)


def _one_area(desk: Desk, asked: Asked) -> shapes.Area:
    return area(desk, desk.queries.city().snapshot.area.get(asked["area"]) or abort(404))


def _one_site(desk: Desk, asked: Asked) -> shapes.Site:
    return site(desk, desk.queries.city().snapshot.site.get(asked["site"]) or abort(404))


def _one_device(desk: Desk, asked: Asked) -> shapes.Device:
    return device(desk, desk.queries.city().snapshot.device.get(asked["device"]) or abort(404))


def _one_service(desk: Desk, asked: Asked) -> shapes.Service:
    return service(desk, desk.queries.city().snapshot.service.get(asked["service"]) or abort(404))


def by_id(record: Any) -> tuple[str]:
    """Return the key of a record of the register."""
    return (record.id,)


OPERATIONS: tuple[Operation, ...] = (
    One(name="situation", path="/situation", said="The city now", answer=shapes.Situation, give=situation),
    Many(
        name="troubles",
        path="/troubles",
        said="What is not up, grouped by its root",
        parameters=(parameters.choice("by", tuple(GROUPS), "How it is grouped; `cause` without it."),),
        answer=shapes.Trouble,
        rows=troubles_of,
        key=lambda each: (each.key,),
        show=trouble,
    ),
    Many(
        name="areas",
        path="/areas",
        said="The subdistricts and towns",
        answer=shapes.Area,
        rows=lambda desk, _asked: desk.queries.city().snapshot.areas,
        key=by_id,
        show=area,
    ),
    One(name="area", path="/areas/{area}", said="One area", answer=shapes.Area, give=_one_area),
    Many(
        name="sites",
        path="/sites",
        said="The sites",
        parameters=(AREA,),
        answer=shapes.Site,
        rows=sites,
        key=by_id,
        show=site,
    ),
    One(name="site", path="/sites/{site}", said="One site", answer=shapes.Site, give=_one_site),
    Many(
        name="devices",
        path="/devices",
        said="The devices",
        parameters=(
            AREA,
            SITE,
            CARRIER,
            parameters.text("role", "Only of this role."),
            parameters.text("parent", "Only below this device."),
        ),
        answer=shapes.Device,
        rows=devices,
        key=by_id,
        show=device,
    ),
    One(name="device", path="/devices/{device}", said="One device", answer=shapes.Device, give=_one_device),
    Many(
        name="services",
        path="/services",
        said="The services with their state and month",
        parameters=(
            AREA,
            SITE,
            CARRIER,
            parameters.choice("kind", model.KINDS, "Only of this kind."),
            parameters.text("device", "Only seen through this device."),
            parameters.text("contract", "Only under this contract."),
            parameters.choice("state", tuple(State), "Only in this state."),
        ),
        answer=shapes.Service,
        rows=services,
        key=by_id,
        show=service,
    ),
    One(name="service", path="/services/{service}", said="One service", answer=shapes.Service, give=_one_service),
    One(
        name="find",
        path="/find",
        said="Search devices, services, sites and areas by name, id, MAC, serial number or address",
        parameters=(
            parameters.text("q", "What is looked for; all words must be found.", required=True),
            parameters.whole("limit", "How many hits to give at most.", least=1, most=50, missing=10),
        ),
        answer=shapes.Hits,
        give=search,
    ),
)
