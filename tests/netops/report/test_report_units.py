"""What page, paper and workbook show bears its unit: a count is no time, a time no count, and no table is empty."""

import io
from dataclasses import replace

import openpyxl
import pytest

from inventory.model import Credits, Hours
from netops.evidence import canonical
from netops.evidence.verifier import verify_numbers
from netops.report import paper, parties, words
from netops.sla import calendar
from tests.netops.report.test_report_coverage import PROMISE, areas, city, survey, walked

H = 3_600_000
TZ = calendar.zone("Asia/Shanghai")
HOUR = Hours(days=(1, 2, 3, 4, 5, 6, 7), start_minute=0, end_minute=60)
DOWN = ("uuddduuuuuuu", "u" * 12)


def promised(contract, **changed):
    """Return the contract with one promise for its WiFi."""
    wifi, fiber = contract.items
    rules = replace(wifi.objectives[0].rules, max_unknown_ratio="1", min_samples_per_slice=0, check_every_s=300)
    rules = replace(rules, **changed.pop("rules", {}))
    each = replace(wifi.objectives[0], id="o", target="90", rules=rules, credits=Credits(), **changed)
    return replace(contract, items=(replace(wifi, objectives=(each,)), fiber))


def watched(world, *hours):
    """State hours in which the first service fared as told and the others were up."""
    world.versions()
    roster = world.roster()
    first = next(each.service for each in roster.listed if each.item == "wifi")
    for number, told in enumerate(hours):
        world.hour(number, {first: told}, roster)
    return world


@pytest.fixture
def faults(paper_world, paper_bundle, base_contract):
    contract = promised(base_contract, indicator="fault.repair", threshold="4")
    return paper_bundle(watched(paper_world(contracts=(contract,), length=2), *DOWN))


def test_between_faults_that_are_counted_stands_no_time(faults):
    """Their sums are numbers: a time taken from them gave a negative time between failures."""
    draft, bundle = faults
    (told,) = draft.report.content["parts"][0]["items"][0]["objectives"]

    assert told["repair"] == {"incidents": 1, "censored": 0, "mttr_ms": "900000/1", "mtbf_ms": ""}
    assert verify_numbers(bundle) == []


def test_the_time_between_failures_is_judged_time(paper_world, paper_bundle, base_contract):
    """An outage that goes on after the service hours lowers no time within them."""
    contract = promised(base_contract, indicator="availability", rules={"hours": (HOUR,)})
    draft, bundle = paper_bundle(watched(paper_world(contracts=(contract,), length=2), "uuuuuuuuuuud", "d" * 12))
    (told,) = draft.report.content["parts"][0]["items"][0]["objectives"]

    services = len(told["services"]["rows"])
    assert told["repair"]["mtbf_ms"] == f"{services * H - 300_000}/1"
    assert verify_numbers(bundle) == []


def test_a_fault_lasted_a_time_and_is_counted_as_one(faults):
    draft, _ = faults
    page = draft.members["report.html"].decode()
    book = openpyxl.load_workbook(io.BytesIO(draft.members["report.xlsx"]))
    head, *rows = book[words.both("services")].iter_rows(values_only=True)
    at = {name: head.index(words.both(name)) for name in ("contracted", "up")}

    assert "0:00:00.00" not in page  # a fault as a millisecond
    assert "≤ 4 h" in page
    assert next((row[at["contracted"]], row[at["up"]]) for row in rows if row[2] == "o") == (120, 1)


def told_on_paper(draft, language):
    who = parties.read(draft.report.content, contract=draft.members["contract.json"], register=b"{}", vkeys=b"")
    days = canonical.loads(draft.members["days.json"])
    return paper.content(draft.report.content, days, TZ, language, parties=who)


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_the_paper_tells_the_length_of_faults_as_time(faults, language):
    told = told_on_paper(faults[0], language)

    assert [row[-1] for row in told["causes"]["rows"]] == ["0.2 h"]
    assert told["times"]["rows"][0][1:3] == ["1", "1"]
    assert told["times"]["note"] == words.say("times_note", language)


def test_where_surface_alone_is_promised_no_table_of_time_is_shown(world, base_contract, signer):
    wifi, _ = base_contract.items
    world.contracts = (replace(base_contract, items=(replace(wifi, objectives=(), coverage=(PROMISE,)),)),)
    watched(world, *["u" * 12] * world.length)
    areas(world, {"a": 100})
    survey(world, walked(75, 25))
    draft = world.draft(signer)
    page = draft.members["report.html"].decode()
    told = told_on_paper(draft, "zh")

    assert "1 项承诺中 1 项未达标" in page
    assert "约定 target" not in page
    assert "逐日可用性" not in page
    assert [told[name]["rows"] for name in ("promises", "times")] == [[], []]
    assert told["calendars"]["all"] == []
    assert "截至 2026-10-01 " in told["coverage"]["said"]  # by the contract's clock
    assert "UTC" not in told["coverage"]["said"]


def test_the_workbook_says_in_both_languages_why_an_area_stands_as_it_does(world, base_contract, signer):
    areas(city(world, base_contract), {"a": 100})
    survey(world, walked(75, 25))
    book = openpyxl.load_workbook(io.BytesIO(world.draft(signer).members["report.xlsx"]))
    head, whole, *_ = book[words.both("coverage")].iter_rows(values_only=True)

    assert whole[head.index(words.both("because"))] == "上限低于目标 the upper bound lies below the target"
