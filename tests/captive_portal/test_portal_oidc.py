"""Accounts by OpenID Connect against a real provider in a process of its own, honest and dishonest."""

from __future__ import annotations

import argparse
import http.client
import json
import re
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import sqlalchemy as sa

from captive_portal import commands, keys, policy_yaml, tables, views
from captive_portal.oidc import checks, token, under_way
from captive_portal.oidc import provider as providing
from captive_portal.policy import Account
from captive_portal.probes import Probes
from netops.clock import SYSTEM
from netops.provider import Provider
from netops.secret import Secret
from netops.web import create_app

HERE = Path(__file__).parent
OWN = "http://portal.test"
SECRET = "s:e%c ret"  # what HTTP Basic must carry encoded


class Institution:
    """The provider as the test sees it."""

    def __init__(self, port: int) -> None:
        self.port, self.issuer = port, f"http://127.0.0.1:{port}"

    def _ask(self, method: str, path: str, body: str = "", kind: str = "application/x-www-form-urlencoded"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request(method, path, body or None, {"Content-Type": kind})
        answer = connection.getresponse()
        found = answer.status, answer.getheader("Location"), answer.read().decode()
        connection.close()
        return found

    def play(self, **tricks: object) -> None:
        assert self._ask("POST", "/tricks", json.dumps(tricks), "application/json")[0] == 200

    def asked(self) -> list[str]:
        return json.loads(self._ask("GET", "/asked")[2])

    def sign_in(self, address: str, user: str = "lin", password: str = "right") -> str:
        """Do what the visitor's browser does there; return where it is sent back to, on the portal."""
        parts = urlsplit(address)
        assert parts.netloc == f"127.0.0.1:{self.port}"
        form = urlencode({"user": user, "password": password})
        status, location, text = self._ask("POST", f"{parts.path}?{parts.query}", form)
        assert status == 302, text
        assert location is not None
        assert location.startswith(f"{OWN}/return/oidc?")
        return location.removeprefix(OWN)


@pytest.fixture(scope="module")
def institution():
    command = [sys.executable, str(HERE / "run_provider.py"), OWN, SECRET]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout
        yield Institution(int(process.stdout.readline()))
        process.terminate()


POLICY = """
policy: campus
title: Campus
default: yes
methods: [oidc, click_through]
garden: [sso.example.cn]
accounts:
  city:
    domains: [staff.example]
"""


class Campus:
    """A portal whose visitors may use the institution's accounts; each phone is an address."""

    def __init__(self, desk, settings, institution: Institution) -> None:
        self.desk, self.institution, self.settings = desk, institution, settings
        self.address, self.other, self.phones = "127.0.0.7", "127.0.0.8", 0
        portal = views.Portal(
            desk=desk,
            settings=settings,
            probes=Probes(),
            uplink=lambda: "up",
            venues=lambda _site: "",
            form_key=keys.identity_key(settings),
            base_url=OWN,
            reports=views.limit(),
        )
        self.app = create_app(
            "portal",
            settings,
            blueprints=[views.blueprint(portal)],
            translations=[views.TRANSLATIONS],
            inline_styles=[views.STYLE],
            error_template="portal/error.html",
            clock=desk.clock,
        )

    def get(self, path: str, address: str = "", language: str = "en"):
        with self.app.test_client(use_cookies=False) as client:
            return client.get(
                path,
                base_url=OWN,
                headers={"Accept-Language": language},
                environ_base={"REMOTE_ADDR": address or self.address},
                follow_redirects=False,
            )

    def press(self, address: str = "", path: str = "/login", **form: str):
        page = self.get("/", address).text
        token = re.search(r'name="token" value="([^"]+)"', page)
        assert token, page
        with self.app.test_client(use_cookies=False) as client:
            return client.post(
                path,
                base_url=OWN,
                data={"token": token[1], "method": "oidc", "provider": "city", **form},
                environ_base={"REMOTE_ADDR": address or self.address},
                headers={"Accept-Language": "en"},
            )

    def leave(self, address: str = "", **form: str) -> str:
        """Press the button and return the address that the browser is sent to."""
        return onward(self.press(address, **form))

    def bring(self, back: str, address: str = ""):
        """Come back with an address, and follow the portal's own redirects to the last page."""
        answer = self.get(back, address)
        while answer.status_code == 303 and answer.headers["Location"].startswith("/"):
            answer = self.get(answer.headers["Location"], address)
        return answer

    @property
    def provider(self):
        return self.desk.methods["oidc"]._providers["city"]

    def forget(self) -> None:
        """Know nothing of the provider, as after a start."""
        self.provider._endpoints = self.provider._keys = None
        self.provider._away_until_ms = 0

    def session(self):
        return self.desk.current(self.desk.gateway.identify(self.address))

    def online(self, address: str = "") -> bool:
        return self.desk.current(self.desk.gateway.identify(address or self.address)) is not None


def onward(answer) -> str:
    if answer.status_code == 303:
        return answer.headers["Location"]
    found = re.search(r'http-equiv="refresh" content="0;url=([^"]+)"', answer.text)
    assert found, answer.text
    return found[1].replace("&amp;", "&")


def with_accounts(settings, folder: Path, institution: Institution, policy: str, **provider: object):
    """Return settings with the institution's accounts and one policy."""
    policies = folder / "policies"
    policies.mkdir(exist_ok=True)
    (policies / "campus.yaml").write_text(policy, encoding="utf-8")
    secret = folder / "client.secret"
    secret.write_text(SECRET, encoding="utf-8")
    usual = {"issuer": institution.issuer, "client_id": "portal", "client_secret": Secret(f"file:{secret}")}
    city = Provider(**{**usual, "title": "教工账号", "title_en": "Staff account", **provider})
    return replace(settings, portal=replace(settings.portal, oidc={"city": city}, policies=policies))


@pytest.fixture
def make_campus(settings, house_of, clock, tmp_path, institution):
    with ExitStack() as stack:

        def make(policy: str = POLICY, **provider: object) -> Campus:
            ours = with_accounts(settings, tmp_path, institution, policy, **provider)
            clock.at_ms = SYSTEM.now_ms()
            house = stack.enter_context(house_of(ours, clock))
            made = Campus(house.open(), ours, institution)
            made.house = house
            return made

        institution.play()
        yield make


@pytest.fixture(scope="module")
def whole_campus(tmp_path_factory, city_settings, standing, house_of, institution):
    folder, clock = tmp_path_factory.mktemp("campus"), standing()
    ours = with_accounts(city_settings(folder), folder, institution, POLICY)
    with house_of(ours, clock) as house:
        yield Campus(house.open(), ours, institution)


@pytest.fixture
def campus(whole_campus, institution):
    """One portal for all of these tests; each comes with a phone of its own and a provider that is honest again."""
    whole_campus.desk.clock.at_ms = SYSTEM.now_ms()
    number = whole_campus.phones = whole_campus.phones + 1
    whole_campus.address = f"127.1.{number // 250}.{number % 250 + 1}"
    whole_campus.other = f"127.2.{number // 250}.{number % 250 + 1}"
    whole_campus.forget()
    institution.play()
    return whole_campus


def test_a_visitor_signs_in_there_and_is_online_here(campus, institution) -> None:
    address = campus.leave()

    query = parse_qs(urlsplit(address).query)
    assert query["response_type"] == ["code"]
    assert query["code_challenge_method"] == ["S256"]
    assert query["redirect_uri"] == [f"{OWN}/return/oidc"]
    assert len(query["nonce"][0]) == len(query["code_challenge"][0]) == 43
    page = campus.bring(institution.sign_in(address))
    assert page.status_code == 200
    assert "You are online" in page.text
    live = campus.session()
    assert live.grant
    assert live.grant.method == "oidc"
    assert len(live.grant.person) == 32
    content = (campus.settings.data.dir / "portal.db").read_bytes()
    assert b"sub-lin" not in content
    assert b"staff.example" not in content


def test_the_page_has_a_button_for_the_account_in_the_visitors_language(campus) -> None:
    assert "Staff account" in campus.get("/").text
    assert "教工账号" in campus.get("/", language="zh-CN").text


def test_the_same_account_is_the_same_person_on_every_device_and_no_other_is(make_campus, institution) -> None:
    campus = make_campus(POLICY.replace("    domains: [staff.example]\n", "    {}\n"))
    for user, address in (("lin", "127.0.0.7"), ("lin", "127.0.0.8"), ("wei", "127.0.0.9")):
        campus.bring(institution.sign_in(campus.leave(address), user), address)

    persons = {each.client.addresses[0]: each.grant.person for each in campus.desk.store.live()}
    assert persons["127.0.0.7"] == persons["127.0.0.8"] != persons["127.0.0.9"]


@pytest.mark.parametrize("alg", ["RS256", "ES256", "Ed25519"])
def test_each_kind_of_key_that_a_provider_publishes_is_believed(campus, institution, alg: str) -> None:
    institution.play(sign=alg)

    campus.bring(institution.sign_in(campus.leave()))

    assert campus.online()


@pytest.mark.parametrize("auth", ["client_secret_basic", "client_secret_post", "none"])
def test_each_way_to_say_who_asks_for_the_token_works(make_campus, institution, auth: str) -> None:
    institution.play(auth=auth)
    campus = make_campus(**({"client_secret": None} if auth == "none" else {}))

    campus.bring(institution.sign_in(campus.leave()))

    assert campus.online()


# ---- dishonest tokens
HOUR = 3600
DISHONEST: dict[str, dict[str, object]] = {
    "no signature": {"sign": "none"},
    "no signature, the word disguised": {"sign": "None-with-key"},
    "the public key taken for a shared secret": {"sign": "hmac-of-public-key"},
    "a stranger's key under a known name": {"sign": "stranger"},
    "a key brought along": {"sign": "own-key-in-header"},
    "cut": {"sign": "cut"},
    "changed after signing": {"sign": "changed", "claims": {"sub": "x"}},
    "another nonce": {"claims": {"nonce": "A" * 43}},
    "no nonce": {"without": ["nonce"]},
    "a nonce that is no text": {"claims": {"nonce": ["A"]}},
    "another issuer": {"claims": {"iss": "http://127.0.0.1:1"}},
    "the issuer with a slash more": {"claims": {"iss": "ISSUER/"}},
    "for another client": {"claims": {"aud": "other"}},
    "for several, given to another": {"claims": {"aud": ["portal", "other"], "azp": "other"}},
    "for several, given to nobody": {"claims": {"aud": ["portal", "other"]}},
    "for a part of us": {"claims": {"aud": "portal2"}},
    "an audience that is an object": {"claims": {"aud": {"portal": 1}}},
    "over": {"claims": {"exp": -HOUR}},
    "over, as a text": {"claims": {"exp": "9999999999"}},
    "over, as a number beyond numbers": {"claims": {"exp": 1e300}},
    "an end that is true": {"claims": {"exp": True}},
    "no end": {"without": ["exp"]},
    "made yesterday": {"claims": {"iat": -24 * HOUR}},
    "made tomorrow": {"claims": {"iat": 24 * HOUR}},
    "good from tomorrow on": {"claims": {"nbf": 24 * HOUR}},
    "of nobody": {"without": ["sub"]},
    "of an empty name": {"claims": {"sub": ""}},
    "of a number": {"claims": {"sub": 7}},
    "of a name longer than a page": {"claims": {"sub": "s" * 4000}},
    "another access token's": {"claims": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}},
}


