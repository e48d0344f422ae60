"""Counters of a cell become places of an hour: sums over sums, whatever wraps, begins anew or is not read."""

import random
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.model import Contract, Objective, Rules, Selector, ServiceItem
from netops import hourly
from netops.errors import UsageError
from netops.evidence import seen
from netops.journal import Journal
from netops.metrics import lte
from netops.sla import counted, counters, streams
from netops.sla.hours import Listed, Roster
from netops.sla.measured import Look

H, M = 3_600_000, 60_000
HOUR = 1_790_784_000_000
RRC = Objective(id="rrc", indicator=lte.RRC, threshold="1", target="99", rules=Rules(check_every_s=900))
FREE = replace(RRC, id="free", indicator="lte.cell.prb_dl.free", target="30")


def readings(objective, *told, door="enb-1", cell="1"):
    names = lte.ATTEMPTS[objective.indicator]
    return [
        Look(slot_ms=HOUR + m * M, at_ms=HOUR, source=f"{door} of {cell}", metric=name, value=float(value))
        for m, *values in told
        for name, value in zip(names, values, strict=True)
    ]


def told(objective, given_, **more):
    stream = streams.stream(objective)
    make = counters.free if objective.indicator in lte.FREE else counters.attempts
    made = make(stream, given_, hour_ms=HOUR, **more)
    return [(each.first_ms - HOUR, each.count, each.state.value, each.cause.value, each.because) for each in made]


def test_an_hour_holds_what_the_counters_grew_by_since_the_hour_before():
    found = told(
        RRC, readings(RRC, (-1, 1000, 990), (0, 1010, 999), (10, 1030, 1019), (20, 1030, 1019), (30, 1040, 1029))
    )

    assert found == [(0, 29, "UP", "", ""), (30, 1, "DOWN", "carrier", "failed"), (30 * M, 10, "UP", "", "")]


def test_a_gap_loses_nothing_as_long_as_the_counters_went_on():
    """Nobody read for an hour and a half: the failures of that time stand where they were read."""
    found = told(RRC, readings(RRC, (-60, 0, 0), (44, 500, 300)))

    assert found == [(30 * M, 300, "UP", "", ""), (30 * M + 301, 200, "DOWN", "carrier", "failed")]


def test_a_counter_wraps_at_32_bits():
    found = told(RRC, readings(RRC, (-1, 2**32 - 5, 2**32 - 7), (5, 5, 2)))

    assert found == [(0, 9, "UP", "", ""), (10, 1, "DOWN", "carrier", "failed")]


def test_what_a_counter_that_began_anew_forgot_is_unknown_by_the_busiest_pace():
    found = told(RRC, readings(RRC, (-15, 1000, 1000), (0, 1150, 1150), (15, 3, 2)))

    assert found == [
        (0, 150, "UP", "", ""),
        (15 * M, 2, "UP", "", ""),
        (15 * M + 3, 1, "DOWN", "carrier", "failed"),
        (15 * M + 5, 150, "UNKNOWN", "undetermined", "began anew"),
    ]


def test_the_least_that_is_forgotten_is_one():
    assert told(RRC, readings(RRC, (-1, 9, 9), (0, 0, 0))) == [(0, 1, "UNKNOWN", "undetermined", "began anew")]


def test_one_counter_that_began_anew_takes_the_other_with_it():
    """The attempts grew since, the successes did not: the difference of one and the rest of the other are no pair."""
    found = told(RRC, readings(RRC, (-1, 10, 10), (0, 12, 4)))

    assert found == [
        (0, 4, "UP", "", ""),
        (5, 8, "DOWN", "carrier", "failed"),
        (14, 1, "UNKNOWN", "undetermined", "began anew"),
    ]


def test_before_a_first_reading_nothing_is_known_and_that_is_told():
    found = told(RRC, readings(RRC, (0, 700, 1), (15, 730, 31)))

    assert found == [(0, 30, "UNKNOWN", "monitor", "not read before"), (15 * M, 30, "UP", "", "")]


def test_an_attempt_that_was_under_way_when_the_counters_were_read_is_no_failure():
    """It fails in the first slot's sums, and is taken off the failures that follow: 29 of 30 succeeded."""
    found = told(RRC, readings(RRC, (-1, 0, 0), (0, 10, 9), (15, 20, 20), (30, 30, 29)))

    assert sum(n for _, n, state, *_ in found if state == "UP") == 29
    assert sum(n for _, n, *_ in found) == 30


