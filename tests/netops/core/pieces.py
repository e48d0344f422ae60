"""What the tests of the running core are made of: its clock, its store, and what it has sealed."""

from __future__ import annotations

import time

from netops import wire
from netops.errors import StoreError
from netops.ledger import LedgerReader
from netops.model import Poll
from netops.store.memory import Memory
from tests.netops import instances

HOUR, M = 3_600_000, 60_000
START = 1_790_784_000_000  # October begins in Shanghai
how_to_city = instances.how_to_city  # a test may put another city in its place


class Clock:
    def __init__(self):
        self.at_ms = START + 31 * M

    def now_ms(self):
        return self.at_ms

    def monotonic(self):
        return time.monotonic()


class Idle:
    """A scheduler that leaves the jobs to the test."""

    def __init__(self, *_, **__):
        self.failures = {}

    def start(self):
        pass

    stop = start


class Frail(Memory):
    down = False

    def write(self, polls):
        if self.down:
            raise StoreError("store: connection refused")
        super().write(polls)


def alone(made, act):
    """Return the act as the scheduler does it: the drain, which runs all the time, waits meanwhile."""

    def done(*words):
        with made._acting:
            return act(*words)

    return done


def silent(slots):
    at = [START + n * M for n in slots]
    return [wire.encode(Poll(device="ac-1", slot_ms=s, at_ms=s, outcome="no_answer", rows=(), raw=b"")) for s in at]


def until(ask):
    end = time.monotonic() + 20
    while not ask():
        assert time.monotonic() < end
        time.sleep(0.02)


def hours(settings):
    with LedgerReader(settings.data.dir / "ledger.db") as ledger:
        return [leaf.fact.body for leaf in ledger.find("availability_hour")]


def stated(settings, kind):
    with LedgerReader(settings.data.dir / "ledger.db") as ledger:
        return sorted(ledger.find(kind), key=lambda leaf: leaf.index)


class KilledError(BaseException):
    """The process is gone: nothing in it may catch this."""


def killed(*_, **__):
    raise KilledError
