"""For how long a poll speaks is what the contract had agreed at its time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.city import Index
from inventory.snapshot import Snapshot


def index(**agreed):
    none = Snapshot.__new__(Snapshot)
    return Index(snapshot=none, haystack=(), by_device={}, by_site={}, children={}, agreed=agreed)


@pytest.mark.parametrize(
    ("slot", "step"), [(-1, 30), (0, 1800), (99, 1800), (100, 60), (199, 60), (200, 30), (10**15, 30)]
)
def test_each_version_has_its_own_step_and_outside_of_all_it_is_the_collectors(slot, step):
    made = index(c=((0, 100, 1800), (100, 200, 60))).step(["c"], 30)

    assert made(slot) == step


def test_a_poll_never_speaks_for_less_than_the_collectors_interval():
    assert index(c=((0, 100, 10),)).step(["c"], 30)(5) == 30


def test_without_a_contract_it_is_the_collectors_interval():
    assert index().step(["c"], 30)(5) == 30
    assert index().step([], 30)(5) == 30


SPELLS = st.lists(st.tuples(st.integers(0, 50), st.integers(1, 50), st.integers(1, 99)), max_size=6)


@given(SPELLS, SPELLS, st.integers(-5, 110))
def test_of_several_contracts_the_shortest_step_holds(one, other, slot):
    agreed = {name: tuple((at, at + long, ms) for at, long, ms in held) for name, held in (("a", one), ("b", other))}
    holding = [ms for held in agreed.values() for from_ms, to_ms, ms in held if from_ms <= slot < to_ms]

    assert index(**agreed).step(["a", "b"], 7)(slot) == max(7, min(holding, default=0))
