"""Coverage in a month's report: by the bounds, with money, in tables of its own; no survey can be hidden or changed."""

import io
import json
import subprocess
import sys
from dataclasses import replace

import openpyxl
import pytest

from inventory.model import Coverage, Credits, Minimum, Tier
from netops import cli
from netops.coverage import grid
from netops.evidence import bundle as bundles
from netops.evidence import canonical
from netops.evidence.accounts import verify_completeness
from netops.evidence.members import Bundle
from netops.evidence.verifier import verify_numbers
from netops.report import bundle, interval, served, standing, surface, words
from netops.sla import calendar

H = 3_600_000
START = 1_790_784_000_000
GOOD, BAD = -6500, -9000
PROMISE = Coverage(
    id="outdoor",
    title="室外覆盖",
    metric="rssi",
    level="-75",
    target="90",
    minimum="50",
    min_hours=1,
    area_percent="2",
    credits=Credits(tiers=(Tier(percent="7", below="90", at_least="60"), Tier(percent="20", below="60"))),
)


def stated(world, kind, body, rows, *, at_ms=START - H):
    world.state(kind, {**body, "part": 0, "parts": 1, "cells": rows}, at_ms=at_ms)


def areas(world, zones, *, at_ms=START - H):
    rows = [
        [cell, area, 1000] for area, count in sorted(zones.items()) for cell in (f"{area}-{i}" for i in range(count))
    ]
    digest = canonical.digest(canonical.dumps(rows))
    stated(world, "coverage_areas", {"areas": digest, "grid": "4.3.0", "resolution": 9, "by": "t"}, rows, at_ms=at_ms)


def survey(world, cells, *, name="walk", carrier="unicom", hour=2, technology="wifi"):
    """State one sample in each cell; `cells` are (area, number, level)."""
    at = START // H + hour
    rows = [[f"{area}-{number}", at, 1, 0, level, 0, 0] for area, number, level in cells]
    body = {"survey": canonical.digest(name.encode()), "carrier": carrier, "technology": technology, "grid": "4.3.0"}
    body |= {"resolution": 9, "samples": len(rows), "first_ms": at * H, "last_ms": at * H, "error_mm": 0, "by": "t"}
    body |= {"datums": {"WGS-84": len(rows)}, "instruments": {"TSME6": len(rows)}}
    stated(world, "survey_import", body, rows, at_ms=START + 5 * H)


def city(world, base, promise=PROMISE, **item):
    wifi, fiber = base.items
    held = replace(base, items=(replace(wifi, coverage=(promise,), **item), fiber))
    world.contracts = (held,)
    world.versions()
    roster = world.roster()
    for number in range(world.length):
        world.hour(number, {}, roster)
    return world


def walked(good, bad, area="a"):
    return [(area, i, GOOD) for i in range(good)] + [(area, good + i, BAD) for i in range(bad)]


def told(world):
    return world.draft_content()["parts"][0]["items"][0]["coverage"][0]


def failures(members):
    opened = Bundle(members=members)
    return [str(each) for each in verify_numbers(opened) + verify_completeness(opened)]


@pytest.mark.parametrize(
    ("good", "said"),
    [
        (100, ("met", "0/1")),
        (95, ("not_determinable", "0/1")),  # above the target by the point, and the bounds hold it
        (88, ("not_determinable", "0/1")),  # below it by the point alone
        (75, ("missed", "7/1")),
        (56, ("missed", "7/1")),  # 56 % would be the dear tier by the point; the upper bound, 65.4 %, is not below 60
        (30, ("missed", "22/1")),  # the dear tier, and the one area below its minimum
    ],
)
def test_the_bounds_decide_and_pay_never_the_point(world, base_contract, good, said):
    areas(city(world, base_contract), {"a": 100})
    survey(world, walked(good, 100 - good))
    found = told(world)

    assert (found["verdict"], found["credit_percent"]) == said


