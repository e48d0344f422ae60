"""The engine's turns on a simulated clock and a channel in memory: send errors, ICMP, time-outs without waiting."""

import errno
import socket
from functools import partial

import pytest

from collectors.snmp.agent import Listing
from collectors.snmp.ask import Ask, Community, Limits, Target
from collectors.snmp.counters import Counters
from collectors.snmp.flight import Job
from collectors.snmp.loop import Loop
from collectors.snmp.pdu import Message, decode, encode
from collectors.snmp.sockets import Channel as SocketChannel
from collectors.snmp.starved import Starved
from collectors.snmp.swift import Swift
from collectors.snmp.varbind import COUNTER32, OCTET_STRING, Varbind
from netops.model import Reason

NAME = (1, 3, 6, 1, 2, 1, 1, 5, 0)
COLUMN = (1, 3, 6, 1, 2, 1, 2, 2, 1, 10)
ASK = Ask(gets=(NAME,))
TARGET = Target(address="192.0.2.7", credential=Community(b"c"), timeout_s=1.0, retries=2, deadline_s=20.0)
AT = ("192.0.2.7", 161)


class Clock:
    """Time that moves when told."""

    def __init__(self):
        self.now = 1_000.0

    def now_ms(self):
        return int(self.now * 1000)

    def monotonic(self):
        return self.now


class Channel:
    """Datagrams in lists; `errors` are raised by the next sends, `icmp` told by the error queue."""

    post = None

    def __init__(self):
        self.sent, self.inbox, self.errors, self.icmp = [], [], [], []
        self.drops = 0
        self.empty_at = 0.0
        self.admitted = []
        self.whole = True
        self.family = socket.AF_INET

    def send(self, octets, address):
        if self.errors:
            raise self.errors.pop(0)
        self.sent.append((decode(octets), address))

    def receive(self, _):
        if not self.inbox:
            raise BlockingIOError
        return self.inbox.pop(0)

    def refusals(self):
        told, self.icmp = self.icmp, []
        return iter(told)

    def watch(self):
        return self.drops

    def admit(self, numbers, reach):
        self.admitted.append(numbers)
        return True

    def fragment(self):
        was, self.whole = self.whole, False
        return was

    def deafen(self):
        self.deaf = True

    def hear(self):
        self.deaf = False

    def close(self):
        pass


@pytest.fixture
def bench(way):
    return Bench(way)


class Bench:
    """A loop, its clock and its channel; answers are kept in order."""

    def __init__(self, fast=None):
        self.clock, self.channel, self.answers = Clock(), Channel(), []
        kind = Loop if fast is None else partial(Swift, fast=fast)
        self.loop = kind({socket.AF_INET: self.channel}, Counters(), window=10, clock=self.clock)
        self.device = Listing(
            [Varbind(NAME, OCTET_STRING, b"ap"), *(Varbind((*COLUMN, n), COUNTER32, n) for n in range(1, 101))]
        )

    def ask(self, ask=ASK, target=TARGET):
        self.loop.take([Job(target, ask)], self.answers.extend, self.clock.now_ms())
        self.loop.launch()

    def pass_time(self, seconds):
        self.clock.now += seconds
        self.loop.expire()
        self.loop.deliver()

    def drain(self):
        while self.loop.receive(self.channel):
            pass

    def reply(self):
        message, address = self.channel.sent[-1]
        said = encode(Message(message.community, self.device.respond(message.pdu)))
        self.channel.inbox.append((said, address))
        self.loop.receive(self.channel)
        self.loop.deliver()


def test_a_machine_that_cannot_send_is_blind_not_the_device_silent(bench):
    bench.channel.errors = [OSError(errno.ENETUNREACH, "Network is unreachable")] * 6

    bench.ask()
    for _ in range(3):
        bench.pass_time(1.0)

    assert [answer.outcome for answer in bench.answers] == [Reason.ANCHORS_LOST]
    assert "unreachable" in bench.answers[0].failed.detail


def test_a_full_send_buffer_costs_one_wait(bench):
    bench.channel.errors = [BlockingIOError(errno.EAGAIN, "full")] * 2
    bench.ask()
    assert bench.loop.counters.unsendable == 1

    bench.pass_time(1.0)
    bench.reply()

    assert bench.answers[0].gets == (Varbind(NAME, OCTET_STRING, b"ap"),)
    assert bench.answers[0].attempts == 2


