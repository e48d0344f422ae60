from __future__ import annotations

import random
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from collectors.rounds import Rounds


def rounds(devices, now_ms=0, seed=1):
    made = Rounds(interval_s=60, chance=random.Random(seed).random)
    made.set_devices(devices, now_ms=now_ms)
    return made


def test_every_device_gets_each_slot_once_inside_its_slot():
    made = rounds([f"d{n}" for n in range(50)])
    seen = []
    for now in range(0, 600_001, 250):
        run, missed = made.due(now)
        assert missed == []
        seen += run

    assert len({(t.device, t.slot_ms) for t in seen}) == len(seen)
    assert all(t.slot_ms <= t.due_ms < t.slot_ms + 60_000 for t in seen)
    assert {t.slot_ms for t in seen if t.device == "d7"} >= set(range(0, 600_000, 60_000))


def test_a_pause_makes_its_slots_missed_and_the_present_one_is_still_asked():
    made = rounds(["a"])
    made.due(59_999)
    run, missed = made.due(300_500)

    assert run == []
    assert [t.slot_ms for t in missed] == [60_000, 120_000, 180_000, 240_000]
    assert made.due(359_000)[0][0].slot_ms == 300_000


def test_the_instants_differ_from_slot_to_slot():
    made = rounds(["a"])
    offsets = set()
    for slot in range(1, 40):
        for turn in made.due(slot * 60_000 - 1)[0]:
            offsets.add(turn.due_ms - turn.slot_ms)

    assert len(offsets) > 30


def test_nobody_is_asked_too_late_in_a_slot_to_be_doubted():
    def latest(interval_s, doubt_s):
        made = Rounds(interval_s=interval_s, chance=random.Random(1).random, doubt_s=doubt_s)
        made.set_devices([f"d{n}" for n in range(200)], now_ms=0)
        turns = [turn for now in range(0, interval_s * 10_000, 50) for turn in made.due(now)[0] if turn.slot_ms]
        return max(turn.due_ms - turn.slot_ms for turn in turns) / (interval_s * 1000)

    assert 0.78 < latest(60, 11.25) <= 0.8  # a fifth of a minute is enough for the usual time-outs
    assert 0.6 < latest(3, 1.125) <= 0.625
    assert 0.48 < latest(10, 30.0) <= 0.5  # never less than half: nobody shall know when he is looked at


def test_between_its_slots_a_device_is_pulsed_again_and_again_at_instants_of_its_own():
    made = Rounds(interval_s=60, chance=random.Random(1).random, pulse_s=15)
    made.set_devices(["a", "b"], now_ms=0)
    pulses = [turn for now in range(0, 600_001, 250) for turn in made.due(now)[0] if turn.pulse]
    at = sorted(turn.due_ms for turn in pulses if turn.device == "a")
    apart = [later - earlier for earlier, later in pairwise(at)]

    assert all(turn.slot_ms == turn.due_ms and turn.slot_ms % 60_000 for turn in pulses)
    assert max(apart) <= 1.4 * 15_000 + 250
    assert len(set(apart)) > 20
    made.set_devices(["b"], now_ms=600_000)
    assert {turn.device for now in range(600_000, 622_000, 250) for turn in made.due(now)[0]} == {"b"}


def test_a_pulse_that_came_too_late_is_left_out_and_the_next_one_is_planned():
    made = Rounds(interval_s=60, chance=random.Random(1).random, pulse_s=15)
    made.set_devices(["a"], now_ms=0)

    assert not [turn for turn in made.due(300_000)[0] if turn.pulse]
    assert [turn.pulse for turn in made.due(321_000)[0] if turn.pulse] == [True]


def test_polls_no_further_apart_than_pulses_need_none():
    made = Rounds(interval_s=15, chance=random.Random(1).random, pulse_s=15)
    made.set_devices(["a"], now_ms=0)

    assert not [turn for now in range(0, 120_000, 250) for turn in made.due(now)[0] if turn.pulse]


def test_devices_come_and_go_without_disturbing_the_others():
    made = rounds(["a", "b"])
    made.set_devices(["b", "c"], now_ms=10_000)
    seen = {t.device for t in made.due(59_000)[0]}

    assert seen == {"b", "c"}


@given(st.lists(st.integers(1, 200_000), min_size=1, max_size=80), st.integers(0, 5))
def test_no_slot_is_both_run_and_missed_and_none_is_told_twice(steps, seed):
    made = rounds(["a", "b", "c"], seed=seed)
    told = []
    now = 0
    for step in steps:
        now += step
        run, missed = made.due(now)
        told += [(t.device, t.slot_ms) for t in (*run, *missed)]

    assert len(set(told)) == len(told)
