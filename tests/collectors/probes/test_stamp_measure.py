"""From echoes to figures: known losses, delays and clocks must come out as they went in."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.probes.stamp.measure import figures
from collectors.probes.stamp.session import Echo
from collectors.probes.stamp.timestamps import ErrorEstimate

MS = 1_000_000
NOW = 1_795_719_388_000_000_000
GOOD = ErrorEstimate.of(40_000, synchronised=True).field()
LOOSE = ErrorEstimate.of(40_000, synchronised=False).field()


def echo(sequence, reflected=None, *, there=5 * MS, back=8 * MS, inside=MS, drift=0, ours=GOOD, theirs=GOOD, skew=0):
    t1 = NOW + sequence * 50 * MS
    t2 = t1 + there + skew
    t3 = t2 + inside
    t4 = t1 + there + inside + back
    number = sequence if reflected is None else reflected
    return Echo(sequence, number, t1, t2, t3, t4 + drift, drift, 64, ours, theirs)


def judge(echoes, sent=10, *, stateful=True, limit_ms=1.0):
    return figures(echoes, sent=sent, stateful=stateful, limit_ns=int(limit_ms * MS))


def test_each_way_has_its_own_delay_and_the_reflectors_time_is_in_none():
    seen = judge([echo(n) for n in range(10)])

    assert [way.percentile(50) for way in (seen.there, seen.back, seen.round_trip)] == [5 * MS, 8 * MS, 13 * MS]
    assert (seen.there.lost, seen.back.lost, seen.unplaced, seen.lost) == (0, 0, 0, 0)


@given(st.lists(st.sampled_from(["ok", "there", "back"]), min_size=1, max_size=60))
def test_losses_are_placed_by_the_reflectors_numbers(fates):
    counted, echoes = 0, []
    for sequence, fate in enumerate(fates):
        if fate == "there":
            continue
        if fate == "ok":
            echoes.append(echo(sequence, counted))
        counted += 1
    last = max((n for n, fate in enumerate(fates) if fate == "ok"), default=None)

    seen = judge(echoes, sent=len(fates))

    if last is None:
        assert (seen.there.lost, seen.back.lost, seen.unplaced) == (None, None, len(fates))
    else:
        before = fates[: last + 1]
        assert (seen.there.lost, seen.back.lost) == (before.count("there"), before.count("back"))
        assert seen.unplaced == len(fates) - last - 1
    assert seen.lost == len(fates) - fates.count("ok")


def test_a_lost_packet_is_an_infinite_delay_on_its_own_way_only():
    echoes = [echo(0, 0), *(echo(n, n - 1) for n in range(2, 10))]  # packet 1 never reached the reflector

    seen = judge(echoes)

    assert (seen.there.percentile(99), seen.there.percentile(50)) == (inf, 5 * MS)
    assert seen.back.percentile(99) == 8 * MS
    assert seen.round_trip.percentile(99) == inf


def test_with_a_stateless_reflector_a_loss_counts_both_ways_and_is_placed_nowhere():
    seen = judge([echo(n) for n in range(9)], stateful=False)

    assert (seen.there.lost, seen.back.lost, seen.unplaced) == (None, None, 1)
    assert (seen.there.percentile(99), seen.back.percentile(99)) == (inf, inf)


def test_a_doubled_packet_is_a_duplicate_and_no_loss():
    twice_there = [echo(0, 0), echo(0, 1), echo(1, 2), echo(2, 3)]
    twice_back = [echo(0, 0), echo(0, 0), echo(1, 1), echo(2, 2)]

    for echoes in (twice_there, twice_back):
        seen = judge(echoes, sent=3)

        assert (seen.duplicates, seen.there.lost, seen.back.lost, seen.lost) == (1, 0, 0, 0)


def test_what_overtakes_is_reordered_and_not_lost():
    seen = judge([echo(0, 0), echo(2, 1), echo(1, 2), echo(3, 3)], sent=4)

    assert (seen.reordered, seen.lost, seen.there.lost, seen.back.lost) == (1, 0, 0, 0)


def test_a_reflector_that_began_to_count_anew_places_no_loss():
    seen = judge([echo(0, 0), echo(1, 1), echo(3, 0), echo(4, 1)], sent=5)

    assert (seen.there.lost, seen.back.lost, seen.unplaced) == (None, None, 1)


@pytest.mark.parametrize(
    ("how", "limit_ms", "why"),
    [
        ({"ours": LOOSE}, 1, "not synchronised"),
        ({"theirs": LOOSE}, 1, "not synchronised"),
        ({}, 0.05, "further off"),
        ({"drift": 5 * MS}, 1, "stepped"),
        ({"inside": -MS}, 1, "went back"),
        ({"skew": 3_600_000 * MS}, 1, "before it left"),
        ({"skew": -6 * MS}, 1, "before it left"),
    ],
    ids=["ours loose", "theirs loose", "too far off", "step", "reflector went back", "an hour ahead", "behind"],
)
def test_a_one_way_delay_stands_only_with_good_clocks_the_round_trip_always(how, limit_ms, why):
    seen = judge([echo(n, **how) for n in range(10)], limit_ms=limit_ms)

    assert why in seen.there.invalid
    assert (seen.there.percentile(50), seen.back.percentile(50)) == (None, None)
    assert 12 * MS <= seen.round_trip.percentile(50) <= 13 * MS
    assert (seen.there.lost, seen.back.lost) == (0, 0)


def test_a_delay_below_zero_within_the_clocks_error_is_not_clamped():
    assert judge([echo(n, there=MS // 50, skew=-MS // 20) for n in range(10)]).there.percentile(50) == -3 * MS // 100


def test_variation_needs_no_clocks_that_agree_but_neighbours():
    delays = [5, 7, 5, 5, 9]
    echoes = [echo(n, there=d * MS, ours=LOOSE, skew=10_000 * MS) for n, d in enumerate(delays) if n != 2]

    seen = judge(echoes, sent=5)

    assert seen.there.variation == (2 * MS, 4 * MS)
    assert seen.there.spread() == 4 * MS
    assert seen.back.spread() == 0


def test_nothing_answered_is_all_lost_and_says_no_more():
    seen = judge([], sent=10)

    assert (seen.lost, seen.loss, seen.unplaced) == (10, 1, 10)
    assert seen.round_trip.percentile(50) == inf
    assert seen.round_trip.spread() is None
