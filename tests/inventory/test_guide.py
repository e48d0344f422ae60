"""The how-to's example is applied as it stands."""

from inventory.reading.folder import read_city
from inventory.register import Register
from inventory.snapshot import snapshot

NOW = 1_780_000_000_000  # 2026-05-28


def test_the_example_of_the_guide_applies(city, url):
    """What the how-to shows is a whole city."""
    with Register(url, rehearsal=False) as register:
        plan = register.apply(read_city(city), at_ms=NOW, now_ms=NOW)
        seen = snapshot(register, at_ms=NOW)

    assert [plan.count(action) for action in ("add", "change", "end")] == [29 + 2 + 1 + 3 + 2 + 1, 0, 0]
    assert len(seen.areas) == 29
    assert seen.contract["wifi-2026"].items[0].objectives[0].target == "99.5"
    assert seen.contract["wifi-2026"].items[0].objectives[0].rules.hours[1].days == (6, 7)
    assert seen.contract["wifi-2026"].valid_from_ms == 1_767_196_800_000  # 2026-01-01T00:00+08:00
    assert seen.service["wifi-1"].subject == "ap:mac:0a0b0c000001"
    assert seen.device["ap-1"].port == 161  # not stated: SNMP's own
    assert seen.device["ac-1"].address == "192.0.2.10"