def test_two_doors_count_the_same_attempts_once_and_two_cells_are_summed():
    snmp = readings(RRC, (-1, 0, 0), (0, 10, 10), (1, 20, 20))
    other = readings(RRC, (-1, 5, 5), (0, 6, 6), (1, 7, 7), cell="2")
    again = readings(RRC, (-1, 0, 0), (1, 20, 20), door="enb-1/cwmp")

    assert told(RRC, [*again, *snmp, *other]) == [(0, 22, "UP", "", "")]


def test_maintenance_is_planned_and_more_than_places_is_not_known():
    given_ = readings(RRC, (-1, 0, 0), (0, 5, 2))
    assert told(RRC, given_, planned=lambda slot_ms: slot_ms == HOUR)[1] == (3, 3, "DOWN", "planned", "failed")

    flood = readings(RRC, (-1, 0, 0), (0, 900_001, 900_001))
    assert told(RRC, flood) == [(0, 900_000, "UNKNOWN", "monitor", counted.TOO_MANY)]


@given(st.integers(0, 2**32 - 1), st.integers(2, 60), st.randoms(use_true_random=False))
def test_whatever_is_read_when_the_sums_are_those_of_the_cell(start, count, rng):
    """Law: without a restart, the places of the outcome are exactly what it grew by, wherever it wraps."""
    minutes = sorted(random.Random(rng.random()).sample(range(-60, 60), count))
    began = ended = start
    rows = []
    for minute in minutes:
        new = rng.randrange(30)
        began, ended = began + new, min(began + new, ended + rng.randrange(40))
        rows.append((minute, began % 2**32, ended % 2**32))
    base = [row for row in rows if row[0] < 0]
    given_ = readings(RRC, *rows)

    found = told(RRC, given_)

    if base and rows[-1][0] >= 0:
        grown = (rows[-1][2] - base[-1][2]) % 2**32
        assert sum(n for _, n, state, *_ in found if state == "UP") == grown
        assert not [each for each in found if each[2] == "UNKNOWN"]


def load(minute, value, code=""):
    return Look(slot_ms=HOUR + minute * M, at_ms=HOUR, source="enb-1", metric="lte.cell.prb_dl", value=value, code=code)


def test_resource_blocks_are_summed_slot_by_slot_and_what_was_not_told_is_unknown():
    found = told(FREE, [load(0, 30.0), load(5, 99.0), load(15, None, "no_answer"), load(30, None, "budget")])

    assert found == [
        (0, 700, "UP", "", ""),
        (701, 300, "DOWN", "carrier", "busy"),
        (15 * M, 1000, "UNKNOWN", "undetermined", "no_answer"),
        (30 * M, 1000, "UNKNOWN", "monitor", "budget"),
        (45 * M, 1000, "UNKNOWN", "monitor", "missing slot"),
    ]


def test_a_look_that_has_a_value_stands_before_one_that_has_none():
    assert told(FREE, [load(0, None, "no_answer"), load(3, 100.0)])[0] == (0, 1000, "DOWN", "carrier", "busy")


def test_without_any_look_nothing_is_judged():
    assert told(FREE, []) == told(RRC, []) == []


@pytest.mark.parametrize("name", sorted(lte.COUNTED))
def test_each_is_counted_in_the_same_words_by_both_judges(name):
    each = replace(RRC, indicator=name)
    stream = streams.stream(each)

    assert stream.name == f"{name} >= 1 one by one, in slots of 900 s"
    assert seen.counts({"indicator": name})
    with pytest.raises(UsageError, match="is counted at 1"):
        streams.sound(replace(each, threshold="99"), "o")


def test_an_hour_is_sealed_from_what_was_read_before_it_began(tmp_path):
    """The journal's looks of the hour before are where its first difference begins."""
    item = ServiceItem(id="lte", kind="lte", select=Selector(), objectives=(RRC,))
    held = Contract(id="c1", version="1", carrier="x", title="t", valid_from_ms=0, items=(item,))
    roster = Roster(contract="c1", listed=(Listed("cell-1", "lte", "1"),))
    ledger = SimpleNamespace(find=lambda *_, **__: ())
    with Journal(tmp_path / "states.db") as journal:
        told_ = readings(RRC, (-30, 100, 90), (10, 160, 149))
        journal.put([], newest={}, looks=[("cell-1", each) for each in told_])
        sight = hourly.sight(journal, ledger, HOUR, ours="c", blind_ms=M, planned=lambda *_: False)

    made, _ = hourly.sealed(held, roster, sight, known=True)

    (body,) = (each.fact.body for each in made if each.fact.body.get("stream"))
    runs = [run for found, _ in body["others"] for run in found] or body["usual"]
    assert [run[1:3] for run in runs] == [[59, "UP"], [1, "DOWN"]]
