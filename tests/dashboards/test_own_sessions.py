"""Whoever works here sees the own sessions and ends them; an administrator ends anybody's; the chain has each end."""

from __future__ import annotations

import re

import pytest
from small_city import PASSWORD, token

from netops.access import record

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; rv:130.0) Gecko/20100101 Firefox/130.0"


@pytest.fixture
def site(sites, tmp_path):
    return sites(tmp_path, telemetry=False)


def come(site, role: str, agent: str = FIREFOX):
    client = site.client()
    client.environ_base["HTTP_USER_AGENT"] = agent
    assert client.post("/login", data={"name": role, "password": PASSWORD}).status_code == 303
    return client


def marks(text: str) -> list[str]:
    return re.findall(r'name="session" value="([0-9a-f]{16})"', text)


def shown(client, path: str = "/sessions") -> str:
    return client.get(path).get_data(as_text=True)


def end(client, path: str = "/sessions", **form):
    return client.post(path, data={"csrf": token(client, "/sessions"), **form})


def is_in(client) -> bool:
    return client.get("/sessions").status_code == 200


def stated(site) -> list[dict]:
    found = record.stated(site.settings, frozenset({"staff_action"}))
    return [dict(fact.body) for fact, _ in found if fact.body["action"] == "session ended"]


def test_one_sees_the_own_sessions_and_ends_another_one(site):
    here, other, stranger = come(site, "viewer"), come(site, "viewer", "curl/8"), come(site, "operator")
    text = shown(here)
    assert "Windows 上的 Firefox" in text
    assert "127.0.0.1" in text
    assert text.count("这个会话") == 1
    (mark,) = marks(text)
    assert end(here, session=mark).status_code == 303

    assert [is_in(each) for each in (here, other, stranger)] == [True, False, True]
    assert stated(site) == [{"action": "session ended", "subject": "viewer", "by": "viewer", "detail": mark}]
    assert end(here, session=mark).status_code == 404, "it has ended already"


def test_one_ends_all_others_at_once_and_each_is_stated(site):
    here, *others = (come(site, "viewer") for _ in range(3))
    assert end(here, which="others").status_code == 303

    assert [is_in(each) for each in (here, *others)] == [True, False, False]
    assert len({each["detail"] for each in stated(site)}) == 2
    assert marks(shown(here)) == []


def test_nobody_ends_the_session_of_another_person_on_the_own_page(site):
    victim = come(site, "admin")
    (mark,) = marks(shown(come(site, "admin"), "/accounts/admin/sessions"))

    assert end(come(site, "operator"), session=mark).status_code == 404
    assert is_in(victim)


def test_an_administrator_ends_anybodys(site):
    admin, one, two = come(site, "admin"), come(site, "viewer"), come(site, "viewer")
    path = "/accounts/viewer/sessions"
    assert "/accounts/viewer/sessions" in shown(admin, "/accounts")
    assert len(found := marks(shown(admin, path))) == 2
    assert end(admin, path, session=found[0]).status_code == 303
    assert end(admin, path, which="others").status_code == 303

    assert [is_in(each) for each in (admin, one, two)] == [True, False, False]
    assert {(each["subject"], each["by"]) for each in stated(site)} == {("viewer", "admin")}
    assert "会话已结束" in shown(come(site, "auditor"), "/audit")
    assert admin.get("/accounts/nobody/sessions").status_code == 404
    assert end(admin, "/accounts/nobody/sessions", which="others").status_code == 404


def test_an_administrator_who_ends_all_of_the_own_stays_in(site):
    admin, other = come(site, "admin"), come(site, "admin")
    end(admin, "/accounts/admin/sessions", which="others")

    assert [is_in(each) for each in (admin, other)] == [True, False]


@pytest.mark.parametrize("role", ["viewer", "operator", "auditor", "contract_manager", "privacy_officer"])
def test_nobody_else_sees_or_ends_the_sessions_of_others(site, role):
    client = come(site, role)

    assert client.get("/accounts/admin/sessions").status_code == 403
    assert end(client, "/accounts/admin/sessions", which="others").status_code == 403
    if role == "auditor":
        assert "/accounts/admin/sessions" not in shown(client, "/accounts")


@pytest.mark.parametrize("agent", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "x" * 3000])
def test_what_a_browser_calls_itself_is_kept_in_known_words_alone(site, agent):
    text = shown(come(site, "viewer", agent))

    assert "不认识的浏览器" in text
    assert "alert(1)" not in text