def test_one_area_below_its_minimum_fails_the_whole_and_pays_for_itself(world, base_contract):
    promise = replace(PROMISE, minima=(Minimum(area="b", percent="80"),))
    areas(city(world, base_contract, promise), {"a": 2000, "b": 20})
    survey(world, walked(2000, 0) + walked(10, 10, "b"))
    found = told(world)

    assert (found["verdict"], found["because"]) == ("missed", "minimum_missed: b")
    assert found["whole"]["verdict"] == "met"
    assert found["credit_percent"] == "2/1"
    assert [(row[0], row[1], row[2]) for row in found["areas"]["rows"]] == [("a", "50", "met"), ("b", "80", "missed")]


def test_an_item_is_judged_by_the_areas_that_it_selects(world, base_contract):
    select = replace(base_contract.items[0].select, areas=("a", "nowhere"))
    areas(city(world, base_contract, select=select), {"a": 100, "b": 100})
    survey(world, walked(100, 0) + walked(0, 100, "b"))
    found = told(world)

    assert [row[0] for row in found["areas"]["rows"]] == ["a", "nowhere"]
    assert (found["verdict"], found["because"]) == ("not_determinable", "minimum_not_determinable: nowhere")
    assert found["surveys"]["outside"] == 100


def test_areas_drawn_when_the_period_is_over_do_not_count_for_it(world, base_contract):
    areas(city(world, base_contract), {"a": 100})
    survey(world, walked(50, 50))
    before = told(world)
    areas(world, {"a": 50}, at_ms=START + world.length * H)  # only the good ones

    assert told(world) == before


def test_the_same_walk_in_the_same_hour_narrows_no_bound(world, base_contract):
    areas(city(world, base_contract), {"a": 100})
    survey(world, walked(75, 25))
    once = told(world)
    survey(world, walked(75, 25), name="again")
    twice = told(world)

    assert [once["whole"][name] for name in ("n", "area_lower", "area_upper")] == [
        twice["whole"][name] for name in ("n", "area_lower", "area_upper")
    ]
    assert twice["surveys"]["samples"] == 200


def test_what_another_carrier_or_network_heard_says_nothing(world, base_contract):
    areas(city(world, base_contract), {"a": 100})
    survey(world, walked(0, 100), carrier="other")
    survey(world, walked(0, 100), technology="lte", name="lte")

    assert told(world)["because"] == "nothing_known"


@pytest.mark.parametrize(
    ("rule", "share", "verdict"),
    [("removed", "1/1", "met"), ("as_covered", "1/1", "met"), ("as_uncovered", "1/2", "missed")],
)
def test_unknown_cells_by_each_rule(world, base_contract, rule, share, verdict):
    promise = replace(PROMISE, unknown_cells=rule, max_unknown_ratio="1")
    areas(city(world, base_contract, promise), {"a": 200})
    survey(world, walked(100, 0))
    found = told(world)

    assert (found["whole"]["area_share"], found["verdict"], found["whole"]["unknown_shown"]) == (
        *(share, verdict),
        "50.000000",
    )


def weak(found):
    return {row[0]: dict(zip(found["weak"]["columns"], row, strict=True)) for row in found["weak"]["rows"]}


def test_weak_coverage_is_told_by_samples_and_by_cells(world, base_contract):
    """10 of 100 cells are weak; of area b one cell is weak in one hour of two: no weak cell, a weak sample."""
    areas(city(world, base_contract, replace(PROMISE, quality="10")), {"a": 90, "b": 10})
    survey(world, walked(80, 10) + walked(9, 1, "b"))
    survey(world, walked(10, 0, "b"), name="again", hour=3)
    found = weak(told(world))

    assert [found[name]["weak_hours"] for name in ("", "a", "b")] == [11, 10, 1]
    assert (found[""]["cell_hours"], found[""]["weak_share"], found[""]["weak_shown"]) == (110, "1/10", "10.000000")
    assert [found[name]["weak_cells"] for name in ("", "a", "b")] == [10, 10, 0]
    assert (found[""]["cells"], found[""]["weak_cells_share"]) == (100, "1/10")
    assert told(world)["whole"]["area_share"] == "0/1"  # nobody measured the quality that is promised


def test_where_no_cell_is_known_nothing_is_weak(world, base_contract):
    areas(city(world, base_contract), {"a": 3})

    assert weak(told(world))[""] == {
        "area": "",
        "cell_hours": 0,
        "weak_hours": 0,
        "weak_share": "",
        "weak_shown": "",
        "cells": 0,
        "weak_cells": 0,
        "weak_cells_share": "",
        "weak_cells_shown": "",
    }


