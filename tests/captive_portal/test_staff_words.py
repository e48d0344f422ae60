"""Ending and lengthening a visit as people do it: on the staff's page, without scripts, and from the command line."""

from __future__ import annotations

import argparse
import html
import re
import threading
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from flask import g
from jinja2 import DictLoader

from captive_portal import commands, pages, views
from captive_portal.ajar import METHOD
from captive_portal.desk import Attempt
from captive_portal.model import Client, Consent, Grant
from captive_portal.staff import commands as words
from captive_portal.staff import directives
from captive_portal.staff.directives import Act, Outcome
from captive_portal.staff.obeying import Obeying
from netops import facts, spool
from netops.access.permissions import ROLES, may
from netops.access.scope import EVERYTHING
from netops.clock import SYSTEM
from netops.web import Context, create_app

CONSENT = Consent(terms="1", language="zh_CN", digest="0" * 64, channel="portal")
WHO = Client(mac="02:00:00:00:00:01", interface="simulated", addresses=("127.0.0.1",))
FORM = {"because": "abuse", "words": "case 7"}


class Person:
    account = "op.wang"
    role = "operator"
    scope = EVERYTHING


@pytest.fixture
def staff(settings, clock):
    stated: list = []
    made = pages.pages(Context(settings=settings, clock=clock, submit=stated.extend))

    def guard(app) -> None:
        @app.before_request
        def _person() -> None:
            g.person = Person()

        allowed = lambda endpoint: may(Person.role, made.permissions[endpoint])  # noqa: E731
        app.context_processor(lambda: {"form_token": "tok", "allowed": allowed})

    made.blueprint.jinja_loader = None
    app = create_app("staff", settings, blueprints=[made.blueprint], guard=guard, translations=[views.TRANSLATIONS])
    own = Path(pages.__file__).parent / "templates"
    frame = "<html><head>{% block refresh %}{% endblock %}</head>{% block content %}{% endblock %}</html>"
    known = {str(file.relative_to(own)): file.read_text() for file in own.rglob("*.html")}
    app.jinja_env.loader = DictLoader({"frame.html": frame, "web/error.html": "{{ message }}", **known})
    app.config["STAFF_LAYOUT"] = "frame.html"
    app.stated = stated
    return app.test_client()


@pytest.fixture
def session(desk):
    return desk.login(Attempt(client=WHO, method="click_through", fields={}, consent=CONSENT))


def confirmed(page: str) -> dict[str, str]:
    """Return what the page of confirmation would send, as a browser without scripts does."""
    return {**dict(re.findall(r'name="(\w+)" value="([^"]*)"', page)), "sure": "yes"}


def foreign(page: str) -> list[str]:
    """Return what no page of ours has: elements that load or run something, handlers in attributes."""
    seen: list[str] = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: seen.extend(
        tag for name, _ in [*attributes, (tag, "")] if name.startswith("on") or name in {"script", "img", "svg"}
    )
    parser.feed(page)
    return seen


# ---- the page
def test_an_operator_ends_a_visit_in_two_steps_and_reads_what_came_of_it(staff, desk, session) -> None:
    assert f"/visits/{session.id}" in staff.get("/visits").text
    page = staff.get(f"/visits/{session.id}").text
    assert WHO.mac not in page
    assert WHO.addresses[0] not in page

    asked = staff.post(f"/visits/{session.id}/end", data=FORM)
    assert (asked.status_code, staff.application.stated) == (200, [])
    done = staff.post(f"/visits/{session.id}/end", data=confirmed(asked.text))

    assert done.headers["Location"].endswith(f"/visits/{session.id}")
    (fact,) = staff.application.stated
    assert (fact.body["action"], fact.body["by"]) == ("session.end", "op.wang")
    assert fact.body["detail"].endswith("abuse: case 7")
    waiting = staff.get(f"/visits/{session.id}", query_string={"lang": "en"}).text
    assert 'http-equiv="refresh" content="2"' in waiting
    assert "waits for the portal" in waiting
    assert "<form" not in waiting, "what is under way is not asked for again"
    Obeying(desk.visits).round()
    after = staff.get(f"/visits/{session.id}", query_string={"lang": "en"}).text
    assert "refresh" not in after
    assert "Put out" in after
    assert "ended by staff" in after
    assert "<form" not in after


