"""What a telemetry store gives back (Reading, Grouped, Outcome, Tally), seals and lets go (SealedFile, Expired).

A store never answers zero for what was not measured: a Reading without a value carries the code that says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from netops.model import Quality

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from netops.model import Poll, Subject

OK = Quality.OK.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One value, or its absence, of one metric of one subject as one device told it.

    `at_ms` is the instant the poll was sent, `slot_ms` the scheduled one (windows choose by the slot). `code` is "ok",
    a Quality or a Reason; `value` is None unless the code allows one.
    """

    subject: Subject
    metric: str
    at_ms: int
    value: float | None
    code: str
    device: str
    slot_ms: int

    @property
    def poll_id(self) -> str:
        """The poll it came from: the key of the raw reply in the archive."""
        return f"{self.device}@{self.slot_ms}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouped:
    """The ok values of a group of subjects within one step: `n`, mean, and the exact nearest-rank 95th percentile."""

    group: str
    start_ms: int
    mean: float
    p95: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one poll of one device in one slot went; there is exactly one for each `(device, slot_ms)` that was kept."""

    device: str
    slot_ms: int
    at_ms: int
    outcome: str
    attempts: int
    rtt_ms: float | None
    lag_ms: float
    profile: str = ""
    digest: str = ""

    @classmethod
    def of(cls, poll: Poll) -> Self:
        """Return how this poll went."""
        return cls(
            device=poll.device,
            slot_ms=poll.slot_ms,
            at_ms=poll.at_ms,
            outcome=poll.outcome,
            attempts=poll.attempts,
            rtt_ms=poll.rtt_ms,
            lag_ms=poll.lag_ms,
            profile=poll.profile,
            digest=poll.digest,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many polls of a device had this outcome within a window."""

    device: str
    outcome: str
    polls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedFile:
    """An immutable file of the store, whose digest goes to the ledger; all its slots lie in the hour `hour_ms`."""

    path: str  # relative to the telemetry directory
    sha256: str
    hour_ms: int
    rows: int
    kind: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """A sealed file or raw segment that was deleted because its time was over, or the disk's budget was: a fact."""

    path: str
    sha256: str
    hour_ms: int
    rows: int
    why: str  # retention | budget


def in_order(found: Iterable[Reading], metrics: Sequence[str]) -> list[Reading]:
    """Return readings one metric after the other as asked, each in order of (slot, device)."""
    place = {metric: number for number, metric in enumerate(dict.fromkeys(metrics))}
    return sorted(found, key=lambda each: (place[each.metric], each.slot_ms, each.device))


def nearest_rank(ordered: list[float], percent: int) -> float:
    """Return the exact percentile of sorted values: the smallest one that at least `percent` % do not exceed."""
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(rank, 1) - 1]
