"""What a contract may say and hardly anybody means: a missed target that costs nothing, a tier or a field without use.

Each is said with what to write instead. Whoever means it can say so: a tier of `percent: 0` states that nothing is
owed.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from inventory.model import Objective
from netops.sla import pitfall_words, streams

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inventory.model import Coverage, ServiceItem, Tier

Edge = tuple[Fraction, int]
"""A cut through the numbers: (value, 0) just before the value, (value, 1) just after it."""
Said = tuple[str, str]
"""What is wrong, and the remedy, in words."""
_Found = tuple[str, dict[str, object]]  # the name of a sentence of pitfall_words.py, and its fields

LOWEST, HIGHEST = (Fraction(0), 0), (Fraction(100), 1)


class Step(NamedTuple):
    """One tier: its number in the contract, the values it holds, cut to 0…100, and what it costs in percent."""

    number: int
    low: Edge
    high: Edge
    percent: Fraction


def of(item: ServiceItem, objective: Objective, *, language: str = "en") -> Iterator[Said]:
    """Yield what is wrong with one objective whose words and numbers are sound (`rules.objective`)."""
    for name, given in (*_dead(item, objective), *(_tiers(objective) if objective.credits.tiers else ())):
        yield pitfall_words.said(name, language, **given)


def of_coverage(item: ServiceItem, given: Coverage, *, language: str = "en") -> Iterator[Said]:
    """Yield what is wrong with one promise of coverage whose words and numbers are sound."""
    if given.credits.tiers or not Fraction(given.area_percent):
        judged = Objective(id=given.id, indicator="", target=given.target, credits=given.credits)
        yield from of(item, judged, language=language)
    for name, told in _of_areas(item, given):
        yield pitfall_words.said(name, language, **told)


def _of_areas(item: ServiceItem, given: Coverage) -> Iterator[_Found]:
    if not given.credits.tiers and Fraction(given.area_percent) and not Fraction(item.fee):
        yield "no_fee_of_area", {"item": item.id}
    least = [Fraction(each) for each in (given.minimum, *(one.percent for one in given.minima))]
    if Fraction(given.area_percent) and not any(least):
        yield "no_minimum", {}
    for each in least:
        if 0 < each <= 1:
            yield "ratio_of_area", {"minimum": plain(each), "meant": plain(each * 100)}


def missed(objective: Objective) -> tuple[Edge, Edge]:
    """Return the values that miss the target."""
    target = Fraction(objective.target)
    return (LOWEST, (target, 0)) if objective.comparison == "at_least" else ((target, 1), HIGHEST)


def steps(objective: Objective) -> list[Step]:
    """Return the tiers in the order of their values, the least bad first."""
    made = [_step(number, tier) for number, tier in enumerate(objective.credits.tiers, 1)]
    return sorted(made, key=lambda each: each.low, reverse=objective.comparison == "at_least")


def written(low: Edge, high: Edge) -> str:
    """Return a stretch of values as a tier states it: `at_least: 99, below: 99.5`."""
    parts = []
    if low > LOWEST:
        parts.append(f"{'above' if low[1] else 'at_least'}: {plain(low[0])}")
    if high < HIGHEST:
        parts.append(f"{'at_most' if high[1] else 'below'}: {plain(high[0])}")
    return ", ".join(parts) or "at_least: 0"


def plain(value: Fraction) -> str:
    """Return a number of a contract as a decimal; it is one, so no digit is lost."""
    digits, scaled = 0, value
    while scaled.denominator != 1:
        digits, scaled = digits + 1, scaled * 10
    text = f"{abs(scaled.numerator):0{digits + 1}d}"
    return ("-" if value < 0 else "") + (f"{text[:-digits]}.{text[-digits:]}" if digits else text)


def _step(number: int, tier: Tier) -> Step:
    low = (Fraction(tier.at_least), 0) if tier.at_least else (Fraction(tier.above), 1) if tier.above else LOWEST
    high = (Fraction(tier.below), 0) if tier.below else (Fraction(tier.at_most), 1) if tier.at_most else HIGHEST
    return Step(number, max(low, LOWEST), min(high, HIGHEST), Fraction(tier.percent))


def _tiers(objective: Objective) -> Iterator[_Found]:
    start, end = missed(objective)
    target = objective.target
    known = steps(objective)
    for each in known:
        low, high = max(each.low, start), min(each.high, end)
        if each.percent and low >= high:
            yield "never_pays", {"tier": each.number, "bounds": written(each.low, each.high), "target": target}
        elif each.percent and _beyond(objective, each, start, end):
            yield "beyond", {"tier": each.number, "bounds": written(low, high), "target": target}
    for low, high in _gaps(known, start, end):
        yield "gap", {"bounds": written(low, high), "target": target}
    for better, worse in pairwise(known):
        if worse.percent < better.percent:
            told = {"tier": worse.number, "bounds": written(worse.low, worse.high), "percent": plain(worse.percent)}
            yield "cheaper", told | {"better": better.number, "more": plain(better.percent)}


def _beyond(objective: Objective, each: Step, start: Edge, end: Edge) -> bool:
    """Whether a bound that the tier states lies among the values that meet the target; an open side is no statement."""
    if objective.comparison == "at_least":
        return each.high > end and each.high != HIGHEST
    return each.low < start and each.low != LOWEST


def _gaps(known: list[Step], start: Edge, end: Edge) -> Iterator[tuple[Edge, Edge]]:
    at = start
    for each in sorted(known, key=lambda step: step.low):
        if each.low >= end:
            break
        if each.low > at:
            yield at, each.low
        at = max(at, each.high)
    if at < end:
        yield at, end


def _dead(item: ServiceItem, objective: Objective) -> Iterator[_Found]:
    """Yield what is written and changes nothing, or contradicts what the figure is."""
    credits_, state = objective.credits, objective.indicator == streams.AVAILABILITY
    target = Fraction(objective.target)
    if objective.comparison == "at_least" and 0 < target <= 1:
        yield "ratio", {"target": objective.target, "meant": plain(target * 100)}
    if objective.comparison == "at_most":
        yield ("at_most_state" if state else "at_most_share"), {}
    if state and objective.rules.percentile != "nearest_rank":
        yield "percentile", {"percentile": objective.rules.percentile}
    capped = [name for name in ("object_cap_percent", "period_cap_percent") if getattr(credits_, name)]
    if not credits_.tiers:
        for name in (*capped, *(("escalate_after",) if credits_.escalate_after else ())):
            yield "no_tiers", {"name": name}
        return
    if not any(Fraction(each.percent) for each in credits_.tiers):
        return
    for name in capped:
        if not Fraction(getattr(credits_, name)):
            yield "cap_of_0", {"name": name}
    if credits_.escalate_after and Fraction(credits_.escalate_factor) == 1:
        yield "factor_of_1", {}
    if not Fraction(item.fee):
        yield "no_fee", {"item": item.id}
