"""One device waits for itself only, shortly, and with few pages: nobody else's thread is taken."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack

import pytest

from captive_portal.desk import Attempt
from captive_portal.errors import BusyError
from captive_portal.model import Client, Consent
from captive_portal.service import THREADS
from captive_portal.turns import OF_A_PLACE, OF_ALL, PAGE_S, WAITERS, Crowd, Turns

ONE, OTHER = (Client(mac=f"02:00:00:00:00:0{n}", interface="v", addresses=(f"10.0.0.{n}",)) for n in (1, 2))


def test_a_page_waits_shortly_for_its_own_device_and_not_for_others() -> None:
    turns = Turns()
    with turns.page(ONE):
        with turns.page(OTHER):
            pass
        began = time.monotonic()
        with pytest.raises(BusyError), turns.page(ONE.at("10.0.0.9")):
            pytest.fail("two at once")
        assert PAGE_S * 0.9 <= time.monotonic() - began < PAGE_S + 2

    with turns.page(ONE), turns.own(OTHER):
        pass
    assert turns._turns == {}, "nothing is kept of who is not handled"


def test_more_pages_of_one_device_do_not_wait_at_all(monkeypatch) -> None:
    monkeypatch.setattr("captive_portal.turns.PAGE_S", 10.0)
    turns = Turns()
    with ExitStack() as joined, turns.own(ONE):
        for _ in range(WAITERS):
            turn = turns._join(ONE, None)
            joined.callback(turns._leave, ONE, turn)
        began = time.monotonic()
        with pytest.raises(BusyError), turns.page(ONE):
            pytest.fail("more than may wait")
        assert time.monotonic() - began < 5.0


def test_what_we_do_ourselves_waits_its_turn() -> None:
    turns, done = Turns(), []

    def work() -> None:
        with turns.own(ONE):
            done.append(True)

    with turns.page(ONE):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join(PAGE_S * 2)
        assert done == []
    thread.join(5)
    assert done == [True]


def test_a_turn_that_fails_is_given_back() -> None:
    turns = Turns()
    with pytest.raises(ZeroDivisionError), turns.page(ONE):
        1 / 0  # noqa: B018

    with turns.page(ONE):
        pass


def test_one_controller_takes_some_of_the_threads_and_all_together_not_all() -> None:
    crowd = Crowd()
    with ExitStack() as under_way:
        for place in ("ac-1", "ac-2"):
            for _ in range(OF_A_PLACE):
                under_way.enter_context(crowd.within(place, 0.0))
            if place == "ac-1":
                with pytest.raises(BusyError), crowd.within(place, 0.0):
                    pytest.fail("more than its share")
        with pytest.raises(BusyError), crowd.within("ac-3", 0.0):
            pytest.fail("more than all may have")
    assert OF_ALL < THREADS
    with crowd.within("ac-3", 0.0):
        pass
    assert not crowd._at


@pytest.mark.parametrize("distant", [True, False])
def test_made_up_devices_behind_a_slow_controller_are_told_to_wait_and_nothing_of_them_is_recorded(
    house, desk, distant: bool
) -> None:
    house.gateway.distant = distant
    consent = Consent(terms="1", language="zh_CN", digest="0" * 64, channel="portal")
    who = Client(mac="02:00:00:00:00:01", interface="simulated", addresses=("127.0.0.1",))
    attempt = Attempt(client=who, method="click_through", fields={}, consent=consent)
    with ExitStack() as under_way:
        for _ in range(OF_A_PLACE):
            under_way.enter_context(desk._crowd.within("simulated", house.clock.monotonic()))
        if distant:
            with pytest.raises(BusyError):
                desk.login(attempt)
            assert desk.live == 0
        else:
            desk.login(attempt)

    desk.login(attempt)
    assert desk.live == 1
