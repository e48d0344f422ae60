from __future__ import annotations

import random

import pytest

from netops import reserve, wire
from netops.commands import doctor
from netops.config import load
from netops.model import Poll
from netops.reserve import Reserve
from netops.spool import Spool

T0 = 1_748_736_000_000
MINUTE = 60_000
DICE = random.Random(1)


def fill(path, minutes, *, devices=5, trim=0):
    with Spool(path, source=path.stem) as spool:
        for minute in range(minutes):
            at = T0 + minute * MINUTE
            polls = [
                Poll(device=f"d{n}", slot_ms=at, at_ms=at + n, outcome="answered", raw=DICE.randbytes(1000))
                for n in range(devices)
            ]
            last = spool.put("poll", [wire.encode(each) for each in polls])
        spool.trim(trim or 0)
        return last, spool.held_bytes


def test_the_rate_is_what_the_waiting_polls_take_over_the_time_in_which_they_were_asked(tmp_path):
    _, held = fill(tmp_path / "collect.db", 61)

    found = reserve.look(tmp_path / "collect.db", cap_bytes=held * 10, free_bytes=1 << 40)

    assert found.held_bytes == held
    assert found.per_hour == pytest.approx(held, rel=0.02)
    assert found.hours == pytest.approx(10, rel=0.02)
    assert found.remedy().startswith("for 72 hours set collect.spool_cap_mb = ")
    assert "lasts 10 hours" in found.said()


def test_only_the_present_counts(tmp_path, monkeypatch):
    """A day of few devices, then many: the newest polls tell the rate."""
    monkeypatch.setattr(reserve, "PIECES", 10)
    fill(tmp_path / "collect.db", 300, devices=1)
    _, held = fill(tmp_path / "collect.db", 10, devices=20)

    found = reserve.look(tmp_path / "collect.db", cap_bytes=1 << 40, free_bytes=1 << 40)

    assert found.per_hour == pytest.approx(20 * 1100 * 60 * 10 / 9, rel=0.1)
    assert found.per_hour > held


def test_an_emptied_spool_tells_no_rate_and_is_no_fault(tmp_path):
    last, _ = fill(tmp_path / "collect.db", 3)
    fill(tmp_path / "collect.db", 1, trim=last + 5)

    found = reserve.look(tmp_path / "collect.db", cap_bytes=1 << 30, free_bytes=1 << 40)

    assert (found.per_hour, found.remedy()) == (0.0, "")
    assert "too little waits" in found.said()


def test_a_disk_that_is_smaller_than_the_cap_bounds_it():
    small = Reserve(service="ssh", held_bytes=1 << 30, cap_bytes=4 << 30, free_bytes=1 << 30, per_hour=float(1 << 24))

    assert small.room_bytes == 2 << 30
    assert small.remedy() == "its cap is 2048 MB more than the disk has left: free them, or lower ssh.spool_cap_mb"
    assert small.hours == 128


def test_doctor_says_how_long_each_spool_lasts(tmp_path):
    fill(tmp_path / "spool" / "collect.db", 20)
    settings = load(None, environ={}, overrides=[f"data.dir={tmp_path}", "collect.spool_cap_mb=1"])

    (found,) = [each for each in doctor.instance(settings) if each.what.startswith("spool")]

    assert (found.what, found.level) == ("spool collect", doctor.NOTE)
    assert "MB/h" in found.said
    assert "collect.spool_cap_mb = " in found.said
