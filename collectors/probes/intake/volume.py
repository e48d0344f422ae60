"""How much a vantage point may hand in, by the schedule that it was enrolled for. Pure; in memory: a restart forgives.

A stolen key can lie about what is seen from a site; it shall not fill the core's disk with it. A probe at work hands in
one poll a slot with a row a path; after an outage it hands in all that it kept, at once. So there is a burst as large
as any outage that it may tell of, and beyond it twice what its schedule makes: who comes back goes on catching up. What
is over is not refused for good: it stays with the probe, which asks again later.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from netops.facts import Fact

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from netops.evidence.canonical import JSON

DAY_S = 86_400
EVERY_S, PATHS = 60, 32  # of who was enrolled without a word about it
MOST_PATHS = 1000
ROW_OCTETS = 4096  # of a path's row with its record: 20 STAMP packets take 3 kB, all else less
OUTAGE_DAYS = 62  # of polls, rows and facts: what lies further back is not taken anyway
OCTETS_DAYS = 14  # most rows are far below ROW_OCTETS
HEADROOM = 2
QUIET_MS = 600_000  # so long within its limit, and the matter is over


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """What a vantage point was enrolled for: seconds of a slot, and paths looked at in each."""

    every_s: int = EVERY_S
    paths: int = PATHS

    @property
    def per_day(self) -> Mapping[str, int]:
        """What the schedule makes in a day, at the most. Facts: how it sees and its clock, a slot."""
        polls = -(-DAY_S // self.every_s)
        rows = polls * self.paths
        octets = (rows + polls) * ROW_OCTETS
        return {"polls": polls, "rows": rows, "facts": 2 * polls + 100, "octets": octets}


class Volumes:
    """What is left to each vantage point. Used under its owner's lock."""

    def __init__(self) -> None:
        self._left: dict[str, _Left] = {}

    def over(self, vantage: str, schedule: Schedule, *, now_s: float) -> str:
        """Return why nothing is taken from it now, empty when something is. The last batch may go beyond by itself."""
        left = self._of(vantage, schedule, now_s)
        return next((_sentence(vantage, schedule, name) for name, held in left.held.items() if held <= 0), "")

    def charge(self, vantage: str, schedule: Schedule, used: Mapping[str, int], *, now_s: float) -> None:
        """Note what was kept: `polls`, `rows`, `facts`, `octets`."""
        held = self._of(vantage, schedule, now_s).held
        for name, count in used.items():
            held[name] -= count

    def forget(self, vantage: str) -> None:
        """Begin anew: somebody else holds the key now, and owes nothing for who had it before."""
        self._left.pop(vantage, None)

    def _of(self, vantage: str, schedule: Schedule, now_s: float) -> _Left:
        left = self._left.get(vantage)
        if left is None or left.schedule != schedule:
            left = self._left[vantage] = _Left(schedule, _burst(schedule), now_s)
        passed = max(0.0, now_s - left.at_s)
        left.at_s = now_s
        per_day, most = schedule.per_day, _burst(schedule)
        for name, held in left.held.items():
            left.held[name] = min(most[name], held + passed * HEADROOM * per_day[name] / DAY_S)
        return left


@dataclass(slots=True)
class _Left:
    schedule: Schedule
    held: dict[str, float]
    at_s: float


def _burst(schedule: Schedule) -> dict[str, float]:
    return {
        name: float(count * (OCTETS_DAYS if name == "octets" else OUTAGE_DAYS))
        for name, count in schedule.per_day.items()
    }


def _sentence(vantage: str, schedule: Schedule, name: str) -> str:
    return (
        f"'{vantage}' hands in more {name} than {schedule.paths} paths every {schedule.every_s} s make; they wait at "
        "the probe. Does it look at more? Enrol it anew with --paths and --every. Is it not yours? Dismiss it"
    )


class Floods:
    """Which vantage points are over their limit, and the facts that say so: one when it begins, one when it ends."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[int, int]] = {}  # since when, and when last

    @property
    def now(self) -> frozenset[str]:
        """The vantage points that are over it."""
        return frozenset(self._last)

    def seen(self, vantage: str, why: str, now_ms: int, *, tell: Callable[[Fact], object]) -> None:
        """Note that a batch was not taken."""
        since = self._last.get(vantage, (now_ms, 0))[0]
        if vantage not in self._last:
            tell(_fact(vantage, "degraded", now_ms, since, why))
        self._last[vantage] = (since, now_ms)

    def settle(self, now_ms: int, *, tell: Callable[[Fact], object]) -> None:
        """Let go of those that have kept within it for a while."""
        for vantage, (since, last) in list(self._last.items()):
            if now_ms - last >= QUIET_MS:
                tell(_fact(vantage, "ok", now_ms, since, "it hands in within its limit again"))
                del self._last[vantage]


def _fact(vantage: str, state: str, now_ms: int, since_ms: int, detail: str) -> Fact:
    body: dict[str, JSON] = {"vantage": vantage, "state": state, "anchors": 0, "reachable": 0}
    body |= {"detail": detail, "start_ms": since_ms}
    return Fact(kind="monitor_health", at_ms=now_ms, body=body)
