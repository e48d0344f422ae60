"""The engine over real UDP on loopback: honest agents, sloppy ones, hostile ones, silence, and our own faults."""

import itertools
import socket
import threading
import time

import pytest

from collectors.errors import CollectorError
from collectors.snmp.ask import Ask, Community, Target
from collectors.snmp.engine import Engine
from collectors.snmp.flight import Job
from collectors.snmp.pdu import ErrorStatus, Kind, Message, Pdu, decode, encode, response
from collectors.snmp.sockets import window_of
from collectors.snmp.varbind import Varbinds
from netops.model import Reason
from tests.collectors.snmp.devices import ASK, COLUMNS, ENTRY, GOOD, LIE, NAME, device, honest

pytestmark = pytest.mark.usefixtures("way")


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_an_honest_agent_is_heard(engine, address):
    with device(honest, address=address) as agent:
        ask = Ask(gets=(NAME, (1, 3, 9)), walks=(COLUMNS,), uptime=True)

        answer = engine.ask(agent.target(), ask)

    assert answer.gets[0] == GOOD
    assert answer.gets[1].reason is Reason.NO_SUCH_INSTANCE
    assert [len(column) for column in answer.walks[0].columns] == [40, 40]
    assert answer.walks[0].columns[1].values[0] == 0xF000_0001
    assert (answer.uptime_first, answer.uptime_last, answer.attempts) == (5000, 5000, 1)
    assert 0 < answer.rtt_ms < 2_000
    assert [decode(raw).pdu.kind for raw in answer.raw] == [Kind.RESPONSE] * answer.sent


def changed(message, *, rows=(LIE,), number=None, community=None):
    pdu = response(message.pdu, rows)
    if number is not None:
        pdu = pdu._replace(request_id=number)
    return encode(Message(message.community if community is None else community, pdu))


# What comes before the true reply, and the counter that must have moved.
TRICKS = {
    "another id": (lambda a, m: [changed(m, number=m.pdu.request_id ^ 1)], "wrong_id"),
    "id zero": (lambda a, m: [changed(m, number=0)], "wrong_id"),
    "another source": (lambda a, m: [(a.stranger, changed(m))], "wrong_source"),
    "another community": (lambda a, m: [changed(m, community=b"private")], "foreign"),
    "garbage": (lambda a, m: [b"\x30\x82\xff\xff\x02\x01", b"", b"\x7a\x45\x0a", bytes(2000)], "undecodable"),
    "cut short": (lambda a, m: [a.honest(m)[:-3]], "undecodable"),
    "our own request": (lambda a, m: [encode(m)], "undecodable"),
    "SNMPv3": (lambda a, m: [a.honest(m).replace(b"\x02\x01\x01", b"\x02\x01\x03", 1)], "undecodable"),
}


@pytest.mark.parametrize("trick", TRICKS)
def test_what_is_no_reply_is_counted_and_the_wait_goes_on(engine, trick):
    forge, counter = TRICKS[trick]

    def reply(agent, message, source):
        yield from forge(agent, message)
        yield agent.honest(message)

    with device(reply) as agent:
        answers = [engine.ask(agent.target(), ASK) for _ in range(3)]

    assert [answer.gets for answer in answers] == [(GOOD,)] * 3
    assert [answer.sent for answer in answers] == [1] * 3
    assert engine.counters.table()[counter] >= 3


@pytest.mark.parametrize(
    ("trick", "reason"),
    [
        ("another id", Reason.NO_ANSWER),
        ("another source", Reason.NO_ANSWER),
        ("another community", Reason.NO_ANSWER),
        ("garbage", Reason.NO_ANSWER),  # anybody can send that under the device's address
        ("cut short", Reason.UNDECODABLE),
        ("SNMPv3", Reason.UNDECODABLE),
        ("our own request", Reason.UNDECODABLE),
    ],
)
def test_without_a_true_reply_the_reason_says_what_came(engine, trick, reason):
    with device(lambda agent, message, source: TRICKS[trick][0](agent, message)) as agent:
        answer = engine.ask(agent.target(timeout_s=0.1), ASK)

    assert answer.outcome == reason
    assert answer.gets[0].reason is reason
    assert (answer.sent, answer.raw) == (2, ())


@pytest.mark.parametrize("junk", [b"\x30", b"\x30\x82\xff\xff\x02\x01", bytes(64), b"\x02\x04" * 600, b"\x7a\x45\x0a"])
def test_junk_under_a_silent_devices_own_address_hides_no_outage(engine, junk):
    """Whoever does not see our questions cannot speak for the device: it is silent, and that is told with the noise."""
    with device(lambda agent, message, source: [junk] * 3) as agent:
        answer = engine.ask(agent.target(timeout_s=0.1), ASK)

    assert answer.outcome == Reason.NO_ANSWER
    assert f"{6 * len(junk)} octets under its address" in answer.failed.detail
    assert engine.counters.undecodable == 6


