"""Visitors behind a controller that speaks Portal 2.0: in, out, by its word and by ours."""

from __future__ import annotations

import importlib.util
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from captive_portal.errors import GatewayError
from captive_portal.model import Bounds
from captive_portal.portal2 import exchange, packets, reports, side

_spec = importlib.util.spec_from_file_location("portal2_world", Path(__file__).with_name("portal2_world.py"))
worlds = sys.modules.get("portal2_world") or importlib.util.module_from_spec(_spec)
if "portal2_world" not in sys.modules:
    sys.modules["portal2_world"] = worlds
    _spec.loader.exec_module(worlds)
MAC, OTHER, ADDRESS, simulator, until = (
    worlds.MAC,
    worlds.OTHER,
    worlds.ADDRESS,
    worlds.simulator,
    worlds.until,
)
HOUR = Bounds(seconds=3600)


@pytest.fixture
def world(tmp_path):
    with worlds.world(tmp_path) as made:
        yield made


def test_who_has_an_address_says_the_controller(world) -> None:
    found = world.gateway.identify(ADDRESS)

    assert (found.mac, found.interface, found.addresses) == (MAC, "ac-1", (ADDRESS,))
    assert world.gateway.identify("10.1.0.99") is None
    assert world.gateway.identify("192.0.2.1") is None, "no network of its visitors: it is not even asked"


def test_a_login_is_challenge_token_and_affirmation(world) -> None:
    world.gateway.allow(world.client(), HOUR)

    assert world.ac.online[ADDRESS].mac == MAC
    world.ac.wait(simulator.AFF_ACK_AUTH)
    until(lambda: world.ac.online[ADDRESS].affirmed)
    assert world.inside() == {ADDRESS: MAC}
    assert world.ac.bad == []


def test_a_visitor_behind_a_nat_is_a_stranger_and_the_operator_is_told(world, caplog) -> None:
    claimed = {"wlanuserip": "10.1.0.9", "wlanacip": "10.6.10.77"}
    for _ in range(3):
        world.gateway.puzzled("203.0.113.9", claimed)
    world.gateway.puzzled("203.0.113.9", {"wlanuserip": "198.51.100.1"})
    world.gateway.puzzled("203.0.113.9", {})
    world.gateway.puzzled("10.1.0.9", claimed)

    assert world.gateway.identify("203.0.113.9") is None
    assert world.part.counters()["behind_nat"] == 3
    assert [each.getMessage().count("is there NAT") for each in caplog.records] == [1]


def test_with_pap_the_token_is_shown_at_once(tmp_path) -> None:
    with worlds.world(tmp_path, portal_auth="pap") as world:
        world.gateway.allow(world.client(), HOUR)

        assert world.ac.online[ADDRESS].mac == MAC
        assert simulator.REQ_CHALLENGE not in [each.type for each in world.ac.heard]
        until(lambda: world.ac.online[ADDRESS].affirmed)


def test_a_token_is_good_once_and_its_name_is_no_person(world) -> None:
    world.gateway.allow(world.client(), HOUR)
    world.gateway.revoke(world.client())
    world.gateway.allow(world.client(), HOUR)

    assert len(world.radius.used) == 2
    assert MAC.replace(":", "") not in "".join(world.radius.used)


def test_who_is_put_out_is_out_at_the_controller(world) -> None:
    world.gateway.allow(world.client(), HOUR)

    world.gateway.revoke(world.client())

    assert world.ac.online == {}
    assert world.inside() == {}


def test_a_controller_that_heeds_no_time_is_told_when_it_is_over(world, monkeypatch) -> None:
    heeds = world.radius
    world.ac.authorise = lambda *shown: heeds(*shown) and 1_000_000
    world.ac.station("10.1.0.2", OTHER)
    world.gateway.allow(world.client(), Bounds(seconds=1))
    world.gateway.allow(world.client(OTHER, "10.1.0.2"), Bounds(seconds=1))
    until(lambda: world.inside() == {})

    world.gateway.revoke(world.client())  # as the desk does when a visit is over
    left = set(world.ac.online)
    monkeypatch.setattr(side, "LATE_MS", 0)  # and of the other the desk knows nothing
    world.gateway.post._late_due = 0.0
    until(lambda: world.ac.online == {})

    assert left == {"10.1.0.2"}
    assert world.part.counters()["out"] == 2


