"""From slots to intervals: edges, missing slots, sparse hours, brief outages, clock steps."""

import pytest

from netops.errors import UsageError
from netops.sla import timeline
from netops.sla.intervals import Cause, Interval, State
from netops.sla.timeline import Edge, Run, Sample

M = 60_000
STATES = {"u": State.UP, "d": State.DOWN, "?": State.UNKNOWN, "g": State.DEGRADED}


def samples(text):
    """One letter a minute; a dot is a slot that is not there."""
    return [Sample(i * M, i * M + 5, STATES[letter], Cause.NONE) for i, letter in enumerate(text) if letter != "."]


def told(text, *, clock_steps=(), **rules):
    runs = timeline.runs(samples(text), step_ms=M, clock_steps=clock_steps)
    found = timeline.intervals(timeline.stretches(runs, step_ms=M), start_ms=0, end_ms=len(text) * M, **rules)
    return [
        (each.state.name[0] if each.state is not State.UNKNOWN else "?", each.start_ms, each.end_ms) for each in found
    ]


@pytest.mark.parametrize(
    ("edge", "expected"),
    [
        (Edge.FIRST_BAD, [("U", 0, 2 * M), ("D", 2 * M, 4 * M), ("U", 4 * M, 6 * M)]),
        (Edge.LAST_GOOD, [("U", 0, M), ("D", M, 4 * M), ("U", 4 * M, 6 * M)]),
        (Edge.MIDPOINT, [("U", 0, 90_000), ("D", 90_000, 210_000), ("U", 210_000, 6 * M)]),
    ],
)
def test_an_outage_begins_where_the_contract_puts_its_edge(edge, expected):
    assert told("uudduu", edge=edge) == expected


@pytest.mark.parametrize("edge", [Edge.LAST_GOOD, Edge.MIDPOINT])
def test_an_edge_beside_unknown_time_does_not_move(edge):
    assert told("u?dd?u", edge=edge) == [
        ("U", 0, M),
        ("?", M, 2 * M),
        ("D", 2 * M, 4 * M),
        ("?", 4 * M, 5 * M),
        ("U", 5 * M, 6 * M),
    ]


def test_last_good_swallows_a_single_good_slot_between_two_bad_ones():
    assert told("dudu", edge=Edge.LAST_GOOD) == [("D", 0, 3 * M), ("U", 3 * M, 4 * M)]


def test_a_missing_slot_is_unknown_and_never_filled():
    assert told("uu.uu") == [("U", 0, 2 * M), ("?", 2 * M, 3 * M), ("U", 3 * M, 5 * M)]


def test_a_clock_step_closes_the_interval():
    assert told("uuuu", clock_steps=[M + 30_000]) == [("U", 0, M), ("?", M, 2 * M), ("U", 2 * M, 4 * M)]


def test_a_sample_asked_outside_its_slot_proves_nothing():
    late = [Sample(0, 0, State.UP), Sample(M, 2 * M, State.DOWN), Sample(2 * M, 2 * M, State.UP)]

    assert [each.state for each in timeline.runs(late, step_ms=M)] == [State.UP, State.UNKNOWN, State.UP]


def test_repeated_samples_count_once_and_contradicting_ones_not_at_all():
    twice = [*samples("uu"), *samples("uu"), Sample(M, M, State.DOWN)]

    assert timeline.runs(twice, step_ms=M) == [
        Run(0, 0, 1, State.UP),
        Run(M, M, 1, State.UNKNOWN, Cause.MONITOR, "contradicting samples"),
    ]


@pytest.mark.parametrize(
    ("text", "minimum", "expected"),
    [
        ("uduu", 2 * M, [("U", 0, M), ("U", M, 2 * M), ("U", 2 * M, 4 * M)]),
        ("uddu", 2 * M, [("U", 0, M), ("D", M, 3 * M), ("U", 3 * M, 4 * M)]),
    ],
    ids=["shorter", "as-long-as"],
)
def test_an_outage_shorter_than_the_minimum_counts_as_up(text, minimum, expected):
    assert told(text, minimum_ms=minimum) == expected


def test_an_hour_with_too_few_samples_is_unknown_as_a_whole():
    text = "u" * 60 + "u" * 10 + "." * 50 + "u" * 60
    most, enough = told(text, minimum_samples=11), told(text, minimum_samples=10)

    assert most == [("U", 0, 60 * M), ("?", 60 * M, 70 * M), ("?", 70 * M, 120 * M), ("U", 120 * M, 180 * M)]
    assert enough == [("U", 0, 70 * M), ("?", 70 * M, 120 * M), ("U", 120 * M, 180 * M)]


def test_a_run_whose_count_does_not_fit_its_slots_is_refused():
    with pytest.raises(UsageError, match="claims 3 slots; expected 2"):
        timeline.stretches([Run(0, M, 3, State.UP)], step_ms=M)


@pytest.mark.parametrize("end", [5, 4], ids=["empty", "negative"])
def test_a_negative_interval_is_refused_never_clamped(end):
    with pytest.raises(UsageError, match="empty or negative"):
        Interval(5, end, State.UP)
