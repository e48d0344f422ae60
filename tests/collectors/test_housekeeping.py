"""How every service goes round: what fails is seen for as long as it fails, and keeps nothing else waiting."""

import importlib
import inspect
import threading

import pytest

from collectors.housekeeping import Chore, Chores
from netops.service import go_round


class Stopping(threading.Event):
    """An event that is set after so many waits; none of them takes time."""

    def __init__(self, after):
        super().__init__()
        self.left = after
        self.waits = []

    def wait(self, timeout=None):
        self.waits.append(timeout)
        self.left -= 1
        return self.left < 0


def test_a_fault_stands_in_the_health_until_a_round_has_passed(caplog):
    health, seen = {"register": "away"}, []
    rounds = iter([None, ValueError("first"), OSError("then"), None, None])

    def once():
        seen.append(health.get("round"))
        fault = next(rounds)
        if fault is not None:
            raise fault

    stopping = Stopping(5 + 2)
    go_round(once, stopping=stopping, health=health, every_s=0.5)

    assert seen == [None, None, "ValueError: first", "OSError: then", None]
    assert health == {"register": "away"}
    assert caplog.text.count("round failed") == 2
    assert stopping.waits.count(1.0) == 2  # a fault that lasts does not fill the log


def test_the_last_fault_is_still_told_when_the_service_stops():
    health = {}

    go_round(lambda: 1 / 0, stopping=Stopping(2), health=health)

    assert health == {"round": "ZeroDivisionError: division by zero"}


def test_a_chore_that_fails_is_due_again_and_keeps_no_other_waiting():
    done, broken = [], [True]

    def trim(now_ms):
        done.append(("trim", now_ms))
        if broken:
            raise OSError("the disk is full")

    chores = Chores(Chore(30.0, trim), Chore(30.0, lambda now: done.append(("tell", now)), 20.0))
    for now_s in (10, 20):
        with pytest.raises(OSError, match="full"):
            chores.do(now_s * 1000, now_s)
    broken.clear()
    for now_s in (21, 22, 50, 51):
        chores.do(now_s * 1000, now_s)

    assert done == [
        ("trim", 10_000),
        ("trim", 20_000),
        ("tell", 20_000),
        ("trim", 21_000),
        ("tell", 50_000),
        ("trim", 51_000),
    ]


@pytest.mark.parametrize(
    "module",
    [
        "collectors.service",
        "collectors.ssh.service",
        "collectors.traps.service",
        "collectors.cwmp.service",
        "collectors.probes.service",
        "netops.core",
    ],
)
def test_every_service_goes_round_in_the_one_way(module):
    source = inspect.getsource(importlib.import_module(module))

    assert "go_round(" in source
    assert '["round"]' not in source
