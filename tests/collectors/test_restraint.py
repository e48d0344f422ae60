"""Polling that does no harm: who is spared, what is owed, what is stopped, and what it cost."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors import halts
from collectors.errors import CollectorError
from collectors.halts import Halt, Halted, Halts
from collectors.restraint import CLAIM_REST_MS, EARNED, HURRY_MS, PATIENCE, REST_MS, Restraint, busy, gentle
from collectors.rounds import Rounds
from collectors.snmp.ask import Community, Target
from netops import config
from netops.facts import decode, encode
from netops.model import ANSWERED, OURS, Poll, Reason, Row, Subject
from netops.speakers import may_state

ALL = frozenset({"cheap", "dear", "heavy"})
CHEAP = frozenset({"cheap"})
T0 = 1_780_000_020_000


def poll(outcome=ANSWERED, cpu=None, kind="device", code=""):
    values = {} if cpu is None and not code else {"system.cpu": cpu}
    rows = (Row(subject=Subject(kind, "d"), values=values, codes={"system.cpu": code} if code else {}),)
    return Poll(device="d", slot_ms=T0, at_ms=T0, outcome=outcome, rows=rows)


def test_a_turn_that_was_not_answered_is_taken_as_soon_as_it_can_be():
    one = Restraint()
    assert one.turn(ALL) == (ALL, frozenset())
    one.note(poll(Reason.NO_ANSWER.value), ALL)
    assert one.turn(CHEAP) == (ALL, frozenset())
    one.note(poll(), ALL)
    assert one.turn(CHEAP) == (CHEAP, frozenset())


def test_a_device_behind_its_breaker_owes_its_turns_and_the_next_one_shows_what_was_skipped():
    one = Restraint()
    assert one.miss(ALL) == frozenset()
    assert one.miss(CHEAP) == frozenset()
    assert one.miss(CHEAP | {"heavy"}) == {"heavy"}
    assert one.turn(CHEAP) == (ALL, frozenset())


def test_a_busy_device_is_spared_but_not_for_ever():
    one = Restraint()
    one.note(poll(cpu=97.0), CHEAP)
    asked = []
    for _ in range(PATIENCE + 2):
        costs, skipped = one.turn(CHEAP | {"heavy"}, busy_percent=85)
        asked.append(("heavy" in costs, "heavy" in skipped))
        one.note(poll(cpu=97.0), costs)

    assert asked == [(False, False), (False, True), (False, True), (True, False), (True, False)]


def test_a_device_that_is_always_busy_is_spared_one_turn_in_nine_for_ever():
    """An attacker's best: whenever it is asked for what is cheap it says that it is busy."""
    one = Restraint()
    one.note(poll(cpu=100.0), CHEAP)
    taken = []
    for _ in range(400):
        costs, _ = one.turn(CHEAP | {"heavy"}, busy_percent=85)
        taken.append("heavy" in costs)
        one.note(poll(cpu=100.0), costs)

    assert taken[PATIENCE : PATIENCE + EARNED] == [True] * EARNED
    assert taken[PATIENCE:].count(False) <= 400 / (EARNED + 1)
    assert sum(taken) >= 400 * EARNED / (EARNED + 1) - PATIENCE


def test_without_credit_a_busy_device_is_asked_one_class_in_a_slot_and_slowly():
    one = Restraint(used={"dear": PATIENCE, "heavy": PATIENCE})
    one.note(poll(cpu=100.0), CHEAP)
    slots = []
    for due in (ALL, CHEAP, CHEAP):
        costs, _ = one.turn(due, busy_percent=85)
        slots.append((costs - CHEAP, one.gently))
        one.note(poll(cpu=100.0), costs)

    assert slots == [({"dear"}, True), ({"heavy"}, True), (frozenset(), False)]


def test_a_busy_device_is_asked_at_a_quarter_of_its_rate_and_has_the_time_for_it():
    target = Target(address="192.0.2.7", credential=Community(b"c"), varbinds_per_s=200, deadline_s=10.0)

    slow = gentle(target, most_s=30.0)

    assert (slow.varbinds_per_s, slow.deadline_s) == (50, 30.0)
    assert gentle(replace(target, varbinds_per_s=0), most_s=30.0).varbinds_per_s > 0


def test_a_turn_that_went_by_is_on_the_account_of_who_caused_it():
    one = Restraint()
    one.note(poll(cpu=97.0), CHEAP)
    one.turn(ALL, busy_percent=85)
    _, skipped = one.turn(ALL, busy_percent=85)
    assert skipped == {"dear", "heavy"}

    assert one.why("heavy", ANSWERED, halted=True) is Reason.HALTED
    assert one.why("heavy", Reason.NO_ANSWER.value, halted=False) is Reason.NO_ANSWER
    assert one.why("heavy", ANSWERED, halted=False) is Reason.BUSY
    assert Reason.BUSY not in OURS
    one.note(poll(cpu=20.0), ALL)
    assert one.why("heavy", ANSWERED, halted=False) is Reason.BUDGET


def test_the_claim_to_be_busy_is_a_fact_once_a_day():
    one = Restraint()
    assert one.claim("olt-7", now_ms=T0) == []
    one.note(poll(cpu=97.0), CHEAP)
    one.turn(ALL, busy_percent=85)

    told = [fact for at in (T0, T0 + 60_000, T0 + CLAIM_REST_MS) for fact in one.claim("olt-7", now_ms=at)]

    assert [fact.at_ms for fact in told] == [T0, T0 + CLAIM_REST_MS]
    assert told[0].body["values"] == {"cpu_percent": "97", "spared": ["dear", "heavy"]}
    assert decode(encode(told[0])) == told[0]
    assert may_state("collect", told[0].kind, rehearsal=False)


