"""What hangs on a device: the services that it provides, the devices below it. Pure.

An access point under a controller and an ONT under an OLT have no address of their own: their parent tells of them, by
MAC or serial number, and the services of which it tells so are theirs as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netops.model import Subject

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from inventory.model import Device, Service
    from inventory.snapshot import Snapshot

CHILD = {"ap": "ap", "ont": "onu"}  # role → kind of the row in which the parent tells of it


def is_child(device: Device) -> bool:
    """Whether only its parent tells of it: an access point under a controller, an ONT under an OLT."""
    return bool(device.parent and not device.address and device.role in CHILD and identity(device))


def identity(device: Device) -> str:
    """Return the name by which the parent knows it; empty when it has none."""
    by_serial = f"sn:{device.serial}" if device.serial else ""
    by_mac = f"mac:{device.mac}" if device.mac else ""
    return by_serial or by_mac if device.role == "ont" else by_mac or by_serial


def of_service(service: Service) -> tuple[Subject, ...]:
    """Return the subject of a service that a device tells of; none when the service is the device itself."""
    kind, _colon, name = service.subject.partition(":")
    return (Subject(kind, name),) if service.subject else ()


def services(seen: Snapshot) -> dict[str, tuple[str, ...]]:
    """Return device → the services read from it; those that a parent tells by a child's name are the child's too."""
    owners = {
        (each.parent, Subject(CHILD[each.role], identity(each))): each.id for each in seen.devices if is_child(each)
    }
    made: dict[str, list[str]] = {}
    for service in seen.services:
        made.setdefault(service.device, []).append(service.id)
        for subject in of_service(service):
            if (owner := owners.get((service.device, subject))) is not None:
                made.setdefault(owner, []).append(service.id)
    return {device: tuple(held) for device, held in made.items()}


def devices(seen: Snapshot) -> dict[str, tuple[str, ...]]:
    """Return device → the devices right below it."""
    made: dict[str, list[str]] = {}
    for each in seen.devices:
        if each.parent:
            made.setdefault(each.parent, []).append(each.id)
    return {device: tuple(below) for device, below in made.items()}


def below(tops: Iterable[str], under: Mapping[str, Iterable[str]]) -> set[str]:
    """Return devices with every one below them; `under` has those right below each."""
    found: set[str] = set()
    todo = list(tops)
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += under.get(name, ())
    return found
