"""Throughput within a budget: how fast a file comes, and never more octets than a run and a day may cost.

The day's account is on disk before the first octet is asked for: a probe that is killed in the middle has spent its
whole run's allowance, and no restart spends it again.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from collectors.probes import clocks, sockets, web
from netops.model import Reason

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from collectors.probes.clocks import ClockState
    from collectors.probes.web import Way

NS_PER_MS = 1_000_000
DAY_MS = 86_400_000
LEAST_OCTETS = 64 * 1024  # below that a rate says more about the connection's start than about the path


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What was spent on one UTC day, by target."""

    day: int
    spent: dict[str, int]

    def grant(self, target: str, *, now_ms: int, run: int, daily: int) -> tuple[Account, int]:
        """Return the account with one run taken out, and how many octets it may fetch (0: none)."""
        day = now_ms // DAY_MS
        spent = dict(self.spent) if day == self.day else {}
        left = max(0, daily - spent.get(target, 0))
        granted = min(run, left)
        if granted < LEAST_OCTETS:
            return Account(day=day, spent=spent), 0
        spent[target] = spent.get(target, 0) + granted
        return Account(day=day, spent=spent), granted

    def give_back(self, target: str, *, granted: int, used: int) -> Account:
        """Return the account after the run, with what was not used."""
        return Account(day=self.day, spent=self.spent | {target: self.spent.get(target, 0) - max(0, granted - used)})


def read(path: Path) -> Account:
    """Return the account on disk; one that cannot be read counts as empty, for it is written before it is spent."""
    try:
        told = json.loads(path.read_text(encoding="ascii"))
        return Account(day=int(told["day"]), spent={str(k): int(v) for k, v in told["spent"].items()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Account(day=0, spent={})


def write(path: Path, account: Account) -> None:
    """Keep the account, synced; OSError when the disk does not take it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".new")
    with beside.open("w", encoding="ascii") as file:
        json.dump({"day": account.day, "spent": account.spent}, file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def run(url: str, way: Way, *, granted: int, clock: Callable[[], ClockState] = clocks.kernel) -> dict[str, Any]:
    """Fetch at most `granted` octets and return the record; what is not whole in time has a rate all the same."""
    begin = sockets.instant()
    made: dict[str, Any] = {
        "at_ms": begin.wall_ns // NS_PER_MS,
        "monotonic_ms": begin.monotonic_ns // NS_PER_MS,
        "clock": clock().record(),
        "granted": granted,
    }
    if granted <= 0:
        return made | {"failed": Reason.BUDGET.value, "detail": "the day's octets are spent"}
    return made | web.fetch(url, way, limit=granted, keep=False).record()