@pytest.mark.parametrize(
    ("told_in", "holds"), [("netops-report/3", True), ("netops-report/4", False)], ids=["before", "since"]
)
def test_a_report_that_is_silent_on_it_holds_only_from_before_it_was_told(world, base_contract, signer, told_in, holds):
    areas(city(world, base_contract), {"a": 100})
    survey(world, walked(75, 25))
    _, members = world.issue(signer)
    report = json.loads(members["report.json"])
    del report["parts"][0]["items"][0]["coverage"][0]["weak"]
    changed = members | {"report.json": canonical.dumps(report | {"format": told_in})}

    assert (verify_numbers(Bundle(members=changed)) == []) is holds


def test_area_and_time_share_no_table(world, base_contract):
    """Rule 15: among the objectives, their columns and their sums nothing is of surface."""
    areas(city(world, base_contract), {"a": 100})
    survey(world, walked(75, 25))
    content = world.draft_content()
    item = content["parts"][0]["items"][0]

    assert [each["objective"] for each in item["objectives"]] == ["availability", "any"]
    assert not {"value", "shown", "lower", "upper", "tally"} & {*item["coverage"][0], *item["coverage"][0]["whole"]}
    assert item["credit"]["objective"] == "outdoor"


def test_pages_and_workbook_tell_each_area(world, base_contract, signer):
    areas(city(world, base_contract), {"110108001": 100})
    survey(world, walked(75, 25, "110108001"))
    draft = world.draft(signer)
    page = draft.members["report.html"].decode()

    assert page.count("110108001") >= 1
    assert "面积占比" in page
    assert "75.000 %" in page
    assert "弱覆盖比例 %" in page
    assert "25.000" in page
    for rule in (
        "at 1.96 standard errors",
        "an unknown cell is in no share",
        "每有一个区域低于最低要求，扣减费用的 2 %",
    ):
        assert rule in page
    book = openpyxl.load_workbook(io.BytesIO(draft.members["report.xlsx"]))
    rows = list(book[words.both("coverage")].iter_rows(values_only=True))
    assert [row[3] for row in rows[1:]] == [words.both("all"), "110108001"]


# ---- before the month is over


def test_an_interval_asks_how_it_stands_at_its_end(world, base_contract):
    areas(city(world, base_contract), {"a": 100})
    survey(world, walked(100, 0), hour=2)
    survey(world, walked(0, 100), hour=6, name="later")
    tz = calendar.zone("Asia/Shanghai")

    def at(hour):
        answer = interval.ask(world.contracts, world.leaves(), start_ms=START, end_ms=START + hour * H, tz=tz)
        return [(version, each.name, each.told["verdict"]) for version, each in answer.coverage], answer.breached

    assert at(2) == ([("1", "wifi/outdoor", "not_determinable")], False)
    assert at(3) == ([("1", "wifi/outdoor", "met")], False)
    assert at(12) == ([("1", "wifi/outdoor", "missed")], True)


def test_the_status_tells_it_apart_from_the_objectives(world, base_contract):
    areas(city(world, base_contract), {"a": 100})
    survey(world, walked(100, 0))
    tz = calendar.zone("Asia/Shanghai")
    found = standing.plain(standing.stands(world.contracts, world.leaves(), now_ms=START + 12 * H, tz=tz))

    assert [each["objective"] for each in found["objectives"]] == ["availability", "any", "availability"]
    (told,) = found["coverage"]
    assert (told["item"], told["objective"], told["verdict"], told["at_ms"]) == (
        *("wifi", "outdoor", "met"),
        START + 12 * H,
    )
    assert "credit_percent" not in told


