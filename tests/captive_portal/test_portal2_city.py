"""A whole portal before a controller that speaks Portal 2.0 and asks our RADIUS server: what a visitor meets."""

from __future__ import annotations

import http.client
import importlib.util
import re
import sys
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import pytest

from captive_portal.portal2 import packets
from captive_portal.radius.service import RadiusService
from captive_portal.service import PortalService
from captive_portal.staff import directives
from netops import facts, spool
from netops.config import Listener
from netops.controllers import Controller
from netops.controllers import Portal2 as Portal2At
from netops.controllers import Radius as RadiusAt
from netops.secret import Secret

_spec = importlib.util.spec_from_file_location("portal2_world", Path(__file__).with_name("portal2_world.py"))
worlds = sys.modules.get("portal2_world") or importlib.util.module_from_spec(_spec)
if "portal2_world" not in sys.modules:
    sys.modules["portal2_world"] = worlds
    _spec.loader.exec_module(worlds)
simulator, until = worlds.simulator, worlds.until
VISITOR, OTHER = "127.0.0.50", "127.0.0.51"
MAC, OTHER_MAC = "02:11:22:33:44:55", "02:11:22:33:44:66"
POLICY = """
policy: park
title: Park
sites: [site-1]
methods: [click_through]
session_minutes: 60
"""
RETURNING = "returning: {days: 7, methods: [click_through], random_macs: yes}\n"
RADIUS_SECRET = "a-secret-of-radius-32-characters"


class City:
    """Portal, RADIUS server and controller on loopback."""

    def __init__(self, settings, ac) -> None:
        self.settings, self.ac = settings, ac
        self.radius = RadiusService(settings)
        self.portal = PortalService(settings)

    def start(self) -> None:
        self.radius.start()
        self.portal.start()
        self.ac.authorise = simulator.asks_radius(self.ac, ("127.0.0.1", self.radius.auth_port), RADIUS_SECRET.encode())
        gateway = next(each for each in self.portal.desk.gateway._every if each.name == "portal2")
        self.ac.portal = ("127.0.0.1", gateway.post.port)

    def stop(self) -> None:
        self.portal.stop()
        self.radius.stop()

    def ask(self, path: str = "/", form: dict | None = None, *, source: str = VISITOR, host: str = "portal.test"):
        link = http.client.HTTPConnection("127.0.0.1", self.portal.port, timeout=20, source_address=(source, 0))
        body = urlencode(form) if form else None
        headers = {"Host": host, "Content-Type": "application/x-www-form-urlencoded", "Accept-Language": "en"}
        link.request("POST" if form else "GET", path, body, headers)
        answer = link.getresponse()
        text = answer.read().decode()
        link.close()
        return answer.status, text, answer.getheader("Location")

    def login(self, *, source: str = VISITOR, path: str = "/"):
        _, page, _ = self.ask(path, source=source)
        token = re.search(r'name="token" value="([^"]+)"', page)
        assert token, page
        return self.ask("/login", {"token": token[1], "method": "click_through"}, source=source)


@pytest.fixture
def city(settings, request):
    with simulator.Ac(authorise=None, secret=worlds.SECRET.encode()) as ac:
        ac.station(VISITOR, MAC)
        ac.station(OTHER, OTHER_MAC)
        given = Controller(
            gateway="portal2",
            vendor="h3c",
            address=ac.host,
            networks="127.0.0.0/8",
            secret=Secret(f"plain:{RADIUS_SECRET}"),
            portal_secret=Secret(f"plain:{worlds.SECRET}"),
            portal_port=ac.port,
            portal_binding=True,
            site="site-1",
        )
        policies = settings.data.dir / "policies"
        policies.mkdir()
        (policies / "park.yaml").write_text(POLICY + getattr(request, "param", ""), encoding="utf-8")
        portal = replace(
            settings.portal,
            gateway="none",
            visitors={},
            acs={"ac-1": given},
            listen=Listener(port=0),
            policies=policies,
        )
        made = replace(
            settings,
            portal=portal,
            portal2=Portal2At(host="127.0.0.1", port=0),
            radius=RadiusAt(enabled=True, listen="127.0.0.1", auth_port=0, acct_port=0),
        )
        whole = City(made, ac)
        try:
            whole.start()
            yield whole
        finally:
            whole.stop()


def test_a_visitor_logs_in_is_online_and_logs_out(city) -> None:
    status, _, where = city.login()

    assert (status, where) == (303, "/")
    assert city.ac.online[VISITOR].mac == MAC
    until(lambda: city.ac.online[VISITOR].affirmed)
    assert 3500 < city.ac.online[VISITOR].until - worlds.time.monotonic() <= 3600
    status, page, _ = city.ask()
    assert status == 200
    assert "/logout" in page
    token = re.search(r'name="token" value="([^"]+)"', page)[1]

    city.ask("/logout", {"token": token})

    assert city.ac.online == {}
    assert "/logout" not in city.ask()[1]
    assert city.portal.gauges()["netops_portal_gateway_portal2_ac_1_in"] == 1
    assert city.ac.bad == []