def test_the_error_of_another_datagram_does_not_cost_ours(bench):
    bench.channel.errors = [ConnectionRefusedError(errno.ECONNREFUSED, "somebody else's")]

    bench.ask()

    assert len(bench.channel.sent) == 1


def test_a_question_too_large_for_the_way_goes_in_fragments(bench):
    bench.channel.errors = [OSError(errno.EMSGSIZE, "Message too long")] * 2

    bench.ask()

    assert (len(bench.channel.sent), bench.channel.whole, bench.loop.counters.unsendable) == (1, False, 0)


def test_a_question_too_large_even_for_fragments_is_our_fault_and_ends(bench):
    bench.channel.errors = [OSError(errno.EMSGSIZE, "Message too long")] * 9

    bench.ask()
    for _ in range(3):
        bench.pass_time(1.0)

    assert [answer.outcome for answer in bench.answers] == [Reason.ANCHORS_LOST]


def test_the_shared_socket_cuts_nothing_until_told_to():
    channel = SocketChannel(socket.AF_INET)
    try:
        options = [channel.socket.getsockopt(socket.IPPROTO_IP, 10)]  # IP_MTU_DISCOVER
        told = [channel.fragment(), channel.fragment()]
        options.append(channel.socket.getsockopt(socket.IPPROTO_IP, 10))
    finally:
        channel.close()

    assert (options, told) == ([2, 1], [True, False])


@pytest.mark.parametrize(("name", "reason"), [("ECONNREFUSED", Reason.REFUSED), ("EHOSTUNREACH", Reason.NO_ANSWER)])
def test_icmp_is_a_reason_but_no_verdict(bench, name, reason):
    bench.ask()
    bench.channel.icmp = [(AT, name), (("192.0.2.8", 161), name)]
    for _ in range(3):
        bench.pass_time(1.0)

    assert [answer.outcome for answer in bench.answers] == [reason]
    assert name in bench.answers[0].failed.detail


def test_a_forged_refusal_costs_no_try_and_unsays_nothing(bench):
    bench.ask()
    bench.channel.icmp = [(AT, "ECONNREFUSED")]
    bench.pass_time(1.0)
    assert len(bench.channel.sent) == 2
    message, _ = bench.channel.sent[-1]
    bench.channel.inbox.append((encode(message)[:-2], AT))  # it carries our number: somebody is there
    bench.drain()
    for _ in range(3):
        bench.channel.icmp = [(AT, "ECONNREFUSED")]
        bench.pass_time(1.0)

    assert bench.answers[0].outcome == Reason.UNDECODABLE


def test_a_reply_after_a_forged_refusal_still_counts(bench):
    bench.ask()
    bench.channel.icmp = [(AT, "ECONNREFUSED")]
    bench.pass_time(0.5)

    bench.reply()

    assert bench.answers[0].failed is None


def test_a_reply_that_lies_in_the_socket_is_taken_before_the_time_out_is_believed(bench):
    bench.ask()
    message, address = bench.channel.sent[-1]
    bench.channel.inbox.append((encode(Message(b"c", bench.device.respond(message.pdu))), address))

    bench.pass_time(30.0)  # our own thread was held up

    assert bench.answers[0].gets == (Varbind(NAME, OCTET_STRING, b"ap"),)
    assert bench.answers[0].attempts == 1


@pytest.fixture
def lanes(monkeypatch):
    """The lanes that were opened, in memory; a list of errors makes the next ones fail."""
    made = []

    def open_lane(family, *, peer):
        lane = Channel()
        lane.peer = peer
        made.append(lane)
        return lane

    monkeypatch.setattr("collectors.snmp.siege.Channel", open_lane)
    return made


def test_drops_excuse_nothing_by_themselves_the_question_is_asked_again_on_a_lane(bench, lanes):
    """A dead device under a flood is dead: who fills our buffer cannot excuse it."""
    bench.ask()
    bench.channel.drops = 3
    for _ in range(4):
        bench.pass_time(1.0)

    assert [lane.peer for lane in lanes] == [AT]
    assert [len(bench.channel.sent), len(lanes[0].sent)] == [1, 3]
    assert bench.answers[0].outcome == Reason.NO_ANSWER


