"""How long something took, of a minute: by one estimator, the one that contracts name; and added up for a mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from captive_portal.figures import Times, ranked
from netops.metrics import portal


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ([], {}),
        ([7], {50: 7, 95: 7}),
        ([9, 1], {50: 1, 95: 9}),  # two: the gateway of Portal 2.0 said the greater for the median
        (list(range(20, 0, -1)), {50: 10, 95: 19}),
        (list(range(1, 101)), {50: 50, 95: 95}),
    ],
    ids=["none", "one", "two", "twenty", "hundred"],
)
def test_percentiles_are_of_the_nearest_rank(samples, expected) -> None:
    assert ranked(samples) == expected


@given(some.lists(some.integers(0, 10**6), min_size=1, max_size=60))
def test_a_percentile_is_the_least_sample_that_so_many_do_not_exceed(samples) -> None:
    for rank, found in ranked(samples).items():
        assert found in samples
        assert sum(each <= found for each in samples) * 100 >= rank * len(samples)
        assert sum(each < found for each in samples) * 100 < rank * len(samples)


def timed(*took_ms, metric=portal.TIME_TO_ONLINE):
    made = Times(metric)
    for each in took_ms:
        made.add(each)
    return made


def test_times_are_added_up_beside_their_count_each_at_most_a_hundred_seconds():
    one = timed(4_000, 250_000, -3)
    one.join(timed(1_500))

    assert one.values()["portal.login.time.sum"] == 105_500
    assert one.values()["portal.login.time.timed"] == 4
    assert one.body("time_to_online")["time_to_online_ms_sum"] == 105_500


def test_what_no_contract_promises_as_a_mean_is_not_added_up():
    assert "portal.controller.time.sum" not in timed(40, metric=portal.OPENING).values()
    assert "gateway_ms_sum" not in timed(40, metric=portal.OPENING).body("gateway")
