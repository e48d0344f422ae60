"""CPEs that know a password of ours and stand in no register: proposed beside it, as what a search finds is.

Who knows no password is refused before it can say its name, so this list cannot be filled from outside.
"""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from collectors.discovery.proposals import drop, keep
from collectors.errors import CollectorError

if TYPE_CHECKING:
    from collections.abc import Collection

    from collectors.cwmp.message import DeviceId
    from netops.config import Settings
from netops.proposals import NAME, Proposal

log = logging.getLogger(__name__)
MOST = 256
EVERY_MS = 60_000


class Strangers:
    """Collects, and writes now and then. Safe to use from several threads."""

    def __init__(self, settings: Settings) -> None:
        self._place = settings.room("acs") / NAME
        self._new: dict[str, tuple[DeviceId, str]] = {}
        self._told: set[str] = set()
        self._next_ms = 0
        self._lock = threading.Lock()

    def seen(self, who: DeviceId, address: str) -> None:
        """Remember who came from where."""
        name = who.names[0]
        with self._lock:
            if name not in self._told and len(self._told) < MOST:
                self._told.add(name)
                self._new[name] = (who, address)

    def forget(self, serials: Collection[str]) -> None:
        """Take out who is in the register by now, by whatever name it has there."""
        with suppress(CollectorError):
            drop(self._place, lambda each: each.informs and not _names(each).isdisjoint(serials))

    def keep(self, now_ms: int) -> None:
        """Write what is new where `netops discover --list` finds it; the log has it too."""
        with self._lock:
            if not self._new or now_ms < self._next_ms:
                return
            new, self._new, self._next_ms = self._new, {}, now_ms + EVERY_MS
        for name, (_, address) in new.items():
            log.warning("a CPE that is in no register", extra={"cpe": name, "address": address})
        with suppress(CollectorError):
            keep(self._place, [_proposal(who, address, now_ms) for who, address in new.values()])


def _names(each: Proposal) -> frozenset[str]:
    """Return what the register may call it (`DeviceId.names`)."""
    return frozenset({each.name, each.serial, f"{each.name.partition('-')[0]}-{each.serial}"})


def _proposal(who: DeviceId, address: str, now_ms: int) -> Proposal:
    return Proposal(
        address=address,
        port=0,
        credential="",
        profile="",
        because="it informs by TR-069",
        name=who.names[0],
        description=f"{who.manufacturer} {who.product_class}".strip(),
        serial=who.serial,
        standing="new",
        device="",
        seen_ms=now_ms,
    )
