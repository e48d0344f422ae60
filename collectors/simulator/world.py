"""The state of every simulated thing at an instant: up or not, since when, with which uptime.

Pure: plan + faults + instant → state. An agent that is down does not answer; a hidden reboot shows only in the uptime.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from collectors.simulator.noise import between

if TYPE_CHECKING:
    from collectors.simulator.city import Agent, City
    from collectors.simulator.faults import Fault, Planted

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Life:
    """One thing's life around an instant: `up`, since when (`boot_ms`), and the fault it is in or came out of last."""

    up: bool
    boot_ms: int
    last: Fault | None


class World:
    """The city with its faults; asked for the life of anything at any instant."""

    def __init__(self, city: City, planted: Planted, *, begin_ms: int) -> None:
        self.city = city
        self.planted = planted
        self.begin_ms = begin_ms
        self._faults: dict[str, tuple[Fault, ...]] = {}
        for fault in planted.faults:
            self._faults[fault.target] = (*self._faults.get(fault.target, ()), fault)
        self._last: dict[str, tuple[int, Life]] = {}

    def life(self, name: str, at_ms: int) -> Life:
        """Return the life of an agent or child at an instant."""
        known = self._last.get(name)
        if known is None or known[0] != at_ms:  # a poll asks a dozen things of one life at one instant
            known = self._last[name] = (at_ms, self._life(name, at_ms))
        return known[1]

    def _life(self, name: str, at_ms: int) -> Life:
        boot = self.begin_ms - int(between(3, 200, "born", name) * DAY_MS)
        last = None
        for fault in self._faults.get(name, ()):
            if fault.start_ms > at_ms:
                break
            last = fault
            if at_ms < fault.end_ms:
                return Life(up=False, boot_ms=boot, last=fault)
            boot = fault.end_ms
        return Life(up=True, boot_ms=boot, last=last)

    def answers(self, agent: Agent, at_ms: int) -> bool:
        """Whether the agent answers at all; nobody answers for what is down."""
        return self.life(agent.id, at_ms).up

    def blind(self, at_ms: int) -> bool:
        """Whether the collector itself did not run at that instant (planted)."""
        return any(start <= at_ms < end for start, end in self.planted.blind)
