"""What one device may take: of varbinds, of seconds, of its budget; and what it means when it takes more."""

import time

import pytest

from collectors.snmp.ask import Ask, Limits
from collectors.snmp.pdu import Kind, Message, encode, response
from collectors.snmp.varbind import COUNTER32, Varbind
from netops.model import OURS, Reason
from tests.collectors.snmp.devices import ASK, COLUMNS, ENTRY, GOOD, NAME, device, honest

pytestmark = pytest.mark.usefixtures("way")


def test_a_looping_walk_is_a_protocol_fault_and_other_answers_stay(engine):
    def reply(agent, message, source):
        if message.pdu.kind == Kind.GET_BULK:
            rows = [Varbind((*ENTRY, 1, 1), COUNTER32, 1)]
            yield encode(Message(message.community, response(message.pdu, rows)))
        else:
            yield agent.honest(message)

    with device(reply) as agent:
        answer = engine.ask(agent.target(), Ask(gets=(NAME,), walks=(((*ENTRY, 1),),)))

    assert answer.gets == (GOOD,)
    assert answer.walks[0].failed.reason is Reason.PROTOCOL_FAULT
    assert agent.asked == 3


def endless(agent, message, source):
    cursor = message.pdu.varbinds.oids[0]
    row = cursor[-1] if len(cursor) > len(ENTRY) + 1 else 0
    rows = [Varbind((*ENTRY, 1, row + n), COUNTER32, n) for n in range(1, message.pdu.error_index + 1)]
    yield encode(Message(message.community, response(message.pdu, rows)))


def test_an_endless_walk_is_stopped_by_its_varbinds(engine):
    """R11."""
    with device(endless) as agent:
        answer = engine.ask(agent.target(), Ask(walks=(((*ENTRY, 1),),), limits=Limits(walk_varbinds=6_000)))

    assert answer.walks[0].failed.reason is Reason.PROTOCOL_FAULT
    assert 6_000 <= len(answer.walks[0].columns[0]) <= 6_060


def test_an_endless_walk_is_stopped_by_its_seconds(engine):
    with device(endless) as agent:
        began = time.monotonic()
        answer = engine.ask(agent.target(), Ask(walks=(((*ENTRY, 1),),), limits=Limits(walk_s=0.2, bulk_varbinds=2)))

    assert answer.walks[0].failed.reason is Reason.PROTOCOL_FAULT
    assert time.monotonic() - began < 5


def test_at_the_deadline_of_a_device_that_was_answering_what_came_is_kept(engine):
    with device(endless) as agent:
        answer = engine.ask(agent.target(deadline_s=0.2), Ask(walks=(((*ENTRY, 1),),), limits=Limits(bulk_varbinds=2)))

    assert answer.failed.reason in {Reason.DEADLINE, Reason.TOO_SLOW}  # under load the agent of this test is slow
    assert answer.outcome == "answered"
    assert len(answer.walks[0].columns[0]) > 1


def test_the_deadline_of_a_device_that_drips_its_rows_is_its_slowness(engine):
    """R11: a row a reply, each just before we ask again. It must not look like a lack of time of ours."""

    def drip(agent, message, source):
        time.sleep(0.05)
        message = message._replace(pdu=message.pdu._replace(error_index=1))
        yield from endless(agent, message, source)

    with device(drip) as agent:
        answer = engine.ask(agent.target(deadline_s=0.5), Ask(walks=(((*ENTRY, 1),),)))

    assert answer.walks[0].failed.reason is Reason.TOO_SLOW
    assert answer.walks[0].failed.reason not in OURS
    assert len(answer.walks[0].columns[0]) > 3
    assert "waited" in answer.failed.detail


def test_time_that_our_own_budget_takes_is_no_slowness_of_the_device(engine):
    with device(honest) as agent:
        target = agent.target(varbinds_per_s=40, deadline_s=0.5)
        answer = engine.ask(target, Ask(walks=(COLUMNS,), limits=Limits(bulk_varbinds=6, walk_s=0.3)))

    assert answer.walks[0].failed.reason is Reason.DEADLINE


def test_the_deadline_of_a_silent_device_is_its_silence(engine):
    with device(lambda *_: ()) as agent:
        began = time.monotonic()
        answer = engine.ask(agent.target(timeout_s=5.0, deadline_s=0.2), ASK)

    assert answer.outcome == Reason.NO_ANSWER
    assert time.monotonic() - began < 4


def test_a_device_is_asked_no_more_varbinds_a_second_than_its_budget(engine):
    with device(honest) as agent:
        began = time.monotonic()
        answer = engine.ask(agent.target(varbinds_per_s=400), Ask(walks=(COLUMNS,), limits=Limits(bulk_varbinds=20)))
        took = time.monotonic() - began

    assert [len(column) for column in answer.walks[0].columns] == [40, 40]
    assert 80 / 400 <= took < 3.0


def test_a_double_that_comes_while_the_budget_waits_is_late(engine):
    def twice(agent, message, source):
        yield agent.honest(message)
        yield agent.honest(message)

    with device(twice) as agent:
        answer = engine.ask(agent.target(varbinds_per_s=400), Ask(walks=(COLUMNS,), limits=Limits(bulk_varbinds=20)))

    assert [len(column) for column in answer.walks[0].columns] == [40, 40]
    assert engine.counters.late >= 4
