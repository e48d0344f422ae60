"""A provider that is away, slow or odd; and logins under way, which outlive us."""

from __future__ import annotations

import re
import threading
import time

import pytest
import sqlalchemy as sa

from captive_portal import tables
from netops.clock import SYSTEM
from netops.oidc import provider as providing
from netops.oidc.line import Line
from netops.oidc.under_way import UnderWay


# ---- a provider that is away, slow or odd
def test_a_provider_that_is_away_costs_a_sentence_and_then_nothing(make_campus, monkeypatch) -> None:
    campus = make_campus(issuer="http://127.0.0.1:9")
    asked, talk = [], Line._talk
    monkeypatch.setattr(Line, "_talk", lambda line, url, *more: (asked.append(url), talk(line, url, *more))[1])

    first = campus.press()
    assert asked
    asked.clear()
    second = campus.press()

    assert asked == []
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
        assert campus.bring(institution.sign_in(campus.onward(answer))).status_code == 422

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
    monkeypatch.setattr(providing, "COURSE_S", 20.0)
    back = institution.sign_in(campus.leave())
    asked, over, talk = threading.Event(), threading.Event(), Line._talk

    def slowly(line: Line, url: str, *more):
        if url.endswith("/token"):
            asked.set()
            over.wait(30)
        return talk(line, url, *more)

    monkeypatch.setattr(Line, "_talk", slowly)
    slow = threading.Thread(target=lambda: campus.bring(back))
    slow.start()
    assert asked.wait(20)
    for number in range(30):
        assert campus.press(f"127.3.0.{number + 1}", method="click_through").status_code == 303
    waits = slow.is_alive()
    over.set()
    slow.join(20)

    assert waits, "all of them were served while it did not answer"