def test_the_judge_of_an_interval_says_it_and_exits_with_3(world, base_contract, signer, tmp_path, capsys):
    areas(city(world, base_contract), {"a": 100})
    survey(world, walked(30, 70))
    draft = world.draft(signer)
    for name in ("leaves.jsonl.gz", "contract.json"):
        (tmp_path / name).write_bytes(draft.members[name])
    files = ["--facts", str(tmp_path / "leaves.jsonl.gz"), "--contracts", str(tmp_path / "contract.json")]
    code = cli.main(["sla", "judge", "--contract", "c1", "--from", "2026-10-01", "--to", "2026-10-01T12:00", *files])
    said = capsys.readouterr().out

    assert code == 3
    assert "wifi/outdoor" in said
    assert "30.000000 % [21.8947, 39.5851]" in said
    assert [line.split()[0] for line in said.splitlines() if line.startswith("    a ")] == ["a"]


# ---- what is sealed


@pytest.fixture
def sealed(world, base_contract, signer):
    """Return a world with a survey that helps the carrier and one that does not, and the bundle of its report."""
    areas(city(world, base_contract), {"a": 100})
    survey(world, walked(100, 0), name="good")
    survey(world, walked(0, 100), name="bad", hour=3)
    survey(world, walked(0, 100), name="of another", carrier="other")
    return world, world.issue(signer)[1]


def test_a_bundle_holds_by_all_that_it_carries(sealed):
    _, members = sealed

    assert failures(members) == []


def test_a_bare_python_says_that_it_holds(sealed, signer, tmp_path):
    _, members = sealed
    bundles.write(tmp_path / "bundle.zip", members)
    (tmp_path / "verify.py").write_bytes(members["verify.py"])
    (tmp_path / "vkey").write_text(f"{signer.vkey}\n")
    command = [sys.executable, "-I", "-S", "verify.py", "bundle.zip", "--vkey", "vkey"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "version 1 wifi/outdoor: missed, 50.000000 % of the surface" in done.stdout


def test_a_survey_that_is_left_out_is_missed(sealed):
    _, members = sealed
    index = next(i for i, data in Bundle(members=members).leaves() if b'"survey_import"' in data)
    kept = {i: data for i, data in Bundle(members=members).leaves() if i != index}
    found = failures(members | {"leaves.jsonl.gz": bundles.leaf_lines(kept)})

    assert any("1 of 2 survey_import of surveys:unicom" in each and "missing" in each for each in found)


def test_the_account_of_the_surveys_cannot_be_left_out(sealed):
    _, members = sealed
    lines = [json.loads(line) for line in members["proofs/heads.jsonl"].splitlines()]
    for line in lines:
        del line["accounts"]["surveys:unicom"]
    data = b"".join(canonical.dumps(line) + b"\n" for line in lines)
    found = failures(members | {"proofs/heads.jsonl": data})

    assert any("the carrier's surveys" in each for each in found)


def test_the_account_stands_before_the_first_survey(world, base_contract, signer):
    """So that "there is none" is shown, and not said."""
    areas(city(world, base_contract), {"a": 100})
    _, members = world.issue(signer)

    assert failures(members) == []
    assert b'"surveys:unicom"' in members["proofs/heads.jsonl"]


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        (b'"area_upper":"', b'"area_upper":"9', "coverage[0].whole.area_upper"),
        (b'"known":100', b'"known":101', "coverage[0].whole.known"),
        (b'"outside":0', b'"outside":1', "coverage[0].surveys.outside"),
    ],
)
def test_a_number_that_was_changed_is_named(sealed, old, new, place):
    _, members = sealed
    changed = members["report.json"].replace(old, new)
    found = failures(members | {"report.json": changed})

    assert changed != members["report.json"]
    assert any(place in each for each in found), found


def test_a_later_survey_makes_a_revision_and_answers_for_the_money(world, base_contract, signer):
    areas(city(world, base_contract), {"a": 100})
    survey(world, walked(100, 0))
    world.issue(signer)
    survey(world, walked(0, 100), name="late", hour=3)
    draft, members = world.issue(signer)
    (step,) = draft.report.content["difference"]["steps"]["rows"]

    assert step[0] == "surveys"
    assert (step[2], step[4]) == ("0.00", draft.report.content["credit"]["total"])
    assert failures(members) == []


