"""The sealed hours of a contract, opened: who was contracted when, and what was seen of whom.

An hour without a fact is time in which nobody looked: its services are those of the hour before (else of the next one),
and all of it is missing. Services with the same history share one key, so that a month of 10,000 is judged by its few
hundred different histories.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from netops.errors import EvidenceError
from netops.sla.hours import HOUR_MS, Hour, Packed, Roster, unpack
from netops.sla.intervals import Spans, union
from netops.sla.timeline import Stretch, stretches

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Key = tuple[tuple[int, Packed], ...]
MOST_STRETCHES = 4_000_000
"""Of all services in one judgement of a report, objective by objective: some 2 GB and three minutes.

A month of 10,000 objects under three promises may change 130 times each, one slot of 10 s in twenty may be bad for 150
services; slots of 1 s in which something always changes are 1.5 services. The verifier holds the same bound.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One service of the contract: the item that sells it, its weight, when it was contracted, and its history's key.

    `history` lists the hours (by index) in which it differed from the usual; equal histories are equal keys.
    """

    service: str
    item: str
    weight: str
    contracted: Spans
    history: Key


@dataclass(slots=True)
class Month:
    """The hours of `[start_ms, end_ms)`; build with `open_`."""

    start_ms: int
    end_ms: int
    hours: Sequence[Hour]
    members: list[Member] = field(default_factory=list)
    missing: int = 0
    _usual: list[Stretch] = field(default_factory=list)
    _starts: list[int] = field(default_factory=list)

    def stretches(self, history: Key) -> list[Stretch]:
        """Return what was seen under one history, sorted and joined."""
        made: list[Stretch] = []
        at = 0
        for index, packed in history:
            hour = self.hours[index]
            self._fill(made, at, hour.start_ms)
            for each in _stretched(hour, packed):
                _append(made, each)
            at = hour.start_ms + HOUR_MS
        self._fill(made, at, self.end_ms)
        return made

    @property
    def cost(self) -> int:
        """How many stretches all services come to: those with an hour of their own repeat the usual ones."""
        own = [each.history for each in self.members if each.history]
        return len(self._usual) * (len(own) + 1) + sum(len(packed) for history in own for _, packed in history)

    def covered(self, history: Key) -> Spans:
        """Return where anything stands under one history."""
        return union([(each.start_ms, each.end_ms) for each in self.stretches(history)])

    def _fill(self, made: list[Stretch], start_ms: int, end_ms: int) -> None:
        for i in range(max(bisect_right(self._starts, start_ms) - 1, 0), len(self._usual)):
            each = self._usual[i]
            if each.start_ms >= end_ms:
                break
            start, end = max(each.start_ms, start_ms), min(each.end_ms, end_ms)
            if start < end:
                _append(made, Stretch(start, end, each.step_ms, each.state, each.cause, each.because))


def open_(
    hours: Sequence[Hour],
    rosters: Mapping[str, Roster],
    *,
    start_ms: int,
    end_ms: int,
    state: Sequence[Hour] | None = None,
) -> Month:
    """Return the month; EvidenceError for an hour outside it or with an unknown roster.

    `state`: the hours of the services' state, which say who was contracted when, if `hours` are of another stream.
    """
    for hour in hours:
        if not start_ms <= hour.start_ms or hour.start_ms + HOUR_MS > end_ms:
            raise EvidenceError(f"hour at {hour.start_ms} lies outside the period [{start_ms}, {end_ms})")
        if hour.roster not in rosters:
            raise EvidenceError(f"hour at {hour.start_ms}: its roster {hour.roster[:12]}… is not among the leaves")
    made = Month(start_ms=start_ms, end_ms=end_ms, hours=hours, missing=(end_ms - start_ms) // HOUR_MS - len(hours))
    for hour in hours:
        for each in _stretched(hour, hour.usual):
            _append(made._usual, each)  # noqa: SLF001  (its own maker)
    made._starts = [each.start_ms for each in made._usual]  # noqa: SLF001
    made.members = _members(made, rosters, hours if state is None else state)
    return made


def _members(month: Month, rosters: Mapping[str, Roster], state: Sequence[Hour]) -> list[Member]:
    differs: dict[str, list[tuple[int, Packed]]] = {}
    tenures = _tenures(month, state)
    present: dict[str, list[tuple[int, int]]] = {}
    sold: dict[str, tuple[str, str]] = {}
    for digest, start, end in tenures:
        for each in rosters[digest].listed:
            present.setdefault(each.service, []).append((start, end))
            sold[each.service] = (each.item, each.weight)
    told = {*(digest for digest, _, _ in tenures), *(hour.roster for hour in month.hours)}
    names = {digest: [each.service for each in rosters[digest].listed] for digest in told}
    sets = {digest: frozenset(listed) for digest, listed in names.items()}
    single = len(names) == 1
    for index, hour in enumerate(month.hours):
        listed = names[hour.roster]
        for position, packed in hour.others.items():
            if position >= len(listed):
                raise EvidenceError(
                    f"hour at {hour.start_ms}: position {position} is beyond its roster of {len(listed)}"
                )
            differs.setdefault(listed[position], []).append((index, packed))
        if not single:
            for service in sold.keys() - sets[hour.roster]:
                differs.setdefault(service, []).append((index, ()))
    return [
        Member(
            service=service,
            item=sold[service][0],
            weight=sold[service][1],
            contracted=union(present[service]),
            history=tuple(differs.get(service, ())),
        )
        for service in sorted(present)
    ]


def _tenures(month: Month, state: Sequence[Hour]) -> list[tuple[str, int, int]]:
    """Return `(roster, start, end)`: a roster holds from its hour until another one; the first from the start."""
    made: list[tuple[str, int, int]] = []
    for hour in state:
        if not made:
            made.append((hour.roster, month.start_ms, month.end_ms))
        elif hour.roster != made[-1][0]:
            made[-1] = (made[-1][0], made[-1][1], hour.start_ms)
            made.append((hour.roster, hour.start_ms, month.end_ms))
    return made


def _stretched(hour: Hour, packed: Packed) -> Iterable[Stretch]:
    return stretches(unpack(packed, start_ms=hour.start_ms, step_ms=hour.step_ms), step_ms=hour.step_ms)


def _append(made: list[Stretch], each: Stretch) -> None:
    last = made[-1] if made else None
    if (
        last is not None
        and last.end_ms == each.start_ms
        and last.step_ms == each.step_ms
        and (last.state, last.cause, last.because) == (each.state, each.cause, each.because)
    ):
        made[-1] = Stretch(last.start_ms, each.end_ms, each.step_ms, each.state, each.cause, each.because)
    else:
        made.append(each)
