"""The days of an objective add up to its tally, and excused time to what the tally excludes."""

import json
from dataclasses import replace
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from netops.report import build, days
from netops.report.days import BUCKETS

H, DAY = 3_600_000, 86_400_000


def objectives(found):
    return [
        (part["version"], item, each)
        for part in found["parts"]
        for item in part["items"]
        for each in item["objectives"]
    ]


def told(world):
    report = build.build(world.ask(), world.leaves()).content
    return report, json.loads(days.made(world.ask(), world.leaves()))


@pytest.fixture
def three_days(paper_world):
    """Sixty hours over three midnights: an outage across one of them, a gap of ours, excused time."""
    world = paper_world(length=60)
    world.versions()
    roster = world.roster()
    for number in range(world.length):
        letters = {
            22: {"ap-1": "uuuuuuuuuudd"},
            23: {"ap-1": "d" * 12, "ap-2": "uuuuuuuuuuud"},
            24: {"ap-1": "ddduuuuuuuuu"},
            30: dict.fromkeys(("ap-1", "ap-2", "onu-1", "onu-2"), "?" * 12),
            47: {"onu-1": "ddddddddgggg"},
        }.get(number, {})
        world.hour(number, letters, roster)
    world.claim("m-1", 22, 25, services=["ap-1"])
    world.claim("m-2", 24, 25)
    world.claim("m-3", 40, 41, notice=1)
    return world


def test_days_add_up_to_the_tally_of_every_objective(three_days):
    report, found = told(three_days)

    for (_, _, theirs), (_, _, ours) in zip(objectives(found), objectives(report), strict=True):
        sums = {f"{name}_ms": sum(row[1 + i] for row in theirs["days"]["rows"]) for i, name in enumerate(BUCKETS)}
        assert theirs["objective"] == ours["objective"]
        assert ours["tally"] == sums


def test_an_outage_across_midnight_is_cut_there(three_days):
    _, found = told(three_days)
    rows = objectives(found)[0][2]["days"]["rows"]

    assert [row[0] for row in rows] == ["2026-10-01", "2026-10-02", "2026-10-03"]
    # ap-1 was down 10 + 60 minutes before midnight and 15 after, all of it excused; ap-2 five before.
    assert [row[5] for row in rows] == [70 * 60_000, 15 * 60_000, 0]
    assert [row[2] for row in rows] == [5 * 60_000, 0, 0]


def test_excused_time_adds_up_and_stands_under_the_first_claim(three_days):
    report, found = told(three_days)
    theirs, ours = objectives(found)[0][2], objectives(report)[0][2]
    rows = {row[0]: row[1:] for row in theirs["excused"]["rows"]}

    for place, name in ((2, "excluded_up_ms"), (3, "excluded_down_ms"), (4, "excluded_unknown_ms")):
        assert sum(row[place] for row in rows.values()) == ours["tally"][name]
    assert rows["m-1"][1] == 3 * H  # asked for one service
    assert rows["m-2"] == ["", 2 * H, H, 0, 0]  # both access points asked for, one of them excused already
    assert rows["m-3"] == ["", 2 * H, 0, 0, 0]  # late: asked for, nothing given


def test_who_decided_stands_beside_it_with_the_leaf(three_days):
    _, found = told(three_days)
    leaf = next(each for each in three_days.leaves().of("approval_decision") if each.body["request"] == "m-1")

    assert found["decisions"]["m-1"] == {
        "state": "approved",
        "by": "manager",
        "role": "contract_manager",
        "leaf": leaf.index,
        "at_ms": leaf.known_ms,
    }


def test_a_cause_that_needs_no_claim_has_a_line_of_its_own(three_days, base_contract):
    power = replace(base_contract.items[0].objectives[0].rules.exclusions[1], cause="carrier")
    objective = base_contract.items[0].objectives[0]
    rules = replace(objective.rules, exclusions=(power,))
    item = replace(base_contract.items[0], objectives=(replace(objective, rules=rules),))
    changed = replace(base_contract, items=(item, base_contract.items[1]))
    ask = replace(three_days.ask(), contracts=(changed,))
    found = json.loads(days.made(ask, three_days.leaves()))

    assert objectives(found)[0][2]["excused"]["rows"][-1] == ["", "carrier", 0, 0, 90 * 60_000, 0]


@pytest.mark.parametrize(
    ("zone_name", "edges"),
    [
        ("Etc/UTC", [0, DAY, 2 * DAY]),
        ("Asia/Shanghai", [0, 16 * H, DAY + 16 * H, 2 * DAY]),
        ("America/Anchorage", [0, 10 * H, DAY + 10 * H, 2 * DAY]),
    ],
)
def test_days_are_of_the_contract_s_zone(zone_name, edges):
    assert days.midnights(0, 2 * DAY, ZoneInfo(zone_name)) == edges


def test_the_day_clocks_go_back_has_25_hours():
    edges = days.midnights(1_792_879_200_000, 1_793_055_600_000, ZoneInfo("Europe/Berlin"))

    assert [b - a for a, b in pairwise(edges)] == [25 * H, 24 * H]
