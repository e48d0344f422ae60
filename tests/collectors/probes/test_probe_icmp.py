"""ICMP echo over loopback, and what is taken for an answer."""

from __future__ import annotations

import os
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.probes import figures, icmp
from collectors.probes.sockets import Arrival, Instant
from collectors.probes.streams import DOUBLES, Pace

TOKEN = b"sixteen octets !"


@given(st.binary(max_size=64))
def test_a_checksum_sums_up_to_all_ones(body):
    whole = body + b"\0" * (len(body) % 2)
    total = sum(struct.unpack(f">{len(whole) // 2}H", whole)) + icmp.checksum(whole)
    while total > 0xFFFF:
        total = (total >> 16) + (total & 0xFFFF)

    assert total == 0xFFFF


@given(st.binary(max_size=80))
def test_only_a_reply_with_the_runs_own_token_is_an_answer(octets):
    assert icmp.answered(octets, six=False, token=TOKEN) is None
    assert icmp.answered(octets, six=True, token=TOKEN) is None


def test_a_request_is_not_its_own_answer():
    asked = icmp.request(six=False, identity=1, sequence=7, token=TOKEN)

    assert icmp.answered(asked, six=False, token=TOKEN) is None
    assert icmp.answered(b"\0" + asked[1:], six=False, token=TOKEN) == 7
    assert icmp.answered(bytes([0x45]) + bytes(19) + b"\0" + asked[1:], six=False, token=TOKEN) == 7
    assert icmp.answered(b"\0" + asked[1:], six=False, token=TOKEN[::-1]) is None


def test_answers_without_end_fill_no_archive():
    course = icmp.Echoes(six=False, identity=1, token=TOKEN)
    told = [b"\0" + course.packet(Instant(5, 5))[1:] for _ in range(2)]
    for each in [*([told[0]] * 5000), told[1]]:
        course.take(Arrival(each, ("192.0.2.1", 0), Instant(9, 9), True, 64, 0, ""))

    assert (len(course.answers), course.unkept) == (DOUBLES + 2, 5000 - 1 - DOUBLES)
    assert course.complete


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a raw socket or net.ipv4.ping_group_range")
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_this_machine_answers_itself(address, good_clock):
    record = icmp.run(address, Pace(count=4, spacing_ms=2, timeout_s=2), clock=good_clock)
    observations, gaps = figures.read(
        record | {"kind": "icmp", "target": "me", "service": ""}, device="site-7/probe", vantage="site-7"
    )

    told = {each.metric: each.value for each in observations}
    assert (told["probe.sent"], told["probe.lost"], told["probe.loss"], told["probe.reached"]) == (4, 0, 0.0, 1)
    assert 0 < told["probe.rtt.p50"] <= told["probe.rtt.p99"] < 1000
    assert {echo[4] for echo in record["echoes"]} == {64}
    assert gaps == []
