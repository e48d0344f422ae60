"""The second factor on the pages: what a half login reaches, how it goes on, and how one is set up."""

from __future__ import annotations

import re

import pyotp
import pytest
from small_city import NOW, PASSWORD, token

from netops.access.permissions import PUBLIC, ROUTES
from netops.entering import Access

VALUES = {"slot_ms": 1_789_999_980_000}


@pytest.fixture
def site(sites, tmp_path):
    return sites(tmp_path, telemetry=False, access=Access(second_factor="operator"))


def hidden(text: str, name: str) -> str:
    return re.search(rf'name="{name}" value="([^"]*)"', text)[1]


def login(client, role: str, target: str = "/"):
    return client.post("/login", data={"name": role, "password": PASSWORD, "next": target})


def arrange(client, **form):
    return client.post("/factors", data={"csrf": token(client, "/factors"), **form})


def set_up(client) -> tuple[str, list[str], object]:
    """Set one-time codes up; return the secret, the recovery codes and the last answer."""
    text = arrange(client, act="offer").get_data(as_text=True)
    secret = re.search(r'<code class="wrap">([A-Z2-7]+)</code>', text)[1]
    answer = arrange(client, act="take_up", sealed=hidden(text, "sealed"), code=pyotp.TOTP(secret).at(NOW // 1000))
    return secret, re.findall(r"<li><code>([a-z0-9-]{11})</code>", answer.get_data(as_text=True)), answer


def later(site, seconds: int) -> int:
    """Let time pass; return the instant in seconds."""
    object.__setattr__(site.clock, "at_ms", site.clock.at_ms + seconds * 1000)
    return site.clock.at_ms // 1000


def test_who_must_have_one_sets_it_up_before_anything_else(site):
    client = site.client()
    assert login(client, "operator").headers["Location"] == "/factors"
    for path in ("/", "/approvals", "/password", "/factor"):
        assert client.get(path).headers["Location"] == "/factors"
    _, codes, answer = set_up(client)

    assert answer.status_code == 200
    assert len(codes) == 10
    assert client.get("/").status_code == 200
    assert "<svg" not in client.get("/factors").get_data(as_text=True)


def test_who_has_one_is_asked_for_it_at_the_next_login_and_led_on(site):
    secret, codes, _ = set_up(site.client("viewer"))
    client = site.client()
    assert login(client, "viewer", "/contracts").headers["Location"] == "/factor?next=/contracts"
    at = later(site, 60)
    sent = {"csrf": token(client, "/factor"), "next": "/contracts"}
    assert client.post("/factor", data={**sent, "code": "000000"}).status_code == 401
    half = client.get_cookie("netops_staff").value
    answer = client.post("/factor", data={**sent, "code": pyotp.TOTP(secret).at(at)})

    assert answer.headers["Location"] == "/contracts"
    assert client.get("/contracts").status_code == 200
    assert client.get_cookie("netops_staff").value != half, "what is open now has another session"
    thief = site.client()
    thief.set_cookie("netops_staff", half)
    assert thief.get("/").headers["Location"].startswith("/login")
    again = site.client()
    login(again, "viewer")
    sent = {"csrf": token(again, "/factor"), "code": pyotp.TOTP(secret).at(at)}
    assert again.post("/factor", data=sent).status_code == 401, "the same code"
    assert again.post("/factor", data={**sent, "code": codes[0]}).headers["Location"] == "/"


def test_a_half_login_reaches_no_page_of_any_kind(site):
    set_up(site.client("viewer"))
    client = site.client()
    login(client, "viewer")
    adapter = site.app.url_map.bind("localhost")
    for rule in site.app.url_map.iter_rules():
        method = "POST" if "POST" in rule.methods else "GET"
        if ROUTES.get(rule.endpoint) == PUBLIC or rule.endpoint in {"dashboards.logout", "dashboards.prove"}:
            continue
        path = adapter.build(rule.endpoint, {each: VALUES.get(each, "1") for each in rule.arguments}, method=method)
        answer = client.open(path, method=method)
        led = answer.headers.get("Location", "") == "/factor" or rule.endpoint == "dashboards.factor"

        assert led or answer.status_code == 403, rule.endpoint


def test_a_half_login_is_told_nothing_of_the_city_and_can_log_out(site):
    set_up(site.client("viewer"))
    client = site.client()
    login(client, "viewer")
    page = client.get("/factor").get_data(as_text=True)

    assert 'class="menu"' not in page
    assert client.post("/factors", data={"csrf": token(client, "/factor"), "act": "drop_codes"}).status_code == 303
    assert client.post("/logout", data={"csrf": token(client, "/factor")}).headers["Location"] == "/login"


def test_guesses_at_the_page_are_slowed_down(site):
    set_up(site.client("viewer"))
    client = site.client()
    login(client, "viewer")
    sent = {"csrf": token(client, "/factor"), "code": "000000"}
    codes = [client.post("/factor", data=sent).status_code for _ in range(7)]

    assert codes[:4] == [401] * 4
    assert codes[-1] == 429
    assert "Retry-After" in client.post("/factor", data=sent).headers


def test_an_old_login_changes_nothing_of_what_proves_its_owner(site):
    client = site.client("viewer")
    set_up(client)
    later(site, 16 * 60)

    for act in ("offer", "renew", "drop_codes", "take_up"):
        assert arrange(client, act=act).status_code == 403
    assert arrange(client, act="nothing").status_code == 400


def test_the_last_factor_of_a_role_that_must_have_one_stays(site):
    client = site.client()
    login(client, "operator")
    set_up(client)

    assert arrange(client, act="drop_codes").status_code == 400
    other = site.client("viewer")
    set_up(other)
    assert arrange(other, act="drop_codes").status_code == 303
    assert login(site.client(), "viewer").headers["Location"] == "/"


def test_a_reset_password_does_not_lead_past_the_second_factor(site):
    from small_city import cheap

    from inventory import sql
    from netops.access import tables
    from netops.access.staff import Staff

    set_up(site.client("viewer"))
    with sql.Database(tables.url(site.settings)) as database:
        once = Staff(database, cheap()).reset("viewer", by="t", now_ms=NOW)
    client = site.client()
    answer = client.post("/login", data={"name": "viewer", "password": once})

    assert answer.headers["Location"] == "/factor?next=/"
    assert client.get("/password").headers["Location"] == "/factor"


@pytest.mark.parametrize("sealed", ["", "x", "\u4e2d", "A" * 3000])
def test_an_offer_that_is_none_is_refused(site, sealed):
    assert arrange(site.client("viewer"), act="take_up", sealed=sealed, code="123456").status_code == 400


def test_what_is_shown_once_is_kept_by_no_browser(site):
    client = site.client("viewer")

    assert arrange(client, act="offer").headers["Cache-Control"] == "no-store"
    assert set_up(client)[2].headers["Cache-Control"] == "no-store"


# ---- a reset by two persons
def ask_reset(client, account: str):
    sent = {"csrf": token(client, "/approvals/new"), "action": "factor_reset", "account": account, "reason": "手机丢失"}
    return client.post("/approvals/new", data=sent)


def waiting(client) -> str:
    return re.search(r"/approvals/(req-[0-9a-f]+)/decide", client.get("/approvals").get_data(as_text=True))[1]


def decide(client, name: str, decision: str = "approved"):
    sent = {"csrf": token(client, "/approvals"), "decision": decision}
    return client.post(f"/approvals/{name}/decide", data=sent)


def test_a_reset_is_asked_by_one_and_carried_out_when_another_approves(site):
    owner = site.client("viewer")
    set_up(owner)
    asker, admin = site.client("admin"), site.client("privacy_officer")
    assert ask_reset(asker, "viewer").status_code == 303
    assert asker.get("/approvals/new?account=viewer").get_data(as_text=True).count('value="viewer"') == 1
    name = waiting(admin)
    assert decide(asker, name).status_code == 403, "alone"
    assert owner.get("/").status_code == 200
    assert decide(admin, name).status_code == 303

    assert owner.get("/").headers["Location"].startswith("/login"), "its sessions are over"
    assert login(site.client(), "viewer").headers["Location"] == "/", "it has no second factor any more"
    assert name in site.client("auditor").get("/audit").get_data(as_text=True)


def test_nobody_asks_or_approves_for_the_own_account(site):
    admin = site.client("admin")
    set_up(admin)
    answer = ask_reset(admin, "admin")
    assert answer.status_code == 403
    assert "about the account of admin" in answer.get_data(as_text=True)
    operator = site.client("operator")
    set_up(operator)
    assert ask_reset(operator, "admin").status_code == 303
    assert "/decide" not in admin.get("/approvals").get_data(as_text=True)
    name = waiting(site.client("privacy_officer"))

    assert decide(admin, name).status_code == 403


def test_whose_name_has_no_second_factor_is_not_told_from_nobody(site):
    said = [ask_reset(site.client("admin"), name) for name in ("viewer", "nobody-here")]

    assert [each.status_code for each in said] == [400, 400]
    assert "has a second factor" in said[0].get_data(as_text=True)
