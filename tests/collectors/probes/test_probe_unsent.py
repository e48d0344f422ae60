"""What our own machine did not send is no loss of the line: a full buffer, a full queue, a packet filter of ours."""

from __future__ import annotations

import errno
import socket
import threading
import time

import pytest

from collectors.probes import figures, icmp, streams
from collectors.probes.stamp.session import Session
from collectors.probes.stamp.timestamps import ErrorEstimate
from collectors.probes.streams import Pace

ERROR = ErrorEstimate.of(1000, synchronised=True).field()
BOUNDS = {"kind": "stamp", "target": "a", "stateful": True, "limit_ns": 10**6, "anchor": False}


def session():
    return Session(ssid=7, error=ERROR)


def full():
    """Return a pair of which the first cannot send: what the second has not read fills the buffer."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    here.setblocking(False)
    try:
        while True:
            here.send(b"full")
    except BlockingIOError:
        return here, there


def told(record):
    common = {"clock": {"synchronised": True, "error_ns": 0}, "service": ""}
    observations, gaps = figures.read(record | BOUNDS | common, device="v/probe", vantage="v")
    return {each.metric: each.value for each in observations}, {each.metric: each.reason.value for each in gaps}


def record_of(ran, course):
    return ran.record() | {"sent": course.sent, "echoes": [each.row() for each in course.echoes]}


def test_a_buffer_that_stays_full_sends_nothing_and_that_is_a_gap_of_ours():
    here, there = full()
    with here, there:
        course = session()
        ran = streams.run(here, course, Pace(count=5, spacing_ms=1, timeout_s=0.05))

    values, gaps = told(record_of(ran, course))
    assert course.sent == 0
    assert 0 < ran.unsent < 60, "it is tried again, and not without end"
    assert "probe.loss" not in values
    assert {gaps[name] for name in ("probe.reached", "probe.loss", "probe.rtt.p50")} == {"deadline"}


def test_a_buffer_that_was_full_for_a_while_delays_and_loses_nothing():
    here, there = full()

    def read():
        time.sleep(0.05)
        there.settimeout(0.5)
        try:
            while True:
                arrived.append(there.recv(2048))
        except TimeoutError:
            pass

    arrived, course = [], session()
    reader = threading.Thread(target=read)
    with here, there:
        reader.start()
        ran = streams.run(here, course, Pace(count=8, spacing_ms=1, timeout_s=0.3))
        reader.join()

    asked = [each for each in arrived if each != b"full"]
    assert ran.unsent > 0
    assert course.sent == 8
    assert [int.from_bytes(each[:4], "big") for each in asked] == list(range(8)), "no number was used twice or left out"


class Refusing:
    """A socket that does not take its first packets, each time with the next of these errors."""

    def __init__(self, *errors):
        self.errors, self.left = list(errors), []

    def send(self, datagram):
        if self.errors:
            raise OSError(self.errors.pop(0), "refused")
        self.left.append(datagram)


@pytest.mark.parametrize(
    ("errors", "sent", "left"),
    [
        ([errno.ENOBUFS], (0, False), 0),
        ([errno.EPERM], (0, False), 0),
        ([errno.ECONNREFUSED], (1, True), 1),  # about an earlier packet
        ([errno.ECONNREFUSED, errno.EAGAIN], (1, False), 0),
        ([errno.ENETUNREACH, errno.ENETUNREACH], (1, True), 0),  # the line is down: that is its loss
    ],
)
@pytest.mark.parametrize("course", [session, lambda: icmp.Echoes(six=False, identity=1, token=bytes(16))])
def test_whose_a_packet_is_that_was_not_taken(course, errors, sent, left):
    wire, made = Refusing(*errors), course()

    assert streams.send(wire, made) == sent
    assert (made.sent, len(wire.left)) == (int(sent[1]), left)


@pytest.mark.root
@pytest.mark.partner("ip")
@pytest.mark.partner("nft")
@pytest.mark.parametrize("way", ["queue", "filter"])
def test_a_queue_or_a_filter_of_our_own_machine_is_no_loss_of_the_line(wire_of, way):
    with wire_of() as wire:
        wire.reflect()
        if way == "queue":  # 40 kbit/s: a twentieth of what is sent; the queue holds two packets
            words = "qdisc add dev wire0 root tbf rate 40kbit burst 600 limit 1200"
            wire.run(wire.home, "tc", *words.split())
        else:
            wire.run(wire.home, "nft", "add table ip t; add chain ip t out { type filter hook output priority 0; }")
            wire.run(wire.home, "nft", "add rule ip t out udp dport 862 limit rate over 40/second burst 2 packets drop")
        record = wire.look("stamp", count=60, spacing_ms=4, timeout_s=1, padding=400)
        did = wire.cut()

    values, _ = told(record)
    assert record["unsent"] > 10
    assert values["probe.sent"] == did["there"]["passed 862"]
    assert (values["probe.lost"], values["probe.reached"]) == (0, 1)
    assert record["errors"] == 0
