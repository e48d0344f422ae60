"""A provider that is away, slow or odd; and logins under way, which outlive us."""

from __future__ import annotations

import re
import threading
import time

import pytest
import sqlalchemy as sa

from captive_portal import tables
from captive_portal.oidc import provider as providing
from captive_portal.oidc import under_way
from netops.clock import SYSTEM


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
    going = under_way.UnderWay("city", bytes(range(32)))

    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", going.verifier)
    assert len({going.state, going.nonce, going.verifier, going.challenge}) == 4
