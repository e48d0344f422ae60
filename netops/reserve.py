"""How long a spool lasts while the core or its store is away: what waits, its cap, and the rate at which it fills.

The promise is `HOURS` (three days). The rate is measured on the polls that wait, however few: what they take on the
disk, over the time in which they were asked. A spool that was just emptied tells no rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from netops import wire
from netops.spool import Reader

if TYPE_CHECKING:
    from pathlib import Path

    from netops.config import Settings

HOURS: Final = 72
HOUR_MS: Final = 3_600_000
LEAST_MS: Final = 5_000  # a shorter time tells no rate
PIECES: Final = 200  # of the newest: a rate of hours ago is not the present one


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserve:
    """A spool's room. `per_hour` is in bytes, 0 when it is not known; `free_bytes` is what the disk has left."""

    service: str
    held_bytes: int
    cap_bytes: int
    free_bytes: int
    per_hour: float = 0.0

    @property
    def room_bytes(self) -> int:
        """Return what an empty spool can take: its cap, or less where the disk is smaller."""
        return min(self.cap_bytes, self.held_bytes + self.free_bytes)

    @property
    def hours(self) -> float:
        """Return for how long an empty spool lasts at the present rate."""
        return self.room_bytes / self.per_hour

    def remedy(self) -> str:
        """Return what would keep the promise, empty when it is kept or cannot be told."""
        needed = self.per_hour * HOURS
        if self.cap_bytes > self.held_bytes + self.free_bytes:
            short = self.cap_bytes - self.held_bytes - self.free_bytes
            return f"its cap is {short >> 20} MB more than the disk has left: free them, or lower {self._setting}"
        if self.per_hour and self.hours < HOURS:
            return f"for {HOURS} hours set {self._setting} = {int(needed / (1 << 20)) + 1}, and have that much free"
        return ""

    def said(self) -> str:
        """Return the present state as a sentence."""
        held = f"{self.held_bytes >> 20} of {self.cap_bytes >> 20} MB wait"
        if not self.per_hour:
            return f"{held}; too little waits to tell how long it lasts"
        rate = f"{self.per_hour / (1 << 20):.1f} MB/h"
        return f"{held}; empty it lasts {self.hours:.0f} hours at the present rate of {rate}"

    @property
    def _setting(self) -> str:
        return f"{self.service}.spool_cap_mb"


def caps(settings: Settings) -> dict[str, int]:
    """Return the caps in bytes of the spools that hold polls, by service."""
    sections = {name: getattr(settings, name) for name in ("collect", "ssh", "acs", "intake", "probe")}
    return {name: section.spool_cap_mb << 20 for name, section in sections.items()}


def look(path: Path, *, cap_bytes: int, free_bytes: int) -> Reserve:
    """Read a spool's room; SpoolError when it cannot be read."""
    with Reader(path) as reader:
        _, held = reader.held()
        per_hour = _rate(reader)
    room = {"held_bytes": held, "cap_bytes": cap_bytes, "free_bytes": free_bytes}
    return Reserve(service=path.stem, per_hour=per_hour, **room)


def _rate(reader: Reader) -> float:
    """Return bytes per hour of the newest polls that wait."""
    polls = [each for each in reader.newest_pieces(limit=PIECES) if each.kind == "poll"]
    if not polls:
        return 0.0
    begun, ended = (_asked(reader, sequence) for sequence in (polls[0].first, polls[-1].last))
    if begun is None or ended is None or ended - begun < LEAST_MS:
        return 0.0
    return sum(each.size for each in polls) / (ended - begun) * HOUR_MS


def _asked(reader: Reader, sequence: int) -> int | None:
    """Return when the poll of a sequence was asked."""
    found = reader.read(after=sequence - 1, limit=1, kind="poll")
    return wire.unpack(found[0].payload).at_ms if found else None
