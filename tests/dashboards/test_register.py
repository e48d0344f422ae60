"""The register on pages: a form, a plan with its effects, two persons, what became of it; histories and proposals."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace

import pytest

from inventory import edits
from inventory.register import Register
from inventory.snapshot import snapshot
from netops import amending, facts, proposals, spool
from netops.access import record
from netops.ledger import Ledger, LedgerEntry

small_city = sys.modules["small_city"]
NOW = small_city.NOW
AP = "/register/device/ap-0009/edit"


@pytest.fixture
def own(sites, tmp_path):
    """A city of its own, for what changes it."""
    return sites(tmp_path, telemetry=False)


def fields(page: str) -> dict[str, str]:
    """Return what a form would send, as a browser reads it."""
    import html

    found = {n: html.unescape(v) for n, v in re.findall(r'<input[^>]*name="([^"]+)"[^>]*?value="([^"]*)"', page)}
    for name, body in re.findall(r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', page, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected', body) or re.search(r'<option value="([^"]*)"', body)
        found[name] = chosen[1]
    return found


def sealed(site):
    """Take what the pages stated into the ledger and carry it out, as the core does."""
    path = record.spool_path(site.settings, "web")
    with Ledger(record.ledger_path(site.settings), origin=site.settings.ledger_origin, rehearsal=True) as ledger:
        for each in spool.read(path, after=0, limit=99):
            if ledger.holds("web/1", each.sequence) is None:
                ledger.append([LedgerEntry("web/1", each.sequence, facts.decode(each.payload))], now_ms=NOW)
        amending.step(site.settings, ledger, {}, now_ms=NOW)


def reviewed(client, path, **typed):
    sent = {**fields(client.get(path).get_data(as_text=True)), "act": "review", **typed}
    return client.post(path, data=sent)


def asked(client, page, reason="更换设备"):
    import html

    texts = [html.unescape(each) for each in re.findall(r'name="change" value="([^"]*)"', page)]
    sent = {"csrf": small_city.token(client), "change": texts, "from_ms": fields(page)["from_ms"], "reason": reason}
    return client.post("/register/ask", data=sent)


def held(site, noun="device", name="ap-0009"):
    with Register(site.settings.register_url, rehearsal=True, readonly=True) as register:
        return getattr(snapshot(register, at_ms=NOW + 10), noun).get(name)


def test_a_change_goes_from_the_form_to_the_register_by_two_persons(own):
    operator, manager = own.client("operator"), own.client("contract_manager")
    plan = reviewed(operator, AP, name="新接入点", tags="park;night").get_data(as_text=True)
    assert "新接入点" in plan
    assert "night;park" in plan
    assert "wifi-0009" in plan, "who is affected"
    assert "甲通信 网络服务合同" in plan

    answer = asked(operator, plan)
    assert answer.status_code == 303
    place = answer.headers["Location"]
    assert "须由另一人决定" in operator.get(place).get_data(as_text=True)
    assert 'value="approved"' not in operator.get(place).get_data(as_text=True)
    name = place.rpartition("/")[2]
    done = manager.post(f"/approvals/{name}/decide", data={"csrf": small_city.token(manager), "decision": "approved"})
    assert done.headers["Location"] == place

    sealed(own)

    assert held(own).name == "新接入点"
    assert held(own).tags == ("night", "park")
    for client in (operator, manager):
        assert "已执行" in client.get(place).get_data(as_text=True)
    history = operator.get("/register/device/ap-0009").get_data(as_text=True)
    assert "operator, contract_manager" in history
    assert "更换设备" in history
    assert "新接入点" in history


def test_the_register_that_moved_on_refuses_by_name_and_the_plan_is_made_anew(own):
    operator, manager = own.client("operator"), own.client("contract_manager")
    place = asked(operator, reviewed(operator, AP, name="甲").get_data(as_text=True)).headers["Location"]
    before = held(own)
    with Register(own.settings.register_url, rehearsal=True) as register:
        wanted = [
            edits.Edit(noun="device", id=before.id, before=edits.digest(before), after=replace(before, name="乙"))
        ]
        register.edit(wanted, at_ms=NOW, now_ms=NOW, request="req-x", by="a, b", reason="c")
    seen = manager.get(place).get_data(as_text=True)
    assert "has changed since the request was made" in seen

    name = place.rpartition("/")[2]
    manager.post(f"/approvals/{name}/decide", data={"csrf": small_city.token(manager), "decision": "approved"})
    sealed(own)
    over = operator.get(place).get_data(as_text=True)
    assert "没有执行" in over
    assert held(own).name == "乙"

    again = operator.post(place, data={"csrf": small_city.token(operator)}).get_data(as_text=True)
    place = asked(operator, again).headers["Location"]
    name = place.rpartition("/")[2]
    manager.post(f"/approvals/{name}/decide", data={"csrf": small_city.token(manager), "decision": "approved"})
    sealed(own)

    assert held(own).name == "甲"


def test_a_record_is_added_and_retired(own):
    operator, manager = own.client("operator"), own.client("contract_manager")

    def carried(page):
        name = asked(operator, page).headers["Location"].rpartition("/")[2]
        manager.post(f"/approvals/{name}/decide", data={"csrf": small_city.token(manager), "decision": "approved"})
        sealed(own)

    new = reviewed(operator, "/register/add/site", id="new-hall", name="新馆", area="110108015")
    carried(new.get_data(as_text=True))
    assert held(own, "site", "new-hall").name == "新馆"

    sent = {**fields(operator.get("/register/site/new-hall/edit").get_data(as_text=True)), "act": "retire"}
    carried(operator.post("/register/site/new-hall/edit", data=sent).get_data(as_text=True))
    assert held(own, "site", "new-hall") is None
    assert "现在不再有效" in operator.get("/register/site/new-hall").get_data(as_text=True)


@pytest.mark.parametrize(
    ("path", "typed", "field", "why"),
    [
        (AP, {"mac": "nonsense"}, "mac", "expected a MAC address"),
        (AP, {"address": "300.1.1.1"}, "address", "expected the IPv4 or IPv6 address"),
        (AP, {"site": "nowhere"}, "site", "names the site"),
        (AP, {"parent": "ap-0009"}, "parent", "its own ancestor"),
        (AP, {"port": "99999", "address": "192.0.2.1", "profile": "p"}, "port", "whole number"),
        (AP, {"from": "2020-01-01T00:00"}, "from", "生效时间已过"),
        ("/register/add/site", {"id": "Großer Park", "name": "x", "area": "110108015"}, "id", "which is no id"),
        ("/register/add/site", {"id": "a", "area": "110108015"}, "name", "lacks"),
        ("/register/service/wifi-0009/edit", {"subject": "ap:"}, "subject", "expected kind:id"),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_what_was_typed_stays(site, path, typed, field, why):
    answer = reviewed(site.browser("operator"), path, **typed)
    page = answer.get_data(as_text=True)

    assert answer.status_code == 400
    said = re.search(rf'<p class="notice error" id="e-{field}">(.*?)</p>', page, re.DOTALL)
    assert said, page[:2000]
    assert why in said[1]
    assert f'aria-describedby="e-{field}"' in page
    for value in typed.values():
        assert f'value="{value}"' in page


def test_a_record_that_others_need_is_not_retired(site):
    client = site.browser("operator")
    path = "/register/device/wlan-controller-9/edit"
    sent = {**fields(client.get(path).get_data(as_text=True)), "act": "retire"}
    answer = client.post(path, data=sent)

    assert answer.status_code == 400
    assert "names the device &#39;wlan-controller-9&#39;" in answer.get_data(as_text=True)


def test_an_edit_that_was_tampered_with_is_refused(site):
    client = site.browser("operator")
    sent = {"csrf": small_city.token(client), "from_ms": "0", "reason": "x"}
    bad = json.dumps({"noun": "contract", "id": "contract-a", "before": "0" * 64, "after": None})

    for changes in ([], ["{"], [bad]):
        assert client.post("/register/ask", data={**sent, "change": changes}).status_code == 400


def test_who_may_not_ask_is_told_so(site):
    client = site.browser("privacy_officer")
    plan = reviewed(client, AP, name="x").get_data(as_text=True)

    assert asked(client, plan).status_code == 403


def test_a_service_that_leaves_its_contract_is_shown_with_the_contract(site):
    page = reviewed(site.browser("operator"), "/register/service/wifi-0009/edit", carrier="carrier-b").get_data(
        as_text=True
    )

    assert "从生效起，合同按新的范围计算" in page
    assert "甲通信 网络服务合同" in page
    assert "乙通信 网络服务合同" in page


def test_the_history_compares_any_two_versions(own):
    for number, name in enumerate(("甲", "乙", "丙"), start=1):
        before = held(own)
        with Register(own.settings.register_url, rehearsal=True) as register:
            wanted = [
                edits.Edit(noun="device", id=before.id, before=edits.digest(before), after=replace(before, name=name))
            ]
            register.edit(
                wanted, at_ms=NOW - 9 + number, now_ms=NOW - 9 + number, request=f"req-{number}", by="a", reason="b"
            )
    page = own.client("viewer").get("/register/device/ap-0009?a=1&b=7").get_data(as_text=True)

    assert "版本 1 与 7 的不同" in page
    assert re.search(r"<td class=\"wrap wide\">ap-0009</td><td class=\"wrap wide\"><b>丙</b></td>", page)


@pytest.mark.parametrize(
    "path",
    [
        "/register/contract/contract-a",
        "/register/device/nothing",
        "/register/nothing/x",
        "/register/device/nothing/edit",
        "/register/add/contract",
        "/register/request/req-0",
    ],
)
def test_what_is_not_there_is_not_found(site, path):
    assert site.browser("operator").get(path).status_code == 404


FOUND = proposals.Proposal(
    address="10.9.8.7",
    port=161,
    credential="city",
    profile="huawei_smartax",
    because="huawei_smartax by sysObjectID 1.3.6.1.4.1.2011.2.115",
    name="<b>OLT</b>",
    description="Huawei",
    serial="SN999",
    standing="new",
    device="",
    seen_ms=NOW - 1000,
)


def kept(site, *found):
    from dataclasses import asdict

    proposals.place(site.settings).write_text(json.dumps({"proposals": [asdict(each) for each in found]}))


def test_a_finding_is_accepted_into_the_form_with_its_evidence(own):
    kept(own, FOUND)
    client = own.client("operator")
    page = client.get("/proposals").get_data(as_text=True)
    assert "sysObjectID 1.3.6.1.4.1.2011.2.115" in page
    assert "<b>OLT" not in page

    import html

    link = html.unescape(re.search(r'href="(/register/add/device[^"]*)"', page)[1])
    form = client.get(link).get_data(as_text=True)
    assert fields(form) | {"address": "10.9.8.7", "serial": "SN999", "profile": "huawei_smartax"} == fields(form)

    plan = reviewed(client, link, id="olt-new", site="site-1", carrier="carrier-b", role="olt")
    assert plan.status_code == 200
    assert "10.9.8.7" in plan.get_data(as_text=True)


def test_a_device_that_moved_is_accepted_into_its_own_form(own):
    kept(own, replace(FOUND, standing="moved", device="olt-1", address="10.1.1.1"))
    client = own.client("operator")
    page = client.get("/proposals").get_data(as_text=True)

    assert "/register/device/olt-1/edit?" in page
    assert 'value="10.1.1.1"' in client.get("/register/device/olt-1/edit?address=10.1.1.1").get_data(as_text=True)


def test_a_finding_is_dismissed_with_a_reason_and_another_finding_is_not(own):
    kept(own, FOUND)
    client = own.client("operator")
    sent = {"csrf": small_city.token(client), "finding": FOUND.finding, "reason": ""}
    assert client.post("/proposals", data=sent).status_code == 400
    assert client.post("/proposals", data={**sent, "reason": "x", "finding": "y"}).status_code == 400
    assert client.post("/proposals", data={**sent, "reason": "打 13800000000"}).status_code == 400
    assert client.post("/proposals", data={**sent, "reason": "试验台，不是我们的"}).status_code == 303

    page = client.get("/proposals").get_data(as_text=True)
    assert "待处理（0）" in page
    assert "试验台，不是我们的" in page

    kept(own, replace(FOUND, serial="SN1000"))
    assert "待处理（1）" in client.get("/proposals").get_data(as_text=True)


def test_proposals_that_cannot_be_read_say_so(own):
    proposals.place(own.settings).write_text("{")

    page = own.client("operator").get("/proposals")

    assert page.status_code == 200
    assert "no list of proposals" in page.get_data(as_text=True)
    assert own.client("operator").get("/register").status_code == 200


def test_a_carrier_reads_what_the_register_has_of_it_and_is_offered_no_change(site):
    client = site.browser("carrier")
    page = client.get("/service/wifi-0009").get_data(as_text=True)

    assert 'href="/register/service/wifi-0009"' in page
    assert not re.search(r'href="/(register/[^"]*edit|maintenance|proposals/)', page)
    for path in ("/register/device/ap-0009", "/element/ap/mac:0a0b0c000009"):
        assert client.get(path).status_code == 200, path
    assert client.get("/register/device/olt-1").status_code == 404
    for path in ("/register/device/ap-0009/edit", "/register", "/proposals"):
        assert client.get(path).status_code == 403, path