@pytest.mark.parametrize(
    ("off", "said"),
    [(0, ""), (1, ""), (-1, ""), (2, "is stated with"), (None, "is no H3 cell")],
)
def test_cells_are_weighed_again_where_the_grid_is_at_hand(world, base_contract, signer, off, said):
    cell = grid.cell(39.96, 116.3)
    rows = [["8931aa51d1b", "a", 1] if off is None else [cell, "a", grid.area_dm2(cell) + off]]
    digest = canonical.digest(canonical.dumps(rows))
    body = {"areas": digest, "grid": "4", "resolution": 9, "by": "t"}
    stated(city(world, base_contract), "coverage_areas", body, rows)
    _, members = world.issue(signer)
    wrong, note = surface.cells(Bundle(members=members))

    assert [said in each.what for each in wrong] == [True] * bool(said)
    assert "1 cells of areas were weighed again by h3" in note


def test_served_surface_is_that_of_the_sealed_hours(paper_world, base_contract):
    """One of two access points is down for a quarter of an hour, nobody looks at the other for an hour."""
    world = paper_world(contracts=(base_contract,), length=4)
    world.versions()
    roster = world.roster({"ap-1": "wifi", "ap-2": "wifi"})
    for number in range(4):
        letters = {1: {"ap-1": "u" * 3 + "d" * 3 + "g" * 6}, 2: {"ap-2": "?" * 12}}.get(number, {})
        world.hour(number, letters, roster)
    footprint = {"c1": frozenset({"ap-1"}), "c2": frozenset({"ap-2"}), "c3": frozenset({"ap-1", "ap-2"})}
    zones = {"w": {"c1": 100, "c2": 10, "c3": 1}}
    found = served.by_area(world.leaves(), zones, footprint, contract="c1", start_ms=START, end_ms=START + 4 * H)["w"]

    quarter = H // 4
    assert found.down == 100 * quarter
    assert found.unknown == 10 * H
    assert found.up == 100 * 15 * quarter + 10 * 3 * H + 4 * H


def test_an_item_may_promise_coverage_alone(world, base_contract, signer, papers):
    areas(city(world, base_contract, objectives=()), {"a": 100})
    held = world.contracts[0]
    world.contracts = (replace(held, items=held.items[:1], version="2", valid_from_ms=START - 1),)
    world.versions()
    survey(world, walked(75, 25))
    draft, members = world.issue(signer)

    assert failures(members) == []
    assert draft.report.content["credit"]["total"] == "14.00"
    assert members["report.zh.pdf"].startswith(b"%PDF")
    assert "1 of 1 promises missed" in members["report.html"].decode()


# ---- what a ruling takes out

REPORT = "c1-2026-09-30T16:00:00.000Z/2026-10-01T04:00:00.000Z-r1"


def ruled(world, target, *, code="survey_datum", asks=(), report=REPORT, **ruling):
    said = {"objection": "o-1", "report": report, "code": code, "target": target, "by": "unicom", "reason": "基准错误"}
    world.state("objection", said | dict(asks), at_ms=START + 14 * H)
    world.rebut("o-1")
    told = {"decides": "taken_out", "start_ms": 0, "end_ms": START + 12 * H, "outcome": "upheld"} | ruling
    world.state("ruling", {"objection": "o-1", "by": "officer", "reason": "x"} | told, at_ms=START + 15 * H)


