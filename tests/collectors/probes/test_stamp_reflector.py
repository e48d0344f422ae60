"""The reflector: whom it answers, how much, and how long."""

from __future__ import annotations

import ipaddress
import random
import socket
import time

import pytest

from collectors.probes import figures, streams
from collectors.probes.clocks import ClockState
from collectors.probes.reflector import build as build_reflector
from collectors.probes.sockets import Arrival, Instant
from collectors.probes.stamp import packet, sending, tlv
from collectors.probes.stamp.packet import Asked
from collectors.probes.stamp.reflect import BROKEN, NOT_LISTED, PORT, RATE, Heard, Limits, Reflector
from collectors.probes.stamp.reflecting import Reflecting
from collectors.probes.stamp.session import Session
from collectors.probes.stamp.timestamps import ErrorEstimate, ntp_of
from collectors.probes.streams import DOUBLES, Pace
from netops.probing import Probe

HERE = [ipaddress.ip_network("192.0.2.0/24")]
NOW = 1_795_719_388_427_966_071
ERROR = ErrorEstimate.of(1000, synchronised=True).field()
KEY = b"a key of the city"
GOOD = packet.encode_asked(Asked(5, ntp_of(NOW), ERROR, 9))


def heard(source="192.0.2.7", port=50_001):
    return Heard(
        source=source, source_port=port, destination="192.0.2.1", destination_port=862, at_ns=NOW, ttl=61, tos=0
    )


def ask(reflector, datagram=GOOD, *, at_s=0.0, **how):
    made = reflector.take(datagram, heard(**how), error=ERROR, synchronised=True, received=ntp_of(NOW), now_s=at_s)
    return made.datagram(ntp_of(NOW + 7)) if made else None


def test_it_answers_who_is_on_its_list_with_all_four_times():
    told = packet.decode_told(ask(Reflector(allowed=HERE)))

    assert (told.sequence, told.asked, told.ttl, told.ssid) == (0, Asked(5, ntp_of(NOW), ERROR, 9), 61, 9)
    assert (told.received, told.stamp) == (ntp_of(NOW), ntp_of(NOW + 7))


def test_a_stateless_one_repeats_the_senders_number():
    assert packet.decode_told(ask(Reflector(allowed=HERE, stateful=False))).sequence == 5


def test_a_stateful_one_counts_each_session_apart():
    reflector = Reflector(allowed=HERE)

    counted = [packet.decode_told(ask(reflector, port=port)).sequence for port in (5001, 5001, 5002, 5001)]

    assert counted == [0, 1, 0, 2]


@pytest.mark.parametrize(
    ("how", "datagram", "reason"),
    [
        ({"source": "198.51.100.1"}, GOOD, NOT_LISTED),
        ({"source": "not an address"}, GOOD, NOT_LISTED),
        ({"port": 862}, GOOD, PORT),
        ({"port": 53}, GOOD, PORT),
        ({}, GOOD[:43], BROKEN),
        ({}, b"", BROKEN),
        ({}, GOOD + bytes(packet.MOST_OCTETS), BROKEN),
    ],
    ids=["stranger", "nonsense", "a reflector", "a resolver", "short", "empty", "huge"],
)
def test_it_refuses_and_counts(how, datagram, reason):
    reflector = Reflector(allowed=HERE)

    assert ask(reflector, datagram, **how) is None
    assert reflector.counters == {reason: 1}


def test_without_a_list_it_answers_nobody():
    assert ask(Reflector(allowed=[])) is None


def test_with_a_key_it_answers_only_what_the_key_sealed():
    reflector = Reflector(allowed=HERE, key=KEY)

    assert ask(reflector) is None
    assert ask(reflector, packet.encode_asked(Asked(5, 1, ERROR, 9), key=b"another")) is None
    assert packet.decode_told(ask(reflector, packet.encode_asked(Asked(5, 1, ERROR, 9), key=KEY)), key=KEY)


def test_a_flood_of_one_source_is_cut_to_its_rate_and_costs_the_others_nothing():
    reflector = Reflector(allowed=HERE, limits=Limits(source_per_s=50, total_per_s=1000))

    flood = sum(ask(reflector, at_s=second / 1000) is not None for second in range(2000))
    other = ask(reflector, source="192.0.2.8", at_s=2.0)

    assert 2 * 50 - 1 <= flood <= 3 * 50
    assert other is not None
    assert reflector.counters[RATE] == 2000 - flood


def test_with_a_key_forged_packets_use_up_nobodys_share():
    reflector = Reflector(allowed=HERE, key=KEY, limits=Limits(source_per_s=50, total_per_s=10_000))
    forged = packet.encode_asked(Asked(5, 1, ERROR, 9), key=b"another")

    for second in range(2000):
        ask(reflector, forged, at_s=second / 1000)

    assert ask(reflector, packet.encode_asked(Asked(5, 1, ERROR, 9), key=KEY), at_s=2.0) is not None


