"""From polls to a timeline: up, degraded, down, not measured. Pure.

Each poll speaks for the time until the next one, at most for the step that was agreed. A slot that nobody polled is not
measured: it is neither up nor down, and it is drawn as a state of its own. What a poll says of a device below the one
that was polled is decided by `netops.sla.state`, the same code that judges the contract.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import TYPE_CHECKING

from dashboards.charts import DEGRADED, DOWN, UNKNOWN, Span
from dashboards.queries import letter
from netops.hourly import LETTER
from netops.model import ANSWERED
from netops.sla.intervals import Cause, State
from netops.sla.state import Seen, classify
from netops.verify import NEAR_MS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from netops.sla.state import Place
    from netops.sla.timeline import Sample
    from netops.store import Outcome, Reading

LATE = 1.5  # a slot is missing when the next poll comes after more than one and a half steps


@dataclass(frozen=True, slots=True)
class Slot:
    """What one poll says: a letter of the charts, and why it is not up."""

    slot_ms: int
    state: str
    because: str = ""
    planned: bool = False


def polled(outcomes: Iterable[Outcome]) -> list[Slot]:
    """Return whether the device itself answered."""
    return [
        Slot(each.slot_ms, letter(each.outcome), "" if each.outcome == ANSWERED else each.outcome) for each in outcomes
    ]


def told(
    place: Place,
    outcomes: Iterable[Outcome],
    readings: Iterable[Reading],
    planned: Callable[[int], bool] = lambda _slot_ms: False,
) -> list[Slot]:
    """Return what the polls of `place.device` say of a subject, by the state metrics read from them.

    `planned` says whether approved maintenance covers a slot; it is asked for slots that are down.
    """
    values: dict[int, dict[str, float | None]] = defaultdict(dict)
    codes: dict[int, dict[str, str]] = defaultdict(dict)
    for reading in readings:
        if reading.device == place.device:
            values[reading.slot_ms][reading.metric] = reading.value
            if reading.code != "ok":
                codes[reading.slot_ms][reading.metric] = reading.code
    made = []
    before: tuple[Seen, Sample] | None = None
    for poll in outcomes:
        seen = Seen(
            slot_ms=poll.slot_ms,
            at_ms=poll.at_ms,
            outcome=poll.outcome,
            values=values.get(poll.slot_ms, {}),
            codes=codes.get(poll.slot_ms, {}),
        )
        near = before if before is not None and seen.slot_ms - before[0].slot_ms <= NEAR_MS else None
        sample = classify(place, seen, before=near)
        if sample.state is State.DOWN and planned(poll.slot_ms):
            sample = classify(place, seen, before=near, planned=True)
        covered = sample.cause is Cause.PLANNED
        made.append(Slot(poll.slot_ms, LETTER[sample.state], sample.because, planned=covered))
        before = seen, sample
    return made


def spans(slots: Sequence[Slot], *, start_ms: int, end_ms: int, step: Callable[[int], int]) -> list[Span]:
    """Return contiguous spans over `[start, end)`; `step` says for how long a poll of a slot may speak, in ms."""
    out: list[Span] = []
    at = start_ms
    slots = [each for each in slots if each.slot_ms < end_ms]
    for each, following in zip_longest(slots, slots[1:]):
        begin = max(each.slot_ms, start_ms)
        if begin > at:
            _add(out, Span(at, begin, UNKNOWN))
        next_ms = following.slot_ms if following is not None else end_ms
        step_ms = step(each.slot_ms)
        until = next_ms if next_ms - each.slot_ms <= LATE * step_ms else each.slot_ms + step_ms
        until = min(until, end_ms)
        if until > begin:
            _add(out, Span(begin, until, each.state, each.because, each.planned))
        at = max(at, until)
    if at < end_ms:
        _add(out, Span(at, end_ms, UNKNOWN))
    return out


def begun_by(slots: Sequence[Slot], span: Span) -> int | None:
    """Return the slot of the poll with which a span begins; None where nobody polled."""
    first = next((each for each in reversed(slots) if each.slot_ms <= span.start_ms), None)
    if first is None or (first.state, first.because) != (span.state, span.because):
        return None
    return first.slot_ms


def telling(slots: Sequence[Slot], *, start_ms: int, end_ms: int) -> int | None:
    """Return the slot that shows best what was wrong in `[start, end)`: down, degraded, not measured, then the last.

    None where nobody polled.
    """
    held = [each for each in slots if start_ms <= each.slot_ms < end_ms]
    for letter_ in (DOWN, DEGRADED, UNKNOWN):
        for each in held:
            if each.state == letter_:
                return each.slot_ms
    return held[-1].slot_ms if held else None


def _add(out: list[Span], span: Span) -> None:
    last = out[-1] if out else None
    longer = replace(last, end_ms=span.end_ms) if last is not None else None
    if last is not None and last.end_ms == span.start_ms and longer == replace(span, start_ms=last.start_ms):
        out[-1] = longer
    else:
        out.append(span)
