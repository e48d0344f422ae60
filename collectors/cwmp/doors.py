"""The register's CWMP doors as CPEs that may be let in: by which names, with which secrets, and who cannot be. Pure.

Secrets are read here and nowhere else.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from netops.errors import ConfigError
from netops.model import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collectors.cwmp.message import DeviceId
    from inventory.snapshot import Snapshot
    from netops.config import Credential, Settings

DOOR = "cwmp"
_PARTS = 16  # of a user's name, between dashes


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """What a credential says: what a CPE presents to us (an empty user: its own name), and we to it."""

    user: str
    password: str = field(repr=False)
    call_user: str = ""
    call_password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A CPE of the register. `serial` is what the register calls it, `address` where it may be called."""

    device: str
    serial: str
    address: str
    port: int
    login: Login

    @property
    def poll(self) -> str:
        """The device of its polls."""
        return f"{self.device}/{DOOR}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """Whom to let in, by serial number; whom we would but cannot, by the device of their polls; the logins by user."""

    known: Mapping[str, Known]
    barred: Mapping[str, Reason]
    by_user: Mapping[str, tuple[Login, ...]]
    serials: frozenset[str] = frozenset()  # of every device in the register

    def find(self, who: DeviceId) -> Known | None:
        """Return the CPE that says it is this one: by the most telling of its names that the register knows."""
        return next((self.known[name] for name in who.names if name in self.known), None)

    def passwords(self, user: str) -> tuple[str, ...]:
        """Return the passwords that a user may have: of logins with that name, and of the CPE that has it for its own.

        A CPE's own name is `OUI-ProductClass-SerialNumber` or `OUI-SerialNumber` (TR-069 section 3.4.4); the register
        may know it by the end of it alone.
        """
        found = [login.password for login in self.by_user.get(user, ())]
        own = self.own(user)
        return tuple(dict.fromkeys([*found, *(known.login.password for known in own)]))

    def own(self, user: str) -> tuple[Known, ...]:
        """Return the CPEs that have this user for their own name."""
        parts = user.split("-")[-_PARTS:]
        ends = ("-".join(parts[at:]) for at in range(len(parts)))
        found = (self.known.get(each) for each in ends)
        return tuple(known for known in found if known is not None and not known.login.user)


NONE = Doors(known={}, barred={}, by_user={})


def doors(snapshot: Snapshot, settings: Settings) -> Doors:
    """Return the CWMP doors of the register."""
    known: dict[str, Known] = {}
    barred: dict[str, Reason] = {}
    logins = {name: login(name, given) for name, given in settings.credentials.items() if given.kind == DOOR}
    mine = [(door, snapshot.device[door.device]) for door in snapshot.doors if door.kind == DOOR]
    called = Counter(device.serial for _, device in mine)
    for door, device in mine:
        said = logins.get(door.credential)
        name = f"{device.id}/{DOOR}"
        if not device.serial or called[device.serial] > 1:
            barred[name] = Reason.NO_ADDRESS  # nothing, or not it alone, is called so: whose values would they be?
        elif not isinstance(said, Login):
            barred[name] = Reason.NO_CREDENTIAL
        else:
            address = door.address or device.address
            known[device.serial] = Known(
                device=device.id, serial=device.serial, address=address, port=door.port, login=said
            )
    by_user: dict[str, tuple[Login, ...]] = {}
    for each in logins.values():
        if isinstance(each, Login) and each.user:
            by_user[each.user] = (*by_user.get(each.user, ()), each)
    serials = frozenset(device.serial for device in snapshot.devices if device.serial)
    return Doors(known=known, barred=barred, by_user=by_user, serials=serials)


def login(name: str, given: Credential) -> Login | str:
    """Return what a credential says, or the sentence that says what it lacks."""
    if given.password is None:
        return f"credential '{name}' is of kind cwmp and has no password; set credentials.{name}.password"
    try:
        password = given.password.read()
        called = given.call_password.read() if given.call_password else ""
    except ConfigError as error:
        return str(error)
    if not password:
        return f"credential '{name}' has an empty password; nobody is let in with it"
    return Login(user=given.user, password=password, call_user=given.call_user, call_password=called)
