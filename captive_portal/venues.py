"""The names of the places where visitors come online, from the register. Without a register nothing has a name."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from inventory.errors import InventoryError
from inventory.model import Site
from inventory.register import Register

if TYPE_CHECKING:
    from netops.config import Settings

LOG = logging.getLogger("netops.portal")


def names(settings: Settings, now_ms: int) -> dict[str, str]:
    """Return site id → name; empty when the register cannot be read, which is no fault of the portal."""
    try:
        with Register(settings.register_url, rehearsal=settings.city.rehearsal, readonly=True) as register:
            spells = register.spells("site", start_ms=now_ms, end_ms=now_ms + 1)
    except InventoryError as error:
        LOG.info("no venue names error=%s", error)
        return {}
    return {spell.record.id: spell.record.name for spell in spells if isinstance(spell.record, Site)}
