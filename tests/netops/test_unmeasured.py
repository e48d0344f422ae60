"""What nobody measured of an hour, of all services or of any choice of them: by counting those that were alike."""

from __future__ import annotations

import random

import pytest

from netops import sqlite
from netops.journal import HOUR_MS, HourSum, Journal
from netops.unmeasured import by_hour

START = 1_790_000_000_000 // HOUR_MS * HOUR_MS
NAMES = [f"wifi-{n:03d}" for n in range(70)]  # more than a word's bits
UNKNOWN = (0, 60_000, 600_000, HOUR_MS)


def sums(hour, dice, names=NAMES):
    for name in names:
        unknown, down = dice.choice(UNKNOWN), 0
        whole = HOUR_MS if dice.random() < 0.9 else HOUR_MS // 2
        unknown = min(unknown, whole)
        yield HourSum(
            service=name, hour_ms=START + hour * HOUR_MS, up_ms=whole - unknown - down, degraded_ms=0, down_ms=down,
            unknown_ms=unknown, worst="U",
        )  # fmt: skip


@pytest.fixture
def kept(tmp_path):
    """Twelve hours, of which some services had no part in some and one was stated again; and the sums by hand."""
    dice, told = random.Random(14), {}
    with Journal(tmp_path / "states.db") as journal:
        for hour in range(12):
            some = dice.sample(NAMES, 40 if hour % 3 else 70)
            made = list(sums(hour, dice, some))
            journal.seal(START + hour * HOUR_MS, {"a": made[:20], "b": made[20:]})
            told |= {(each.hour_ms, each.service): each for each in made}
        again = list(sums(5, dice, NAMES[:9]))
        journal.restated(START + 5 * HOUR_MS, again)
        told |= {(each.hour_ms, each.service): each for each in again}
    return tmp_path / "states.db", told


def by_hand(told, services):
    made = {}
    for (hour, name), each in sorted(told.items()):
        if name in services:
            whole = each.up_ms + each.degraded_ms + each.down_ms + each.unknown_ms
            before = made.get(hour, (0, 0))
            made[hour] = before[0] + each.unknown_ms, before[1] + whole
    return made


CHOICES = {
    "one": NAMES[:1],
    "the last": NAMES[-1:],
    "every third": NAMES[::3],
    "all": NAMES,
    "none": [],
    "strangers": ["wifi-900"],
    "some and a stranger": [*NAMES[10:30], "wifi-900"],
}


def forget(path, *acts):
    db = sqlite.writer(path)
    for each in acts:
        db.execute(each)
    sqlite.close(db)


@pytest.mark.parametrize("older", ["as it is", "some hours are from before", "the table is not there"])
@pytest.mark.parametrize("choice", CHOICES)
def test_any_choice_of_services_has_the_sums_of_their_hours(kept, choice, older):
    path, told = kept
    if older == "some hours are from before":
        forget(path, f"DELETE FROM alike WHERE hour_ms < {START + 4 * HOUR_MS}")
    elif older == "the table is not there":
        forget(path, "DROP TABLE alike")

    window = {"start_ms": START, "end_ms": START + 12 * HOUR_MS}
    assert by_hour(path, services=CHOICES[choice], **window) == by_hand(told, set(CHOICES[choice]))
    assert by_hour(path, **window) == by_hand(told, set(NAMES))


def test_only_the_hours_of_the_window_are_told(kept):
    path, told = kept
    hours = {START + 3 * HOUR_MS, START + 4 * HOUR_MS}
    window = {"start_ms": START + 3 * HOUR_MS, "end_ms": START + 5 * HOUR_MS}

    expected = {hour: each for hour, each in by_hand(told, set(NAMES[:7])).items() if hour in hours}
    assert by_hour(path, services=NAMES[:7], **window) == expected


def test_a_journal_from_before_is_brought_up_when_it_is_opened(kept):
    path, told = kept
    forget(path, "DROP TABLE alike")
    with Journal(path):
        pass
    window = {"start_ms": START, "end_ms": START + 12 * HOUR_MS}
    forget(path, "DELETE FROM hour")  # what is added up one by one would be empty now

    assert by_hour(path, services=NAMES[::3], **window) == by_hand(told, set(NAMES[::3]))
