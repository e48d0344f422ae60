"""`netops portal …` and the staff's pages: batches are made, listed and withdrawn, codes are shown once."""

from __future__ import annotations

import argparse
import csv
import io
import json
import re
from pathlib import Path

import pytest
from flask import g
from jinja2 import DictLoader

from captive_portal import commands, pages, tables, views, vouchers
from captive_portal.code import typed
from captive_portal.errors import OrderError
from netops import facts, spool
from netops.access.permissions import may
from netops.access.scope import EVERYTHING
from netops.clock import SYSTEM
from netops.web import Context, create_app


def run(settings, *words: str, now_ms: int = 0) -> int:
    parser = argparse.ArgumentParser()
    commands.arguments(parser)
    args = parser.parse_args(words)
    args.now_ms = now_ms or SYSTEM.now_ms()
    return commands.run(args, settings)


def test_codes_are_printed_once_and_the_making_is_a_fact(settings, capsys) -> None:
    assert run(settings, "voucher", "create", "--count", "3", "--minutes", "60", "--devices", "2") == 0

    codes = capsys.readouterr().out.split()
    assert len(codes) == 3
    assert all(typed(code) for code in codes)
    (entry,) = spool.read(settings.data.dir / "spool" / "cli.db", after=0, limit=9)
    body = facts.decode(entry.payload).body
    assert body["action"] == "vouchers.make"
    assert not any(code in json.dumps(dict(body)) for code in codes)


def test_a_command_knows_one_instant_at_which_it_began(settings, capsys) -> None:
    now_ms = 1_790_000_000_000
    assert run(settings, "voucher", "create", "--count", "1", "--minutes", "60", "--days", "3", now_ms=now_ms) == 0
    capsys.readouterr()
    (entry,) = spool.read(settings.data.dir / "spool" / "cli.db", after=0, limit=9)
    (batch,) = vouchers.batches(tables.url(settings))

    assert facts.decode(entry.payload).at_ms == batch.made_ms == now_ms
    assert batch.start_by_ms == now_ms + 3 * vouchers.DAY_MS


def test_csv_list_json_and_withdraw(settings, capsys) -> None:
    run(settings, "voucher", "create", "--count", "2", "--minutes", "90", "--csv", "--label", "街道办")
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["minutes"] for row in rows] == ["90", "90"]

    run(settings, "voucher", "list", "--json")
    (batch,) = json.loads(capsys.readouterr().out)
    assert (batch["count"], batch["used"], batch["label"]) == (2, 0, "街道办")
    assert run(settings, "voucher", "withdraw", batch["id"]) == 0
    assert run(settings, "voucher", "withdraw", batch["id"]) == 1
    capsys.readouterr()
    run(settings, "voucher", "list")
    assert "withdrawn" in capsys.readouterr().out


def test_a_dry_run_makes_nothing_and_a_wrong_order_says_why(settings, capsys) -> None:
    assert run(settings, "voucher", "create", "--count", "5", "--minutes", "5", "--dry-run") == 0
    assert vouchers.batches(tables.url(settings)) == []
    with pytest.raises(OrderError, match="count 0; expected 1 to"):
        run(settings, "voucher", "create", "--count", "0", "--minutes", "5")


def test_sessions_show_no_mac_and_no_address(settings, desk, capsys) -> None:
    from captive_portal.desk import Attempt
    from captive_portal.model import Client, Consent

    who = Client(mac="02:00:00:00:00:05", interface="simulated", addresses=("127.0.0.5",))
    consent = Consent(terms="1", language="en", digest="0" * 64, channel="portal")
    desk.login(Attempt(client=who, method="click_through", fields={}, consent=consent))

    run(settings, "sessions", "--json")
    told = capsys.readouterr().out
    run(settings, "sessions")
    told += capsys.readouterr().out

    assert json.loads(told.splitlines()[0])["total"] == 1
    assert "02:00" not in told
    assert "127.0.0.5" not in told
    assert desk.identity(who).hex()[:10] in told


# ---- the staff's pages
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
    app.stated = stated
    app.made = made
    return app.test_client()


ORDER = {"label": "<b>x</b>", "count": "3", "minutes": "60", "devices": "2", "days": "30", "as": "sheet"}


def test_every_page_declares_a_permission_that_an_operator_has(staff) -> None:
    made = staff.application.made
    endpoints = {
        rule.endpoint for rule in staff.application.url_map.iter_rules() if rule.endpoint.startswith("vouchers.")
    }

    assert endpoints == set(made.permissions)
    assert all(may("operator", each) for each in made.permissions.values())
    assert not may("viewer", "voucher.issue")
    assert {link.endpoint for link in made.menu} <= endpoints


def test_a_batch_is_shown_once_as_a_sheet_and_listed_without_codes(staff) -> None:
    answer = staff.post("/vouchers", data=ORDER)

    codes = re.findall(r"<code>([^<]+)</code>", answer.text)
    assert len(codes) == 3
    assert all(typed(code) for code in codes)
    assert answer.headers["Cache-Control"] == "no-store"
    listed = staff.get("/vouchers").text
    assert not any(code in listed for code in codes)
    assert "&lt;b&gt;x&lt;/b&gt;" in listed
    assert "0 / 3" in listed
    assert [(fact.kind, fact.body["by"]) for fact in staff.application.stated] == [("staff_action", "op.wang")]


