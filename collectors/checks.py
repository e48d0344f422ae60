"""What `netops check` asks of this door: profiles and reads can be read, devices and SSH doors can be asked by them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collectors.errors import CollectorError
from collectors.profile_yaml import shipped
from collectors.ssh.dialects import DIALECTS
from collectors.ssh.read_yaml import shipped as reads
from netops.checks import Problem
from netops.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inventory.snapshot import Snapshot
    from netops.config import Settings


def check(settings: Settings, snapshot: Snapshot) -> list[Problem]:
    """Return every device whose profile is unknown, or that has an address and no profile."""
    try:
        profiles = shipped()
        reads()
    except CollectorError as error:
        return [Problem("profiles", str(error), "correct the profile file")]
    problems = []
    for device in snapshot.devices:
        where = snapshot.where(device, "profile")
        if device.profile and device.profile not in profiles:
            remedy = nearest(device.profile, profiles).removeprefix("; ") or f"known: {', '.join(profiles)}"
            problems.append(
                Problem(where, f"device '{device.id}' names profile '{device.profile}', which is none", remedy)
            )
        elif device.address and not device.profile:
            what = f"device '{device.id}' has an address but no profile, so it is never asked"
            problems.append(Problem(where, what, "name its family, or 'standard' for a device of none"))
    return [*problems, *_doors(settings, snapshot), *_traps(settings)]


def _traps(settings: Settings) -> Iterator[Problem]:
    name = settings.trap.credential
    if not settings.trap.enabled or not name:
        return
    where = settings.origin.get("trap.credential", "settings")
    given = settings.credentials.get(name)
    if given is None:
        remedy = nearest(name, settings.credentials).removeprefix("; ") or "name one of [credentials.…]"
        yield Problem(where, f"trap.credential names credential '{name}', which is none", remedy)
    elif given.kind != "snmp":
        what = f"trap.credential names credential '{name}', which is of kind {given.kind}"
        yield Problem(where, what, "name one of kind snmp: a community or an SNMPv3 user")


def _doors(settings: Settings, snapshot: Snapshot) -> Iterator[Problem]:
    for door in snapshot.doors:
        if door.kind != "ssh":
            continue
        if door.dialect not in DIALECTS:
            near = nearest(door.dialect, DIALECTS).removeprefix("; ")
            remedy = f"{near} known: {', '.join(DIALECTS)}".lstrip()
            what = f"door '{door.id}' names dialect '{door.dialect}', which is none"
            yield Problem(snapshot.where(door, "dialect"), what, remedy)
        if not door.keys:
            what = f"door '{door.id}' has no host key, so nobody is ever visited through it"
            yield Problem(snapshot.where(door, "keys"), what, "read it at the device's console, write it in 'keys'")
        given = settings.credentials.get(door.credential)
        if given is None and not door.credential:
            what = f"door '{door.id}' has no credential"
            yield Problem(snapshot.where(door, "credential"), what, "name one of [credentials.…] of kind ssh")
        elif given is not None and given.kind != "ssh":
            what = f"door '{door.id}' names credential '{door.credential}', which is of kind {given.kind}"
            yield Problem(snapshot.where(door, "credential"), what, f'set credentials.{door.credential}.kind = "ssh"')
