"""The register's SSH doors as they can be visited: where, as whom, in which dialect, and why one cannot be. Pure.

Secrets are read here and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from collectors.errors import CollectorError
from collectors.ssh.dialects import DIALECTS
from collectors.ssh.keys import Trusted
from collectors.ssh.talk import Limits
from collectors.ssh.transport import Login, Place
from netops.errors import ConfigError
from netops.model import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collectors.ssh.dialect import Dialect
    from inventory.snapshot import Snapshot
    from netops.config import Credential, Settings, Ssh

DOOR = "ssh"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A door that can be visited. `device` is the register's id, `poll` the name under which its polls stand."""

    device: str
    profile: str
    dialect: Dialect
    place: Place

    @property
    def poll(self) -> str:
        """The device of its polls."""
        return f"{self.device}/{DOOR}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """Whom to visit, and whom we would but cannot, by the device of their polls: a gap of ours in every slot."""

    known: Mapping[str, Known]
    barred: Mapping[str, Reason]


def doors(snapshot: Snapshot, settings: Settings) -> Doors:
    """Return the SSH doors of the register."""
    known: dict[str, Known] = {}
    barred: dict[str, Reason] = {}
    logins = {name: login(name, given) for name, given in settings.credentials.items() if given.kind == DOOR}
    for door in snapshot.doors:
        device = snapshot.device.get(door.device)
        if door.kind != DOOR or device is None:
            continue
        address = door.address or device.address
        said = logins.get(door.credential)
        name = f"{device.id}/{DOOR}"
        if not address:
            barred[name] = Reason.NO_ADDRESS
        elif not isinstance(said, Login):
            barred[name] = Reason.NO_CREDENTIAL
        elif door.dialect not in DIALECTS:
            barred[name] = Reason.NO_PROFILE
        elif not door.keys:
            barred[name] = Reason.HOST_KEY
        else:
            old = settings.ssh.old_algorithms or settings.credentials[door.credential].old_algorithms
            place = Place(address=address, port=door.port, trusted=Trusted(door.keys), login=said, old_algorithms=old)
            known[name] = Known(device=device.id, profile=device.profile, dialect=DIALECTS[door.dialect], place=place)
    return Doors(known=known, barred=barred)


def login(name: str, given: Credential) -> Login | str:
    """Return who we are by a credential, or the sentence that says what it lacks."""
    if not given.user:
        return f"credential '{name}' is of kind ssh and has no user; set credentials.{name}.user"
    if given.password is None and given.key is None:
        return f"credential '{name}' is of kind ssh; set credentials.{name}.password or credentials.{name}.key"
    try:
        return Login(
            user=given.user,
            password=given.password.read() if given.password else "",
            key=given.key.read() if given.key else "",
            passphrase=given.passphrase.read() if given.passphrase else "",
            enable=given.enable.read() if given.enable else "",
        )
    except (ConfigError, CollectorError) as error:
        return str(error)


def limits(given: Ssh) -> Limits:
    """Return what the settings allow one visit."""
    return Limits(
        octets=given.read_kb << 10,
        lines=given.read_lines,
        read_s=given.read_s,
        connect_s=given.connect_s,
        commands=given.commands,
        deadline_s=given.deadline_s,
    )
