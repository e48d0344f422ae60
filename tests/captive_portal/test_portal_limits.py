"""How often somebody may try."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from captive_portal.limits import Limit, Rate

MANY = Rate(burst=10**9, every_ms=1)


def test_a_burst_then_one_more_each_interval() -> None:
    limit = Limit(Rate(burst=3, every_ms=1000), MANY)

    assert [limit.take(b"a", 0) for _ in range(4)] == [0, 0, 0, 1000]
    assert limit.take(b"a", 999) == 1
    assert limit.take(b"a", 1000) == 0
    assert limit.take(b"a", 1000) == 1000
    assert limit.denied == 3


def test_clients_do_not_pay_for_one_another_until_all_do() -> None:
    limit = Limit(Rate(burst=2, every_ms=1000), Rate(burst=3, every_ms=500))

    assert limit.take(b"a", 0) == limit.take(b"a", 0) == 0
    assert limit.take(b"b", 0) == 0
    assert limit.take(b"c", 0) == 500


def test_what_held_is_given_back() -> None:
    limit = Limit(Rate(burst=1, every_ms=10_000), Rate(burst=1, every_ms=10_000))

    for _ in range(5):
        assert limit.take(b"a", 0) == 0
        limit.give_back(b"a")
    limit.give_back(b"stranger")

    assert limit.take(b"a", 0) == 0
    assert limit.take(b"a", 0) > 0


def test_memory_is_bounded() -> None:
    limit = Limit(Rate(burst=1, every_ms=10**9), MANY, clients=100)

    for number in range(1000):
        limit.take(number.to_bytes(4, "big"), 0)

    assert len(limit._books) == 100


@given(st.lists(st.integers(min_value=-5000, max_value=5000), max_size=60))
def test_no_walk_of_the_clock_gives_more_than_burst_and_growth(steps: list[int]) -> None:
    limit, now_ms, forward, taken = Limit(Rate(burst=4, every_ms=1000), MANY), 0, 0, 0
    for passed_ms in steps:
        now_ms += passed_ms
        forward += max(0, passed_ms)
        taken += limit.take(b"a", now_ms) == 0

    assert taken <= 4 + forward // 1000
