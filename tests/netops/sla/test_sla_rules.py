"""A contract's words become typed rules or are refused with what was meant."""

from dataclasses import replace
from fractions import Fraction

import pytest

from inventory.model import Contract, Credits, ExclusionClass, Objective, Rules, Selector, ServiceItem, Tier
from netops.errors import UsageError
from netops.sla import rules
from netops.sla.aggregate import Aggregation
from netops.sla.intervals import Cause
from netops.sla.timeline import Edge

OBJECTIVE = Objective(id="availability", indicator="availability", target="99.5")
ITEM = ServiceItem(id="wifi", kind="wifi", select=Selector(), objectives=(OBJECTIVE,))
CONTRACT = Contract(id="c", version="1", carrier="x", title="", valid_from_ms=0, items=(ITEM,))
CLASS = ExclusionClass(id="power", title="", cause="power_or_third_party", notice_h=0, cap_s=0, approver="")


def typed(**changed):
    return rules.objective(CONTRACT, ITEM, replace(OBJECTIVE, rules=replace(Rules(), **changed)))


def test_the_defaults_of_a_contract_are_typed_exactly():
    found = typed()

    assert (found.edge, found.aggregation) == (Edge.FIRST_BAD, Aggregation.OBJECT_TIME)
    assert found.modes.max_unknown_ratio == Fraction(1, 20)
    assert (found.slice_ms, found.minimum_ms, found.children_down) == (3_600_000, 0, True)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"unknown_mode": "as_dwn"}, "unknown_mode is 'as_dwn'; expected one of .*did you mean 'as_down'"),
        ({"exclusion_mode": "count_up"}, "did you mean 'count_as_up'"),
        ({"outage_edge": "middle"}, "outage_edge is 'middle'"),
        ({"max_unknown_ratio": "1.5"}, "max_unknown_ratio is 1.5; expected 0 to 1"),
        ({"max_unknown_ratio": "5%"}, "expected a plain decimal number"),
        ({"max_unknown_ratio": "NaN"}, "expected a plain decimal number"),
        ({"max_unknown_ratio": "1e-999999999"}, "expected a plain decimal number"),
        ({"aggregation": "weighted"}, "aggregation 'weighted' with weight 'none'"),
        ({"weight": "population"}, "with weight 'population'"),
        ({"weight": "traffic", "aggregation": "weighted"}, "weight is 'traffic'"),
        ({"slice_s": 7}, "expected seconds that divide a day"),
        ({"min_samples_per_slice": 61}, "give at most 60 in 3600 s"),
        ({"min_outage_s": -1}, "min_outage_s is -1"),
        ({"parent_failure": "child_down"}, "did you mean 'children_down'"),
        ({"empty_history": "up"}, "empty_history is 'up'"),
        ({"window_intervals": 10, "outage_edge": "midpoint"}, "outage_edge is 'midpoint' beside window_intervals 10"),
        ({"window_intervals": 10, "min_outage_s": 60}, "min_outage_s is '60' beside window_intervals 10"),
        ({"window_intervals": 3}, "consecutive_high_loss is 5; expected 1 to window_intervals, 3"),
        ({"exclusions": (CLASS, CLASS)}, "'power' stands twice"),
        ({"exclusions": (replace(CLASS, notice_h=2),)}, "has no approver"),
        ({"exclusions": (replace(CLASS, cause="weather"),)}, "cause is 'weather'"),
    ],
    ids=lambda value: "" if isinstance(value, str) else ",".join(value),
)
def test_a_word_without_meaning_or_a_contradiction_is_refused(changed, message):
    with pytest.raises(UsageError, match=message):
        typed(**changed)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"indicator": "availabilty"}, "did you mean 'availability'"),
        ({"target": "101"}, "target is 101; expected 0 to 100"),
        ({"comparison": "more"}, "comparison is 'more'"),
        ({"credits": Credits(tiers=(Tier(percent="10"),))}, "credit tier 1: expected one lower bound"),
        ({"credits": Credits(tiers=(Tier(percent="10", at_least="99", below="98"),))}, "it holds nothing"),
    ],
    ids=["indicator", "target", "comparison", "no-bounds", "empty-tier"],
)
def test_an_objective_that_cannot_be_judged_names_itself(changed, message):
    with pytest.raises(UsageError, match="contract c version 1, wifi/availability.*" + message):
        rules.objective(CONTRACT, ITEM, replace(OBJECTIVE, **changed))


def test_a_class_without_an_approver_excuses_by_our_own_measurement():
    assert typed(exclusions=(CLASS,)).excused == frozenset({Cause.POWER})
