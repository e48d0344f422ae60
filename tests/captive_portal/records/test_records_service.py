"""The portal as it runs: its first and last words about the records, and what it says when it cannot keep them."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from captive_portal.records import chain, tables
from captive_portal.service import PortalService
from captive_portal.tables import url
from inventory.sql import Database
from netops import facts, spool
from netops.config import Listener
from netops.errors import ConfigError
from netops.secret import Secret


def stated(settings, kind: str) -> list[dict]:
    path = settings.data.dir / "spool" / "portal.db"
    every = [facts.decode(entry.payload) for entry in spool.read(path, after=0, limit=1000) if entry.kind == "fact"]
    return [dict(each.body) for each in every if each.kind == kind]


@pytest.fixture
def running(settings, clock):
    portal = replace(settings.portal, listen=Listener(port=0), methods="click_through")
    service = PortalService(replace(settings, portal=portal), clock)
    service.start()
    yield service
    service.stop()


def enter(service) -> None:
    import urllib.request

    at = f"http://127.0.0.1:{service.port}"
    page = urllib.request.urlopen(f"{at}/", timeout=10).read().decode()
    token = re.search(r'name="token" value="([^"]+)"', page)
    assert token
    form = f"token={token[1]}&method=click_through".encode()
    urllib.request.urlopen(f"{at}/login", form, timeout=10).close()


def test_a_login_is_an_entry_and_the_head_is_stated_when_the_portal_stops(running, settings) -> None:
    enter(running)
    running.stop()

    with Database(url(settings), readonly=True) as database, database.read() as connection:
        number, head = chain.last(connection)
    (told,) = stated(settings, "portal_records")
    assert (told["entries"], told["head"]) == (number, head.hex())
    assert number >= 1


def test_the_hourly_round_runs_in_the_service(running, settings, clock) -> None:
    enter(running)
    clock.forward(300 * 86_400)
    running.desk.upkeep.expire()
    clock.forward(300 * 86_400)
    for _ in range(2):
        running._purge()

    assert stated(settings, "portal_records")
    assert running.health() == {}


def test_a_person_key_that_is_too_short_is_said_at_the_start(settings, clock) -> None:
    portal = replace(settings.portal, person_key=Secret("plain:short"))
    service = PortalService(replace(settings, portal=portal), clock)

    with pytest.raises(ConfigError, match="at least 32"):
        service.start()


def test_months_keys_that_cannot_be_made_let_nobody_in_and_the_page_says_so(running, settings) -> None:
    import urllib.error

    folder = tables.keys(settings)
    folder.parent.mkdir(exist_ok=True)
    folder.write_text("a file where a directory should be")

    with pytest.raises(urllib.error.HTTPError) as refused:
        enter(running)

    refused.value.close()
    assert refused.value.code == 503
    assert running.desk.gateway.admitted() == []


def test_what_a_killed_portal_did_not_say_is_said_by_the_next_one(running, settings, clock) -> None:
    enter(running)
    running._keeper = None  # no last words
    running.stop()
    assert stated(settings, "portal_records") == []

    again = PortalService(running.settings, clock)
    again.start()
    again.stop()

    assert [each["entries"] for each in stated(settings, "portal_records")] == [1]
