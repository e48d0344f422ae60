"""Sites and devices from and to NetBox, as its REST interface lists them: `sites.json`, `devices.json` and so on.

What NetBox has no field for stands in custom fields: `netops_id`, `netops_area` (of a site), `netops_gateway`,
`netops_profile`, `netops_credential`, `netops_port`, `netops_parent`. Without them the id is NetBox's slug or name, the
area the slug of the region, the profile that of the platform; the carrier is the tenant. What a NetBox does not say
keeps what the register has. Devices of a role that nobody can ask (racks, panels) are left out and told.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from inventory import edits
from inventory.errors import FilesError
from inventory.model import ROLES
from inventory.reading import text
from inventory.reading.form import hex_mac
from inventory.reading.tree import Notes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from inventory.model import Device, Record, Site
    from inventory.snapshot import Snapshot

LISTS = {
    "sites.json": "/api/dcim/sites/",
    "devices.json": "/api/dcim/devices/",
    "interfaces.json": "/api/dcim/interfaces/",
    "ip-addresses.json": "/api/ipam/ip-addresses/",
}
"""File of a dump → the address at which NetBox lists it."""
NEEDED = ("sites.json", "devices.json")
NOT_YET = frozenset({"planned", "inventory", "decommissioning", "retired"})  # states of what does not stand there
MOST = 64 * 2**20
_OTHER = re.compile(r"[^a-z0-9_.-]+")
_OWN = ("profile", "credential", "port", "parent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a dump says: records of ours, and a line for each thing that was left out."""

    records: Sequence[Record] = ()
    left_out: Sequence[str] = ()


@dataclass(slots=True)
class _Desk:
    held: Mapping[tuple[str, str], Record]
    notes: Notes = field(default_factory=Notes)
    left_out: list[str] = field(default_factory=list)
    sites: dict[str, str] = field(default_factory=dict)  # NetBox's slug → our id


def read(folder: Path, held: Mapping[tuple[str, str], Record]) -> Found:
    """Return the sites and devices of a dump; FilesError with all that is wrong. `held` is what the register has."""
    desk = _Desk(held)
    lists = {name: _listed(folder / name, desk.notes, need=name in NEEDED) for name in LISTS}
    if desk.notes.count:
        raise FilesError(desk.notes.all(str(folder)))
    found = [_site(each, place, desk) for place, each in enumerate(lists["sites.json"], start=1)]
    macs = _macs(lists["interfaces.json"], lists["ip-addresses.json"])
    ids = {_word(each, "id"): _id(each) for each in lists["devices.json"]}
    for place, each in enumerate(lists["devices.json"], start=1):
        found.append(_device(each, place, macs, ids, desk))
    if desk.notes.count:
        raise FilesError(desk.notes.all(str(folder)))
    return Found(records=[each for each in found if each is not None], left_out=desk.left_out)


def _listed(path: Path, notes: Notes, *, need: bool) -> list[dict[str, Any]]:
    if not need and not path.exists():
        return []
    written = text.read(path, path.name, notes, most=MOST)
    try:  # a number stays what was written: 39.990000 keeps its digits
        told = json.loads(written, parse_float=str) if written is not None else []
    except (ValueError, RecursionError) as error:
        notes.add(path.name, f"is no JSON ({error})", "save the answer of NetBox's REST interface")
        return []
    if isinstance(told, dict):
        if told.get("next"):
            notes.add(path.name, "is one page of several", "ask with ?limit=0, or use `netops netbox fetch`")
        told = told.get("results")
    if not isinstance(told, list) or not all(isinstance(each, dict) for each in told):
        notes.add(path.name, "is no list of NetBox", "save the answer of NetBox's REST interface")
        return []
    return told


def _site(told: Mapping[str, Any], place: int, desk: _Desk) -> Record | None:
    own = _custom(told)
    name = own.get("netops_id") or _slug(_word(told, "slug"))
    desk.sites[_word(told, "slug")] = name
    if _state(told) in NOT_YET:
        desk.left_out.append(f"site {name}: its status is {_state(told)}")
        return None
    region = _word(told.get("region"), "slug")
    said = {
        "id": name,
        "name": _word(told, "name"),
        "area": own.get("netops_area") or (region if region.isdecimal() else ""),
        "address": " ".join(line.strip() for line in _word(told, "physical_address").splitlines()),
        "longitude": _word(told, "longitude"),
        "latitude": _word(told, "latitude"),
        "gateway": own.get("netops_gateway", ""),
        "tags": _tags(told),
    }
    return _made("site", name, said, f"sites.json #{place}", desk)


def _device(
    told: Mapping[str, Any], place: int, macs: Mapping[str, str], ids: Mapping[str, str], desk: _Desk
) -> Record | None:
    own = _custom(told)
    name = _id(told)
    role = _word(told.get("role") or told.get("device_role"), "slug").replace("-", "_")
    if role not in ROLES or _state(told) in NOT_YET:
        why = f"its status is {_state(told)}" if role in ROLES else f"nobody asks a '{role or 'device without a role'}'"
        desk.left_out.append(f"device {name or f'#{place}'}: {why}")
        return None
    ip = told.get("primary_ip") or told.get("primary_ip4") or told.get("primary_ip6")
    parent = told.get("parent_device")
    site = _word(told.get("site"), "slug")
    shown = _word(told, "name")
    said = {
        "id": name,
        "name": shown if shown != name else "",
        "site": desk.sites.get(site, _slug(site)),
        "carrier": _word(told.get("tenant"), "slug"),
        "role": role,
        "profile": own.get("netops_profile") or _word(told.get("platform"), "slug").replace("-", "_"),
        "address": _word(ip, "address").partition("/")[0],
        "port": own.get("netops_port", ""),
        "credential": own.get("netops_credential", ""),
        "mac": macs.get(_word(told, "id"), ""),
        "serial": _word(told, "serial"),
        "parent": own.get("netops_parent") or ids.get(_word(parent, "id"), ""),
        "tags": _tags(told),
    }
    if not said["address"]:
        said["port"] = ""
    return _made("device", name, said, f"devices.json #{place}", desk)


