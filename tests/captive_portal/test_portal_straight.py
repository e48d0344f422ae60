"""The straight way in: what it lets in the pages would let in, what it does not the pages answer as ever."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest

from captive_portal import asker, forms, keys, places, straight, views
from captive_portal.enforcing import Onward
from captive_portal.errors import SilentError
from captive_portal.fault_book import FaultBook
from captive_portal.model import State
from captive_portal.probes import Probes
from netops.web import create_app
from netops.web.health import COUNTERS

FORM = {"method": "click_through"}


@pytest.fixture
def portal(desk, settings):
    return asker.Portal(
        desk=desk,
        settings=settings,
        probes=Probes(),
        uplink=lambda: "up",
        venues=lambda _site: "",
        form_key=keys.identity_key(settings),
        base_url=places.base_url(settings),
        reports=FaultBook(),
    )


@pytest.fixture
def pages(portal, settings):
    """Return the pages alone."""
    return create_app(
        "portal",
        settings,
        blueprints=[views.blueprint(portal)],
        translations=[views.TRANSLATIONS],
        languages=views.languages(portal),
        inline_styles=[views.STYLE],
        error_template="portal/error.html",
        clock=portal.desk.clock,
    )


@pytest.fixture
def handed_on() -> list[str]:
    """Return what the pages were asked for."""
    return []


@pytest.fixture
def both(portal, pages, handed_on):
    """Return the pages with the straight way before them."""
    alone = pages.wsgi_app

    def seen(environ, start_response):
        handed_on.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
        return alone(environ, start_response)

    pages.wsgi_app = straight.Straight(seen, portal, views.own_hosts(portal), pages.extensions[COUNTERS])
    return pages


def ask(app, method="POST", path="/login", address="127.0.0.7", base="http://portal.test", **more):
    with app.test_client(use_cookies=False) as client:
        given = {"environ_base": {"REMOTE_ADDR": address}, **more}
        return client.open(path, method=method, base_url=base, **given)


def token(app, address="127.0.0.7") -> str:
    found = re.search(r'name="token" value="([^"]+)"', ask(app, "GET", "/", address).text)
    assert found
    return found[1]


@pytest.mark.parametrize(("path", "home"), [("/login", "/"), ("/login?lang=en", "/?lang=en")])
def test_who_presses_the_button_is_sent_home_and_no_page_was_asked(both, handed_on, desk, path, home) -> None:
    form = {"token": token(both), **FORM}
    handed_on.clear()

    answer = ask(both, path=path, data=form)

    assert (answer.status_code, answer.headers["Location"], handed_on) == (303, home, [])
    assert [each.state for each in desk.visits.every()] == [State.ONLINE]
    assert 'endpoint="portal.login",status="303"} 1' in "\n".join(both.extensions[COUNTERS].lines("portal"))


def test_the_answer_forbids_a_browser_what_that_of_the_pages_forbids(both, pages, portal) -> None:
    answer = ask(both, data={"token": token(both), **FORM})
    pages.wsgi_app = type(pages).wsgi_app.__get__(pages)
    other = ask(pages, address="127.0.0.8", data={"token": token(pages, "127.0.0.8"), **FORM})

    alike = {name.lower() for name, _ in other.headers} - {"content-length", "vary"}
    assert alike == {name.lower() for name, _ in answer.headers} - {"content-length"}
    told = alike - {"content-security-policy"}
    assert {each: answer.headers[each] for each in told} == {each: other.headers[each] for each in told}
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


SLOW = "x" * straight.LONGEST
ODD = {
    "foreign page": {"headers": {"Sec-Fetch-Site": "cross-site"}},
    "foreign origin": {"headers": {"Origin": "http://evil.example"}},
    "captured": {"base": "http://www.example.com"},
    "no token": {"data": FORM},
    "another's token": {"whose": "127.0.0.9"},
    "another way": {"form": {"method": "voucher", "voucher": "x"}},
    "no such way": {"form": {"method": "nosuch"}},
    "a stranger": {"address": "192.0.2.1"},
    "a long form": {"form": {**FORM, "more": SLOW}},
    "letters as no browser sends them": {"tail": "&name=万柳"},
    "in parts": {"content_type": "multipart/form-data"},
    "another query": {"path": "/login?begin="},
    "no language": {"path": "/login?lang=xx"},
    "another verb": {"method": "PUT"},
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_what_is_not_plainly_such_a_form_the_pages_answer_as_ever(both, pages, handed_on, odd) -> None:
    given = dict(odd)
    shown = token(both, given.pop("whose", "127.0.0.7"))
    form = {"token": shown, **given.pop("form", FORM)}
    octets = (urlencode(form) + given.pop("tail", "")).encode()
    request = {"data": octets, "content_type": straight.FORM, **given}
    handed_on.clear()

    answer = ask(both, **request)

    assert len(handed_on) == 1
    pages.wsgi_app = type(pages).wsgi_app.__get__(pages)
    again = ask(pages, **request)
    assert (answer.status_code, answer.headers.get("Location")) == (again.status_code, again.headers.get("Location"))


def test_a_token_that_is_too_old_or_shows_a_text_that_is_gone_is_the_pages(
    both, desk, clock, portal, handed_on
) -> None:
    old = token(both)
    clock.forward(forms.LIFE_MS / 1000 + 1)
    client = desk.gateway.identify("127.0.0.7")
    gone = forms.token(portal.form_key, client, clock.now_ms(), terms="1999.en")
    handed_on.clear()

    assert [ask(both, data={"token": each, **FORM}).status_code for each in (old, gone)] == [422, 422]
    assert len(handed_on) == 2
    assert len(desk.visits) == 0


def test_what_the_desk_said_is_shown_and_it_is_asked_once(both, desk, handed_on, monkeypatch) -> None:
    asked, said = [], Onward(url="http://controller.example/")
    monkeypatch.setattr(desk, "login", lambda attempt: asked.append(attempt) or said)
    form = {"token": token(both), **FORM}
    handed_on.clear()

    answer = ask(both, data=form)

    assert said.url in answer.text
    assert (len(asked), handed_on) == (1, ["POST /login"])


def test_what_went_wrong_at_the_desk_is_said_by_the_pages_and_nobody_is_asked_again(both, desk, monkeypatch) -> None:
    asked = []

    def login(attempt):
        asked.append(attempt)
        raise SilentError("the gate does not answer")

    monkeypatch.setattr(desk, "login", login)

    answer = ask(both, data={"token": token(both), **FORM})

    assert (answer.status_code, len(asked)) == (503, 1)
    assert 'name="token"' in answer.text
    assert "does not answer" not in answer.text


def test_no_header_of_a_request_is_taken_for_the_desks_word(both, desk) -> None:
    answer = ask(both, data=FORM, headers={"netops.portal.said": "x", "Netops-Portal-Said": "x"})

    assert answer.status_code == 422
    assert len(desk.visits) == 0
