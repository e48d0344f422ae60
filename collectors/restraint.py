"""Polling that does no harm: what is asked of a device now, what waits, and what was given up. Pure.

Dear and heavy columns come in turns (`collectors/poll.py`). A turn that cannot be taken, because the device is silent,
short of CPU or halted, is owed and taken as soon as it can be. A device that is busy is spared its dear and heavy
columns, but not for ever: one that is busy in `PATIENCE` turns running is asked all the same, at its own rate, for a
busy look must not be a way out of being measured. A turn that is still owed when the next one comes was skipped: its
columns are gaps of ours in that slot.

After a device fell silent or came back it is asked more often for a while, so that the edge of what happened is known
closely; one that flaps is hurried only once in a rest.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from netops.model import ANSWERED, OURS, Quality

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from netops.model import Poll, Row

CPU_METRICS: Final = ("system.cpu", "host.cpu")
CHEAP_ONLY: Final = frozenset({"cheap"})
PATIENCE: Final = 3  # turns of a class that a busy device is spared, one after the other
HURRY_MS: Final = 300_000  # how long a device is asked more often after a change
REST_MS: Final = 900_000  # and how long not again after that
_OURS: Final = frozenset(reason.value for reason in OURS)


@dataclass(slots=True)
class Restraint:
    """What is held back for one device. One step per poll; used from one thread."""

    owed: set[str] = field(default_factory=set)
    spared: dict[str, int] = field(default_factory=dict)
    cpu: float | None = None
    answered: bool | None = None
    hurried_ms: int | None = None

    def turn(
        self, due: Collection[str], *, busy_percent: float = 0, halted: Collection[str] = ()
    ) -> tuple[frozenset[str], frozenset[str]]:
        """Return (the classes to ask now, those of which a whole turn was skipped). `due` always holds `cheap`.

        `busy_percent` is from where on the device is spared (0: never), `halted` what an operator stopped.
        """
        waiting = (set(due) | self.owed) - CHEAP_ONLY
        skipped = frozenset(cost for cost in due if cost in self.owed)
        for cost in skipped:
            self.spared[cost] = self.spared.get(cost, 0) + 1
        asked = waiting
        if busy_percent and self.cpu is not None and self.cpu >= busy_percent:
            asked = {cost for cost in waiting if self.spared.get(cost, 0) >= PATIENCE}
        self.owed = waiting
        asked = asked - set(halted)
        return frozenset(asked) | CHEAP_ONLY, skipped - asked

    def miss(self, due: Collection[str]) -> frozenset[str]:
        """Note that nothing but one cheap question is asked in this slot; return the classes that were skipped."""
        skipped = frozenset(cost for cost in due if cost in self.owed)
        self.owed |= set(due) - CHEAP_ONLY
        return skipped

    def note(self, poll: Poll, asked: Collection[str]) -> None:
        """Take what a poll brought: what was asked and answered is no longer owed; how busy the device is."""
        if poll.outcome != ANSWERED:
            return
        for cost in asked:
            self.owed.discard(cost)
            self.spared.pop(cost, None)
        busiest = busy(poll.rows)
        self.cpu = busiest if busiest is not None else self.cpu

    def changed(self, poll: Poll, *, now_ms: int) -> bool:
        """Whether the device fell silent or came back with this poll, and is to be hurried; ours says nothing."""
        if poll.outcome in _OURS:
            return False
        before, self.answered = self.answered, poll.outcome == ANSWERED
        if before is None or before == self.answered:
            return False
        if self.hurried_ms is not None and now_ms - self.hurried_ms < HURRY_MS + REST_MS:
            return False
        self.hurried_ms = now_ms
        return True


def busy(rows: Iterable[Row]) -> float | None:
    """Return the load of the busiest processor of the device itself, in percent; None when it tells of none."""
    found: list[float] = []
    for row in rows:
        if row.subject.kind in ("device", "processor"):
            values = [row.values.get(name) for name in CPU_METRICS if row.codes.get(name, Quality.OK) == Quality.OK]
            found += [value for value in values if value is not None]
    return max(found, default=None)
