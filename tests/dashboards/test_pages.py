"""The pages say what the sources hold, in both languages, within their figures."""

from __future__ import annotations

import json
import re

import pytest
from small_city import token

from netops import facts, raw, situation, spool
from netops.access import record
from netops.model import Gap, Observation, Reason, Subject

NOW = 1_790_000_040_000
PAGES = [
    "/",
    "/worst",
    "/worst?by=device",
    "/worst?by=carrier&key=carrier:carrier-a",
    "/worst?by=area",
    "/area/110108015",
    "/site/site-9",
    "/find?q=0A-0B-0C",
    "/device/wlan-controller-0",
    "/device/wlan-controller-9",
    "/device/small-cell-2",
    "/device/ap-0009",
    "/device/ont-0004",
    "/service/wifi-0009",
    "/service/wifi-0009?day=2026-09-20",
    "/device/wlan-controller-0?day=2026-09-20",
    "/service/lte-0014",
    "/reading/wlan-controller-0/1789999980000?metric=system.cpu",
    "/probes",
    "/logins",
    "/logins/site-0",
    "/contracts",
    "/summary",
    "/contract/contract-b",
    "/approvals",
    "/approvals/new",
    "/password",
]


@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_whole_small_and_in_one_language(site, path, language):
    answer = site.browser("contract_manager").get(path, headers={"Accept-Language": language})
    text = answer.get_data(as_text=True)

    assert answer.status_code == 200
    assert len(answer.data) <= 60_000
    assert f'<html lang="{language}">' in text
    assert 'class="rehearsal"' in text
    assert "http://" not in text.replace("http://www.w3.org", "")
    assert "https://" not in text
    assert not re.search(r"<script(?! src=\"/assets/)|\son\w+=|style=", text), "nothing that the policy forbids"
    assert text.count("<h1") == 1
    if language == "en" and not path.startswith(
        ("/device", "/service", "/contract", "/area", "/find", "/site", "/reading", "/worst", "/approvals", "/logins/")
    ):
        body = re.sub(r'<aside class="rehearsal".*?</aside>|<a href="\?[^>]*>中文</a>', "", text, flags=re.DOTALL)
        names = re.sub(
            r"中关村|八里庄|海淀网络运行|机房|控制器无应答|ONT 光信号丢失|采集器滞后|[一-龥]+-(?:wlan|olt|small)",
            "",
            body,
        )
        assert not re.search(r"[一-龥：；，、（）。]", names), re.findall(r".{20}[一-龥：；，、（）。]+.{20}", names)[
            :3
        ]


def test_the_map_has_a_tile_for_each_of_the_29_subdistricts_and_a_row_behind_it(site):
    text = site.browser("viewer").get("/").get_data(as_text=True)

    assert text.count('href="/area/110108') == 2 * 29
    assert "✕ 4" in text


def test_the_sums_are_those_of_the_situation(site):
    seen = situation.read(site.settings)
    text = site.browser("viewer").get("/").get_data(as_text=True)
    down = sum(each.state == "down" for each in seen.services)

    assert f"<b>✕ {down}</b>" in text


def test_troubles_share_their_root(site):
    text = site.browser("viewer").get("/worst?by=device&key=device:wlan-controller-9").get_data(as_text=True)

    for number in (9, 38, 67, 96):
        assert f"/service/wifi-{number:04d}" in text


def test_a_device_shows_answered_silent_and_not_measured_as_three_states(site):
    text = site.browser("viewer").get("/device/wlan-controller-9").get_data(as_text=True)
    drawn = text.split('class="timeline">')[1].split("</svg>")[0]

    assert {"#2f855a", "#c53030", "url(#hatch)"} <= set(re.findall(r'fill="([^"]+)"', drawn))
    assert "无应答" in text
    assert "未测" in text


def test_a_sentinel_is_no_number(site):
    text = site.browser("viewer").get("/device/wlan-controller-0").get_data(as_text=True)
    row = text.split("system.temperature")[1].split("</tr>")[0]

    assert "—" in row
    assert "设备报告“无值”" in row


