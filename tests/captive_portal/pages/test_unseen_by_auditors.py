"""An auditor walks through every page of a city with visitors and meets no number and no address of any of them."""

from __future__ import annotations

import re
import sys
from contextlib import ExitStack
from dataclasses import replace
from html import unescape
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa

from captive_portal import tables
from dashboards.service import application
from inventory import sql
from netops import facts, founding, spool
from netops.ledger import Ledger, LedgerEntry
from netops.report import issue
from tests.captive_portal.pages.test_ways_in import by_sms

PHONE, MAC = "13800138000", "a2:b4:c6:d8:ea:f1"
MOST = 400  # pages of one walk
BEGIN = (
    "/",
    "/months",
    "/ledger",
    "/blind",
    "/contracts",
    "/approvals",
    "/accounts",
    "/logins",
    "/probes",
    "/incidents",
)


@pytest.fixture(scope="module")
def visited(street, city_of):
    """A city with a closed month in the same place as a portal that a visitor has logged in to by his number."""
    small_city, audited_city = city_of("small_city"), city_of("audited_city")
    device = street.device()
    device.open()
    by_sms(street, device)
    street.clock.forward(120)
    for state in (street.portal._state, street.portal._state_evidence, street.portal._state_records):
        state()  # what the portal tells the ledger of its visitors
    folder = street.settings.data.dir
    with sql.Database(tables.url(street.settings)) as database, database.write() as db:
        db.execute(sa.text("UPDATE portal_session SET mac = :mac"), {"mac": MAC})  # on loopback nobody has one
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        patch.setattr("netops.report.fonts.found", lambda: None)
        patch.setattr("dashboards.running.WAIT_S", 60)
        patch.setattr("dashboards.pages.Passwords", small_city.cheap)
        settings = audited_city.build(folder)
        _sealed(settings)
        settings = replace(settings, portal=street.settings.portal, sms=street.settings.sms)
        client = application(settings, small_city.Fixed(), stack).test_client()
        sent = {"name": "auditor", "password": small_city.PASSWORD}
        assert client.post("/login", data=sent).status_code == 303
        yield client


def _sealed(settings) -> None:
    """Take what the portal stated into the ledger, as the core does."""
    told = [
        LedgerEntry(each.source, each.sequence, facts.decode(each.payload))
        for path in sorted((settings.data.dir / "spool").glob("*.db"))
        for each in spool.read(path, after=0, limit=10_000)
        if each.payload[:1] == b"{"
    ]
    signer = founding.signer(settings)
    origin = settings.ledger_origin
    assert told, "the portal stated something"
    with Ledger(issue.ledger_path(settings), origin=origin, rehearsal=True, signer=signer) as ledger:
        ledger.append(told, now_ms=1_790_000_000_000)
        ledger.checkpoint(now_ms=1_790_000_000_000)


def walked(client) -> dict[str, str]:
    """Return every page that a click leads to, by path; one a shape of address beyond the first forty."""
    waiting, seen, shapes = list(BEGIN), {}, {}
    while waiting and len(seen) < MOST:
        path = waiting.pop(0)
        shape = re.sub(r"\d+", "0", urlsplit(path).path)
        shapes[shape] = shapes.get(shape, 0) + 1
        if path in seen or shapes[shape] > 12:
            continue
        answer = client.get(path, buffered=True)
        seen[path] = answer.get_data().decode("utf-8", "replace")
        if answer.status_code == 200 and answer.mimetype == "text/html":
            waiting += [
                link.partition("#")[0]
                for link in map(unescape, re.findall(r'href="(/[^"]*)"', seen[path]))
                if not link.startswith(("/static", "/assets", "/logout"))
            ]
        elif answer.status_code in {302, 303}:
            waiting.append(answer.headers["Location"])
    return seen


def test_no_page_that_an_auditor_can_reach_holds_a_visitors_number_or_address(visited) -> None:
    pages = walked(visited)
    of_mac = _forms(MAC)

    shapes = {re.sub(r"\d+", "0", urlsplit(path).path) for path in pages}
    assert {"/month/0-0", "/contract/contract-a/0-0/revisions", "/ledger/leaf/0", "/blind"} <= shapes
    assert any(path.startswith("/reading/") for path in pages)
    for path, text in pages.items():
        digits = re.sub(r"[\s\-()]", "", text)
        assert PHONE not in digits, path
        assert "138••••8000" not in text, path
        assert not [form for form in of_mac if form in text.lower()], path


def _forms(mac: str) -> set[str]:
    digits = re.sub(r"[^0-9a-f]", "", mac.lower())
    pairs = [digits[at : at + 2] for at in range(0, 12, 2)]
    quads = [digits[at : at + 4] for at in range(0, 12, 4)]
    return {digits, ":".join(pairs), "-".join(pairs), " ".join(pairs), ".".join(quads)}


def test_the_visit_is_there_for_those_who_may_see_it(visited) -> None:
    visited.post("/logout", data={"csrf": _token(visited)})
    visited.post("/login", data={"name": "operator", "password": sys.modules["small_city"].PASSWORD})

    assert "/visits/" in visited.get("/visits").get_data(as_text=True)


def _token(client) -> str:
    return client.get("/password").get_data(as_text=True).split('name="csrf" value="')[1].split('"')[0]