@pytest.mark.parametrize("cut", range(24, 60, 5))
def test_a_device_whose_replies_break_off_answers_undecodably(engine, cut):
    with device(
        lambda agent, message, source: [agent.honest(message)[: min(cut, len(agent.honest(message)) - 1)]]
    ) as agent:
        answer = engine.ask(agent.target(timeout_s=0.1, retries=0), ASK)

    assert answer.outcome == Reason.UNDECODABLE


def test_a_number_deep_in_the_junk_is_none(engine):
    """Sixty thousand octets of junk would meet one of our numbers now and then, if all of them counted."""

    def reply(agent, message, source):
        yield b"\x30" + bytes(60) + message.pdu.request_id.to_bytes(4, "big") + bytes(900)

    with device(reply) as agent:
        answer = engine.ask(agent.target(timeout_s=0.1, retries=0), ASK)

    assert answer.outcome == Reason.NO_ANSWER


def test_doubles_and_late_replies_are_counted_as_such(engine):
    held = []

    def reply(agent, message, source):
        yield from held
        held[:] = [agent.honest(message)]
        yield agent.honest(message)

    with device(reply) as agent:
        answers = [engine.ask(agent.target(), ASK) for _ in range(5)]

    assert [answer.gets for answer in answers] == [(GOOD,)] * 5
    assert engine.counters.late == 4
    assert engine.counters.wrong_id == engine.counters.wrong_source == 0


def test_the_double_of_a_retried_question_is_late_not_forged(engine):
    def reply(agent, message, source):
        if agent.asked == 1:
            agent.first = agent.honest(message)
        elif agent.asked == 2:
            yield agent.first
            agent.second = agent.honest(message)
        else:
            yield agent.second
            yield agent.honest(message)

    with device(reply) as agent:
        answer = engine.ask(agent.target(timeout_s=0.1), Ask(gets=(NAME,), walks=(((*ENTRY, 1),),)))

    assert answer.failed is None
    assert (engine.counters.late, engine.counters.wrong_id) == (1, 0)


def test_garbage_before_one_reply_says_nothing_of_a_later_silence(engine):
    def reply(agent, message, source):
        if agent.asked == 1:
            yield b"garbage"
            yield agent.honest(message)

    with device(reply) as agent:
        answer = engine.ask(agent.target(timeout_s=0.1), Ask(gets=(NAME,), walks=(((*ENTRY, 1),),)))

    assert answer.gets == (GOOD,)
    assert answer.failed.reason is Reason.NO_ANSWER


def test_a_question_that_cannot_be_written_fails_alone(engine):
    with device(honest) as agent:
        answer = engine.ask(agent.target(), Ask(gets=((1,),)))

        assert engine.ask(agent.target(), ASK).gets == (GOOD,)
    assert answer.outcome == Reason.NO_PROFILE
    assert "cannot be written" in answer.failed.detail
    assert engine.counters.faults == 0


def test_a_fault_of_ours_leaves_nobody_waiting(engine, caplog):
    with device(honest) as agent:
        broken = Job(agent.target(), None, 2)

        answers = list(engine.run([Job(agent.target(), ASK, 1), broken, Job(agent.target(), ASK, 3)]))

        assert engine.ask(agent.target(), ASK).gets == (GOOD,)
    assert sorted(answer.token for answer in answers) == [1, 2, 3]
    assert {answer.outcome for answer in answers} == {Reason.NOT_RUNNING}
    assert engine.counters.faults == 1
    assert "stumbled" in caplog.text
    assert "snmp.faults" in engine.health()


def test_a_reply_to_the_first_datagram_still_counts_after_the_second(engine):
    first = []

    def reply(agent, message, source):
        if not first:
            first.append(agent.honest(message))
        else:
            yield first[0]

    with device(reply) as agent:
        answer = engine.ask(agent.target(timeout_s=0.25), ASK)

    assert answer.gets == (GOOD,)
    assert (answer.attempts, answer.sent) == (2, 2)
    assert answer.rtt_ms > 200  # counted from the datagram that it answers


def test_padding_behind_a_reply_is_accepted_and_counted(engine):
    with device(lambda agent, message, source: [agent.honest(message) + bytes(7)]) as agent:
        assert [engine.ask(agent.target(), ASK).gets for _ in range(2)] == [(GOOD,)] * 2

    assert engine.counters.trailing >= 1


