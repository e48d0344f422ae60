"""State changes instead of samples: histories that name an instant, the new state and the one before.

Two profiles. Icinga's counts an empty history as 100 %; the strict one leaves it unknown, so that it cannot be judged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from netops.errors import UsageError
from netops.sla.intervals import Cause, Interval, State

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """At `at_ms` the state became `state`; `previous` is what it had been until then."""

    at_ms: int
    state: State
    previous: State


def intervals(given: Iterable[Change], *, start_ms: int, end_ms: int, empty_is_up: bool = False) -> list[Interval]:
    """Return intervals that cover `[start_ms, end_ms)`; changes may come in any order and from before the window."""
    if end_ms <= start_ms:
        raise UsageError(f"window [{start_ms}, {end_ms}) is empty or negative; expected its end after its start")
    changes = sorted(set(given))
    before = [each for each in changes if each.at_ms <= start_ms]
    inside = [each for each in changes if start_ms < each.at_ms < end_ms]
    after = [each for each in changes if each.at_ms >= end_ms]
    if before:
        state = before[-1].state
    elif inside or after:
        state = (inside + after)[0].previous
    else:
        state = State.UP if empty_is_up else State.UNKNOWN
    made: list[Interval] = []
    at = start_ms
    for change in inside:
        if change.at_ms > at and change.state is not state:
            made.append(_interval(at, change.at_ms, state))
            at = change.at_ms
        state = change.state
    made.append(_interval(at, end_ms, state))
    return made


def _interval(start_ms: int, end_ms: int, state: State) -> Interval:
    cause = {State.UNKNOWN: Cause.MONITOR, State.DOWN: Cause.UNDETERMINED}.get(state, Cause.NONE)
    return Interval(start_ms, end_ms, state, cause)