def test_from_a_device_one_click_leads_to_the_bytes_that_it_sent(site):
    client = site.browser("auditor")
    text = client.get("/device/wlan-controller-0").get_data(as_text=True)
    link = re.search(r'href="(/reading/wlan-controller-0/\d+\?metric=system.cpu[^"]*)"', text)[1].replace("&amp;", "&")
    slot = int(link.split("/")[3].split("?")[0])
    with raw.build(site.settings) as archive:
        framed = archive.fetch(f"wlan-controller-0@{slot}")
    page = client.get(link).get_data(as_text=True)

    assert raw.unframe(framed)[0][:16].hex(" ") in page
    assert f"wlan-controller-0@{slot}" in page
    assert client.get(f"/reading/wlan-controller-0/{slot}/raw").data == framed


def test_a_reading_names_the_oid_the_rule_and_what_the_device_sent(site, monkeypatch):
    def explain(device, outcome, framed):
        assert raw.unframe(framed)
        for number in range(300):
            subject = Subject("ap", f"mac:{number:012x}")
            names = {"metric": "wlan.ap.clients", "subject": subject, "device": device, "at_ms": outcome.at_ms}
            yield Observation(
                **names, value=number, unit="1", raw=number, oid=f"1.3.6.1.4.1.{number}", rule="r.ap@3f2a"
            )
            yield Gap(**{**names, "metric": "wlan.ap.cpu"}, reason=Reason.NO_SUCH_INSTANCE, detail="<b>gone</b>")

    monkeypatch.setattr("dashboards.devices.decoder", lambda _door: explain)
    path = "/reading/wlan-controller-0/1789999980000?metric=wlan.ap.clients&subject=ap:mac:0000000000fa"
    answer = site.browser("auditor").get(path)
    text = answer.get_data(as_text=True)
    first = text.split('id="asked-1"')[1].split("</section>")[0]

    assert "AP在线终端数：250" in first
    assert "ap:mac:0000000000fa" in first
    assert "1.3.6.1.4.1.250" in first
    assert "r.ap@3f2a" in first
    assert "asked-2" not in text
    assert "&lt;b&gt;gone&lt;/b&gt;" in text
    assert "600" in text.split('id="read"')[1].split("</h2>")[0], "all are counted, the first are shown"
    assert len(answer.data) <= 60_000


@pytest.mark.parametrize(
    ("query", "id_"),
    [
        ("wlan-controller-9", "wlan-controller-9"),
        ("0a:0b:0c:0d:0e:09", "wlan-controller-9"),
        ("0A-0B-0C-0D-0E-09", "wlan-controller-9"),
        ("0a0b.0c0d.0e09", "wlan-controller-9"),
        ("0a0b0c0d0e09", "wlan-controller-9"),
        ("sn00000009", "wlan-controller-9"),
        ("127.0.1.10", "wlan-controller-9"),
        ("中关村路 10", "wlan-controller-9"),
        ("HWTC00000004", "fiber-0004"),
        ("Zhongguancun controller", "wlan-controller-9"),
    ],
)
def test_a_thing_is_found_by_any_of_its_names(site, query, id_):
    text = site.browser("viewer").get("/find", query_string={"q": query}).get_data(as_text=True)

    assert re.search(rf'href="/(device|service)/{id_}"', text)


@pytest.mark.parametrize("query", ["", " ", "nothing of the kind", "%", "a" * 5000, "\x00", "<script>"])
def test_a_search_for_nonsense_finds_nothing_and_breaks_nothing(site, query):
    answer = site.browser("viewer").get("/find", query_string={"q": query})

    assert answer.status_code == 200
    assert b"/device/" not in answer.data


@pytest.mark.parametrize(
    "path",
    [
        "/area/x",
        "/device/x",
        "/service/x",
        "/contract/x",
        "/worst?by=x",
        "/reading/wlan-controller-0/1",
        "/reading/x/1",
        "/reading/wlan-controller-0/99999999999999999999999",
    ],
)
def test_what_is_not_there_is_not_found(site, path):
    assert site.browser("operator").get(path).status_code == 404


def test_a_page_that_has_not_changed_costs_a_header(site):
    client = site.browser("viewer")
    tag = client.get("/").headers["ETag"]
    again = client.get("/", headers={"If-None-Match": tag, "X-Poll": "1"})

    assert (again.status_code, again.data) == (304, b"")
    assert client.get("/", headers={"If-None-Match": tag, "Accept-Language": "en"}).status_code == 200


