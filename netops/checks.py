"""`netops check`: what each floor and door finds wrong with the register's names, all at once.

Inventory names, the floors above give meaning: a check is `check(settings, snapshot) -> list[Problem]`, listed by
entry point in `netops.checks`. A check that cannot be loaded or that fails is itself a problem, and the others run.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Protocol

from inventory.errors import InventoryError, Problem
from netops.errors import NetopsError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from inventory.snapshot import Snapshot
    from netops.config import Settings

__all__ = ["Check", "Problem", "credentials", "installed", "run"]

GROUP = "netops.checks"


class Check(Protocol):
    """One room's look at the register."""

    def __call__(self, settings: Settings, snapshot: Snapshot) -> Sequence[Problem]:
        """Return everything that is wrong, empty when all names resolve."""
        ...


def installed() -> dict[str, Callable[[], Check]]:
    """Return what loads each check that is installed, by name."""
    return {"credentials": lambda: credentials} | {entry.name: entry.load for entry in entry_points(group=GROUP)}


def run(settings: Settings, snapshot: Snapshot, checks: Mapping[str, Callable[[], Check]]) -> list[Problem]:
    """Run all checks and return all problems, each once, in the order of their places."""
    found: set[Problem] = set()
    for name, load in sorted(checks.items()):
        try:
            found.update(load()(settings, snapshot))
        except (NetopsError, InventoryError) as error:
            found.add(Problem(f"check '{name}'", str(error)))
        except (ImportError, AttributeError) as error:
            found.add(Problem(f"check '{name}'", f"cannot be loaded ({error})", "reinstall this version of NetOps"))
    return sorted(found)


def credentials(settings: Settings, snapshot: Snapshot) -> list[Problem]:
    """Each credential that a device names is in the settings; a device that is asked names one."""
    problems = []
    for device in snapshot.devices:
        where = snapshot.where(device, "credential")
        if device.address and device.profile and not device.credential:
            remedy = "name one of [credentials.…] in the settings"
            problems.append(Problem(where, f"device '{device.id}' has an address but no credential", remedy))
        elif device.credential and device.credential not in settings.credentials:
            remedy = nearest(device.credential, settings.credentials).removeprefix("; ")
            add = f"add [credentials.{device.credential}] to the settings"
            what = f"device '{device.id}' names credential '{device.credential}', which the settings do not have"
            problems.append(Problem(where, what, remedy or add))
    for door in snapshot.doors:
        if door.credential and door.credential not in settings.credentials:
            remedy = nearest(door.credential, settings.credentials).removeprefix("; ")
            add = f"add [credentials.{door.credential}] to the settings"
            what = f"door '{door.id}' names credential '{door.credential}', which the settings do not have"
            problems.append(Problem(snapshot.where(door, "credential"), what, remedy or add))
    return problems
