"""IPv4 at a socket of both families, addresses of one link, and the clock that counts TAI."""

from __future__ import annotations

import ipaddress

import pytest

from collectors.probes import checks, figures
from collectors.probes.clocks import ClockState, state
from collectors.probes.sockets import Arrival, Instant, undressed
from collectors.probes.stamp import packet, sending, tlv
from collectors.probes.stamp.packet import Asked, Told
from collectors.probes.stamp.reflect import Reflector
from collectors.probes.stamp.reflecting import Reflecting
from collectors.probes.stamp.session import Session
from collectors.probes.stamp.timestamps import ErrorEstimate
from collectors.probes.streams import Pace
from netops.probing import Target

GOOD = ClockState(synchronised=True, error_ns=50_000)
NOW = 1_795_719_388_000_000_000


@pytest.mark.parametrize(("address", "family"), [("127.0.0.1", "127.0.0.0/8"), ("::1", "::1/128")])
def test_a_reflector_on_every_address_answers_both_families_by_their_own_networks(address, family):
    for allowed, answers in ((family, 4), ("192.0.2.0/24", 0)):
        reflector = Reflector(allowed=[ipaddress.ip_network(allowed)], follows_dscp=True)
        reflecting = Reflecting(reflector, host="::", port=0, clock=lambda: GOOD)
        reflecting.start()
        try:
            pace = Pace(count=4, spacing_ms=1, timeout_s=2 if answers else 0.1)
            asks = tlv.location() + tlv.service(10)
            plan = sending.Plan(address=address, port=reflecting.port, pace=pace, tlvs=asks, dscp=46)
            record = sending.run(plan, clock=lambda: GOOD)
        finally:
            reflecting.stop()

        assert len(record["echoes"]) == answers
        assert reflector.counters == ({"answered": 4} if answers else {"not_listed": 4})
        if answers:
            assert {row[7] for row in record["echoes"]} == {64}, "how it arrived is told in either dress"
            assert record["told"]["location"]["source"] == address
            assert record["told"]["dscp"] == 46


def test_an_address_in_anothers_dress_is_told_as_what_it_is():
    assert undressed("::ffff:192.0.2.1") == "192.0.2.1"
    assert undressed("::ffff:1:2") == "::ffff:1:2"
    assert Arrival(b"", ("fe80::7", 5, 0, 3), Instant(1, 1), True, 64, 0, "").source == "fe80::7%3"
    assert Arrival(b"", ("::ffff:192.0.2.1", 5, 0, 0), Instant(1, 1), True, 64, 0, "").source == "192.0.2.1"
    assert Arrival(b"", ("192.0.2.1", 5), Instant(1, 1), True, 64, 0, "").source == "192.0.2.1"


@pytest.mark.parametrize(
    ("address", "interface", "wrong"),
    [("fe80::7", "", True), ("fe80::7%wlan0", "", False), ("fe80::7", "wlan0", False), ("169.254.1.1", "", False)],
)
def test_an_address_of_a_link_needs_its_link(address, interface, wrong):
    found = list(checks.wrong(Target(kind="stamp", address=address, interface=interface), 60))

    assert [remedy for _, remedy in found] == (["write fe80::1%eth0, or interface"] if wrong else [])


@pytest.mark.root
@pytest.mark.partner("ip")
@pytest.mark.parametrize("how", [{"address": "fe80::2%wire0"}, {"address": "fe80::2", "interface": "wire0"}])
def test_two_on_one_link_measure_by_its_own_addresses(wire_of, how):
    with wire_of() as wire:
        for name, address in ((wire.home, "fe80::1/64"), (wire.away, "fe80::2/64")):
            wire.run(name, "ip", "address", "add", address, "dev", "wire0", "nodad")
        wire.reflect_on("::", "fe80::/10")
        record = wire.look("stamp", count=5, spacing_ms=2, ask=True, **how)

    observations, _ = figures.read(record, device="v/probe", vantage="v")
    values = {each.metric: each.value for each in observations}
    assert (values["probe.sent"], values["probe.lost"], values["probe.seen_as"]) == (5, 0, "fe80::1")


@pytest.mark.parametrize(("kernel", "ahead"), [(0, 37), (37, 37), (38, 38)])
def test_what_a_ptp_clock_is_ahead_is_what_the_kernel_says_where_it_does(kernel, ahead):
    """A reflector whose clock counts TAI, on the day after the next leap second."""
    said = state(answer=0, status=0x2001, maxerror_us=10, esterror_us=1, tai_s=kernel)
    session = Session(ssid=9, error=ErrorEstimate.of(1000, synchronised=True).field(), tai_s=sending.ahead(said))
    asked = packet.decode_asked(session.packet(Instant(NOW, 0)))
    ptp = ErrorEstimate(synchronised=True, scale=0, multiplier=1, ptp=True).field()
    stamp = (NOW // 10**9 + ahead) << 32
    told = packet.encode_told(Told(0, stamp, ptp, asked.ssid, stamp, Asked(0, asked.stamp, asked.error, 9), 64))

    assert session.take(Arrival(told, ("192.0.2.1", 862), Instant(NOW, 0), True, 64, 0, ""))
    assert (session.echoes[0].t2_ns, session.echoes[0].t3_ns) == (NOW, NOW)
