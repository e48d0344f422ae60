"""The verdict on coverage: what is known, how cells weigh, minima of areas, and laws."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netops.coverage.cells import HOUR_MS, Hour, Known, Rules, Table, look
from netops.coverage.judge import Outcome, Promise, hit_rate, judge

DAY = 24
NOW = 500_000 * HOUR_MS
RULES = Rules(level=-10500, min_hours=1, max_age_ms=30 * DAY * HOUR_MS)
PROMISE = Promise(rules=RULES, target=Fraction(95, 100), minimum=Fraction(50, 100))
GOOD, BAD = -9000, -11500


def hours(good, bad, *, ago=1):
    levels = [GOOD] * good + [BAD] * bad
    return {500_000 - ago - index: Hour(1, 0, level) for index, level in enumerate(levels)}


def one_area(cells):
    """Return a table and its one area of equal cells, from pairs of good and bad hours."""
    table = Table({f"c{index}": hours(*each) for index, each in enumerate(cells)})
    return table, {"a": {f"c{index}": 1000 for index in range(len(cells))}}


def test_100_equal_cells_of_one_hour_are_the_example_of_96_of_100():
    standing = judge(*one_area([(1, 0)] * 96 + [(0, 1)] * 4), PROMISE, at_ms=NOW).whole

    assert (standing.share, standing.n) == (Fraction(96, 100), 100)
    assert (standing.lower, standing.upper) == (Fraction("0.901627"), Fraction("0.984337"))
    assert (standing.outcome, standing.because) == (Outcome.NOT_DETERMINABLE, "bounds_hold_the_target")


@pytest.mark.parametrize(
    ("good", "outcome"),
    [(1000, Outcome.MET), (965, Outcome.MET), (950, Outcome.NOT_DETERMINABLE), (930, Outcome.MISSED)],
)
def test_of_1000_cells(good, outcome):
    assert judge(*one_area([(1, 0)] * good + [(0, 1)] * (1000 - good)), PROMISE, at_ms=NOW).whole.outcome is outcome


@pytest.mark.parametrize(
    ("measured", "known"),
    [
        pytest.param({}, Known.NEVER, id="never"),
        pytest.param(hours(2, 0), Known.FEW, id="few"),
        pytest.param(hours(9, 0, ago=31 * DAY), Known.OLD, id="old"),
        pytest.param(hours(2, 0) | hours(9, 0, ago=31 * DAY), Known.FEW, id="old-hours-do-not-help"),
        pytest.param(hours(3, 0), Known.KNOWN, id="enough"),
        pytest.param(hours(3, 0, ago=30 * DAY - 2), Known.KNOWN, id="the-oldest-that-counts"),
        pytest.param(hours(3, 0, ago=30 * DAY - 1), Known.FEW, id="an-hour-older"),
        pytest.param({500_001: Hour(1, 0, GOOD)}, Known.NEVER, id="measured-later"),
    ],
)
def test_a_cell_is_known_by_enough_fresh_hours(measured, known):
    rules = Rules(level=-10500, min_hours=3, max_age_ms=30 * DAY * HOUR_MS)

    assert look(measured, rules, at_ms=NOW).known is known


def test_a_thousand_samples_of_one_hour_count_once():
    table = Table()
    for _ in range(1000):
        table.add("c0", 499_999, Hour(1, 0, GOOD))
    standing = judge(table, {"a": {"c0": 1000}}, PROMISE, at_ms=NOW).whole

    assert standing.n == 1
    assert standing.outcome is Outcome.NOT_DETERMINABLE


def test_cells_weigh_by_their_own_surface():
    table = Table({"large": hours(50, 0), "small": hours(0, 50)})
    standing = judge(table, {"a": {"large": 12_800, "small": 10_000}}, PROMISE, at_ms=NOW).whole

    assert standing.share == Fraction(128, 228)
    assert standing.n == Fraction(22_800**2 * 50, 12_800**2 + 10_000**2)


def test_what_is_unknown_is_told_and_above_its_share_there_is_no_verdict():
    table, zones = one_area([(9, 0)] * 88)
    zones["a"] |= {f"dark{index}": 1000 for index in range(12)}
    standing = judge(table, zones, PROMISE, at_ms=NOW).whole

    assert standing.unknown == Fraction(12, 100)
    assert standing.cells == {"known": 88, "never_measured": 12, "too_few_hours": 0, "too_old": 0}
    assert (standing.outcome, standing.because) == (Outcome.NOT_DETERMINABLE, "too_much_unknown")


def test_an_area_below_its_minimum_fails_the_whole():
    table = Table({f"c{index}": hours(9, 0) for index in range(1000)} | {"dark": hours(0, 90)})
    zones = {"bright": {f"c{index}": 1000 for index in range(1000)}, "dim": {"dark": 1000}}
    coverage = judge(table, zones, PROMISE, at_ms=NOW)

    assert coverage.areas["bright"].outcome is Outcome.MET
    assert coverage.areas["dim"].outcome is Outcome.MISSED
    assert (coverage.whole.outcome, coverage.whole.because) == (Outcome.MISSED, "minimum_missed: dim")


def test_an_area_that_nobody_measured_leaves_the_whole_open():
    table, zones = one_area([(9, 0)] * 1000)
    coverage = judge(table, zones | {"b": {"dark": 1000}}, PROMISE, at_ms=NOW)

    assert coverage.areas["b"].share is None
    assert coverage.areas["b"].because == "nothing_known"
    assert coverage.whole.because == "minimum_not_determinable: b"


def test_samples_outside_of_all_areas_are_counted():
    table, zones = one_area([(9, 0)])
    table.add("elsewhere", 499_000, Hour(7, 0, 7 * GOOD))

    assert judge(table, zones, PROMISE, at_ms=NOW).outside == 7


def test_a_quality_that_is_promised_must_be_measured():
    rules = Rules(level=-10500, quality=0, min_hours=1)
    table = Table({"c0": {499_999: Hour(1, 0, GOOD)}, "c1": {499_999: Hour(1, 0, GOOD, 1, 300)}})

    assert [look(table.hours[cell], rules, at_ms=NOW).good for cell in ("c0", "c1")] == [0, 1]


def test_a_prediction_is_held_against_what_was_measured_and_changes_no_verdict():
    table = Table({"c0": hours(9, 0), "c1": hours(0, 9), "c2": hours(9, 0)})
    hit = hit_rate({"c0": -9000, "c1": -9000, "c2": -12000, "c3": -9000}, table, RULES, at_ms=NOW)

    assert (hit.claimed, hit.known, hit.hits) == (3, 2, 1)


CELLS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12)


@given(CELLS, st.lists(st.integers(1, 20_000), min_size=12, max_size=12))
def test_the_bounds_hold_the_share_and_n_is_at_most_the_hours(cells, surfaces):
    table = Table({f"c{index}": hours(*each) for index, each in enumerate(cells)})
    zones = {"a": {f"c{index}": surfaces[index] for index in range(len(cells))}}
    standing = judge(table, zones, PROMISE, at_ms=NOW).whole

    if standing.share is not None:
        assert standing.lower <= standing.share <= standing.upper
        assert 0 < standing.n <= sum(good + bad for good, bad in cells)


@given(CELLS, st.randoms(use_true_random=False))
def test_the_order_of_cells_does_not_matter(cells, order):
    table, zones = one_area(cells)
    names = list(zones["a"])
    order.shuffle(names)

    assert judge(table, zones, PROMISE, at_ms=NOW) == judge(
        Table({name: table.hours[name] for name in names}), {"a": dict.fromkeys(names, 1000)}, PROMISE, at_ms=NOW
    )


@given(CELLS, st.integers(0, 11))
def test_a_bad_hour_turned_good_never_makes_the_outcome_worse(cells, which):
    rank = {Outcome.MISSED: 0, Outcome.NOT_DETERMINABLE: 1, Outcome.MET: 2}
    which %= len(cells)
    good, bad = cells[which]
    better = [*cells[:which], (good + min(bad, 1), bad - min(bad, 1)), *cells[which + 1 :]]
    before, after = (judge(*one_area(each), PROMISE, at_ms=NOW).whole.outcome for each in (cells, better))

    assert rank[after] >= rank[before]
