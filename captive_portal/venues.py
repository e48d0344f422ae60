"""The places where visitors come online: their names, from the register, and which of them is near."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from captive_portal import nearby
from captive_portal.nearby import Venue
from captive_portal.policy import open_at
from inventory.errors import InventoryError
from inventory.model import Site
from inventory.register import Register
from netops import hotspots

if TYPE_CHECKING:
    from captive_portal.premises import Premises
    from netops.clock import Clock
    from netops.config import Settings

LOG = logging.getLogger("netops.portal")
NEAR_MS = 10_000


class Venues:
    """What the running portal knows of them. Without a register its pages name no place, and that is no fault of it."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.known: dict[str, Venue] = {}
        self.near: dict[str, tuple[int, nearby.Hotspot | None]] = {}  # site → until when, and where else
        self._settings = settings
        self._clock = clock

    def look(self) -> int:
        """Read them again; what cannot be read stays as it was."""
        found = read(self._settings, self._clock.now_ms())
        self.known = {each.id: each for each in found} or self.known
        return len(self.known)

    def name(self, site: str) -> str:
        """Return the name of a site; empty where it has none."""
        return self.known[site].name if site in self.known else ""

    def hotspot(self, premises: Premises, site: str) -> nearby.Hotspot | None:
        """Return where else WiFi works now, as far as the core has said lately."""
        now_ms = self._clock.now_ms()
        until_ms, known = self.near.get(site, (0, None))
        if not now_ms < until_ms <= now_ms + NEAR_MS:  # a whole square asks at once when its line breaks
            known = nearby.nearest(
                site,
                self.known.values(),
                working=hotspots.read(self._settings, now_ms),
                open_now=lambda other: open_at(premises.policies.at(other).hours, now_ms, premises.zone),
            )
            self.near[site] = now_ms + NEAR_MS, known
        return known


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
