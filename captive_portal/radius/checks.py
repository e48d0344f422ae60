"""What is wrong with how controllers speak RADIUS, by name and with a remedy; no secret is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from captive_portal import controllers
from captive_portal.radius import nas
from inventory.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netops.config import Settings


def problems(settings: Settings) -> list[Problem]:
    """Return everything that is wrong with it."""
    return list(_problems(settings))


def _problems(settings: Settings) -> Iterator[Problem]:
    for name, each in settings.portal.acs.items():
        where = controllers.where(settings, name)
        if each.secret is None:
            if each.gateway == "radius":
                what = f"controller '{name}' has no RADIUS secret: nobody gets in there"
                yield Problem(where, what, f"set portal.acs.{name}.secret")
            continue
        for fault in nas.faults(each):
            yield Problem(where, f"controller '{name}': {fault}")
        if each.unsigned:
            what = f"controller '{name}' may leave Message-Authenticator out: answers can be forged (BlastRADIUS)"
            yield Problem(where, what, "update it, then remove 'unsigned'")
    asking = [each for each in settings.portal.acs.values() if each.secret is not None and each.gateway != "portal2"]
    if asking and not settings.radius.enabled:
        yield Problem("radius.enabled", "controllers have secrets and nobody answers them", "set radius.enabled = true")