def test_old_data_says_its_age(sites, tmp_path):
    site = sites(tmp_path, telemetry=False)
    object.__setattr__(site.clock, "at_ms", NOW + 600_000)
    text = site.client("viewer").get("/").get_data(as_text=True)

    assert "数据已有 10 分钟 未更新" in text
    assert site.client().get("/readyz").status_code == 503


def test_before_the_core_has_judged_the_page_says_so(sites, tmp_path):
    site = sites(tmp_path, telemetry=False)
    (tmp_path / situation.NAME).unlink()
    text = site.client("viewer").get("/").get_data(as_text=True)

    assert "尚未给出第一次判断" in text
    assert "所有服务正常" not in text


def test_without_a_telemetry_store_the_device_page_still_says_what_it_knows(sites, tmp_path):
    site = sites(tmp_path, telemetry=False)
    answer = site.client("viewer").get("/device/wlan-controller-9")

    assert answer.status_code == 200
    assert "遥测库现在无法读取" in answer.get_data(as_text=True)


def test_a_broken_situation_is_said_and_not_guessed(sites, tmp_path):
    site = sites(tmp_path, telemetry=False)
    (tmp_path / situation.NAME).write_bytes(b'{"format":1,"services":[[]]}')

    assert site.client("viewer").get("/").status_code == 500
    assert "not a situation" in json.dumps(site.client().get("/readyz").json)


def test_the_verdict_is_the_ledgers_and_exact(site):
    text = site.browser("auditor").get("/contract/contract-b").get_data(as_text=True)

    assert "未达标" in text
    assert "99.123450%" in text


def test_a_bundle_is_given_to_those_who_may_and_only_what_the_ledger_says_was_issued(site):
    reports = site.settings.data.dir / "reports"
    (reports / "contract-b-2026-09-r0.zip").write_bytes(b"put there by somebody")
    (site.settings.data.dir / "contract-b-9.zip").write_bytes(b"not a report")
    auditor = site.browser("auditor")
    page = auditor.get("/contract/contract-b").get_data(as_text=True)
    given = auditor.get("/contract/contract-b/bundle/contract-b-2026-08-r0.zip", buffered=True)

    assert "contract-b-2026-08-r0.zip" in page
    assert "contract-b-2026-09-r0.zip" not in page
    assert given.data == (reports / "contract-b-2026-08-r0.zip").read_bytes()
    assert "attachment" in given.headers["Content-Disposition"]
    assert site.browser("viewer").get("/contract/contract-b/bundle/contract-b-2026-08-r0.zip").status_code == 403
    wrong = ("contract-a-2026-08-r0.zip", "contract-b-2026-09-r0.zip", "..%2fcontract-b-9.zip", "%2e%2e", "x", "")
    for name in wrong:
        assert auditor.get(f"/contract/contract-b/bundle/{name}").status_code == 404


def test_how_many_witnesses_signed_a_bundle_stands_beside_how_many_were_asked_for(site):
    viewer = site.browser("viewer")

    assert "</span>1 / 1</td>" in viewer.get("/contract/contract-a").get_data(as_text=True)
    assert "</span>0 / 1</td>" in viewer.get("/contract/contract-b").get_data(as_text=True)


def test_the_outages_that_the_report_counts_are_listed_the_longest_first(site):
    text = site.browser("viewer").get("/contract/contract-b").get_data(as_text=True)
    counted = text.split('id="counted"')[1].split("</section>")[0]

    assert re.findall(r'href="/service/(fiber-\d+)"', counted)[:3] == ["fiber-0049", "fiber-0048", "fiber-0047"]
    assert "（49）" in counted, "all are counted, the longest are shown"
    assert counted.count("<tr>") == 1 + 30
    assert "上级设备 永定路-olt 无应答" in counted


def test_the_report_is_shown_in_a_sandbox(site):
    answer = site.browser("viewer").get("/contract/contract-b/report/contract-b-2026-08-r0.zip")

    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert "script-src" not in answer.headers["Content-Security-Policy"]
    assert answer.data == b"<!doctype html><style>b{color:red}</style><b>b</b>", "the sealed bytes, untouched"


