"""Which device is asked when: a rolling schedule, one slot a device and period, at instants nobody outside can predict.

Pure but for the generator of random numbers it is given. The slots are the multiples of the period since the epoch;
within its slot a device is asked at a random instant of the first four fifths (of less where doubting a silence takes
longer than the fifth), drawn anew each time by a CSPRNG, so that neither a carrier nor a device can tell when it is
looked at, and the load is even.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SPREAD, LEAST_SPREAD = 0.8, 0.5
MISSED_MOST = 60  # slots told one by one after a pause; a longer one shows by their absence


@dataclass(frozen=True, slots=True, order=True)
class Turn:
    """Device `device` is to be asked at `due_ms`, for its slot."""

    due_ms: int
    device: str
    slot_ms: int
    extra: bool = False  # between two slots, while a device is hurried: `slot_ms` is then its own instant
    pulse: bool = False  # between two slots, only to see that the device answers: `slot_ms` is its own instant too


class Rounds:
    """The turns to come, soonest first. `chance` returns a number in [0, 1).

    `doubt_s`: for how long a silence may be doubted before its slot is over, so that nobody is asked too late for that.
    `pulse_s`: about how long between two pulses of a device; none when that is no shorter than the period, or 0.
    """

    def __init__(self, *, interval_s: int, chance: Callable[[], float], doubt_s: float = 0.0, pulse_s: int = 0) -> None:
        self._every_ms = interval_s * 1000
        self._pulse_ms = pulse_s * 1000 if pulse_s < interval_s else 0
        self._spread = max(LEAST_SPREAD, min(SPREAD, 1 - doubt_s / interval_s))
        self._chance = chance
        self._turns: list[Turn] = []
        self._known: set[str] = set()

    def set_devices(self, devices: Iterable[str], *, now_ms: int) -> None:
        """Ask these devices from now on; new ones within this slot, those that are gone no more."""
        wanted = set(devices)
        self._turns = [turn for turn in self._turns if turn.device in wanted]
        heapq.heapify(self._turns)
        slot = now_ms // self._every_ms * self._every_ms
        left = slot + self._every_ms - now_ms
        for device in sorted(wanted - self._known):
            due = now_ms + int(self._chance() * min(left * self._spread, self._every_ms / 4))
            heapq.heappush(self._turns, Turn(due, device, slot))
            self._pulse(device, now_ms)
        self._known = wanted

    def anew(self, *, now_ms: int) -> None:
        """Plan all turns anew after a step of the clock: set back by an hour, nothing would be due for an hour."""
        known = self._known
        self.set_devices((), now_ms=now_ms)
        self.set_devices(known, now_ms=now_ms)

    def due(self, now_ms: int) -> tuple[list[Turn], list[Turn]]:
        """Take what is due: (turns to run now, turns whose slot is over). Each device gets its next turn."""
        run: list[Turn] = []
        missed: list[Turn] = []
        while self._turns and self._turns[0].due_ms <= now_ms:
            turn = heapq.heappop(self._turns)
            if turn.pulse:
                run += [turn] if now_ms - turn.due_ms < self._pulse_ms else []
                self._pulse(turn.device, now_ms)
                continue
            if turn.extra:
                run += [turn] if now_ms - turn.due_ms < self._every_ms else []
                continue
            current = now_ms // self._every_ms * self._every_ms
            late = range(turn.slot_ms, current, self._every_ms)
            missed += [Turn(turn.due_ms, turn.device, slot) for slot in late[-MISSED_MOST:]]
            if not late:
                run.append(turn)
                heapq.heappush(self._turns, self._turn(turn.device, turn.slot_ms + self._every_ms))
            else:
                heapq.heappush(self._turns, self._within(turn.device, current, now_ms))
        return run, missed

    def hurry(self, device: str, *, now_ms: int, every_ms: int, until_ms: int) -> None:
        """Ask the device between its slots too, about every `every_ms`, never at an instant that is a slot's own."""
        if device not in self._known or every_ms >= self._every_ms:
            return
        due = now_ms
        while (due := due + self._about(every_ms)) < until_ms:
            at = self._between(due)
            heapq.heappush(self._turns, Turn(at, device, at, extra=True))

    def _pulse(self, device: str, now_ms: int) -> None:
        if self._pulse_ms:
            at = self._between(now_ms + self._about(self._pulse_ms))
            heapq.heappush(self._turns, Turn(at, device, at, pulse=True))

    def _about(self, every_ms: int) -> int:
        return int(every_ms * (0.6 + 0.8 * self._chance()))

    def _between(self, at_ms: int) -> int:
        """Return an instant that no slot begins at, so that what is asked then is never taken for a slot's own."""
        return at_ms + (at_ms % self._every_ms == 0)

    def _turn(self, device: str, slot_ms: int) -> Turn:
        return Turn(slot_ms + int(self._chance() * self._spread * self._every_ms), device, slot_ms)

    def _within(self, device: str, slot_ms: int, now_ms: int) -> Turn:
        """Return a turn in what is left of the present slot for a device that missed its own, else in the next."""
        end = slot_ms + int(self._spread * self._every_ms)
        if now_ms >= end:
            return self._turn(device, slot_ms + self._every_ms)
        return Turn(now_ms + 1 + int(self._chance() * (end - now_ms)), device, slot_ms)