@pytest.mark.parametrize("name", DISHONEST)
def test_a_dishonest_token_lets_nobody_in(campus, institution, name: str) -> None:
    tricks = json.loads(json.dumps(DISHONEST[name]).replace("ISSUER", institution.issuer))
    for claim in ("exp", "iat", "nbf"):
        given = tricks.get("claims", {}).get(claim)
        if isinstance(given, int) and not isinstance(given, bool):
            tricks["claims"][claim] = given + campus.desk.clock.now_ms() // 1000
    address, before = campus.leave(), campus.provider.counted["untrusted"]
    institution.play(**tricks)

    page = campus.bring(institution.sign_in(address))

    assert not campus.online()
    assert page.status_code == 422
    assert "no proof" in page.text
    assert campus.provider.counted["untrusted"] == before + 1


def test_the_issuers_own_word_is_compared_too(campus, institution) -> None:
    for names in ("http://127.0.0.1:1", ""):
        institution.play(names=names)
        page = campus.bring(institution.sign_in(campus.leave()))
        assert page.status_code == 422
    institution.play(nameless=True)

    campus.bring(institution.sign_in(campus.leave()))

    assert not campus.online(), "a provider that says that it names itself, and does not"


# ---- what the browser brings
def test_a_code_is_used_once_even_where_the_provider_would_take_it_twice(campus, institution) -> None:
    institution.play(codes_last=True)
    back = institution.sign_in(campus.leave())
    campus.bring(back)
    assert campus.online()
    campus.desk.logout(campus.desk.gateway.identify(campus.address))

    page = campus.bring(back)

    assert page.status_code == 422
    assert "another device" in page.text
    assert not campus.online()
    assert institution.asked().count("/token") == 1


