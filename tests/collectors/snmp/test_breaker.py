"""The circuit breaker's table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.snmp.ask import Answer, Failure
from collectors.snmp.breaker import TABLE, Breaker, Circuit, Event, Phase, event_of
from netops.model import Reason


def run(events, limit=3):
    circuit = Circuit()
    for event in events:
        circuit = circuit.after(event, limit=limit)
    return circuit


def test_the_table_knows_every_phase_and_event():
    assert set(TABLE) == {(phase, event) for phase in Phase for event in Event}


def test_three_silent_slots_open_it_and_one_answer_closes_it():
    breaker = Breaker(after=3)
    opened = []
    for event in (*[Event.SILENT] * 4, Event.OURS, Event.SILENT, Event.ANSWERED, Event.SILENT):
        breaker.note("ap-1", event)
        opened.append(breaker.open("ap-1"))

    assert opened == [False, False, True, True, True, True, False, False]
    assert not breaker.open("ap-2")


def test_a_forgotten_device_begins_anew():
    breaker = Breaker(after=1)
    breaker.saw("ap-1", answered=False)
    assert breaker.open("ap-1")

    breaker.forget("ap-1")

    assert not breaker.open("ap-1")


@given(st.lists(st.sampled_from(Event)), st.integers(1, 5))
def test_our_own_failures_change_nothing(events, limit):
    without = [event for event in events if event is not Event.OURS]

    assert run(events, limit) == run(without, limit)


@given(st.lists(st.sampled_from(Event)), st.integers(1, 5))
def test_it_is_open_exactly_when_the_last_slots_were_silent(events, limit):
    told = [event for event in events if event is not Event.OURS]
    tail = 0
    while tail < len(told) and told[-1 - tail] is Event.SILENT:
        tail += 1

    assert (run(events, limit).phase is Phase.OPEN) == (tail >= limit)


@pytest.mark.parametrize(
    ("reason", "event"),
    [
        (Reason.NO_ANSWER, Event.SILENT),
        (Reason.REFUSED, Event.SILENT),
        (Reason.UNDECODABLE, Event.ANSWERED),
        (Reason.AUTH_FAILED, Event.ANSWERED),
        (Reason.SOCKET_DROPS, Event.OURS),
        (Reason.NOT_RUNNING, Event.OURS),
        (Reason.DEADLINE, Event.OURS),
    ],
)
def test_what_an_answer_means(reason, event):
    assert event_of(Answer(failed=Failure(reason))) is event


def test_an_answer_is_an_answer():
    assert event_of(Answer(raw=(b"x",))) is Event.ANSWERED
