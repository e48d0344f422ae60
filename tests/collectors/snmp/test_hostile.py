"""Hostile neighbours: one agent that pours out varbinds among a thousand, junk under a device's own address, floods."""

import os
import select
import socket
import struct
import threading
from contextlib import contextmanager, suppress

import pytest

from collectors import poll
from collectors.plan import Chosen
from collectors.profile_yaml import shipped
from collectors.snmp import usm
from collectors.snmp.agent import Listing
from collectors.snmp.ask import Ask, Community, Limits, Target
from collectors.snmp.engine import Engine
from collectors.snmp.flight import Job
from collectors.snmp.pdu import Kind, Message, Pdu, decode, encode, response
from collectors.snmp.sockets import Channel
from collectors.snmp.usm import User
from collectors.snmp.varbind import COUNTER32, INTEGER, OCTET_STRING, SYS_UP_TIME, TIME_TICKS, Varbind, Varbinds
from collectors.snmp.wire import REACH
from netops.model import Reason

NAME = (1, 3, 6, 1, 2, 1, 1, 5, 0)
ENTRY = (1, 3, 6, 1, 2, 1, 2, 2, 1)
ASK = Ask(gets=(NAME,))
pytestmark = pytest.mark.usefixtures("way")
GOOD = Varbind(NAME, OCTET_STRING, b"the truth")
PKTINFO = struct.Struct("=I4s4s")
SOURCE_OF = getattr(socket, "IP_PKTINFO", 8)


def objects(rows=4):
    yield Varbind(SYS_UP_TIME, TIME_TICKS, 5000)
    yield Varbind(NAME, OCTET_STRING, b"the truth")
    for column, tag in ((1, INTEGER), (2, OCTET_STRING), (7, INTEGER), (8, INTEGER), (10, COUNTER32)):
        for row in range(1, rows + 1):
            yield Varbind((*ENTRY, column, row), tag, b"eth" if tag == OCTET_STRING else 1)


class Town:
    """Every address of 127.0.0.0/8 is an agent behind one socket; `odd`: address → `say(message) -> datagrams`."""

    def __init__(self, odd=None):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.IPPROTO_IP, SOURCE_OF, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.socket.bind(("0.0.0.0", 0))
        self.port = self.socket.getsockname()[1]
        self.honest = Listing(objects())
        self.odd = odd or {}
        self.asked = []  # source ports
        self.poured = 0
        self.given = set()
        self.stop_read, self.stop_write = os.pipe()
        self.thread = threading.Thread(target=self.serve)

    def serve(self):
        while True:
            ready, _, _ = select.select([self.socket, self.stop_read], [], [])
            if self.stop_read in ready:
                return
            octets, ancillary, _, source = self.socket.recvmsg(65_535, 64)
            mine = PKTINFO.unpack(ancillary[0][2])[2]
            self.asked.append(source[1])
            message = decode(octets)
            say = self.odd.get(socket.inet_ntoa(mine), self.truth)
            back = [(socket.IPPROTO_IP, SOURCE_OF, PKTINFO.pack(0, mine, b"\0" * 4))]
            for said in say(message):
                self.socket.sendmsg([said], back, 0, source)

    def truth(self, message):
        yield encode(Message(message.community, self.honest.respond(message.pdu)))

    def after(self, oid, n):
        """Return the n-th row behind a cursor, for ever in the same column."""
        found = (*oid[:-1], oid[-1] + n) if oid in self.given else (*oid, n)
        self.given.add(found)
        return found

    def pour(self, message, rows=20):
        """Answer every GetBulk with rows without end."""
        oids = message.pdu.varbinds.oids
        bulk = message.pdu.error_index > 0
        given = [self.after(oid, n) for n in range(1, rows + 1) for oid in oids] if bulk else oids
        self.poured += len(given)
        yield encode(Message(message.community, response(message.pdu, [Varbind(oid, COUNTER32, 7) for oid in given])))

    def drip(self, message):
        yield from self.pour(message, rows=1)


@contextmanager
def town(**words):
    made = Town(**words)
    made.thread.start()
    try:
        yield made
    finally:
        os.write(made.stop_write, b"x")
        made.thread.join()
        made.socket.close()
        os.close(made.stop_read)
        os.close(made.stop_write)


def target(made, address, **words):
    words = {"timeout_s": 2.0, "retries": 1, "deadline_s": 20.0, **words}
    return Target(address=address, port=made.port, credential=Community(b"public"), **words)


def address(n):
    return f"127.3.{n // 250}.{n % 250 + 1}"


