"""Failed logins of staff in bulk: the pages show what the ledger has, and a thread of the web process states it."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

from flask import g

from inventory.errors import InventoryError
from netops.access import bulk, record
from netops.access.refusals import Refusals
from netops.errors import NetopsError

if TYPE_CHECKING:
    from dashboards.desk import Desk

LOG = logging.getLogger("netops.web")
EVERY_S = 30.0
SHOWN = 10
DAY_MS = 86_400_000


class Watch:
    """Looks at the windows that are over; `stop` ends it."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._refusals = Refusals(desk.staff.database)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="refusals", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for the look under way."""
        self._ending.set()
        self._thread.join(5)

    def _run(self) -> None:
        while not self._ending.wait(EVERY_S):
            self.look()

    def look(self) -> None:
        """Look once; what cannot be read or stated now is tried again."""
        try:
            self._refusals.step(self._desk.submit, now_ms=self._desk.clock.now_ms())
        except (NetopsError, InventoryError) as error:
            LOG.warning("failed logins not stated error=%s", error)


def shown(desk: Desk, *, since_ms: int = 0) -> list[dict[str, Any]]:
    """Return what the ledger has of them for whoever may see accounts, the latest first."""
    if not g.person.may("staff.see"):
        return []
    found = sorted(record.stated(desk.settings, frozenset({bulk.KIND})), key=lambda each: -each[0].at_ms)
    recent = [(fact.body, sealed) for fact, sealed in found if fact.at_ms >= since_ms]
    rows = {body["start_ms"]: {**body, "sealed": sealed} for body, sealed in reversed(recent)}  # stated twice: one row
    return list(reversed(rows.values()))[:SHOWN]


def of_a_day(desk: Desk) -> list[dict[str, Any]]:
    """Return those of the last day."""
    return shown(desk, since_ms=desk.clock.now_ms() - DAY_MS)
