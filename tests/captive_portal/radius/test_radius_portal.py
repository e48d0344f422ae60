"""A visitor behind a controller, from the first page to the logout: portal, server and controller together."""

from __future__ import annotations

import http.client
import re
import sqlite3
import struct
from contextlib import ExitStack
from dataclasses import replace
from urllib.parse import urlencode

import pytest

from captive_portal import session as visit
from captive_portal import tables
from captive_portal.radius.service import RadiusService
from captive_portal.service import PortalService
from captive_portal.staff import directives
from captive_portal.staff.directives import Act
from netops.clock import SYSTEM
from netops.config import Listener

ACCEPT, REJECT, START, INTERIM, STOP = 2, 3, 1, 3, 2
MAC, SAID, IP = "02:11:22:33:44:55", "02-11-22-33-44-55", "127.0.8.9"


class Browser:
    """A visitor's browser that keeps no cookie; its address is what the controller has given it."""

    def __init__(self, port: int, address: str) -> None:
        self.port, self.address = port, address

    def ask(self, method: str, path: str, form: dict[str, str] | None = None) -> tuple[int, str]:
        link = http.client.HTTPConnection("127.0.0.1", self.port, source_address=(self.address, 0), timeout=20)
        headers = {"Host": "portal.test", "Content-Type": "application/x-www-form-urlencoded"}
        try:
            link.request(method, path, urlencode(form or {}) if form else None, headers)
            answer = link.getresponse()
            return answer.status, answer.read().decode()
        finally:
            link.close()

    def press(self, page: str, path: str, **fields: str) -> tuple[int, str]:
        found = re.search(r'name="token" value="([^"]+)"', page)
        assert found, page
        return self.ask("POST", path, {"token": found[1], **fields})


@pytest.fixture
def city(place):
    """The server of `place` for visitors on loopback, and a portal beside it."""
    place.service.stop()
    acs = {name: replace(each, networks="127.0.8.0/24") for name, each in place.settings.portal.acs.items()}
    portal = replace(place.settings.portal, acs={"ac-1": acs["ac-1"]}, listen=Listener(port=0), session_minutes=60)
    at = {"auth_port": place.service.auth_port, "acct_port": place.service.acct_port}
    place.settings = replace(place.settings, portal=portal, radius=replace(place.settings.radius, **at))
    place.service = RadiusService(place.settings)
    with ExitStack() as stack:
        place.service.start()
        service = PortalService(place.settings)
        service.start()
        stack.callback(service.stop)
        place.browser = Browser(service.port, IP)
        place.portal = service
        yield place


def login(city) -> str:
    """Log in by one tap; return the mark of the controller's yes."""
    ac = city.controllers["ac-1"]
    assert ac.ask(SAID, SAID, SAID, IP)[0] == REJECT
    status, page = city.browser.ask("GET", "/")
    assert status == 200
    assert city.browser.press(page, "/login", method="click_through", agree="1")[0] == 303
    assert ac.called, "the controller is made to ask again before the page says that it is done"
    code, said = ac.ask(SAID, SAID, SAID, IP)
    assert code == ACCEPT
    assert 3590 < struct.unpack(">I", said[27])[0] <= 3600
    assert ac.report(START, "s-1", SAID, IP, mark=said[25])
    return said[25]


def test_a_visitor_logs_in_is_counted_and_logs_out(city):
    ac, mark = city.controllers["ac-1"], login(city)
    _, page = city.browser.ask("GET", "/")
    assert "/logout" in page

    ac.report(INTERIM, "s-1", SAID, IP, mark=mark, up=1000, down=5_000_000_000)
    city.portal.desk.upkeep.repair()
    ac.called.clear()
    assert city.browser.press(page, "/logout")[0] == 303

    assert [octets[0] for octets in ac.called] == [40]  # Disconnect-Request
    assert ac.ask(SAID, SAID, SAID, IP)[0] == REJECT
    with sqlite3.connect(tables.url(city.settings).removeprefix("sqlite:///")) as database:
        (row,) = database.execute("SELECT end, octets_up, octets_down, mac, interface FROM portal_session").fetchall()
    database.close()
    assert row == ("logout", 1000, 5_000_000_000, None, "ac-1")


def test_whom_the_controller_puts_out_for_idling_is_not_online_here(city, eventually):
    ac, mark = city.controllers["ac-1"], login(city)
    assert city.portal.desk.live == 1

    ac.report(STOP, "s-1", SAID, IP, mark=mark, cause=4)
    eventually(lambda: city.portal.desk.live == 0)

    assert ac.ask(SAID, SAID, SAID, IP)[0] == REJECT