def test_a_living_device_is_heard_on_its_lane(bench, lanes):
    bench.ask()
    bench.channel.drops = 3
    bench.pass_time(1.0)
    message, address = lanes[0].sent[-1]
    lanes[0].inbox.append((encode(Message(message.community, bench.device.respond(message.pdu))), address))

    bench.pass_time(1.0)  # found in the lane before the time-out is believed

    assert bench.answers[0].gets == (Varbind(NAME, OCTET_STRING, b"ap"),)


def test_drops_are_our_gap_where_no_lane_is_to_be_had(bench, monkeypatch):
    def refuse(family, *, peer):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("collectors.snmp.siege.Channel", refuse)
    bench.ask()
    bench.channel.drops = 3
    for _ in range(3):
        bench.pass_time(1.0)

    assert bench.answers[0].outcome == Reason.SOCKET_DROPS


def test_a_flood_under_the_devices_own_address_is_no_excuse(bench, lanes):
    """It may be somebody else's: the question is asked once more, and the kernel lets only a reply to it in."""
    bench.ask()
    bench.channel.drops = 3
    bench.pass_time(1.0)
    lanes[0].drops = 500
    bench.pass_time(1.0)
    assert lanes[0].admitted[-1] == (lanes[0].sent[-1][0].pdu.request_id,)
    for _ in range(3):
        bench.pass_time(1.0)

    assert bench.answers[0].outcome == Reason.NO_ANSWER
    assert len(lanes[0].sent) == 1 + 3
    assert lanes[0].admitted[-1] == tuple(lanes[0].sent[n][0].pdu.request_id for n in (3, 1, 2))  # late ones too


def test_where_the_kernel_filters_nothing_such_a_flood_is_a_protocol_fault(bench, lanes, monkeypatch):
    monkeypatch.setattr(Channel, "admit", lambda self, numbers, reach: False)
    bench.ask()
    bench.channel.drops = 3
    bench.pass_time(1.0)
    lanes[0].drops = 500
    for _ in range(3):
        bench.pass_time(1.0)

    assert bench.answers[0].outcome == Reason.PROTOCOL_FAULT
    assert "500 datagrams under its address" in bench.answers[0].failed.detail


def test_a_reply_behind_junk_in_its_lane_is_taken_before_the_time_out_is_believed(bench, lanes):
    bench.ask()
    bench.channel.drops = 3
    bench.pass_time(1.0)
    message, address = lanes[0].sent[-1]
    lanes[0].inbox += [(b"junk", AT)] * 300
    lanes[0].inbox.append((encode(Message(message.community, bench.device.respond(message.pdu))), address))

    bench.pass_time(1.0)

    assert bench.answers[0].failed is None


def test_under_siege_every_ask_begins_on_a_lane_until_a_minute_of_calm(bench, lanes):
    bench.channel.drops = 3
    bench.loop.watch()
    bench.ask()
    assert (len(lanes), len(bench.channel.sent), bench.channel.deaf) == (1, 0, True)
    assert bench.loop.counters.socket_drops == 3

    bench.channel.drops = 900  # thrown away by the filter: counted, no drops of replies
    bench.pass_time(30.0)
    assert (bench.loop.counters.socket_drops, bench.loop.counters.barred) == (3, 897)
    bench.pass_time(59.0)
    assert bench.loop.siege.on
    bench.pass_time(2.0)
    assert not bench.loop.siege.on
    assert not bench.channel.deaf

    bench.answers.clear()
    bench.ask()
    assert len(bench.channel.sent) == 1


def test_strangers_at_a_rate_that_costs_cpu_are_a_siege(bench, lanes):
    bench.loop.watch()
    for _ in range(4):
        bench.channel.inbox += [(b"junk", ("198.51.100.9", 53))] * 200
        bench.drain()
        bench.pass_time(0.05)
    bench.pass_time(0.1)
    bench.loop.watch()

    assert bench.loop.siege.on
    assert bench.loop.counters.wrong_source == 800


def test_junk_under_a_devices_address_is_soon_not_decoded_but_its_reply_is(bench):
    bench.ask()
    bench.channel.inbox += [(b"\x30" + bytes(4_000), AT)] * 40
    bench.drain()
    assert (bench.loop.counters.undecodable, bench.loop.counters.muted) == (17, 23)

    bench.reply()

    assert bench.answers[0].failed is None


