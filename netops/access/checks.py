"""What `netops check` finds wrong with how staff come in: roles that there are not, a place that has no passkeys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inventory.errors import Problem
from netops.access import identities, steps
from netops.access.places import place
from netops.errors import ConfigError

if TYPE_CHECKING:
    from inventory.snapshot import Snapshot
    from netops.config import Settings


def check(settings: Settings, _snapshot: Snapshot) -> list[Problem]:
    """Return everything that is wrong; the pages refuse to start with any of it."""
    found = []
    for look in (steps.rule, place, identities.check):
        try:
            look(settings)
        except ConfigError as error:
            where, _, what = str(error).partition(": ")
            found.append(Problem(where, what, "see docs/how-to/second-factors.md"))
    return found