def test_a_device_that_is_no_longer_busy_is_asked_what_it_owes():
    one = Restraint()
    one.note(poll(cpu=97.0), CHEAP)
    assert one.turn(ALL, busy_percent=85)[0] == CHEAP
    one.note(poll(cpu=20.0), CHEAP)
    assert one.turn(CHEAP, busy_percent=85)[0] == ALL


def test_only_the_devices_own_processors_count_and_only_what_may_be_believed():
    assert busy(poll(cpu=97.0, kind="ap").rows) is None
    assert busy(poll(cpu=97.0, kind="device", code="sentinel").rows) is None
    assert busy([*poll(cpu=3.0).rows, Row(subject=Subject("processor", "d/1"), values={"host.cpu": 40.0})]) == 40.0


def test_what_an_operator_stopped_is_not_asked_and_shows_when_its_turn_has_passed():
    one = Restraint()
    assert one.turn(ALL, halted={"heavy"}) == (CHEAP | {"dear"}, frozenset())
    one.note(poll(), CHEAP | {"dear"})
    assert one.turn(CHEAP | {"heavy"}, halted={"heavy"}) == (CHEAP, {"heavy"})
    assert one.turn(CHEAP) == (CHEAP | {"heavy"}, frozenset())


def test_a_change_hurries_once_in_a_rest_and_our_own_gaps_say_nothing():
    one = Restraint()
    seen = [
        one.changed(poll(outcome), now_ms=at)
        for outcome, at in (
            (ANSWERED, T0),
            (Reason.SOCKET_DROPS.value, T0 + 1),
            (Reason.NO_ANSWER.value, T0 + 2),
            (ANSWERED, T0 + 3),
            (Reason.NO_ANSWER.value, T0 + 2 + HURRY_MS + REST_MS),
        )
    ]
    assert seen == [False, False, True, False, True]


@given(
    st.lists(
        st.tuples(st.sets(st.sampled_from(["dear", "heavy"])), st.booleans(), st.sampled_from([None, 10.0, 99.0])),
        max_size=60,
    )
)
def test_whatever_happens_no_turn_is_forgotten(steps):
    """A class that was due and not answered for is owed; due again while owed, it shows as skipped or is asked."""
    one, owed = Restraint(), set()
    for due, answers, cpu in steps:
        costs, skipped = one.turn(CHEAP | due, busy_percent=85)
        assert skipped == {c for c in due if c in owed} - costs
        owed |= due
        assert costs - CHEAP <= owed
        outcome = ANSWERED if answers else Reason.NO_ANSWER.value
        one.note(poll(outcome, cpu=cpu), costs)
        owed -= costs if answers else set()
        assert one.owed == owed


def test_hurried_turns_come_between_the_slots_and_leave_the_slots_alone():
    rounds = Rounds(interval_s=60, chance=lambda: 0.5)
    rounds.set_devices(["a", "b"], now_ms=T0)
    rounds.hurry("a", now_ms=T0, every_ms=10_000, until_ms=T0 + 120_000)
    rounds.hurry("gone", now_ms=T0, every_ms=10_000, until_ms=T0 + 120_000)
    run = [turn for at in range(T0, T0 + 180_000, 500) for turn in rounds.due(at)[0]]
    extra = [turn for turn in run if turn.extra]

    assert {turn.device for turn in extra} == {"a"}
    assert len(extra) in (11, 12)
    assert all(turn.slot_ms % 60_000 for turn in extra)
    assert [turn.slot_ms for turn in run if not turn.extra and turn.device == "a"] == [T0, T0 + 60_000, T0 + 120_000]


def settings_of(tmp_path):
    return config.load(None, environ={}, overrides=[f"data.dir={tmp_path}"])


def test_a_halt_is_seen_by_the_poller_and_its_end_too(tmp_path):
    settings = settings_of(tmp_path)
    seen = Halts(settings)
    assert seen.now() == Halted()
    halt = Halt(device="olt-1", cost="heavy", by="li@cli", reason="line card", at_ms=T0)
    halts.write(halts.place(settings), [halt])
    assert seen.now().costs("olt-1", "zte_c320") == {"heavy"}
    assert seen.now().costs("olt-2", "zte_c320") == frozenset()
    assert not seen.now().device("olt-1", "zte_c320")
    halts.write(halts.place(settings), [Halt(family="zte_c320", by="li@cli", reason="x", at_ms=T0)])
    assert seen.now().device("olt-9", "zte_c320")
    assert not seen.now().device("olt-9", "huawei_smartax")
    halts.place(settings).unlink()
    assert seen.now() == Halted()


@pytest.mark.parametrize(
    "written",
    [
        "",
        "{",
        '{"halts": [{"by": 1}]}',
        '{"halts": 3}',
        '{"halts": [{"cost": "deer", "by": "li@cli", "reason": "x", "at_ms": 0}]}',
        "[" * 100_000,
        "[]",
    ],
)
def test_halts_that_cannot_be_read_stop_everything(tmp_path, written):
    """Somebody meant to stop something: asking on would be the worse mistake."""
    settings = settings_of(tmp_path)
    halts.place(settings).write_text(written)
    with pytest.raises(CollectorError, match="not a list of halts"):
        halts.read(halts.place(settings))
    assert Halts(settings).now().device("any", "any")


def test_halts_are_plain_json(tmp_path):
    path = halts.place(settings_of(tmp_path))
    halts.write(path, [Halt(by="li@cli", reason="演练", at_ms=T0)])
    assert json.loads(path.read_text())["halts"][0]["reason"] == "演练"
    assert [each.name for each in tmp_path.iterdir()] == ["halts.json"]
