"""The store in memory: the contract in its plainest form, for tests and rehearsals. Nothing survives the process."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Self

from netops.packed import Packed
from netops.store.rows import distinct
from netops.store.values import OK, Expired, Grouped, Outcome, Reading, SealedFile, Tally, nearest_rank

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from netops.model import Poll, Row, Subject
    from netops.packed import Polled


class Memory:
    """Polls in a dictionary, every answer computed by going through them."""

    settle_s = 0.0

    def __init__(self) -> None:
        self._polls: dict[tuple[int, str], Poll] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def incarnation(self) -> str:
        """Memory is never restarted."""
        return "memory"

    def write(self, polls: Sequence[Polled]) -> None:
        """Keep the polls; the first of a `(device, slot_ms)` stays."""
        for poll in polls:
            held = poll.whole() if isinstance(poll, Packed) else poll
            self._polls.setdefault((poll.slot_ms, poll.device), replace(held, rows=distinct(held)))

    def last(self, kind: str, metrics: Sequence[str], *, now_ms: int, max_age_ms: int) -> list[Reading]:
        """Return the newest reading of each (subject, metric, device)."""
        newest: dict[tuple[Subject, str, str], Reading] = {}
        for poll, row in self._rows(now_ms - max_age_ms + 1, now_ms + 1):
            if row.subject.kind == kind:
                for reading in _readings(poll, row, metrics):
                    newest[reading.subject, reading.metric, reading.device] = reading
        return [newest[key] for key in sorted(newest)]

    def series(self, subject: Subject, metric: str, *, start_ms: int, end_ms: int) -> list[Reading]:
        """Return the readings in order of (slot, device)."""
        rows = self._rows(start_ms, end_ms)
        return [reading for poll, row in rows if row.subject == subject for reading in _readings(poll, row, (metric,))]

    def readings(self, subject: Subject, metrics: Sequence[str], *, start_ms: int, end_ms: int) -> list[Reading]:
        """Return the series of several metrics, one after the other."""
        return [
            reading
            for metric in dict.fromkeys(metrics)
            for reading in self.series(subject, metric, start_ms=start_ms, end_ms=end_ms)
        ]

    def grouped(
        self, metric: str, groups: Mapping[Subject, str], *, start_ms: int, end_ms: int, step_ms: int
    ) -> list[Grouped]:
        """Return n, mean and p95 of the ok values."""
        cells: dict[tuple[int, str], list[float]] = defaultdict(list)
        for poll, row in self._rows(start_ms, end_ms):
            value = row.values.get(metric)
            group = groups.get(row.subject)
            if group is not None and value is not None and row.codes.get(metric, OK) == OK:
                cells[start_ms + (poll.slot_ms - start_ms) // step_ms * step_ms, group].append(value)
        return [_grouped(at, group, sorted(cells[at, group])) for at, group in sorted(cells)]

    def outcomes(self, *, start_ms: int, end_ms: int, device: str | None = None) -> list[Outcome]:
        """Return one outcome per poll."""
        return [Outcome.of(poll) for poll in self._window(start_ms, end_ms) if device in (None, poll.device)]

    def tally(self, *, start_ms: int, end_ms: int) -> list[Tally]:
        """Return how many polls of each device had which outcome."""
        counted = Counter((poll.device, poll.outcome) for poll in self._window(start_ms, end_ms))
        return [Tally(device=key[0], outcome=key[1], polls=counted[key]) for key in sorted(counted)]

    def texts(self, subject: Subject) -> dict[str, str]:
        """Return the newest text of each name."""
        found: dict[str, str] = {}
        for _, poll in sorted(self._polls.items()):
            for row in poll.rows:
                if row.subject == subject:
                    found.update(row.texts)
        return found

    def seal(self, now_ms: int) -> list[SealedFile]:  # noqa: ARG002  (the protocol's)
        """Nothing to seal in memory."""
        return []

    def expire(self, now_ms: int) -> list[Expired]:  # noqa: ARG002  (the protocol's)
        """Nothing expires in memory."""
        return []

    def told(self, facts: Sequence[SealedFile | Expired]) -> None:
        """Nothing was told."""

    def _window(self, start_ms: int, end_ms: int) -> Iterator[Poll]:
        return (
            poll
            for (slot_ms, _), poll in sorted(self._polls.items(), key=lambda each: each[0])
            if start_ms <= slot_ms < end_ms
        )

    def _rows(self, start_ms: int, end_ms: int) -> Iterator[tuple[Poll, Row]]:
        return ((poll, row) for poll in self._window(start_ms, end_ms) for row in poll.rows)


def _readings(poll: Poll, row: Row, metrics: Sequence[str]) -> Iterator[Reading]:
    for metric in metrics:
        if metric in row.values or metric in row.codes:
            yield Reading(
                subject=row.subject,
                metric=metric,
                at_ms=poll.at_ms,
                value=row.values.get(metric),
                code=row.codes.get(metric, OK),
                device=poll.device,
                slot_ms=poll.slot_ms,
            )


def _grouped(start_ms: int, group: str, ordered: list[float]) -> Grouped:
    mean = math.fsum(ordered) / len(ordered)
    return Grouped(group=group, start_ms=start_ms, mean=mean, p95=nearest_rank(ordered, 95), n=len(ordered))