def staff(city, act: Act, eventually, **words) -> directives.Directive:
    """Ask, as staff do from another process, and wait for the outcome."""
    (session,) = city.portal.desk.store.live()
    wanted = directives.wanted(act, session.id, by="op", because="wish", now_ms=SYSTEM.now_ms(), **words)
    asked = directives.give(city.settings, wanted, lambda _: None)
    eventually(lambda: directives.of(city.settings, session.id)[0].outcome is not None, 30.0)
    assert directives.of(city.settings, session.id)[0].id == asked.id
    return directives.of(city.settings, session.id)[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("moods", "outcome", "said"),
    [([], "enforced", ""), (["nak 506"], "refused", "refused"), (["silent"] * 3, "silent", "no answer")],
)
def test_staff_end_a_visit_and_the_outcome_is_the_controllers(city, eventually, moods, outcome, said):
    ac, _ = city.controllers["ac-1"], login(city)
    ac.called.clear()
    ac.moods.extend(moods)

    done = staff(city, Act.END, eventually)

    assert {octets[0] for octets in ac.called} == {40}  # Disconnect-Request
    assert str(done.outcome) == outcome
    assert said in done.told
    assert city.portal.desk.live == 0
    assert ac.ask(SAID, SAID, SAID, IP)[0] == REJECT, "the door is closed, whatever the controller did"


@pytest.mark.slow
def test_staff_lengthen_a_visit_by_a_coa(city, eventually):
    ac, _ = city.controllers["ac-1"], login(city)
    desk = city.portal.desk
    (session,) = desk.store.live()
    key = session.client.key
    with desk.visits.turns.own(session.client):  # as if fifty minutes were over
        desk.visits.feed(desk.visits.at(key), visit.Adjusted(SYSTEM.now_ms() + 600_000))
    desk.gateway.allow(session.client, replace(session.grant.bounds, seconds=600))
    ac.called.clear()

    done = staff(city, Act.EXTEND, eventually, minutes=20)

    assert str(done.outcome) == "enforced"
    assert [octets[0] for octets in ac.called] == [43]  # CoA-Request
    code, said = ac.ask(SAID, SAID, SAID, IP)
    assert (code, 1700 < struct.unpack(">I", said[27])[0] <= 1800) == (ACCEPT, True)


def test_a_silent_controller_lets_nobody_in_and_the_page_says_so(city):
    ac = city.controllers["ac-1"]
    ac.ask(SAID, SAID, SAID, IP)
    ac.moods.extend(["silent"] * 3)
    _, page = city.browser.ask("GET", "/")
    status, _ = city.browser.press(page, "/login", method="click_through", agree="1")

    assert status == 503
    assert city.portal.desk.live == 0
    assert ac.ask(SAID, SAID, SAID, IP)[0] == REJECT  # the door was closed again


def test_a_stranger_to_the_controller_is_nobody(city):
    """S11: the page believes the controller's report about an address, and nothing that a browser says."""
    status, _ = Browser(city.portal.port, "127.0.8.77").ask("GET", "/?mac=02-11-22-33-44-55&userip=127.0.8.9")

    assert status == 403


def test_both_restart_and_nobody_is_thrown_out(city):
    ac, _ = city.controllers["ac-1"], login(city)
    ac.called.clear()
    city.restart()
    again = PortalService(city.settings)
    city.portal.stop()
    again.start()
    try:
        assert again.desk.live == 1
        _, page = Browser(again.port, IP).ask("GET", "/")
        assert "/logout" in page
        assert ac.called == []
        assert ac.ask(SAID, SAID, SAID, IP)[0] == ACCEPT
    finally:
        again.stop()


def test_while_the_server_is_away_a_page_says_so_at_once(city):
    """R19: nobody new gets in, the page answers at once, and those who are in stay in."""
    ac, mark = city.controllers["ac-1"], login(city)
    city.service.stop()
    began = SYSTEM.monotonic()
    status, page = city.browser.ask("GET", "/")

    assert status == 503
    assert "<html" in page
    assert SYSTEM.monotonic() - began < 5.0

    city.restart()
    status, page = city.browser.ask("GET", "/")
    assert (status, "/logout" in page) == (200, True)
    assert ac.report(INTERIM, "s-1", SAID, IP, mark=mark)