def test_a_code_of_somebody_elses_login_is_refused_by_pkce(campus, institution) -> None:
    stolen = parse_qs(urlsplit(institution.sign_in(campus.leave(campus.other))).query)["code"][0]
    own = parse_qs(urlsplit(campus.leave()).query)["state"][0]

    words = urlencode({"code": stolen, "state": own, "iss": institution.issuer})
    page = campus.bring(f"/return/oidc?{words}")

    assert page.status_code == 422
    assert not campus.online()


def test_a_state_of_another_device_does_nothing_and_costs_neither_its_login(campus, institution) -> None:
    back = institution.sign_in(campus.leave(campus.other))
    campus.leave()

    page = campus.bring(back)

    assert page.status_code == 422
    assert not campus.online()
    campus.bring(back, campus.other)
    assert campus.online(campus.other)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "code=x",
        "state=",
        "state=x&code=y",
        "state=.en&code=",
        "state=%00&code=%ff",
        "state=é&code=é",
        "state=" + "x" * 9000,
    ],
)
def test_what_nobody_began_comes_to_nothing(campus, query: str) -> None:
    page = campus.bring(f"/return/oidc?{query}")

    assert page.status_code in {413, 414, 422}
    assert not campus.online()


def test_a_login_that_took_too_long_is_begun_anew(campus, institution) -> None:
    back = institution.sign_in(campus.leave())
    campus.desk.clock.forward(601)

    assert campus.bring(back).status_code == 422
    assert not campus.online()


