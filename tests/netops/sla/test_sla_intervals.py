"""Sets that grow by one interval at a time: by the product and by the verifier, against the plain algebra."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netops.evidence.lines import Gathered, length, merged
from netops.sla.intervals import Taken, intersect, subtract, total, union, within

PAIRS = st.tuples(st.integers(0, 40), st.integers(0, 40))
MANY = st.lists(PAIRS, max_size=12)


def ordered(pairs):
    return [pair for pair in pairs if pair[0] < pair[1]]


@given(MANY, PAIRS)
def test_what_lies_within_is_the_intersection(pairs, window):
    spans = union(ordered(pairs))

    assert within(spans, *window) == intersect(spans, tuple(ordered([window])))


@given(MANY)
def test_a_set_that_grows_is_the_union_of_what_was_added(pairs):
    taken, gathered = Taken(), Gathered()
    before = ()
    for pair in pairs:
        window = tuple(ordered([pair]))
        free = subtract(window, before)

        assert taken.free(window) == free
        assert gathered.lacking(*pair) == total(free)
        taken.add(window)
        gathered.add(*pair)
        before = union(before, window)
        assert taken.total_ms == gathered.length == total(before)
        assert gathered.edges == [edge for span in before for edge in span]


@pytest.mark.parametrize("pairs", [[(0, 2), (2, 4)], [(2, 4), (0, 2)], [(0, 1), (3, 4), (1, 3)]])
def test_what_touches_becomes_one(pairs):
    taken, gathered = Taken(), Gathered()
    for pair in pairs:
        taken.add((pair,))
        gathered.add(*pair)

    assert taken.free(((0, 5),)) == ((4, 5),)
    assert gathered.edges == [0, 4]
    assert length(merged(pairs)) == 4
