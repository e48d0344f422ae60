"""A device without an address is shown by what its parent tells of it; a small cell by all that tells of it."""

from __future__ import annotations

import re

import pytest

from netops.access import approvals, record
from netops.ledger import Ledger, LedgerEntry

DAY = 86_400_000


def page(site, path, role="contract_manager", language="zh-CN"):
    answer = site.browser(role).get(path, headers={"Accept-Language": language})
    assert answer.status_code == 200
    assert len(answer.data) <= 60_000
    return answer.get_data(as_text=True)


def card(text, name):
    return text.split(f'id="{name}"')[1].split("</section>")[0]


@pytest.mark.parametrize(
    ("child", "service", "state", "because"),
    [
        ("ap-0000", "wifi-0000", "up", ""),
        ("ap-0009", "wifi-0009", "down", "控制器无应答"),
        ("ont-0004", "fiber-0004", "down", "ONT 光信号丢失"),
    ],
)
def test_a_child_shows_its_service_with_state_cause_and_since(site, child, service, state, because):
    shown = card(page(site, f"/device/{child}"), "services")

    assert re.findall(r'href="/service/([^"/#]+)"', shown) == [service]
    assert f'class="state {state}"' in shown
    assert because in shown
    assert re.search(r"\d+月\d+日 \d\d:\d\d", shown)


def test_a_childs_day_is_told_by_its_parents_polls(site):
    text = card(page(site, "/device/ap-0009"), "day")
    drawn = text.split('class="timeline">')[1].split("</svg>")[0]

    assert {"#2f855a", "#c53030", "url(#hatch)"} <= set(re.findall(r'fill="([^"]+)"', drawn))
    assert "上级设备 中关村-wlan_controller 无应答" in text
    assert "采集器滞后" in text, "our own fault is not an outage of the access point"
    assert "没有轮询" in text
    assert 'href="/device/wlan-controller-9"' in text


def test_the_reason_that_the_parent_tells_stands_beside_the_outage(site):
    assert "AP运行状态：故障" in card(page(site, "/device/ap-0000"), "day")
    assert "AP运行状态：正常" not in card(page(site, "/device/ap-0000"), "day")
    dark = card(page(site, "/device/ont-0004", language="en"), "day")
    assert re.search(r"2 h 59 min</td><td>Down</td><td class=\"wrap\">power lost", dark), dark


def test_a_childs_readings_lead_to_the_poll_of_its_parent(site):
    text = card(page(site, "/device/ap-0000"), "readings")
    links = [each.replace("&amp;", "&") for each in re.findall(r'href="(/reading/[^"]+)"', text)]

    assert {each.split("/")[2] for each in links} == {"wlan-controller-0"}
    assert any("metric=wlan.ap.state&subject=ap:mac:0a0b0c000000" in each for each in links)
    assert any("metric=wlan.radio.channel&subject=radio:mac:0a0b0c000000/0" in each for each in links)
    assert site.browser("auditor").get(links[0]).status_code == 200


def test_an_access_point_shows_what_it_says_of_itself(site):
    assert "AP4050DN" in card(page(site, "/device/ap-0000"), "facts")


def test_a_small_cell_shows_its_state_its_answers_and_the_readings_of_both(site):
    text = page(site, "/device/small-cell-2")
    readings = card(text, "readings")

    assert text.count('class="timeline">') == 2
    assert "射频发射状态：关闭" in card(text, "day")
    assert "cell:sn:SN00000002" in readings
    assert "device:small-cell-2" in readings


def test_a_service_names_the_device_that_delivers_it(site):
    facts = card(page(site, "/service/wifi-0009"), "facts")

    assert re.findall(r'href="/device/([^"]+)"', facts) == ["ap-0009", "wlan-controller-9"]


def test_a_child_nobody_told_of_is_not_measured(site):
    text = page(site, "/device/ap-0003")
    drawn = card(text, "day").split('class="timeline">')[1].split("</svg>")[0]

    assert "#2f855a" not in drawn
    assert "#c53030" not in drawn
    assert "过去24小时没有读数" in text


def approve(site, *, services, sealed=True):
    """Two persons agree on maintenance over the whole day; `sealed`: the ledger has it, else it waits in a spool."""
    terms = {"contract": "contract-a", "class": "planned", "services": services}
    terms |= {"start_ms": site.clock.now_ms() - 2 * DAY, "end_ms": site.clock.now_ms() + DAY}
    asked = site.clock.now_ms() - 9 * DAY
    told = approvals.ask("exclusion", terms=terms, by="li", role="operator", reason="r", now_ms=asked)
    (held,) = approvals.fold([(fact, True) for fact in told]).values()
    told.append(
        approvals.decide(held, "approved", by="wang", role="contract_manager", reason="", now_ms=asked + 3_600_000)
    )
    if not sealed:
        record.state(site.settings, told)
        return
    entries = [LedgerEntry("cli/2", number, fact) for number, fact in enumerate(told, 1)]
    with Ledger(record.ledger_path(site.settings), origin=site.settings.ledger_origin, rehearsal=True) as ledger:
        ledger.append(entries, now_ms=site.clock.now_ms())


@pytest.mark.parametrize(
    ("services", "sealed", "planned"),
    [(["wifi-0009"], True, True), (["*"], True, True), (["wifi-0038"], True, False), (["wifi-0009"], False, False)],
    ids=["its own", "all of the contract", "another's", "not sealed yet"],
)
def test_a_child_behind_a_parent_in_approved_maintenance_says_planned(sites, tmp_path, services, sealed, planned):
    """As the judge has it: by the services of the window, from what the ledger holds."""
    made = sites(tmp_path)
    approve(made, services=services, sealed=sealed)
    day = card(page(made, "/device/ap-0009"), "day")
    english = card(page(made, "/device/ap-0009", language="en"), "day")

    assert ("计划维护 · 上级设备 中关村-wlan_controller 无应答" in day) is planned
    assert ("Planned maintenance · " in english) is planned
    assert "计划维护 · 采集器滞后" not in day, "our own fault stays ours"
