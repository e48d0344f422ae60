"""Correcting: whether a statement may take the place of the one before it, in every stream of the hour."""

from types import SimpleNamespace

import pytest

from netops import correcting
from netops.facts import Fact
from netops.ledger import LedgerEntry
from netops.sla import hours
from netops.sla.hours import Listed
from netops.sla.intervals import Cause, State
from netops.sla.timeline import Run

H, M = 3_600_000, 60_000
START = 1_790_784_000_000
ROSTER = hours.roster("c1", [Listed("s-0", "wifi"), Listed("s-1", "wifi")])
ASKED = correcting.Waiting(number=9, contract="c1", hour_ms=START)


def hour(count, *, stream, state=State.UP, cause=Cause.NONE, because="", roster=ROSTER, quiet=60):
    """The bodies of an hour whose second service has `count` slots."""
    runs = {
        "s-0": [Run(START, START + (quiet - 1) * M, quiet, State.UP)],
        "s-1": [Run(START, START + (count - 1) * M, count, state, cause, because)] if count else [],
    }
    return hours.bodies(roster, runs, start_ms=START, step_ms=M, stream=stream)


def entries(*bodies):
    facts = [Fact(kind=hours.KIND, at_ms=START, body=body) for body in bodies]
    return [LedgerEntry("verify:c1", number, fact) for number, fact in enumerate(facts)]


def loses(before, after):
    told = [SimpleNamespace(fact=each.fact) for each in entries(*before)]
    ledger = SimpleNamespace(find=lambda *_, **__: told)
    return correcting.loses(ledger, entries(*after), ASKED)


@pytest.mark.parametrize("stream", ["", "probe.rtt.p95 <= 30"])
@pytest.mark.parametrize(("count", "lost"), [(60, False), (31, False), (30, False), (29, True), (0, True)])
def test_a_statement_that_knows_fewer_slots_of_any_stream_takes_no_place(stream, count, lost):
    """A journal that came back from a backup had been held against the states alone: what was promised was lost."""
    beside = hour(60, stream="other <= 1")

    assert loses([*beside, *hour(30, stream=stream)], [*beside, *hour(count, stream=stream)]) is lost


def test_slots_for_which_too_few_vantage_points_are_left_count_as_lost():
    known = hour(60, stream="probe.reached >= 1", state=State.DOWN, cause=Cause.CARRIER, because="no_answer")
    alone = hour(60, stream="probe.reached >= 1", state=State.UNKNOWN, cause=Cause.MONITOR, because="no quorum")

    assert loses(known, alone)
    assert not loses(alone, known)


def test_the_statement_that_stands_is_the_last_correction_of_each_stream():
    first, again = hour(30, stream="a <= 1"), [body | {"correction": 3} for body in hour(45, stream="a <= 1")]

    assert not loses([*first, *again], hour(45, stream="a <= 1"))
    assert loses([*first, *again], hour(44, stream="a <= 1"))


def test_a_register_that_was_amended_for_the_past_may_take_services_and_streams_away():
    other = hours.roster("c1", [*ROSTER.listed, Listed("s-2", "wifi")])

    assert not loses(hour(30, stream="a <= 1"), hour(0, stream="a <= 1", roster=other))
    assert not loses(hour(30, stream="a <= 1"), hour(30, stream="b <= 1"))
