"""Breached periods in a row are calendar months, however many amendments split them and however often told."""

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from inventory.model import Credits, Tier
from netops.evidence.verifier import verify_numbers
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
