"""The courier: the next provider takes what the first cannot, and nobody waits for one that is away."""

from __future__ import annotations

import queue

import pytest

from captive_portal.sms.courier import CLOSE_S, TRIPS, WAITING, Courier, Delivered
from captive_portal.sms.providers import Answer, Came, Message
from netops.clock import SYSTEM
from netops.errors import SpoolError

MESSAGE = Message(
    id="a1b2", phone="+8613800138000", prefix="86", code="01234567", text='验证码 "01234567" <&>', at_ms=1
)


def courier(*made, workers: int = 2) -> Courier:
    return Courier(made, workers=workers, clock=SYSTEM)


def deliver(carrier: Courier, further=lambda _: True) -> Delivered:
    return carrier.put(MESSAGE, further=further, done=lambda _: None).result(5)


def test_the_next_provider_takes_what_the_first_cannot(scripted) -> None:
    first, second = scripted("a", lambda _: Answer(came=Came.REFUSED)), scripted("b")
    carrier = courier(first, second)
    carrier.begin()

    assert deliver(carrier) == Delivered(provider="b", receipt="r-a1b2")
    carrier.close()


def test_a_provider_that_is_away_rests_and_then_all_is_told_at_once(scripted) -> None:
    away = scripted("a", lambda _: Answer(came=Came.AWAY, said="refused"))
    carrier = courier(away, workers=1)
    carrier.begin()
    answers = [deliver(carrier) for _ in range(TRIPS + 3)]

    assert answers == [Delivered(nowhere=True)] * (TRIPS + 3)
    assert len(away.messages) == TRIPS
    assert carrier.wrong() == {"sms a": "away (refused)"}
    carrier.close()


def test_a_provider_that_raises_is_not_sure_and_breaks_nobody(scripted) -> None:
    def burst(_: Message) -> Answer:
        raise RuntimeError("a fault of its own")

    carrier = courier(scripted("a", burst))
    carrier.begin()

    assert deliver(carrier) == Delivered(nowhere=False)
    assert deliver(carrier) == Delivered(nowhere=False)
    carrier.close()


def test_what_cannot_be_kept_leaves_nobody_waiting(scripted) -> None:
    def full(_: object) -> bool:
        raise SpoolError("the disk is full")

    carrier = courier(scripted("a", lambda _: Answer(came=Came.UNSURE)), scripted("b"))
    carrier.begin()
    future = carrier.put(MESSAGE, further=full, done=full)

    assert future.result(5) == Delivered(nowhere=False)
    carrier.close()


def test_what_waits_is_bounded_and_is_handed_over_before_the_end(scripted) -> None:
    provider = scripted()
    carrier = courier(provider)
    for _ in range(WAITING):
        carrier.put(MESSAGE, further=lambda _: True, done=lambda _: None)
    with pytest.raises(queue.Full):
        carrier.put(MESSAGE, further=lambda _: True, done=lambda _: None)
    assert provider.messages == []
    carrier._queue.get_nowait()
    carrier._queue.get_nowait()
    carrier.begin()
    carrier.close()

    assert len(provider.messages) == WAITING - 2


def test_what_cannot_be_handed_over_before_the_end_is_given_back(scripted) -> None:
    class Standing:
        at = 0.0

        def monotonic(self) -> float:
            return self.at

        def now_ms(self) -> int:
            return 0

    clock, given = Standing(), []
    carrier = Courier([scripted()], workers=1, clock=clock)
    carrier._threads = []
    future = carrier.put(MESSAGE, further=lambda _: True, done=given.append)
    carrier.close()
    clock.at = CLOSE_S + 1
    carrier._queue.put(None)
    carrier._run()

    assert given == [future.result(0)] == [Delivered(nowhere=True)]
