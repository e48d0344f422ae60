"""Who may report a fault, how often, and what becomes of a report: none is thrown away unless its sender is told so.

A device has a few reports; who presses again has been heard. Beyond that nobody's report depends on another's: devices
that were online here and devices that never were have budgets of their own, for a MAC is quickly made up. Within them a
report is a fact at once; beyond them it is counted, and the counts of a minute are one fact. What is counted and not
yet stated is lost if the process is killed in that minute.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock
from typing import TYPE_CHECKING

from captive_portal.figures import MINUTE_MS
from captive_portal.limits import Limit, Rate, Rates

if TYPE_CHECKING:
    from captive_portal.telling import Telling

DEVICES = Rates(
    client=Rate(burst=4, every_ms=120_000),
    site=Rate(burst=2_000, every_ms=20),
    city=Rate(burst=10_000, every_ms=2),  # counting costs no leaf; this bounds what a flood costs us at all
)
AT_ONCE = Rates(  # each of these is an fsync and a leaf
    client=Rate(burst=40, every_ms=2_000),  # a site's devices of one standing
    site=Rate(burst=300, every_ms=200),  # the city's of one standing
    city=Rate(burst=500, every_ms=100),
)
DAY_MS = 86_400_000
REMEMBERED = 50_000  # devices whose last report is known; one that was forgotten counts as another


class Seen(StrEnum):
    """Whether the device that reports was online: what the weight of its word depends on."""

    ONLINE = "online"
    LATELY = "lately"  # within a day
    NEVER = "never"  # not within a day


class Taken(StrEnum):
    """What became of a report."""

    STATED = "stated"
    COUNTED = "counted"  # stated with the others of its minute
    AGAIN = "again"  # the device has reported just now
    TOO_MANY = "too_many"  # more at once than are counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one device says of one site. `uplink` is what we see of it ourselves, `seen` None where we cannot know."""

    site: str
    what: str
    uplink: str
    seen: Seen | None


class FaultBook:
    """Takes reports; safe from several threads."""

    def __init__(self) -> None:
        self._devices = Limit(DEVICES)
        self._at_once = Limit(AT_ONCE)
        self._last: OrderedDict[bytes, int] = OrderedDict()
        self._counted: Counter[tuple[int, Report, bool]] = Counter()
        self._lock = Lock()

    def take(self, telling: Telling, report: Report, identity: bytes, now_ms: int) -> Taken:
        """Take a report; durable where it is stated (SpoolError if not)."""
        if self._devices.take(identity, report.site, now_ms):
            return Taken.AGAIN if self._devices.own(identity, now_ms) else Taken.TOO_MANY
        first = not self._heard(identity, now_ms)
        if not self._at_once.take(f"{report.site} {report.seen}".encode(), str(report.seen), now_ms):
            telling.report(_body(report, first=first), now_ms)
            self._note(identity, now_ms)
            return Taken.STATED
        with self._lock:
            self._counted[now_ms - now_ms % MINUTE_MS, report, first] += 1
        self._note(identity, now_ms)
        return Taken.COUNTED

    def flush(self, telling: Telling, now_ms: int, *, everything: bool = False) -> int:
        """State the counts of the minutes that are over; what cannot be stated now stays."""
        with self._lock:
            over = [key for key in self._counted if everything or not 0 <= now_ms - key[0] < MINUTE_MS]
        for key in over:
            minute_ms, report, first = key
            count = self._counted[key]
            telling.report(_body(report, first=first) | {"count": count}, minute_ms, count)
            with self._lock:
                self._counted[key] -= count
                self._counted += Counter()  # without those that are stated
        return len(over)

    def _heard(self, identity: bytes, now_ms: int) -> bool:
        """Whether the device reported within a day."""
        with self._lock:
            at_ms = self._last.get(identity)
        return at_ms is not None and 0 <= now_ms - at_ms < DAY_MS

    def _note(self, identity: bytes, now_ms: int) -> None:
        with self._lock:
            self._last[identity] = now_ms
            self._last.move_to_end(identity)
            while len(self._last) > REMEMBERED:
                self._last.popitem(last=False)


def _body(report: Report, *, first: bool) -> dict[str, str | int | bool]:
    return {
        "site": report.site,
        "what": report.what,
        "uplink": report.uplink,
        **({"seen": str(report.seen)} if report.seen is not None else {}),
        "device": "first" if first else "again",
    }
