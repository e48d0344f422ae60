"""S16 on the portal's pages for staff: every route for every role and scope, visits here and elsewhere."""

from __future__ import annotations

import re
from contextlib import ExitStack

import pytest
import sqlalchemy as sa

from captive_portal import keys, tables
from captive_portal import pages as portal_pages
from captive_portal.records import pages as records_pages
from captive_portal.staff.directives import Act
from dashboards.service import application
from inventory import sql
from netops.access import record
from netops.access.permissions import ROLES, may
from netops.facts import Fact
from netops.ledger import Ledger, LedgerEntry
from netops.web import Context

HERE, THERE = "a" * 24, "b" * 24  # a visit at site-0 and one at site-3
SCOPES = {
    "area": ("area:110108001",),
    "carrier": ("carrier:carrier-a", "area:110108001"),
    "nothing": ("carrier:carrier-b",),  # it sells no WiFi where anybody visits
}
ACCOUNTS = [
    (role, kind) for role in ROLES for kind in SCOPES if role != "admin" and (role != "carrier" or kind != "area")
]


@pytest.fixture(scope="module")
def office(tmp_path_factory, city_of):
    """The small city with two visits and two reports of a fault; an account for each role and kind of scope."""
    small_city = city_of("small_city")
    settings = small_city.build(tmp_path_factory.mktemp("office"), telemetry=False)
    sql.upgrade(tables.MIGRATIONS, tables.url(settings))
    keys.voucher_key(settings)
    now = small_city.NOW
    with sql.Database(tables.url(settings)) as database, database.write() as db:
        for session, site in ((HERE, "site-0"), (THERE, "site-3")):
            row = {"id": session, "identity": session.encode()[:20], "interface": "eth1", "site": site}
            row |= {"method": "sms", "since_ms": now - 9000, "until_ms": now + 3_600_000, "online_ms": now - 8000}
            db.execute(sa.insert(tables.SESSION).values(**row))
    told = [
        Fact(kind="fault_report", at_ms=now - 9000, body={"site": site, "what": what, "uplink": "up"})
        for site, what in (("site-0", "slow"), ("site-3", "drops"), ("site-3", "other"))
    ]
    with Ledger(record.ledger_path(settings), origin=settings.ledger_origin, rehearsal=True) as ledger:
        ledger.append([LedgerEntry("portal", n, fact) for n, fact in enumerate(told, 1)], now_ms=now - 1)
    for role, kind in ACCOUNTS:
        small_city.seeing(settings, f"{role}.{kind}", *SCOPES[kind], role=role)
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        patch.setattr("dashboards.pages.Passwords", small_city.cheap)
        app = application(settings, small_city.Fixed(), stack)
        clients: dict[str, object] = {}

        def browser(account: str):
            if account not in clients:
                clients[account] = app.test_client()
                sent = {"name": account, "password": small_city.PASSWORD}
                assert clients[account].post("/login", data=sent).status_code == 303
            return clients[account]

        browser.app = app
        browser.settings = settings
        yield browser


def declared(settings):
    """Return the portal's two sets of pages for staff."""
    context = Context(settings=settings, clock=None, submit=lambda made: None)
    return [portal_pages.pages(context), records_pages.pages(context)]


def token(client):
    return re.search(r'name="csrf" value="([^"]+)"', client.get("/password").get_data(as_text=True))[1]


def ask(office, account, endpoint, values):
    rule = next(rule for rule in office.app.url_map.iter_rules() if rule.endpoint == endpoint)
    method = "POST" if "POST" in rule.methods else "GET"
    with office.app.test_request_context():
        bound = office.app.url_map.bind("localhost")
        path = bound.build(endpoint, {name: values.get(name, "nothing") for name in rule.arguments}, method=method)
    client = office(account)
    sent = {"csrf": token(client)} if method == "POST" else None
    return client.open(path, method=method, data=sent)


def test_every_page_says_what_a_scope_makes_of_it(office):
    for pages in declared(office.settings):
        assert pages.narrowed | set(pages.unnarrowed) == set(pages.permissions)
        assert not pages.narrowed & set(pages.unnarrowed)
        assert all(pages.unnarrowed.values())


def test_every_mounted_route_says_what_a_scope_makes_of_it(office):
    """Whatever package brings it: the dashboards' own are looked at in `tests/dashboards/test_scopes.py`."""
    known = {name for pages in declared(office.settings) for name in pages.permissions}
    mounted = {rule.endpoint for rule in office.app.url_map.iter_rules()}

    assert {name for name in mounted if not name.startswith(("dashboards.", "health.", "web."))} == known


@pytest.mark.parametrize(("role", "kind"), ACCOUNTS)
def test_a_scope_opens_its_own_visits_and_nothing_else(office, role, kind):
    account = f"{role}.{kind}"
    for pages in declared(office.settings):
        for endpoint, permission in pages.permissions.items():
            allowed = may(role, permission) and endpoint in pages.narrowed
            code = ask(office, account, endpoint, {"session": HERE}).status_code
            assert (code != 403) is allowed, (endpoint, code)
            if allowed and endpoint.rpartition(".")[2] in {"visit", *Act}:
                assert (code == 404) is (kind == "nothing"), (endpoint, code)
                there = ask(office, account, endpoint, {"session": THERE})
                none = ask(office, account, endpoint, {"session": "c" * 24})
                assert there.status_code == none.status_code == 404
                assert there.data == none.data, "what is out of sight looks as what does not exist"


@pytest.mark.parametrize(("kind", "here"), [("area", 1), ("carrier", 1), ("nothing", 0)])
def test_lists_and_sums_are_of_the_scope(office, kind, here):
    def told(path):
        return office(f"operator.{kind}").get(f"{path}{'&' if '?' in path else '?'}lang=en").get_data(as_text=True)

    visits, faults = told("/visits"), told("/faults?days=14")
    whole = office("operator").get("/visits?lang=en").get_data(as_text=True)

    assert (HERE in visits, THERE in visits) == (bool(here), False)
    assert (HERE in whole, THERE in whole) == (True, True)
    assert f"{here} in total" in visits or f"{here} " in re.search(r"<p>[^<]*</p>", visits)[0]
    assert faults.count('<th scope="row"') == here
    assert office("operator").get("/faults?days=14").get_data(as_text=True).count('<th scope="row"') == 2
