"""One ask against agents in memory: honest, limited, sloppy and hostile ones."""

import pytest

from collectors.snmp.agent import Listing, interview
from collectors.snmp.ask import Ask, Failure, Limits
from collectors.snmp.pdu import ErrorStatus, Kind, response
from collectors.snmp.varbind import (
    COUNTER32,
    INTEGER,
    OCTET_STRING,
    SYS_UP_TIME,
    TIME_TICKS,
    Varbind,
)
from netops.model import Reason

NAME = (1, 3, 6, 1, 2, 1, 1, 5, 0)
ENTRY = (1, 3, 6, 1, 2, 1, 2, 2, 1)
COLUMNS = (1, 2, 10)
ROWS = 32


def objects(rows=ROWS, holes=True):
    yield Varbind(SYS_UP_TIME, TIME_TICKS, 5000)
    yield Varbind(NAME, OCTET_STRING, b"ap-1")
    for column in COLUMNS:
        for row in range(1, rows + 1):
            if not (holes and column == 2 and row % 3 == 0):
                yield Varbind((*ENTRY, column, row), COUNTER32, 0xF000_0000 + row)
    yield Varbind((1, 3, 6, 1, 9, 1), INTEGER, 1)


WALK = tuple((*ENTRY, c) for c in COLUMNS)
EXPECTED = [[v for v in objects() if v.oid[: len(root)] == root] for root in WALK]


@pytest.mark.parametrize("max_octets", [65_507, 1_400, 300, 150])
@pytest.mark.parametrize("bulk_varbinds", [1, 7, 60, 5_000])
def test_a_walk_with_holes_comes_whole_whatever_the_agent_can_send_at_once(max_octets, bulk_varbinds):
    ask = Ask(gets=(NAME,), walks=(WALK,), uptime=True, limits=Limits(bulk_varbinds=bulk_varbinds))

    answer = interview(Listing(objects(), max_octets=max_octets), ask)

    assert [list(column) for column in answer.walks[0].columns] == EXPECTED
    assert answer.walks[0].failed is None
    assert answer.failed is None
    assert answer.gets == (Varbind(NAME, OCTET_STRING, b"ap-1"),)
    assert (answer.uptime_first, answer.uptime_last) == (5000, 5000)


def test_what_is_not_there_is_a_failure_with_its_reason():
    answer = interview(Listing(objects()), Ask(gets=(NAME, (1, 3, 9), NAME)))

    assert answer.gets[1] == Failure(Reason.NO_SUCH_INSTANCE)
    assert answer.gets[0] == answer.gets[2] == Varbind(NAME, OCTET_STRING, b"ap-1")


class Twisted:
    """An honest agent whose responses pass through `twist`."""

    def __init__(self, twist, rows=ROWS, **kwargs):
        self.agent = Listing(objects(rows), **kwargs)
        self.twist = twist
        self.asked = 0

    def respond(self, pdu):
        self.asked += 1
        return self.twist(pdu, self.agent.respond(pdu))


def test_silence_is_no_answer_after_the_retries():
    silent = Twisted(lambda pdu, said: None)

    answer = interview(silent, Ask(gets=(NAME,), walks=(WALK,)), retries=2)

    assert answer.outcome == Reason.NO_ANSWER
    assert (silent.asked, answer.attempts) == (3, 3)
    assert answer.gets[0].reason is Reason.NO_ANSWER
    assert set(answer.walks[0].failures) == {0, 1, 2}


