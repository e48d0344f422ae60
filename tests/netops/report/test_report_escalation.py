"""Breached periods in a row are calendar months, however many amendments split them and however often told."""

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from inventory.model import Credits, Tier
from netops.evidence.verifier import verify_numbers
from netops.report import bundle as bundles
from netops.sla import calendar

H = 3_600_000
SHANGHAI = ZoneInfo("Asia/Shanghai")
SECOND = Credits(tiers=(Tier(percent="10", below="99.9"),), escalate_after=2, escalate_factor="3")


def verdicts(world, month, *outcomes, inputs="0"):
    """State a month's verdicts, one for each of its parts."""
    start, end = calendar.month(month, SHANGHAI)
    edges = [start, *(start + (i + 1) * 240 * H for i in range(len(outcomes) - 1)), end]
    for i, outcome in enumerate(outcomes):
        body = {"contract": "c1", "version": f"{i}", "objective": "wifi/availability", "outcome": outcome}
        span = {"start_ms": edges[i], "end_ms": edges[i + 1], "inputs_digest": inputs * 64}
        world.state("verdict", body | span)


@pytest.mark.parametrize(
    ("told", "before", "owed"),
    [
        pytest.param([("2026-09", ["missed", "missed"])], 1, "10/1", id="one month in two parts"),
        pytest.param([("2026-09", ["missed", "met"])], 1, "10/1", id="the first part alone was missed"),
        pytest.param([("2026-09", ["met", "missed"])], 1, "10/1", id="the second part alone was missed"),
        pytest.param([("2026-08", ["missed"]), ("2026-09", ["met", "missed"])], 2, "30/1", id="two months in a row"),
        pytest.param([("2026-07", ["missed"]), ("2026-09", ["missed"])], 1, "10/1", id="a month between"),
        pytest.param([("2026-08", ["missed"]), ("2026-09", ["met", "met"])], 0, "10/1", id="the last one was met"),
    ],
)
def test_a_breached_period_is_the_month(paper_world, paper_bundle, base_contract, *, told, before, owed):
    wifi, fiber = base_contract.items
    objective = replace(wifi.objectives[0], credits=SECOND)
    world = paper_world(
        contracts=(replace(base_contract, items=(replace(wifi, objectives=(objective,)), fiber)),), length=1
    )
    world.versions()
    for month, outcomes in told:
        verdicts(world, month, *outcomes)
    world.hour(0, {"ap-1": "d" * 12}, world.roster())

    draft, bundle = paper_bundle(world)

    found = draft.report.content["parts"][0]["items"][0]["objectives"][0]
    assert (found["breaches_before"], found["credit_percent"]) == (before, owed)
    assert verify_numbers(bundle) == []


def test_a_month_told_again_counts_by_its_last_report_alone(paper_world, paper_bundle):
    world = paper_world(length=1)
    world.versions()
    verdicts(world, "2026-09", "missed", inputs="1")
    verdicts(world, "2026-09", "met", "met", inputs="2")
    world.hour(0, {"ap-1": "d" * 12}, world.roster())

    draft, bundle = paper_bundle(world)

    assert draft.report.content["parts"][0]["items"][0]["objectives"][0]["breaches_before"] == 0
    assert verify_numbers(bundle) == []


BY_OBJECT = replace(SECOND, per="object", escalate_after=1)


@pytest.fixture
def by_object(paper_world, paper_bundle, base_contract):
    """Two access points are down for the whole hour; what the months before say of each is given."""
    wifi, fiber = base_contract.items
    objective = replace(wifi.objectives[0], credits=BY_OBJECT)
    world = paper_world(
        contracts=(replace(base_contract, items=(replace(wifi, objectives=(objective,)), fiber)),), length=1
    )
    world.versions()

    def judged():
        world.hour(0, {"ap-1": "d" * 12, "ap-2": "d" * 12}, world.roster())
        draft, bundle = paper_bundle(world)
        assert verify_numbers(bundle) == []
        return draft, draft.report.content["parts"][0]["items"][0]["objectives"][0]

    return world, judged


def month_of(world, month, *services, outcome="missed", inputs="0"):
    start, end = calendar.month(month, SHANGHAI)
    body = {"contract": "c1", "version": "1", "objective": "wifi/availability", "outcome": outcome}
    span = {"start_ms": start, "end_ms": end, "inputs_digest": inputs * 64}
    world.state("verdict", body | span | ({"services_missed": list(services)} if services else {}))


@pytest.mark.parametrize(
    ("months", "percents", "before"),
    [
        pytest.param([("2026-09", "ap-1")], ["30/1", "10/1"], [["ap-1", 1]], id="one of them was missed"),
        pytest.param([("2026-09",)], ["10/1", "10/1"], None, id="the whole was, no service by itself"),
        pytest.param(
            [("2026-08", "ap-1", "ap-2"), ("2026-09", "ap-1")],
            ["30/1", "10/1"],
            [["ap-1", 2]],
            id="one of two",
        ),
        pytest.param([("2026-08", "ap-2")], ["10/1", "10/1"], None, id="a month between"),
    ],
)
def test_by_object_what_escalates_is_the_services_own_months(by_object, months, percents, before):
    """One access point that is down every month pays more; its neighbour does not pay for it."""
    world, judged = by_object
    for month, *services in months:
        month_of(world, month, *services)

    _, told = judged()

    assert [percent for _, percent in told["objects"]["rows"]] == percents
    assert told.get("objects_before", {}).get("rows") == before


def test_a_service_escalates_though_the_whole_met_its_target_in_the_months_before(by_object):
    world, judged = by_object
    month_of(world, "2026-09", "ap-2", outcome="met")

    _, told = judged()

    assert (told["breaches_before"], told["objects_before"]["rows"]) == (0, [["ap-2", 1]])


def test_a_verdict_names_the_services_that_missed_by_themselves_in_parts_that_fit(by_object, monkeypatch):
    _, judged = by_object
    monkeypatch.setattr(bundles, "MOST_NAMES", 1)

    draft, _ = judged()

    verdicts_ = [each.body for each in bundles.facts(draft, now_ms=0) if each.kind == "verdict"]
    mine = [each for each in verdicts_ if each["objective"] == "wifi/availability"]
    assert [each["services_missed"] for each in mine] == [["ap-1"], ["ap-2"]]
    assert len({(each["outcome"], each["inputs_digest"]) for each in mine}) == 1
    assert all("services_missed" not in each for each in verdicts_ if each not in mine)