def test_an_agent_with_small_buffers_gives_everything_all_the_same(engine):
    def reply(agent, message, source):
        pdu = agent.listing.respond(message.pdu)
        if len(pdu.varbinds) > 3:
            pdu = Pdu(Kind.RESPONSE, pdu.request_id, ErrorStatus.TOO_BIG, 0, Varbinds((), (), ()))
        yield encode(Message(message.community, pdu))

    gets = tuple((*ENTRY, 1, row) for row in range(1, 20))
    with device(reply) as agent:
        answer = engine.ask(agent.target(), Ask(gets=gets, walks=(COLUMNS,)))

    assert [get.oid for get in answer.gets] == list(gets)
    assert [len(column) for column in answer.walks[0].columns] == [40, 40]


def test_a_closed_port_is_refused(engine):
    free = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
    free.close()

    answer = engine.ask(Target(address="127.0.0.1", port=port, credential=Community(b"c"), timeout_s=0.1), ASK)

    assert answer.outcome == Reason.REFUSED
    assert answer.sent == 3  # ICMP can be forged: it costs a living device none of its tries


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ap-1.example",
        "999.1.1.1",
        "127.0.0.1:161",
        "fe80::1%nowhere",
        "1.2.3.4%lo",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
    ],
)
def test_what_is_no_address_is_a_gap_of_ours(engine, address):
    answer = engine.ask(Target(address=address, credential=Community(b"c")), ASK)

    assert answer.outcome == Reason.NO_ADDRESS


def test_a_device_is_never_asked_two_things_at_once(engine):
    pending = []

    def reply(agent, message, source):
        pending.append(1)
        assert len(pending) == 1
        time.sleep(0.001)
        pending.clear()
        yield agent.honest(message)

    with device(reply) as agent:
        answers = list(engine.run(Job(agent.target(), ASK, n) for n in range(50)))

    assert sorted(answer.token for answer in answers) == list(range(50))
    assert {answer.gets for answer in answers} == {(GOOD,)}


def test_stopping_answers_everything_that_is_left():
    with device(lambda *_: ()) as agent:
        engine = Engine()
        engine.start()
        taken = []
        engine.submit([Job(agent.target(timeout_s=30.0), ASK, n) for n in range(20)], taken.extend)
        while not agent.asked:
            time.sleep(0.001)
        engine.stop()
        engine.stop()

    assert sorted(answer.token for answer in taken) == list(range(20))
    assert {answer.outcome for answer in taken} == {Reason.NOT_RUNNING}
    with pytest.raises(CollectorError, match="not running"):
        engine.submit([], taken.extend)


def test_a_sink_that_fails_stops_nobody_else(engine, caplog):
    with device(honest) as agent:
        engine.submit([Job(agent.target(), ASK)], lambda batch: 1 / 0)

        assert engine.ask(agent.target(), ASK).gets == (GOOD,)

    assert engine.counters.hand_over_errors == 1
    assert "hand_over failed" in caplog.text


def test_the_window_is_no_larger_than_the_receive_buffer_allows():
    assert window_of(212_992, 4_000) == 64
    assert window_of(8 << 20, 1_000) == 1_000
    with Engine(window=4_000, receive_buffer=50_000) as engine:
        assert engine.window == 100_000 // 3_300
        assert "snmp.window" in engine.health()


def test_replies_that_our_kernel_threw_away_are_no_silence_of_the_device():
    """The engine is held up while more replies come than its buffer holds: ours, or an answer, never "down"."""

    def flood(agent, message, source):
        yield from [agent.honest(message)] * 400

    with device(flood) as agent, Engine(window=50, receive_buffer=4_096) as engine:
        hold = threading.Event()
        engine.submit([Job(agent.target(), ASK)], lambda batch: hold.wait(0.3))
        answers = [engine.ask(agent.target(timeout_s=0.2, retries=0), ASK) for _ in range(5)]

    assert engine.counters.socket_drops > 0
    assert {answer.outcome for answer in answers} <= {"answered", Reason.SOCKET_DROPS}
    assert "snmp.socket_drops" in engine.health()


def test_request_ids_cannot_be_foretold(engine):
    seen = []

    def reply(agent, message, source):
        seen.append(message.pdu.request_id)
        yield agent.honest(message)

    with device(reply) as agent:
        list(engine.run(Job(agent.target(), ASK) for _ in range(300)))

    assert len(set(seen)) == 300
    assert min(seen) >= 0x0080_0000
    steps = {second - first for first, second in itertools.pairwise(seen)}
    assert len(steps) == 299
    assert 100 < sum(step > 0 for step in steps) < 200


def test_the_slot_counts_the_lag(engine):
    with device(honest) as agent:
        due_ms = time.time_ns() // 1_000_000 - 1_500  # noqa: TID251  (the poller's wall clock)

        (answer,) = engine.run([Job(agent.target(), ASK, due_ms=due_ms)])

    assert 1_500 <= answer.lag_ms < 3_000
    assert answer.at_ms - due_ms == answer.lag_ms