def test_reordered_gets_are_put_right_and_missing_ones_asked_again():
    def twist(pdu, said):
        rows = list(reversed(said.varbinds))
        return response(pdu, rows[: max(1, len(rows) // 2)])

    wanted = tuple((*ENTRY, 1, row) for row in range(1, 12))

    answer = interview(Twisted(twist), Ask(gets=wanted))

    assert tuple(v.oid for v in answer.gets) == wanted


def test_a_reply_with_none_of_the_objects_asked_is_a_protocol_fault():
    answer = interview(Twisted(lambda pdu, said: response(pdu, [Varbind((1, 3, 9), INTEGER, 1)])), Ask(gets=(NAME,)))

    assert answer.gets[0].reason is Reason.PROTOCOL_FAULT


def test_columns_in_another_order_are_put_right():
    def twist(pdu, said):
        width = len(pdu.varbinds)
        rows = list(said.varbinds)
        turned = [rows[at + (i + 1) % width] for at in range(0, len(rows) - width + 1, width) for i in range(width)]
        return response(pdu, turned)

    full = [[v for v in objects(holes=False) if v.oid[: len(root)] == root] for root in WALK]
    agent = Twisted(twist)
    agent.agent = Listing(objects(holes=False))

    answer = interview(agent, Ask(walks=(WALK,), limits=Limits(bulk_varbinds=12)))

    # Rows of the last reply that leave the columns cannot be put right, so the end may be a fault, never a wrong value.
    for column, expected in zip(answer.walks[0].columns, full, strict=True):
        assert list(column) == expected[: len(column)]
    assert len(answer.walks[0].columns[0]) >= ROWS - 4


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([(1, 1), (1, 1)], id="repeats"),
        pytest.param([(1, 2), (1, 1)], id="goes back"),
        pytest.param([(0, 9)], id="before the column"),
    ],
)
def test_an_oid_that_does_not_increase_is_a_protocol_fault(rows):
    loop = Twisted(lambda pdu, said: response(pdu, [Varbind((*ENTRY, *row), INTEGER, 1) for row in rows]))

    answer = interview(loop, Ask(walks=(((*ENTRY, 1),),)))

    assert answer.walks[0].failed.reason is Reason.PROTOCOL_FAULT
    assert loop.asked == 1


def test_a_walk_that_starts_again_is_stopped_at_its_second_lap():
    def twist(pdu, said):
        lap = [Varbind((*ENTRY, 1, row), INTEGER, row) for row in range(1, 6)]
        return response(pdu, lap)

    loop = Twisted(twist)

    answer = interview(loop, Ask(walks=(((*ENTRY, 1),),)))

    assert loop.asked == 2
    assert answer.walks[0].failed.reason is Reason.PROTOCOL_FAULT
    assert len(answer.walks[0].columns[0]) == 5


def test_an_endless_walk_stops_at_its_bound():
    def twist(pdu, said):
        last = pdu.varbinds.oids[0]
        row = last[-1] if len(last) > len(ENTRY) + 1 else 0
        return response(pdu, [Varbind((*ENTRY, 1, row + i), INTEGER, 0) for i in range(1, pdu.error_index + 1)])

    endless = Twisted(twist)

    answer = interview(endless, Ask(walks=(((*ENTRY, 1),),), limits=Limits(walk_varbinds=5_000)))

    assert answer.walks[0].failed.reason is Reason.PROTOCOL_FAULT
    assert 5_000 <= len(answer.walks[0].columns[0]) < 5_100
    assert endless.asked <= 5_000 // 60 + 2


def test_replies_over_the_byte_bound_end_the_ask():
    def twist(pdu, said):
        last = pdu.varbinds.oids[0]
        row = last[-1] if len(last) > len(ENTRY) + 1 else 0
        return response(pdu, [Varbind((*ENTRY, 1, row + 1), OCTET_STRING, bytes(60_000))])

    answer = interview(Twisted(twist), Ask(walks=(((*ENTRY, 1),),), limits=Limits(octets=1_000_000)))

    assert answer.failed.reason is Reason.PROTOCOL_FAULT
    assert len(answer.raw) == 17


def test_one_bad_object_costs_only_itself():
    bad = (*ENTRY, 1, 7)

    def twist(pdu, said):
        if bad in pdu.varbinds.oids:
            at = pdu.varbinds.oids.index(bad) + 1
            return response(pdu, pdu.varbinds, error_status=ErrorStatus.GEN_ERR, error_index=at)
        return said

    wanted = tuple((*ENTRY, 1, row) for row in range(1, 12))

    answer = interview(Twisted(twist), Ask(gets=wanted))

    assert answer.gets[6].reason is Reason.ERROR_STATUS
    assert [g.oid for at, g in enumerate(answer.gets) if at != 6] == [o for o in wanted if o != bad]


@pytest.mark.parametrize("index", [0, 99, -3])
def test_an_error_without_a_usable_place_is_found_by_halving(index):
    bad = (*ENTRY, 1, 7)

    def twist(pdu, said):
        if bad in pdu.varbinds.oids:
            return response(pdu, [], error_status=ErrorStatus.GEN_ERR, error_index=index)
        return said

    wanted = tuple((*ENTRY, 1, row) for row in range(1, 12))
    agent = Twisted(twist)

    answer = interview(agent, Ask(gets=wanted))

    assert [at for at, g in enumerate(answer.gets) if isinstance(g, Failure)] == [6]
    assert agent.asked < 12


def test_version_one_answers_end_a_walk_where_the_view_ends():
    def twist(pdu, said):
        if pdu.kind == Kind.GET_BULK and pdu.varbinds.oids[0][-1] == 20:
            return response(pdu, [], error_status=ErrorStatus.NO_SUCH_NAME, error_index=1)
        return response(pdu, said.varbinds[:20])

    answer = interview(Twisted(twist), Ask(walks=(((*ENTRY, 1),),)))

    assert answer.walks[0].failed is None
    assert len(answer.walks[0].columns[0]) == 20


def test_an_empty_bulk_reply_is_asked_smaller_and_then_a_fault():
    agent = Twisted(lambda pdu, said: response(pdu, []))

    answer = interview(agent, Ask(walks=(WALK,)))

    assert {f.reason for f in answer.walks[0].failures.values()} == {Reason.PROTOCOL_FAULT}
    assert agent.asked < 20