def test_a_walk_is_asked_again_with_half_the_rows(bench):
    bench.ask(Ask(walks=((COLUMN,),)))
    for _ in range(2):
        bench.pass_time(1.0)

    assert [message.pdu.error_index for message, _ in bench.channel.sent] == [60, 30, 15]

    while not bench.answers:
        bench.reply()
    assert len(bench.answers[0].walks[0].columns[0]) == 100


def test_the_deadline_counts_from_the_start_of_the_ask(bench):
    bench.ask(target=Target(address="192.0.2.7", credential=Community(b"c"), timeout_s=3.0, deadline_s=4.0, retries=9))
    bench.pass_time(3.0)
    assert not bench.answers
    bench.pass_time(1.0)

    assert bench.answers[0].outcome == Reason.NO_ANSWER
    assert bench.answers[0].attempts == 2


@pytest.mark.parametrize(("late", "reason"), [("it", Reason.TOO_SLOW), ("we", Reason.DEADLINE)])
def test_whose_the_time_was_that_ran_out(bench, late, reason):
    """The same replies at the same instants. What counts is whether our sockets were seen empty while we waited."""
    target = Target(address="192.0.2.7", credential=Community(b"c"), timeout_s=1.0, deadline_s=4.0)
    bench.ask(Ask(walks=((COLUMN,),), limits=Limits(bulk_varbinds=4)), target)
    while not bench.answers:
        message, address = bench.channel.sent[-1]
        said = encode(Message(message.community, bench.device.respond(message.pdu)))
        if late == "we":
            bench.channel.inbox.append((said, address))  # it came at once, and lay there
        bench.clock.now += 0.75
        if late == "it":
            bench.drain()
            bench.channel.inbox.append((said, address))
        bench.loop.receive(bench.channel)
        bench.loop.deliver()

    assert bench.answers[0].failed.reason is reason
    assert bench.answers[0].outcome == "answered"
    assert len(bench.answers[0].walks[0].columns[0]) == 6 * 4


def test_a_sleep_that_nothing_ended_shows_that_our_sockets_were_empty(bench):
    """Under little load datagrams come one by one, and no socket is ever read to its end."""
    bench.ask(target=Target(address="192.0.2.7", credential=Community(b"c"), timeout_s=9.0))
    (flight,) = bench.loop.flights.values()
    for _ in range(2):  # the first look only begins the count
        slept_at = bench.clock.now
        bench.clock.now += 0.8
        bench.loop.woke(slept_at, bench.clock.now)
    bench.reply()

    assert 1.2 < flight.waited < 1.6


def test_time_in_which_we_had_no_processor_is_not_the_devices(bench, monkeypatch):
    """On a machine that is short of CPU a reply lies in our socket while our thread waits to run."""
    monkeypatch.setattr(bench.loop._starved, "since", lambda: 0.7)
    bench.ask(target=Target(address="192.0.2.7", credential=Community(b"c"), timeout_s=9.0))
    (flight,) = bench.loop.flights.values()
    slept_at = bench.clock.now
    bench.clock.now += 0.8
    bench.loop.woke(slept_at, bench.clock.now)
    bench.reply()

    assert 0 < flight.waited < 0.1


def test_the_kernel_tells_how_long_a_thread_had_no_processor(monkeypatch):
    starved = Starved()
    assert starved.since() is None
    assert 0 <= starved.since() < 60
    starved.close()
    starved.close()

    monkeypatch.setattr("collectors.snmp.starved._FILE", "/proc/nothing")
    assert Starved().since() is None


def test_the_window_holds(bench):
    for n in range(1, 26):
        bench.ask(target=Target(address=f"192.0.2.{n}", credential=Community(b"c")))

    assert len(bench.channel.sent) == 10
    bench.reply()
    bench.loop.launch()
    assert len(bench.channel.sent) == 11


def test_batches_grow_while_they_are_full_and_shrink_when_not():
    """In Python: one by one where datagrams come so; many at once under load, and all before a time-out."""
    bench, stray = Bench(), (b"junk", ("198.51.100.9", 53))
    bench.channel.inbox += [stray] * 1_000
    took = [bench.loop.receive(bench.channel) for _ in range(40)]

    assert took[:12] == [1] * 4 + [2] * 4 + [4] * 4
    assert max(took) == 128
    assert sum(took) == 1_000
    assert bench.loop.receive(bench.channel) == 0
    bench.channel.inbox += [stray] * 2
    assert bench.loop.receive(bench.channel) == 1