def test_who_is_in_by_an_answer_that_was_lost_is_put_out(world, monkeypatch) -> None:
    """Neither the yes of the controller nor our taking back gets through: still nobody is in without a record (I4)."""
    monkeypatch.setattr(exchange, "WAITS_S", (0.05, 0.05, 0.05))
    world.ac.spoil = lambda octets: [] if octets[1] == simulator.ACK_AUTH else [octets]
    world.ac.lose = lambda octets: octets[1] == simulator.REQ_LOGOUT
    with pytest.raises(GatewayError, match="did not answer"):
        world.gateway.allow(world.client(), HOUR)
    inside, online = world.inside(), set(world.ac.online)
    with pytest.raises(GatewayError, match="did not answer"):
        world.gateway.revoke(world.client())  # as the desk does when a login could not be completed

    world.ac.spoil, world.ac.lose = lambda octets: [octets], lambda _octets: False
    world.close()
    world.open()
    monkeypatch.setattr(side, "LATE_MS", 0)
    world.gateway.post._late_due = 0.0
    until(lambda: world.ac.online == {})

    assert (inside, online) == ({}, {ADDRESS})
    assert world.ears.gone == []


def test_who_has_the_address_by_now_is_not_put_out_for_another(world) -> None:
    world.gateway.allow(world.client(), HOUR)

    world.gateway.revoke(world.client(OTHER))

    assert world.inside() == {ADDRESS: MAC}
    assert world.ac.online


def test_lost_packets_are_said_again(world, monkeypatch) -> None:
    monkeypatch.setattr(exchange, "WAITS_S", (0.15, 0.15, 0.5))
    lost = iter([True, False, True, True, False, False, False])
    world.ac.lose = lambda _octets: next(lost, False)

    world.gateway.allow(world.client(), HOUR)

    assert world.inside() == {ADDRESS: MAC}
    assert world.part.counters()["resent"] == 3


def test_an_affirmation_that_was_lost_is_said_again(world) -> None:
    world.ac.lose = lambda octets: octets[1] == simulator.AFF_ACK_AUTH
    answers = []
    world.ac.spoil = lambda octets: answers.append(octets) or [octets]
    world.gateway.allow(world.client(), HOUR)
    world.ac.lose = lambda _octets: False
    last_seen = world.gateway.journal

    sender = next(kept for kept in _kept(world) if kept.way == "out" and kept.octets[1] == simulator.REQ_AUTH)
    assert sender
    # the controller says ACK_AUTH again, to the port that asked
    world.ac.socket.sendto(answers[-1], world.ac.last_sender)

    until(lambda: world.ac.online[ADDRESS].affirmed)
    assert last_seen.missed == 0


def _kept(world) -> list[packets.Kept]:
    world.gateway.journal.settle()
    return list(packets.read(world.gateway.journal.path, world.gateway.journal.vault))


def test_a_refusal_lets_nobody_in_and_says_what_the_controller_said(world) -> None:
    world.radius.refuses = True

    with pytest.raises(GatewayError, match=r"refused the token.*\(密码错误\)"):
        world.gateway.allow(world.client(), HOUR)

    assert world.inside() == {}


def test_an_address_that_was_online_before_is_logged_in_anew(world) -> None:
    world.ac.online[ADDRESS] = simulator.Online(OTHER, "old", 7, 1e12)

    world.gateway.allow(world.client(), HOUR)

    assert world.ac.online[ADDRESS].mac == MAC
    assert world.inside() == {ADDRESS: MAC}


def test_the_next_visitor_at_an_address_ends_the_visit_of_the_last(world) -> None:
    world.gateway.allow(world.client(), HOUR)
    world.ac.station(ADDRESS, OTHER)

    world.gateway.allow(world.client(OTHER), HOUR)

    assert world.inside() == {ADDRESS: OTHER}
    until(lambda: [each.mac for each in world.ears.gone] == [MAC])


def test_a_controller_that_lets_another_device_in_is_told_to_put_it_out(world) -> None:
    world.ac.names_mac = OTHER

    with pytest.raises(GatewayError, match="another device"):
        world.gateway.allow(world.client(), HOUR)

    assert world.ac.online == {}
    assert world.inside() == {}


def test_a_silent_controller_costs_three_logins_time_and_then_nobodys(world, monkeypatch) -> None:
    monkeypatch.setattr(exchange, "WAITS_S", (0.05, 0.05, 0.05))
    world.ac.silent = True
    for _ in range(3):
        with pytest.raises(GatewayError, match="did not answer"):
            world.gateway.allow(world.client(), HOUR)

    before = world.part.counters()["courses"]
    with pytest.raises(GatewayError, match="has not answered 3 times"):
        world.gateway.identify("10.1.0.7")

    assert world.part.counters()["courses"] == before, "it was not asked"
    assert "has not answered" in world.part.ready().wrong["controller"]


