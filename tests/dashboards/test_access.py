"""S16: every route for every role, and what a login is worth."""

from __future__ import annotations

import re

import pytest
from flask import Blueprint
from small_city import token

from dashboards import audit
from dashboards.api import serve
from netops.access import permissions, record
from netops.access.permissions import NARROWED, OF_CONTRACTS, PUBLIC, ROLES, ROUTES, SELF
from netops.errors import ConfigError
from netops.facts import Fact
from netops.web import Pages

PUBLIC_PATHS = ["/login", "/healthz", "/readyz", "/assets/dashboards.css"]
VALUES = {
    "area": "110108015",
    "device": "wlan-controller-0",
    "site": "site-0",
    "service": "wifi-0000",
    "contract": "contract-a",
    "slot_ms": 1_789_999_980_000,
    "name": "nothing",
    "token": "nothing",
    "month": "2026-08",
    "item": "wifi",
    "objective": "availability",
    "revision": 1,
    "index": 0,
    "size": 1,
    "subject": "device:olt-1",
    "incident": "nothing",
    "objection": "nothing",
    "report": "nothing",
    "digest": "0" * 64,
    "file": "nothing",
    "ticket": "nothing",
    "filename": "dashboards.css",
    "noun": "device",
    "kind": "ap",
}
DECLARED = {**ROUTES, **serve.permissions("dashboards")}
CASES = [(endpoint, role) for endpoint in DECLARED for role in [None, *ROLES]]


def expected(endpoint: str, role: str | None) -> bool:
    """Whether a role may, written down a second time, on its own. The carrier's account has a scope."""
    permission = DECLARED[endpoint]
    if permission == PUBLIC:
        return True
    if role is None:
        return False
    return permission == SELF or (
        permission in ROLES[role] and (role != "carrier" or endpoint in NARROWED | OF_CONTRACTS)
    )


def test_every_route_of_the_application_is_declared(site):
    routes = {rule.endpoint for rule in site.app.url_map.iter_rules()}

    assert routes == set(DECLARED)


@pytest.mark.parametrize(("endpoint", "role"), CASES, ids=[f"{e}-{r}" for e, r in CASES])
def test_every_route_is_open_to_exactly_the_declared_roles(site, endpoint, role):
    rule = next(rule for rule in site.app.url_map.iter_rules() if rule.endpoint == endpoint)
    if endpoint == "dashboards.logout":
        pytest.skip("ends the session; has its own test")
    method = "POST" if "POST" in rule.methods else "GET"
    with site.app.test_request_context():
        path = site.app.url_map.bind("localhost").build(endpoint, {k: VALUES[k] for k in rule.arguments}, method=method)
    client = site.browser(role)
    # without a form token, a POST that may pass is stopped by that alone: told apart by a token
    sent = {"csrf": token(client)} if method == "POST" and role is not None else None
    answer = client.open(path, method=method, data=sent, buffered=True)
    stopped = answer.status_code in {401, 403} or answer.headers.get("Location", "").startswith("/login?")

    if endpoint in {"dashboards.enter", "dashboards.enter_passkey"}:
        assert answer.status_code in {401, 429}, "no credentials: refused by the view itself"
    elif endpoint == "dashboards.back":
        assert answer.status_code == 403, "nobody has left for a provider: refused by the view itself"
    elif endpoint == "dashboards.change":
        assert answer.status_code == (400 if role else 401), "no new password: refused by the view itself"
    else:
        assert stopped is not expected(endpoint, role)


def test_the_roles_are_those_of_the_design():
    city = {"viewer", "operator", "contract_manager", "auditor", "privacy_officer", "admin"}

    assert set(ROLES) == city | {"carrier"}


def test_an_auditor_writes_nothing_and_sees_no_personal_data():
    writes = {"approval.request", "approval.decide", "voucher.issue", "session.end", "incident.take", "staff.end"}
    personal = {"session.see", "person.disclose"}

    assert not ROLES["auditor"] & (writes | personal)


def test_an_undeclared_route_is_closed_to_everybody(site):
    del_ = site.app.view_functions["dashboards.find"]
    table = {**ROUTES}
    table.pop("dashboards.find")
    guard = next(
        each.__self__ for each in site.app.before_request_funcs[None] if getattr(each, "__name__", "") == "_admit"
    )
    before = guard.permissions
    guard.permissions = table
    try:
        codes = {role: site.browser(role).get("/find").status_code for role in ROLES}
    finally:
        guard.permissions = before

    assert codes == dict.fromkeys(ROLES, 403)
    assert del_ is site.app.view_functions["dashboards.find"]


@pytest.mark.parametrize(
    ("declared", "why"),
    [
        ({"other.page": "network.see"}, "not their own"),
        ({"mine.page": "no.such.permission"}, "which no role has"),
    ],
)
def test_pages_of_a_package_reach_no_further_than_their_own(declared, why):
    with pytest.raises(ConfigError, match=why):
        permissions.table([Pages(blueprint=Blueprint("mine", "mine"), permissions=declared)])


def test_without_a_login_one_lands_there_and_goes_on_afterwards(site):
    client = site.client()
    answer = client.get("/device/olt-1?page=2")
    assert answer.headers["Location"] == "/login?next=%2Fdevice%2Folt-1%3Fpage%3D2"

    data = {"name": "viewer", "password": "a password of nobody", "next": "/device/olt-1?page=2"}
    assert client.post("/login", data=data).headers["Location"] == "/device/olt-1?page=2"


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "\\\\evil",
        "/a\r\nX: y",
        "",
        "http:evil",
    ],
)
def test_a_login_never_leads_to_another_site(site, target):
    answer = site.client().post("/login", data={"name": "viewer", "password": "a password of nobody", "next": target})

    assert answer.headers["Location"] == "/"