def test_two_who_bring_the_same_answer_at_once_are_one_login(campus, institution) -> None:
    institution.play(codes_last=True, slow=["/token"], seconds=0.3)
    back = institution.sign_in(campus.leave())
    answers = []
    both = [threading.Thread(target=lambda: answers.append(campus.bring(back))) for _ in range(4)]
    for each in both:
        each.start()
    for each in both:
        each.join(20)

    assert institution.asked().count("/token") == 1
    assert campus.online()


def test_who_says_no_there_is_told_so_here(campus, institution) -> None:
    back = institution.sign_in(campus.leave(), password="wrong")

    page = campus.bring(back)

    assert page.status_code == 422
    assert "did not complete" in page.text
    assert "error=access_denied" in back


def test_the_language_comes_back_with_the_visitor(campus, institution) -> None:
    token = re.search(r'name="token" value="([^"]+)"', campus.get("/").text)
    assert token
    with campus.app.test_client(use_cookies=False) as client:
        answer = client.post(
            "/login?lang=zh-CN",
            base_url=OWN,
            data={"token": token[1], "method": "oidc", "provider": "city"},
            environ_base={"REMOTE_ADDR": campus.address},
        )

    page = campus.bring(institution.sign_in(onward(answer)))

    assert "您已上网" in page.text
    with sa.create_engine(tables.url(campus.settings)).connect() as connection:
        wanted = sa.select(tables.CONSENT.c.language).where(tables.CONSENT.c.session == campus.session().id)
        assert connection.execute(wanted).scalar_one() == "zh_CN"


def test_nothing_that_comes_back_leads_off_the_site(campus) -> None:
    words = urlencode({"state": "x.en", "_external": "1", "_scheme": "javascript", "method": "evil", "_host": "evil"})

    answer = campus.get(f"/return/oidc?{words}")

    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/return/oidc?")


# ---- whose accounts
LIN = {"email": "lin@staff.example", "email_verified": True, "groups": ["teachers", "wifi"]}


