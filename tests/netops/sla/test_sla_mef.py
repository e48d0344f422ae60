"""MEF's sliding window over a timeline: the standard's row of intervals, with what was not measured left open."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netops.sla import mef
from netops.sla.intervals import Cause, Interval, State

STATES = {"u": State.UP, "d": State.DOWN, "g": State.DEGRADED, "?": State.UNKNOWN}
STEP = 60
DOWN = frozenset({State.DOWN})


def line(letters):
    return [
        Interval(i * STEP, (i + 1) * STEP, STATES[each], Cause.CARRIER if each == "d" else Cause.NONE)
        for i, each in enumerate(letters)
    ]


def after(letters, n, bad=DOWN):
    """Return the letters of a row as the window makes them."""
    made = mef.windowed(line(letters), width_ms=n * STEP, bad=bad)
    names = {state: name for name, state in STATES.items()}
    return "".join(names[each.state] * (each.length_ms // STEP) for each in made)


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("uddduuuu", "udddUUUU"),
        ("udduuuuu", "uUUuuuuu"),  # two bad ones are no outage of three
        ("uddduudduuuu", "udddDDdduuuu"),  # two good ones end none
        ("uddd", "uddd"),
        ("uudd", "uuUU"),  # what the end cuts off decides nothing
        ("uddd?uuu", "uddd?uuu"),
        ("udd?uuuu", "u???uuuu"),  # with the gap bad it were an outage, with the gap good it is none
        ("uddduu?uuu", "uddd???uuu"),
        ("?uuu", "?uuu"),  # a gap in available time stays a gap
        ("dddguu", "ddduuu"),
    ],
)
def test_a_row_is_available_until_so_many_are_bad(before, expected):
    assert after(before, 3).replace("g", "u") == expected.lower()


def test_degraded_checks_are_bad_where_the_contract_counts_them_as_down():
    assert after("uggguuu", 3) == "uggguuu"
    assert after("uggguuu", 3, bad=frozenset({State.DOWN, State.DEGRADED})) == "uddduuu"


def test_what_too_few_good_ones_do_not_end_goes_on_the_account_of_the_bad_ones_before():
    made = mef.windowed(line("dddu"), width_ms=3 * STEP, bad=DOWN)

    assert [(each.state, each.cause, each.because) for each in made] == [
        (State.DOWN, Cause.CARRIER, ""),
        (State.DOWN, Cause.CARRIER, mef.HELD),
    ]


@given(st.text("ud", min_size=1, max_size=60), st.integers(1, 6), st.integers(1, 6))
def test_a_row_without_gaps_is_what_the_standard_says(letters, n, p):
    made = mef.windowed(line(letters), width_ms=n * STEP, bad=DOWN)
    standard = mef.judge([each == "d" for each in letters], n=n, p=p)
    counted = mef.high_loss(made, ((0, len(letters) * STEP),), interval_ms=STEP, p=p)

    up = sum(each.length_ms for each in made if each.state is State.UP)
    assert Fraction(up, len(letters) * STEP) == standard.availability
    assert (counted.hli, counted.chli) == (standard.hli, standard.chli)


@given(st.text("ud?", min_size=1, max_size=40), st.integers(1, 5), st.randoms())
def test_whatever_the_gaps_were_the_truth_lies_within_the_bounds(letters, n, rng):
    found = after(letters, n)
    truth = after("".join(rng.choice("ud") if each == "?" else each for each in letters), n)

    assert all(one in (other, "?") for one, other in zip(found, truth, strict=True))
    assert all(one == "?" for one, other in zip(found, letters, strict=True) if other == "?")


def test_high_loss_is_counted_where_its_beginning_is_judged():
    made = mef.windowed(line("uddudduu"), width_ms=3 * STEP, bad=DOWN)

    assert mef.high_loss(made, ((0, 8 * STEP),), interval_ms=STEP, p=2) == mef.HighLoss(hli=4, chli=2)
    assert mef.high_loss(made, ((STEP + 1, 8 * STEP),), interval_ms=STEP, p=2) == mef.HighLoss(hli=3, chli=1)
