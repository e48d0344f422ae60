"""Many repairs after a gateway forgot everything, some of which fail; on a real database and a simulated gateway."""

from __future__ import annotations

from dataclasses import replace

import pytest

from captive_portal import adopting, upkeep
from captive_portal.enforcing import Readiness
from captive_portal.errors import GatewayError, SilentError
from captive_portal.gateways.simulated import Simulated
from captive_portal.gateways.switchboard import Switchboard
from captive_portal.model import Bounds, Client, End
from inventory.errors import SqlBusyError
from tests.captive_portal.visiting import click, client, ends, inside


class Forgetful(Simulated):
    """Has forgotten everybody, and does something of the test's before it opens or closes a door."""

    at_once = 2

    def __init__(self, house) -> None:
        super().__init__(house.settings.portal, house.clock)
        self.before = lambda _client: None
        self.asked = 0

    def allow(self, client, bounds) -> None:
        self.asked += 1
        self.before(client)
        super().allow(client, bounds)

    def revoke(self, client) -> None:
        self.before(client)
        super().revoke(client)


def forgotten(house, count: int):
    """Return a desk with so many visits that its gateway has forgotten."""
    desk = house.open()
    for each in range(1, count + 1):
        desk.login(click(each))
    desk.upkeep.repair()
    desk.visits.gateway = house.gateway = Forgetful(house)
    house.clock.forward(60)
    return desk


def test_a_stop_ends_a_mass_repair_and_the_next_start_takes_up_the_rest(house) -> None:
    desk = forgotten(house, 40)
    house.gateway.before = lambda _client: desk.upkeep.stop()

    assert desk.upkeep.repair() == 0
    assert len(inside(house)) <= house.gateway.at_once, "what was under way"
    assert desk.store.born("simulated") != house.gateway.ready().born

    house.gateway.before = lambda _client: None
    desk = house.restart()
    house.clock.forward(60)
    desk.upkeep.repair()
    assert len(inside(house)) == desk.live == 40


def test_who_was_not_answered_after_the_gateways_restart_is_not_taken_for_run_out(house) -> None:
    desk = forgotten(house, 3)

    def silent(who: Client) -> None:
        if who.mac == client(2).mac:
            raise SilentError("no answer in time")

    house.gateway.before = silent
    with pytest.raises(GatewayError, match="1 of 3 repairs failed and are tried again; the first: no answer in time"):
        desk.upkeep.repair()
    assert inside(house) == {"127.0.0.1", "127.0.0.3"}

    house.gateway.before = lambda _client: None
    desk = house.restart()
    desk.upkeep.look_in()
    assert inside(house) == {"127.0.0.1", "127.0.0.2", "127.0.0.3"}
    assert desk.live == 3


def test_who_is_refused_after_the_gateways_restart_is_not_asked_about_for_ever(house) -> None:
    desk = forgotten(house, 2)

    def refusing(who: Client) -> None:
        if who.mac == client(2).mac:
            raise GatewayError("nobody of mine")

    house.gateway.before = refusing
    for _ in range(upkeep.ROUNDS):
        assert desk.live == 2
        with pytest.raises(GatewayError, match="nobody of mine"):
            desk.upkeep.repair()
    desk.upkeep.repair()

    assert inside(house) == {"127.0.0.1"}
    assert ends(desk) == [("", End.LOST), (client(1).mac, None)]


def half_refused(house):
    """Return a desk with two visitors, of whom the first has a second address, which its gateway refuses."""
    house.gateway = Forgetful(house)
    desk = house.open()
    for each in (1, 2):
        desk.login(click(each))
    desk.upkeep.repair()
    house.clock.forward(60)
    live = desk.visits.at(client(1).key)
    desk.visits.hold(replace(live, client=live.client.at("127.0.0.1", "127.0.0.9")))

    def refusing(who: Client) -> None:
        if "127.0.0.9" in who.addresses:
            raise GatewayError("the set is full")

    house.gateway.before = refusing
    return desk


def test_one_refused_address_does_not_hurry_the_chores_for_as_long_as_its_visit_lives(house, caplog) -> None:
    desk = half_refused(house)
    for _ in range(upkeep.ROUNDS):
        with pytest.raises(GatewayError, match="1 of 1 repairs failed and are tried again; the first: the set is full"):
            desk.upkeep.repair()

    for _ in range(3):
        assert desk.upkeep.repair() == 0
    (said,) = [each.getMessage() for each in caplog.records if "health says no more" in each.getMessage()]
    assert said.endswith(f"gateway=simulated session={desk.visits.at(client(1).key).id}")
    asked, house.gateway.admitted = house.gateway.asked, None
    assert desk.upkeep.look_in() == 0, "no list is read"

    del house.gateway.admitted
    house.gateway.before = lambda _client: None
    assert desk.upkeep.repair() == 1
    assert house.gateway.asked == asked + 1
    assert inside(house) == {"127.0.0.1", "127.0.0.9", "127.0.0.2"}