def test_a_restart_forgets_nobody_and_asks_nobody(world) -> None:
    world.gateway.allow(world.client(), HOUR)
    born = world.part.ready().born
    world.close()
    before = len(world.ac.heard)

    world.open()

    assert world.inside() == {ADDRESS: MAC}
    assert world.part.ready().born == born
    assert len(world.ac.heard) == before


def test_after_a_kill_its_memory_is_a_new_one(world, monkeypatch) -> None:
    world.gateway.allow(world.client(), HOUR)
    born = world.part.ready().born
    world.gateway.journal.settle()
    monkeypatch.setattr(type(world.gateway.journal), "_say", lambda *_: None)  # "closed" is not written
    world.close()
    monkeypatch.undo()

    world.open()

    assert world.inside() == {ADDRESS: MAC}
    assert world.part.ready().born != born


def test_after_a_login_that_failed_nobody_counts_as_put_out(world) -> None:
    born = world.part.ready().born
    world.radius.refuses = True

    with pytest.raises(GatewayError):
        world.gateway.allow(world.client(), HOUR)

    assert world.part.ready().born != born


def test_v6_visitors_have_an_attribute_of_their_own(world) -> None:
    world.ac.station("fd01::1", MAC)

    world.gateway.allow(world.client(MAC, ADDRESS, "fd01::1"), HOUR)

    assert set(world.inside()) == {ADDRESS, "fd01::1"}
    assert world.gateway.identify("fd01::1").mac == MAC
    world.ac.kick(ADDRESS)
    until(lambda: set(world.inside()) == {"fd01::1"})
    assert world.ears.gone == [], "the device is online still"


# ---- what the RADIUS server beside us has heard
class Line:
    """Answers as the server does; away when told so."""

    def __init__(self) -> None:
        self.listed = [["ac-1", MAC, ADDRESS, 50, 1_000, 9_000], ["ac-1", MAC, "fd01::1", 50, 0, 0]]
        self.away = False
        self.asked = 0

    def every(self, verb: str, **asked: object) -> list[dict[str, object]]:
        self.asked += 1
        if self.away:
            raise GatewayError("away")
        return [{"listed": self.listed}] if verb == "list" else [{"place": "ac-1", "mac": MAC}]


def test_octets_are_those_of_accounting_and_a_server_that_is_away_makes_none_go_back(world, clock) -> None:
    line = Line()
    world.part._reports = reports.Reports(line, clock, ["ac-1"])
    world.ac.station("fd01::1", MAC)
    world.gateway.allow(world.client(MAC, ADDRESS, "fd01::1"), HOUR)

    def octets() -> list[tuple[int, int]]:
        return [(each.octets_up, each.octets_down) for each in world.gateway.admitted()]

    first = octets()
    line.away = True
    clock.forward(60)
    away = octets()
    line.away, line.listed = False, [["ac-1", MAC, ADDRESS, 40, 2_000, 9_500]]
    clock.forward(60)
    octets()
    asked = line.asked

    assert first == away == [(1_000, 9_000), (0, 0)]
    assert octets() == [(2_000, 9_500), (0, 0)]
    assert line.asked == asked == 3, "within ten seconds nobody is asked again"


def test_where_req_info_has_no_word_for_a_mac_accounting_tells_it(world, clock) -> None:
    world.ac.tells_mac = False
    assert world.gateway.identify(ADDRESS) is None
    line = Line()
    told = reports.Reports(line, clock, ["ac-1"])
    world.part.side.around = replace(world.part.side.around, reported=told.mac)
    world.part.side.forget(ADDRESS)

    assert world.gateway.identify(ADDRESS).mac == MAC
    assert told.mac("ac-2", ADDRESS) == ""
    line.away = True
    assert told.mac("ac-1", ADDRESS) == ""


def test_a_portal_that_stops_waits_for_no_controller_that_is_busy(world, monkeypatch) -> None:
    monkeypatch.setattr(side, "BUSY_S", 60.0)
    asked = threading.Event()

    def busy(_course: object) -> exchange.Answer:
        asked.set()
        return exchange.Answer(code=exchange.Code.BUSY)

    monkeypatch.setattr(world.part.side.door, "run", busy)
    refused: list[str] = []

    def login() -> None:
        with pytest.raises(GatewayError) as error:
            world.gateway.allow(world.client(MAC, ADDRESS), HOUR)
        refused.append(str(error.value))

    waiting = threading.Thread(target=login)
    waiting.start()
    asked.wait(20)
    world.close()
    waiting.join(20)

    assert "another attempt of this visitor runs" in refused[0]
