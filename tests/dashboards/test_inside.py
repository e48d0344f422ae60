"""What a carrier reads of its own network without the city's own: ways to devices, names of staff, reasons, remarks."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import pytest

from dashboards import inside
from inventory import edits
from inventory.edits import Edit
from inventory.model import Door
from inventory.register import Register
from netops import tickets
from netops.access import permissions, record
from netops.access.tokens import within
from netops.alerts import book, incident
from netops.alerts.incident import Incident, Member, Phase

small_city = sys.modules["small_city"]
NOW, HOUR = small_city.NOW, small_city.HOUR
SECRETS = {
    "staff": ("li.na", "wang.min"),
    "reason": ("the old one was read aloud", "call the guard first", "their boss knows"),
    "way": ("snmp-reader-7", "huawei_wlan_ac", ":10161", "127.9.9.9", "secret-keys"),
}
DEVICE = "wlan-controller-0"
PATHS = {
    "its history": f"/register/device/{DEVICE}",
    "two versions": f"/register/device/{DEVICE}?a=1&b=2",
    "its page": f"/device/{DEVICE}",
    "its page's month": f"/device/{DEVICE}?range=month",
    "the incident": "/incidents/i-1",
    "the incidents": "/incidents",
    "the ticket": "/tickets/{ticket}",
    "the device by program": f"/api/v1/devices/{DEVICE}",
    "the devices by program": "/api/v1/devices",
    "the incident by program": "/api/v1/incidents/i-1",
    "the incidents by program": "/api/v1/incidents",
    "the ticket by program": "/api/v1/tickets/{ticket}",
    "the tickets by program": "/api/v1/tickets",
}
SHOWN = {"its history": "li.na", "the incident": "wang.min", "the ticket": "li.na", "its page": "huawei_wlan_ac"}
CLOSED = ("/register", "/proposals", "/register/door/door-0", f"/register/device/{DEVICE}/edit", "/approvals", "/audit")


@pytest.fixture(scope="module")
def made(sites, tmp_path_factory):
    """A city in which staff changed a device of carrier A twice, took an incident on and handle a ticket."""
    site = sites(tmp_path_factory.mktemp("inside"), telemetry=False)
    small_city.seeing(site.settings, "seller", "carrier:carrier-a", role="carrier")
    with Register(site.settings.register_url, rehearsal=True) as register:
        (held,) = (each.record for each in register.spells("device", start_ms=NOW, end_ms=NOW + 1, name=DEVICE))
        for number, after in enumerate(
            (replace(held, credential="snmp-reader-7"), replace(held, credential="snmp-reader-7", port=10161)), start=1
        ):
            wanted = Edit(noun="device", id=DEVICE, before=edits.digest(held), after=after)
            told = {"request": f"req-{number}", "by": "li.na, wang.min", "reason": "the old one was read aloud"}
            register.edit([wanted], at_ms=NOW - 9 * HOUR + number, now_ms=NOW - 9 * HOUR + number, **told)
            held = after
        door = Door(id="door-0", device=DEVICE, kind="ssh", address="127.9.9.9", credential="secret-keys")
        added = Edit(noun="door", id="door-0", before="", after=door)
        told = {"request": "req-3", "by": "li.na, wang.min", "reason": "x"}
        register.edit([added], at_ms=NOW - 8 * HOUR, now_ms=NOW - 8 * HOUR, **told)
    members = {"service:wifi-0000": Member(since_ms=NOW - HOUR, area="110108001", carrier="carrier-a", kind="wifi")}
    one = Incident(
        id="i-1", rule="outage", root=f"device:{DEVICE}", severity="critical", phase=Phase.OPEN,
        since_ms=NOW - HOUR, opened_ms=NOW - HOUR, members=members,
    )  # fmt: skip
    with book.Book(book.path(site.settings)) as kept:
        kept.keep([incident.take(one, by="wang.min", now_ms=NOW - HOUR)])
    told = {"contract": "contract-a", "by": "li.na", "now_ms": NOW - HOUR}
    reported = tickets.reported(["wifi-0000"], token="aaaaaa", remark="their boss knows", **told)
    (standing,) = tickets.fold([(reported, False)]).values()
    paused = tickets.step(standing, "paused", by="li.na", now_ms=NOW - HOUR + 1, remark="the key is at the guard's")
    (standing,) = tickets.fold([(reported, False), (paused, False)]).values()
    resumed = tickets.step(standing, "resumed", by="li.na", now_ms=NOW - HOUR + 2, remark="call the guard first")
    record.state(site.settings, [reported, paused, resumed])
    site.ticket = str(reported.body["ticket"])
    return site


def asked(made, who, path):
    answer = made.browser(who).get(path.format(ticket=made.ticket))
    return answer.status_code, answer.get_data(as_text=True)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("of", SECRETS)
def test_a_carrier_reads_nothing_of_the_citys_own(made, of, path):
    code, text = asked(made, "seller", PATHS[path])

    assert code == 200
    assert [each for each in SECRETS[of] if each in text] == []


@pytest.mark.parametrize("path", SHOWN)
def test_the_city_reads_its_own_on_the_same_pages(made, path):
    assert SHOWN[path] in asked(made, "operator", PATHS[path])[1]


@pytest.mark.parametrize("path", CLOSED)
def test_what_is_the_citys_own_as_a_whole_is_closed_to_a_carrier(made, path):
    assert asked(made, "seller", path)[0] in {403, 404}


def test_a_carrier_reads_when_its_device_changed_and_what_the_repair_waits_for(made):
    text = asked(made, "seller", PATHS["two versions"])[1]
    assert "您可见的内容相同" in text
    assert text.count('<tr><th scope="row">') >= 3, "each version is listed"
    assert "the key is at the guard&#39;s" in asked(made, "seller", PATHS["the ticket"])[1]
    assert json.loads(asked(made, "seller", PATHS["the incident by program"])[1])["incident"]["taken_by"] == "city"


def test_every_role_but_the_carriers_sees_the_citys_own():
    without = {role for role in permissions.ROLES if not permissions.may(role, inside.PERMISSION)}

    assert without == {"carrier"}


@pytest.mark.parametrize("role", [each for each in permissions.ROLES if each != "carrier"])
def test_no_token_of_a_carrier_has_a_role_that_sees_more(role):
    assert not within(role, "carrier")
