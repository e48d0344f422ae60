"""`netops check`: a device's profile must be one that exists."""

from __future__ import annotations

from types import SimpleNamespace

from collectors.checks import check
from netops.config import Settings


def found(*devices):
    records = [SimpleNamespace(id=i, address=a, profile=p) for i, a, p in devices]
    snapshot = SimpleNamespace(devices=records, doors=[], where=lambda device, part: f"devices.csv:{device.id} {part}")
    return [str(problem) for problem in check(Settings(), snapshot)]


def test_known_profiles_and_devices_that_are_only_known_are_no_problem():
    assert found(("a", "10.0.0.1", "huawei_wlan_ac"), ("b", "", ""), ("c", "", "standard")) == []


def test_an_unknown_profile_is_told_with_the_nearest():
    assert found(("a", "10.0.0.1", "huawei_wlan")) == [
        "devices.csv:a profile: device 'a' names profile 'huawei_wlan', which is none; did you mean 'huawei_wlan_ac'?"
    ]


def test_an_address_without_a_profile_is_told():
    assert "is never asked" in found(("a", "10.0.0.1", ""))[0]
