"""A timeline covers its window without overlap, and what nobody measured is never up or down."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards import subjects, timeline
from dashboards.charts import Span
from dashboards.courses import _rhythm
from dashboards.timeline import spans
from inventory.model import Device
from netops.model import OURS, Reason, Subject
from netops.sla.state import Place
from netops.store import Outcome, Reading

MINUTE = 60_000


def polled(slot, outcome="answered"):
    return Outcome(device="d", slot_ms=slot, at_ms=slot, outcome=outcome, attempts=1, rtt_ms=None, lag_ms=0.0)


def slot(at_ms, outcome="answered"):
    return timeline.polled([polled(at_ms, outcome)])[0]


def minutely(_slot_ms):
    return MINUTE


def test_a_poll_speaks_for_its_interval():
    made = spans([slot(0), slot(MINUTE)], start_ms=0, end_ms=2 * MINUTE, step=minutely)

    assert made == [Span(0, 2 * MINUTE, "U")]


def test_a_slot_without_a_poll_is_not_measured():
    made = spans([slot(0), slot(3 * MINUTE)], start_ms=0, end_ms=4 * MINUTE, step=minutely)

    assert made == [Span(0, MINUTE, "U"), Span(MINUTE, 3 * MINUTE, "N"), Span(3 * MINUTE, 4 * MINUTE, "U")]


def test_a_little_jitter_is_no_gap():
    made = spans([slot(0), slot(MINUTE + 20_000)], start_ms=0, end_ms=2 * MINUTE, step=minutely)

    assert made == [Span(0, 2 * MINUTE, "U")]


def test_nothing_polled_is_nothing_known():
    assert spans([], start_ms=0, end_ms=MINUTE, step=minutely) == [Span(0, MINUTE, "N")]


@given(st.sampled_from(sorted(OURS)))
def test_our_own_fault_is_never_the_carriers(reason):
    made = spans([slot(0, reason.value)], start_ms=0, end_ms=MINUTE, step=minutely)

    assert made == [Span(0, MINUTE, "N", reason.value)]


def test_silence_is_no_answer():
    made = spans([slot(0, Reason.NO_ANSWER.value)], start_ms=0, end_ms=MINUTE, step=minutely)

    assert made == [Span(0, MINUTE, "X", "no_answer")]


@given(
    st.lists(
        st.tuples(st.integers(-200_000, 700_000), st.sampled_from(["answered", "no_answer", "deadline"])), max_size=40
    )
)
def test_the_spans_are_contiguous_and_cover_the_window(polls):
    slots = timeline.polled(polled(at_ms, outcome) for at_ms, outcome in sorted(dict(polls).items()))
    made = spans(slots, start_ms=0, end_ms=600_000, step=minutely)

    assert made[0].start_ms == 0
    assert made[-1].end_ms == 600_000
    assert all(a.end_ms == b.start_ms and (a.state, a.because) != (b.state, b.because) for a, b in pairwise(made))


AP = Subject("ap", "mac:0a0b0c000001")
UNDER = Place(role="ap", device="d", itself=False, parent="d")


def read(at_ms, value, *, code="ok", metric="wlan.ap.state", device="d"):
    return Reading(subject=AP, metric=metric, at_ms=at_ms, value=value, code=code, device=device, slot_ms=at_ms)


@pytest.mark.parametrize(
    ("outcome", "readings", "state", "because"),
    [
        ("answered", [read(0, 8)], "U", ""),
        ("answered", [read(0, 7)], "D", "wlan.ap.state=download"),
        ("answered", [read(0, 4)], "X", "wlan.ap.state=fault"),
        ("answered", [read(0, 11)], "N", "wlan.ap.state=standby"),
        ("answered", [], "N", "row_missing"),
        ("answered", [read(0, None, code="no_such_instance")], "N", "no_such_instance"),
        ("answered", [read(0, 8, device="another")], "N", "row_missing"),
        ("no_answer", [], "X", "parent:d"),
        ("poller_late", [], "N", "poller_late"),
    ],
)
def test_a_child_is_what_its_parents_poll_says_of_it(outcome, readings, state, because):
    made = timeline.told(UNDER, [polled(0, outcome)], readings)

    assert made == [timeline.Slot(0, state, because)]


def test_a_restart_between_two_polls_is_not_hidden():
    readings = [read(at, 8) for at in (0, MINUTE)]
    readings += [read(0, 5000, metric="wlan.ap.uptime"), read(MINUTE, 20, metric="wlan.ap.uptime")]
    made = timeline.told(UNDER, [polled(0), polled(MINUTE)], readings)

    assert [each.state for each in made] == ["U", "D"]
    assert made[1].because == "hidden_reboot"


def test_no_poll_of_the_parent_is_not_measured():
    slots = timeline.told(UNDER, [polled(0), polled(3 * MINUTE)], [read(0, 8), read(3 * MINUTE, 8)])
    made = spans(slots, start_ms=0, end_ms=4 * MINUTE, step=minutely)

    assert [each.state for each in made] == ["U", "N", "U"]


def test_a_poll_speaks_for_the_step_that_was_agreed_at_its_time():
    slots = [slot(at * MINUTE) for at in (0, 30, 60, 61, 62, 70)]
    made = spans(slots, start_ms=0, end_ms=71 * MINUTE, step=lambda at_ms: (30 if at_ms < 60 * MINUTE else 1) * MINUTE)

    assert made == [
        Span(0, 63 * MINUTE, "U"),
        Span(63 * MINUTE, 70 * MINUTE, "N"),
        Span(70 * MINUTE, 71 * MINUTE, "U"),
    ]


def test_each_value_has_the_rhythm_of_its_neighbours():
    assert _rhythm([0, 300, 600, 630]) == {0: 300, 300: 300, 600: 300, 630: 30}
    assert _rhythm([5]) == {}


@pytest.mark.parametrize(
    ("device", "told"),
    [
        ({"role": "ap", "mac": "0a0b0c000001", "parent": "c"}, ["ap:mac:0a0b0c000001", "radio:mac:0a0b0c000001/0"]),
        ({"role": "ont", "serial": "HWTC1", "mac": "0a0b0c000001", "parent": "o"}, ["onu:sn:HWTC1"]),
        ({"role": "small_cell", "serial": "S1", "address": "127.0.0.1"}, ["cell:sn:S1", "device:x"]),
        ({"role": "small_cell", "address": "127.0.0.1"}, ["cell:x/0", "cell:x/1", "device:x"]),
        ({"role": "ap", "mac": "0a0b0c000001", "parent": "c", "address": "127.0.0.1"}, ["device:x"]),
        ({"role": "olt", "address": "127.0.0.1"}, ["device:x"]),
    ],
)
def test_the_rows_that_tell_of_a_device(device, told):
    made = [str(each) for each in subjects.told(Device(id="x", site="s", carrier="c", **device))]

    assert made[: len(told)] == told
    assert {each.partition(":")[0] for each in made} == {each.partition(":")[0] for each in told}


def test_maintenance_covers_what_is_down_and_nothing_else_and_spans_keep_it_apart():
    outcomes = [polled(0), *(polled(n * MINUTE, "no_answer") for n in range(1, 5)), polled(5 * MINUTE, "poller_late")]
    slots = timeline.told(UNDER, outcomes, [read(0, 8)], lambda slot_ms: slot_ms <= 2 * MINUTE)
    made = spans(slots, start_ms=0, end_ms=6 * MINUTE, step=minutely)

    assert [(each.state, each.planned, each.end_ms // MINUTE) for each in made] == [
        ("U", False, 1),
        ("X", True, 3),
        ("X", False, 5),
        ("N", False, 6),
    ]
