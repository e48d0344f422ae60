"""Staff with an account of an institution: a real provider, an honest and a dishonest one, and our own refusals."""

from __future__ import annotations

import html
import http.client
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pyotp
import pytest
import sqlalchemy as sa
from small_city import PASSWORD, cheap, token

from inventory import sql
from netops.access import tables
from netops.access.identities import Identities
from netops.access.staff import Staff
from netops.clock import SYSTEM
from netops.entering import Access, StaffAccounts
from netops.errors import ConfigError, UsageError
from netops.secret import Secret

OWN, SECRET = "http://localhost", "s:e%c ret"
PROVIDER = Path(__file__).parents[1] / "captive_portal" / "run_provider.py"
CITY = StaffAccounts(issuer="https://a.cn", client_id="x")
ROLES = {"teachers": "contract_manager", "students": "viewer"}


class Institution:
    """The provider as a browser and the test see it."""

    def __init__(self, port: int) -> None:
        self.port, self.issuer = port, f"http://127.0.0.1:{port}"

    def ask(self, method: str, path: str, body: str = "", kind: str = "application/x-www-form-urlencoded"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request(method, path, body or None, {"Content-Type": kind})
        answer = connection.getresponse()
        found = answer.status, answer.getheader("Location"), answer.read().decode()
        connection.close()
        return found

    def play(self, **tricks: object) -> None:
        assert self.ask("POST", "/tricks", json.dumps(tricks), "application/json")[0] == 200

    def sign_in(self, address: str, user: str) -> str:
        parts = urlsplit(address)
        form = urlencode({"user": user, "password": "right"})
        status, location, text = self.ask("POST", f"{parts.path}?{parts.query}", form)
        assert status == 302, text
        return location.removeprefix(OWN)


@pytest.fixture(scope="module")
def institution():
    command = [sys.executable, str(PROVIDER), OWN, SECRET]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout
        yield Institution(int(process.stdout.readline()))
        process.terminate()


@pytest.fixture
def make(sites, tmp_path, institution):
    def made(*, provider=None, **access):
        institution.play()
        usual = {"issuer": institution.issuer, "client_id": "portal", "client_secret": Secret(f"plain:{SECRET}")}
        city = StaffAccounts(
            **{**usual, "title": "教工账号", "title_en": "Staff account", "roles": ROLES, **(provider or {})}
        )
        site = sites(tmp_path, telemetry=False, access=Access(url=OWN, oidc={"city": city}, **access))
        object.__setattr__(site.clock, "at_ms", SYSTEM.now_ms())
        return site

    return made


def leave(client, **query: str):
    return client.get("/login/account", query_string={"provider": "city", **query})


def come(site, institution, user: str = "lin", **query: str):
    """Go there and come back; return the browser and the last answer."""
    client = site.client()
    return client, client.get(institution.sign_in(leave(client, **query).headers["Location"], user))


def known(site) -> dict[str, tuple[str, str]]:
    """Return account → (role, subject) of everybody who belongs to a provider."""
    with sql.Database(tables.url(site.settings)) as database, database.read() as db:
        query = sa.select(tables.ACCOUNT.c.name, tables.ACCOUNT.c.role, tables.IDENTITY.c.subject)
        rows = db.execute(query.join(tables.IDENTITY, tables.IDENTITY.c.account == tables.ACCOUNT.c.name))
        return {row.name: (row.role, row.subject) for row in rows}


def test_somebody_new_comes_in_with_the_role_of_a_group_and_is_the_same_one_again(make, institution):
    site = make()
    client, answer = come(site, institution, next="/contracts")
    assert answer.status_code == 200
    assert re.search(r'http-equiv="refresh" content="0;url=/contracts"', answer.text)
    assert client.get("/contracts").status_code == 200
    come(site, institution)

    ((name, (role, subject)),) = known(site).items()
    assert (role, subject) == ("contract_manager", "sub-lin")
    assert name.startswith("sso-")
    assert "SameSite=Strict" in next(each for each in answer.headers.getlist("Set-Cookie") if "netops_staff" in each)


def test_a_provider_asks_with_pkce_and_says_nothing_of_us_in_the_cookie(make, institution):
    client = make().client()
    answer = leave(client)
    query = parse_qs(urlsplit(answer.headers["Location"]).query)

    assert query["code_challenge_method"] == ["S256"]
    assert query["redirect_uri"] == [f"{OWN}/return/oidc"]
    assert "SameSite=Lax" in answer.headers["Set-Cookie"]
    assert "HttpOnly" in answer.headers["Set-Cookie"]
    assert query["state"][0] not in answer.headers["Set-Cookie"]
    assert query["nonce"][0] not in answer.headers["Set-Cookie"]


@pytest.mark.parametrize("user", ["sly", "two"])
def test_who_has_no_role_there_is_not_let_in_and_leaves_no_account(make, institution, user):
    site = make()
    client, answer = come(site, institution, user)

    assert answer.status_code == 403
    assert known(site) == {}
    assert client.get("/").headers["Location"].startswith("/login")


def test_an_account_of_the_same_name_or_mail_is_not_taken_over(make, institution):
    site = make()
    institution.play(claims={"preferred_username": "admin", "email": "admin@city.example", "email_verified": True})
    come(site, institution)
    ((name, (role, _)),) = known(site).items()

    assert re.fullmatch(r"admin-[0-9a-f]{6}", name)
    assert role == "contract_manager"


def test_a_linked_account_is_found_and_its_role_is_the_providers(make, institution):
    site = make()
    with sql.Database(tables.url(site.settings)) as database:
        identities = Identities(Staff(database, cheap()))
        identities.link("viewer", institution.issuer, "sub-lin", by="t", now_ms=1)
        with pytest.raises(UsageError, match="the account 'viewer' already"):
            identities.link("admin", institution.issuer, "sub-lin", by="t", now_ms=1)
        with pytest.raises(UsageError, match="no account"):
            identities.link("nobody", institution.issuer, "sub-x", by="t", now_ms=1)
    come(site, institution)

    assert known(site) == {"viewer": ("contract_manager", "sub-lin")}


def test_a_role_that_changes_there_changes_here_and_ends_the_sessions(make, institution):
    site = make()
    before, _ = come(site, institution)
    institution.play(claims={"groups": ["students"]})
    after, _ = come(site, institution)

    assert [role for role, _ in known(site).values()] == ["viewer"]
    assert before.get("/contracts").status_code == 303
    assert after.get("/contracts").status_code == 200


def test_a_disabled_account_stays_out(make, institution):
    site = make()
    come(site, institution)
    with sql.Database(tables.url(site.settings)) as database:
        Staff(database, cheap()).disable(next(iter(known(site))), by="t", now_ms=SYSTEM.now_ms())

    assert come(site, institution)[1].status_code == 403


@pytest.mark.parametrize(
    "tricks",
    [
        {"sign": "none"},
        {"sign": "hmac-of-public-key"},
        {"sign": "stranger"},
        {"sign": "changed"},
        {"claims": {"aud": "other"}},
        {"claims": {"iss": "http://evil.example"}},
        {"claims": {"nonce": "another"}},
        {"without": ["sub"]},
        {"nameless": True},
        {"names": "http://evil.example"},
    ],
    ids=str,
)
def test_a_dishonest_answer_lets_nobody_in(make, institution, tricks):
    site = make()
    institution.play(**tricks)
    client, answer = come(site, institution)

    assert answer.status_code == 403
    assert client.get("/").headers["Location"].startswith("/login")
    assert known(site) == {}


def test_an_answer_counts_once_and_in_the_browser_that_left(make, institution):
    site = make()
    client = site.client()
    back = institution.sign_in(leave(client).headers["Location"], "lin")
    assert site.client().get(back).status_code == 403, "another browser"
    kept = client.get_cookie("netops_away").value
    assert client.get(back).status_code == 200
    client.set_cookie("netops_away", kept)

    assert client.get(back).status_code == 403, "the same answer again"


@pytest.mark.parametrize("cookie", ["", "a.b.c", "..", "AAAA.city.AAAA", "\u4e2d", "a.city." + "A" * 3000])
def test_a_cookie_that_is_not_ours_is_refused(make, institution, cookie):
    client = make().client()
    client.set_cookie("netops_away", cookie)

    assert client.get("/return/oidc?state=x&code=y").status_code == 403


def test_a_login_that_took_too_long_begins_again(make, institution):
    site = make()
    client = site.client()
    back = institution.sign_in(leave(client).headers["Location"], "lin")
    object.__setattr__(site.clock, "at_ms", site.clock.at_ms + 11 * 60_000)

    assert client.get(back).status_code == 403


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example", "/\\evil", "javascript:alert(1)", "/" + "a" * 9000]
)
def test_it_never_leads_to_another_site(make, institution, target):
    _, answer = come(make(), institution, next=target)

    assert 'content="0;url=/"' in answer.text