def test_a_longer_time_is_asked_for_in_the_same_way(staff, desk, session, clock) -> None:
    clock.forward(1800)
    asked = staff.post(f"/visits/{session.id}/extend", data={"because": "fault", "words": "", "minutes": "10"})
    assert "10" in asked.text
    staff.post(f"/visits/{session.id}/extend", data=confirmed(asked.text))
    Obeying(desk.visits).round()

    assert desk.current(WHO).seconds_left(clock.now_ms()) == 2400
    assert "已延长" in staff.get(f"/visits/{session.id}").text


def test_who_is_in_without_a_login_can_be_put_out_and_gets_no_longer_time(staff, desk, clock, monkeypatch) -> None:
    grant = Grant(method=METHOD, until_ms=clock.now_ms() + 600_000)
    monkeypatch.setattr(desk.relief, "grant", lambda *_: grant)
    session = desk.login(Attempt(client=WHO, method=METHOD, fields={}, consent=CONSENT))

    page = staff.get(f"/visits/{session.id}").text

    assert re.findall(r'action="[^"]*/(end|extend)"', page) == ["end"]


WRONG = [
    ({"act": "end", "because": ""}, "请选一个原因"),
    ({"act": "end", "because": "fault"}, "请选一个原因"),
    ({"act": "end", "because": "other", "words": " "}, "就要写明原因"),
    ({"act": "end", "because": "abuse", "words": "13812345678"}, "请只写案号"),
    ({"act": "end", "because": "abuse", "words": "x" * 201}, "最多 200"),
    ({"act": "extend", "because": "fault", "minutes": "x"}, "1 到 1440"),
    ({"act": "extend", "because": "fault", "minutes": "1441"}, "1 到 1440"),
]


def test_what_is_off_in_the_form_is_said_and_nothing_is_done(staff, session, settings) -> None:
    for form, sentence in WRONG:
        answer = staff.post(f"/visits/{session.id}/{form['act']}", data={**form, "sure": "yes"})
        assert (answer.status_code, sentence in answer.text) == (422, True), form

    assert staff.application.stated == []
    assert directives.of(settings, session.id) == []


def test_a_form_that_is_refused_keeps_what_was_typed(staff, session) -> None:
    sent = {"because": "fault", "words": "call 13800138000", "minutes": "45"}
    page = staff.post(f"/visits/{session.id}/extend", data=sent).text
    end, extend = (re.search(rf'aria-labelledby="{act}".*?</section>', page, re.DOTALL)[0] for act in ("end", "extend"))

    assert '<option value="fault" selected>' in extend
    assert 'value="45"' in extend
    assert 'value="call 13800138000"' in extend
    assert " selected" not in end, "the other form was not sent"
    assert "13800138000" not in end


@pytest.mark.parametrize(
    "written",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "</title></style></textarea><svg/onload=alert(1)>",
        "' autofocus onfocus='alert(1)",
        "{{7*7}}${7*7}",
        "&lt;b&gt;",
    ],
)
def test_what_an_operator_writes_is_text_on_every_page_and_the_same_in_the_ledger(
    staff, desk, session, written
) -> None:
    asked = staff.post(f"/visits/{session.id}/end", data={"because": "other", "words": written})
    sent = {name: html.unescape(value) for name, value in confirmed(asked.text).items()}
    refused = staff.post(f"/visits/{session.id}/extend", data={"because": "other", "words": written, "minutes": "0"})
    staff.post(f"/visits/{session.id}/end", data=sent)
    waits = staff.get(f"/visits/{session.id}")
    Obeying(desk.visits).round()

    for page in (asked, refused, waits, staff.get(f"/visits/{session.id}"), staff.get("/visits")):
        assert not foreign(page.text), page.text
    for page in (asked, refused):
        assert written in html.unescape(page.text), "neither taken away nor worked out, as a template would"
    (fact,) = staff.application.stated
    assert fact.body["detail"].endswith(f"other: {written}")


