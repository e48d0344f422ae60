"""Laws that hold for every history and every contract."""

from fractions import Fraction
from itertools import pairwise

from hypothesis import assume, given
from hypothesis import strategies as st

from netops.sla import availability, timeline
from netops.sla.aggregate import Aggregation, Object, by_time, united
from netops.sla.availability import DegradedMode, ExclusionMode, Modes, UnknownMode
from netops.sla.intervals import Cause, State, intersect, subtract, total, union
from netops.sla.timeline import Edge, Sample

M = 60_000
N = 40
letters = st.lists(st.sampled_from([*State, None]), min_size=N, max_size=N)
modes = st.builds(
    Modes,
    exclusion=st.sampled_from(ExclusionMode),
    unknown=st.sampled_from(UnknownMode),
    degraded=st.sampled_from(DegradedMode),
    max_unknown_ratio=st.just(Fraction(1)),
)
spans = st.lists(st.tuples(st.integers(0, N * M), st.integers(0, N * M)), max_size=4).map(
    lambda pairs: union((min(p), max(p)) for p in pairs)
)
edges = st.sampled_from(Edge)
WINDOW = ((0, N * M),)


def samples(states):
    return [Sample(i * M, i * M, state) for i, state in enumerate(states) if state is not None]


def intervals(given_samples, **rules):
    runs = timeline.runs(given_samples, step_ms=M)
    return timeline.intervals(timeline.stretches(runs, step_ms=M), start_ms=0, end_ms=N * M, **rules)


def tally(states, excluded, mode, *, judged=WINDOW, edge=Edge.FIRST_BAD, minimum=0):
    found = intervals(samples(states), edge=edge, minimum_ms=minimum)
    return availability.tally(found, judged=judged, excluded=excluded, degraded=mode.degraded)


@given(letters, edges, st.integers(0, 5), st.integers(0, 20))
def test_intervals_cover_the_window_exactly(states, edge, minimum, least):
    found = intervals(samples(states), edge=edge, minimum_ms=minimum * M, minimum_samples=least, slice_ms=20 * M)

    assert found[0].start_ms == 0
    assert found[-1].end_ms == N * M
    assert all(a.end_ms == b.start_ms for a, b in pairwise(found))


@given(letters, spans, modes, edges)
def test_the_bounds_contain_the_value(states, excluded, mode, edge):
    found = availability.judge(tally(states, excluded, mode, edge=edge), mode)

    assert found.lower <= found.upper
    if found.ratio is not None:
        assert found.lower <= found.ratio <= found.upper


@given(letters, st.integers(0, N - 1), spans, modes, edges)
def test_adding_an_outage_never_raises_availability(states, at, excluded, mode, edge):
    """Of a slot that was good or bad; one that was unknown is another matter: then the outage is also knowledge."""
    # A degraded slot that counts as down counts whole; an outage with its edges half-way may lose half of its last.
    assume(not (states[at] is State.DEGRADED and mode.degraded is DegradedMode.AS_DOWN and edge is Edge.MIDPOINT))
    worse = [*states[:at], State.DOWN, *states[at + 1 :]]
    before = availability.judge(tally(states, excluded, mode, edge=edge), mode)
    after = availability.judge(tally(worse, excluded, mode, edge=edge), mode)

    assert after.lower <= before.lower or states[at] in {None, State.UNKNOWN}
    assert after.upper <= before.upper
    if states[at] not in {None, State.UNKNOWN} and before.ratio is not None and after.ratio is not None:
        assert after.ratio <= before.ratio


@given(letters, spans, modes, edges, st.integers(1, N * M - 1), st.integers(0, 4))
def test_splitting_a_period_and_adding_the_parts_is_exact(  # noqa: PLR0917
    states, excluded, mode, edge, cut, minimum
):
    whole = tally(states, excluded, mode, edge=edge, minimum=minimum * M)
    parts = [
        tally(states, excluded, mode, judged=part, edge=edge, minimum=minimum * M)
        for part in (((0, cut),), ((cut, N * M),))
    ]

    assert parts[0] + parts[1] == whole
    assert whole.whole == N * M


@given(letters, st.randoms(use_true_random=False))
def test_the_order_of_facts_does_not_matter(states, random):
    facts = [*samples(states), *samples(states)[::3]]
    shuffled = facts[:]
    random.shuffle(shuffled)

    assert timeline.runs(shuffled, step_ms=M) == timeline.runs(facts, step_ms=M)


@given(st.lists(letters, min_size=1, max_size=5), st.lists(spans, min_size=5, max_size=5), modes)
def test_any_down_is_never_better_than_the_mean_and_all_down_never_worse(histories, excluded, mode):
    objects = [Object(intervals=intervals(samples(each)), judged=WINDOW) for each in histories]
    whole = by_time([availability.tally(o.intervals, judged=WINDOW) for o in objects], Modes())
    any_ = by_time([united(objects, aggregation=Aggregation.ANY_DOWN)], Modes())
    all_ = by_time([united(objects, aggregation=Aggregation.ALL_DOWN)], Modes())

    assert any_.lower <= whole.lower <= all_.lower
    assert any_.upper <= whole.upper <= all_.upper


@given(spans, spans, spans)
def test_the_algebra_of_spans_is_that_of_sets(a, b, c):
    assert total(union(a, b)) == total(a) + total(b) - total(intersect(a, b))
    assert union(subtract(a, b), intersect(a, b)) == a
    assert intersect(a, union(b, c)) == union(intersect(a, b), intersect(a, c))
    assert subtract(a, union(b, c)) == subtract(subtract(a, b), c)


def test_cause_none_is_the_empty_word():
    assert Cause("") is Cause.NONE
