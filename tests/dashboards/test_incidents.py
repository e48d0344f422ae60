"""Incidents on pages: what is open, who was told; taking on by page and by a message's link; hostile names."""

from __future__ import annotations

import re
import sys

import pytest

from netops import spool
from netops.alerts import book, incident
from netops.alerts.incident import Incident, Member, Phase
from netops.alerts.service import digest
from netops.config import Person
from netops.facts import decode

small_city = sys.modules["small_city"]
MINUTE = 60_000
TOKEN = "a-token-of-a-message"


def stated(site, kind):
    path = site.settings.data.dir / "spool" / "web.db"
    found = [decode(each.payload) for each in spool.read(path, after=0, limit=1000) if each.kind == "fact"]
    return [each for each in found if each.kind == kind]


def token(client, path):
    text = client.get(path).get_data(as_text=True)
    return text.split('name="csrf" value="')[1].split('"')[0]


@pytest.fixture
def told(sites, tmp_path):
    """A city with two incidents, of one of which the operator got a message with a link."""
    site = sites(tmp_path, telemetry=False)
    now = site.clock.now_ms()
    members = {
        f"service:wifi-{n:04d}": Member(since_ms=now - 9 * MINUTE, area="110108015", kind="wifi", because="no_answer")
        for n in range(300)
    }
    words = {"severity": "critical", "phase": Phase.OPEN, "since_ms": now - 9 * MINUTE, "opened_ms": now - 8 * MINUTE}
    controller = Incident(id="20260915-00001", rule="outage", root="device:wlan-controller-0", members=members, **words)
    over = Incident(
        id="20260915-00002", rule="outage", root="service:fiber-0004", severity="minor", phase=Phase.CLOSED,
        since_ms=now - 90 * MINUTE, opened_ms=now - 89 * MINUTE, closed_ms=now - 30 * MINUTE,
        members={"service:fiber-0004": Member(since_ms=now - 90 * MINUTE, well_ms=now - 31 * MINUTE)},
    )  # fmt: skip
    with book.Book(book.path(site.settings)) as held:
        held.keep([controller, over])
        held.begin({f"{controller.id}/begun/0/first": (controller.id, "first")}, digest(TOKEN), now_ms=now - 8 * MINUTE)
        held.end([f"{controller.id}/begun/0/first"], now_ms=now - 8 * MINUTE)
    return site


def test_what_is_open_stands_first_and_what_is_over_below(told):
    text = told.browser("viewer").get("/incidents").get_data(as_text=True)

    assert text.index("20260915-00001") < text.index("20260915-00002")
    assert "其下 300 项服务中断" in text
    assert "无人处理" in text


def test_without_the_service_the_page_says_so(sites, tmp_path):
    site = sites(tmp_path, telemetry=False)

    assert "告警服务没有运行" in site.browser("viewer").get("/incidents").get_data(as_text=True)


def test_one_incident_links_to_what_belongs_to_it(told):
    answer = told.browser("viewer").get("/incidents/20260915-00001")
    text = answer.get_data(as_text=True)

    assert "/device/wlan-controller-0" in text
    assert "/service/wifi-0000" in text
    assert "first" in text
    assert "另有 100 项" in text
    assert "我来处理" not in text, "a viewer takes nothing on"
    assert len(answer.data) < 60_000


def test_what_is_at_the_root_is_named_and_led_to(told):
    text = told.browser("viewer").get("/incidents/20260915-00002").get_data(as_text=True)
    root = text.partition("<dt>根因</dt>")[2].partition("</dd>")[0]

    assert 'href="/service/fiber-0004">fiber-0004</a>' in root


def test_an_operator_takes_it_on_and_it_is_a_fact(told):
    client = told.browser("operator")
    sent = {"csrf": token(client, "/incidents/20260915-00001"), "remark": "已联系"}

    answer = client.post("/incidents/20260915-00001/take", data=sent)

    assert answer.status_code == 303
    (fact,) = stated(told, "incident_taken")
    assert fact.body == {"incident": "20260915-00001", "by": "operator", "way": "page", "remark": "已联系"}


def test_what_is_over_is_not_taken_on(told):
    client = told.browser("operator")
    sent = {"csrf": token(client, "/incidents/20260915-00001")}

    assert client.post("/incidents/20260915-00002/take", data=sent).status_code == 409
    assert client.post("/incidents/nothing/take", data=sent).status_code == 404


