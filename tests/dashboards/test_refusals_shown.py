"""Failed logins of staff in bulk on the pages, and what the web process does beside them: state, and carry out."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import pytest
import small_city
from small_city import NOW, PASSWORD

from dashboards import pages, refusals
from inventory import sql
from netops.access import approvals, record, tables
from netops.access.bulk import FLOOR, WINDOW_MS, window
from netops.access.factors import Factors
from netops.access.sealed import Seal, staff_key
from netops.access.staff import Staff
from netops.access.steps import Held
from netops.facts import Fact
from netops.web import Context

QUARTER = {
    "start_ms": NOW - 3_600_000,
    "end_ms": NOW - 2_700_000,
    "refused": 87,
    "accounts": {"wang.min": 64},
    "networks": {"192.0.2.0/24": 21},
    "addresses": 41,
}


@pytest.fixture
def site(sites, tmp_path):
    return sites(tmp_path, telemetry=False)


def text(site, role: str, path: str) -> str:
    return site.client(role).get(path).get_data(as_text=True)


def test_who_may_see_accounts_sees_them_on_both_pages_and_in_the_audit_record(site):
    facts = [Fact(kind="logins_refused", at_ms=NOW - n, body=QUARTER) for n in (2_600_000, 2_500_000)]
    record.state(site.settings, facts)
    accounts = text(site, "admin", "/accounts")

    assert accounts.count("192.0.2.0/24") == 1, "stated twice by a process that died is one row"
    assert "wang.min" in accounts
    assert "1 次成批的登录失败" in text(site, "admin", "/logins")
    assert "成批的登录失败" in text(site, "auditor", "/audit")
    assert "成批的登录失败" not in text(site, "operator", "/logins"), "who may not see accounts"


def test_an_old_one_is_no_news_on_the_page_of_logins(site):
    record.state(site.settings, [Fact(kind="logins_refused", at_ms=NOW - 25 * 3_600_000, body=QUARTER)])

    assert "成批的登录失败" not in text(site, "admin", "/logins")
    assert "192.0.2.0/24" in text(site, "admin", "/accounts")


def test_many_wrong_passwords_on_the_page_become_one_fact(site):
    client = site.client()
    codes = [client.post("/login", data={"name": "viewer", "password": "x"}).status_code for _ in range(5)]
    assert codes == [401] * 5
    with sql.Database(tables.url(site.settings)) as database, database.write() as db:
        db.execute(tables.REFUSED.update().values(failures=FLOOR["account"]))
    object.__setattr__(site.clock, "at_ms", window(NOW) + WINDOW_MS)
    desk = pages_desk(site)
    for _ in range(2):
        refusals.Watch(desk).look()

    (fact,) = (fact for fact, _ in record.stated(site.settings, frozenset({"logins_refused"})))
    assert fact.body["accounts"] == {"viewer": FLOOR["account"]}
    assert fact.body["networks"] == {}


def pages_desk(site):
    return next(
        cell.cell_contents for cell in site.app.view_functions["dashboards.accounts"].__closure__
        if type(cell.cell_contents).__name__ == "Desk"
    )  # fmt: skip


def test_a_started_process_carries_out_the_resets_that_were_decided_before_and_looks_by_itself(site, monkeypatch):
    monkeypatch.setattr(refusals, "EVERY_S", 0.05)
    with sql.Database(tables.url(site.settings)) as database:
        factors = Factors(Staff(database, small_city.cheap()), Seal(staff_key(site.settings)))
        factors.renew_recovery("viewer", address="::1", now_ms=NOW)
        with database.write() as db:
            row = {"window_ms": window(NOW) - WINDOW_MS, "account": "viewer", "address": "192.0.2.7", "failures": 50}
            db.execute(tables.REFUSED.insert().values(**row))
        asked = approvals.ask(
            "factor_reset", terms={"account": "viewer"}, by="operator", role="operator", reason="x", now_ms=NOW - 2
        )
        (held,) = approvals.fold((fact, False) for fact in asked).values()
        decided = approvals.decide(held, "approved", by="admin", role="admin", reason="", now_ms=NOW - 1)
        record.state(site.settings, [*asked, decided])
        stated, told = [], threading.Event()

        def submit(made) -> None:
            stated.extend(made)
            if any(each.kind == "logins_refused" for each in made):
                told.set()

        with ExitStack() as stack:
            pages.pages(Context(settings=site.settings, clock=site.clock, submit=submit, live=True, stack=stack))
            assert factors.held("viewer") == Held()
            assert told.wait(20)

        assert [each.kind for each in stated] == ["staff_action", "logins_refused"]
        assert site.client().post("/login", data={"name": "viewer", "password": PASSWORD}).status_code == 303