@pytest.mark.parametrize(
    ("claims", "rule", "gets_in"),
    [
        (LIN, {"domains": ("staff.example",)}, True),
        ({**LIN, "email": "lin@STAFF.example"}, {"domains": ("staff.example", "x.example")}, True),
        (LIN, {"domains": ("taff.example",)}, False),
        ({**LIN, "email": "wei@stu.staff.example"}, {"domains": ("staff.example",)}, False),
        ({**LIN, "email_verified": False}, {"domains": ("staff.example",)}, False),
        ({**LIN, "email_verified": "true"}, {"domains": ("staff.example",)}, True),
        ({**LIN, "email_verified": "false"}, {"domains": ("staff.example",)}, False),
        ({**LIN, "email_verified": 1.5}, {"domains": ("staff.example",)}, False),
        ({"email": "lin@staff.example"}, {"domains": ("staff.example",)}, False),
        ({**LIN, "email": "a@evil.example@staff.example"}, {"domains": ("staff.example",)}, False),
        ({**LIN, "email": ["lin@staff.example"]}, {"domains": ("staff.example",)}, False),
        (LIN, {"groups": ("wifi",)}, True),
        ({"groups": "wifi"}, {"groups": ("wifi",)}, True),
        ({"groups": "wifi-guests"}, {"groups": ("wifi",)}, False),
        ({"groups": [["wifi"], {"wifi": 1}]}, {"groups": ("wifi",)}, False),
        ({"groups": {"wifi": 1}}, {"groups": ("wifi",)}, False),
        ({}, {"groups": ("wifi",)}, False),
        (LIN, {"domains": ("staff.example",), "groups": ("students",)}, False),
        ({}, {}, True),
    ],
)
def test_the_rule_of_the_policy_says_whose_accounts_are_let_in(claims, rule, gets_in) -> None:
    assert token.lets_in(Account(provider="city", **rule), claims, "groups") is gets_in


@pytest.mark.parametrize("thin", [False, True], ids=["in the token", "by user info"])
@pytest.mark.parametrize(("user", "gets_in"), [("lin", True), ("wei", False), ("sly", False), ("two", False)])
def test_an_account_of_another_house_is_refused_with_a_sentence(campus, institution, user, gets_in, thin) -> None:
    institution.play(thin=thin)

    page = campus.bring(institution.sign_in(campus.leave(), user))

    assert campus.online() is gets_in
    assert gets_in or "cannot be used here" in page.text


def test_user_info_of_somebody_else_lets_nobody_in(campus, institution) -> None:
    institution.play(thin=True, speaks_of="wei")

    campus.bring(institution.sign_in(campus.leave()))

    assert not campus.online()


def test_a_provider_that_the_policy_does_not_name_is_none(campus) -> None:
    for provider in ("other", "", "city\x00"):
        assert campus.press(provider=provider).status_code == 422


# ---- a provider that is away, slow or odd
def test_a_provider_that_is_away_costs_a_sentence_and_then_nothing(make_campus) -> None:
    campus = make_campus(issuer="http://127.0.0.1:9")

    first = campus.press()
    began = time.monotonic()
    second = campus.press()

    assert time.monotonic() - began < 1
    assert first.status_code == second.status_code == 422
    assert "does not answer" in second.text
    assert "oidc city" in campus.desk.methods["oidc"].health()


@pytest.mark.parametrize("how", ["broken", "huge", "nested", "elsewhere"])
@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/token", "/keys"])
def test_an_odd_answer_of_the_provider_lets_nobody_in(campus, institution, how: str, path: str) -> None:
    institution.play(**{how: [path]})
    answer = campus.press()
    if path.startswith("/."):
        assert answer.status_code == 422
    else:
        assert campus.bring(institution.sign_in(onward(answer))).status_code == 422

    assert not campus.online()


@pytest.mark.parametrize(
    "published",
    [
        {"issuer": "http://127.0.0.1:1"},
        {"token_endpoint": "http://169.254.169.254/latest"},
        {"token_endpoint": "http://127.0.0.1:22/"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "https://evil.example/"},
        {"userinfo_endpoint": "http://user@127.0.0.1/"},
        {"token_endpoint": 7},
    ],
    ids=str,
)
def test_a_configuration_that_leads_elsewhere_is_not_followed(campus, institution, published) -> None:
    institution.play(configuration=published)

    assert campus.press().status_code == 422


def test_a_slow_provider_holds_up_nobody_else(campus, institution, monkeypatch) -> None:
    monkeypatch.setattr(providing, "COURSE_S", 0.6)
    back = institution.sign_in(campus.leave())
    institution.play(slow=["/token"], seconds=2)
    slow = threading.Thread(target=lambda: campus.bring(back))
    began = time.monotonic()
    slow.start()
    waits = []
    for number in range(30):
        asked = time.monotonic()
        assert campus.press(f"127.3.0.{number + 1}", method="click_through").status_code == 303
        waits.append(time.monotonic() - asked)
    slow.join(20)

    assert time.monotonic() - began < 10
    assert max(waits) < 0.5
    assert not campus.online()


