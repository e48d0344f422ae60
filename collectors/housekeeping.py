"""What every service of this floor does beside its work: look at the register, watch the clock, say that it began.

`netops.service.go_round` is how each of them runs, round by round; `Chores` are what it does beside.

The register may be away or broken: a service then goes on with whom it knew, and says so in its health.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from inventory.register import Register
from inventory.snapshot import snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

    from inventory.snapshot import Snapshot
    from netops.clock import Clock
    from netops.config import Settings

STEP_MS: Final = 2000  # the wall clock against the monotonic one, from look to look


@dataclass(slots=True)
class Chore:
    """Something done now and then; `do` is given the wall clock. `due` in monotonic seconds; 0: in the first round."""

    every_s: float
    do: Callable[[int], object]
    due: float = 0.0


class Chores:
    """What is done beside the work, after it. One that failed is due again next round, and keeps no other waiting."""

    def __init__(self, *chores: Chore) -> None:
        self._chores = chores

    def do(self, now_ms: int, monotonic: float) -> None:
        """Do what is due; the first fault is raised once all had their turn."""
        faults: list[Exception] = []
        for each in self._chores:
            if monotonic >= each.due:
                try:
                    each.do(now_ms)
                except Exception as error:  # noqa: BLE001  (raised below)
                    faults.append(error)
                else:
                    each.due = monotonic + each.every_s
        if faults:
            raise faults[0]


class RegisterWatch:
    """The register as a service sees it; `health` is the service's own."""

    def __init__(self, settings: Settings, health: dict[str, str]) -> None:
        self._settings = settings
        self._health = health
        self._digest = ""

    def changed(self, now_ms: int) -> Snapshot | None:
        """Return the snapshot of now when it is another than the last one; None else, and when it cannot be read."""
        settings = self._settings
        try:
            with Register(settings.register_url, rehearsal=settings.city.rehearsal, readonly=True) as register:
                seen = snapshot(register, at_ms=now_ms)
        except Exception as error:  # noqa: BLE001  (whatever ails the register, those known so far are served on)
            self._health["register"] = str(error)
            return None
        self._health.pop("register", None)
        if seen.digest == self._digest:
            return None
        self._digest = seen.digest
        return seen


class StepWatch:
    """Tells steps of the wall clock by the monotonic one."""

    def __init__(self, clock: Clock) -> None:
        self._wall, self._mono = clock.now_ms(), clock.monotonic()

    def step_ms(self, now_ms: int, monotonic: float) -> int:
        """Return by how much the wall clock stepped since the last look; 0 for what is no step."""
        drift = now_ms - self._wall - int((monotonic - self._mono) * 1000)
        self._wall, self._mono = now_ms, monotonic
        return drift if abs(drift) >= STEP_MS else 0