def _made(of: str, name: str, said: Mapping[str, str], place: str, desk: _Desk) -> Record | None:
    known = desk.held.get((of, name))
    kept = edits.cells(known) if known is not None else {}
    told = kept | {key: cell for key, cell in said.items() if cell}
    return edits.taken(of, known, told, desk.notes, place=place)


def _macs(interfaces: Iterable[Mapping[str, Any]], addresses: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return device → MAC address: of the interface with an IP address, else the only one that the device has."""
    asked = {_word(each, "assigned_object_id") for each in addresses}
    found: dict[str, dict[str, bool]] = {}
    for each in interfaces:
        mac = hex_mac(_word(each, "mac_address"))
        if mac:
            found.setdefault(_word(each.get("device"), "id"), {})[mac] = _word(each, "id") in asked
    chosen = {}
    for device, macs in found.items():
        with_address = [mac for mac, has in macs.items() if has]
        if len(with_address) == 1 or len(macs) == 1:
            chosen[device] = (with_address or list(macs))[0]
    return chosen


def _id(told: Mapping[str, Any]) -> str:
    return _custom(told).get("netops_id") or _slug(_word(told, "name"))


def _slug(word: str) -> str:
    return _OTHER.sub("-", word.lower()).strip("-._")


def _word(told: Any, key: str) -> str:
    """Return a value as text; empty where there is none."""
    value = told.get(key) if isinstance(told, dict) else None
    return str(value).strip() if isinstance(value, (str, int)) else ""


def _state(told: Mapping[str, Any]) -> str:
    return _word(told.get("status"), "value")


def _custom(told: Mapping[str, Any]) -> dict[str, str]:
    fields = told.get("custom_fields")
    return {key: _word(fields, key) for key in fields if _word(fields, key)} if isinstance(fields, dict) else {}


def _tags(told: Mapping[str, Any]) -> str:
    tags = told.get("tags")
    return ";".join(_slug(_word(each, "slug")) for each in tags) if isinstance(tags, list) else ""


# ---- the other way
def dump(seen: Snapshot) -> dict[str, str]:
    """Return file name → text: what NetBox would list, with ids of our own; reading it gives the same records."""
    sites = {each.id: number for number, each in enumerate(seen.sites, start=1)}
    devices = {each.id: number for number, each in enumerate(seen.devices, start=1)}
    lists: dict[str, list[dict[str, Any]]] = {name: [] for name in LISTS}
    for site in seen.sites:
        lists["sites.json"].append(_site_of(site, sites[site.id]))
    for device in seen.devices:
        lists["devices.json"].append(_device_of(device, devices, sites))
        if device.mac:
            lists["interfaces.json"].append(_interface_of(device, devices[device.id]))
        if device.address:
            lists["ip-addresses.json"].append(_address_of(device, devices[device.id]))
    return {name: _listing(each) for name, each in lists.items()}


def _listing(results: list[dict[str, Any]]) -> str:
    told = {"count": len(results), "next": None, "previous": None, "results": results}
    return json.dumps(told, ensure_ascii=False, indent=1) + "\n"


def _site_of(site: Site, number: int) -> dict[str, Any]:
    own = {"netops_id": site.id, "netops_area": site.area, "netops_gateway": site.gateway}
    return {
        "id": number,
        "name": site.name,
        "slug": _sign(site.id),
        "status": {"value": "active"},
        "physical_address": site.address,
        "longitude": site.longitude or None,
        "latitude": site.latitude or None,
        "tags": _tags_of(site.tags),
        "custom_fields": {key: value or None for key, value in own.items()},
    }


def _device_of(device: Device, devices: Mapping[str, int], sites: Mapping[str, int]) -> dict[str, Any]:
    number = devices[device.id]
    own = {f"netops_{name}": str(getattr(device, name)) for name in _OWN} | {"netops_id": device.id}
    if not device.address:
        own["netops_port"] = ""
    ip = {"id": number, "address": _masked(device.address)} if device.address else None
    return {
        "id": number,
        "name": device.name or device.id,
        "role": {"slug": device.role.replace("_", "-")},
        "tenant": {"slug": device.carrier},
        "platform": {"slug": device.profile.replace("_", "-")} if device.profile else None,
        "serial": device.serial,
        "site": {"id": sites[device.site], "slug": _sign(device.site)} if device.site in sites else None,
        "status": {"value": "active"},
        "primary_ip": ip,
        "tags": _tags_of(device.tags),
        "custom_fields": {key: value or None for key, value in own.items()},
    }


def _interface_of(device: Device, number: int) -> dict[str, Any]:
    mac = ":".join(device.mac[at : at + 2] for at in range(0, 12, 2)).upper()
    return {"id": number, "device": {"id": number}, "name": "mgmt", "type": {"value": "other"}, "mac_address": mac}


def _address_of(device: Device, number: int) -> dict[str, Any]:
    told = {"id": number, "address": _masked(device.address), "status": {"value": "active"}}
    linked = {"assigned_object_type": "dcim.interface", "assigned_object_id": number} if device.mac else {}
    return told | linked


def _masked(address: str) -> str:
    return f"{address}/{128 if ':' in address else 32}"


def _sign(name: str) -> str:
    return name.replace(".", "-")  # NetBox's slugs have no dot


def _tags_of(tags: Iterable[str]) -> list[dict[str, str]]:
    return [{"name": each, "slug": each} for each in tags]
