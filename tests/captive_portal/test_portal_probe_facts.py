"""Probes as facts: what devices ask that nobody knows is stated, a single device's questions are not."""

from __future__ import annotations

from captive_portal.probes import Probes
from netops.facts import Fact, decode, encode


def test_unknown_probes_are_stated_once_and_a_single_devices_not_at_all() -> None:
    probes = Probes()
    for _ in range(4):
        probes.count("probe.new.example", "/generate_204")
    probes.count("rare.example", "/generate_204")
    probes.count("captive.apple.com", "/hotspot-detect.html")
    probes.count("private.example", "/diary")

    body, kept = probes.told(0, 1)
    again, _ = probes.told(0, 1)
    kept()
    later, _ = probes.told(1, 2)

    expected = {"start_ms": 0, "end_ms": 1, "known": {"apple": 1}, "unknown": {"probe.new.example": 4}, "others": 1}
    assert body == again == expected
    assert (later["known"], later["unknown"], later["others"]) == ({}, {}, 0)
    fact = Fact(kind="portal_probes", at_ms=1, body=body)
    assert decode(encode(fact)) == fact
