"""Burn rates: the four alerts, and what a month still bears, exactly."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netops.sla import availability, burn
from netops.sla.availability import ExclusionMode, Modes, Tally, UnknownMode

H, M, D = 3_600_000, 60_000, 86_400_000


def test_the_four_alerts_for_30_days():
    """sla.md 4: 2 % in 1 h (5 m) 14.4; 5 % in 6 h (30 m) 6; 10 % in 1 d (2 h) 3; 10 % in 3 d (6 h) 1."""
    assert [(each.share, each.long_ms, each.short_ms, each.factor) for each in burn.ALERTS] == [
        (Fraction(2, 100), H, 5 * M, Fraction("14.4")),
        (Fraction(5, 100), 6 * H, 30 * M, 6),
        (Fraction(10, 100), D, 2 * H, 3),
        (Fraction(10, 100), 3 * D, 6 * H, 1),
    ]


@pytest.mark.parametrize(
    ("long", "short", "warns"), [("14.4", "14.4", True), ("14.3999", "99", False), ("99", "14.3999", False)]
)
def test_both_windows_must_burn(long, short, warns):
    assert burn.Burn(burn.ALERTS[0], Fraction(long), Fraction(short)).warns is warns


def test_a_window_of_which_nothing_is_known_never_warns():
    assert not burn.Burn(burn.ALERTS[3], None, Fraction(9)).warns
    assert not burn.Burn(burn.ALERTS[3], Fraction(9), None).warns


def test_a_rate_is_bad_time_over_what_the_target_leaves():
    assert burn.rate(Fraction(99, 100), Fraction("99.9")) == 10
    assert burn.rate(Fraction(1), Fraction("99.9")) == 0
    assert burn.rate(None, Fraction("99.9")) is None
    assert burn.rate(Fraction(1, 2), Fraction(100)) is None


TALLIES = st.builds(
    Tally,
    **{name: st.integers(0, 10**7) for name in ("up", "down", "unknown")},
    **{f"excluded_{name}": st.integers(0, 10**6) for name in ("up", "down", "unknown")},
)


@given(
    sums=TALLIES,
    rest=st.integers(0, 10**7),
    target=st.sampled_from(["90", "99.5", "99.99", "100"]),
    exclusion=st.sampled_from(ExclusionMode),
    unknown=st.sampled_from(UnknownMode),
)
def test_just_what_is_left_keeps_the_target_and_a_millisecond_more_misses_it(sums, rest, target, exclusion, unknown):
    modes = Modes(exclusion=exclusion, unknown=unknown, max_unknown_ratio=Fraction(1))
    left = burn.left(sums, modes, rest_ms=rest, target=Fraction(target))
    if left is None or left < 0 or left + 1 > rest:
        return

    def month_with(down):
        return availability.judge(sums + Tally(up=rest - down, down=down), modes).ratio * 100

    whole = left.numerator // left.denominator
    assert month_with(whole) >= Fraction(target)
    assert month_with(whole + 1) < Fraction(target)
