"""Visits while nobody asks: effects that fail, restarts, clocks; on a real database and a simulated gateway."""

from __future__ import annotations

from dataclasses import replace

import pytest

from captive_portal import session as visit
from captive_portal import tables
from captive_portal.enforcing import Readiness
from captive_portal.errors import GatewayError, KernelError, PortalError
from captive_portal.gateways.simulated import Simulated
from captive_portal.gateways.switchboard import Switchboard
from captive_portal.model import Admitted, Bounds, End, Session, State
from tests.captive_portal.visiting import click, client, ends, inside, rows


# ---- what no effect may cost
def test_counters_beyond_the_record_cost_no_visit_its_end(house) -> None:
    desk = house.open()
    for each in (1, 2):
        desk.login(click(each))
    desk.visits.meters.read(
        [Admitted(client=client(), seconds=9, octets_up=2**64 - 1, octets_down=1)], house.clock.now_ms()
    )
    house.clock.forward(3601)

    assert desk.upkeep.expire() == 2
    assert ends(desk) == [("", End.EXPIRED)] * 2
    assert desk.store.live() == []
    assert max(row.octets_up for row in rows(desk, tables.SESSION)) == 2**53 - 1


def test_an_end_that_cannot_be_written_is_written_later_with_its_reason_and_once(house, monkeypatch) -> None:
    desk = house.open()
    for each in (1, 2):
        desk.login(click(each))

    def failing(*_: object) -> None:
        raise OverflowError("a fault of ours")

    with monkeypatch.context() as patch:
        patch.setattr(desk.store, "end", failing)
        assert desk.logout(client(1))
        house.clock.forward(3601)
        desk.upkeep.expire()
    ended_ms = house.clock.now_ms() - 3_601_000
    assert (inside(house), desk.live, len(desk.store.live())) == (set(), 0, 2)

    house.clock.forward(5)
    desk.upkeep.expire()
    desk.upkeep.expire()
    assert ends(desk) == [("", End.EXPIRED), ("", End.LOGOUT)]
    assert min(row.ended_ms for row in rows(desk, tables.SESSION)) == ended_ms
    assert [row.kind for row in rows(desk, tables.RECORD)].count("ended") == 2


