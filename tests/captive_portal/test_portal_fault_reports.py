"""What visitors report, counted by site and day from the ledger, on the staff's page."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from flask import g
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import DictLoader

from captive_portal import fault_reports, pages, views
from netops.access.permissions import may
from netops.access.record import ledger_path
from netops.access.scope import EVERYTHING
from netops.facts import Fact
from netops.ledger import Ledger, LedgerEntry
from netops.web import Context, create_app

BEIJING = ZoneInfo("Asia/Shanghai")
NOON_MS = int(datetime(2026, 9, 20, 4, 0, tzinfo=UTC).timestamp() * 1000)  # noon in Beijing
HOUR_MS = 3_600_000


def report(at_ms: int, site: str = "site-1", what: str = "slow", uplink: str = "up") -> Fact:
    return Fact(kind="fault_report", at_ms=at_ms, body={"site": site, "what": what, "uplink": uplink})


def test_reports_are_counted_by_the_citys_own_days_and_by_site() -> None:
    facts = [
        report(NOON_MS + 12 * HOUR_MS - 1),
        report(NOON_MS + 12 * HOUR_MS),  # midnight in Beijing
        report(NOON_MS, "site-2", "drops"),
        report(NOON_MS, "site-2", "drops", "down"),
        report(NOON_MS, "site-2", "other"),
    ]

    days = fault_reports.counted(facts, BEIJING)

    assert [(each.day, each.site, each.total, each.down) for each in days] == [
        ("2026-09-21", "site-1", 1, 0),
        ("2026-09-20", "site-2", 3, 1),
        ("2026-09-20", "site-1", 1, 0),
    ]
    assert days[1].kinds == {"slow": 0, "no_internet": 0, "drops": 2, "other": 1}


@given(
    st.lists(
        st.builds(
            report,
            st.integers(NOON_MS, NOON_MS + 99 * HOUR_MS),
            st.sampled_from(["a", "b"]),
            st.sampled_from(fault_reports.KINDS),
        )
    )
)
def test_no_report_is_lost_or_counted_twice(facts: list[Fact]) -> None:
    days = fault_reports.counted(facts, BEIJING)

    assert sum(each.total for each in days) == len(facts)
    assert len({(each.day, each.site) for each in days}) == len(days)


# ---- the staff's page
class Person:
    account = "op.wang"
    role = "viewer"
    scope = EVERYTHING


@pytest.fixture
def staff(settings, clock):
    made = pages.pages(Context(settings=settings, clock=clock, submit=lambda _made: None))

    def guard(app) -> None:
        @app.before_request
        def _person() -> None:
            g.person = Person()

        app.context_processor(
            lambda: {"form_token": "tok", "allowed": lambda endpoint: may(Person.role, made.permissions[endpoint])}
        )

    made.blueprint.jinja_loader = None
    app = create_app("staff", settings, blueprints=[made.blueprint], guard=guard, translations=[views.TRANSLATIONS])
    own = Path(pages.__file__).parent / "templates"
    frame = "<!doctype html><html><body>{% block content %}{% endblock %}</body></html>"
    app.jinja_env.loader = DictLoader(
        {"frame.html": frame, **{str(file.relative_to(own)): file.read_text() for file in own.rglob("*.html")}}
    )
    app.config["STAFF_LAYOUT"] = "frame.html"
    clock.at_ms = NOON_MS
    return app.test_client()


@pytest.fixture
def seal(settings):
    def append(*facts: Fact) -> None:
        with Ledger(ledger_path(settings), origin=settings.ledger_origin, rehearsal=True) as ledger:
            ledger.append([LedgerEntry("portal/1", n, each) for n, each in enumerate(facts, 1)], now_ms=NOON_MS)

    return append


def test_before_there_is_a_ledger_nobody_has_reported_anything(staff) -> None:
    page = staff.get("/faults?lang=en")

    assert page.status_code == 200
    assert "Nobody reported a fault" in page.text


def test_staff_see_the_count_of_each_site_and_day_without_more_rights_than_a_viewers(staff, seal) -> None:
    seal(
        *[report(NOON_MS - each) for each in range(3)],
        report(NOON_MS - 24 * HOUR_MS, "site-2", "no_internet", "down"),
        report(NOON_MS - 20 * 24 * HOUR_MS, "site-3"),
    )

    page = staff.get("/faults?lang=en").text

    assert page.index("site-1") < page.index("site-2"), "the newest day first"
    assert "2026-09-20" in page
    assert "2026-09-19" in page
    assert "site-3" not in page
    assert "site-3" in staff.get("/faults?days=90").text
    assert "site-2" not in staff.get("/faults?days=1").text
    assert may("viewer", pages.PERMISSIONS["vouchers.faults"])


@pytest.mark.parametrize("days", ["0", "-1", "1e9", "٣", "x", "9" * 5000, ""])
def test_days_that_are_no_choice_are_two_weeks(staff, days: str) -> None:
    assert staff.get("/faults", query_string={"days": days, "lang": "en"}).status_code == 200


def test_a_flood_is_counted_up_to_a_bound_and_that_is_said(staff, seal, monkeypatch) -> None:
    monkeypatch.setattr(fault_reports, "MOST", 5)
    seal(*[report(NOON_MS - each) for each in range(9)])

    page = staff.get("/faults?lang=en").text

    assert 'role="alert"' in page
    assert "5" in page


def test_a_hostile_site_is_text(staff, seal) -> None:
    seal(report(NOON_MS, '<img src=x onerror="1">'))

    assert "<img" not in staff.get("/faults").text