def test_a_request_and_its_decision_become_facts_of_two_persons(sites, tmp_path):
    site = sites(tmp_path, telemetry=False)
    asker, decider = site.client("operator"), site.client("contract_manager")
    sent = {
        "csrf": token(asker),
        "action": "exclusion",
        "contract": "contract-a",
        "class": "planned",
        "services": "wifi-0009, wifi-0038",
        "from": "2026-10-12T02:00",
        "to": "2026-10-12T04:00",
        "reason": "更换控制器",
    }
    assert asker.post("/approvals/new", data=sent).status_code == 303
    waiting = next(iter(record.read(site.settings).values()))
    name = waiting.request.id
    assert waiting.request.terms["start_ms"] == 1_791_741_600_000, "02:00 in Shanghai"

    assert (
        asker.post(f"/approvals/{name}/decide", data={"csrf": token(asker), "decision": "approved"}).status_code == 403
    )
    refused = decider.post(f"/approvals/{name}/withdraw", data={"csrf": token(decider)})
    assert refused.status_code == 403
    done = decider.post(
        f"/approvals/{name}/decide", data={"csrf": token(decider), "decision": "approved", "reason": "可以"}
    )
    assert done.status_code == 303

    after = record.read(site.settings)[name]
    assert (after.state, after.decision.by, after.request.by) == ("approved", "contract_manager", "operator")
    kinds = [
        facts.decode(each.payload).kind
        for each in spool.read(record.spool_path(site.settings, "web"), after=0, limit=99)
    ]
    assert [each for each in kinds if each != "staff_action"] == [
        "exclusion_claim",
        "approval_request",
        "approval_decision",
    ]
    assert "已批准" in asker.get("/approvals").get_data(as_text=True)


def test_a_contract_manager_may_not_approve_the_own_request(sites, tmp_path):
    site = sites(tmp_path, telemetry=False)
    client = site.client("contract_manager")
    sent = {
        "csrf": token(client),
        "action": "exclusion",
        "contract": "contract-a",
        "class": "x",
        "services": "wifi-0009",
    }
    sent |= {"from": "2026-10-12T02:00", "to": "2026-10-12T04:00", "reason": "r"}
    client.post("/approvals/new", data=sent)
    name = next(iter(record.read(site.settings)))
    answer = client.post(f"/approvals/{name}/decide", data={"csrf": token(client), "decision": "approved"})

    assert answer.status_code == 403
    assert "second person" in answer.get_data(as_text=True)
    assert record.read(site.settings)[name].state == "pending"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"contract": "contract-x"}, "没有这个合同"),
        ({"services": "wifi-9999"}, "没有这些服务"),
        ({"from": "yesterday"}, "no instant"),
        ({"to": "2026-10-12T01:00"}, "end after it begins"),
        ({"reason": ""}, "reason"),
        ({"action": "everything"}, "unknown"),
        ({"action": "fail_open", "sites": "site-nowhere"}, "没有这些站点"),
    ],
)
def test_a_wrong_request_is_said_plainly_and_keeps_what_was_typed(site, wrong, said):
    client = site.browser("operator")
    sent = {
        "csrf": token(client),
        "action": "exclusion",
        "contract": "contract-a",
        "class": "x",
        "services": "wifi-0009",
    }
    sent |= {"from": "2026-10-12T02:00", "to": "2026-10-12T04:00", "reason": "kept words"}
    answer = client.post("/approvals/new", data={**sent, **wrong})
    text = answer.get_data(as_text=True)

    assert answer.status_code == 400
    assert said in text
    if "reason" not in wrong:
        assert "kept words" in text


@pytest.mark.parametrize("role", ["privacy_officer"])
def test_a_role_that_can_ask_for_nothing_now_is_told_so(site, role):
    page = site.browser(role).get("/approvals/new").get_data(as_text=True)

    assert "目前没有可以申请的事项" in page
    assert 'method="post"' not in page.split("<main")[1]


def test_the_form_of_a_request_says_in_which_zone_its_times_are_read(site):
    page = site.browser("operator").get("/approvals/new").get_data(as_text=True)

    assert page.count('<span class="hint">Asia/Shanghai</span>') == 4, "two instants a kind of request"


@pytest.mark.parametrize(("role", "there"), [("viewer", False), ("auditor", True)])
def test_only_who_may_see_raw_readings_has_a_column_for_them(site, role, there):
    page = site.browser(role).get("/device/wlan-controller-0?lang=zh_CN").get_data(as_text=True)

    assert ('<th scope="col">原始读数</th>' in page) is there
    assert "最近的轮询" in page