def test_keys_are_asked_for_once_an_hour_and_when_a_new_one_signs(make_campus, institution, clock) -> None:
    campus = make_campus()
    phones = (f"127.0.0.{number}" for number in range(10, 20))

    def login() -> int:
        campus.bring(institution.sign_in(campus.leave(address := next(phones))), address)
        return institution.asked().count("/keys")

    assert [login(), login()] == [1, 1]
    institution.play(sign="own-key-in-header")
    assert [login(), login()] == [0, 0], "who makes names of keys up makes us ask no more than once a minute"
    for each in range(2):
        institution.play(sign="own-key-in-header")
        clock.at_ms = SYSTEM.now_ms() + each  # within the clocks' slack; the keys are as old as the test says
        campus.provider._keys = campus.provider._keys[0], clock.at_ms - 61_000
        assert login() == 1


def test_a_login_under_way_survives_our_restart(make_campus, institution) -> None:
    campus = make_campus()
    back = institution.sign_in(campus.leave())
    again = Campus(campus.house.restart(), campus.settings, institution)

    again.bring(back)

    assert again.online()


def test_logins_under_way_are_forgotten_when_they_are_over(make_campus, clock) -> None:
    campus = make_campus()
    for number in range(20, 25):
        campus.leave(f"127.0.0.{number}")
    clock.forward(601)
    campus.leave("127.0.0.30")

    with sa.create_engine(tables.url(campus.settings)).connect() as connection:
        kept = connection.execute(sa.select(sa.func.count()).select_from(tables.UNDER_WAY)).scalar_one()
    assert kept == 1


def test_the_verifier_is_as_rfc_7636_wants_it() -> None:
    going = under_way.UnderWay("city", bytes(range(32)))

    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", going.verifier)
    assert len({going.state, going.nonce, going.verifier, going.challenge}) == 4


# ---- what `netops check` says
def problems(settings) -> list[str]:
    found = checks.problems(settings, policy_yaml.read_folder(settings)[0])
    return [f"{each.what}; {each.remedy}" for each in found]


def test_check_says_which_host_of_a_provider_visitors_do_not_reach(make_campus) -> None:
    campus = make_campus(issuer="https://sso.other.example", hosts="login.other.example")

    said = "\n".join(problems(campus.settings))

    assert "sso.other.example" in said
    assert "login.other.example" in said
    assert "garden" in said


@pytest.mark.parametrize(
    ("provider", "said"),
    [
        ({"issuer": "http://sso.example.cn"}, "HTTPS"),
        ({"issuer": ""}, "issuer"),
        ({"client_id": ""}, "client_id"),
        ({"scopes": "email"}, "openid"),
        ({"ca": Path("/nowhere.pem")}, "/nowhere.pem"),
    ],
)
def test_check_says_what_is_wrong_with_a_provider(settings, institution, provider, said: str) -> None:
    made = Provider(**{"issuer": institution.issuer, "client_id": "portal", **provider})
    ours = replace(settings, portal=replace(settings.portal, methods="oidc", oidc={"city": made}))

    assert any(said in each for each in problems(ours)), problems(ours)


def test_check_says_that_oidc_without_a_provider_is_no_way_in(settings) -> None:
    ours = replace(settings, portal=replace(settings.portal, methods="oidc"))

    assert any("[portal.oidc" in each for each in problems(ours))


# ---- from the command line
def run(settings, *words: str) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--now", dest="now_ms", type=int, default=SYSTEM.now_ms())
    commands.arguments(parser)
    return commands.run(parser.parse_args(words), settings)


def test_the_command_line_tells_whether_a_provider_would_do(make_campus, capsys) -> None:
    campus = make_campus()

    assert run(campus.settings, "accounts") == 0
    told = capsys.readouterr()
    assert "3 signing keys" in told.out
    assert f"{OWN}/return/oidc" in told.err
    assert run(campus.settings, "accounts", "--json") == 0
    assert json.loads(capsys.readouterr().out)[0]["keys"] == ["rsa", "ec", "ed"]


@pytest.mark.parametrize(
    ("tricks", "said"),
    [
        ({"configuration": {"issuer": "https://other.example"}}, "calls itself otherwise"),
        ({"configuration": {"token_endpoint": "https://other.example/t"}}, "add it to 'hosts'"),
        ({"broken": ["/keys"]}, "answered 503"),
        ({"huge": ["/keys"]}, "larger than"),
    ],
)
def test_the_command_line_names_what_is_wrong_with_a_provider(make_campus, institution, capsys, tricks, said) -> None:
    campus = make_campus()
    institution.play(**tricks)

    assert run(campus.settings, "accounts") == 1
    assert said in capsys.readouterr().out
