# ruff: noqa: E501  (the tables hold whole sentences)
"""`netops check`: what keeps a CPE out is told before it stands before the door."""

from __future__ import annotations

import pytest

from collectors.cwmp.checks import check
from collectors.cwmp.doors import doors
from inventory.city import city_of
from inventory.model import Area, Carrier, Device, Door, Site
from inventory.snapshot import of_city
from netops import config
from netops.model import Reason


def settings(*words):
    given = [
        "credentials.fleet.kind=cwmp",
        "credentials.fleet.password=plain:secret",
        "credentials.snmp.community=plain:x",
    ]
    return config.load(None, environ={}, overrides=["city.rehearsal=true", *given, *words])


def city(*pairs):
    area = Area(id="110108001", name="万寿路街道", name_en="Wanshoulu", col=0, row=0)
    devices = [Device(id=name, site="s", carrier="a", role="ont", serial=serial) for name, serial, _ in pairs]
    made = [Door(id=f"{name}-cwmp", device=name, kind="cwmp", port=7547, credential=given) for name, _, given in pairs]
    records = [area, Site(id="s", name="s", area=area.id), Carrier(id="a", name="甲"), *devices, *made]
    return of_city(city_of(records), at_ms=0, rehearsal=True)


def test_a_sound_door_is_no_problem():
    assert check(settings(), city(("ont-1", "SN1", "fleet"))) == []


@pytest.mark.parametrize(
    ("pairs", "words", "said", "why"),
    [
        ([("a", "", "fleet")], [], "which has no serial number", Reason.NO_ADDRESS),
        ([("a", "1", "snmp")], [], "which is of kind snmp", Reason.NO_CREDENTIAL),
        ([("a", "1", "")], [], "has no credential", Reason.NO_CREDENTIAL),
        ([("a", "1", "open")], ["credentials.open.kind=cwmp"], "has no password", Reason.NO_CREDENTIAL),
        ([("a", "1", "open")], ["credentials.open.kind=cwmp", "credentials.open.password=plain:"], "has an empty password", Reason.NO_CREDENTIAL),
        ([("a", "1", "open")], ["credentials.open.kind=cwmp", "credentials.open.password=env:NO_SUCH_VARIABLE"], "is not set", Reason.NO_CREDENTIAL),
    ],
)  # fmt: skip
def test_a_door_through_which_nobody_comes_is_told_and_is_a_gap_of_ours(pairs, words, said, why):
    told, seen = settings(*words), city(*pairs)
    problems = check(told, seen)

    assert len(problems) == 1
    assert said in str(problems[0])
    assert doors(seen, told).barred == {"a/cwmp": why}
    assert doors(seen, told).known == {}


def test_one_serial_number_of_two_lets_in_neither():
    told, seen = settings(), city(("a", "1", "fleet"), ("b", "1", "fleet"))
    found = doors(seen, told)

    assert "one serial number" in str(check(told, seen)[0])
    assert found.known == {}
    assert dict(found.barred) == {"a/cwmp": Reason.NO_ADDRESS, "b/cwmp": Reason.NO_ADDRESS}


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("acs.digests=SHA-265", "did you mean 'SHA-256'?"),
        ("acs.digests=", "nobody can log in"),
        ("acs.basic=true", "has no TLS"),
        ("acs.interval_s=5", "expected at least 20"),
    ],
)
def test_settings_that_cannot_be_meant_are_told(word, said):
    assert said in str(check(settings(word), city())[0])
