"""The Wilson interval: the example of the SLA rules, and what holds for every sample."""

from decimal import Decimal, getcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netops.coverage import wilson

Z = Fraction("1.96")


def test_96_of_100_passes_by_point_and_not_by_bound():
    low, high = wilson.interval(Fraction(96, 100), Fraction(100), z=Z)

    assert (low, high) == (Fraction("0.9016"), Fraction("0.9844"))
    assert not wilson.is_at_least(Fraction(96, 100), Fraction(100), Fraction(95, 100), z=Z)
    assert not wilson.is_below(Fraction(96, 100), Fraction(100), Fraction(95, 100), z=Z)


def test_the_ends_at_six_digits_agree_with_the_roots_in_decimal():
    getcontext().prec = 50
    p, n, z = Decimal("0.96"), Decimal(100), Decimal("1.96")
    half = z * (p * (1 - p) / n + z * z / (4 * n * n)).sqrt()
    roots = [(p + z * z / (2 * n) + sign * half) / (1 + z * z / n) for sign in (-1, 1)]
    low, high = wilson.interval(Fraction(96, 100), Fraction(100), z=Z, digits=6)

    for shown, root, sign in zip((low, high), roots, (1, -1), strict=True):
        off = (root - Decimal(shown.numerator) / shown.denominator) * sign
        assert 0 <= off < Decimal("1e-6")


@pytest.mark.parametrize(
    ("good", "n", "target", "reached"),
    [
        pytest.param(100, 100, "1", False, id="nothing-measured-shows-all"),
        pytest.param(0, 100, "0", True, id="nothing-promised"),
        pytest.param(95, 100, "0.95", False, id="the-share-itself-is-not-its-lower-end"),
        pytest.param(10, 10, "0.72", True, id="10-of-10-show-72-percent"),
        pytest.param(10, 10, "0.73", False, id="10-of-10-do-not-show-73-percent"),
    ],
)
def test_the_lower_end_is_compared_exactly(good, n, target, reached):
    assert wilson.is_at_least(Fraction(good, n), Fraction(n), Fraction(target), z=Z) is reached


def test_a_target_at_the_lower_end_itself_is_reached():
    # n (1 - p0) = z^2 p0 at p0 = n / (n + z^2): the lower end of n of n, here 12 / (12 + 4).
    assert wilson.is_at_least(Fraction(1), Fraction(12), Fraction(3, 4), z=Fraction(2))


def test_an_end_with_few_decimals_is_shown_as_it_is():
    # One of one at one standard error: n / (n + z^2) is a half, and no root is left to round.
    assert wilson.interval(Fraction(1), Fraction(1), z=Fraction(1)) == (Fraction(1, 2), Fraction(1))
    assert wilson.interval(Fraction(0), Fraction(1), z=Fraction(1)) == (Fraction(0), Fraction(1, 2))


def test_a_part_that_counts_for_nothing_or_all_shifts_the_ends():
    low, high = wilson.interval(Fraction(1), Fraction(1), z=Fraction(1), scale=Fraction(3, 4), added=Fraction(1, 4))

    assert (low, high) == (Fraction(5, 8), Fraction(1))


SAMPLES = st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
SHARES = st.fractions(0, 1, max_denominator=1000)


@given(SAMPLES, SHARES)
def test_the_interval_shown_holds_the_share_and_agrees_with_both_verdicts(sample, target):
    good, n = sample
    share, size = Fraction(good, n), Fraction(n)
    low, high = wilson.interval(share, size, z=Z, digits=9)
    met = wilson.is_at_least(share, size, target, z=Z)
    missed = wilson.is_below(share, size, target, z=Z)

    assert low <= share <= high
    assert not (met and missed)
    if met:
        assert target <= low + Fraction(1, 10**9)
    else:
        assert target >= low
    if missed:
        assert target >= high - Fraction(1, 10**9)
    else:
        assert target <= high


def test_no_samples_are_no_interval():
    with pytest.raises(ValueError, match="n above 0"):
        wilson.interval(Fraction(1, 2), Fraction(0), z=Z)
