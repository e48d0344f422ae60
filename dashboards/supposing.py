"""What a ruling would move before anybody has stated it: the month judged with it and without, in a thread.

A month of thousands of services takes seconds to judge twice. One such question is reckoned at a time in the process;
a page that asks meanwhile says so and asks again. An answer holds for the leaves that it was reckoned from.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inventory.errors import InventoryError
from netops.errors import NetopsError
from netops.evidence import canonical
from netops.ledger_file import LedgerReader
from netops.report import issue

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netops.config import Settings
    from netops.facts import Fact

    Key = tuple[str, int]

log = logging.getLogger(__name__)
WAIT_S = 2.0  # so long a page waits for an answer that is not there yet
HELD = 32  # answers that a process keeps
WORDS = frozenset({"reason", "by"})  # of a ruling, which move nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What is known: what the ruling would move as `report.json` tells it, that it is reckoned, or why it cannot be."""

    effect: Mapping[str, Any] | None = None
    reckoning: bool = False
    error: str = ""


class Forecasts:
    """One per process; safe to use from several threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._held: OrderedDict[Key, Forecast] = OrderedDict()
        self._thread: threading.Thread | None = None

    def of(self, ruling: Fact, *, contract: str, month: str, now_ms: int) -> Forecast:
        """Return what a ruling would move; what is not reckoned yet is begun, and waited for a moment."""
        with LedgerReader(issue.ledger_path(self._settings)) as ledger:
            moving = {name: value for name, value in ruling.body.items() if name not in WORDS}
            key = (canonical.digest(canonical.dumps(moving)), ledger.newest_on(contract))
        if (known := self._known(key)) is not None:
            return known
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                about = {"contract": contract, "month": month, "now_ms": now_ms}
                self._thread = threading.Thread(
                    target=self._reckon, args=(key, ruling, about), name="supposing", daemon=True
                )
                self._thread.start()
            thread = self._thread
        thread.join(WAIT_S)
        return self._known(key) or Forecast(reckoning=True)

    def _known(self, key: Key) -> Forecast | None:
        """Return what is known; why it could not be reckoned is told once, and then tried anew."""
        with self._lock:
            found = self._held.get(key)
            if found is not None and found.error:
                del self._held[key]
            return found

    def _reckon(self, key: Key, ruling: Fact, about: Mapping[str, Any]) -> None:
        try:
            with LedgerReader(issue.ledger_path(self._settings)) as ledger:
                made = Forecast(effect=issue.supposed(self._settings, ledger, ruling, **about))
        except (NetopsError, InventoryError) as error:
            made = Forecast(error=str(error))
        except Exception as error:  # told on the page; the ruling can be made all the same
            log.exception("what a ruling would move could not be judged", extra={"contract": about["contract"]})
            made = Forecast(error=f"{type(error).__name__}: {error}")
        with self._lock:
            self._held[key] = made
            while len(self._held) > HELD:
                self._held.popitem(last=False)
