"""What `netops check` says of controllers that speak Portal 2.0."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from captive_portal.portal2 import ac as controllers
from inventory.errors import Problem
from netops.errors import ConfigError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from captive_portal.portal2.ac import Ac
    from inventory.snapshot import Snapshot
    from netops.config import Settings

LAST_PORT = 65_535


def problems(settings: Settings, snapshot: Snapshot) -> Iterator[Problem]:
    """Yield what is wrong with a controller, what lets nobody in behind it, and what lets in more than is meant."""
    looked = []
    for name, given in controllers.named(settings).items():
        where = settings.origin.get(f"portal.acs.{name}.address", f"portal.acs.{name}")
        try:
            ac = controllers.looked_at(settings, name, given)
        except ConfigError as error:
            yield Problem(where, str(error).partition(": ")[2])
            continue
        looked.append((ac, where))
        if given.site not in snapshot.site:
            what = f"controller '{name}' serves site '{given.site}', which the register does not have"
            yield Problem(where, what, nearest(given.site, snapshot.site).removeprefix("; "))
        if not settings.radius.enabled:
            what = f"controller '{name}' asks a RADIUS server about each login, and ours is off: nobody would be let in"
            yield Problem(where, what, "set radius.enabled = true, or have FreeRADIUS ask its API")
        elif given.secret is None:
            yield Problem(where, f"controller '{name}' has no 'secret', so our RADIUS server does not answer it")
        if ac.unsigned:
            what = f"controller '{name}' is believed without authenticators (`portal_unsigned`): whoever can send from"
            yield Problem(
                where, f"{what} its address can answer for it", "have its secret set on both sides, version 2"
            )
    yield from _shared(looked)
    port = settings.portal2.port
    if looked and not 0 < port <= LAST_PORT:
        yield Problem(settings.origin.get("portal2.port", "portal2.port"), f"'portal2.port' is {port}", "1 to 65535")


def _shared(looked: list[tuple[Ac, str]]) -> Iterator[Problem]:
    """Yield addresses that two controllers have, and networks that two say are theirs."""
    for at, (ac, where) in enumerate(looked):
        for other, _ in looked[:at]:
            both = {ac.address, *ac.others} & {other.address, *other.others}
            if both:
                what = f"controllers '{other.id}' and '{ac.id}' both speak from {min(both)}"
                yield Problem(where, what, "a packet must belong to one")
            mine = next((one for one in ac.networks for two in other.networks if _overlap(one, two)), None)
            if mine is not None:
                what = f"network {mine} of controller '{ac.id}' is controller '{other.id}'s, too"
                yield Problem(where, what, "a visitor must be behind one of them")


def _overlap(one: controllers.Network, two: controllers.Network) -> bool:
    if isinstance(one, ipaddress.IPv4Network) and isinstance(two, ipaddress.IPv4Network):
        return one.overlaps(two)
    return isinstance(one, ipaddress.IPv6Network) and isinstance(two, ipaddress.IPv6Network) and one.overlaps(two)
