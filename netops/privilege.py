"""Who owns what below the data directory, and who else may read it, where each service has a user of its own.

`data.users` names the user of the command line, `netops` say; the services then run as `netops-core`, `netops-collect`
and so on, each as a user of its own. One table says what belongs to whom: `netops init` makes it so
(`netops/apart.py`), `netops doctor` looks whether it still is (`netops/astray.py`). docs/adr/0012-privilege-apart.md
says why it is so.

Directories that hold what several write or read belong to root or to one writer; nobody else can put a file in place of
another there, because a service that could plant a journal beside a database would write into that database.
"""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from netops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from netops.config import Settings

ROOT, CLI = "root", "cli"
SERVICES = ("core", "collect", "ssh", "trap", "acs", "probe", "intake", "portal", "radius", "web", "alert")
ALL = "all"  # the group of everybody here: it reads the settings, the register and how far the core has drained

# Group → whose user belongs to it. The group `all` has the command line's own name, the others are `<users>-<group>`.
MEMBERS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        ALL: frozenset({CLI, *SERVICES, "gate"}),
        "staff": frozenset({CLI, "core", "web", "alert"}),  # what was seen and sealed: ledger, telemetry, reports
        "accounts": frozenset({CLI, "core", "web"}),  # who people are here, and what they say
        "vouchers": frozenset({CLI, "portal", "web"}),  # who makes vouchers and who takes them
        "vantages": frozenset({CLI, "intake"}),  # who makes tokens for probes and who takes them
        "core": frozenset({"core"}),
        "collect": frozenset({CLI, "collect", "trap"}),  # how devices are asked, and prove that a trap is theirs
        "ssh": frozenset({CLI, "ssh"}),  # how devices are logged in to
        "trap": frozenset({"trap"}),
        "acs": frozenset({CLI, "acs"}),  # what CPEs present to us, and we to them
        "probe": frozenset({"probe"}),
        "intake": frozenset({"intake"}),
        "portal": frozenset({"portal"}),
        "packets": frozenset({CLI, "portal"}),  # what was said with controllers, MAC addresses and all
        "tokens": frozenset({"portal", "radius"}),  # who makes one-time tokens for controllers, and who takes them
        "radius": frozenset({CLI, "portal", "radius"}),  # who asks the RADIUS server, and reads what came of its calls
        "persons": frozenset({CLI, "portal"}),  # who keeps visitors' numbers, and who opens one for two persons
        "web": frozenset({"web"}),
        "alert": frozenset({CLI, "alert", "web"}),  # who tells people of trouble, and who shows it
    }
)

# As whom a command runs, or one of its words; what is not named may run as anybody who can read what it asks for.
_OF_CLI = (
    *("staff", "approve", "inventory", "report", "sla", "coverage", "portal", "db", "discover"),
    *("collect halt", "collect resume", "probe enrol", "probe members", "probe dismiss"),
    *("dispute take", "dispute rebut", "dispute rule", "dispute final", "dispute settle"),
)
COMMANDS: Mapping[str, str] = MappingProxyType(
    {**dict.fromkeys(_OF_CLI, CLI), **dict.fromkeys(("probe once", "probe join"), "probe")}
)


class Kind(StrEnum):
    """What a holding is, for whoever makes it."""

    DIRECTORY = "directory"
    SHELF = "shelf"  # a directory whose owner makes what lies below it
    QUEUE = "queue"  # a file of apsw's with its log, index and lock: written by its owner alone
    ROLLBACK = "rollback"  # a database of the interpreter's sqlite3, in a directory for its journal
    KEY = "key"
    OWN = "own"  # made by its service when it runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """Something below the data directory: `owner` is a role, `group` a name of MEMBERS or root, `mode` the most."""

    path: str
    kind: Kind
    owner: str
    group: str
    mode: int


def _directory(path: str, owner: str, group: str, mode: int) -> Holding:
    return Holding(path=path, kind=Kind.DIRECTORY, owner=owner, group=group, mode=mode)


def _shelf(path: str, owner: str, group: str, mode: int) -> Holding:
    return Holding(path=path, kind=Kind.SHELF, owner=owner, group=group, mode=mode)


def _queue(path: str, owner: str, group: str) -> Holding:
    return Holding(path=path, kind=Kind.QUEUE, owner=owner, group=group, mode=0o640)


def _rollback(path: str, owner: str, group: str, mode: int) -> Holding:
    return Holding(path=path, kind=Kind.ROLLBACK, owner=owner, group=group, mode=mode)


def _key(path: str, group: str, mode: int) -> Holding:
    return Holding(path=path, kind=Kind.KEY, owner=ROOT, group=group, mode=mode)


def _own(path: str, mode: int = 0o640, *, owner: str = "core", group: str = "staff") -> Holding:
    return Holding(path=path, kind=Kind.OWN, owner=owner, group=group, mode=mode)


