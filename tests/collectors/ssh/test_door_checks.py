# ruff: noqa: E501, ISC004  (the tables hold whole sentences)
"""What `netops check` says of a door before anybody is sent through it."""

from __future__ import annotations

import pytest

from collectors.checks import check
from collectors.ssh.dialects import DIALECTS
from collectors.ssh.doors import doors
from inventory.city import city_of
from inventory.model import Device, Door
from inventory.snapshot import of_city
from netops import config, speakers
from netops.checks import credentials
from netops.commands.doctor import old_algorithms

KEY = "SHA256:" + "a" * 43
SETTINGS = config.load(
    None,
    environ={},
    overrides=["credentials.ops.kind=ssh", "credentials.ops.user=ops", "credentials.snmp.community=env:X"],
)
GOOD = {"dialect": "huawei_vrp", "credential": "ops", "keys": (KEY,)}


def told(**words):
    device = Device(id="ac-1", site="s", carrier="a", role="wlan_controller")
    door = Door(id="d", device="ac-1", kind="ssh", address="192.0.2.1", **{**GOOD, **words})
    seen = of_city(city_of([device, door]), at_ms=0, rehearsal=False)
    return [str(problem) for problem in [*check(SETTINGS, seen), *credentials(SETTINGS, seen)]]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({}, []),
        (
            {"dialect": "huawei_vr"},
            [
                "door 'd': door 'd' names dialect 'huawei_vr', which is none; did you mean 'huawei_vrp'?"
                f" known: {', '.join(DIALECTS)}"
            ],
        ),
        (
            {"keys": ()},
            [
                "door 'd': door 'd' has no host key, so nobody is ever visited through it; read it at the device's console,"
                " write it in 'keys'"
            ],
        ),
        (
            {"credential": ""},
            ["door 'd': door 'd' has no credential; name one of [credentials.…] of kind ssh"],
        ),
        (
            {"credential": "snmp"},
            ["door 'd': door 'd' names credential 'snmp', which is of kind snmp; set credentials.snmp.kind = \"ssh\""],
        ),
        (
            {"credential": "opps"},
            ["door 'd': door 'd' names credential 'opps', which the settings do not have; did you mean 'ops'?"],
        ),
    ],
    ids=["good", "dialect", "no key", "no credential", "another kind", "unknown"],
)
def test_a_door_that_leads_nowhere_is_named(words, expected):
    assert told(**words) == expected


def test_the_service_may_state_polls_and_nothing_about_people():
    assert speakers.may_poll("ssh", rehearsal=False)
    assert speakers.may_state("ssh", "service_state", rehearsal=False)
    assert not speakers.may_state("ssh", "approval_decision", rehearsal=False)


def test_old_algorithms_are_allowed_at_the_doors_of_one_credential_and_doctor_names_it(monkeypatch):
    monkeypatch.setenv("NETOPS_TEST_WORD", "x")
    words = ["kind=ssh", "user=ops", "password=env:NETOPS_TEST_WORD"]
    given = [f"credentials.{name}.{word}" for name in ("ops", "relic") for word in words]
    settings = config.load(None, environ={}, overrides=[*given, "credentials.relic.old_algorithms=true"])
    devices = [Device(id=name, site="s", carrier="a", role="wlan_controller") for name in ("ac-1", "ac-2")]
    doors_given = [
        Door(id=name, device=name, kind="ssh", address="192.0.2.1", **{**GOOD, "credential": credential})
        for name, credential in (("ac-1", "ops"), ("ac-2", "relic"))
    ]
    known = doors(of_city(city_of([*devices, *doors_given]), at_ms=0, rehearsal=False), settings).known

    assert {name: door.place.old_algorithms for name, door in known.items()} == {"ac-1/ssh": False, "ac-2/ssh": True}
    assert [found.what for found in old_algorithms(settings)] == ["credentials.relic.old_algorithms"]
