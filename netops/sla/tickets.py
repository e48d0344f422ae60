"""Tickets (工单): when a fault was reported to the carrier, and while it had to wait for us. Pure.

A contract may count the time to repair from the report of a fault (`repair_from: report`). What counts is when we
recorded each step, never when somebody says that it was: a report by telephone that is noted late begins late. A ticket
that was withdrawn is as if nobody had reported. Closing one stops no clock: that the service is back, the measurement
says.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from netops.sla.intervals import Spans

KIND: Final = "ticket_step"
REPORTED, ANSWERED, PAUSED, RESUMED, CLOSED = "reported", "answered", "paused", "resumed", "closed"
STEPS: Final = (REPORTED, ANSWERED, PAUSED, RESUMED, CLOSED)
REPAIRED, WITHDRAWN = "repaired", "withdrawn"
OUTCOMES: Final = (REPAIRED, WITHDRAWN)
OPEN_MS: Final = sys.maxsize  # the end of what is not over


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """One ticket: alive over `[reported_ms, closed_ms)`, its clock stopped in `pauses`, one after the other."""

    id: str
    services: tuple[str, ...] = field(repr=False)
    reported_ms: int
    closed_ms: int = OPEN_MS
    pauses: Spans = ()
    paused_ms: int | None = None
    outcome: str = ""

    @property
    def counts(self) -> bool:
        """Whether it counts: not what was withdrawn."""
        return self.outcome != WITHDRAWN

    @property
    def waits(self) -> Spans:
        """While its clock stands still; a pause that nobody ended goes on."""
        return self.pauses if self.paused_ms is None else (*self.pauses, (self.paused_ms, self.closed_ms))


def follow(held: Ticket | None, step: Mapping[str, Any], *, known_ms: int) -> Ticket | None:
    """Return a ticket after one more step; what does not fit (a pause of a paused one) changes nothing."""
    word = step["step"]
    if held is None:
        if word != REPORTED:
            return None
        return Ticket(id=step["ticket"], services=tuple(step.get("services", ())), reported_ms=known_ms)
    if held.closed_ms != OPEN_MS:
        return held
    match word:
        case "paused" if held.paused_ms is None:
            return replace(held, paused_ms=known_ms)
        case "resumed" if held.paused_ms is not None:
            return replace(held, pauses=_with(held.pauses, held.paused_ms, known_ms), paused_ms=None)
        case "closed":
            pauses = held.pauses if held.paused_ms is None else _with(held.pauses, held.paused_ms, known_ms)
            return replace(
                held, closed_ms=known_ms, pauses=pauses, paused_ms=None, outcome=step.get("outcome", REPAIRED)
            )
        case _:
            return held


def read(steps: Iterable[tuple[int, Mapping[str, Any]]]) -> dict[str, Ticket]:
    """Return the tickets by id, from their steps `(known_ms, body)` in the order of the ledger."""
    made: dict[str, Ticket] = {}
    for known_ms, body in steps:
        after = follow(made.get(body["ticket"]), body, known_ms=known_ms)
        if after is not None:
            made[after.id] = after
    return made


def by_service(tickets: Iterable[Ticket]) -> dict[str, tuple[Ticket, ...]]:
    """Return what counts of each service, the first reported first."""
    made: dict[str, list[Ticket]] = {}
    for each in sorted(tickets, key=lambda one: (one.reported_ms, one.id)):
        if each.counts:
            for service in dict.fromkeys(each.services):
                made.setdefault(service, []).append(replace(each, services=()))
    return {service: tuple(each) for service, each in made.items()}


def _with(pauses: Spans, start_ms: int, end_ms: int) -> Spans:
    """Return the pauses with one more; steps of a rehearsal may not be in the order of their instants."""
    return (*pauses, (start_ms, end_ms)) if start_ms < end_ms else pauses