def walks(name):
    return canonical.digest(name.encode())


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ((f"survey:{walks('bad')}", {}), ("99/100", "met", 100)),
        ((f"survey:{walks('bad')}", {"outcome": "dismissed"}), ("99/200", "missed", None)),
        ((f"survey:{walks('bad')}/a", {}), ("99/100", "met", 100)),
        ((f"survey:{walks('bad')}/b", {}), ("99/200", "missed", None)),  # it has no cell there
        # the last millisecond touches the hour
        ((f"survey:{walks('bad')}@{START + 4 * H - 1}-{START + 4 * H}", {}), ("99/100", "met", 100)),
        ((f"survey:{walks('bad')}@{START + 4 * H}-{START + 9 * H}", {}), ("99/200", "missed", None)),
        ((f"survey:{walks('bad')}", {"start_ms": START + 4 * H}), ("99/200", "missed", None)),
        ((f"survey:{walks('bad')}", {"code": "fact"}), ("99/200", "missed", None)),
        ((f"survey:{walks('bad')}", {"report": "r"}), ("99/200", "missed", None)),  # said of another month
        ((f"survey:{walks('good')}", {}), ("0/1", "missed", 100)),  # nothing that is out counts as good
    ],
)
def test_what_a_ruling_takes_out_of_a_survey_is_neither_good_nor_bad(
    paper_world, paper_bundle, base_contract, said, expected
):
    """A hundred cells, 99 of them good by the first walk and none by the second, an hour later."""
    target, ruling = said
    world = city(paper_world(length=12), base_contract)
    areas(world, {"a": 100})
    survey(world, walked(99, 1), name="good")
    survey(world, walked(0, 100), name="bad", hour=3)
    world.issued_before()
    draft, _ = paper_bundle(world)
    for fact in bundle.facts(draft, now_ms=START + 13 * H):
        world.state(fact.kind, dict(fact.body), at_ms=fact.at_ms)

    ruled(world, target, **ruling)
    draft, made = paper_bundle(world)

    assert verify_numbers(made) == []
    found = draft.report.content["parts"][0]["items"][0]["coverage"][0]
    assert (found["whole"]["area_share"], found["verdict"], found["surveys"].get("taken_out")) == expected
    steps = draft.report.content["difference"]["steps"]["rows"] if ruling.get("report") != "r" else []
    assert [row[0] for row in steps] == ["objection o-1"] * (ruling.get("report") != "r")


@pytest.mark.parametrize("rule", ["removed", "as_uncovered", "as_covered"])
@pytest.mark.parametrize("said", [("bad", "1/1", "40"), ("good", "0/1", "60")])
def test_a_cell_that_a_ruling_makes_unknown_is_in_no_share_by_any_rule(
    paper_world, paper_bundle, base_contract, rule, said
):
    """Sixty cells are good and forty bad, each by a walk of its own; one walk is taken out.

    To count its cells as covered would make good ground of bad by an objection to the instrument, as uncovered the
    reverse.
    """
    name, share, percent = said
    promise = replace(PROMISE, unknown_cells=rule, max_unknown_ratio="1")
    world = city(paper_world(length=12), base_contract, promise)
    areas(world, {"a": 100})
    survey(world, walked(60, 0), name="good")
    survey(world, [("a", 60 + number, BAD) for number in range(40)], name="bad")
    draft, _ = paper_bundle(world)
    for fact in bundle.facts(draft, now_ms=START + 13 * H):
        world.state(fact.kind, dict(fact.body), at_ms=fact.at_ms)

    ruled(world, f"survey:{walks(name)}")
    draft, made = paper_bundle(world)

    assert verify_numbers(made) == []
    found = draft.report.content["parts"][0]["items"][0]["coverage"][0]
    assert (found["whole"]["area_share"], found["whole"]["too_few_hours"]) == (share, 0)
    assert found["surveys"]["ruled_out_dm2"] == int(percent) * 1000
    assert found["whole"]["unknown_shown"] == f"{percent}.000000"


def test_a_cell_that_was_unknown_before_the_ruling_stays_what_the_contract_makes_of_it(
    paper_world, paper_bundle, base_contract
):
    """Each cell wants two hours; of two hundred fifty keep them, fifty lose one, a hundred never had them."""
    promise = replace(PROMISE, unknown_cells="as_covered", min_hours=2, max_unknown_ratio="1")
    world = city(paper_world(length=12), base_contract, promise)
    areas(world, {"a": 200})
    survey(world, walked(100, 0), name="good")
    survey(world, walked(0, 150), name="bad", hour=3)
    survey(world, walked(0, 50), name="more", hour=4)
    draft, _ = paper_bundle(world)
    for fact in bundle.facts(draft, now_ms=START + 13 * H):
        world.state(fact.kind, dict(fact.body), at_ms=fact.at_ms)

    ruled(world, f"survey:{walks('bad')}")
    draft, made = paper_bundle(world)

    assert verify_numbers(made) == []
    found = draft.report.content["parts"][0]["items"][0]["coverage"][0]
    assert found["surveys"]["ruled_out_dm2"] == 50_000
    assert found["whole"]["area_share"] == "5/6"  # of 150 cells fifty are half good, a hundred count as covered
