"""The closing of months: once all hours of one are sealed, each contract's report on it is issued, once.

All months that have hours and no report are closed, oldest first: the verdicts of one say how often in a row the next
was missed. Each step may be repeated after a kill at any instant; the ledger tells what is done.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from inventory.errors import InventoryError
from netops import correcting, drain, present, speakers
from netops.clock import iso, utc
from netops.errors import NetopsError
from netops.placing import Shelf
from netops.report import bundle, issue
from netops.sla import calendar
from netops.spool import Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from threading import RLock
    from zoneinfo import ZoneInfo

    from inventory.model import Contract
    from netops.clock import Clock
    from netops.config import Settings
    from netops.journal import Journal
    from netops.ledger import Ledger
    from netops.ledger_file import LedgerReader
    from netops.report.bundle import Draft

log = logging.getLogger(__name__)
GRACE_MS = 120_000  # an hour is ripe this long after its end: late polls of a slow device are in by then
AGAIN = 75  # the exit code of what is to be tried again
ASKED_MS = 3_600_000  # so long somebody may wait for an answer
LOST = (
    "its file is missing, and the ledger knows more by now than when it was issued: take it from a backup; "
    "`netops report build` makes a revision instead, and the days of the dispute over this one run"
)


class EarlyError(NetopsError):
    """A report was asked for whose hours are not all sealed."""

    exit_code = AGAIN


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
        self._shelf = Shelf(settings, clock, ledger=ledger, acting=acting)
        self._unplaced: set[str] = set()
        self._first: dict[str, int] = {}  # the contract's first sealed hour: hours are sealed in their order
        self._closed: set[tuple[str, str]] = set()  # (contract, month) that this process need not look at again
        self._answered: set[int] = set()  # leaves that asked for a report, and were looked at
        self._failed: dict[str, str] = {}

    @property
    def short(self) -> dict[str, str]:
        """Which bundles are gone, or went out with fewer co-signatures than their policy asks for, and by how much."""
        lost = dict.fromkeys((name for name in self._unplaced.copy() if not self._shelf.has(name)), LOST)
        return {f"bundle {name}": why for name, why in (self._shelf.short.copy() | lost).items()}

    @property
    def failed(self) -> dict[str, str]:
        """Which contracts' months the last run could not close, and why."""
        return self._failed.copy()

    def report(self, contracts: Iterable[Contract]) -> None:
        """Issue what is due on each contract: every month, oldest first, whose hours are sealed and that has no report.

        A core that was off for two months catches up both. `contracts` holds also those that have ended: their last
        month is closed after their end.
        """
        wrong: list[NetopsError | InventoryError] = []
        failed: dict[str, str] = {}
        for contract in contracts:
            try:
                found = self._report_on(contract)
            except (NetopsError, InventoryError) as error:  # what ails one contract holds no other's report
                found = [error]
            except Exception as error:  # noqa: BLE001  (told in the log and in health; the other contracts go on)
                found = [_fault(contract.id, "its months", error)]
            if found:
                failed[f"report on {contract.id}"] = "; ".join(map(str, found))
            wrong += found
        self._failed = failed
        wrong += self._shelf.turn()
        if wrong:
            raise wrong[0]

    def asked(self) -> None:
        """Issue what people asked for by `report_asked`: built here, from what is sealed, and never taken as stated.

        With no new fact nothing is issued. Who asked waits for the leaf of the issue, and repeats the command. However
        many asked for a report, it is built once; one that is asked for too early waits for its hours.
        """
        wrong: list[NetopsError | InventoryError] = []
        asked: dict[tuple[str, str], set[int]] = {}
        for leaf in self._ledger.find("report_asked", start_ms=self._clock.now_ms() - ASKED_MS):
            if leaf.index not in self._answered:
                named = str(leaf.fact.body["contract"]), str(leaf.fact.body["month"])
                asked.setdefault(named, set()).add(leaf.index)
        for (contract, month), leaves in asked.items():
            try:
                with self._acting:
                    self._answer(contract, month)
            except (NetopsError, InventoryError) as error:
                wrong.append(error)
                if error.exit_code == AGAIN:
                    continue
            except Exception as error:  # noqa: BLE001  (nor does what was asked for of one contract hold another's)
                wrong.append(_fault(contract, month, error))
            self._answered |= leaves
        if wrong:
            raise wrong[0]

    def _answer(self, contract: str, month: str) -> None:
        now = self._clock.now_ms()
        _, end = issue.span(self._settings, contract=contract, month=month)
        if self._is_awaited(contract, end):
            raise EarlyError(f"contract {contract}: hours of {month} are still to be sealed; its report is issued then")
        draft = issue.prepare(self._settings, self._ledger, contract=contract, month=month, now_ms=now)
        if bundle.issued(self._ledger, draft) is None and self._is_unsettled(draft, now):
            raise EarlyError(
                f"contract {contract}: {month} has late samples; its report is issued once they are taken in"
            )
        index = issue.seal(self._ledger, draft, now_ms=now)
        if not self._shelf.has(draft.name):
            self._shelf.put(draft, index)
            log.info("report issued", extra={"report": draft.name, "digest": draft.report.digest})

    def _is_awaited(self, contract: str, end_ms: int) -> bool:
        """Whether something of a contract's hours before an instant still comes.

        What is unsealed would be unknown, and what a correction is to state again would stand as it was.
        """
        return self._ripe_until() < end_ms + GRACE_MS or bool(awaited(self._ledger, self._journal, contract, end_ms))

    def _is_unsettled(self, draft: Draft, now_ms: int) -> bool:
        """Whether hours are stated again first, because the contract asks for it; say so in the ledger, once."""
        late = correcting.unsettled(draft.report.content)
        contract = str(draft.report.content["contract"])
        asked = correcting.by_contract(self._ledger, contract, late, now_ms=now_ms)
        self._ledger.append(
            [each for each in asked if self._ledger.holds(each.source, each.sequence) is None], now_ms=now_ms
        )
        return bool(late)

    def _report_on(self, contract: Contract) -> list[NetopsError | InventoryError]:
        """Close the months of one contract, each under a hold of its own; return what could not be closed, and why.

        A month that cannot be closed holds no later one: the deadlines of a dispute run from an issued report, and what
        the older month changes in the later one is a revision's to say. What is to be tried again holds those after it.
        """
        wrong: list[NetopsError | InventoryError] = []
        for month in self._months(contract):
            try:
                with self._acting:
                    self._close(contract, month)
            except (NetopsError, InventoryError) as error:
                wrong.append(error)
                if error.exit_code == AGAIN:
                    break
            except Exception as error:  # noqa: BLE001  (likewise, for the other months)
                wrong.append(_fault(contract.id, month, error))
        return wrong

    def _months(self, contract: Contract) -> list[str]:
        """Return the months to look at: the last, and before it those with hours that are not known to be closed."""
        tz = calendar.zone(contract.timezone)
        last = present.month_start(self._clock.now_ms(), contract.timezone) - 1
        if contract.id not in self._first:
            members = self._ledger.members(contract.id).values()
            hours = [when for kind, when in members if kind == "availability_hour"]
            if not hours:
                return [_name(last, tz)]
            self._first[contract.id] = min(hours)
        at, made = self._first[contract.id], [_name(last, tz)]
        while (month := _name(at, tz)) < made[-1]:
            if (contract.id, month) not in self._closed:
                made.insert(-1, month)
            at = calendar.month(month, tz)[1]
        return made

    def _close(self, contract: Contract, month: str) -> None:
        now = self._clock.now_ms()
        start, end = calendar.month(month, calendar.zone(contract.timezone))
        if self._is_awaited(contract.id, end):
            return
        told = self._told(contract.id, start, end)
        open_ = not (told and self._is_placed(told[-1])) and (told or self._has_hours(contract.id, start, end))
        if open_ and not self._issue(contract, month, told, now):
            return
        self._closed.add((contract.id, month))

    def _issue(self, contract: Contract, month: str, told: Sequence[str], now_ms: int) -> bool:
        """Issue it, unless hours are to be stated again first; return whether the month needs no other look."""
        draft = issue.prepare(self._settings, self._ledger, contract=contract.id, month=month, now_ms=now_ms)
        if told and draft.name != told[-1]:
            self._unplaced.add(told[-1])  # something came since: whether that makes a revision is for people to say
            log.warning("the bundle of an issued report is missing", extra={"report": told[-1]})
            return True
        if not told and self._is_unsettled(draft, now_ms):
            return False
        self._shelf.put(draft, issue.seal(self._ledger, draft, now_ms=now_ms))
        log.info("report issued", extra={"report": draft.name, "digest": draft.report.digest})
        return True

    def _told(self, contract: str, start_ms: int, end_ms: int) -> list[str]:
        """Return the names of the reports that were issued on the month, first to last."""
        known = sorted(self._ledger.find("report_issued"), key=lambda leaf: leaf.index)
        bodies = [leaf.fact.body for leaf in known]
        month = (contract, start_ms, end_ms)
        return [str(each["report"]) for each in bodies if (each["contract"], each["start_ms"], each["end_ms"]) == month]

    def _is_placed(self, report: str) -> bool:
        """Whether the report's bundle lies where it belongs: we may have died between its seal and its file."""
        return report in self._unplaced or self._shelf.has(report)

    def _has_hours(self, contract: str, start_ms: int, end_ms: int) -> bool:
        hours = self._ledger.find("availability_hour", start_ms=start_ms, end_ms=end_ms)
        return any(leaf.fact.body["contract"] == contract for leaf in hours)