def test_a_batch_as_csv_can_be_opened_by_a_spreadsheet(staff) -> None:
    answer = staff.post("/vouchers", data={**ORDER, "as": "csv"})

    assert answer.mimetype == "text/csv"
    assert "attachment" in answer.headers["Content-Disposition"]
    rows = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert len(rows) == 4
    assert typed(rows[1][0])


def test_a_batch_as_pdf_comes_once_and_without_a_font_not_at_all(staff, settings, monkeypatch) -> None:
    answer = staff.post("/vouchers", data={**ORDER, "as": "pdf"})

    assert answer.mimetype == "application/pdf"
    assert answer.data.startswith(b"%PDF-")
    assert answer.headers["Cache-Control"] == "no-store"
    assert ".pdf" in answer.headers["Content-Disposition"]
    monkeypatch.setattr("captive_portal.sheet._chinese", lambda: ())
    assert staff.post("/vouchers", data={**ORDER, "as": "pdf"}).status_code == 422
    assert len(vouchers.batches(tables.url(settings))) == 1


@pytest.mark.parametrize(
    "wrong",
    [{"count": "0"}, {"count": "1e9"}, {"count": "٣"}, {"minutes": "-5"}, {"devices": ""}, {"days": "9" * 5000}],
    ids=str,
)
def test_a_wrong_number_is_said_on_the_page_and_makes_nothing(staff, settings, wrong: dict) -> None:
    answer = staff.post("/vouchers", data={**ORDER, **wrong})

    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert vouchers.batches(tables.url(settings)) == []


def test_a_batch_whose_making_cannot_be_stated_is_withdrawn(staff, settings) -> None:
    from netops.errors import SpoolError

    def full(_made: object) -> None:
        raise SpoolError("disk full")

    context = Context(settings=settings, clock=SYSTEM, submit=full)
    with staff.application.test_request_context("/vouchers", method="POST", data=ORDER):
        g.person = Person()
        with pytest.raises(SpoolError):
            pages._create(context)

    (batch,) = vouchers.batches(tables.url(settings))
    assert batch.withdrawn_ms is not None


def test_withdrawing_is_stated_and_visits_show_nobody_by_name(staff, settings) -> None:
    staff.post("/vouchers", data=ORDER)
    (batch,) = vouchers.batches(tables.url(settings))

    assert staff.post(f"/vouchers/{batch.id}/withdraw").status_code == 303
    assert staff.post("/vouchers/nosuch/withdraw").status_code == 303

    assert [fact.body["action"] for fact in staff.application.stated] == ["vouchers.make", "vouchers.withdraw"]
    assert "已收回" in staff.get("/vouchers").text
    assert "共 0 个" in staff.get("/visits").text
    assert "现在没有人在线" in staff.get("/visits").text


def test_visits_name_the_place_as_the_register_does_and_say_how_long_they_last(staff, settings, desk, clock) -> None:
    from captive_portal.desk import Attempt
    from captive_portal.model import Client, Consent
    from inventory.city import city_of
    from inventory.model import Site
    from inventory.reading.folder import built_in_areas
    from inventory.register import Register
    from inventory.sql import upgrade
    from inventory.tables import MIGRATIONS

    who = Client(mac="02:00:00:00:00:05", interface="simulated", addresses=("127.0.0.5",))
    consent = Consent(terms="1", language="en", digest="0" * 64, channel="portal")
    desk.login(Attempt(client=who, method="click_through", fields={}, consent=consent))
    unnamed = staff.get("/visits").text
    upgrade(MIGRATIONS, settings.register_url)
    with Register(settings.register_url, rehearsal=settings.city.rehearsal) as register:
        area = built_in_areas()[0]
        here = Site(id=desk.site(who), name="万柳公园 <b>", area=area.id)
        register.apply(city_of([area, here]), at_ms=clock.now_ms() - 1, now_ms=clock.now_ms() - 1)
    named = staff.get("/visits").text

    assert desk.site(who) in unnamed, "without a register the place goes by its id"
    assert "万柳公园 &lt;b&gt;" in named
    assert desk.site(who) not in named
    assert "60 分钟" in named


def test_the_command_line_says_what_a_withdrawal_did_and_that_there_is_nothing(settings, capsys) -> None:
    run(settings, "voucher", "list")
    assert "no batch was ever made" in capsys.readouterr().err
    run(settings, "voucher", "create", "--count", "1", "--minutes", "5")
    (batch,) = vouchers.batches(tables.url(settings))
    assert "1 voucher, to be used" in capsys.readouterr().err
    run(settings, "voucher", "list")
    run(settings, "voucher", "withdraw", batch.id)
    told = capsys.readouterr().out

    assert "1 device  first use before" in told
    assert f"{batch.id}: withdrawn" in told
