"""Sequences of sealed hours: unique for ever, however many parts a hostile or broken network makes of an hour."""

import random

from netops import hourly
from netops.sla import hours
from netops.sla.hours import Listed, Roster
from netops.sla.intervals import Cause, State
from netops.sla.timeline import Sample, runs

HOUR, M = 3_600_000, 60_000
START = 1_790_784_000_000
UP, DOWN = (State.UP, Cause.NONE, ""), (State.DOWN, Cause.CARRIER, "wlan.ap.state=fault")


def flapping(chance, start_ms):
    samples = [Sample(at, at, *chance.choice((UP, DOWN))) for at in range(start_ms, start_ms + HOUR, M)]
    return runs(samples, step_ms=M)


def test_services_that_all_flap_in_their_own_way_do_not_run_into_the_next_hour(monkeypatch):
    """A conflict of sequences would refuse the next hour's parts, and no report could be built from the rest."""
    monkeypatch.setattr(hours, "PART_BYTES", 1000)  # as 3,500 services do with parts of the true size
    chance = random.Random(1)
    names = [f"ap-{number:05d}" for number in range(100)]
    roster = Roster(contract="c1", listed=tuple(Listed(name, "wifi", "1") for name in names))
    first, second = (
        hourly.entries("c1", roster, {n: flapping(chance, at) for n in names}, hour_ms=at, step=M, known=True)
        for at in (START, START + HOUR)
    )

    assert len(first) > 64
    assert not {each.sequence for each in first} & {each.sequence for each in second}