def test_a_fact_that_cannot_be_stated_costs_no_visit_its_end(house, monkeypatch) -> None:
    desk = house.open()

    def failing(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr(house.gateway, "allow", failing)
    monkeypatch.setattr(desk.visits.outcomes, "failed", failing)
    with pytest.raises(PortalError, match="no_gateway"):
        desk.login(click())

    assert ends(desk) == [("", End.NO_GATEWAY)]
    assert inside(house) == set()


# ---- restarts
def test_a_restart_throws_nobody_out(house) -> None:
    desk = house.open()
    desk.login(click(1))
    desk.login(click(2))
    before = desk.current(client(1))

    desk = house.restart()
    desk.upkeep.repair()

    assert inside(house) == {"127.0.0.1", "127.0.0.2"}
    assert replace(before, state=State.ONLINE) == desk.current(client(1))


def test_a_crash_between_record_and_firewall_is_made_good_at_start(house, monkeypatch) -> None:
    desk = house.open()

    class Crash(BaseException):
        pass

    def crash(*_: object) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(house.gateway, "allow", crash)
        with pytest.raises(Crash):
            desk.login(click())
    assert inside(house) == set()

    desk = house.restart()
    desk.upkeep.repair()

    assert inside(house) == {"127.0.0.1"}
    assert desk.current(client())


def test_a_crash_between_firewall_and_note_keeps_the_visitor_known(house, monkeypatch) -> None:
    desk = house.open()
    monkeypatch.setattr(desk.store, "online", lambda *_: None)
    first = desk.login(click())

    desk = house.restart()
    desk.upkeep.repair()

    assert desk.current(client())
    assert desk.login(click()).id == first.id
    assert inside(house) == {"127.0.0.1"}


def test_who_is_in_without_a_record_is_put_out_at_start(house) -> None:
    house.gateway.allow(client(9), Bounds(seconds=600))

    house.open().upkeep.repair()

    assert inside(house) == set()


def test_a_gateway_that_forgot_everything_gets_everybody_back(house) -> None:
    desk = house.open()
    desk.login(click())
    desk.upkeep.repair()
    desk.visits.gateway = house.gateway = Simulated(house.settings.portal, house.clock)
    assert inside(house) == set()

    desk.upkeep.look_in()

    assert inside(house) == {"127.0.0.1"}


def test_a_session_that_the_kernel_has_ended_is_ended_in_the_record(house) -> None:
    desk = house.open()
    desk.login(click())
    desk.upkeep.repair()
    house.gateway.allow(client(), Bounds(seconds=60))
    house.clock.forward(61)

    desk.upkeep.repair()

    (row,) = rows(desk, tables.SESSION)
    assert row.end == End.LOST
    assert desk.current(client()) is None


def test_whom_a_list_has_missed_is_looked_for_before_the_visit_ends(house) -> None:
    desk = house.open()
    for each in (1, 2, 3):
        desk.login(click(each))
    desk.upkeep.repair()
    house.gateway.revoke(client(3))  # this one has really run out
    house.clock.forward(60)
    whole = house.gateway.admitted
    house.gateway.admitted = lambda: [each for each in whole() if each.client.mac != client().mac]
    house.gateway.seek = lambda clients: [each for each in whole() if each.client.key in {who.key for who in clients}]

    desk.upkeep.repair()

    assert {each.client.key for each in desk.store.live()} == {client(1).key, client(2).key}
    assert {each.client.key for each in whole()} == {client(1).key, client(2).key}


def test_a_memory_that_is_lost_while_it_is_read_ends_no_visit(house) -> None:
    desk = house.open()
    desk.login(click())
    desk.upkeep.repair()
    before, after = house.gateway, Simulated(house.settings.portal, house.clock)
    answers = iter([before.ready(), after.ready()])
    desk.visits.gateway = house.gateway = after
    ready = after.ready
    after.ready = lambda: next(answers, None) or ready()

    assert desk.upkeep.repair() == 0
    assert desk.upkeep.look_in() == 1
    assert inside(house) == {"127.0.0.1"}


def test_a_stepped_wall_clock_ends_no_session(house) -> None:
    desk = house.open()
    desk.login(click())
    desk.upkeep.repair()
    real = house.gateway.admitted()
    house.clock.at_ms += 7_200_000
    house.gateway.admitted = lambda: real

    desk.upkeep.repair()

    assert desk.current(client())
    assert desk.current(client()).seconds_left(house.clock.now_ms()) >= 3590


def test_a_gate_that_is_away_is_an_error_and_changes_nothing(house) -> None:
    desk = house.open()
    desk.login(click())
    house.gateway.ready = lambda: Readiness(born="", wrong={"gate": "away"})

    with pytest.raises(GatewayError, match="away"):
        desk.upkeep.repair()

    assert desk.current(client())


# ---- time
def test_time_that_is_over_ends_the_visit_and_the_next_click_is_a_new_one(house) -> None:
    desk = house.open()
    first = desk.login(click())
    house.clock.forward(3601)

    assert desk.current(client()) is None
    assert desk.upkeep.expire() == 1
    second = desk.login(click())

    assert isinstance(second, Session)
    assert second.id != first.id
    assert {row.end for row in rows(desk, tables.SESSION)} == {"expired", None}


def test_a_new_address_of_a_live_device_is_recorded_and_let_in_for_what_is_left(house) -> None:
    desk = house.open()
    desk.login(click())
    house.clock.forward(1800)
    later = client().at("127.0.0.77")

    assert desk.returning(later)

    left = {each.client.addresses[0]: each.seconds for each in house.gateway.admitted()}
    assert left == {"127.0.0.1": 1800, "127.0.0.77": 1800}
    assert {row.address for row in rows(desk, tables.ADDRESS)} == {"127.0.0.1", "127.0.0.77"}


def test_what_the_gateway_sees_later_is_followed(house) -> None:
    desk = house.open()
    desk.login(click())
    house.gateway.moved = lambda: {client().key: ("127.0.0.1", "fd00::7"), client(9).key: ("fd00::9",)}

    assert desk.upkeep.follow() == 1
    assert desk.upkeep.follow() == 0

    assert inside(house) == {"127.0.0.1", "fd00::7"}


def test_neighbours_that_cannot_be_read_at_one_gateway_cost_the_others_nothing(house) -> None:
    desk = house.open()
    desk.login(click())
    away = Simulated(replace(house.settings.portal, visitors={"other": "site-2"}), house.clock)
    desk.visits.gateway = Switchboard([away, house.gateway])
    house.gateway.moved = lambda: {client().key: ("fd00::7",)}

    def failing() -> None:
        raise KernelError("the kernel gives a part of it")

    away.moved = failing
    with pytest.raises(GatewayError, match="a part of it"):
        desk.upkeep.follow()
    assert inside(house) == {"127.0.0.1", "fd00::7"}


def test_an_address_that_could_not_be_recorded_is_followed_once_more(house, monkeypatch) -> None:
    desk = house.open()
    desk.login(click())
    told = [{client().key: ("fd00::7",)}]
    house.gateway.moved = lambda: told.pop() if told else {}

    def failing(*_: object) -> None:
        raise OverflowError("a fault of ours")

    with monkeypatch.context() as patch:
        patch.setattr(desk.store, "widen", failing)
        desk.upkeep.follow()
    assert inside(house) == {"127.0.0.1"}

    desk.upkeep.follow()
    assert inside(house) == {"127.0.0.1", "fd00::7"}
    assert desk.upkeep.follow() == 0


def test_ends_that_move_are_found_when_they_are_due(house) -> None:
    desk = house.open()
    visits = desk.visits
    for each in (1, 2, 3):
        desk.login(click(each))
        house.clock.forward(10)
    now_ms = house.clock.now_ms()
    visits.feed(visits.at(client(1).key), visit.Extended(now_ms + 7_200_000))
    visits.feed(visits.at(client(2).key), visit.Adjusted(now_ms + 600_000))
    desk.logout(client(3))
    desk.login(click(3))

    ended = []
    for _ in range(130):
        house.clock.forward(60)
        if desk.upkeep.expire():
            ended.append((house.clock.now_ms() - now_ms) // 60_000)
    assert ended == [10, 60, 120]
    assert desk.live == 0


def test_what_is_done_every_few_seconds_never_goes_through_all_who_are_in(house, monkeypatch) -> None:
    desk = house.open()
    for each in (1, 2, 3):
        desk.login(click(each))
    desk.upkeep.repair()
    monkeypatch.setattr(desk.visits, "every", None)
    monkeypatch.setattr(house.gateway, "addresses", None)
    house.gateway.moved = lambda: {client(2).key: ("fd00::2",)}

    assert (desk.upkeep.look_in(), desk.upkeep.follow(), desk.upkeep.expire()) == (0, 1, 0)
    house.clock.forward(3601)
    assert desk.upkeep.expire() == 3


def test_what_could_not_be_ended_is_due_again(house, monkeypatch) -> None:
    desk = house.open()
    for each in (1, 2):
        desk.login(click(each))
    house.clock.forward(3601)

    def failing(*_: object) -> None:
        raise ZeroDivisionError("a fault of ours")

    with monkeypatch.context() as patch:
        patch.setattr(desk.visits, "over", failing)
        with pytest.raises(ZeroDivisionError):
            desk.upkeep.expire()
    assert desk.live == 2

    assert desk.upkeep.expire() == 2
    assert desk.live == 0
