"""What a look could not tell is no loss: only what was lost may be held against the line."""

from __future__ import annotations

import pytest

from collectors.probes import figures
from collectors.probes.stamp.timestamps import ErrorEstimate

MS = 1_000_000
NOW = 1_795_719_388_000_000_000
GOOD = ErrorEstimate.of(40_000, synchronised=True).field()
WAYS = ("probe.variation", "probe.loss_there", "probe.loss_back")


def echo(sequence, reflected=None, *, drift=0):
    t1 = NOW + sequence * 50 * MS
    number = sequence if reflected is None else reflected
    return [sequence, number, t1, t1 + 5 * MS, t1 + 6 * MS, t1 + 14 * MS + drift, drift, 64, GOOD, GOOD]


def told(*echoes, sent):
    record = {
        "kind": "stamp",
        "target": "x",
        "at_ms": NOW // MS,
        "anchor": False,
        "service": "fiber-1",
        "sent": sent,
        "echoes": list(echoes),
        "stateful": True,
        "limit_ns": MS,
        "clock": {"synchronised": True},
    }
    observations, gaps = figures.read(record, device="v/probe", vantage="v")
    values = {each.metric: each.value for each in observations if each.metric in WAYS}
    return values | {each.metric: each.reason.value for each in gaps if each.metric in WAYS}


@pytest.mark.parametrize(
    ("echoes", "sent", "expected"),
    [
        ([echo(0), echo(1)], 2, (0.0, 0.0, 0.0)),
        ([echo(0)], 1, ("row_missing", 0.0, 0.0)),
        ([echo(0), echo(2)], 3, ("no_answer", 0.0, 100 / 3)),
        ([], 3, ("no_answer", "no_answer", "no_answer")),
        ([echo(0, drift=5 * MS), echo(1, drift=5 * MS)], 2, ("clock", 0.0, 0.0)),
        ([echo(0), echo(1), echo(3, 0), echo(4, 1)], 5, (0.0, "row_missing", "row_missing")),
    ],
    ids=["all", "a single packet", "every other", "none", "our clock stepped", "the reflector counts anew"],
)
def test_only_what_was_lost_is_told_as_lost(echoes, sent, expected):
    assert tuple(told(*echoes, sent=sent)[each] for each in WAYS) == pytest.approx(expected)
