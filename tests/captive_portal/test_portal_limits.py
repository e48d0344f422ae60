"""How often somebody may try."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from captive_portal.limits import Limit, Rate, Rates

MANY = Rate(burst=10**9, every_ms=1)
HERE = "site-1"


def of(client: Rate, site: Rate = MANY, city: Rate = MANY, **bounds: int) -> Limit:
    return Limit(Rates(client=client, site=site, city=city), **bounds)


def test_a_burst_then_one_more_each_interval() -> None:
    limit = of(Rate(burst=3, every_ms=1000))

    assert [limit.take(b"a", HERE, 0) for _ in range(4)] == [0, 0, 0, 1000]
    assert limit.take(b"a", HERE, 999) == 1
    assert limit.take(b"a", HERE, 1000) == 0
    assert limit.take(b"a", HERE, 1000) == 1000
    assert limit.denied == 3


def test_clients_do_not_pay_for_one_another_until_all_do() -> None:
    limit = of(Rate(burst=2, every_ms=1000), Rate(burst=3, every_ms=500))

    assert limit.take(b"a", HERE, 0) == limit.take(b"a", HERE, 0) == 0
    assert limit.take(b"b", HERE, 0) == 0
    assert limit.take(b"c", HERE, 0) == 500


def test_a_flood_from_one_site_leaves_every_other_site_its_tries() -> None:
    """Many MACs at one site: that site's bucket is empty, nobody else notices."""
    limit = of(Rate(burst=5, every_ms=1000), Rate(burst=20, every_ms=1000), Rate(burst=200, every_ms=100))
    flood = [limit.take(number.to_bytes(4, "big"), "attacked", 0) for number in range(1000)]

    assert flood.count(0) == 20
    assert limit.take(b"honest", "attacked", 0) > 0
    assert [limit.take(b"honest", f"calm-{n}", 0) for n in range(5)] == [0] * 5


def test_the_city_bounds_what_all_sites_cost_together() -> None:
    limit = of(Rate(burst=5, every_ms=1000), Rate(burst=20, every_ms=1000), Rate(burst=50, every_ms=100))
    taken = [limit.take(b"%d" % n, f"site-{n % 10}", 0) for n in range(200)]

    assert taken.count(0) == 50


def test_who_is_refused_has_spent_nothing_of_anybodys() -> None:
    limit = of(Rate(burst=1, every_ms=1000), Rate(burst=2, every_ms=1000), Rate(burst=3, every_ms=1000))
    limit.take(b"a", HERE, 0)
    for _ in range(10):
        assert limit.take(b"a", HERE, 0) > 0

    assert limit.take(b"b", HERE, 0) == 0
    assert limit.take(b"c", "elsewhere", 0) == 0


def test_what_held_is_given_back() -> None:
    limit = of(*[Rate(burst=1, every_ms=10_000)] * 3)

    for _ in range(5):
        assert limit.take(b"a", HERE, 0) == 0
        limit.give_back(b"a", HERE)
    limit.give_back(b"stranger", "elsewhere")

    assert limit.take(b"a", HERE, 0) == 0
    assert limit.take(b"a", HERE, 0) > 0


def test_memory_is_bounded() -> None:
    limit = of(Rate(burst=1, every_ms=10**9), clients=100, sites=10)

    for number in range(1000):
        limit.take(number.to_bytes(4, "big"), f"site-{number}", 0)

    assert limit.held() == 100 + 10 + 1


@given(st.lists(st.integers(min_value=-5000, max_value=5000), max_size=60))
def test_no_walk_of_the_clock_gives_more_than_burst_and_growth(steps: list[int]) -> None:
    limit, now_ms, forward, taken = of(Rate(burst=4, every_ms=1000)), 0, 0, 0
    for passed_ms in steps:
        now_ms += passed_ms
        forward += max(0, passed_ms)
        taken += limit.take(b"a", HERE, now_ms) == 0

    assert taken <= 4 + forward // 1000
