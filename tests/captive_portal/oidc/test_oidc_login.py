"""A login with an account, there and back: what the browser brings, and what it does not."""

from __future__ import annotations

import re
import threading
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import sqlalchemy as sa

from captive_portal import tables

OWN = "http://portal.test"


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


def test_the_same_account_is_the_same_person_on_every_device_and_no_other_is(
    make_campus, institution, policy_of_the_campus
) -> None:
    campus = make_campus(policy_of_the_campus.replace("    domains: [staff.example]\n", "    {}\n"))
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
    token = re.search(r'name="token" value="([^"]+)"', campus.get("/?lang=zh-CN").text)
    assert token
    with campus.app.test_client(use_cookies=False) as client:
        answer = client.post(
            "/login?lang=zh-CN",
            base_url=OWN,
            data={"token": token[1], "method": "oidc", "provider": "city"},
            environ_base={"REMOTE_ADDR": campus.address},
        )

    page = campus.bring(institution.sign_in(campus.onward(answer)))

    assert "您已上网" in page.text
    with sa.create_engine(tables.url(campus.settings)).connect() as connection:
        wanted = sa.select(tables.CONSENT.c.language).where(tables.CONSENT.c.session == campus.session().id)
        assert connection.execute(wanted).scalar_one() == "zh_CN"


def test_nothing_that_comes_back_leads_off_the_site(campus) -> None:
    words = urlencode({"state": "x.en", "_external": "1", "_scheme": "javascript", "method": "evil", "_host": "evil"})

    answer = campus.get(f"/return/oidc?{words}")

    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/return/oidc?")
