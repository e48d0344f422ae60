"""From polls to a timeline: answered, not answered, not measured. Pure.

A slot that nobody polled is not measured: it is neither up nor down, and it is drawn as a state of its own.
"""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

from dashboards.charts import UNKNOWN, Span
from dashboards.queries import letter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netops.store import Outcome

LATE = 1.5  # a slot is missing when the next poll comes after more than one and a half intervals


def spans(outcomes: Sequence[Outcome], *, start_ms: int, end_ms: int, interval_ms: int) -> list[Span]:
    """Return contiguous spans over `[start, end)`; each poll speaks for its interval, the rest is not measured."""
    out: list[Span] = []
    at = start_ms
    outcomes = [each for each in outcomes if each.slot_ms < end_ms]
    for each, following in zip_longest(outcomes, outcomes[1:]):
        begin = max(each.slot_ms, start_ms)
        if begin > at:
            _add(out, at, begin, UNKNOWN)
        next_ms = following.slot_ms if following is not None else end_ms
        until = next_ms if next_ms - each.slot_ms <= LATE * interval_ms else each.slot_ms + interval_ms
        until = min(until, end_ms)
        if until > begin:
            _add(out, begin, until, letter(each.outcome))
        at = max(at, until)
    if at < end_ms:
        _add(out, at, end_ms, UNKNOWN)
    return out


def _add(out: list[Span], start_ms: int, end_ms: int, state: str) -> None:
    if out and out[-1].state == state and out[-1].end_ms == start_ms:
        out[-1] = Span(out[-1].start_ms, end_ms, state)
    else:
        out.append(Span(start_ms, end_ms, state))
