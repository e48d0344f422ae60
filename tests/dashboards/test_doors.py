"""A visit over SSH has a page of its own: when, how it went, what was read and the octets as they came."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dashboards import courses
from dashboards.queries import decoder
from inventory.model import Device, Door
from netops import raw
from netops.access import record
from netops.facts import Fact
from netops.ledger import Ledger, LedgerEntry
from netops.model import ANSWERED, Poll, Row, Subject
from netops.store import Outcome, open_store

SLOT = 1_789_999_980_000
HEAD = b'{"command":"display ap all","cuts":[],"prompt":"ac-1","read":"vrp_aps","values":{}}\n'
SAID = (
    b"display ap all\r\nTotal AP information:\r\nnor  : normal          [1]\r\n"
    b"ID   MAC            Name   Group     IP            Type            State STA Uptime      ExtraInfo\r\n"
    b"0    60de-4476-e360 hall_1 ap-group1 10.23.100.254 AP5030DN        nor   7   10S         -\r\nTotal: 1\r\n<ac-1>"
)


@pytest.fixture(scope="module")
def visited(sites, tmp_path_factory):
    """The small city, in which a controller was visited over SSH as well."""
    made = sites(tmp_path_factory.mktemp("doors"))
    poll = Poll(
        device="wlan-controller-0/ssh",
        slot_ms=SLOT,
        at_ms=SLOT + 40,
        outcome=ANSWERED,
        profile="vrp_aps",
        digest="3f2a" * 16,
        attempts=1,
        rtt_ms=31.0,
        rows=(Row(subject=Subject("ap", "mac:60de4476e360"), values={"wlan.ap.clients": 7.0}),),
        raw=raw.frame([HEAD + SAID]),
    )
    with open_store(made.settings, writing=True) as store:
        store.write([poll])
    with raw.build(made.settings, writing=True) as archive:
        archive.keep("ssh/1", [(1, poll)])
    return made


def test_the_page_of_a_visit_reads_its_octets_again(visited):
    browser = visited.browser("auditor")
    page = browser.get(f"/reading/wlan-controller-0/ssh/{SLOT}").get_data(as_text=True)
    octets = browser.get(f"/reading/wlan-controller-0/ssh/{SLOT}/raw")

    assert "wlan-controller-0/ssh@1789999980000" in page
    assert "ap:mac:60de4476e360" in page
    assert "display ap all#CLIENTS" in page
    assert raw.unframe(octets.data) == [HEAD + SAID]


@pytest.mark.parametrize("path", ["wlan-controller-0/cwmp", "nobody/ssh", "wlan-controller-0/ssh/x"])
def test_a_visit_that_was_not_made_is_not_found(visited, path):
    assert visited.browser("auditor").get(f"/reading/{path}/{SLOT}").status_code == 404


def test_each_door_has_its_own_decoder():
    assert decoder().__module__ == "collectors.explain"
    assert decoder("ssh").__module__ == "collectors.ssh.explain"
    assert decoder("window") is None


# ---- what vantage points measured, and what devices told by themselves


@pytest.fixture(scope="module")
def probed(sites, tmp_path_factory):
    """The small city with a vantage point: two anchors and a far end of a service; and a trap of a controller."""
    made = sites(tmp_path_factory.mktemp("probed"))
    with open_store(made.settings, writing=True) as store:
        store.write([_looked()])
    trap = {"event": "ap_fault", "severity": "major", "state": "down", "trap": "1.3.6", "version": "v2c", "repeats": 2}
    body = {"device": "wlan-controller-0", "subject": {"kind": "ap", "id": "mac:0a0b0c0d0e0f"}, **trap}
    other = {**body, "device": "wlan-controller-1", "event": "ap_too_hot"}
    events = [Fact(kind="device_event", at_ms=SLOT + n, body=each) for n, each in enumerate((body, other))]
    with Ledger(record.ledger_path(made.settings), origin=made.settings.ledger_origin, rehearsal=True) as ledger:
        ledger.append([LedgerEntry("trap/1", n, each) for n, each in enumerate(events, 1)], now_ms=SLOT + 9)
    return made


def _path(target, *, role="target", service="", codes=None, **values):
    texts = {"probe.kind": "stamp", "probe.role": role} | ({"probe.service": service} if service else {})
    named = {f"probe.{name.replace('_', '.')}": value for name, value in values.items()}
    return Row(subject=Subject("path", f"vp-1/{target}"), values=named, codes=codes or {}, texts=texts)


def _looked():
    clock = {"probe.delay_there.p95": "clock", "probe.delay_back.p95": "clock"}
    lost = {"probe.rtt.p95": "no_answer"}
    rows = (
        _path("a", role="anchor", reached=1.0, rtt_p95=3.5, loss=0.0, codes=clock, clock_synchronised=0.0),
        _path("b", role="anchor", reached=0.0, loss=100.0, codes=lost),
        _path("far", service="wifi-0009", reached=1.0, rtt_p95=12.25, loss=5.0),
    )
    return Poll(device="vp-1/probe", slot_ms=SLOT, at_ms=SLOT + 5, outcome=ANSWERED, profile="probe", rows=rows)


def test_the_page_of_probes_says_what_was_measured_and_why_not(probed):
    page = probed.browser("operator").get("/probes", headers={"Accept-Language": "en"}).get_data(as_text=True)
    rows = {name: page.split(f'class="wrap">{name}')[1].split("</tr>")[0] for name in ("a", "b", "far")}

    assert "1 of 2 reached" in page
    assert "not synchronised" in page
    assert "3.5 ms" in rows["a"]
    assert "not measured: clocks too far off" in rows["a"]
    assert "not measured: no answer" in rows["b"]
    assert "100 %" in rows["b"]
    assert "/service/wifi-0009" in rows["far"]


def test_a_service_shows_the_paths_on_which_it_is_probed(probed):
    page = probed.browser("viewer").get("/service/wifi-0009").get_data(as_text=True)

    assert "监测点测得" in page
    assert "12.25 ms" in page
    assert "监测点测得" not in probed.browser("viewer").get("/service/wifi-0008").get_data(as_text=True)


def test_a_look_of_a_vantage_point_has_a_page_though_no_device_of_the_register_made_it(probed):
    page = probed.browser("auditor").get(f"/reading/vp-1/probe/{SLOT}")

    assert page.status_code == 200
    assert "vp-1/probe@1789999980000" in page.get_data(as_text=True)


def test_a_device_shows_what_it_told_by_itself_and_nobody_elses(probed):
    page = probed.browser("viewer").get("/device/wlan-controller-0", headers={"Accept-Language": "en"})
    text = page.get_data(as_text=True).split('id="events"')[1].split("</table>")[0]

    assert "ap fault ×3" in text
    assert "major" in text
    assert "mac:0a0b0c0d0e0f" in text
    assert "ap too hot" not in text
    assert "SNMP" in text


def test_a_city_without_probes_says_so(site):
    page = site.browser("viewer").get("/probes", headers={"Accept-Language": "en"}).get_data(as_text=True)

    assert "No vantage point has sent anything" in page


def test_further_doors_of_a_device_list_their_visits(site):
    device = Device(id="d", site="s", carrier="a", role="olt", address="192.0.2.1")
    door = Door(id="d-ssh", device="d", kind="ssh", dialect="huawei_smartax")
    visit = Outcome(device="d/ssh", slot_ms=1, at_ms=2, outcome=ANSWERED, attempts=1, rtt_ms=3.0, lag_ms=0.0)
    with site.app.test_request_context():
        told = courses._door(door, device, [visit, replace(visit, slot_ms=2, outcome="torn")])

    assert (told["name"], told["address"], len(told["visits"])) == ("SSH", "192.0.2.1:22", 2)
    assert [count for _, count in told["counts"]] == [1, 1]
