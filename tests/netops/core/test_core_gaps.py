"""Hours of which nobody told anything: the core seals them as gaps, once a later one is ripe."""

import pytest

from netops import hours as sealing_hours
from netops import unmeasured
from netops.facts import Fact
from netops.ledger import LedgerEntry
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


@pytest.fixture
def gap(house):
    """A core that was told of its first hour, and of no other yet."""
    seen(house, *range(60), now=70)
    assert sealed(house[-1]) == [0]
    return house


def test_an_hour_nobody_told_of_is_sealed_as_a_gap_when_a_later_one_is_ripe(gap):
    made, _, _, settings = gap
    made._clock.at_ms = START + 10 * HOUR
    made._seal_hours(0)
    assert sealed(settings) == [0]  # the collector may still be about to tell

    seen(gap, *range(180, 240), now=260)

    first, *empty, last = hours(settings)
    assert sealed(settings) == [0, 1, 2, 3]
    assert first["usual"] == last["usual"] == [[0, 60, "DOWN", "carrier", "parent:ac-1"]]
    assert [each["usual"] for each in empty] == [[], []]
    sums = unmeasured.by_hour(settings.data.dir / "states.db", start_ms=START, end_ms=START + 4 * HOUR)
    assert [unknown for unknown, _ in sums.values()] == [0, sums[START][1], sums[START][1], 0]

    made._seal_hours(0)
    assert sealed(settings) == [0, 1, 2, 3]


def test_what_comes_of_a_gap_after_it_was_sealed_came_late(gap):
    made, _, _, settings = gap
    seen(gap, *range(180, 240), now=260)
    seen(gap, *range(60, 120), now=261)
    made._report(0)

    assert sealed(settings) == [0, 1, 2, 3]
    (told,) = stated(settings, "late_samples")
    assert told.fact.body["start_ms"] == START + HOUR


def test_where_a_clock_stepped_no_hour_is_made_up(gap):
    made, _, _, settings = gap
    body = {"vantage": made._settings.collect.vantage, "state": "stepped", "offset_ms": 0, "step_ms": 2 * HOUR}
    with made._acting:
        fact = Fact(kind="clock_state", at_ms=START + 61 * M, body=body)
        made._ledger.append([LedgerEntry("clock:t", 0, fact)], now_ms=START + 61 * M)

    seen(gap, *range(180, 240), now=260)

    assert sealed(settings) == [0, 3]


def test_only_so_much_of_a_gap_is_sealed_as_samples_are_kept_for(gap, monkeypatch):
    monkeypatch.setattr(sealing_hours, "SAMPLES_DAYS", 1)
    far = 50 * 60

    seen(gap, *range(far, far + 60), now=far + 70)

    assert sealed(gap[-1]) == [0, *range(26, 51)]
