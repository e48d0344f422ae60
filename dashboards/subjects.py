"""Which rows of the store tell of a device: its own, those of what it is, and those that its parent tells of it. Pure.

The ids are those of `netops.model.Subject`: a register id for a device, `mac:…` or `sn:…` for what has such a name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netops.children import CHILD, identity, is_child
from netops.model import Subject
from netops.sla.state import WATCHED, Place

if TYPE_CHECKING:
    from inventory.model import Device

RADIOS = 4  # radios of an access point are asked for by number, from 0; no family has more


def told(device: Device) -> tuple[Subject, ...]:
    """Return the subjects whose rows tell of the device, the one that tells its state first."""
    if is_child(device):
        name = identity(device)
        own = Subject(CHILD[device.role], name)
        radios = [Subject("radio", f"{name}/{number}") for number in range(RADIOS)] if device.role == "ap" else []
        return (own, *radios)
    own = Subject("device", device.id)
    if device.role == "small_cell":  # without a serial number its cells are named by their row
        cells = [f"sn:{device.serial}"] if device.serial else [f"{device.id}/{number}" for number in (0, 1)]
        return (*(Subject("cell", name) for name in cells), own)
    return (own,)


def place(device: Device) -> Place | None:
    """Return where the device's own state is told; None when nobody can watch a device of its role."""
    if device.role not in WATCHED:
        return None
    if is_child(device):
        return Place(role=device.role, device=device.parent, itself=False, parent=device.parent)
    return Place(role=device.role, device=device.id, itself=True, parent=device.parent)


def watched(role: str) -> tuple[str, ...]:
    """Return the metrics from which the state of a role is told."""
    watch = WATCHED[role]
    return (*watch.states, *watch.uptimes, *((watch.down_cause,) if watch.down_cause else ()))


def starts(name: str) -> list[str]:
    """Return what a subject's id may begin with: `<device>/<local name>`, and what hangs on `mac:…/<number>`."""
    parts = name.split("/")
    return ["/".join(parts[:count]) for count in range(len(parts), 0, -1)]
