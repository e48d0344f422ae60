"""Hours of which nobody told anything: not sealed, and yet not measured on every page, once a later one is sealed."""

import pytest

from netops import hours as sealing_hours
from netops import unmeasured
from netops.sums import hours_of
from tests.netops.core.pieces import HOUR, START, M, hours, silent, stated, until


def seen(house, *slots, now):
    """Let the core take these slots (minutes since the start) and seal what is ripe by `now`."""
    made, spool, _, _ = house
    before = made._taken["polls"]
    spool.put("poll", silent(slots))
    made._clock.at_ms = START + now * M
    until(lambda: made._taken["polls"] == before + len(slots) and made._ripe_until() >= START + now * M - 15 * M)
    made._seal_hours(0)


def sealed(settings):
    return [(each["start_ms"] - START) // HOUR for each in hours(settings)]


def dark(settings, count=100):
    """Return hour → share not measured, as the pages have it."""
    sums = unmeasured.by_hour(settings.data.dir / "states.db", start_ms=START, end_ms=START + count * HOUR)
    return {(hour - START) // HOUR: unknown / whole for hour, (unknown, whole) in sums.items()}


@pytest.fixture
def gap(house):
    """A core that was told of its first hour, and of no other yet."""
    seen(house, *range(60), now=70)
    assert sealed(house[-1]) == [0]
    return house


def test_an_hour_nobody_told_of_was_not_measured_once_a_later_one_is_sealed(gap):
    made, _, _, settings = gap
    made._clock.at_ms = START + 10 * HOUR
    made._seal_hours(0)
    assert dark(settings) == {0: 0}  # the collector may still be about to tell

    seen(gap, *range(180, 240), now=260)

    assert sealed(settings) == [0, 3]
    assert dark(settings) == {0: 0, 1: 1, 2: 1, 3: 0}
    ((service, *_), *_) = stated(settings, "availability_roster")[0].fact.body["services"]
    letters = [
        each.worst for each in hours_of(settings.data.dir / "states.db", service, range(START, START + 4 * HOUR, HOUR))
    ]
    assert letters == ["X", "N", "N", "X"]


def test_what_comes_of_such_an_hour_later_is_sealed_as_ever_and_shown(gap):
    made, _, _, settings = gap
    seen(gap, *range(180, 240), now=260)
    seen(gap, *range(60, 120), now=261)
    made._report(0)

    assert sealed(settings) == [0, 1, 3]
    assert dark(settings) == {0: 0, 1: 0, 2: 1, 3: 0}
    assert not stated(settings, "late_samples")


def test_a_clock_that_was_ahead_costs_no_hour(gap):
    made, _, _, settings = gap
    seen(gap, *range(600, 660), now=670)
    assert sealed(settings) == [0, 10]
    for hour in range(1, 5):
        seen(gap, *range(hour * 60, hour * 60 + 60), now=670)
    made._report(0)

    assert sealed(settings) == [0, 1, 2, 3, 4, 10]
    assert not stated(settings, "late_samples")
    assert [hour for hour, share in dark(settings).items() if share] == [5, 6, 7, 8, 9]


def test_a_long_gap_is_told_for_as_long_as_samples_are_kept_though_turns_are_short(gap, monkeypatch):
    monkeypatch.setattr(sealing_hours, "SAMPLES_DAYS", 1)
    monkeypatch.setattr(sealing_hours, "TURN_S", 0.01)
    far = 50 * 60

    seen(gap, *range(far, far + 60), now=far + 70)
    for _ in range(30):
        gap[0]._seal_hours(0)

    assert sealed(gap[-1]) == [0, 50]
    assert dark(gap[-1]) == {0: 0, **dict.fromkeys(range(27, 50), 1), 50: 0}


def test_an_hour_that_the_ledger_holds_is_no_gap_though_the_journal_is_from_a_backup(gap):
    made, _, _, settings = gap
    seen(gap, *range(60, 120), now=130)
    with made._acting:
        for table in ("unmeasured", "alike", "hour", "sealed"):
            made._journal._open().execute(f"DELETE FROM {table} WHERE hour_ms = {START + HOUR}")

    seen(gap, *range(180, 240), now=260)

    assert sealed(settings) == [0, 1, 3]
    assert dark(settings) == {0: 0, 2: 1, 3: 0}
