"""A timeline covers its window without overlap, and what nobody measured is never up or down."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from dashboards.charts import Span
from dashboards.timeline import spans
from netops.model import OURS, Reason
from netops.store import Outcome

MINUTE = 60_000


def polled(slot, outcome="answered"):
    return Outcome(device="d", slot_ms=slot, at_ms=slot, outcome=outcome, attempts=1, rtt_ms=None, lag_ms=0.0)


def test_a_poll_speaks_for_its_interval():
    made = spans([polled(0), polled(MINUTE)], start_ms=0, end_ms=2 * MINUTE, interval_ms=MINUTE)

    assert made == [Span(0, 2 * MINUTE, "U")]


def test_a_slot_without_a_poll_is_not_measured():
    made = spans([polled(0), polled(3 * MINUTE)], start_ms=0, end_ms=4 * MINUTE, interval_ms=MINUTE)

    assert made == [Span(0, MINUTE, "U"), Span(MINUTE, 3 * MINUTE, "N"), Span(3 * MINUTE, 4 * MINUTE, "U")]


def test_a_little_jitter_is_no_gap():
    made = spans([polled(0), polled(MINUTE + 20_000)], start_ms=0, end_ms=2 * MINUTE, interval_ms=MINUTE)

    assert made == [Span(0, 2 * MINUTE, "U")]


def test_nothing_polled_is_nothing_known():
    assert spans([], start_ms=0, end_ms=MINUTE, interval_ms=MINUTE) == [Span(0, MINUTE, "N")]


@given(st.sampled_from(sorted(OURS)))
def test_our_own_fault_is_never_the_carriers(reason):
    made = spans([polled(0, reason.value)], start_ms=0, end_ms=MINUTE, interval_ms=MINUTE)

    assert made == [Span(0, MINUTE, "N")]


def test_silence_is_no_answer():
    made = spans([polled(0, Reason.NO_ANSWER.value)], start_ms=0, end_ms=MINUTE, interval_ms=MINUTE)

    assert made == [Span(0, MINUTE, "X")]


@given(
    st.lists(
        st.tuples(st.integers(-200_000, 700_000), st.sampled_from(["answered", "no_answer", "deadline"])), max_size=40
    )
)
def test_the_spans_are_contiguous_and_cover_the_window(polls):
    outcomes = [polled(slot, outcome) for slot, outcome in sorted(dict(polls).items())]
    made = spans(outcomes, start_ms=0, end_ms=600_000, interval_ms=MINUTE)

    assert made[0].start_ms == 0
    assert made[-1].end_ms == 600_000
    assert all(a.end_ms == b.start_ms and a.state != b.state for a, b in pairwise(made))