def test_forged_sources_take_bounded_memory_and_the_total_rate_at_most():
    reflector = Reflector(
        allowed=[ipaddress.ip_network("10.0.0.0/8")], limits=Limits(total_per_s=100, sessions=64, sources=64)
    )

    answered = sum(
        ask(reflector, source=str(ipaddress.ip_address(0x0A000000 + n)), at_s=n / 5000) is not None for n in range(5000)
    )

    assert answered <= 200 + 1
    assert max(len(reflector._sources), len(reflector._sessions), len(reflector._listed)) <= 64


def test_no_answer_is_longer_than_its_question():
    random_ = random.Random(862)
    for key in (None, KEY):
        reflector = Reflector(allowed=HERE, key=key, limits=Limits(source_per_s=1e9, total_per_s=1e9))
        for _ in range(2000):
            area = bytes(random_.randrange(256) for _ in range(random_.randrange(60)))
            if random_.random() < 0.5:
                area = tlv.location() + tlv.timestamp() + area
            if key and random_.random() < 0.5:
                area = tlv.seal(1, area, key)
            datagram = packet.encode_asked(Asked(1, 2, ERROR, 3), key=key, tlvs=area)

            assert len(ask(reflector, datagram)) == len(datagram)


GOOD_CLOCK = ClockState(synchronised=True, error_ns=50_000)


@pytest.fixture(params=["127.0.0.1", "::1"], ids=["v4", "v6"])
def loopback(request):
    return request.param


@pytest.mark.parametrize("key", [None, KEY], ids=["open", "sealed"])
def test_a_session_over_loopback_is_answered_whole(loopback, key):
    allowed = [ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128")]
    reflecting = Reflecting(
        Reflector(allowed=allowed, key=key, follows_dscp=True), host=loopback, port=0, clock=lambda: GOOD_CLOCK
    )
    reflecting.start()
    try:
        plan = sending.Plan(
            address=loopback,
            port=reflecting.port,
            pace=Pace(count=10, spacing_ms=2, timeout_s=3),
            key=key,
            dscp=46,
            tlvs=tlv.location() + tlv.timestamp() + tlv.service(10),
        )
        record = sending.run(plan, clock=lambda: GOOD_CLOCK)
    finally:
        reflecting.stop()

    assert record["sent"] == 10
    assert sorted(row[0] for row in record["echoes"]) == list(range(10))
    assert {row[7] for row in record["echoes"]} == {64}
    assert all(row[2] <= row[3] <= row[4] <= row[5] for row in record["echoes"])
    assert (record["told"]["location"]["source"], record["told"]["location"]["destination_port"]) == (
        loopback,
        reflecting.port,
    )
    assert (record["told"]["dscp"], record["told"]["synchronised_by"]) == (46, tlv.SYNC_NTP)
    assert (record["refused"], record["by_kernel"]) == ({}, True)


def test_a_closed_port_is_told_by_icmp_and_every_packet_is_lost():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    began = time.monotonic()

    record = sending.run(
        sending.Plan(address="127.0.0.1", port=port, pace=Pace(count=3, spacing_ms=1, timeout_s=0.3)),
        clock=lambda: GOOD_CLOCK,
    )

    assert (record["sent"], record["echoes"]) == (3, [])
    assert record["errors"] > 0
    assert time.monotonic() - began < 3


def test_answers_of_nobody_we_asked_are_refused():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as liar:
        liar.bind(("127.0.0.1", 0))
        liar.settimeout(0.01)
        import threading

        done = threading.Event()

        def lie():
            while not done.is_set():
                try:
                    datagram, peer = liar.recvfrom(9000)
                except TimeoutError:
                    continue
                question = packet.decode_asked(datagram)
                for false in (
                    Asked(question.sequence + 50, question.stamp, question.error, question.ssid),
                    Asked(question.sequence, question.stamp + 1, question.error, question.ssid),
                    Asked(question.sequence, question.stamp, question.error, question.ssid ^ 0x5555),
                ):
                    told = packet.Told(0, 1, ERROR, false.ssid, 1, false, 64)
                    liar.sendto(packet.encode_told(told), peer)
                liar.sendto(b"noise", peer)

        thread = threading.Thread(target=lie)
        thread.start()
        try:
            plan = sending.Plan(
                address="127.0.0.1", port=liar.getsockname()[1], pace=Pace(count=2, spacing_ms=1, timeout_s=0.4)
            )
            record = sending.run(plan, clock=lambda: GOOD_CLOCK)
        finally:
            done.set()
            thread.join()

    assert record["echoes"] == []
    assert record["refused"] == {"sequence": 2, "foreign": 4, "broken": 2}


@pytest.mark.parametrize("follows", [False, True])
def test_an_answer_leaves_with_the_dscp_asked_for_where_the_settings_allow_it(follows):
    probe = Probe(reflect_host="127.0.0.1", reflect_port=0, reflect_allow="127.0.0.0/8", reflect_dscp=follows)
    made = build_reflector(probe, clock=lambda: GOOD_CLOCK)
    made.start()
    try:
        pace = Pace(count=2, spacing_ms=1, timeout_s=2)
        plan = sending.Plan(address="127.0.0.1", port=made.port, pace=pace, dscp=46, tlvs=tlv.service(46))
        record = sending.run(plan, clock=lambda: GOOD_CLOCK)
    finally:
        made.stop()

    assert record["told"] == {"dscp": 46, "ecn": 0} | ({} if follows else {"dscp_refused": True})


def test_a_fault_that_has_passed_is_no_longer_told():
    faults = [RuntimeError("once")]

    def clock():
        if faults:
            raise faults.pop()
        return GOOD_CLOCK

    made = Reflecting(Reflector(allowed=[ipaddress.ip_network("127.0.0.0/8")]), host="127.0.0.1", port=0, clock=clock)
    made.start()
    try:
        pace = Pace(count=3, spacing_ms=1, timeout_s=3)
        record = sending.run(sending.Plan(address="127.0.0.1", port=made.port, pace=pace), clock=lambda: GOOD_CLOCK)
    finally:
        made.stop()

    assert (faults, len(record["echoes"]), made.failed) == ([], 3, "")


def test_a_reflector_that_repeats_itself_without_end_fills_no_archive():
    session = Session(ssid=7, error=ERROR)
    asked = [packet.decode_asked(session.packet(Instant(NOW, 0))) for _ in range(2)]
    for number, question in [*([(0, asked[0])] * 5000), (1, asked[1])]:
        told = packet.Told(number, question.stamp, ERROR, 7, question.stamp, question, 64)
        session.take(Arrival(packet.encode_told(told), ("192.0.2.1", 862), Instant(NOW, 9), True, 64, 0, ""))
    record = {"sent": 2, "echoes": [each.row() for each in session.echoes], "unkept": session.unkept}
    about = {"kind": "stamp", "target": "t", "at_ms": 1, "stateful": True, "limit_ns": 10**9}
    clock = {"synchronised": True}
    observations, _ = figures.read(record | about | {"clock": clock}, device="d", vantage="v")
    values = {each.metric: each.value for each in observations}

    assert len(record["echoes"]) == DOUBLES + 2
    assert (values["probe.duplicates"], values["probe.lost"]) == (4999, 0)


def test_what_leaves_late_is_waited_for_as_long_as_any_other():
    """A busy machine sends late; the answers to what left last are no losses for that."""
    import threading

    class Late:
        """A course whose second packet takes longer to make than the whole run was meant to take."""

        sent, answers = 0, 0

        @property
        def complete(self):
            return self.answers == self.sent

        def packet(self, at):
            self.sent += 1
            if self.sent == 2:
                time.sleep(0.25)
            return b"question"

        def take(self, arrival):
            self.answers += 1
            return True

    def answer(there):
        for _ in range(2):
            question, peer = there.recvfrom(100)
            time.sleep(0.12)
            there.sendto(question, peer)

    course = Late()
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here,
    ):
        there.bind(("127.0.0.1", 0))
        here.connect(there.getsockname())
        here.setblocking(False)
        thread = threading.Thread(target=answer, args=(there,))
        thread.start()
        streams.run(here, course, Pace(count=2, spacing_ms=1, timeout_s=0.2))
        thread.join()

    assert (course.sent, course.answers) == (2, 2)


