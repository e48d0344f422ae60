"""Counts and times of a minute: as the fields of a fact and as the rows of a poll. Pure.

A time is counted at the catalogue's bounds (`netops/metrics/portal.py`), every one of them; percentiles of the minute
are from the samples that are kept.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from netops.metrics import portal
from netops.model import ANSWERED, Poll, Row, Subject
from netops.sla.percentiles import nearest_rank

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from netops.evidence.canonical import JSON
    from netops.facts import Fact

MINUTE_MS = 60_000
SAMPLES = 5_000  # of a minute and kind; more are counted at the bounds, not kept for percentiles
SERVING = 1.0
STATE = "portal.state"


def ranked(samples: Sequence[int]) -> dict[int, int]:
    """Return the 50th and 95th percentile by the nearest rank, as contracts say it; nothing for no samples."""
    return {rank: int(nearest_rank(samples, rank)) for rank in (50, 95)} if samples else {}


@dataclass(slots=True)
class Times:
    """How long something took, again and again."""

    metric: str
    samples: list[int] = field(default_factory=list)
    _apart: list[int] = field(init=False)  # how many between each bound and the one before, and beyond the last
    _sum_ms: int = 0  # of all, each at most `portal.CAP_MS`

    def __post_init__(self) -> None:
        self._apart = [0] * (len(portal.BOUNDS[self.metric]) + 1)

    def add(self, took_ms: int) -> None:
        """Count one; a clock that stepped back makes it 0, never less."""
        took_ms = max(0, took_ms)
        self._apart[bisect_left(portal.BOUNDS[self.metric], took_ms)] += 1
        self._sum_ms += min(took_ms, portal.CAP_MS)
        if len(self.samples) < SAMPLES:
            self.samples.append(took_ms)

    def join(self, other: Times) -> None:
        """Add what another has counted."""
        self._apart = [mine + its for mine, its in zip(self._apart, other._apart, strict=True)]
        self._sum_ms += other._sum_ms
        self.samples += other.samples[: SAMPLES - len(self.samples)]

    @property
    def timed(self) -> int:
        """How many there were."""
        return sum(self._apart)

    @property
    def within(self) -> dict[int, int]:
        """How many took at most so long, for each bound."""
        return dict(zip(portal.BOUNDS[self.metric], accumulate(self._apart), strict=False))

    @property
    def _averaged(self) -> bool:
        return self.metric in portal.MEANS.values()

    def ranked(self) -> dict[int, int]:
        """Return the 50th and 95th percentile; nothing where nothing was timed."""
        return ranked(self.samples)

    def values(self) -> dict[str, float]:
        """Return them as metrics; nothing where nothing was timed."""
        if not self.timed:
            return {}
        made = {f"{self.metric}.p{rank}": float(value) for rank, value in self.ranked().items()}
        made[f"{self.metric}.timed"] = float(self.timed)
        if self._averaged:
            made[portal.summed(self.metric)] = float(self._sum_ms)
        made.update({portal.within(self.metric, bound): float(count) for bound, count in self.within.items()})
        return made

    def body(self, name: str) -> dict[str, JSON]:
        """Return them as fields of a fact: `<name>_ms_p50`, `<name>_timed`, `<name>_within` and so on."""
        if not self.timed:
            return {}
        counts: dict[str, JSON] = {str(bound): count for bound, count in self.within.items()}
        ranked: dict[str, JSON] = {f"{name}_ms_p{rank}": value for rank, value in self.ranked().items()}
        summed: dict[str, JSON] = {f"{name}_ms_sum": self._sum_ms} if self._averaged else {}
        return {**ranked, **summed, f"{name}_timed": self.timed, f"{name}_within": counts}


def row(kind: str, name: str, values: Mapping[str, float]) -> Row:
    """Return a row of counts."""
    return Row(subject=Subject(kind, name), values=dict(values))


def poll(device: str, slot_ms: int, rows: Iterable[Row]) -> Poll:
    """Return what was counted in a minute."""
    return Poll(device=device, slot_ms=slot_ms, at_ms=slot_ms, outcome=ANSWERED, profile="portal", rows=tuple(rows))


def of_messages(device: str, facts: Iterable[Fact], *, last: bool = False) -> list[Poll]:
    """Return what `sms_delivery` facts say as polls: by site and carrier, and by carrier in the whole city.

    They are told beside the slot of their minute, which the logins have; `last`, by a process that ends within it.
    """
    minutes: dict[int, dict[str, Counter[str]]] = {}
    ranked: dict[tuple[int, str], dict[str, float]] = {}
    for fact in facts:
        if fact.kind == "sms_delivery":
            body: Mapping[str, Any] = fact.body
            start_ms, name = body["start_ms"], f"{body['site']}/{body['carrier']}"
            for key in (name, body["carrier"]):
                minutes.setdefault(start_ms, {}).setdefault(key, Counter()).update(_messages(body))
            ranks = {f"p{rank}": body.get(f"delivery_ms_p{rank}") for rank in (50, 95)}
            ranked[start_ms, name] = {f"{portal.DELIVERY}.{p}": float(n) for p, n in ranks.items() if n is not None}
    return [
        poll(
            device,
            start_ms + (2 if last else 1),
            (row("sms", name, {**counts, **ranked.get((start_ms, name), {})}) for name, counts in sorted(each.items())),
        )
        for start_ms, each in sorted(minutes.items())
    ]


def _messages(body: Mapping[str, Any]) -> dict[str, int]:
    made = {f"portal.sms.{name}": body.get(name, 0) for name in ("asked", "lost", "unproved", "unheard")}
    if body.get("delivery_timed"):
        made[f"{portal.DELIVERY}.timed"] = body["delivery_timed"]
        made |= {portal.within(portal.DELIVERY, int(bound)): n for bound, n in body["delivery_within"].items()}
    return made
