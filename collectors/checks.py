"""What `netops check` asks of this door: every profile file can be read, and every device's profile is one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collectors.errors import CollectorError
from collectors.profile_yaml import shipped
from netops.checks import Problem
from netops.errors import nearest

if TYPE_CHECKING:
    from inventory.snapshot import Snapshot
    from netops.config import Settings


def check(settings: Settings, snapshot: Snapshot) -> list[Problem]:
    """Return every device whose profile is unknown, or that has an address and no profile."""
    del settings
    try:
        profiles = shipped()
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
    return problems
