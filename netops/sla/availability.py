"""Availability as an exact ratio of milliseconds, with the bounds that our own blindness leaves.

Each instant of the judged time falls in one bucket: up, down or unknown, excluded or not. `Tally` is those six sums;
they add, so a period may be split anywhere. `judge` makes a value of a tally by the contract's modes. Nothing is
rounded here; `netops.sla.numbers` does that for display.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING

from netops.sla.intervals import Cause, Interval, Spans, State, clip, intersect, subtract, total, union

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


class ExclusionMode(StrEnum):
    """What becomes of excused time."""

    COUNT_AS_UP = "count_as_up"
    REMOVE = "remove_from_denominator"
    NOT_EXCLUDED = "not_excluded"


class UnknownMode(StrEnum):
    """What becomes of time that nobody saw."""

    AS_UP = "as_up"
    REMOVED = "removed"
    AS_DOWN = "as_down"


class DegradedMode(StrEnum):
    """What becomes of degraded time."""

    AS_UP = "as_up"
    AS_DOWN = "as_down"


@dataclass(frozen=True, slots=True, kw_only=True)
class Modes:
    """The contract's fields that turn buckets into a ratio."""

    exclusion: ExclusionMode = ExclusionMode.NOT_EXCLUDED
    unknown: UnknownMode = UnknownMode.REMOVED
    degraded: DegradedMode = DegradedMode.AS_UP
    max_unknown_ratio: Fraction = Fraction(1, 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Milliseconds of judged time by bucket. Tallies add."""

    up: int = 0
    down: int = 0
    unknown: int = 0
    excluded_up: int = 0
    excluded_down: int = 0
    excluded_unknown: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)})

    @property
    def whole(self) -> int:
        """All judged time."""
        return self.up + self.down + self.unknown + self.excluded

    @property
    def excluded(self) -> int:
        """Excused time, however it was spent."""
        return self.excluded_up + self.excluded_down + self.excluded_unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A ratio with its bounds; `den` 0 means that nothing was left to judge.

    `lower` and `upper` are what the ratio would be had all unknown time been down, or up.
    """

    num: int
    den: int
    lower: Fraction
    upper: Fraction
    unknown_ratio: Fraction
    determinable: bool

    @property
    def ratio(self) -> Fraction | None:
        """The unrounded value."""
        return Fraction(self.num, self.den) if self.den else None


def tally(
    intervals: Sequence[Interval],
    *,
    judged: Spans,
    excluded: Spans = (),
    excused: Iterable[Cause] = (),
    degraded: DegradedMode = DegradedMode.AS_UP,
) -> Tally:
    """Sum the judged time by bucket.

    `excluded` are instants that an exclusion in force covers; `excused` are causes for which the contract does not hold
    the carrier (an outage with such a cause is excluded time). Both then follow the exclusion mode.
    """
    causes = frozenset(excused)
    sums = {State.UP: 0, State.DOWN: 0, State.UNKNOWN: 0}
    apart = dict(sums)
    covered = intersect(judged, excluded) if excluded else ()
    open_ = subtract(judged, covered) if covered else judged
    bad = (State.DOWN, State.DEGRADED) if degraded is DegradedMode.AS_DOWN else (State.DOWN,)
    for each, start, end in clip(intervals, open_):
        state = _state(each.state, bad)
        (apart if state is State.DOWN and each.cause in causes else sums)[state] += end - start
    for each, start, end in clip(intervals, covered):
        apart[_state(each.state, bad)] += end - start
    return Tally(
        up=sums[State.UP],
        down=sums[State.DOWN],
        unknown=sums[State.UNKNOWN],
        excluded_up=apart[State.UP],
        excluded_down=apart[State.DOWN],
        excluded_unknown=apart[State.UNKNOWN],
    )


def _state(state: State, bad: tuple[State, ...]) -> State:
    if state in bad:
        return State.DOWN
    return State.UNKNOWN if state is State.UNKNOWN else State.UP


def buckets(
    intervals: Sequence[Interval],
    *,
    judged: Spans,
    excluded: Spans = (),
    excused: Iterable[Cause] = (),
    degraded: DegradedMode = DegradedMode.AS_UP,
) -> dict[str, Spans]:
    """Return the judged instants by the name of their bucket in `Tally`: what it sums, `total` of these are."""
    causes = frozenset(excused)
    bad = (State.DOWN, State.DEGRADED) if degraded is DegradedMode.AS_DOWN else (State.DOWN,)
    found: dict[str, list[tuple[int, int]]] = {each.name: [] for each in fields(Tally)}
    for window, covered in ((subtract(judged, excluded), False), (intersect(judged, excluded), True)):
        for each, start, end in clip(intervals, window):
            state = _state(each.state, bad)
            apart = covered or (state is State.DOWN and each.cause in causes)
            found[f"excluded_{state.value.lower()}" if apart else state.value.lower()].append((start, end))
    return {name: union(spans) for name, spans in found.items()}


def against(found: Mapping[str, Spans], modes: Modes) -> Spans:
    """Return, of the buckets, the time that lowers the ratio."""
    names = ["down"]
    if modes.unknown is UnknownMode.AS_DOWN:
        names.append("unknown")
    if modes.exclusion is ExclusionMode.NOT_EXCLUDED:
        names += [f"excluded_{name}" for name in names]
    return union(*(found[name] for name in names))


def judge(sums: Tally, modes: Modes) -> Value:
    """Return the value of one tally; a share of unknown time above the contract's limit makes it undeterminable."""
    up, down, unknown = sums.up, sums.down, sums.unknown
    if modes.exclusion is ExclusionMode.NOT_EXCLUDED:
        up, down, unknown = up + sums.excluded_up, down + sums.excluded_down, unknown + sums.excluded_unknown
    elif modes.exclusion is ExclusionMode.COUNT_AS_UP:
        up += sums.excluded
    seen = up + down
    whole = seen + unknown
    num = up + (unknown if modes.unknown is UnknownMode.AS_UP else 0)
    den = seen if modes.unknown is UnknownMode.REMOVED else whole
    share = Fraction(unknown, whole) if whole else Fraction(1)
    return Value(
        num=num,
        den=den,
        lower=Fraction(up, whole) if whole else Fraction(0),
        upper=Fraction(up + unknown, whole) if whole else Fraction(1),
        unknown_ratio=share,
        determinable=bool(den) and share <= modes.max_unknown_ratio,
    )


def contracted(period: Spans, *, valid: Spans, service_hours: Spans | None = None) -> Spans:
    """Return the judged time of one object: the period, while the object was contracted, in service hours."""
    judged = intersect(period, union(valid))
    return judged if service_hours is None else intersect(judged, service_hours)


def pro_rata(judged: Spans, period: Spans) -> Fraction:
    """Return the object's share of the period by contracted time, never by its first datum."""
    return Fraction(total(judged), total(period))
