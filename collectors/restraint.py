"""Polling that does no harm: what is asked of a device now, what waits, and what was given up. Pure.

Dear and heavy columns come in turns (`collectors/poll.py`). A turn that cannot be taken, because the device is silent,
short of CPU or halted, is owed and taken as soon as it can be. A turn that is still owed when the next one comes was
skipped: its columns are gaps in that slot.

That a device is busy is its own word, and must not be a way out of being measured. So it is believed on credit: each
class may be spared `PATIENCE` turns, and gets one of them back for every `EARNED` turns that were taken. A device that
says so for ever is spared one turn in nine; without credit it is asked one class in a slot, at a quarter of its rate.
The gaps bear its word (`device_busy`) and are not ours, and a fact says that it claims to be busy.

After a device fell silent or came back it is asked more often for a while, so that the edge of what happened is known
closely; one that flaps is hurried only once in a rest.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from netops.facts import Fact
from netops.model import ANSWERED, OURS, Quality, Reason

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from collectors.snmp.ask import Target
    from netops.evidence.canonical import JSON
    from netops.model import Poll, Row

CPU_METRICS: Final = ("system.cpu", "host.cpu")
CHEAP_ONLY: Final = frozenset({"cheap"})
PATIENCE: Final = 3  # turns of a class that a busy device is spared
EARNED: Final = 8  # turns taken for one more to be spared
GENTLY: Final = 4  # a busy device that is asked all the same is asked at this part of its rate
SLOWLY: Final = 500  # varbinds a second, where there is no other bound
CLAIM_REST_MS: Final = 86_400_000  # how often a device's word that it is busy is stated anew
HURRY_MS: Final = 300_000  # how long a device is asked more often after a change
REST_MS: Final = 900_000  # and how long not again after that
_OURS: Final = frozenset(reason.value for reason in OURS)


@dataclass(slots=True)
class Restraint:
    """What is held back for one device. One step per poll; used from one thread."""

    owed: set[str] = field(default_factory=set)
    used: dict[str, int] = field(default_factory=dict)  # turns spared and not earned back
    taken: dict[str, int] = field(default_factory=dict)  # turns since the last was earned back
    spared: set[str] = field(default_factory=set)  # owed because it said that it is busy
    gently: bool = False  # asked though busy
    claimed_ms: int | None = None  # when its claim was last stated
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
        for cost in skipped & self.spared:
            self.used[cost] = self.used.get(cost, 0) + 1
        self.owed = waiting
        asked = waiting - set(halted)
        self.gently = False
        if busy_percent and self.cpu is not None and self.cpu >= busy_percent:
            overdue = sorted(cost for cost in asked if self.used.get(cost, 0) >= PATIENCE)
            self.spared |= asked - set(overdue[:1])
            asked = set(overdue[:1])
            self.gently = bool(asked)
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
        for cost in set(asked) & self.owed:
            self.owed.discard(cost)
            self.spared.discard(cost)
            self._earn(cost)
        busiest = busy(poll.rows)
        self.cpu = busiest if busiest is not None else self.cpu

    def _earn(self, cost: str) -> None:
        if self.used.get(cost):
            self.taken[cost] = self.taken.get(cost, 0) + 1
            if self.taken[cost] >= EARNED:
                self.taken[cost] = 0
                self.used[cost] -= 1

    def claim(self, device: str, *, now_ms: int) -> list[Fact]:
        """Return the fact that the device says it is busy and is spared for it, at most once a day."""
        if not self.spared or (self.claimed_ms is not None and 0 <= now_ms - self.claimed_ms < CLAIM_REST_MS):
            return []
        self.claimed_ms = now_ms
        body: dict[str, JSON] = {"device": device, "subject": {"kind": "device", "id": device}}
        body |= {"event": "claims_to_be_busy", "severity": "warning"}
        body["values"] = {"cpu_percent": f"{self.cpu:g}", "spared": sorted(self.spared)}
        return [Fact(kind="device_event", at_ms=now_ms, body=body)]

    def why(self, cost: str, outcome: str, *, halted: bool) -> Reason:
        """Return on whose account a skipped turn goes: the operator's, the silent or busy device's, else ours."""
        if halted:
            return Reason.HALTED
        if outcome != ANSWERED:
            return Reason(outcome)
        return Reason.BUSY if cost in self.spared else Reason.BUDGET

    def changed(self, poll: Poll, *, now_ms: int) -> bool:
        """Whether the device fell silent or came back with this poll, and is to be hurried; ours says nothing."""
        if poll.outcome in _OURS:
            return False
        before, self.answered = self.answered, poll.outcome == ANSWERED
        return before is not None and before != self.answered and self.hurried(now_ms=now_ms)

    def hurried(self, *, now_ms: int) -> bool:
        """Whether the device may be asked more often from now on, which it then is: not again before its rest."""
        if self.hurried_ms is not None and now_ms - self.hurried_ms < HURRY_MS + REST_MS:
            return False
        self.hurried_ms = now_ms
        return True


def gentle(target: Target, *, most_s: float) -> Target:
    """Return how a busy device is asked all the same: slowly, and with the time that this takes."""
    rate = max(1, target.varbinds_per_s // GENTLY) if target.varbinds_per_s else SLOWLY
    return replace(target, varbinds_per_s=rate, deadline_s=min(GENTLY * target.deadline_s, most_s))


def busy(rows: Iterable[Row]) -> float | None:
    """Return the load of the busiest processor of the device itself, in percent; None when it tells of none."""
    found: list[float] = []
    for row in rows:
        if row.subject.kind in ("device", "processor"):
            values = [row.values.get(name) for name in CPU_METRICS if row.codes.get(name, Quality.OK) == Quality.OK]
            found += [value for value in values if value is not None]
    return max(found, default=None)
