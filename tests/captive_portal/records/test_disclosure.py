"""Who was behind a session is shown to two persons only, within their time, and never without a trace."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import g
from jinja2 import DictLoader

from captive_portal import pages as vouchers_pages
from captive_portal import views
from captive_portal.records import disclosure, pages
from captive_portal.records.persons import Persons
from netops.access import permissions
from netops.access.permissions import may
from netops.errors import AccessError, SpoolError, UsageError
from netops.web import Context, create_app

PHONE = "+8613800138000"
DAY_MS = 86_400_000


def look(office, request: str, *, by: str = "po.li", role: str = "privacy_officer", submit=None, later: int = 2):
    stated: list = []
    found = disclosure.look(
        office.house.settings,
        request,
        by=by,
        role=role,
        now_ms=office.now_ms + later,
        submit=submit or stated.extend,
    )
    return found, stated


def test_two_persons_see_the_number_and_the_look_is_a_fact_without_it(office, paper) -> None:
    session = office.visit(1, PHONE)
    request = paper.request("disclosure", office.now_ms, session=session.id)

    found, (fact,) = look(office, request)

    assert (found.outcome, found.person.value, found.device.value) == ("shown", PHONE, "02:00:00:00:00:01")
    assert (fact.kind, fact.body["session"], fact.body["by"]) == ("person_disclosed", session.id, "po.li")
    assert PHONE[3:] not in repr(fact) + repr(found)
    assert "02:00" not in repr(fact) + repr(found)


@pytest.mark.parametrize(
    ("made", "who", "said"),
    [
        ({"approved": False}, ("po.li", "privacy_officer", 2), "pending"),
        ({"sealed": False}, ("po.li", "privacy_officer", 2), "not sealed"),
        ({}, ("op.wang", "operator", 2), "only a privacy officer"),
        ({}, ("po.zhao", "privacy_officer", 2), "only a privacy officer"),
        ({}, ("po.li", "admin", 2), "only a privacy officer"),
        ({}, ("po.li", "privacy_officer", 8 * DAY_MS), "is over"),
        ({}, ("po.li", "privacy_officer", -5), "has not begun"),
    ],
)
def test_nobody_else_and_at_no_other_time(office, paper, made, who, said) -> None:
    session = office.visit(1, PHONE)
    request = paper.request("disclosure", office.now_ms, session=session.id, **made)
    by, role, later = who

    with pytest.raises(AccessError, match=said):
        look(office, request, by=by, role=role, later=later)


def test_a_request_of_another_kind_opens_nobody(office, paper) -> None:
    office.visit(1, PHONE)
    request = paper.request("inspection", office.now_ms, authority="police")

    with pytest.raises(UsageError, match="no request"):
        look(office, request)


def test_nothing_is_shown_when_the_look_cannot_be_told(office, paper) -> None:
    session = office.visit(1, PHONE)
    request = paper.request("disclosure", office.now_ms, session=session.id)

    def full(_facts: object) -> None:
        raise SpoolError("full")

    with pytest.raises(SpoolError):
        look(office, request, submit=full)


def test_who_gave_no_number_and_who_is_erased_are_told_apart(office, paper) -> None:
    nobody = office.visit(1)
    gone = office.visit(2, PHONE)
    asked = [paper.request("disclosure", office.now_ms, session=each.id) for each in (nobody, gone)]
    office.persons.periods.destroy("2026-09")

    assert [look(office, each)[0].outcome for each in asked] == ["nobody", "erased"]


def test_an_approved_inspection_covers_its_window_and_a_month(office, paper) -> None:
    now_ms, settings = office.now_ms, office.house.settings
    request = paper.request("inspection", now_ms, authority="police", start_ms=now_ms - DAY_MS, end_ms=now_ms)

    def ask(start_ms: int, end_ms: int, at_ms: int, by: str = "po.li", role: str = "privacy_officer") -> object:
        return disclosure.inspection(
            settings, request, by=by, role=role, start_ms=start_ms, end_ms=end_ms, now_ms=at_ms
        )

    assert ask(now_ms - DAY_MS, now_ms, now_ms + 5)
    with pytest.raises(AccessError, match="does not cover"):
        ask(now_ms - DAY_MS - 1, now_ms, now_ms + 5)
    with pytest.raises(AccessError, match="30 days"):
        ask(now_ms - DAY_MS, now_ms, now_ms + 31 * DAY_MS)
    for by, role in (("po.zhao", "privacy_officer"), ("op.wang", "operator"), ("po.li", "admin")):
        with pytest.raises(AccessError, match="only a privacy officer"):
            ask(now_ms - DAY_MS, now_ms, now_ms + 5, by, role)


def test_a_session_is_found_by_who_had_an_address_at_an_instant(office) -> None:
    first = office.visit(1, PHONE, ended=False)
    office.forward(0.01)
    office.desk.logout(first.client)
    office.forward(0.01)
    settings = office.house.settings

    def ids(at_ms: int, address: str = "127.0.0.1") -> list[str]:
        return [each.id for each in disclosure.visits(settings, address=address, at_ms=at_ms)]

    assert ids(first.since_ms + 1000) == [first.id]
    assert ids(first.since_ms - 1) == ids(office.now_ms) == ids(first.since_ms, "127.0.0.2") == []
    assert [each.identified for each in disclosure.visits(settings, session=first.id)] == [True]


# ---- the page
class Person:
    account = "po.li"
    role = "privacy_officer"


@pytest.fixture
def staff(office):
    stated: list = []
    context = Context(settings=office.house.settings, clock=office.house.clock, submit=stated.extend)
    made = pages.pages(context)
    beside = vouchers_pages.pages(context)

    def guard(app) -> None:
        @app.before_request
        def _person() -> None:
            g.person = Person()

        every = {**made.permissions, **beside.permissions}
        app.context_processor(
            lambda: {"form_token": "tok", "allowed": lambda endpoint: may(Person.role, every[endpoint])}
        )

    made.blueprint.jinja_loader = beside.blueprint.jinja_loader = None
    blueprints = [made.blueprint, beside.blueprint]
    app = create_app(
        "staff", office.house.settings, blueprints=blueprints, guard=guard, translations=[views.TRANSLATIONS]
    )
    own = Path(vouchers_pages.__file__).parent / "templates"
    frame = "<!doctype html><html><body>{% block content %}{% endblock %}</body></html>"
    files = {str(file.relative_to(own)): file.read_text() for file in own.rglob("*.html")}
    app.jinja_env.loader = DictLoader({"frame.html": frame, **files})
    app.config["STAFF_LAYOUT"] = "frame.html"
    app.stated = stated
    app.made = made
    return app.test_client()


def test_every_page_has_a_permission_that_some_role_has(staff) -> None:
    made = staff.application.made
    endpoints = {
        rule.endpoint for rule in staff.application.url_map.iter_rules() if rule.endpoint.startswith("persons.")
    }

    assert endpoints == set(made.permissions)
    assert set(made.permissions.values()) <= permissions.ALL
    assert [role for role in permissions.ROLES if may(role, "person.disclose")] == ["privacy_officer"]


def test_find_ask_approve_look(office, paper, staff) -> None:
    session = office.visit(1, PHONE)
    found = staff.get("/persons?address=127.0.0.1&at=2026-09-21T22:13:20%2B08:00&lang=en")
    assert session.id in found.text
    assert PHONE not in found.text

    asked = staff.post("/persons", data={"session": session.id, "basis": "case 17", "reason": "asked for"})
    assert asked.status_code == 303
    assert staff.application.stated[-1].kind == "approval_request"

    request = paper.request("disclosure", office.now_ms - 5, session=session.id)
    listed = staff.get("/persons")
    assert f"/persons/{request}/look" in listed.text
    assert PHONE not in listed.text
    shown = staff.post(f"/persons/{request}/look")

    assert PHONE in shown.text
    assert shown.headers["Cache-Control"] == "no-store"
    assert staff.application.stated[-1].kind == "person_disclosed"


def test_looking_up_an_address_is_stated_by_sessions_and_never_by_the_address(office, staff) -> None:
    session = office.visit(1, PHONE)

    staff.get("/persons?address=127.0.0.1&at=2026-09-21T22:13:20%2B08:00")
    staff.get(f"/persons?session={session.id}")
    staff.get("/persons?address=127.0.0.9&at=2026-09-21T22:13:20%2B08:00")
    staff.get("/persons")

    stated = [fact.body for fact in staff.application.stated]
    assert [(body["action"], body["subject"], body["detail"]) for body in stated] == [
        ("records.looked_up", "address", f"1 session: {session.id}"),
        ("records.looked_up", "session", f"1 session: {session.id}"),
        ("records.looked_up", "address", "0 sessions: none"),
    ]
    assert "127.0.0" not in str(stated)


def test_a_look_up_that_cannot_be_stated_shows_nothing(office, staff, monkeypatch) -> None:
    session = office.visit(1, PHONE)

    def full(**_words: object) -> None:
        raise SpoolError("the disk is full")

    monkeypatch.setattr(pages, "Fact", full)

    page = staff.get("/persons?address=127.0.0.1&at=2026-09-21T22:13:20%2B08:00")

    assert session.id not in page.text


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ({"session": "x", "basis": "a", "reason": "b"}, 400),
        ({"session": "0" * 24, "basis": "", "reason": "b"}, 400),
        ({"session": "0" * 24, "basis": "a", "reason": ""}, 400),
        ({"session": "0" * 24, "basis": "13800138000", "reason": "b"}, 400),
        ({"session": "0" * 24, "basis": "<script>alert(1)</script>", "reason": "'; DROP TABLE person"}, 303),
        ({"session": "0" * 24, "basis": "a\x00b", "reason": "c"}, 400),
    ],
)
def test_what_is_typed_is_refused_or_data(staff, data, status) -> None:
    assert staff.post("/persons", data=data).status_code == status


@pytest.mark.parametrize("query", ["address=<script>&at=x", "session=<script>", "address=127.0.0.1&at=yesterday"])
def test_a_search_that_makes_no_sense_is_a_sentence(staff, query) -> None:
    answer = staff.get(f"/persons?{query}")

    assert answer.status_code == 200
    assert 'role="alert"' in answer.text
    assert "<script>" not in answer.text


def test_hostile_words_of_a_request_are_text(office, paper, staff) -> None:
    session = office.visit(1, PHONE)
    paper.request("disclosure", office.now_ms, session=session.id, basis="<img src=x onerror=alert(1)>")

    assert "<img" not in staff.get("/persons").text


def test_a_page_that_may_not_read_the_numbers_names_the_command(office, paper, staff, monkeypatch) -> None:
    from captive_portal.errors import RecordsError

    session = office.visit(1, PHONE)
    request = paper.request("disclosure", office.now_ms - 5, session=session.id)
    monkeypatch.setattr(Persons, "opened", lambda *_: (_ for _ in ()).throw(RecordsError("not yours")))

    answer = staff.post(f"/persons/{request}/look")

    assert answer.status_code == 503
    assert f"netops portal disclose {request}" in answer.text
    assert staff.application.stated == []