def test_a_mute_has_a_reason_and_an_end(told):
    client = told.browser("operator")
    sent = {"csrf": token(client, "/incidents/20260915-00001"), "hours": "4"}

    assert client.post("/incidents/20260915-00001/mute", data=sent).status_code == 400
    assert client.post("/incidents/20260915-00001/mute", data={**sent, "reason": "施工"}).status_code == 303
    (fact,) = stated(told, "alerts_muted")
    assert fact.body["root"] == "device:wlan-controller-0"
    assert fact.body["until_ms"] == told.clock.now_ms() + 4 * 60 * MINUTE


def test_the_link_of_a_message_takes_on_without_a_login_but_not_by_being_looked_at(told):
    client = told.client()

    shown = client.get(f"/take/{TOKEN}").get_data(as_text=True)
    assert "first" in shown
    assert "wifi-0000" not in shown, "who has the link sees the first line, no more"
    assert stated(told, "incident_taken") == []
    assert "已记下" in client.post(f"/take/{TOKEN}").get_data(as_text=True)

    (fact,) = stated(told, "incident_taken")
    assert (fact.body["by"], fact.body["way"]) == ("first", "link")


def test_a_link_that_is_tapped_again_before_the_alerts_heard_of_it_says_who_was_first_and_adds_no_leaf(told):
    """Each tap was a leaf for ever: 200 of them as long as the alert service was off."""
    operator = told.browser("operator")
    sent = {"csrf": token(operator, "/incidents/20260915-00001")}
    assert operator.post("/incidents/20260915-00001/take", data=sent).status_code == 303
    client = told.client()

    answers = [client.post(f"/take/{TOKEN}").get_data(as_text=True) for _ in range(3)]

    assert len(stated(told, "incident_taken")) == 1
    assert all("由 operator 处理" in text for text in answers)


def test_a_guessed_an_old_and_a_used_link(told):
    client = told.client()
    assert client.get("/take/guessed").status_code == 404
    assert client.post("/take/" + digest(TOKEN)).status_code == 404
    with book.Book(book.path(told.settings)) as held:
        held.keep([incident.take(held.get("20260915-00001"), by="second", now_ms=1)])
    assert "second" in client.post(f"/take/{TOKEN}").get_data(as_text=True)
    assert stated(told, "incident_taken") == []
    with book.Book(book.path(told.settings)) as held:
        held.begin({"20260915-00001/begun/0/first": ("20260915-00001", "first")}, digest("newer"), now_ms=0)
    assert client.get(f"/take/{TOKEN}").status_code == 404


# ---- a link that several hold
PEOPLE = {
    "first": Person(name="张伟"),
    "li.na": Person(name="李娜"),
    "ops": Person(name="值班群", group=True),
}
DUTY = """
rules: []
routes: []
duties: [{id: network, timezone: Asia/Shanghai, turns: [li.na], from: 2026-01-01T00:00, every_h: 168}]
"""


@pytest.fixture
def group(told, monkeypatch, tmp_path):
    """The same city: the message went to a group as well, and `li.na` is on duty."""
    (tmp_path / "policy.yaml").write_text(DUTY)
    monkeypatch.setattr("netops.alerts.policy.OWN", tmp_path / "policy.yaml")
    told.settings.alert.people.update(PEOPLE)
    with book.Book(book.path(told.settings)) as held:
        held.link({digest("of-a-group"): ("20260915-00001", "ops")}, now_ms=told.clock.now_ms())
    return told


def names(text):
    return re.findall(r"<button[^>]*>([^<]*)：我来处理", text)


def test_a_groups_link_asks_who_it_is_and_one_tap_is_all(group):
    client = group.client()
    text = client.get("/take/of-a-group").get_data(as_text=True)
    assert names(text) == ["李娜", "张伟"], "whoever is on duty stands first, the group itself is nobody"
    assert "值班" in text

    done = client.post("/take/of-a-group", data={"who": "li.na"})
    assert "由 李娜 处理" in done.get_data(as_text=True)
    (fact,) = stated(group, "incident_taken")
    assert {**fact.body} == {"incident": "20260915-00001", "by": "li.na", "way": "link", "link": "ops"}


