"""R1: after an outage the newest goes first; whatever dies meanwhile, each record counts once in the end."""

from __future__ import annotations

import os
import random
from collections import Counter
from contextlib import suppress

import pytest

from netops import wire
from netops.drain import Drain, taken
from netops.errors import StoreError
from netops.journal import Journal
from netops.lanes import FAR_MS
from netops.model import Poll, Row, Subject
from netops.raw import Archive, frame
from netops.spool import Spool
from netops.store import cold
from netops.store.embedded import Embedded
from netops.store.memory import Memory

T0 = 1_748_736_000_000
MINUTE = 60_000
ROUNDS = int(os.environ.get("NETOPS_ROUNDS", "3"))


class Clock:
    def __init__(self):
        self.ms = T0
        self.at = 0.0

    def now_ms(self):
        return self.ms

    def monotonic(self):
        return self.at


class Killed(BaseException):
    pass


class House:
    """A spool, a store that can be down or forget, an archive; `step` drains, and may be killed at any write."""

    def __init__(self, tmp_path, *, settle_s=0.0, devices=3, store=None):
        self.dir = tmp_path
        self.clock, self.store = Clock(), store or Memory()
        self.store.settle_s, self.life = settle_s, 1
        self.store.incarnation = lambda: f"life {self.life}"
        self.down, self.dice, self.put, self.devices = False, None, [], devices
        self.seen = []  # polls as the judge saw them, in order
        real = self.store.write

        def write(polls):
            if self.down:
                raise StoreError("store: connection refused")
            self.maybe_die()
            real(polls)
            self.maybe_die()

        self.store.write = write
        self.archive = Archive(tmp_path / "raw", days={"evidence": 9, "other": 9}, budget_bytes=1 << 30, writing=True)
        self.spool = Spool(tmp_path / "spool" / "collect.db", source="collect")
        self.drain = None

    def __enter__(self):
        self.archive.__enter__()
        self.spool.__enter__()
        self.drain = self.fresh()
        return self

    def __exit__(self, *_):
        self.drain.__exit__()
        self.spool.__exit__()
        self.archive.__exit__()

    def fresh(self):
        return Drain(
            self.dir / "drain.db",
            spools=self.dir / "spool",
            store=self.store,
            archive=self.archive,
            on_facts=lambda _: None,
            on_polls=self.judge,
            clock=self.clock,
            batch=40,
        ).__enter__()

    def judge(self, polls):
        self.maybe_die()
        self.seen += [poll.slot_ms for poll in polls]

    def maybe_die(self):
        if self.dice is not None and self.dice.random() < 0.05:
            raise Killed

    def minutes(self, count):
        slots = [self.clock.ms + n * MINUTE for n in range(count)]
        polls = [poll(n, slot) for slot in slots for n in range(self.devices)]
        self.put += [each.id for each in polls]
        self.spool.put("poll", [wire.encode(each) for each in polls])
        self.clock.ms += count * MINUTE
        self.clock.at += count * 60

    def step(self):
        try:
            return self.drain.step()
        except Killed:
            self.drain.__exit__()
            self.drain = self.fresh()
            return None

    def finish(self):
        for _ in range(10_000):
            step = self.step()
            self.clock.at += 20
            if step is not None and step.idle and taken(self.dir / "drain.db", self.spool.source) == len(self.put):
                return
        raise AssertionError("never drained")

    def check(self):
        stored = Counter(
            f"{each.device}@{each.slot_ms}" for each in self.store.outcomes(start_ms=T0, end_ms=self.clock.ms)
        )
        assert stored == Counter(self.put)
        assert sum(chunk.polls for chunk in self.archive.untold(10_000)) == len(self.put)
        for n in range(self.devices):
            told = self.store.series(Subject("ap", f"mac:{n}"), "m", start_ms=T0, end_ms=self.clock.ms)
            assert Counter(each.poll_id for each in told) == Counter(
                name for name in self.put if name.startswith(f"d{n}@")
            )
        for each in (self.put[0], self.put[len(self.put) // 2], self.put[-1]):
            assert self.archive.fetch(each)
        assert not self.drain.behind


def poll(n, slot):
    row = Row(subject=Subject("ap", f"mac:{n}"), values={"m": 1.0})
    raw = frame([b"reply %d %d" % (n, slot)])
    return Poll(device=f"d{n}", slot_ms=slot, at_ms=slot, outcome="answered", rows=(row,), raw=raw)


def test_after_an_outage_the_newest_comes_first_and_nothing_is_lost_or_doubled(tmp_path):
    with House(tmp_path) as house:
        house.minutes(10)
        house.finish()
        house.down = True
        house.step()
        house.minutes(24 * 60)
        house.down = False
        back = house.clock.ms
        house.step()
        house.minutes(1)
        house.step()

        assert max(house.seen) == back, "a minute after the store is back the page shows that minute"
        assert len(house.seen) < 300
        assert house.drain.behind == {"collect"}, "no hour is sealed while its polls wait"
        house.finish()
        house.check()
        ways = {"before": [], "behind": []}
        for slot in house.seen:
            ways["behind" if slot >= back else "before"].append(slot)
        assert ways == {name: sorted(slots) for name, slots in ways.items()}, "each way keeps its order"


def test_a_minute_of_many_devices_comes_in_one_step_and_not_less_than_of_the_backlog(tmp_path):
    """A backlog batch is four of the newest: what is polled meanwhile must not fall behind once more."""
    with House(tmp_path, devices=100) as house:
        house.minutes(60)  # more than half an hour: it needs a lane
        house.step()
        back = house.clock.ms
        house.minutes(1)
        house.step()

        fresh = sum(slot >= back for slot in house.seen)
        assert fresh == 100
        house.minutes(9)
        house.step()
        assert sum(slot >= back for slot in house.seen) - fresh == 4 * 40
        house.finish()
        house.check()


def test_half_an_hour_needs_no_lane(tmp_path):
    with House(tmp_path) as house:
        house.minutes(FAR_MS // MINUTE - 1)
        house.finish()

        assert house.seen == sorted(house.seen)
        house.check()


def test_an_outage_within_the_catching_up_gets_a_lane_of_its_own(tmp_path):
    with House(tmp_path) as house:
        for _ in range(4):
            house.down = True
            house.minutes(120)
            house.down = False
            back = house.clock.ms
            house.step()
            house.minutes(1)
            house.step()
            assert max(house.seen) == back
        house.finish()
        house.check()


def test_what_was_polled_twice_beside_the_beginning_of_a_lane_counts_once(tmp_path):
    """The collector was restarted within the very slot in which the store came back."""
    with House(tmp_path, devices=1) as house:
        house.minutes(300)
        house.spool.put("poll", [wire.encode(poll(7, house.clock.ms))])
        house.step()
        house.spool.put("poll", [wire.encode(poll(7, house.clock.ms))])
        house.put += [poll(7, house.clock.ms).id] * 2
        house.minutes(300)
        house.finish()
        house.put.remove(poll(7, T0 + 300 * MINUTE).id)
        house.check()


@pytest.mark.slow
@pytest.mark.parametrize("settle_s", [0.0, 15.0], ids=["durable", "forgetful"])
@pytest.mark.parametrize("seed", range(ROUNDS))
def test_killed_anywhere_while_it_catches_up(tmp_path, seed, settle_s):
    """Outages and kills at random: store, archive and judge have every poll, store and archive each once."""
    dice = random.Random(seed)
    with House(tmp_path, settle_s=settle_s) as house:
        house.dice = dice
        for _ in range(12):
            house.down = dice.random() < 0.4
            house.minutes(dice.choice([1, 5, 40, 90]))
            for _ in range(dice.randrange(12)):
                house.step()
            if settle_s and dice.random() < 0.2:
                house.life += 1  # its process is another: what was not settled is written again
        house.down = house.dice = None
        house.finish()
        house.check()
        assert set(house.seen) == {int(name.rpartition("@")[2]) for name in house.put}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(ROUNDS))
def test_killed_anywhere_while_a_backlog_goes_into_files(tmp_path, monkeypatch, seed):
    """The same with the embedded store: also between a file and its listing, and with hours sealed meanwhile."""
    dice = random.Random(f"files {seed}")
    written = cold.write
    with Embedded(tmp_path / "telemetry", hot_hours=1, writing=True, file_cells=150, seal_cells=300) as store:
        with House(tmp_path, store=store) as house:
            house.dice = dice

            def write(*args, **named):
                house.maybe_die()
                made = written(*args, **named)
                house.maybe_die()
                return made

            monkeypatch.setattr(cold, "write", write)
            for _ in range(12):
                house.down = dice.random() < 0.4
                house.minutes(dice.choice([1, 5, 40, 90]))
                for _ in range(dice.randrange(12)):
                    house.step()
                    with suppress(Killed):
                        store.told(store.seal(house.clock.ms))
            house.down = house.dice = None
            house.finish()
            house.check()
            assert set(house.seen) == {int(name.rpartition("@")[2]) for name in house.put}
        assert list((tmp_path / "telemetry" / "cold" / "ap").glob("*/*")), "there were files"


def test_the_judge_compares_the_backlog_with_what_came_before_it(tmp_path):
    from inventory.model import Device, Service
    from netops.verify import LATE, LIVE, Verifier

    class Snapshot:
        services = (Service(id="s", kind="wifi", carrier="c", site="x", role="ap", device="ac", subject="ap:1"),)
        devices: tuple[Device, ...] = ()
        contracts = ()

    def told(minute):
        row = Row(subject=Subject("ap", "1"), values={"wlan.ap.state": 1.0})
        slot = T0 + minute * MINUTE
        return Poll(device="ac", slot_ms=slot, at_ms=slot, outcome="answered", rows=(row,))

    with Journal(tmp_path / "states.db") as journal:
        judge = Verifier(Snapshot(), journal)
        judge.take([told(0)])
        judge.take([told(100)])  # the lane
        assert journal.newest(LATE)["s"].sample.slot_ms == T0
        for minute in range(1, 100):
            judge.take([told(minute)])

        assert journal.newest(LIVE)["s"].sample.slot_ms == T0 + 100 * MINUTE
        assert journal.newest(LATE)["s"].sample.slot_ms == T0 + 99 * MINUTE
        assert len(journal.window(T0, T0 + 200 * MINUTE)["s"]) == 101