def test_one_that_pours_out_varbinds_is_a_fault_and_the_thousand_others_are_answered():
    """Its poll ends at the bound, nothing of it is decoded, and its neighbours neither wait nor lack a value."""
    plans = poll.Plans(most_varbinds=5_000)
    standard = shipped()["standard"]
    chosen = Chosen(profile=standard, root=standard.roots[0], layouts=frozenset(standard.layouts))
    plan = plans.of(poll.Fitted(chosen=(chosen,)), frozenset({"cheap", "dear", "heavy"}))
    hostile = address(500)
    with town() as made, Engine(window=200) as engine:
        made.odd[hostile] = made.pour
        jobs = [Job(target(made, address(n)), plan.ask, address(n)) for n in range(1_000)]
        polls = {a.token: (a, poll.polled(a.token, 0, plan, a)) for a in engine.run(jobs)}
        poured = made.poured

    answer, bad = polls.pop(hostile)
    assert bad.outcome == Reason.PROTOCOL_FAULT
    assert "over 5000 varbinds in one poll" in answer.failed.detail
    assert (bad.rows, bad.raw, answer.got) == ((), b"", ())
    assert not any(column for walked in answer.walks for column in walked.columns)
    assert 5_000 < poured <= 5_000 + 24 + 200 * 60
    assert {each.outcome for _, each in polls.values()} == {"answered"}
    shapes = {frozenset((row.subject.kind, len(row.values)) for row in each.rows) for _, each in polls.values()}
    assert len(shapes) == 1
    assert max(a.attempts for a, _ in polls.values()) == 1


def test_many_small_replies_are_bounded_by_their_number():
    """A row a reply, for ever: fifty thousand small datagrams cost as much as the varbinds in large ones."""

    with town() as made, Engine() as engine:
        made.odd[address(1)] = made.drip
        ask = Ask(walks=(((*ENTRY, 10),),), limits=Limits(requests=300))
        answer = engine.ask(target(made, address(1)), ask)

    assert answer.outcome == Reason.PROTOCOL_FAULT
    assert "over 300 requests" in answer.failed.detail
    assert len(made.asked) <= 302


@contextmanager
def flood(ports, *, size=900):
    """Keep our sockets' receive buffers running over, from another source than any device."""
    stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    stranger.bind(("127.9.9.9", 0))
    going = threading.Event()

    def send():
        junk = bytes(size)
        while not going.is_set():
            for port in tuple(ports):
                with suppress(OSError):
                    stranger.sendto(junk, ("127.0.0.1", port))

    threads = [threading.Thread(target=send) for _ in range(2)]
    for each in threads:
        each.start()
    try:
        yield
    finally:
        going.set()
        for each in threads:
            each.join()
        stranger.close()


def test_a_flood_neither_excuses_the_dead_nor_hides_the_living():
    """S2, S3: junk from another source at all our ports. Dead devices are `no_answer`, living ones answered."""
    with town() as made, Engine(window=50, receive_buffer=16_384) as engine:
        made.odd |= {address(n): lambda message: () for n in range(0, 40, 4)}
        targets = [target(made, address(n), timeout_s=0.3, retries=1) for n in range(40)]
        engine.ask(targets[1], ASK)
        with flood(made.asked):  # every port that a question ever came from
            for _ in range(50):
                engine.ask(targets[1], ASK)
                if engine.besieged:
                    break
            answers = {a.token: a for a in engine.run(Job(each, ASK, n) for n, each in enumerate(targets))}
            assert "snmp.siege" in engine.health()

    assert engine.counters.sieges == 1
    assert {n: answers[n].outcome for n in range(40)} == {n: "answered" if n % 4 else "no_answer" for n in range(40)}


def test_a_flood_that_begins_while_a_device_is_asked_excuses_it_neither():
    with town() as made, Engine(window=50, receive_buffer=4_096) as engine:
        made.odd[address(1)] = lambda message: ()
        engine.ask(target(made, address(0)), ASK)
        hold = threading.Event()
        with flood(made.asked):
            engine.submit([Job(target(made, address(2)), ASK)], lambda batch: hold.wait(0.2))
            dead = engine.ask(target(made, address(1), timeout_s=0.3, retries=0), ASK)

    assert engine.counters.socket_drops > 0
    assert dead.outcome == Reason.NO_ANSWER


@pytest.mark.parametrize("where", ["127.0.0.1", "::1"])
def test_the_kernel_lets_only_what_carries_our_number_into_a_sealed_lane(where):
    """A flood under the device's own address pushes no reply out of the buffer, and costs us no CPU."""
    family = socket.AF_INET6 if ":" in where else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as agent:
        agent.bind((where, 0))
        lane = Channel(family, peer=agent.getsockname())
        lane.send(b"hello", agent.getsockname())
        _, source = agent.recvfrom(100)
        community = b"c" * 40
        for request_id in (0x0101_0101, 0x7FFF_FFFE):
            replies = [
                encode(Message(community, Pdu(Kind.RESPONSE, request_id, 0, 0, Varbinds.of([GOOD])))),
                usm.write(request_id, 0, (b"engine", 1, 1, b"", 0, b""), usm.scoped_pdu(b"", b"", b"0"))[0],
                b"\x30\x84\0\0\0\x60" + replies_head(community) + request_id.to_bytes(4, "big") + bytes(50),
            ]
            assert lane.admit((0x0200_0000, request_id), REACH + len(community))
            junk = [b"", b"\x30", bytes(2_000), replies[0].replace(request_id.to_bytes(4, "big"), b"\x11\x22\x33\x44")]
            for said in (*junk * 500, *replies, bytes(200) + replies[0]):
                agent.sendto(said, source)
            heard = []
            with suppress(BlockingIOError):
                while True:
                    heard.append(lane.receive(65_535)[0])

            assert heard == replies
        lane.close()