def test_a_provider_that_is_away_costs_a_sentence(make):
    site = make(provider={"issuer": "http://127.0.0.1:9"})

    assert leave(site.client()).status_code == 503
    assert site.client().get("/login/account?provider=other").status_code == 404


def test_our_own_second_factor_is_asked_for_where_the_settings_say_so(make, institution):
    site = make(provider={"second_factor": True}, second_factor="contract_manager")
    client, answer = come(site, institution)

    assert 'content="0;url=/factors"' in answer.text
    assert client.get("/").headers["Location"] == "/factors"


def test_without_local_logins_one_account_alone_comes_by_its_password(make, institution):
    site = make(local=False, break_glass="admin")
    answers = {
        name: site.client().post("/login", data={"name": name, "password": PASSWORD}).status_code
        for name in ("admin", "viewer")
    }
    client, _ = come(site, institution)

    assert answers == {"admin": 303, "viewer": 401}
    assert client.get("/").status_code == 200
    assert client.post("/logout", data={"csrf": token(client)}).status_code == 303


@pytest.mark.parametrize(
    ("access", "why"),
    [
        ({"local": False}, "the one account"),
        ({"local": False, "break_glass": "admin", "oidc": {}}, "the one account"),
        ({"url": ""}, "needs 'access.url'"),
        ({"oidc": {"city": StaffAccounts(issuer="https://a.cn")}}, "needs a client_id"),
        (
            {"oidc": {"city": StaffAccounts(issuer="https://a.cn", client_id="x", roles={"g": "boss"})}},
            "expected one of",
        ),
        (
            {"oidc": {"city": StaffAccounts(issuer="https://a.cn", client_id="x", roles={"g": "carrier"})}},
            "expected one of",
        ),
        ({"oidc": {"city": StaffAccounts(issuer="http://a.cn", client_id="x")}}, "is no address of HTTPS"),
    ],
)
def test_settings_that_cannot_be_stop_the_pages_with_a_remedy(sites, tmp_path, access, why):
    with pytest.raises(ConfigError, match=why):
        sites(tmp_path, telemetry=False, access=Access(**{"url": OWN, "oidc": {"city": CITY}, **access}))


