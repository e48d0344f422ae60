"""What a survey says of each cell, and what is said of a cell by it.

Samples of one drive are neighbours in place and time and say much the same: all samples of one cell in one hour count
as one. Of them are kept how many there were and the sum of their levels, so that the order of the samples and how a
survey is cut into files change nothing. An hour's level is the mean in dB; an hour with no more samples that heard the
network than samples that did not is bad.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

HOUR_MS = 3_600_000


@dataclass(slots=True)
class Hour:
    """The samples of one cell in one hour; levels and qualities in hundredths of dBm and dB."""

    samples: int = 0
    silent: int = 0
    level: int = 0
    rated: int = 0
    quality: int = 0

    def add(self, other: Hour) -> None:
        """Take in another part of the same hour."""
        self.samples += other.samples
        self.silent += other.silent
        self.level += other.level
        self.rated += other.rated
        self.quality += other.quality

    @property
    def heard(self) -> int:
        """How many samples heard the network."""
        return self.samples - self.silent


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """When an hour is good, and when a cell is known. Levels in hundredths; `quality` None asks nothing of it."""

    level: int
    quality: int | None = None
    min_hours: int = 3
    max_age_ms: int = 180 * 24 * HOUR_MS


class Known(StrEnum):
    """Whether a cell is known, or why it is not."""

    KNOWN = "known"
    NEVER = "never_measured"
    FEW = "too_few_hours"
    OLD = "too_old"


@dataclass(frozen=True, slots=True)
class Cell:
    """What the rules make of a cell: of its `hours` so many `good`, so many `weak`, by samples up to `newest_ms`.

    `ruled_out`: it would be known, had rulings not taken out hours of it.
    """

    known: Known
    hours: int = 0
    good: int = 0
    newest_ms: int = 0
    weak: int = 0
    ruled_out: bool = False


@dataclass(slots=True)
class Table:
    """Cell and hour (of the epoch) → what was measured there then."""

    hours: dict[str, dict[int, Hour]] = field(default_factory=dict)

    def add(self, cell: str, hour: int, measured: Hour) -> None:
        """Take in samples of one cell and hour."""
        of_cell = self.hours.setdefault(cell, {})
        if hour in of_cell:
            of_cell[hour].add(measured)
        else:
            of_cell[hour] = Hour(measured.samples, measured.silent, measured.level, measured.rated, measured.quality)

    def merge(self, other: Table) -> None:
        """Take in another table."""
        for cell, hours in other.hours.items():
            for hour, measured in hours.items():
                self.add(cell, hour, measured)


def is_weak(hour: Hour, rules: Rules) -> bool:
    """Whether an hour's level alone is beneath the promised one; what did not hear the network is."""
    return hour.heard <= hour.silent or hour.level < rules.level * hour.heard


def is_good(hour: Hour, rules: Rules) -> bool:
    """Whether an hour's samples show the network as promised; a promised quality that nobody measured is not shown."""
    if is_weak(hour, rules):
        return False
    return rules.quality is None or (hour.rated > 0 and hour.quality >= rules.quality * hour.rated)


def look(hours: dict[int, Hour], rules: Rules, *, at_ms: int) -> Cell:
    """Return what is known of a cell at `at_ms`: hours older than the rules allow count for nothing."""
    before = at_ms // HOUR_MS + (at_ms % HOUR_MS > 0)
    seen = [hour for hour in hours if hour < before]
    if not seen:
        return Cell(Known.NEVER)
    newest_ms = max(seen) * HOUR_MS
    fresh = [hour for hour in seen if at_ms - hour * HOUR_MS <= rules.max_age_ms]
    if not fresh:
        return Cell(Known.OLD, newest_ms=newest_ms)
    good = sum(is_good(hours[hour], rules) for hour in fresh)
    weak = sum(is_weak(hours[hour], rules) for hour in fresh)
    return Cell(Known.KNOWN if len(fresh) >= rules.min_hours else Known.FEW, len(fresh), good, newest_ms, weak)


def weak_share(levels: Iterable[int], below: int) -> tuple[int, int]:
    """Return how many of the levels are below the threshold, and how many there are: the field's weak coverage."""
    weak = total = 0
    for each in levels:
        weak += each < below
        total += 1
    return weak, total
