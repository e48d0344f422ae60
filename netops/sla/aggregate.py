"""Many objects, one figure: by object-time, per object, any down, all down, weighted.

A parent's failure reaches its children as their own DOWN with the parent as cause (`netops.sla.state`); the parent
is no object of its own unless the contract lists it, so one failure counts once per contracted object.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING, TypeVar

from netops.errors import UsageError
from netops.sla.availability import DegradedMode, Modes, Tally, Value, judge
from netops.sla.intervals import Cause, Interval, Spans, State, clip, intersect, subtract

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

MOST_BITS = 13_280  # of a common denominator: what a month in slots of five minutes needs at the most


class Aggregation(StrEnum):
    """How the objects of an item become one figure."""

    OBJECT_TIME = "object_time_mean"  # ratio of sums
    OBJECT_MEAN = "per_object_mean"  # mean of the objects' ratios
    ANY_DOWN = "any_down"  # the unit is down while any object is
    ALL_DOWN = "all_down"  # the unit is down while all objects are
    WEIGHTED = "weighted"  # ratio of weighted sums (population, area, traffic)


@dataclass(frozen=True, slots=True)
class Ratio:
    """An aggregated value; exact, with bounds."""

    value: Fraction | None
    lower: Fraction
    upper: Fraction
    unknown_ratio: Fraction
    determinable: bool


Figure = TypeVar("Figure", Value, Ratio)  # of one object, of all of them


def attended(found: Figure, unseen: Fraction, limit: Fraction) -> Figure:
    """Return a figure of what is counted one by one, where in the share `unseen` of its time nobody was there to count.

    How many came then, nobody knows. Its bounds are those of as many, for the time, as were counted in the rest, all
    bad or all good; the larger of the shares unknown, of things and of time, is held against the limit.
    """
    unknown = max(found.unknown_ratio, unseen)
    return replace(
        found,
        lower=found.lower * (1 - unseen),
        upper=found.upper * (1 - unseen) + unseen,
        unknown_ratio=unknown,
        determinable=found.determinable and unknown <= limit,
    )


def by_time(tallies: Iterable[Tally], modes: Modes) -> Ratio:
    """Return the ratio of the sums over all objects."""
    return _ratio(judge(sum(tallies, Tally()), modes))


def by_weight(weighted: Iterable[tuple[Tally, Fraction]], modes: Modes) -> Ratio:
    """Return the ratio of weighted sums; weights are exact, so they are scaled to integers first."""
    pairs = list(weighted)
    scale = lcm(*(weight.denominator for _, weight in pairs))
    return _ratio(judge(sum((_times(each, int(weight * scale)) for each, weight in pairs), Tally()), modes))


def by_object(tallies: Iterable[Tally], modes: Modes, name: str) -> Ratio:
    """Return the mean of the objects' own ratios; objects with nothing to judge make it undeterminable.

    UsageError names the objective where the exact mean is too long a fraction to be written down.
    """
    values = [judge(each, modes) for each in tallies]
    ratios = [each.ratio for each in values if each.ratio is not None]
    count = len(values)
    share = _mean([v.unknown_ratio for v in values], name) if count else Fraction(1)
    whole = bool(ratios) and len(ratios) == count
    return Ratio(
        value=_mean(ratios, name) if ratios else None,
        lower=_mean([v.lower for v in values], name) if count else Fraction(0),
        upper=_mean([v.upper for v in values], name) if count else Fraction(1),
        unknown_ratio=share,
        determinable=whole and share <= modes.max_unknown_ratio,
    )


def _mean(ratios: Sequence[Fraction], name: str) -> Fraction:
    scale = 1
    for bottom in {each.denominator for each in ratios}:
        scale = lcm(scale, bottom)
        if scale.bit_length() > MOST_BITS:
            raise UsageError(
                f"objective {name}: the mean of the own values of {len(ratios)} services, which were judged over times "
                "of many lengths, is no fraction of 4,000 digits; expected `aggregation: object_time_mean`"
            )
    return Fraction(sum(each.numerator * (scale // each.denominator) for each in ratios), scale * len(ratios))


def _times(each: Tally, factor: int) -> Tally:
    return Tally(
        up=each.up * factor,
        down=each.down * factor,
        unknown=each.unknown * factor,
        excluded_up=each.excluded_up * factor,
        excluded_down=each.excluded_down * factor,
        excluded_unknown=each.excluded_unknown * factor,
    )


def _ratio(value: Value) -> Ratio:
    return Ratio(value.ratio, value.lower, value.upper, value.unknown_ratio, value.determinable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Object:
    """One contracted object's month: its intervals, judged time, exclusions in force."""

    intervals: Sequence[Interval]
    judged: Spans
    excluded: Spans = ()


def united(
    objects: Sequence[Object],
    *,
    aggregation: Aggregation,
    excused: Iterable[Cause] = (),
    degraded: DegradedMode = DegradedMode.AS_UP,
) -> Tally:
    """Return the tally of the unit that the objects form, by any_down or all_down.

    An object that is excluded at an instant does not take part in that instant. Where no object takes part the
    instant is excluded; where the known ones do not decide it is unknown.
    """
    causes = frozenset(excused)
    bad = {State.DOWN, State.DEGRADED} if degraded is DegradedMode.AS_DOWN else {State.DOWN}
    deltas: dict[int, dict[str, int]] = {}
    for each in objects:
        for start, end, bucket in _buckets(each, causes, bad):
            deltas.setdefault(start, {}).setdefault(bucket, 0)
            deltas[start][bucket] += 1
            deltas.setdefault(end, {}).setdefault(bucket, 0)
            deltas[end][bucket] -= 1
    sums = dict.fromkeys(("up", "down", "unknown", "excluded_up"), 0)
    counts = dict.fromkeys(("up", "down", "unknown", "excluded"), 0)
    previous = 0
    for at in sorted(deltas):
        if any(counts.values()):
            sums[_unit(counts, aggregation)] += at - previous
        for bucket, change in deltas[at].items():
            counts[bucket] += change
        previous = at
    return Tally(**sums)


def _unit(counts: Mapping[str, int], aggregation: Aggregation) -> str:
    order = ("down", "unknown", "up") if aggregation is Aggregation.ANY_DOWN else ("up", "unknown", "down")
    return next((bucket for bucket in order if counts[bucket]), "excluded_up")


def _buckets(each: Object, causes: frozenset[Cause], bad: set[State]) -> Iterator[tuple[int, int, str]]:
    covered = intersect(each.judged, each.excluded)
    for start, end in covered:
        yield start, end, "excluded"
    for interval, start, end in clip(each.intervals, subtract(each.judged, covered)):
        if interval.state in bad:
            yield start, end, "excluded" if interval.cause in causes else "down"
        else:
            yield start, end, "unknown" if interval.state is State.UNKNOWN else "up"