# ---- out again (OpenID Connect RP-Initiated Logout 1.0)
def go(client):
    return client.post("/logout", data={"csrf": token(client, "/factors")})


def onward(answer) -> str:
    return html.unescape(re.search(r'content="0;url=([^"]*)"', answer.text)[1])


def test_a_logout_here_goes_on_to_the_provider_and_back(make, institution):
    site = make()
    institution.play(bye=True)
    client, _ = come(site, institution)
    answer = go(client)
    target = urlsplit(onward(answer))
    query = parse_qs(target.query)
    status, back, whose = institution.ask("GET", f"{target.path}?{target.query}")

    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert client.get("/").headers["Location"].startswith("/login"), "here it is over, whatever comes of it there"
    assert query["client_id"] == ["portal"]
    assert query["post_logout_redirect_uri"] == [f"{OWN}/return/logout"]
    assert (status, whose) == (302, "sub-lin"), "the provider knows the token again"
    assert "已退出本系统和账号系统" in client.get(back.removeprefix(OWN)).text


@pytest.mark.parametrize("state", ["", "city", "city.", "city.AAAA", "other.AAAA", "city.\u4e2d", "x" * 3000])
def test_a_return_that_is_not_ours_is_told_nothing(make, institution, state):
    answer = make().client().get("/return/logout", query_string={"state": state})

    assert answer.status_code == 200
    assert "已退出" not in answer.text


