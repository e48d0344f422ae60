"""The closing of a month: once all its hours are sealed, each contract's report on it is issued, once."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from inventory.errors import InventoryError
from netops import present
from netops.clock import utc
from netops.errors import NetopsError
from netops.report import issue
from netops.sla import calendar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from threading import RLock

    from inventory.model import Contract
    from netops.clock import Clock
    from netops.config import Settings
    from netops.journal import Journal
    from netops.ledger import Ledger

log = logging.getLogger(__name__)
GRACE_MS = 120_000  # an hour is ripe this long after its end: late polls of a slow device are in by then


class Closing:
    """Issues reports when they are due; `ripe_until` tells before which instant nothing more is expected."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        *,
        ledger: Ledger,
        journal: Journal,
        acting: RLock,
        ripe_until: Callable[[], int],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._ledger = ledger
        self._journal = journal
        self._acting = acting
        self._ripe_until = ripe_until
        self._unplaced: set[str] = set()

    def report(self, contracts: Iterable[Contract]) -> None:
        """Issue the report on the last month of each contract once all its hours are sealed."""
        wrong: list[NetopsError | InventoryError] = []
        for contract in contracts:
            try:
                self._report_on(contract)
            except (NetopsError, InventoryError) as error:  # what ails one contract holds no other's report
                wrong.append(error)
        if wrong:
            raise wrong[0]

    def _report_on(self, contract: Contract) -> None:
        now = self._clock.now_ms()
        tz = calendar.zone(contract.timezone)
        month = f"{utc(present.month_start(now, contract.timezone) - 1).astimezone(tz):%Y-%m}"
        start, end = calendar.month(month, tz)
        with self._acting:
            open_ = self._journal.unsealed(until_ms=end, limit=1)
            waiting = self._journal.later(until_ms=end, limit=1, contract=contract.id)
            ripe = self._ripe_until() >= end + GRACE_MS and not open_ and not waiting
            told = self._told(contract.id, start, end) if ripe else []
            if (
                not ripe
                or (told and self._is_placed(told[-1]))
                or not (told or self._has_hours(contract.id, start, end))
            ):
                return
            draft = issue.prepare(self._settings, self._ledger, contract=contract.id, month=month, now_ms=now)
            if told and draft.name != told[-1]:
                self._unplaced.add(told[-1])  # something came since: whether that makes a revision is for people to say
                log.warning("the bundle of an issued report is missing", extra={"report": told[-1]})
                return
            index = issue.seal(self._ledger, draft, now_ms=now)
            issue.finish(self._ledger, draft, index, issue.place(self._settings, draft))
        log.info("report issued", extra={"report": draft.name, "digest": draft.report.digest})

    def _told(self, contract: str, start_ms: int, end_ms: int) -> list[str]:
        """Return the names of the reports that were issued on the month, first to last."""
        known = sorted(self._ledger.find("report_issued"), key=lambda leaf: leaf.index)
        bodies = [leaf.fact.body for leaf in known]
        month = (contract, start_ms, end_ms)
        return [str(each["report"]) for each in bodies if (each["contract"], each["start_ms"], each["end_ms"]) == month]

    def _is_placed(self, report: str) -> bool:
        """Whether the report's bundle lies where it belongs: we may have died between its seal and its file."""
        return report in self._unplaced or (self._settings.data.dir / "reports" / f"{report}.zip").exists()

    def _has_hours(self, contract: str, start_ms: int, end_ms: int) -> bool:
        hours = self._ledger.find("availability_hour", start_ms=start_ms, end_ms=end_ms)
        return any(leaf.fact.body["contract"] == contract for leaf in hours)
