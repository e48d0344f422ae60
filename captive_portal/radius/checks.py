"""What is wrong with the controllers of the settings, by name and with a remedy; no secret is read."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from captive_portal.radius import nas
from inventory.errors import Problem
from netops.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inventory.snapshot import Snapshot
    from netops.config import Settings


def problems(settings: Settings, snapshot: Snapshot) -> list[Problem]:
    """Return everything that is wrong with them."""
    return list(_problems(settings, snapshot))


def _problems(settings: Settings, snapshot: Snapshot) -> Iterator[Problem]:
    taken: dict[str, str] = {}
    for name, each in settings.portal.acs.items():
        where = settings.origin.get(f"portal.acs.{name}.address", f"portal.acs.{name}")
        if each.site not in snapshot.site:
            what = f"controller '{name}' serves site '{each.site}', which the register does not have"
            yield Problem(where, what, nearest(each.site, snapshot.site).removeprefix("; "))
        if name in settings.portal.visitors:
            yield Problem(where, f"controller '{name}' has the name of a visitor interface", "give it another id")
        if each.secret is None:
            if each.gateway == "radius":
                what = f"controller '{name}' has no RADIUS secret: nobody gets in there"
                yield Problem(where, what, f"set portal.acs.{name}.secret")
            continue
        for fault in nas.faults(name, each):
            yield Problem(where, f"controller '{name}': {fault}")
        for address in each.address.split(","):
            if address.strip() in taken:
                what = f"controllers '{taken[address.strip()]}' and '{name}' have the same address {address.strip()}"
                yield Problem(where, what, "a packet from there must belong to one of them")
            taken[address.strip()] = name
        if each.unsigned:
            what = f"controller '{name}' may leave Message-Authenticator out: answers can be forged (BlastRADIUS)"
            yield Problem(where, what, "update it, then remove 'unsigned'")
    yield from _shared(settings)
    if any(each.secret for each in settings.portal.acs.values()) and not settings.radius.enabled:
        yield Problem("radius.enabled", "controllers have secrets and nobody answers them", "set radius.enabled = true")


def _shared(settings: Settings) -> Iterator[Problem]:
    """Yield networks that two controllers have, of whichever kind; two by Portal 2.0 are told of by its own check."""
    acs, given = settings.portal.acs, {}
    for name, each in acs.items():
        with contextlib.suppress(ValueError):  # told of already
            given[name] = nas.networks(each)
    for one, other, network in nas.shared(given):
        if not acs[one].gateway == acs[other].gateway == "portal2":
            where = settings.origin.get(f"portal.acs.{other}.networks", f"portal.acs.{other}")
            yield Problem(where, f"controllers '{one}' and '{other}' both have the network {network}", nas.BEHIND_ONE)
