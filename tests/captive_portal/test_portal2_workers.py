"""The workers beside the port of controllers: what fails ends nobody, what is too much is counted, a stop waits."""

from __future__ import annotations

import threading

import pytest

from captive_portal.errors import GatewayError
from captive_portal.portal2 import workers
from captive_portal.portal2.workers import Workers


@pytest.fixture
def working():
    made = Workers()
    yield made
    made.stop()


def test_work_of_before_the_start_waits_and_what_fails_ends_no_worker(working) -> None:
    done = threading.Semaphore(0)

    def away() -> None:
        raise GatewayError("away")

    def broken() -> None:
        raise ValueError("a fault of its own")

    for work in (away, broken) * workers.WORKERS:
        working.later(work)
    for _ in range(10):
        working.later(done.release)
    assert not done.acquire(blocking=False)
    working.start()

    assert all(done.acquire(timeout=20) for _ in range(10))
    assert working.dropped == 0


def test_what_is_too_much_is_dropped_and_counted(working) -> None:
    for _ in range(workers.WAITING + 3):
        working.later(threading.Event)

    assert working.dropped == 3


def test_what_is_under_way_is_done_before_the_end(working) -> None:
    begun, go, done = threading.Event(), threading.Event(), []

    def work() -> None:
        begun.set()
        go.wait(20)
        done.append(1)

    working.start()
    working.later(work)
    begun.wait(20)
    threading.Timer(0.05, go.set).start()
    working.stop()

    assert done == [1]
