"""The names of the places where visitors come online, from the register. Without a register nothing has a name."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from captive_portal.nearby import Venue
from inventory.errors import InventoryError
from inventory.model import Site
from inventory.register import Register

if TYPE_CHECKING:
    from netops.config import Settings

LOG = logging.getLogger("netops.portal")


def names(settings: Settings, now_ms: int) -> dict[str, str]:
    """Return site id → name; empty when the register cannot be read, which is no fault of the portal."""
    return {each.id: each.name for each in read(settings, now_ms)}


def read(settings: Settings, now_ms: int) -> tuple[Venue, ...]:
    """Return what visitors may know of each site; empty when the register cannot be read."""
    try:
        with Register(settings.register_url, rehearsal=settings.city.rehearsal, readonly=True) as register:
            spells = register.spells("site", start_ms=now_ms, end_ms=now_ms + 1)
    except InventoryError as error:
        LOG.info("no venue names error=%s", error)
        return ()
    return tuple(_venue(spell.record) for spell in spells if isinstance(spell.record, Site))


def _venue(site: Site) -> Venue:
    try:
        at = (float(site.latitude), float(site.longitude))
    except ValueError:  # the register has no place for it
        at = None
    return Venue(id=site.id, name=site.name, address=site.address, at=at)