HOLDINGS = (
    # The core writes here beside what is root's: the sticky bit keeps it from moving the directories of others.
    _directory("", ROOT, "core", 0o1771),
    _directory("keys", ROOT, ROOT, 0o751),
    _directory("spool", ROOT, "core", 0o751),
    _directory("register", CLI, ALL, 0o2750),
    _directory("staff", "web", "accounts", 0o2770),
    # Files that carriers handed in, as they came: for whoever gives them out again. The core, which signs, needs none.
    _shelf("objections", "web", "web", 0o750),
    _directory("portal", "portal", "vouchers", 0o2770),
    _directory("persons", "portal", "persons", 0o2770),  # numbers, accounts and MAC addresses of visitors, sealed
    _directory("persons/keys", "portal", "persons", 0o2770),  # by the keys of the months
    _directory("radius", "radius", "radius", 0o2750),  # its socket, and who is online behind controllers
    _directory("portal2", "portal", "packets", 0o2750),  # what was said with controllers, and who is online there
    _directory("vantages", "intake", "vantages", 0o2770),  # tokens of probes that may join, keys of those that have
    _directory("names", "collect", ALL, 0o2750),  # by what else devices' subjects are known
    _directory("trap", "trap", "trap", 0o750),  # our SNMP engine, and what senders' clocks last said
    _directory("acs", "acs", "acs", 0o2750),  # CPEs that stand in no register
    _directory("probe", "probe", "probe", 0o750),  # what of its budget is used up
    _directory("alert", "alert", "alert", 0o2750),  # incidents, and who was told of them
    _directory("decisions", "core", "staff", 0o755),  # which sites two persons have opened: signed, for whoever acts
    _key("keys/evidence.key", ROOT, 0o600),
    _key("keys/evidence.vkey", ROOT, 0o644),
    _key("keys/portal-voucher.key", "vouchers", 0o640),
    _key("keys/portal-identity.key", "persons", 0o640),  # a number's budget and packets are found by it, too
    _key("keys/portal-token.key", "tokens", 0o640),
    _key("keys/portal-person.key", "persons", 0o640),
    _key("keys/staff.key", "accounts", 0o640),  # who checks one-time codes and tokens: pages and command line
    _queue("spool/collect.db", "collect", "core"),
    _queue("spool/ssh.db", "ssh", "core"),
    *(_queue(f"spool/{name}.db", name, "core") for name in ("trap", "acs", "probe", "intake", "radius", "alert")),
    _queue("spool/portal.db", "portal", "core"),
    _queue("spool/web.db", "web", "accounts"),
    _queue("spool/cli.db", CLI, "accounts"),
    _queue("drain.db", "core", ALL),
    _rollback("register/register.db", CLI, ALL, 0o640),
    _own("register/halts.json", owner=CLI, group=ALL),  # whom an operator has stopped us from asking
    _own("register/proposals.json", owner=CLI, group=ALL),  # what a search found
    _own("acs/proposals.json", owner="acs", group="acs"),
    _own("radius/radius.db", owner="radius", group="radius"),
    _own("radius/let-in.jsonl", 0o600, owner="radius", group="radius"),  # whom it let in while the portal was dead
    _own("portal2/packets.db", owner="portal", group="packets"),
    _own("radius/radius.sock", 0o660, owner="radius", group="radius"),
    _rollback("staff/staff.db", "web", "accounts", 0o660),
    _rollback("portal/portal.db", "portal", "vouchers", 0o660),
    _rollback("persons/persons.db", "portal", "persons", 0o660),
    *(_own(f"{name}.db") for name in ("ledger", "states", "slots")),
    _own("ledger.db.checkpoint"),
    _own("situation.json"),
    _own("decisions/fail-open.note", 0o644),
    _own("hotspots.json", 0o644),  # for the portal's page of a dead line
    *(_own(name, 0o750) for name in ("telemetry", "raw", "reports", "stamps")),
)
DIRECTORIES = frozenset({Kind.DIRECTORY, Kind.SHELF})
BESIDE = ("-wal", "-shm", "-journal")


def holdings(settings: Settings) -> tuple[Holding, ...]:
    """Return what this instance has: a register on a server has no file here."""
    elsewhere = bool(settings.register.url)
    return tuple(each for each in HOLDINGS if not (elsewhere and each.path == "register/register.db"))


def place(settings: Settings, holding: Holding) -> Path:
    """Return where it is."""
    return settings.data.dir / holding.path


def user(settings: Settings, role: str) -> str:
    """Return the user's name of a role."""
    if role == ROOT:
        return ROOT
    return settings.data.users if role == CLI else f"{settings.data.users}-{role}"


def group(settings: Settings, name: str) -> str:
    """Return the group's own name."""
    if name == ROOT:
        return ROOT
    return settings.data.users if name == ALL else f"{settings.data.users}-{name}"


def expect(settings: Settings, command: str, word: str = "") -> None:
    """Refuse a command as the wrong user, before it leaves a file that its owner could not open; name the remedy."""
    command = command if command in COMMANDS or not word else f"{command} {word}"
    role = COMMANDS.get(command)
    if settings.data.users and role is not None:
        _expect(user(settings, role), f"`netops {command}`", f"netops {command} …")


def expect_service(settings: Settings, names: tuple[str, ...]) -> None:
    """Refuse to run services as another user than their own, and several as one."""
    own = [name for name in names if name in SERVICES]
    if not settings.data.users or not own:
        return
    if len(names) > 1:
        raise UsageError(
            f"the services {', '.join(names)} have users of their own here (data.users = '{settings.data.users}') and"
            f" run as one unit each; start them with `systemctl start {settings.data.users}.target`"
        )
    _expect(user(settings, own[0]), f"service '{own[0]}'", f"netops up {own[0]}")


def _expect(wanted: str, what: str, words: str) -> None:
    running = who(os.geteuid())
    if running != wanted:
        raise UsageError(f"{what} runs as user '{wanted}' here, not as '{running}'; run `sudo -u {wanted} {words}`")


def who(uid: int) -> str:
    """Return the name of a user, or the number where there is no name."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
