"""How fast budgets burn, for the rules: every contract's standing, reckoned in a thread of its own.

A month of thousands of services takes seconds to reckon; who looks every two seconds must not wait for it.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final

from netops.errors import NetopsError
from netops.ledger_file import LedgerReader, NoLedgerError
from netops.report import issue, standings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netops.clock import Clock
    from netops.config import Settings
    from netops.sla.burn import Burn

log = logging.getLogger(__name__)
EVERY_S: Final = 300.0
Burns = dict[str, tuple[int, list["Burn"]]]


class Burning:
    """Inert until started; `now` is what was reckoned last."""

    def __init__(self, settings: Settings, *, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.now: Mapping[str, tuple[int, list[Burn]]] = {}
        self.wrong = ""

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, name="burning", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End; what is being reckoned is left."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=5.0)
        self._thread = None

    def _run(self) -> None:
        while True:
            try:
                self.now, self.wrong = burns(self._settings, now_ms=self._clock.now_ms()), ""
            except NoLedgerError:
                self.now = {}
            except Exception as error:  # noqa: BLE001  (whatever is wrong with a month, outages are told all the same)
                self.wrong = f"burn rates are not reckoned: {error}"
                log.log(logging.WARNING if isinstance(error, NetopsError) else logging.ERROR, "%s", self.wrong)
            if self._stopping.wait(EVERY_S):
                return


def burns(settings: Settings, contract: str = "", *, now_ms: int) -> Burns:
    """Return by `contract/item/objective` when its hours end, and its burns, of one contract or of all.

    Reads ledger and register, and no surveys: coverage has no budget that burns.
    """
    made: Burns = {}
    with LedgerReader(issue.ledger_path(settings)) as ledger:
        for name, known in standings.versions(settings, contract, until_ms=now_ms + 1).items():
            found = standings.read(ledger, known, now_ms=now_ms, surveys=False)
            for stands in found.objectives if found else ():
                if stands.burns and found is not None:
                    made[f"{name}/{stands.line.name}"] = (found.end_ms, list(stands.burns))
    return made
