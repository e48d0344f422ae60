"""The sites as GeoJSON (RFC 7946), for any map: WGS 84, longitude first, with the digits that the register has."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inventory.model import Site
    from inventory.snapshot import Snapshot


def collection(seen: Snapshot) -> str:
    """Return the feature collection; a site without coordinates has no geometry (section 3.2)."""
    devices = Counter(each.site for each in seen.devices)
    services = Counter(each.site for each in seen.services)
    features = ",\n".join(_feature(each, devices[each.id], services[each.id]) for each in seen.sites)
    return f'{{"type":"FeatureCollection","features":[\n{features}\n]}}\n'


def _feature(site: Site, devices: int, services: int) -> str:
    told = {"name": site.name, "area": site.area, "address": site.address, "gateway": site.gateway}
    said = {name: each for name, each in told.items() if each} | {"tags": list(site.tags)}
    properties = json.dumps(said | {"devices": devices, "services": services}, ensure_ascii=False)
    where = "null"
    if site.longitude and site.latitude:
        where = f'{{"type":"Point","coordinates":[{_number(site.longitude)},{_number(site.latitude)}]}}'
    return f'{{"type":"Feature","id":{json.dumps(site.id)},"geometry":{where},"properties":{properties}}}'


def _number(decimal: str) -> str:
    """Return a decimal string as a JSON number: the same digits, without zeros that JSON refuses in front."""
    sign, digits = ("-", decimal[1:]) if decimal.startswith("-") else ("", decimal)
    whole, dot, rest = digits.partition(".")
    return f"{sign}{whole.lstrip('0') or '0'}{dot}{rest}"
