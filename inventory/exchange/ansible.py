"""The devices as an Ansible inventory, as an inventory script prints it (`--list` with `_meta`, `--host`).

Hosts are the devices that have an address, by their id; groups are their role, site, carrier, subdistrict and tags.
Ansible reads `{{` in any variable as a program: braces in texts that people chose become the wide ones, ｛ and ｝.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inventory.model import Device
    from inventory.snapshot import Snapshot

_WIDE = str.maketrans("{}", "｛｝")


def inventory(seen: Snapshot) -> dict[str, Any]:
    """Return what `--list` prints."""
    hosts = [each for each in seen.devices if each.address]
    groups: dict[str, set[str]] = {}
    for each in hosts:
        for name in _groups(each, seen):
            groups.setdefault(name, set()).add(each.id)
    told: dict[str, Any] = {"_meta": {"hostvars": {each.id: host(each, seen) for each in hosts}}}
    told["all"] = {"children": ["ungrouped", *sorted(groups)]}
    return told | {name: {"hosts": sorted(groups[name])} for name in sorted(groups)}


def host(device: Device, seen: Snapshot) -> dict[str, Any]:
    """Return the variables of one device: what `--host` prints."""
    site = seen.site.get(device.site)
    said = {
        "ansible_host": device.address,
        "netops_name": device.name,
        "netops_role": device.role,
        "netops_profile": device.profile,
        "netops_carrier": device.carrier,
        "netops_site": device.site,
        "netops_site_name": site.name if site else "",
        "netops_area": site.area if site else "",
        "netops_parent": device.parent,
        "netops_serial": device.serial,
        "netops_mac": device.mac,
    }
    found: dict[str, Any] = {name: text.translate(_WIDE) for name, text in said.items() if text}
    doors = {each.kind: {"port": each.port, "dialect": each.dialect} for each in seen.doors if each.device == device.id}
    return found | {"netops_tags": list(device.tags), "netops_doors": doors}


def _groups(device: Device, seen: Snapshot) -> list[str]:
    site = seen.site.get(device.site)
    named = [("role", device.role), ("site", device.site), ("carrier", device.carrier)]
    named += [("area", site.area)] if site else []
    named += [("tag", each) for each in device.tags]
    return [_name(f"{kind}_{value}") for kind, value in named]


def _name(text: str) -> str:
    """Return a group's name: letters, digits and `_`; what else an id may hold is told apart by its own sign."""
    return re.sub(r"[^a-z0-9_]", lambda sign: {"-": "_", ".": "__"}.get(sign[0], "_"), text)
