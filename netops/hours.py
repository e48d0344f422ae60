"""The hours of a running core: which are ripe, by which register they are sealed, which are stated again.

What an hour is, `hourly.py` says; what a correction asks for, `correcting.py`. Here they meet the files, one hour at a
time under the core's lock, so that the drain comes in between.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from inventory.register import Register
from inventory.snapshot import snapshot
from netops import correcting, hourly, latecomers, sealing
from netops.clock import iso
from netops.journal import HOUR_MS, HourSum, Journal
from netops.sla.sold import sold

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from threading import Event, RLock

    from inventory.model import Contract
    from inventory.snapshot import Snapshot
    from netops.clock import Clock
    from netops.config import Settings
    from netops.ledger import Ledger, LedgerEntry

log = logging.getLogger(__name__)
DAY_MS = 86_400_000
SAMPLES_DAYS = 40  # so long the journal keeps what was seen
AT_ONCE = 200
TURN_S = 4.0  # then the other jobs have theirs


class Hours:
    """Seals hours, and states them again. `planned` tells whether a slot of a service lies in approved maintenance."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        *,
        ledger: Ledger,
        journal: Journal,
        acting: RLock,
        stopping: Event,
        ripe_until: Callable[[], int],
        planned: Callable[[str, int], bool],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._ledger = ledger
        self._journal = journal
        self._acting = acting
        self._stopping = stopping
        self._ripe_until = ripe_until
        self._planned = planned
        self._rosters = {str(leaf.fact.body["roster"]) for leaf in ledger.find("availability_roster")}
        self._was: tuple[tuple[int, int], Snapshot] | None = None  # the register of the hour that was sealed last

    def late(self) -> str:
        """Return which sealed hours got samples afterwards, for our health, or the empty string."""
        late = self._journal.late()
        if not late:
            return ""
        first = min(late)
        return (
            f"{len(late)} hours have samples that came after they were sealed, the first {iso(first)}: "
            f"{', '.join(late[first][:3])}; `netops sla correct` states an hour again"
        )

    def seal(self, contracts: Sequence[str]) -> None:
        """Seal what is ripe, hour by hour, letting the drain in between; `contracts` are those in force."""
        with self._acting:
            found = self._journal.unsealed(until_ms=self._ripe_until(), limit=AT_ONCE)
            gaps = self._gaps(found)
        acts: list[Callable[[], None]] = []
        for hour_ms in found:
            acts += (*gaps[hour_ms], partial(self._seal_hour, contracts, hour_ms))
        self._for_a_while(acts)
        with self._acting:
            now = self._clock.now_ms()
            until = min([self._ripe_until(), *self._journal.told(now - hourly.WAIT_MS).values()])
            waiting = self._journal.later(until_ms=until, limit=AT_ONCE)
        self._for_a_while([partial(self._seal_later, contract, hour_ms) for hour_ms, contract in waiting])

    def _gaps(self, ripe: Sequence[int]) -> dict[int, list[Callable[[], None]]]:
        """Return, for each ripe hour, what is to be done for those before it of which nobody told anything."""
        made: dict[int, list[Callable[[], None]]] = {}
        for hour_ms in ripe:
            before = max(self._journal.summed_before(hour_ms), *made, hour_ms - SAMPLES_DAYS * DAY_MS)
            made[hour_ms] = [partial(self._sum_gap, each) for each in range(before + HOUR_MS, hour_ms, HOUR_MS)]
        return made

    def _sum_gap(self, hour_ms: int) -> None:
        """Keep for the pages that an hour was not measured.

        The ledger is told nothing: to the judges an hour that is not sealed is unknown all the same, and what comes of
        it later, or by a clock that was wrong, is sealed as ever. What the ledger holds was told, though a journal from
        a backup may not know it.
        """
        seen = self._register_at(hour_ms)
        for held in seen.contracts:
            if self._ledger.holds(*hourly.first_of(held.id, hour_ms)) is not None:
                continue
            self._journal.keep_gap(hourly.sums(sold(held, seen), {}, hour_ms=hour_ms, step=hourly.step_ms(held)))

    def _for_a_while(self, acts: Sequence[Callable[[], None]]) -> None:
        """Act one after the other, letting the drain in between, and the other jobs after a while."""
        until = self._clock.monotonic() + TURN_S
        for act in acts:
            if self._stopping.is_set() or self._clock.monotonic() > until:
                return
            with self._acting:
                act()

    def _seal_hour(self, contracts: Sequence[str], hour_ms: int) -> None:
        now, seen, sight = self._clock.now_ms(), self._register_at(hour_ms), self._sight(hour_ms)
        entries = self._blind_slots(hour_ms)
        sums: dict[str, list[HourSum]] = {contract: [] for contract in contracts}
        later = [held.id for held in seen.contracts if hourly.waits(held)]
        for held in seen.contracts:
            told, sums[held.id] = self._hour_of(held, seen, sight)
            entries += told if held.id not in later else []
        self._append_hours(entries, now)
        self._journal.seal(hour_ms, sums, later=later)

    def _seal_later(self, contract: str, hour_ms: int) -> None:
        """Seal an hour that waited for vantage points: they have told of a later one, or are away for long."""
        seen = self._register_at(hour_ms)
        if contract in seen.contract:
            told, sums = self._hour_of(seen.contract[contract], seen, self._sight(hour_ms))
            self._append_hours(told, self._clock.now_ms())
            self._journal.restated(hour_ms, sums, first=True)
        self._journal.waited(hour_ms, contract)

    def tell_late(self) -> None:
        """State which sealed hours got samples afterwards: whoever picks those that are corrected says it not alone."""
        ours, now = self._settings.collect.vantage, self._clock.now_ms()
        for hour_ms, found in self._journal.untold().items():
            told = list(latecomers.facts(self._ledger, hour_ms, found, ours=ours, now_ms=now))
            self._ledger.append(told, now_ms=now)
            self._journal.told_late(hour_ms, sorted({each.service for each in found}) if told else ())

    def correct(self) -> None:
        """State the hours again that corrections name, from what is known of them by now; or that they cannot be."""
        self.tell_late()  # first: what is stated again has these samples in it
        for each in list(correcting.waiting(self._ledger)):
            if why := self._restate(each):
                now = self._clock.now_ms()
                self._ledger.append([correcting.refusal(each, why, now_ms=now)], now_ms=now)
                log.warning("correction refused", extra={"correction": each.number, "why": why})

    def _restate(self, asked: correcting.Waiting) -> str:
        """State one hour again; else return why it never can be."""
        hour = iso(asked.hour_ms)
        seen = self._register_at(asked.hour_ms)
        if asked.contract not in seen.contract:
            return f"contract {asked.contract} is not in the register of {hour} any more"
        if not self.has_samples(asked.hour_ms):
            return f"the samples of {hour} are not here any more"
        told, sums = self._hour_of(seen.contract[asked.contract], seen, self._sight(asked.hour_ms))
        if correcting.loses(self._ledger, told, asked):
            return f"fewer samples of {hour} are here than it was sealed from"
        self._journal.restated(asked.hour_ms, sums)  # first: what the ledger holds is not looked at again
        self._append_hours(correcting.again(told, asked.number), self._clock.now_ms())
        return ""

    def has_samples(self, hour_ms: int) -> bool:
        """Whether an hour is still here whole; the oldest is given up a day before it is forgotten."""
        kept_ms = self._clock.now_ms() - (SAMPLES_DAYS - 1) * DAY_MS
        return hour_ms >= kept_ms and self._journal.has_samples(hour_ms)

    def _hour_of(self, held: Contract, seen: Snapshot, sight: hourly.Sight) -> tuple[list[LedgerEntry], list[HourSum]]:
        roster = sold(held, seen)
        return hourly.sealed(held, roster, sight, known=roster.digest in self._rosters)

    def _append_hours(self, entries: Sequence[LedgerEntry], now_ms: int) -> None:
        self._ledger.append(entries, now_ms=now_ms)
        self._rosters |= {str(each.fact.body["roster"]) for each in entries if "roster" in each.fact.body}

    def _sight(self, hour_ms: int) -> hourly.Sight:
        ours, every_ms = self._settings.collect.vantage, self._settings.collect.interval_s * 1000
        return hourly.sight(self._journal, self._ledger, hour_ms, ours=ours, blind_ms=every_ms, planned=self._planned)

    def _register_at(self, hour_ms: int) -> Snapshot:
        settings = self._settings
        with Register(settings.register_url, rehearsal=settings.city.rehearsal, readonly=True) as register:
            mark = register.mark(at_ms=hour_ms)
            if self._was is None or self._was[0] != mark:
                self._was = mark, snapshot(register, at_ms=hour_ms)
        return self._was[1]

    def _blind_slots(self, hour_ms: int) -> list[LedgerEntry]:
        vantage = self._settings.collect.vantage
        blind = self._journal.blind(hour_ms, hour_ms + HOUR_MS)
        asked = {slot: self._journal.anchors(slot) for slot in sorted(blind)}
        return [sealing.blindness(vantage, slot, asked=n, answered=got) for slot, (n, got) in asked.items()]