def test_a_one_time_password_opens_nothing_but_the_change_of_itself(sites, tmp_path):
    site = sites(tmp_path, telemetry=False)
    client = site.client()
    once = (tmp_path / "once").read_text()
    assert client.post("/login", data={"name": "new", "password": once}).headers["Location"] == "/password"
    for path in ("/", "/approvals", "/accounts", "/api/situation"):
        assert client.get(path).headers["Location"] == "/password"

    sent = {"csrf": token(client), "old": once, "new": "four plain other words", "again": "four plain other words"}
    assert client.post("/password", data=sent).headers["Location"] == "/"
    assert client.get("/").status_code == 200


def test_a_changed_password_ends_the_other_browsers(sites, tmp_path):
    site = sites(tmp_path, telemetry=False)
    here, there = site.client("viewer"), site.client("viewer")
    sent = {
        "csrf": token(here),
        "old": "a password of nobody",
        "new": "four plain new words",
        "again": "four plain new words",
    }
    here.post("/password", data=sent)

    assert here.get("/").status_code == 200
    assert there.get("/").status_code == 303


def test_a_logout_ends_the_session_on_the_server(site):
    client = site.client("viewer")
    cookie = client.get_cookie("netops_staff").value
    client.post("/logout", data={"csrf": token(client)})
    thief = site.client()
    thief.set_cookie("netops_staff", cookie)

    assert thief.get("/").status_code == 303


@pytest.mark.parametrize("sent", [{}, {"csrf": ""}, {"csrf": "0" * 64}])
def test_a_form_without_its_token_is_refused(site, sent):
    client = site.browser("operator")

    assert client.post("/logout", data=sent).status_code == 403
    assert client.get("/").status_code == 200


def test_a_token_of_another_session_is_refused(site):
    mine, other = site.browser("operator"), site.browser("viewer")

    assert mine.post("/logout", data={"csrf": token(other)}).status_code == 403


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(site):
    plain = site.client().post("/login", data={"name": "viewer", "password": "a password of nobody"})
    secure = site.client().post(
        "/login", data={"name": "viewer", "password": "a password of nobody"}, base_url="https://localhost/"
    )

    assert "HttpOnly" in plain.headers["Set-Cookie"]
    assert "SameSite=Strict" in plain.headers["Set-Cookie"]
    assert secure.headers["Set-Cookie"].startswith("__Host-netops_staff=")
    assert "Secure" in secure.headers["Set-Cookie"]


def test_production_takes_no_password_over_plain_http_from_a_network(site):
    guard = next(
        each.__self__ for each in site.app.before_request_funcs[None] if getattr(each, "__name__", "") == "_admit"
    )
    guard.rehearsal = False
    try:
        far = {"REMOTE_ADDR": "192.0.2.7"}
        assert site.client().get("/login", environ_base=far).status_code == 403
        assert site.client().get("/login", environ_base=far, base_url="https://localhost/").status_code == 200
        assert site.client().get("/login").status_code == 200
    finally:
        guard.rehearsal = True


def test_guessing_at_the_page_is_slowed_down(sites, tmp_path):
    site = sites(tmp_path, telemetry=False)
    client = site.client()
    codes = [client.post("/login", data={"name": "viewer", "password": "guess"}).status_code for _ in range(7)]

    assert codes == [401] * 5 + [429] * 2
    assert client.post("/login", data={"name": "viewer", "password": "guess"}).headers["Retry-After"] == "1"


def test_what_was_done_to_accounts_is_said_in_the_language_of_the_page(site):
    client = site.browser("admin")
    chinese = client.get("/accounts", headers={"Accept-Language": "zh-CN"}).get_data(as_text=True)
    english = client.get("/accounts", headers={"Accept-Language": "en"}).get_data(as_text=True)

    assert "建立，角色：运维" in chinese
    assert "密码已修改" in chinese
    assert not re.search(r"added as|password changed|login refused", chinese)
    assert "added, role: operator" in english.lower()


def test_logins_and_what_was_taken_stand_in_the_audit_record(sites, tmp_path):
    site = sites(tmp_path)
    auditor = site.client("auditor")
    auditor.get("/reading/wlan-controller-0/1789999980000/raw")
    taken = auditor.get("/contract/contract-a/bundle/contract-a-2026-08-r0.zip", buffered=True).status_code
    site.client().post("/login", data={"name": "viewer", "password": "a guess"})
    stated = [fact.body for fact, _ in record.stated(site.settings, frozenset({"staff_action"}))]

    assert {"action": "login", "subject": "auditor", "by": "auditor"} in stated
    assert {"action": "raw bytes read", "subject": "wlan-controller-0@1789999980000", "by": "auditor"} in stated
    assert taken == 200
    assert {"bundle taken"} == {each["action"] for each in stated if each["subject"] == "contract-a"}
    assert not any(each["by"] == "viewer" for each in stated), "who is refused has done nothing"
    page = auditor.get("/audit", headers={"Accept-Language": "en"}).get_data(as_text=True)
    assert "wlan-controller-0@1789999980000" in page
    assert "raw bytes read" in page
    assert site.client("viewer").get("/audit").status_code == 403


@pytest.mark.parametrize(
    ("language", "said"),
    [("zh-CN", "合同管理 area:110108001"), ("en", "Contract manager area:110108001")],
)
def test_the_audit_record_says_the_role_of_a_new_account_in_the_language_of_the_page(sites, tmp_path, language, said):
    body = {"action": "staff add", "subject": "li.na", "by": "root@cli", "detail": "contract_manager area:110108001"}
    with sites(tmp_path).app.test_request_context(headers={"Accept-Language": language}):
        row = audit._row(Fact(kind=audit.KIND, at_ms=0, body=body))

    assert row["detail"] == said