def test_an_address_that_was_refused_for_long_hides_no_other_failure(house) -> None:
    desk = half_refused(house)
    for _ in range(upkeep.ROUNDS):
        with pytest.raises(GatewayError):
            desk.upkeep.repair()
    refusing = house.gateway.before
    Simulated.allow(house.gateway, client(7), Bounds(seconds=600))

    def lingering(who: Client) -> None:
        refusing(who)
        if who.mac == client(7).mac:
            raise GatewayError("it lingers")

    house.gateway.before = lingering
    for _ in range(upkeep.ROUNDS + 1):
        with pytest.raises(GatewayError, match="1 of 2 repairs failed and are tried again; the first: it lingers"):
            desk.upkeep.repair()


def test_what_a_gateway_refused_before_its_restart_does_not_count_after_it(house) -> None:
    desk = half_refused(house)
    for _ in range(upkeep.ROUNDS):
        with pytest.raises(GatewayError, match="the set is full"):
            desk.upkeep.repair()
    house.gateway = desk.visits.gateway = Forgetful(house)

    def refusing(_who: Client) -> None:
        raise GatewayError("the uplink is not there yet")

    house.gateway.before = refusing
    with pytest.raises(GatewayError, match="2 of 2 repairs failed"):
        desk.upkeep.repair()

    house.gateway.before = lambda _client: None
    house.clock.forward(30)
    desk.upkeep.repair()
    assert desk.live == 2
    assert inside(house) == {"127.0.0.1", "127.0.0.9", "127.0.0.2"}


def test_rounds_without_an_answer_do_not_count_as_refused(house) -> None:
    desk = forgotten(house, 2)

    def silent(_who: Client) -> None:
        raise SilentError("no answer in time")

    def refusing(_who: Client) -> None:
        raise GatewayError("the uplink is not there yet")

    def half(who: Client) -> None:
        silent(who) if who.mac == client(1).mac else refusing(who)

    for before in [silent, half] * upkeep.ROUNDS + [refusing]:
        house.gateway.before = before
        with pytest.raises(GatewayError, match="2 of 2 repairs failed"):
            desk.upkeep.repair()

    house.gateway.before = lambda _client: None
    desk.upkeep.repair()
    assert desk.live == 2
    assert inside(house) == {"127.0.0.1", "127.0.0.2"}


def test_a_repair_that_fails_costs_the_others_nothing(house) -> None:
    desk = forgotten(house, 1)
    for each in range(10, 60):
        Simulated.allow(house.gateway, client(each), Bounds(seconds=600))

    def failing(who: Client) -> None:
        if who.mac == client(10).mac:
            raise GatewayError("it lingers")

    house.gateway.before = failing
    with pytest.raises(GatewayError, match="simulated: 1 of 51 repairs failed and are tried again; the first: it ling"):
        desk.upkeep.repair()

    assert inside(house) == {"127.0.0.1", "127.0.0.10"}


def test_a_fault_of_ours_in_one_repair_costs_the_others_nothing(house, monkeypatch) -> None:
    desk = forgotten(house, 3)
    real = desk.visits.feed

    def failing(live, event, **words):
        if live.client.mac == client(1).mac:
            raise ZeroDivisionError("a fault of ours")
        return real(live, event, **words)

    with monkeypatch.context() as patch:
        patch.setattr(desk.visits, "feed", failing)
        with pytest.raises(GatewayError, match="a fault of ours"):
            desk.upkeep.repair()
    assert inside(house) == {"127.0.0.2", "127.0.0.3"}

    desk.upkeep.repair()
    assert len(inside(house)) == desk.live == 3


def test_persons_that_are_held_at_one_gateway_cost_the_others_no_repair(house, monkeypatch) -> None:
    desk = house.open()
    alone = Simulated(replace(house.settings.portal, visitors={"other": "site-2"}), house.clock)
    alone.ready = lambda: Readiness(born="alone", unrecorded=1)
    desk.visits.gateway = Switchboard([alone, house.gateway])
    house.gateway.allow(client(9), Bounds(seconds=600))

    def held(*_: object) -> None:
        raise SqlBusyError("persons.db: another process holds it")

    monkeypatch.setattr(adopting, "adopt", held)
    with pytest.raises(GatewayError, match=r"persons\.db: another process holds it"):
        desk.upkeep.repair()

    assert inside(house) == set(), "who has no record was put out all the same"


def test_a_gateway_that_goes_away_on_the_way_is_not_waited_for_at_each_door(house, monkeypatch) -> None:
    desk = forgotten(house, 60)

    def gone(_client: Client) -> None:
        monkeypatch.setattr(house.gateway, "ready", lambda: Readiness(born="", wrong={"gate": "away"}))
        raise SilentError("no answer in time")

    house.gateway.before = gone
    with pytest.raises(GatewayError, match=r"^away$"):
        desk.upkeep.repair()

    assert house.gateway.asked <= house.gateway.at_once * upkeep.SLICE < 60
    assert desk.live == 60


def test_a_stop_ends_a_mass_of_ends_and_what_is_left_is_due_again(house, monkeypatch) -> None:
    desk = house.open()
    for each in (1, 2, 3):
        desk.login(click(each))
    house.clock.forward(3601)
    real = desk.visits.over

    def over(live):
        desk.upkeep.stop()
        return real(live)

    monkeypatch.setattr(desk.visits, "over", over)
    desk.upkeep.expire()
    assert desk.live == 2

    desk = house.restart()
    assert desk.upkeep.expire() == 2
