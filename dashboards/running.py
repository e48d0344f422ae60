"""How a contract stands in the month that runs: judged as `netops sla judge` does, up to the last hour that is sealed.

A month of thousands of services takes seconds to judge. So it is done in a thread, once for each hour that is sealed,
and a page shows the last answer with the instant up to which it goes. Nothing is owed for a month that runs.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from inventory.errors import InventoryError
from inventory.model import Contract
from inventory.register import Register
from netops.clock import utc
from netops.coverage import promised
from netops.errors import NetopsError
from netops.journal import HOUR_MS
from netops.ledger_file import LedgerReader
from netops.report import bundle, interval, issue
from netops.sla import calendar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netops.config import Settings
    from netops.report.interval import Answer

log = logging.getLogger(__name__)
WAIT_S = 0.15  # so long a page waits for an answer that is not there yet
EVER_MS = 2**53
HOUR = "availability_hour"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is known: the last answer, as JSON tells its lines; whether a newer one comes, or why there is none."""

    answer: Answer | None = None
    told: tuple[Mapping[str, Any], ...] = ()
    reckoning: bool = False
    error: str = ""


class Running:
    """One per process; safe to use from several threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._held: dict[str, tuple[tuple[int, int], Standing]] = {}
        self._threads: dict[str, threading.Thread] = {}

    def of(self, contract: str, *, now_ms: int) -> Standing:
        """Return how a contract stands; what is not reckoned yet is begun, and waited for a moment."""
        key = self._key(contract, now_ms)
        if key is None:
            return Standing()
        held = self._held.get(contract)
        if held is not None and held[0] == key:
            return held[1]
        thread = self._begun(contract, key)
        thread.join(WAIT_S)
        held = self._held.get(contract)
        if held is None:
            return Standing(reckoning=True)
        return held[1] if held[0] == key else replace(held[1], reckoning=True)

    def _begun(self, contract: str, key: tuple[int, int]) -> threading.Thread:
        with self._lock:
            thread = self._threads.get(contract)
            if thread is None or not thread.is_alive():
                thread = threading.Thread(target=self._reckon, args=(contract, key), name="running", daemon=True)
                self._threads[contract] = thread
                thread.start()
            return thread

    def _reckon(self, contract: str, key: tuple[int, int]) -> None:
        try:
            answer = self._judged(contract, key[0])
            told = tuple(interval.plain(line) for line in answer.lines) if answer is not None else ()
            made = Standing(answer=answer, told=told)
        except (NetopsError, InventoryError) as error:
            made = Standing(error=str(error))
        except Exception as error:  # told on the page; the other contracts are shown
            log.exception("a running month could not be judged", extra={"contract": contract})
            made = Standing(error=f"{type(error).__name__}: {error}")
        self._held[contract] = key, made

    def _judged(self, contract: str, end_ms: int) -> Answer | None:
        return judged(self._settings, contract, end_ms=end_ms)

    def _key(self, contract: str, now_ms: int) -> tuple[int, int] | None:
        """Return up to when hours are sealed and the last leaf on the contract's account; None before there is one."""
        path = issue.ledger_path(self._settings)
        if not path.exists():
            return None
        with LedgerReader(path) as ledger:
            sealed = ledger.span_on(contract, HOUR, until_ms=now_ms - HOUR_MS)
            return None if sealed is None else (sealed[1] + HOUR_MS, ledger.newest_on(contract))


def judged(settings: Settings, contract: str, *, end_ms: int) -> Answer | None:
    """Judge a contract from the beginning of the month of `end_ms` to there; None when that month has no hour yet."""
    with Register(settings.register_url, rehearsal=settings.city.rehearsal, readonly=True) as register:
        spells = register.spells("contract", start_ms=0, end_ms=EVER_MS, name=contract)
    found = {each.record.version: each.record for each in spells if isinstance(each.record, Contract)}
    versions = sorted(found.values(), key=lambda each: each.valid_from_ms)
    if not versions:
        return None
    tz = calendar.zone(versions[-1].timezone)
    start_ms, _ = calendar.month(f"{utc(end_ms - 1).astimezone(tz):%Y-%m}", tz)
    low, high = interval.around(start_ms, end_ms, tz)
    with LedgerReader(issue.ledger_path(settings)) as ledger:
        leaves = bundle.gather(ledger, contract=contract, start_ms=low, end_ms=high, surveyed=promised.asked(versions))
    return interval.ask(versions, leaves, start_ms=start_ms, end_ms=end_ms, tz=tz)
