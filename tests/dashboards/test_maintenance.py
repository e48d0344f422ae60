"""Maintenance from the page of what is worked on: whom it touches, and what the contract would make of it."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from dashboards import maintenance
from inventory import times
from inventory.model import ExclusionClass, Rules
from inventory.register import Register
from inventory.snapshot import snapshot
from netops import facts, spool
from netops.access import record
from netops.access.approvals import Approval, Decision, Request

small_city = sys.modules["small_city"]
NOW, HOUR = small_city.NOW, small_city.HOUR
PLANNED = ExclusionClass(
    id="planned", title="计划维护", cause="planned", notice_h=72, cap_s=4 * 3600, approver="contract_manager"
)


@pytest.fixture
def own(sites, tmp_path):
    """A city of its own whose contract knows planned maintenance."""
    made = sites(tmp_path, telemetry=False)
    with Register(made.settings.register_url, rehearsal=True) as register:
        held = snapshot(register, at_ms=NOW)
        old = held.contract["contract-a"]
        rules = Rules(exclusions=(PLANNED,))
        new = replace(old, version="2", valid_from_ms=NOW - small_city.DAY, rules=rules)
        every = [*held.areas, *held.sites, *held.carriers, *held.devices, *held.services]
        others = [each for each in held.contracts if each.id != "contract-a"]
        from inventory.city import city_of

        register.apply(city_of([*every, *others, old, new]), at_ms=NOW - 1000, now_ms=NOW - 1000)
    return made


def when(site, hours):
    return times.shown(NOW + hours * HOUR, times.zone(site.settings.city.timezone))[:16]


def test_a_controller_touches_all_that_hangs_on_it_and_the_contract_says_what_it_would_do(own):
    client = own.client("operator")
    page = client.get("/maintenance?device=wlan-controller-9").get_data(as_text=True)
    assert "wifi-0009" in page
    assert "wifi-0038" in page
    assert "甲通信 网络服务合同" in page
    assert "提交申请" not in page, "first whom, then when"

    asked = f"/maintenance?device=wlan-controller-9&class=planned&from={when(own, 80)}&to={when(own, 82)}"
    early = client.get(asked).get_data(as_text=True)
    late = client.get(asked.replace(when(own, 80), when(own, 20)).replace(when(own, 82), when(own, 22)))
    long = client.get(asked.replace(when(own, 82), when(own, 85)))

    assert "批准后生效" in early
    assert "提前量不足" in late.get_data(as_text=True)
    assert "超过本期上限" in long.get_data(as_text=True)


def stated(site):
    """Return what was stated, without the logins."""
    entries = spool.read(record.spool_path(site.settings, "web"), after=0, limit=99)
    return [each for each in map(facts.decode, (each.payload for each in entries)) if each.kind != "staff_action"]


def test_one_request_a_contract_is_stated_for_what_was_picked(own):
    client = own.client("operator")
    sent = {"csrf": small_city.token(client), "device": "wlan-controller-9", "class": "planned", "reason": "更换"}
    answer = client.post("/maintenance", data={**sent, "from": when(own, 80), "to": when(own, 82)})

    assert answer.status_code == 303
    told = stated(own)
    assert [each.kind for each in told] == ["exclusion_claim", "approval_request"]
    services = told[1].body["terms"]["services"]
    assert {"wifi-0009", "wifi-0038"} <= set(services)
    with Register(own.settings.register_url, rehearsal=True, readonly=True) as register:
        known = snapshot(register, at_ms=NOW).service
    assert {known[each].device for each in services} == {"wlan-controller-9"}


def test_a_whole_carrier_is_asked_for_as_all_of_its_contract(own):
    client = own.client("contract_manager")
    sent = {"csrf": small_city.token(client), "carrier": "carrier-a", "class": "planned", "reason": "割接"}
    assert client.post("/maintenance", data={**sent, "from": when(own, 80), "to": when(own, 82)}).status_code == 303

    told = stated(own)
    assert told[1].body["terms"]["services"] == ["*"]


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        ({"from": "2027-01-02T00:00", "to": "2027-01-01T00:00", "class": "planned"}, "止须晚于起"),
        ({"from": "soon", "to": "2027-01-01T00:00", "class": "planned"}, "is no instant"),
        ({"from": "2027-01-01T00:00", "to": "2027-01-01T01:00", "class": "whim"}, "没有合同在这里有这个类别"),
    ],
)
def test_a_window_that_cannot_be_is_refused(own, sent, why):
    client = own.client("operator")
    about = {"csrf": small_city.token(client), "site": "site-9", "reason": "x"}
    answer = client.post("/maintenance", data={**about, **sent})

    assert answer.status_code == 400
    assert why in answer.get_data(as_text=True)


@pytest.mark.parametrize("path", ["/maintenance", "/maintenance?site=nowhere", "/maintenance?site=site-9&device=olt-1"])
def test_what_picks_nothing_or_two_things_is_not_found(site, path):
    assert site.browser("operator").get(path).status_code == 404


@pytest.mark.parametrize(
    ("page", "link"),
    [
        ("/device/olt-1", "/maintenance?device=olt-1"),
        ("/site/site-9", "/maintenance?site=site-9"),
        ("/service/wifi-0009", "/maintenance?service=wifi-0009"),
        ("/site/site-9", "/approvals/new?sites=site-9"),
    ],
)
def test_the_pages_lead_there_for_those_who_may_ask(site, page, link):
    assert link in site.browser("operator").get(page).get_data(as_text=True)
    assert link not in site.browser("viewer").get(page).get_data(as_text=True)


def claim(name, start_h, end_h, *, approved=True, role="contract_manager"):
    terms = {
        "contract": "c", "class": "planned", "services": ["*"],
        "start_ms": NOW + start_h * HOUR, "end_ms": NOW + end_h * HOUR,
    }  # fmt: skip
    request = Request(
        id=name, action="exclusion", subject=name, terms=terms, digest="", by="a", role="operator", reason="x",
        at_ms=NOW - 100 * HOUR,
    )  # fmt: skip
    said = Decision(request=name, decision="approved", by="b", role=role, reason="", at_ms=NOW)
    return Approval(request=request, decision=said if approved else None)


@pytest.mark.parametrize(
    ("known", "good", "used_h", "waiting"),
    [
        ([], True, 0, 0),
        ([claim("1", 74, 77)], False, 3, 0),
        ([claim("1", 74, 76)], True, 2, 0),
        ([claim("1", 74, 77, approved=False)], True, 0, 1),
        ([claim("1", 74, 77, role="admin")], True, 0, 0),
        ([claim("1", 80, 82)], True, 2, 0),
    ],
    ids=["none before", "cap used up", "cap just enough", "one waits", "approved by another role", "the same window"],
)
def test_the_cap_is_used_up_by_what_two_persons_approved(own, known, good, used_h, waiting):
    with Register(own.settings.register_url, rehearsal=True, readonly=True) as register:
        contract = replace(snapshot(register, at_ms=NOW).contract["contract-a"], id="c")
    one = maintenance.Concerned(contract=contract, services=("s",), whole=False)
    window = NOW + 80 * HOUR, NOW + 82 * HOUR, NOW
    with own.app.test_request_context("/"):
        (told,) = maintenance.outlooks(one, "planned", known, window)

    assert (told.is_good, told.used_ms, told.waiting) == (good, used_h * HOUR, waiting)