@pytest.mark.slow
@pytest.mark.parametrize("silent", [False, True])
def test_staff_put_a_visitor_out_and_the_outcome_is_the_controllers(city, monkeypatch, silent: bool) -> None:
    from captive_portal.portal2 import exchange

    city.login()
    until(lambda: len(city.portal.desk.store.live()) == 1)
    (session,) = city.portal.desk.store.live()
    if silent:
        monkeypatch.setattr(exchange, "WAITS_S", (0.02, 0.02, 0.02))
        city.ac.silent = True
    now_ms = city.portal.clock.now_ms()
    wanted = directives.wanted(directives.Act.END, session.id, by="op", because="abuse", now_ms=now_ms)
    directives.give(city.settings, wanted, lambda _: None)
    until(lambda: directives.of(city.settings, session.id)[0].outcome is not None)

    assert directives.of(city.settings, session.id)[0].outcome == ("silent" if silent else "enforced")
    assert (city.ac.online == {}) != silent
    assert city.portal.desk.live == 0
    if silent:
        city.ac.silent = False
        until(lambda: city.portal.desk.upkeep.repair() >= 0 and city.ac.online == {})
    assert "Our staff have ended your connection" in city.ask()[1]


def test_the_chain_of_packets_and_the_controllers_time_are_facts(city) -> None:
    city.login()
    gateway = next(each for each in city.portal.desk.gateway._every if each.name == "portal2")
    gateway.journal.settle()
    city.portal._state_evidence()
    city.portal._state_evidence()
    city.portal.desk.visits.outcomes.settle()
    city.portal.desk.telling.flush(city.portal.clock.now_ms(), everything=True)

    path = city.settings.data.dir / "spool" / "portal.db"
    told = [facts.decode(each.payload) for each in spool.read(path, after=0, limit=100) if each.kind == "fact"]
    heads = [each.body for each in told if each.kind == "controller_packets"]
    logins = [each.body for each in told if each.kind == "portal_logins"]

    assert [each["head"] for each in heads] == [packets.check(gateway.journal.path).head[1]]
    assert logins[0]["gateway_ms_p50"] == logins[0]["gateway_ms_p95"] < 3000
    assert (logins[0]["online"], logins[0]["unconfirmed"], logins[0]["gateway"]) == (1, 0, "ac-1")


def test_the_query_of_the_redirect_lets_nobody_else_in(city) -> None:
    """S11: who writes another's address, MAC and controller into the address logs in for itself alone."""
    forged = urlencode(
        {
            "wlanuserip": OTHER,
            "wlanusermac": OTHER_MAC,
            "usermac": OTHER_MAC,
            "wlanacip": "203.0.113.9",
            "nas-ip": "203.0.113.9",
            "wlanacname": "ac-9",
            "url": "http://evil.example/",
        }
    )

    status, _, where = city.login(path=f"/?{forged}")

    assert (status, where) == (303, "/")
    assert {address: user.mac for address, user in city.ac.online.items()} == {VISITOR: MAC}
    assert "evil.example" not in city.ask(f"/?{forged}")[1]


def test_whom_the_controller_puts_out_sees_the_login_page_again(city) -> None:
    city.login()
    city.ac.kick(VISITOR)

    until(lambda: "/logout" not in city.ask()[1])

    assert city.portal.desk.live == 0
    city.login()
    assert city.ac.online[VISITOR].mac == MAC


def test_whom_a_restarted_controller_has_forgotten_sees_the_login_page_at_once(city) -> None:
    """It captures them again and tells nobody; a page that says "online" would help nobody."""
    city.login()
    city.ac.online.clear()
    gateway = next(each for each in city.portal.desk.gateway._every if each.name == "portal2")
    gateway.parts()[0].side.forget(VISITOR)

    status, page, _ = city.ask("/?wlanuserip=" + VISITOR)

    assert (status, "/logout" in page, 'name="token"' in page) == (200, False, True)
    assert city.portal.desk.live == 0


def test_a_token_that_was_overheard_is_worth_nothing(city) -> None:
    """The name and the proof of a login, shown to our RADIUS server a second time and from another device."""
    seen = []
    asks = city.ac.authorise
    city.ac.authorise = lambda *shown: seen.append(shown) or asks(*shown)
    city.login()
    name, shown, _ = seen[0]

    assert asks(name, shown, MAC) is None
    assert asks(name, shown, OTHER_MAC) is None