def together(work, number: int) -> list:
    """Do the work in so many threads at once; return what came of each."""
    done: list = []
    threads = [threading.Thread(target=lambda at=at: done.append(work(at))) for at in range(number)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(30)
    return done


def test_a_lecture_hall_that_comes_at_once_gets_in(campus, institution, monkeypatch) -> None:
    monkeypatch.setattr(providing, "ROOM_S", 10.0)  # a machine that does other things, too
    phones = [f"127.4.0.{number}" for number in range(1, 31)]
    backs = {each: institution.sign_in(campus.leave(each)) for each in phones}
    institution.play(slow=["/token"], seconds=0.2)

    together(lambda at: campus.bring(backs[phones[at]], phones[at]), len(phones))

    assert [each for each in phones if not campus.online(each)] == []


def test_of_many_who_come_while_it_is_away_one_looks_and_the_others_are_told_at_once(
    campus, institution, monkeypatch
) -> None:
    monkeypatch.setattr(providing, "COURSE_S", 0.5)
    monkeypatch.setattr(providing, "AWAY_MS", 1)
    institution.play(slow=["/.well-known/openid-configuration"], seconds=1.5)
    assert campus.press().status_code == 422
    campus.desk.clock.forward(0.01)

    def press(at: int) -> float:
        began = time.monotonic()
        assert campus.press(f"127.5.0.{at + 1}").status_code == 422
        return time.monotonic() - began

    waits = sorted(together(press, 12))
    assert institution.asked().count("/.well-known/openid-configuration") <= 3
    assert waits[len(waits) // 2] < 2, waits


def test_what_a_provider_publishes_is_learnt_before_anybody_asks(campus, institution, eventually) -> None:
    oidc = campus.desk.methods["oidc"]

    oidc.tend(lambda _made: None, campus.desk.clock.now_ms())

    eventually(lambda: campus.provider._endpoints is not None)
    asked = len(institution.asked())
    oidc.tend(lambda _made: None, campus.desk.clock.now_ms())
    assert institution.asked().count("/.well-known/openid-configuration") == 1
    assert asked >= 1


def test_a_provider_that_was_away_is_well_again_without_a_visitor(campus, institution, eventually) -> None:
    institution.play(broken=["/.well-known/openid-configuration"])
    oidc = campus.desk.methods["oidc"]
    oidc.tend(lambda _made: None, campus.desk.clock.now_ms())
    eventually(lambda: bool(oidc.health()))
    institution.play()
    campus.desk.clock.forward(6)

    oidc.tend(lambda _made: None, campus.desk.clock.now_ms())

    eventually(lambda: not oidc.health())


def away(campus) -> bool:
    """Say what opens a site, where two persons allow it."""
    desk = campus.desk
    return desk.methods["oidc"].away(desk.policies.default, desk.clock.now_ms())


def looked(campus, times: int) -> None:
    """Let our own looks go by, one in six seconds."""
    for _ in range(times):
        campus.desk.clock.forward(6)
        campus.provider._look(campus.desk.clock.now_ms())


def make_up_a_code(campus, phone: str) -> None:
    state = re.search(r"state=([^&]+)", campus.leave(phone))
    assert state
    campus.bring(f"/return/oidc?state={state[1]}&code=made-up&iss={campus.institution.issuer}", phone)


@pytest.mark.parametrize("status", [429, 503])
def test_what_the_token_endpoint_answers_a_visitor_opens_no_site(campus, monkeypatch, status: int) -> None:
    campus.provider.learn(campus.desk.clock.now_ms())
    talk = Line._talk

    def tired(line: Line, url: str, *more):
        return (status, b"{}") if url.endswith("/token") else talk(line, url, *more)

    with monkeypatch.context() as patch:
        patch.setattr(Line, "_talk", tired)
        for number in range(4):
            make_up_a_code(campus, f"127.6.{status % 250}.{number + 1}")
            assert f"answered {status}" in campus.provider.wrong
            looked(campus, 3)
            assert not away(campus)

    make_up_a_code(campus, f"127.6.{status % 250}.20")
    assert not campus.provider.wrong, "a provider that says no to a code is there"


def test_a_provider_that_answers_none_of_our_looks_for_a_minute_is_away_until_it_does(campus, institution) -> None:
    institution.play(broken=["/.well-known/openid-configuration"])
    looked(campus, 10)
    assert not away(campus)

    looked(campus, 1)
    assert away(campus)

    institution.play()
    looked(campus, 1)
    assert not away(campus)
    assert not campus.provider.wrong


def test_a_provider_that_lets_somebody_in_is_there_whatever_it_publishes(campus, institution) -> None:
    campus.provider.learn(campus.desk.clock.now_ms())
    back = institution.sign_in(campus.leave())
    institution.play(broken=["/.well-known/openid-configuration"])
    looked(campus, 11)
    assert away(campus)

    campus.desk.clock.at_ms = SYSTEM.now_ms()
    campus.bring(back)

    assert campus.online()
    assert not away(campus)


def test_a_clock_that_jumps_makes_nobody_absent(campus, institution) -> None:
    institution.play(broken=["/.well-known/openid-configuration"])
    looked(campus, 4)
    campus.desk.clock.forward(-3600)
    looked(campus, 3)
    campus.desk.clock.forward(7200)
    looked(campus, 1)

    assert not away(campus)


def test_one_that_does_not_answer_is_looked_at_every_few_seconds(campus, institution, eventually) -> None:
    campus.provider.learn(campus.desk.clock.now_ms())
    campus.provider.wrong = "no answer"
    before = institution.asked().count("/.well-known/openid-configuration")
    now_ms = campus.desk.clock.now_ms()
    for at_s in range(0, 18, 3):
        campus.provider.refresh(now_ms + at_s * 1000)
        eventually(lambda: not campus.provider._learning.locked())
        campus.provider.wrong = "no answer"

    eventually(lambda: campus.provider._looked_ms == now_ms + 12_000)
    assert institution.asked().count("/.well-known/openid-configuration") - before == 3


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
    again = campus.again()

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
    going = UnderWay("city", bytes(range(32)))

    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", going.verifier)
    assert len({going.state, going.nonce, going.verifier, going.challenge}) == 4
