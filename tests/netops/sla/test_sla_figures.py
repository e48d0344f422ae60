"""Credits, the sliding window, percentiles, loss, weak coverage, repair times, and how numbers are written."""

from decimal import Decimal
from fractions import Fraction
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.model import Credits, Tier
from netops.errors import UsageError
from netops.sla import credit, mef, numbers, percentiles, repair
from netops.sla.intervals import Cause, Interval, State

AWS = (
    Tier(percent="10", below="99.99", at_least="99.0"),
    Tier(percent="30", below="99.0", at_least="95.0"),
    Tier(percent="100", below="95"),
)


@pytest.mark.parametrize(
    ("value", "owed"),
    [("99.99", 0), ("99.9899", 10), ("99.0", 10), ("98.9999", 30), ("95.0", 30), ("94.9999", 100), ("100", 0)],
)
def test_credit_tiers_of_a_public_cloud(value, owed):
    assert credit.percent(Fraction(value), AWS) == owed


def test_tiers_look_at_the_unrounded_value():
    just_below = Fraction("99.99") - Fraction(1, 10**15)

    assert credit.percent(just_below, AWS) == 10
    assert numbers.shown(just_below, 4) == "99.9899"


@pytest.mark.parametrize(
    ("before", "owed"), [(1, Fraction(30)), (2, Fraction(45)), (3, Fraction(45))], ids=["once", "twice", "thrice"]
)
def test_repeated_breaches_escalate_and_caps_bind_last(before, owed):
    schedule = Credits(
        tiers=AWS, escalate_after=2, escalate_factor="2", object_cap_percent="50", period_cap_percent="45"
    )

    assert credit.owed_percent(Fraction(98), schedule, breaches_before=before) == owed


@pytest.mark.parametrize(
    ("amount", "expected"),
    [("1.005", "1.01"), ("1.004999", "1.00"), ("0", "0.00"), ("12345678901234567890.125", "12345678901234567890.13")],
)
def test_money_is_rounded_once_half_up(amount, expected):
    assert credit.money(Fraction(amount)) == Decimal(expected)


@pytest.mark.parametrize(
    ("value", "places", "expected"),
    [
        (Fraction(999999, 10000), 3, "99.999"),
        (Fraction(999999, 1000000), 4, "0.9999"),
        (Fraction(2, 3), 6, "0.666666"),
        (Fraction(-1, 3), 2, "-0.34"),
        (Fraction(100), 0, "100"),
    ],
)
def test_display_rounds_down(value, places, expected):
    assert numbers.shown(value, places) == expected


def row(*bad, size=100):
    marks = {i for part in bad for i in (part if isinstance(part, range) else [part])}
    return [i in marks for i in range(size)]


def test_nine_bad_intervals_are_high_loss_and_ten_are_unavailable():
    found = mef.judge(row(range(20, 29), range(40, 50)))

    assert [i for i, up in enumerate(found.available) if not up] == list(range(40, 50))
    assert (found.availability, found.hli, found.chli) == (Fraction(90, 100), 9, 1)


def test_unavailable_time_goes_on_until_ten_good_intervals_in_a_row():
    found = mef.judge(row(range(30, 40), 45))

    assert [i for i, up in enumerate(found.available) if not up] == list(range(30, 46))


def test_a_loss_of_exactly_the_threshold_is_not_bad():
    assert mef.bad([Fraction(1, 2), Fraction(501, 1000)]) == [False, True]


@pytest.mark.parametrize(
    ("p", "nearest", "linear"), [(5, 15, 16), (30, 20, 23), (40, 20, 29), (50, 35, 35), (95, 50, 48)]
)
def test_percentiles_by_named_estimator(p, nearest, linear):
    values = [15, 20, 35, 40, 50]

    assert (percentiles.nearest_rank(values, p), percentiles.linear(values, p)) == (nearest, linear)


def test_a_lost_packet_is_infinite_delay():
    values = [10] * 94 + [percentiles.LOST] * 6

    assert (percentiles.nearest_rank(values, 94), percentiles.nearest_rank(values, 95)) == (10, inf)
    assert percentiles.linear(values, 95) == inf


@given(st.lists(st.integers(-1000, 1000), min_size=1), st.integers(1, 100))
def test_a_percentile_lies_between_the_extremes(values, p):
    assert min(values) <= percentiles.nearest_rank(values, p) <= max(values)
    assert min(values) <= percentiles.linear(values, p) <= max(values)


def test_loss_as_ratio_of_sums_and_as_mean_of_ratios():
    pairs = [(931, 0), (2150, 0), (674, 2), (186, 5), (883, 6), (131, 5), (2365, 12), (2147, 0), (2085, 2), (2260, 3)]

    assert round(float(percentiles.ratio_of_sums(pairs) * 100), 6) == 0.252762
    assert round(float(percentiles.mean_of_ratios(pairs) * 100), 6) == 0.799828


@pytest.mark.parametrize(
    ("samples", "weak", "expected"),
    [(816, 71, 8.701), (549, 24, 4.3716), (79638, 6135, 7.7036), (18720, 2513, 13.4241)],
)
def test_weak_coverage_is_the_share_below_the_threshold(samples, weak, expected):
    rsrp = [-106] * weak + [-105] * (samples - weak)

    assert round(float(percentiles.weak_share(rsrp, -105) * 100), 4) == expected


def test_no_samples_have_no_percentile():
    with pytest.raises(UsageError, match="at least one value"):
        percentiles.nearest_rank([], 50)


def test_incidents_repair_and_failure_times_with_an_open_one():
    up, down = State.UP, State.DOWN
    intervals = [
        Interval(0, 100, up),
        Interval(100, 110, down, Cause.CARRIER, "a"),
        Interval(110, 140, down, Cause.POWER, "b"),
        Interval(140, 900, up),
        Interval(900, 1000, down, Cause.CARRIER, "c"),
    ]
    found = repair.incidents(intervals)

    assert [(each.length_ms, each.cause, each.censored) for each in found] == [
        (40, Cause.POWER, False),
        (100, Cause.CARRIER, True),
    ]
    assert repair.mttr(found) == repair.Mean(value_ms=Fraction(70), count=2, censored=1)
    assert repair.mtbf(found, 860) == repair.Mean(value_ms=Fraction(430), count=2, censored=1)


def test_an_outage_beside_unknown_time_is_censored():
    found = repair.incidents([Interval(0, 5, State.UP), Interval(5, 9, State.DOWN), Interval(9, 12, State.UNKNOWN)])

    assert [each.censored for each in found] == [True]
