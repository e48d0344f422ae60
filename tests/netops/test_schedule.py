from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from netops import clock
from netops.schedule import Job, Plan, Scheduler, Slots, plan


def job(run=lambda slot_ms: None, **more):
    return Job(name="check", every_s=60, run=run, **more)


class Fixed:
    def __init__(self, now_ms):
        self.now = now_ms

    def now_ms(self):
        return self.now

    def monotonic(self):
        return self.now / 1000


def test_a_job_that_never_ran_runs_its_current_slot_only():
    assert plan(job(), last_ms=None, now_ms=125_000) == Plan(run=(120_000,))


def test_what_nobody_ran_is_missed_and_counted():
    assert plan(job(), last_ms=60_000, now_ms=301_000) == Plan(run=(300_000,), missed=(120_000, 240_000, 3))


def test_work_that_must_not_be_skipped_runs_each_slot():
    assert plan(job(each=True), last_ms=60_000, now_ms=301_000) == Plan(run=(120_000, 180_000, 240_000, 300_000))


def test_a_clock_that_steps_back_runs_nothing_twice():
    assert plan(job(), last_ms=300_000, now_ms=120_000) == Plan()


@given(st.lists(st.integers(0, 10_000_000), min_size=1, max_size=60))
def test_every_slot_runs_at_most_once_and_is_run_or_missed(instants):
    last, ran, missed = None, [], []
    for now in instants:
        decided = plan(job(), last_ms=last, now_ms=now)
        if decided.missed:
            first, final, count = decided.missed
            assert (final - first) // 60_000 + 1 == count
            missed += range(first, final + 1, 60_000)
        ran += decided.run
        last = decided.run[-1] if decided.run else last

    assert len(set(ran)) == len(ran)
    assert not set(ran) & set(missed)
    assert sorted(ran + missed) == list(range(ran[0], ran[-1] + 1, 60_000))


def test_a_crash_after_the_effect_repeats_it_and_a_finished_slot_is_not_run_again(tmp_path):
    ran = []
    with Slots(tmp_path / "slots.db") as slots:
        first = Scheduler([], slots=slots, clock=Fixed(125_000), on_missed=lambda *_: None)
        first.tick(job(ran.append))
        first.tick(job(ran.append))
    with Slots(tmp_path / "slots.db") as slots:
        again = Scheduler([], slots=slots, clock=Fixed(126_000), on_missed=lambda *_: None)
        again.tick(job(ran.append))

    assert ran == [120_000]


def test_a_failing_job_stays_due_and_is_named(tmp_path):
    def fail(slot_ms):
        raise RuntimeError("store is down")

    with Slots(tmp_path / "slots.db") as slots:
        scheduler = Scheduler([], slots=slots, clock=Fixed(125_000), on_missed=lambda *_: None)
        scheduler.tick(job(fail))

        assert scheduler.failures == {"check": "store is down"}
        assert slots.last("check") is None


def test_the_timer_runs_a_job_at_once_and_stops(tmp_path):
    ran = threading.Event()
    with Slots(tmp_path / "slots.db") as slots:
        scheduler = Scheduler(
            [job(lambda slot_ms: ran.set())], slots=slots, clock=clock.SYSTEM, on_missed=lambda *_: None
        )
        scheduler.start()

        assert ran.wait(10)

        scheduler.stop()
