"""What came late: noted once when its hour is sealed, told by contract, and forgotten with its samples."""

from types import SimpleNamespace

import pytest

from netops import latecomers
from netops.facts import Fact
from netops.journal import HourSum, Journal
from netops.sla import hours
from netops.sla.hours import Listed
from netops.sla.intervals import Cause, State
from netops.sla.measured import Look
from netops.sla.timeline import Sample

H, M = 3_600_000, 60_000
START = 1_790_784_000_000


@pytest.fixture
def journal(tmp_path):
    with Journal(tmp_path / "states.db") as made:
        yield made


def state(minute):
    at = START + minute * M
    return "s-0", Sample(at, at, State.UP, Cause.NONE, "")


def look(minute, source="east/gate", metric="probe.rtt.p95"):
    at = START + minute * M
    return "s-1", Look(slot_ms=at, at_ms=at, source=source, metric=metric, value=1.5)


def put(journal, *given):
    samples = [each for each in given if isinstance(each[1], Sample)]
    journal.put(samples, newest={}, looks=[each for each in given if isinstance(each[1], Look)])


def ledger_of(*contracts):
    """A ledger in which these contracts stated the hour; each sells one service."""
    facts = {hours.KIND: [], hours.ROSTER: []}
    for contract, service in contracts:
        roster = hours.roster(contract, [Listed(service, "wifi")])
        facts[hours.ROSTER] += hours.roster_bodies(roster)
        facts[hours.KIND] += hours.bodies(roster, {}, start_ms=START, step_ms=M)
    leaves = {k: [SimpleNamespace(fact=Fact(kind=k, at_ms=START, body=b)) for b in each] for k, each in facts.items()}
    return SimpleNamespace(find=lambda kind, **_: leaves[kind], holds=lambda *_: None)


def told(journal, *contracts):
    ledger, made = ledger_of(*contracts), []
    for hour_ms, found in journal.untold().items():
        made += latecomers.facts(ledger, hour_ms, found, ours="bureau", now_ms=START + 2 * H)
    return [each.fact.body for each in made]


def test_what_was_there_before_the_seal_or_is_told_again_is_not_late(journal):
    put(journal, state(0), look(0))
    assert journal.untold() == {}

    journal.seal(START, {"c1": []})
    put(journal, state(0), look(0), state(60))
    assert journal.untold() == {}


def test_samples_and_looks_are_counted_by_contract_and_by_who_saw_them(journal):
    journal.seal(START, {"c1": [], "c2": []})
    put(journal, state(1), state(2), look(1), look(1, "west/gate"), look(2, "olt-7/ssh", "pon.onu.rx"))

    one, two = told(journal, ("c1", "s-0"), ("c2", "s-1"))
    assert (one["contract"], one["samples"], one["vantages"]) == ("c1", 2, {"bureau": 2})
    assert (two["contract"], two["samples"], two["vantages"]) == ("c2", 3, {"bureau": 1, "east": 1, "west": 1})
    assert one["digest"] != two["digest"]


def test_the_ledger_is_told_of_all_by_now_and_only_when_more_has_come(journal):
    journal.seal(START, {"c1": []})
    put(journal, state(1))
    (first,) = told(journal, ("c1", "s-0"))
    journal.told_late(START, ["s-0"])
    assert told(journal, ("c1", "s-0")) == []

    put(journal, state(2))
    (more,) = told(journal, ("c1", "s-0"))
    assert (first["samples"], more["samples"]) == (1, 2)
    assert first["digest"] != more["digest"]


def test_of_an_hour_that_waited_for_vantage_points_nothing_that_came_by_its_statement_was_late(journal):
    journal.seal(START, {"c1": []}, later=["c1"])
    put(journal, look(1))
    assert told(journal) == []  # no statement yet, so nothing is late
    total = HourSum(service="s-1", hour_ms=START, up_ms=H, degraded_ms=0, down_ms=0, unknown_ms=0, worst="U")
    journal.restated(START, [total], first=True)
    journal.waited(START, "c1")
    assert told(journal, ("c1", "s-1")) == []

    put(journal, look(2))
    (late,) = told(journal, ("c1", "s-1"))
    assert late["samples"] == 1


def test_what_is_pruned_is_not_told_any_more(journal):
    journal.seal(START, {"c1": []})
    put(journal, state(1))
    journal.prune(START + H)

    assert journal.untold() == {}
