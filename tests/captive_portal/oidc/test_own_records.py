"""What we hold of an account, shown and erased on the portal itself after a login at the provider that is made now."""

from __future__ import annotations

import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa

from captive_portal import own_records
from captive_portal.records.tables import WISH
from captive_portal.tables import SESSION
from netops.oidc import token

OWN = "http://portal.test"


def token_of(page: str) -> str:
    found = re.search(r'name="token" value="([^"]+)"', page)
    assert found, page
    return found[1]


def post(campus, path: str, address: str = "", language: str = "en", **form: str):
    with campus.app.test_client(use_cookies=False) as client:
        return client.post(
            path,
            base_url=OWN,
            data=form,
            environ_base={"REMOTE_ADDR": address or campus.address},
            headers={"Accept-Language": language},
        )


def leave(campus, address: str = "", **form: str) -> str:
    """Press the button of the page of one's own records; return where the browser is sent."""
    page = campus.get("/records", address).text
    return campus.onward(post(campus, "/records/proof", address, token=token_of(page), provider="city", **form))


def proved(campus, institution, user: str = "lin", address: str = ""):
    return campus.bring(institution.sign_in(leave(campus, address), user), address)


def visit(campus, institution, user: str = "lin") -> None:
    campus.bring(institution.sign_in(campus.leave(), user))
    assert campus.online()
    campus.desk.logout(campus.desk.gateway.identify(campus.address))


def sessions(campus):
    wanted = sa.select(SESSION.c.id).where(SESSION.c.person.is_not(None))
    return campus.desk.store.read(lambda connection: list(connection.execute(wanted).scalars()))


def test_who_logs_in_anew_sees_their_own_visits_and_nobody_elses(make_campus, institution) -> None:
    campus = make_campus()
    visit(campus, institution)

    mine, others = proved(campus, institution), proved(campus, institution, "wei")

    assert "Visits: 1 in all" in mine.text
    assert "127.0.0.7" in mine.text
    assert mine.headers["Cache-Control"] == "no-store"
    assert "127.0.0.7" not in others.text
    assert not campus.online(), "a look at one's records lets nobody in"