def test_a_name_typed_by_hand_is_remembered_on_that_phone_alone(group):
    client = group.client()
    done = client.post("/take/of-a-group", data={"name": "  王  敏 "})
    assert "由 王 敏 处理" in done.get_data(as_text=True)
    cookie = done.headers["Set-Cookie"]
    assert all(each in cookie for each in ("HttpOnly", "SameSite=Strict", "Path=/take"))

    assert names(client.get("/take/of-a-group").get_data(as_text=True)) == ["王 敏", "李娜", "张伟"]
    assert names(group.client().get("/take/of-a-group").get_data(as_text=True)) == ["李娜", "张伟"]
    again = client.post("/take/of-a-group", data={"name": "王 敏"})
    assert again.status_code == 200
    assert [each.body["by"] for each in stated(group, "incident_taken")] == ["王 敏"]


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"who": "ops"},
        {"who": "nobody"},
        {"name": " "},
        {"name": "x" * 41},
        {"name": "13800138000"},
        {"name": "a\x07"},
    ],
)
def test_a_groups_link_takes_nothing_on_in_the_name_of_nobody(group, sent):
    answer = group.client().post("/take/of-a-group", data=sent)

    assert answer.status_code == 400
    assert "请选择或写下您的姓名" in answer.get_data(as_text=True)
    assert stated(group, "incident_taken") == []


def test_a_link_of_ones_own_asks_nothing_and_takes_no_other_name(group):
    client = group.client()
    assert names(client.get(f"/take/{TOKEN}").get_data(as_text=True)) == []

    answer = client.post(f"/take/{TOKEN}", data={"who": "li.na", "name": "王敏"})
    assert "由 张伟 处理" in answer.get_data(as_text=True)
    assert "Set-Cookie" not in answer.headers
    (fact,) = stated(group, "incident_taken")
    assert (fact.body["by"], "link" in fact.body) == ("first", False)


@pytest.mark.parametrize("person", ["ops", "everybody"])
def test_pages_say_whose_word_it_is(group, person):
    with book.Book(book.path(group.settings)) as held:
        held.keep([incident.take(held.get("20260915-00001"), by="王敏", now_ms=1, link=person)])

    for path in ("/incidents", "/incidents/20260915-00001", "/take/of-a-group"):
        assert "（持链接者所称）" in group.browser("operator").get(path).get_data(as_text=True), path


def test_a_link_of_a_message_from_before_that_went_to_everybody_asks_too(group):
    with book.Book(book.path(group.settings)) as held:
        told = {"20260915-00001/begun/0/everybody": ("20260915-00001", "everybody")}
        held.begin(told, digest("older"), now_ms=group.clock.now_ms())

    assert names(group.client().get("/take/older").get_data(as_text=True)) == ["李娜", "张伟"]


@pytest.mark.parametrize("cookie", ["%3Cscript%3Ealert(1)%3C/script%3E", "%00%07", "x" * 300, "13800138000", "%ff%fe"])
def test_a_forged_memory_of_a_phone_is_data_or_nobody(group, cookie):
    client = group.client()
    client.set_cookie("netops_who", cookie, path="/take")
    answer = client.get("/take/of-a-group")

    assert answer.status_code == 200
    assert "<script>alert" not in answer.get_data(as_text=True)


@pytest.mark.parametrize("language", ["zh_CN", "en"])
def test_hostile_names_are_data(sites, tmp_path, language):
    site = sites(tmp_path, telemetry=False, hostile=True)
    now = site.clock.now_ms()
    bad = "<script>alert(1)</script>'\"&{{7*7}}"
    one = Incident(
        id="20260915-00009", rule="outage", root=f"service:{bad}", severity="major", phase=Phase.OPEN,
        since_ms=now, opened_ms=now, taken_by=bad, taken_ms=now,
        members={f"service:{bad}": Member(since_ms=now, area=bad, because=bad)},
    )  # fmt: skip
    with book.Book(book.path(site.settings)) as held:
        held.keep([one])
        held.begin({f"{one.id}/begun/0/{bad}": (one.id, bad)}, "", now_ms=now)
        held.end([f"{one.id}/begun/0/{bad}"], now_ms=now, error=bad)
    client = site.client("operator")
    client.set_cookie("language", language)
    for path in ("/incidents", f"/incidents/{one.id}"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "<script>alert" not in answer.get_data(as_text=True)
