"""A contract version's words as typed rules. A word without a meaning is refused, the nearest named."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, TypeVar

from netops.errors import UsageError, nearest
from netops.metrics import ONE_BY_ONE
from netops.sla import derived, streams
from netops.sla.aggregate import Aggregation
from netops.sla.availability import DegradedMode, ExclusionMode, Modes, UnknownMode
from netops.sla.intervals import Cause
from netops.sla.timeline import Edge

if TYPE_CHECKING:
    from collections.abc import Mapping
    from enum import StrEnum

    from inventory.model import Contract, Credits, ExclusionClass, Hours, Objective, Rules, ServiceItem

E = TypeVar("E", bound="StrEnum")

# What a weight can be taken from: the register states the population of an area; it knows no area or traffic yet.
WEIGHTS = ("none", "population")
COMPARISONS = ("at_least", "at_most")
UNDETERMINED_MODES = ("unknown", "as_down")
PARENT_FAILURES = ("children_down", "independent")
EMPTY_HISTORIES = ("not_determinable", "as_up")
REPAIR_FROM = (derived.OUTAGE, derived.REPORT)
PER = ("item", "object")
DOUBLE_CREDIT = ("dearest", "by_minute")
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """The rules of one objective, ready for arithmetic. Times in ms, numbers exact."""

    modes: Modes
    edge: Edge
    minimum_ms: int
    slice_ms: int
    minimum_samples: int
    aggregation: Aggregation
    children_down: bool
    undetermined_is_down: bool
    empty_is_up: bool
    window_ms: int = 0  # of MEF's sliding window, n intervals long; 0: none
    interval_ms: int = 0
    figure: derived.Figure | None = None  # None: each instant counts by its state
    consecutive: int = 0
    hours: tuple[Hours, ...] = ()
    calendar: str = ""
    classes: Mapping[str, ExclusionClass] = field(default_factory=dict)

    @property
    def excused(self) -> frozenset[Cause]:
        """The causes that need no claim: of classes without an approver our own measurement of the cause is enough."""
        return frozenset(Cause(each.cause) for each in self.classes.values() if not each.approver)


def typed(rules: Rules, *, where: str) -> Typed:
    """Return the rules of an objective; UsageError names `where`, the field, and what was meant."""
    _word(rules.undetermined_mode, UNDETERMINED_MODES, f"{where}: undetermined_mode")
    _word(rules.parent_failure, PARENT_FAILURES, f"{where}: parent_failure")
    _word(rules.empty_history, EMPTY_HISTORIES, f"{where}: empty_history")
    _word(rules.weight, WEIGHTS, f"{where}: weight")
    aggregation = _choice(Aggregation, rules.aggregation, f"{where}: aggregation")
    if (aggregation is Aggregation.WEIGHTED) != (rules.weight != "none"):
        raise UsageError(
            f"{where}: aggregation '{rules.aggregation}' with weight '{rules.weight}'; expected 'weighted' with one, "
            "or neither"
        )
    if rules.slice_s < 1 or DAY_MS % (rules.slice_s * 1000):
        raise UsageError(f"{where}: slice_s is {rules.slice_s}; expected seconds that divide a day")
    most = rules.slice_s // max(rules.check_every_s, 1)
    if not 0 <= rules.min_samples_per_slice <= most:
        raise UsageError(
            f"{where}: min_samples_per_slice is {rules.min_samples_per_slice}; checks every {rules.check_every_s} s "
            f"give at most {most} in {rules.slice_s} s"
        )
    if rules.min_outage_s < 0:
        raise UsageError(f"{where}: min_outage_s is {rules.min_outage_s}; expected 0 or more")
    _window(rules, where)
    return Typed(
        modes=Modes(
            exclusion=_choice(ExclusionMode, rules.exclusion_mode, f"{where}: exclusion_mode"),
            unknown=_choice(UnknownMode, rules.unknown_mode, f"{where}: unknown_mode"),
            degraded=_choice(DegradedMode, rules.degraded_mode, f"{where}: degraded_mode"),
            max_unknown_ratio=_between(rules.max_unknown_ratio, 0, 1, f"{where}: max_unknown_ratio"),
        ),
        edge=_choice(Edge, rules.outage_edge, f"{where}: outage_edge"),
        minimum_ms=rules.min_outage_s * 1000,
        slice_ms=rules.slice_s * 1000,
        minimum_samples=rules.min_samples_per_slice,
        aggregation=aggregation,
        undetermined_is_down=rules.undetermined_mode == "as_down",
        children_down=rules.parent_failure == "children_down",
        empty_is_up=rules.empty_history == "as_up",
        window_ms=rules.window_intervals * rules.check_every_s * 1000,
        interval_ms=rules.check_every_s * 1000,
        consecutive=rules.consecutive_high_loss,
        hours=rules.hours,
        classes=_classes(rules.exclusions, where),
    )


def _window(rules: Rules, where: str) -> None:
    """Raise UsageError where a sliding window and another rule would both say which outages count."""
    if not rules.window_intervals:
        return
    for name, value, expected in (
        ("outage_edge", rules.outage_edge, "first_bad"),
        ("min_outage_s", rules.min_outage_s, 0),
    ):
        if value != expected:
            raise UsageError(
                f"{where}: {name} is '{value}' beside window_intervals {rules.window_intervals}; a sliding window says "
                f"itself what is an outage, expected '{expected}'"
            )
    if not 1 <= rules.consecutive_high_loss <= rules.window_intervals:
        raise UsageError(
            f"{where}: consecutive_high_loss is {rules.consecutive_high_loss}; expected 1 to window_intervals, "
            f"{rules.window_intervals}"
        )


def objective(contract: Contract, item: ServiceItem, given: Objective) -> Typed:
    """Return the rules of one objective, after looking at its indicator, target and credit schedule too."""
    where = f"contract {contract.id} version {contract.version}, {item.id}/{given.id}"
    streams.word(given.indicator, f"{where}: indicator")
    _word(given.credits.per, PER, f"{where}: credits.per")
    _word(item.double_credit, DOUBLE_CREDIT, f"{where}: double_credit")
    if item.double_credit == "by_minute" and given.indicator in ONE_BY_ONE | derived.ALL:
        raise UsageError(
            f"{where}: double_credit 'by_minute', and '{given.indicator}' counts things, not minutes; "
            "expected 'dearest' where an item promises it"
        )
    streams.sound(given, where)
    _word(given.rules.repair_from, REPAIR_FROM, f"{where}: repair_from")
    if given.rules.repair_from != derived.OUTAGE and given.indicator != derived.REPAIR:
        raise UsageError(
            f"{where}: repair_from is '{given.rules.repair_from}', and '{given.indicator}' has no time to repair; "
            f"expected it in the rules of an objective on '{derived.REPAIR}' alone"
        )
    _word(given.comparison, COMPARISONS, f"{where}: comparison")
    _between(given.target, 0, 100, f"{where}: target")
    schedule(given.credits, where)
    made = replace(typed(given.rules, where=where), calendar=contract.calendar)
    if given.indicator not in derived.ALL:
        return made
    limit = Fraction(given.threshold)
    reported = given.rules.repair_from == derived.REPORT
    figure = derived.Figure(indicator=given.indicator, threshold=limit, excused=made.excused, reported=reported)
    return replace(made, figure=figure)


def schedule(given: Credits, where: str) -> None:
    """Raise UsageError for a credit schedule that cannot be reckoned by."""
    for number, tier in enumerate(given.tiers, 1):
        at = f"{where}: credit tier {number}"
        _between(tier.percent, 0, 100, f"{at}, percent")
        bounds = [b for b in (tier.at_least, tier.above, tier.below, tier.at_most) if b]
        if not bounds or (tier.at_least and tier.above) or (tier.below and tier.at_most):
            raise UsageError(
                f"{at}: expected one lower bound (at_least or above), one upper (below or at_most), or both"
            )
        exact = [exactly(bound, at) for bound in bounds]
        if len(exact) == 2 and exact[0] >= exact[1]:
            raise UsageError(
                f"{at}: its lower bound {bounds[0]} is not below its upper bound {bounds[1]}: it holds nothing"
            )
    exactly(given.escalate_factor, f"{where}: escalate_factor")


def exactly(text: str, where: str) -> Fraction:
    """Return the exact value of a decimal string; UsageError otherwise."""
    if re.fullmatch(r"-?[0-9]{1,40}(\.[0-9]{1,40})?", text) is None:  # an exponent could fill the memory with digits
        raise UsageError(f"{where} is '{text[:60]}'; expected a plain decimal number, such as 99.95")
    return Fraction(text)


def _between(text: str, low: int, high: int, where: str) -> Fraction:
    value = exactly(text, where)
    if not low <= value <= high:
        raise UsageError(f"{where} is {text}; expected {low} to {high}")
    return value


def _classes(given: tuple[ExclusionClass, ...], where: str) -> dict[str, ExclusionClass]:
    made: dict[str, ExclusionClass] = {}
    for each in given:
        at = f"{where}: exclusion class '{each.id}'"
        _choice(Cause, each.cause, f"{at}, cause")
        if each.id in made:
            raise UsageError(f"{at} stands twice; expected each class once")
        if each.notice_h < 0 or each.cap_s < 0:
            raise UsageError(f"{at}: notice {each.notice_h} h, cap {each.cap_s} s; expected 0 or more")
        if not each.approver and (each.notice_h or each.cap_s):
            raise UsageError(
                f"{at} has no approver, so it needs no claim; expected no notice and no cap, or an approver"
            )
        made[each.id] = each
    return made


def _choice(kind: type[E], text: str, where: str) -> E:
    _word(text, tuple(each.value for each in kind), where)
    return kind(text)


def _word(text: str, known: tuple[str, ...], where: str) -> None:
    if text not in known:
        raise UsageError(f"{where} is '{text}'; expected one of {', '.join(known)}{nearest(text, known)}")