def test_an_open_login_at_the_provider_does_not_do(make_campus, institution) -> None:
    campus = make_campus()
    visit(campus, institution)
    asked = parse_qs(urlsplit(leave(campus)).query)
    assert (asked["prompt"], asked["max_age"]) == (["login"], ["0"])

    for claims in ({"auth_time": campus.desk.clock.now_ms() // 1000 - 3600}, {"auth_time": True}, {"auth_time": "now"}):
        institution.play(claims=claims)
        answer = proved(campus, institution)
        assert (answer.status_code, "127.0.0.7" in answer.text) == (422, False)
    institution.play(without=["auth_time"])
    assert proved(campus, institution).status_code == 422


@pytest.mark.slow
def test_a_token_that_proves_nothing_shows_nothing(make_campus, institution) -> None:
    campus = make_campus()
    visit(campus, institution)

    for sign in ("stranger", "none", "changed"):
        institution.play(sign=sign)
        answer = proved(campus, institution, "wei")
        assert (answer.status_code, "127.0.0.7" in answer.text) == (422, False)


def test_what_one_device_brings_back_is_worth_nothing_on_another_or_a_second_time(make_campus, institution) -> None:
    campus = make_campus()
    visit(campus, institution)
    back = institution.sign_in(leave(campus))

    stolen = campus.bring(back, campus.other)
    assert "127.0.0.7" not in stolen.text
    first, second = campus.bring(back), campus.bring(back)

    assert "127.0.0.7" in first.text
    assert "127.0.0.7" not in second.text


def test_a_way_to_the_provider_for_a_login_shows_no_records_and_the_other_way_round(make_campus, institution) -> None:
    campus = make_campus()
    to_login, to_records = campus.leave(), leave(campus)

    assert "You are online" in campus.bring(institution.sign_in(to_login)).text
    campus.desk.logout(campus.desk.gateway.identify(campus.address))
    campus.bring(institution.sign_in(to_records))
    assert not campus.online()


def test_all_of_it_is_a_file_and_erasing_ends_it(make_campus, institution) -> None:
    campus = make_campus()
    visit(campus, institution)
    page = proved(campus, institution).text

    file = post(campus, "/records/file", token=token_of(page))
    assert file.headers["Content-Disposition"].startswith("attachment")
    held = json.loads(file.text)
    assert ([each["site"] for each in held["sessions"]], held["controller_packets"]) == (["site-1"], [])

    unsure = post(campus, "/records/erase", token=token_of(page))
    assert (unsure.status_code, "asked for erasure" in unsure.text) == (422, False), "one tap erases nothing"
    told = post(campus, "/records/erase", token=token_of(unsure.text), sure="yes")
    assert "law requires" in told.text
    with campus.desk.store._persons.database.read() as connection:
        assert connection.execute(sa.select(WISH.c.by)).scalars().all() == ["own"]
    assert len(sessions(campus)) == 1, "the law keeps it for six months"
    assert "asked for erasure" in proved(campus, institution).text


@pytest.mark.slow
def test_what_is_older_than_the_law_wants_is_gone_at_once(make_campus, institution) -> None:
    campus = make_campus()
    visit(campus, institution)
    page = proved(campus, institution).text
    old = campus.desk.clock.now_ms() - 250 * 86_400_000
    campus.desk.store.write(lambda connection: connection.execute(
        sa.update(SESSION).values(since_ms=old, ended_ms=old + 1000)))  # fmt: skip

    told = post(campus, "/records/erase", token=token_of(page), sure="yes")

    assert "nothing of yours is left here" in told.text
    assert sessions(campus) == []


def test_the_buttons_are_those_of_this_device_and_this_person_for_ten_minutes(make_campus, institution) -> None:
    campus = make_campus()
    visit(campus, institution)
    sent = token_of(proved(campus, institution).text)
    made, mark, shown = sent.split(".", 2)
    other = f"records.{'0' * 64}"
    plain = token_of(campus.get("/records").text)

    paths, forged = ("/records/file", "/records/erase"), (f"{made}.{mark}.{other}", plain, "", "1.2.records.zz")
    answers = [post(campus, path, token=each) for path in paths for each in forged]
    answers += [post(campus, path, campus.other, token=sent) for path in paths]
    campus.desk.clock.forward(own_records.HOLDS_MS / 1000 + 1)
    answers += [post(campus, path, token=sent) for path in paths]

    assert [each.status_code for each in answers] == [422] * 12
    assert shown.startswith("records.")
    assert len(sessions(campus)) == 1


@pytest.mark.slow
def test_who_asks_again_and_again_is_told_to_wait(make_campus) -> None:
    campus = make_campus()
    sent = token_of(campus.get("/records").text)

    codes = [post(campus, "/records/proof", token=sent, provider="city").status_code for _ in range(8)]

    assert codes == [200] * 6 + [429] * 2


def test_who_presses_the_buttons_again_and_again_is_told_to_wait(make_campus, institution) -> None:
    """One account was enough to keep every thread of the pages busy: each press was a look through all packets."""
    campus = make_campus()
    visit(campus, institution)
    sent = token_of(proved(campus, institution).text)

    paths = ["/records/file", "/records/erase"] * 3 + ["/records/file"]
    codes = [post(campus, each, token=sent, sure="yes").status_code for each in paths]

    assert codes == [200] * 5 + [429] * 2, "the proof counts too"


def test_one_file_is_made_at_a_time(make_campus, institution) -> None:
    campus = make_campus()
    visit(campus, institution)
    sent = token_of(proved(campus, institution).text)

    with campus.own.making:
        meanwhile = post(campus, "/records/file", token=sent)

    assert (meanwhile.status_code, meanwhile.headers["Retry-After"]) == (503, "3")
    assert post(campus, "/records/file", token=sent).status_code == 200


@pytest.mark.slow
def test_a_provider_that_is_away_is_said(make_campus, institution) -> None:
    campus = make_campus()
    sent = token_of(campus.get("/records").text)
    campus.forget()
    institution.play(broken=["/.well-known/openid-configuration"])

    answer = post(campus, "/records/proof", token=sent, provider="city")

    assert answer.status_code == 503
    institution.play()


def test_no_provider_and_no_form_of_ours_is_asked_again(make_campus) -> None:
    campus = make_campus()

    assert post(campus, "/records/proof", token="x", provider="city").status_code == 422
    assert post(campus, "/records/proof", token=token_of(campus.get("/records").text), provider="no").status_code == 422


def test_a_login_of_now_is_one_after_the_visitor_left() -> None:
    at = 1_790_000_000

    assert token.just_now({"auth_time": at}, at * 1000, at * 1000)
    assert not token.just_now({"auth_time": at - 61}, at * 1000, at * 1000)
    assert not token.just_now({"auth_time": at + 61}, at * 1000, at * 1000)
    assert not token.just_now({}, at * 1000, at * 1000)