def awaited(ledger: LedgerReader, journal: Journal | None, contract: str, end_ms: int) -> str:
    """Return what of a contract's hours before an instant was seen or asked for and is not stated yet, or nothing.

    Without a journal nothing was seen here.
    """
    if journal and (hours := journal.unsealed(until_ms=end_ms, limit=1)):
        return f"the hour of {iso(hours[0])} is not sealed yet"
    if journal and (later := journal.later(until_ms=end_ms, limit=1, contract=contract)):
        return f"the hour of {iso(later[0][0])} waits for vantage points"
    asked = (each for each in correcting.waiting(ledger) if each.contract == contract and each.hour_ms < end_ms)
    return next((f"the hour of {iso(each.hour_ms)} is to be stated again (leaf {each.number})" for each in asked), "")


def untaken(settings: Settings, end_ms: int) -> str:
    """Return what may still tell of the time before an instant and was not taken yet, or nothing: so the core waits.

    That is a poller's spool with records that no core has taken, whatever they are about, and who tells of the past and
    has come no further (`late.<source>`).
    """
    folder = settings.data.dir
    for path in sorted((folder / "spool").glob("*.db")):
        if path.stem in speakers.POLLERS:
            with Reader(path) as spool:
                waiting = spool.newest() - drain.drained(settings, path.stem)
            if waiting > 0:
                return f"{waiting} records of `{path.stem}` wait in its spool"
    for mark in sorted(folder.glob("late.*")):
        with suppress(OSError, ValueError):  # it is being replaced, or has just gone
            if (until_ms := int(mark.read_text(encoding="ascii"))) < end_ms:
                return f"`{mark.name.removeprefix('late.')}` has told of the past until {iso(until_ms)}"
    return ""


def _fault(contract: str, what: str, error: Exception) -> NetopsError:
    """Log what broke in us, with its traceback; return it as an error that names contract and month."""
    log.error("a month could not be closed", exc_info=error, extra={"contract": contract, "month": what})
    return NetopsError(
        f"contract {contract}: {what} cannot be closed: {type(error).__name__} {error}; the log holds the "
        "traceback: report it, the other contracts go on"
    )


def _name(at_ms: int, tz: ZoneInfo) -> str:
    return f"{utc(at_ms).astimezone(tz):%Y-%m}"
