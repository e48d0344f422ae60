"""What `netops check` asks of CWMP doors: each can be let in, and nobody's password crosses a network in clear."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collectors.cwmp.digest import ALGORITHMS
from collectors.cwmp.doors import DOOR, Login, login
from collectors.cwmp.model_yaml import shipped
from collectors.errors import CollectorError
from netops.checks import Problem
from netops.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inventory.model import Device, Door
    from inventory.snapshot import Snapshot
    from netops.config import Settings

SHORTEST_S = 20  # of a slot


def check(settings: Settings, snapshot: Snapshot) -> list[Problem]:
    """Return what keeps a CPE of the register out, and settings of the ACS that cannot be meant."""
    try:
        shipped()
    except CollectorError as error:
        return [Problem("models", str(error), "correct the model file")]
    found = list(_settings(settings))
    serials: dict[str, Door] = {}
    for door in snapshot.doors:
        device = snapshot.device.get(door.device)
        if door.kind == DOOR and device is not None:
            found += _door(settings, snapshot, door, device)
            if device.serial:
                other = serials.setdefault(device.serial, door)
                if other is not door:
                    what = f"doors '{other.id}' and '{door.id}' are of devices with one serial number, {device.serial}"
                    found.append(Problem(snapshot.where(device, "serial"), what, "neither is let in; correct one"))
    return found


def _settings(settings: Settings) -> Iterator[Problem]:
    acs = settings.acs
    where = settings.origin.get("acs.digests", "settings")
    digests = [each.strip() for each in acs.digests.split(",") if each.strip()]
    for name in digests:
        if name not in ALGORITHMS:
            yield Problem(
                where, f"'acs.digests' names '{name}'", f"known: {', '.join(ALGORITHMS)}{nearest(name, ALGORITHMS)}"
            )
    if not digests and not acs.basic:
        yield Problem(where, "'acs.digests' is empty, so nobody can log in", 'set it to "SHA-256,MD5"')
    if acs.basic and acs.listen.tls_certificate is None:
        what = "'acs.basic' is set and the listener has no TLS, where it is never taken"
        yield Problem(settings.origin.get("acs.basic", "settings"), what, "set acs.listen.tls_certificate and tls_key")
    if acs.interval_s < SHORTEST_S:
        what = f"'acs.interval_s' is {acs.interval_s}"
        yield Problem(
            settings.origin.get("acs.interval_s", "settings"), what, f"expected at least {SHORTEST_S} seconds"
        )


def _door(settings: Settings, snapshot: Snapshot, door: Door, device: Device) -> Iterator[Problem]:
    if not device.serial:
        what = f"door '{door.id}' is of device '{device.id}', which has no serial number to know it by"
        yield Problem(snapshot.where(device, "serial"), what, "write the serial number that it informs with")
    given = settings.credentials.get(door.credential)
    where = snapshot.where(door, "credential")
    if given is None:  # one that is named and unknown is told by netops/checks.py
        if not door.credential:
            yield Problem(where, f"door '{door.id}' has no credential", "name one of [credentials.…] of kind cwmp")
        return
    if given.kind != DOOR:
        what = f"door '{door.id}' names credential '{door.credential}', which is of kind {given.kind}"
        yield Problem(where, what, f'set credentials.{door.credential}.kind = "cwmp"')
    elif not isinstance(said := login(door.credential, given), Login):
        yield Problem(where, said, "nobody is let in by it until then")