@pytest.mark.parametrize("city", [RETURNING], indirect=True, ids=["returning"])
def test_a_device_that_comes_back_is_in_before_it_sees_a_page(city) -> None:
    """The controller asks about a MAC it has just seen (0x30); the site's policy lets those back in who were here."""
    city.login()
    city.ac.kick(VISITOR)
    until(lambda: city.portal.desk.live == 0 and city.portal.desk.store.live() == [])
    city.ac.station("127.0.0.77", MAC)

    def asks(address: str, mac: str) -> None:
        pairs = [city.ac.mac_of(mac)]
        city.ac.tell(simulator.packet(simulator.REQ_MACBIND, address, pairs=pairs, secret=city.ac.secret))

    asks("127.0.0.77", MAC)
    until(lambda: "127.0.0.77" in city.ac.online)
    asks(OTHER, OTHER_MAC)
    said = [each.error for each in city.ac.heard if each.type == simulator.ACK_MACBIND]

    assert city.ac.online["127.0.0.77"].mac == MAC
    assert said[0] == 0
    until(lambda: [each.error for each in city.ac.heard if each.type == simulator.ACK_MACBIND] == [0, 1])
    assert list(city.ac.online) == ["127.0.0.77"]
    assert "/logout" in city.ask(source="127.0.0.77")[1]


def test_an_open_door_lets_nobody_in_by_mac_alone(city) -> None:
    city.login()

    assert city.ac.authorise(MAC, MAC.encode(), MAC) is None


def test_a_controller_that_is_away_is_said_on_a_page_within_a_second(city, monkeypatch) -> None:
    from captive_portal.portal2 import exchange

    monkeypatch.setattr(exchange, "WAITS_S", (0.02, 0.02, 0.02))
    city.login()
    city.ac.silent = True
    for _ in range(4):
        status, page, _ = city.ask(source="127.0.0.60")
        assert status == 503
        assert "<html" in page
    monkeypatch.setattr(exchange, "WAITS_S", (3.0, 3.0, 3.0))  # whoever asked it now would wait for nine
    began = worlds.time.monotonic()
    status, page, _ = city.ask(source="127.0.0.61")
    took = worlds.time.monotonic() - began

    assert (status, took < 6.0) == (503, True)
    assert "portal2-ac-1" in str(city.portal.desk.gateway.ready().wrong)
    captured = city.ask("/generate_204", source="127.0.0.62", host="connectivitycheck.gstatic.com")
    assert captured[0] == 302, "a phone that gets an error shows no login page"
    assert city.portal.desk.live == 1


def test_without_the_radius_server_nobody_new_is_in_and_nobody_is_out(city) -> None:
    city.login()
    city.radius.stop()
    status, page, _ = city.login(source=OTHER)
    alone = dict(city.ac.online)

    city.radius = RadiusService(
        replace(city.settings, radius=replace(city.settings.radius, auth_port=city.radius.auth_port))
    )
    city.radius.start()
    again = city.login(source=OTHER)[0]

    assert (status, "<html" in page) == (503, True)
    assert list(alone) == [VISITOR]
    assert again == 303
    assert set(city.ac.online) == {VISITOR, OTHER}


def test_a_restart_throws_nobody_out_and_asks_the_controller_nothing(city) -> None:
    city.login()
    city.stop()
    before = len(city.ac.heard)

    city.portal, city.radius = PortalService(city.settings), RadiusService(city.settings)
    city.start()

    assert city.portal.desk.live == 1
    assert city.ac.online[VISITOR].mac == MAC
    logins = [each for each in city.ac.heard[before:] if each.type in {simulator.REQ_AUTH, simulator.REQ_LOGOUT}]
    assert logins == []
    assert "/logout" in city.ask()[1]


def test_a_yes_of_the_controllers_own_is_no_login_that_counts(city) -> None:
    """ACK_AUTH 0 without a question to our RADIUS server: the visitor is in by its word, and nobody has seen it."""
    outcomes = city.portal.desk.visits.outcomes
    city.login(source=OTHER)
    outcomes.settle()
    city.ac.authorise = lambda _name, _shown, _mac: 3600
    assert city.login()[0] == 303
    outcomes.settle()

    totals = city.portal.desk.telling.totals
    assert (totals["online"], totals["unconfirmed"]) == (1, 0)
    assert len(outcomes._claims) == 1, "it waits for its witness"
    outcomes.close()
    assert totals["online"] == 1


@pytest.mark.slow
def test_a_controller_that_is_silent_when_asked_who_it_is_leaves_the_visitor_unserved(city) -> None:
    city.ac.stations.clear()
    city.ac._info = lambda _said: None
    assert city.ask()[0] == 503
    assert city.ask()[0] == 503

    totals = city.portal.desk.telling.totals
    assert (totals["unserved"], totals["ours"]) == (1, 0)