def replies_head(community):
    """Return what stands before a request id when every length is in its longest form."""
    return b"\x02\x84\0\0\0\x01\x01\x04\x84\0\0\0\x28" + community + b"\xa2\x84\0\0\0\x10\x02\x04"


def test_a_flood_under_its_own_address_neither_excuses_the_dead_nor_hides_the_living():
    """S3: whoever forges a device's address floods its lane. The dead one is silent, the living one heard."""
    junk = bytes(900)
    with town() as made, Engine(window=10) as engine:
        made.odd[address(1)] = lambda message: [junk] * 600
        made.odd[address(2)] = lambda message: [*[junk] * 600, *made.truth(message)]
        engine.ask(target(made, address(0)), ASK)
        engine._loop.siege.on, engine._loop.siege._noise_at = True, 2**40
        targets = [target(made, address(n), timeout_s=0.4, retries=1) for n in (1, 2)]
        told = {a.token: a.outcome for a in engine.run(Job(each, ASK, each.address) for each in targets)}

    assert told == {address(1): Reason.NO_ANSWER, address(2): "answered"}


def spoilt(octets):
    """What a v3 agent might send whose message breaks off behind the header."""
    return octets[: len(octets) // 2]


@pytest.mark.parametrize(
    ("say", "outcome"),
    [
        (lambda octets: b"\x30\x82\xff\xff\x02\x01\x03", Reason.NO_ANSWER),
        (lambda octets: bytes(400), Reason.NO_ANSWER),
        (lambda octets: octets.replace(octets[9:13], b"\x11\x22\x33\x44"), Reason.NO_ANSWER),
        (spoilt, Reason.UNDECODABLE),
    ],
)
def test_junk_under_the_address_of_a_silent_v3_device_hides_no_outage(say, outcome):
    user = User(name="poller", auth_key="correct horse", priv_key="battery staple")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as agent, Engine() as engine:
        agent.bind(("127.0.0.1", 0))
        agent.settimeout(5)

        def answer():
            octets, source = agent.recvfrom(65_535)
            assert usm.read(octets).message_id == int.from_bytes(octets[9:13], "big")
            agent.sendto(say(octets), source)

        thread = threading.Thread(target=answer)
        thread.start()
        where = Target(address="127.0.0.1", port=agent.getsockname()[1], credential=user, timeout_s=0.3, retries=0)
        told = engine.ask(where, ASK)
        thread.join()

    assert told.outcome == outcome


def test_a_family_that_speaks_for_others_may_say_more():
    profiles = shipped()

    assert poll.bounds([profiles["standard"]], 20_000).varbinds == 20_000
    assert poll.bounds([profiles["standard"], profiles["huawei_wlan_ac"]], 20_000).varbinds >= 200_000


@pytest.mark.parametrize("where", ["127.0.0.1", "::1"])
def test_a_lane_hears_what_the_shared_socket_hears(where):
    """Answers, ICMP and silence, over both families, while every ask begins on a lane."""
    family = socket.AF_INET6 if ":" in where else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as agent, socket.socket(family, socket.SOCK_DGRAM) as silent:
        for each in (agent, silent):
            each.bind((where, 0))
        with socket.socket(family, socket.SOCK_DGRAM) as closed:
            closed.bind((where, 0))
            nobody = closed.getsockname()[1]
        listing = Listing(objects())

        def answer():
            octets, source = agent.recvfrom(65_535)
            message = decode(octets)
            agent.sendto(encode(Message(message.community, listing.respond(message.pdu))), source)

        thread = threading.Thread(target=answer)
        thread.start()
        with Engine() as engine:
            engine.ask(Target(address="127.0.0.1", port=nobody, credential=Community(b"c"), timeout_s=0.05), ASK)
            engine._loop.siege.on, engine._loop.siege._noise_at = True, 2**40
            words = {"address": where, "credential": Community(b"public"), "timeout_s": 0.3, "retries": 1}
            ports = (agent.getsockname()[1], silent.getsockname()[1], nobody)
            told = [engine.ask(Target(port=port, **words), ASK).outcome for port in ports]
            assert engine.counters.lanes == 3
            assert not engine._loop.siege._lanes
        thread.join()

    assert told == ["answered", Reason.NO_ANSWER, Reason.REFUSED]
