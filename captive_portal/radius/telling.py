"""What the RADIUS server states: how fast it answered each controller, what it said, and how fast they took changes.

Counts of a minute, as a fact for the ledger and as a row of a poll for the store and for what contracts promise. What
our server takes is ours; what a controller takes to obey a Disconnect or CoA is the controller's.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from captive_portal.figures import MINUTE_MS, SERVING, STATE, Times, poll, row
from captive_portal.passing import Passing
from captive_portal.radius import packet
from captive_portal.radius.coa import Word
from netops import wire
from netops.facts import Fact, submit
from netops.metrics import portal

if TYPE_CHECKING:
    from collections.abc import Collection

    from captive_portal.radius.coa import Outcome
    from netops.clock import Clock
    from netops.evidence.canonical import JSON
    from netops.model import Poll
    from netops.spool import Spool

SAID = {
    packet.ACCESS_ACCEPT: "accepted",
    packet.ACCESS_REJECT: "rejected",
    packet.ACCOUNTING_RESPONSE: "accounted",
}
COUNTS = tuple(SAID.values())


@dataclass(slots=True)
class Minute:
    """One controller's minute."""

    counts: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)
    answers: Times = field(default_factory=lambda: Times(portal.ANSWERING))
    changes: Times = field(default_factory=lambda: Times(portal.OPENING))

    def values(self) -> dict[str, float]:
        """Return it as metrics."""
        counts = {f"portal.radius.{name}": float(self.counts[name]) for name in COUNTS}
        failed = {"portal.controller.failed": float(self.changed[Word.SILENT])} if self.changed else {}
        return {**counts, **self.answers.values(), **self.changes.values(), **failed}


class Telling:
    """Collects and submits; safe from several threads. `device` is the portal in the register."""

    def __init__(self, clock: Clock, *, device: str, controllers: Collection[str]) -> None:
        self._clock = clock
        self._device = f"{device}/radius"
        self._controllers = frozenset(controllers)
        self._minutes: dict[tuple[int, str], Minute] = {}
        self._passing = Passing()
        self._lock = Lock()

    def answered(self, controller: str, code: int, took_s: float) -> None:
        """Count an answer of ours, and how long it took from when its question was taken up."""
        said = SAID.get(code)
        if said is not None:
            with self._lock:
                minute = self._minute(controller)
                minute.counts[said] += 1
                minute.answers.add(math.ceil(took_s * 1000))

    def changed(self, controller: str, outcome: Outcome) -> None:
        """Count what came of a Disconnect or CoA."""
        with self._lock:
            minute = self._minute(controller)
            minute.changed[str(outcome.word)] += 1
            if outcome.word in {Word.ACK, Word.NAK}:
                minute.changes.add(outcome.took_ms)

    def flush(self, spool: Spool, now_ms: int, *, everything: bool = False) -> None:
        """Submit the minutes that are over. A SpoolError keeps them for the next time."""
        with self._lock:
            self._passing.note(now_ms)
            over_ms = now_ms + MINUTE_MS if everything else now_ms - now_ms % MINUTE_MS
            due = sorted(key for key in self._minutes if key[0] < over_ms)
            facts = [_fact(*key, self._minutes[key]) for key in due]
            starts = sorted({*self._passing.whole, *(start_ms for start_ms, _ in due)})
            polls = [wire.encode(self._poll(start_ms, now_ms)) for start_ms in starts]
        if polls:
            spool.put("poll", polls)
        if facts:
            submit(spool, *facts)
        with self._lock:
            for key in due:
                self._minutes.pop(key, None)
            self._passing.told()

    def _poll(self, start_ms: int, now_ms: int) -> Poll:
        slot_ms = self._passing.slot(start_ms, now_ms)
        there = {STATE: SERVING} if slot_ms == start_ms else {}
        mine = {name: each.values() for (at, name), each in self._minutes.items() if at == start_ms}
        names = sorted({*mine, *self._controllers} if there else mine)
        return poll(self._device, slot_ms, (row("nas", name, {**there, **mine.get(name, {})}) for name in names))

    def _minute(self, controller: str) -> Minute:
        now_ms = self._clock.now_ms()
        key = now_ms - now_ms % MINUTE_MS, controller
        found = self._minutes.get(key)
        if found is None:
            found = self._minutes[key] = Minute()
        return found


def _fact(start_ms: int, controller: str, minute: Minute) -> Fact:
    body: dict[str, JSON] = {
        "controller": controller,
        "start_ms": start_ms,
        "end_ms": start_ms + MINUTE_MS,
        **{name: minute.counts[name] for name in COUNTS},
        **minute.answers.body("answer"),
        **minute.changes.body("change"),
    }
    if minute.changed:
        body["changed"] = dict(minute.changed)
    return Fact(kind="radius_answers", at_ms=start_ms + MINUTE_MS, body=body)