def test_a_flood_of_noise_on_the_wire_gets_nothing_and_good_packets_still_do():
    """The live reflector: what comes back is never more than what went there, whatever it was."""
    random_ = random.Random(1862)
    reflecting = Reflecting(
        Reflector(allowed=[ipaddress.ip_network("127.0.0.0/8")], limits=Limits(source_per_s=1e6, total_per_s=1e6)),
        host="127.0.0.1",
        port=0,
        clock=lambda: GOOD_CLOCK,
    )
    reflecting.start()
    good = packet.encode_asked(Asked(1, ntp_of(NOW), ERROR, 3), tlvs=tlv.location() + tlv.timestamp())
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as noisy:
            noisy.connect(("127.0.0.1", reflecting.port))
            noisy.settimeout(0.3)
            asked = told = 0
            for _ in range(600):
                made = bytearray(good)
                for _ in range(random_.randrange(10)):
                    made[random_.randrange(len(made))] = random_.randrange(256)
                datagram = bytes(made[: random_.randrange(len(made) + 1)])
                asked += len(datagram)
                noisy.send(datagram)
                if random_.random() < 0.1:
                    time.sleep(0.002)
            try:
                while True:
                    told += len(noisy.recv(65_536))
            except TimeoutError:
                pass
        plan = sending.Plan(address="127.0.0.1", port=reflecting.port, pace=Pace(count=5, spacing_ms=2, timeout_s=2))
        record = sending.run(plan, clock=lambda: GOOD_CLOCK)
    finally:
        reflecting.stop()

    assert 0 < told <= asked
    assert len(record["echoes"]) == 5
    assert reflecting.failed == ""