def test_the_second_factor_and_a_new_session_keep_the_way_out(make, institution):
    site = make(provider={"second_factor": True}, second_factor="contract_manager")
    institution.play(bye=True)
    client, _ = come(site, institution)
    page = client.post("/factors", data={"csrf": token(client, "/factors"), "act": "offer"}).text
    secret = re.search(r'<code class="wrap">([A-Z2-7]+)</code>', page)[1]
    sealed = re.search(r'name="sealed" value="([^"]*)"', page)[1]
    code = pyotp.TOTP(secret).at(site.clock.now_ms() // 1000)
    done = {"csrf": token(client, "/factors"), "act": "take_up", "sealed": sealed, "code": code}
    assert client.post("/factors", data=done).status_code == 200
    assert client.get("/contracts").status_code == 200

    assert "id_token_hint=" in onward(go(client))


@pytest.mark.parametrize(
    "tricks",
    [
        {},
        {"configuration": {"end_session_endpoint": "https://evil.example/bye"}},
        {"configuration": {"end_session_endpoint": 7}},
        {"configuration": {"end_session_endpoint": "javascript:alert(1)"}},
    ],
    ids=str,
)
def test_without_a_place_to_log_out_there_one_logs_out_here(make, institution, tricks):
    site = make()
    institution.play(**tricks)
    client, _ = come(site, institution)
    answer = go(client)

    assert answer.headers["Location"] == "/login"
    assert client.get("/").headers["Location"].startswith("/login?")


def test_a_provider_that_went_away_does_not_keep_anybody_in(make, institution):
    site = make()
    institution.play(bye=True)
    client, _ = come(site, institution)
    desk = inspect.getclosurevars(site.app.view_functions["dashboards.logout"]).nonlocals["desk"]
    desk.providers["city"]._endpoints = None  # as after a new start of this process
    institution.play(broken=["/.well-known/openid-configuration"])

    assert go(client).headers["Location"] == "/login"
    assert client.get("/").headers["Location"].startswith("/login?")


def test_what_was_sealed_by_another_key_is_left_out(make, institution):
    site = make()
    institution.play(bye=True)
    client, _ = come(site, institution)
    with sql.Database(tables.url(site.settings)) as database, database.write() as db:
        kept = db.execute(sa.select(tables.SESSION.c.id_token)).scalar_one()
        db.execute(sa.update(tables.SESSION).values(id_token="AAAA" + kept[4:]))

    assert go(client).headers["Location"] == "/login"


def test_the_session_keeps_no_id_token_in_clear(make, institution):
    site = make()
    come(site, institution)
    with sql.Database(tables.url(site.settings)) as database, database.read() as db:
        row = db.execute(sa.select(tables.SESSION)).one()

    assert row.provider == "city"
    assert row.id_token
    assert "." not in row.id_token


def test_a_login_by_password_is_not_led_to_a_provider(make, institution):
    site = make()
    institution.play(bye=True)

    assert go(site.client("viewer")).headers["Location"] == "/login"
