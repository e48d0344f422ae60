"""Polling that does no harm: who is spared, what is owed, what is stopped, and what it cost."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors import halts
from collectors.errors import CollectorError
from collectors.halts import Halt, Halted, Halts
from collectors.restraint import HURRY_MS, PATIENCE, REST_MS, Restraint, busy
from collectors.rounds import Rounds
from netops import config
from netops.model import ANSWERED, Poll, Reason, Row, Subject

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

    assert asked == [(False, False), (False, True), (False, True), (True, False), (False, False)]


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
