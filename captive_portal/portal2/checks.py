"""What `netops check` says of controllers that speak Portal 2.0."""

from __future__ import annotations

from typing import TYPE_CHECKING

from captive_portal import controllers
from captive_portal.portal2 import ac
from inventory.errors import Problem
from netops.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netops.config import Settings

LAST_PORT = 65_535


def problems(settings: Settings) -> Iterator[Problem]:
    """Yield what is wrong with how a controller is spoken to, what lets nobody in behind it, or more than is meant."""
    named = ac.named(settings)
    for name, given in named.items():
        where = controllers.where(settings, name)
        if not controllers.faults(name, given):  # they are told for all kinds of controllers
            try:
                ac.looked_at(settings, name, given)
            except ConfigError as error:
                yield Problem(where, str(error).partition(": ")[2])
                continue
        if not settings.radius.enabled:
            what = f"controller '{name}' asks a RADIUS server about each login, and ours is off: nobody would be let in"
            yield Problem(where, what, "set radius.enabled = true, or have FreeRADIUS ask its API")
        elif given.secret is None:
            yield Problem(where, f"controller '{name}' has no 'secret', so our RADIUS server does not answer it")
        if given.portal_unsigned:
            what = f"controller '{name}' is believed without authenticators (`portal_unsigned`): whoever can send from"
            yield Problem(
                where, f"{what} its address can answer for it", "have its secret set on both sides, version 2"
            )
    port = settings.portal2.port
    if named and not 0 < port <= LAST_PORT:
        yield Problem(settings.origin.get("portal2.port", "portal2.port"), f"'portal2.port' is {port}", "1 to 65535")
