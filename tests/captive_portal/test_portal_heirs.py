"""An address that has its next visitor when the visit of the last one ends: the end cuts nobody else off."""

from __future__ import annotations

from dataclasses import replace

import pytest

from captive_portal.desk import Attempt
from captive_portal.enforcing import Onward
from captive_portal.errors import GatewayError, SilentError
from captive_portal.gateways.simulated import Simulated
from captive_portal.model import State
from tests.captive_portal.visiting import CONSENT, click, client


class OneEntryDown(Simulated):
    """As the kernel: downwards an address has one entry, whoever's it is."""

    def __init__(self, *given) -> None:
        super().__init__(*given)
        self.down: set[str] = set()

    def allow(self, client, bounds) -> None:
        super().allow(client, bounds)
        self.down |= set(client.addresses)

    def revoke(self, client) -> None:
        super().revoke(client)
        self.down -= set(client.addresses)


@pytest.mark.parametrize("restarted", [False, True])
def test_the_end_of_who_had_the_address_before_cuts_nobody_off(house, restarted) -> None:
    """DHCP gives an address to the next visitor long before the last one's session is over."""
    house.gateway = OneEntryDown(house.settings.portal, house.clock)
    desk = house.open()
    desk.login(click(1))
    house.clock.forward(1800)
    heir = replace(client(2), addresses=client(1).addresses)
    desk.login(replace(click(2), client=heir))
    if restarted:
        desk = house.restart()
        desk.upkeep.repair()
    house.clock.forward(1801)
    assert desk.upkeep.expire() == 1

    assert desk.current(heir)
    assert house.gateway.down == set(heir.addresses)
    assert [each.client.mac for each in house.gateway.admitted()] == [heir.mac]
    assert desk.logout(heir)
    assert (house.gateway.down, house.gateway.admitted()) == (set(), [])


def test_the_end_of_who_had_the_address_before_cuts_nobody_off_who_is_just_coming_in(house) -> None:
    """The kernel has opened the heir's door, and we have not heard it yet."""
    heir = replace(client(2), addresses=client(1).addresses)

    class Overtaken(OneEntryDown):
        def allow(self, client, bounds) -> None:
            super().allow(client, bounds)
            if client.mac == heir.mac and desk.visits.at(heir.key).state is State.RECORDED:
                desk.logout(former)

    former, house.gateway = client(1), Overtaken(house.settings.portal, house.clock)
    desk = house.open()
    desk.login(click(1))
    desk.login(replace(click(2), client=heir))

    assert [each.client.mac for each in house.gateway.admitted()] == [heir.mac]
    assert house.gateway.down == set(heir.addresses)


class Stumbling(OneEntryDown):
    """Fails as often as a test says, before or after it has done what it was asked."""

    def __init__(self, *given) -> None:
        super().__init__(*given)
        self.wrong: list[Exception] = []  # of the next doors to open
        self.late: list[Exception] = []  # of the next doors to close
        self.opened: list[str] = []

    def allow(self, client, bounds) -> None:
        if self.wrong:
            raise self.wrong.pop()
        super().allow(client, bounds)
        self.opened.append(client.mac)

    def revoke(self, client) -> None:
        super().revoke(client)
        if self.late:
            raise self.late.pop()


def sharing(house, count: int):
    """Return a desk whose visitors have one address, and these visitors."""
    house.gateway = Stumbling(house.settings.portal, house.clock)
    desk = house.open()
    every = [replace(client(number), addresses=("127.0.0.1",)) for number in range(1, count + 1)]
    for each in every:
        desk.login(Attempt(client=each, method="click_through", fields={}, consent=CONSENT))
    house.gateway.opened.clear()
    return desk, every


@pytest.mark.parametrize("error", [GatewayError("the set is full"), SilentError("no answer in time")])
def test_an_heir_whose_door_is_not_opened_again_at_once_gets_it_later(house, error) -> None:
    desk, (former, heir) = sharing(house, 2)
    house.gateway.wrong = [error]
    desk.logout(former)
    assert house.gateway.down == set()

    desk.upkeep.expire()
    desk.upkeep.expire()
    assert house.gateway.down == set(heir.addresses)
    assert house.gateway.opened == [heir.mac], "and once"


def test_an_heir_whose_door_is_not_opened_again_costs_the_other_heirs_nothing(house) -> None:
    desk, (former, *heirs) = sharing(house, 3)
    house.gateway.wrong = [GatewayError("the set is full")]
    desk.logout(former)
    assert len(house.gateway.opened) == 1

    desk.upkeep.expire()
    assert sorted(house.gateway.opened) == [each.mac for each in heirs]


def test_a_closing_that_is_not_answered_cuts_no_heir_off(house) -> None:
    desk, (former, heir) = sharing(house, 2)
    house.gateway.late = [SilentError("no answer in time")]
    desk.logout(former)

    desk.upkeep.expire()
    assert house.gateway.down == set(heir.addresses)


def test_a_gateway_that_does_not_answer_is_not_waited_for_at_each_heir(house) -> None:
    desk, (former, *heirs) = sharing(house, 5)
    house.gateway.wrong = [SilentError("no answer in time") for _ in range(2)]
    desk.logout(former)
    desk.upkeep.expire()
    assert (house.gateway.wrong, house.gateway.opened) == ([], [])

    desk.upkeep.expire()
    assert sorted(house.gateway.opened) == [each.mac for each in heirs]


def test_an_heir_who_has_left_is_not_let_in_again(house) -> None:
    desk, (former, heir) = sharing(house, 2)
    house.gateway.wrong = [GatewayError("the set is full")]
    desk.logout(former)
    desk.logout(heir)

    desk.upkeep.expire()
    assert house.gateway.opened == []


def test_a_controller_is_not_asked_twice_for_one_login(house) -> None:
    """Whoever waits at a controller has a token there: another one would make it void."""
    asked = []

    class Far(Simulated):
        distant = True

        def allow(self, client, bounds) -> Onward:
            super().allow(client, bounds)
            asked.append(client.mac)
            return Onward(url="https://controller.example/")

    house.gateway = Far(house.settings.portal, house.clock)
    desk = house.open()
    for number in (1, 2):
        desk.login(replace(click(number), client=replace(client(number), addresses=("127.0.0.1",))))
    desk.opened(client(1))

    assert desk.logout(client(1))
    assert asked == [client(1).mac, client(2).mac]