def test_the_second_operator_and_the_late_one_get_plain_answers(staff, desk, session, settings, clock) -> None:
    first = directives.wanted(Act.END, session.id, by="op.li", because="abuse", now_ms=clock.now_ms())
    directives.give(settings, first, lambda _: None)

    second = staff.post(f"/visits/{session.id}/end", data={**FORM, "sure": "yes"})
    assert second.status_code == 409
    assert "op.li" in second.text
    clock.forward(9)
    assert "它在运行吗" in staff.get(f"/visits/{session.id}").text
    Obeying(desk.visits).round()
    late = staff.post(f"/visits/{session.id}/end", data={**FORM, "sure": "yes"})

    assert late.status_code == 409
    assert "已经结束" in late.text
    assert staff.application.stated == []


def test_a_visit_that_never_was_is_not_found(staff) -> None:
    for name in ("0" * 24, "x", ".."):
        assert staff.get(f"/visits/{name}").status_code == 404
        assert staff.post(f"/visits/{name}/end", data=FORM).status_code == 404


def test_who_may_see_visits_is_not_who_may_end_them() -> None:
    assert {role for role in ROLES if may(role, "session.end")} == {"operator"}
    assert {role for role in ROLES if may(role, "session.see")} == {"operator", "privacy_officer"}


# ---- the command
def run(settings, *said: str) -> int:
    parser = argparse.ArgumentParser()
    commands.arguments(parser)
    args = parser.parse_args(said)
    args.now_ms = SYSTEM.now_ms()
    return commands.run(args, settings)


class Portal:
    """Somebody who carries out what is asked, as the portal's chore does."""

    def __init__(self, desk) -> None:
        self._stop = threading.Event()
        self._obeying = Obeying(desk.visits)
        self._thread = threading.Thread(target=self._work)

    def _work(self) -> None:
        while not self._stop.wait(0.02):
            self._obeying.round()

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


@pytest.fixture
def today(clock):
    """The command asks the machine's own clock, and so does the portal beside it."""
    clock.at_ms = SYSTEM.now_ms()


@pytest.mark.usefixtures("today")
def test_the_command_waits_for_the_outcome_and_says_it(house, capsys) -> None:
    desk = house.open()
    session = desk.login(Attempt(client=WHO, method="click_through", fields={}, consent=CONSENT))
    run(house.settings, "sessions")
    assert session.id in capsys.readouterr().out
    with Portal(desk):
        assert run(house.settings, "extend", session.id, "--minutes", "5", "--because", "test") == 0
        assert "already" in capsys.readouterr().out
        assert run(house.settings, "end", session.id.upper(), "--because", "abuse", "--wait", "60") == 0
    assert "put out" in capsys.readouterr().out

    (first, second) = spool.read(house.settings.data.dir / "spool" / "cli.db", after=0, limit=9)
    assert facts.decode(first.payload).body["action"] == "session.extend"
    assert facts.decode(second.payload).body["by"].startswith("cli:")


@pytest.mark.usefixtures("today")
def test_without_a_portal_the_command_says_so_and_asks_once(house, capsys) -> None:
    session = house.open().login(Attempt(client=WHO, method="click_through", fields={}, consent=CONSENT))

    for _ in range(2):
        assert run(house.settings, "end", session.id, "--because", "abuse", "--wait", "0") == 75
    told = capsys.readouterr().err

    assert "is it running?" in told
    assert "has asked for the same already" in told
    assert len(directives.of(house.settings, session.id)) == 1


def test_every_outcome_has_words(settings) -> None:
    given = directives.wanted(Act.END, "0" * 24, by="op", because="abuse", now_ms=1)
    for outcome in Outcome:
        done = replace(given, outcome=outcome, told="9 s")
        assert words._told(done, settings)
