"""A site: what stands there, how each service does, and who else is there. From the map to the door of a house."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import abort, render_template

from dashboards import charts, measured, weeks, words
from dashboards.city import RANK, sums, worst_first
from dashboards.frame import bound, frame, fresh, paged

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flask import Blueprint, Response

    from dashboards.city import City, Sums
    from dashboards.desk import Desk
    from inventory.model import Device

SHOWN = 60  # devices of a site on the page
FEWER = 25  # services on it, beside its week


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A device and how the services do that it provides; `state` is the worst of theirs."""

    device: Device
    role: str
    sums: Sums
    state: str


def install(blueprint: Blueprint, desk: Desk) -> None:
    """Add the page."""
    blueprint.add_url_rule("/site/<site>", "site", bound(site, desk))


def site(desk: Desk, site: str) -> Response:
    """Show a site: its services, worst first, and its devices with the state of what they provide."""
    city = desk.queries.city()
    known = city.snapshot.site.get(site) or abort(404)
    services = [city.now[each] for each in city.index.by_site.get(site, ()) if each in city.now]
    services.sort(key=worst_first)
    wish = weeks.asked(desk)
    rows = devices(city, [each for each in city.snapshot.devices if each.site == site])

    def render() -> str:
        return render_template(
            "dashboards/site.html",
            **frame(desk, city),
            site=known,
            area=city.snapshot.area.get(known.area),
            sums=sums(services),
            devices=rows[:SHOWN],
            devices_more=max(len(rows) - SHOWN, 0),
            drawn=measured.of_site(desk, city, site) if wish is None else {"clients": None},
            **weeks.chosen(desk, wish or weeks.newest(desk), [each.service for each in services]),
            has_portal=site in city.index.visited
            and any(each.role == "portal" for each in city.snapshot.services if each.site == site),
            **paged(city, services, size=FEWER),
        )

    return fresh(desk, city, render)


def devices(city: City, of: Iterable[Device]) -> list[Standing]:
    """Return devices with how the services do that they provide, the worst first; a device without any has no state."""
    made = [_standing(city, each) for each in of]
    rank = {state.value: at for state, at in RANK.items()}
    made.sort(key=lambda each: (rank.get(each.state, len(rank)), each.role, each.device.id))
    return made


def _standing(city: City, device: Device) -> Standing:
    held = [city.now[name] for name in city.index.by_device.get(device.id, ()) if name in city.now]
    total = sums(held)
    return Standing(device=device, role=words.role(device.role), sums=total, state=total.state)


def below(city: City, device: str, *, most: int) -> dict[str, Any]:
    """Return the devices below another one as its page shows them: counts by state, and the worst first."""
    rows = devices(city, [city.snapshot.device[each] for each in city.index.children.get(device, ())])
    counts = Counter(each.state for each in rows)
    signs = {name: charts.SYMBOL[words.LETTER.get(name, charts.NONE)] for name in (*words.LETTER, "")}
    return {
        "children": [(each, signs[each.state]) for each in rows[:most]],
        "children_count": len(rows),
        "children_states": [(name, signs[name], counts[name]) for name in signs if name in counts],
    }
