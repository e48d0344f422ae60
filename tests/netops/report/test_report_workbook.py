"""The workbook says what the report says, as text, and is the same bytes every time."""

import io
import json
import zipfile
from dataclasses import replace
from decimal import Decimal

import openpyxl
import pytest

from netops.evidence import canonical
from netops.report import build, days, waterfall, words, xlsx

HOSTILE = [
    '=cmd|"/c calc"!A1',
    "+1+1",
    "-2",
    "@SUM(A1)",
    "https://example.com/",
    "\x00\x07\ud7ff",
    "1e400",
    "x" * 40_000,
]


def read(world, ask=None):
    ask = ask or world.ask()
    report = canonical.loads(build.build(ask, world.leaves()).data)
    made = xlsx.book(report, json.loads(days.made(ask, world.leaves())), ask.zone.tz())
    return report, made, openpyxl.load_workbook(io.BytesIO(made))


def rows(book, name):
    head, *rest = book[words.both(name)].iter_rows(values_only=True)
    return [dict(zip(head, row, strict=True)) for row in rest]


def column(name):
    return words.both(name)


def test_the_same_report_gives_the_same_bytes_and_no_trace_of_when(october, monkeypatch):
    _, first, _ = read(october)
    monkeypatch.setattr("time.time", lambda: 2_000_000_000.0)
    _, second, _ = read(october)

    assert first == second
    with zipfile.ZipFile(io.BytesIO(first)) as held:
        assert {each.date_time for each in held.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert b"1980-01-01T00:00:00Z" in held.read("docProps/core.xml")


def test_every_sheet_is_there(october):
    _, _, book = read(october)

    wanted = ["summary", "objectives", "services", "outages", "exclusions", "deductions", "days"]
    assert book.sheetnames == [words.both(each) for each in wanted]


def test_the_summary_says_who_must_co_sign_and_which_words_have_no_effect(october):
    report = canonical.loads(build.build(october.ask(), october.leaves()).data) | {"passed_over": [[7, 3], [12, 1]]}
    made = xlsx.book(report, json.loads(days.made(october.ask(), october.leaves())), october.ask().zone.tz())
    cells = list(openpyxl.load_workbook(io.BytesIO(made))[words.both("summary")].iter_rows(values_only=True))

    policy = [value for name, value in cells if name == words.both("witnessing")]
    assert policy == ["未指定见证方：账本只由市方签署。", "No witness was ever named: the city alone signs the ledger."]
    assert (words.worded("passed_over"), "#7–9, #12") in cells


def test_the_deductions_end_at_what_is_payable(october):
    report, _, book = read(october)
    found = rows(book, "deductions")
    amounts = [Decimal(str(row[column("amount")])) for row in found]

    assert sum(amounts[1:-1]) == -Decimal(report["credit"]["total"]) != 0
    assert amounts[-1] == sum(amounts[:-1]) == Decimal(str(found[-1][column("left")]))


def test_high_loss_intervals_and_the_standards_name_have_columns_of_their_own(paper_world, base_contract):
    wifi, fiber = base_contract.items
    own = replace(wifi.objectives[0].rules, check_every_s=300, min_samples_per_slice=0)
    window = replace(own, window_intervals=4, consecutive_high_loss=2)
    lossy = replace(wifi.objectives[0], id="mef", rules=window)
    repair = replace(wifi.objectives[0], id="repair", indicator="fault.repair", threshold="4", rules=own)
    item = replace(wifi, objectives=(lossy, repair))
    world = paper_world(contracts=(replace(base_contract, items=(item, fiber)),), length=1)
    world.versions()
    world.hour(0, {"ap-1": "uudduuuudddu"}, world.roster())

    _, _, book = read(world)

    found = {
        row[column("objective")]: tuple(row[column(name)] for name in ("hli", "chli", "norm"))
        for row in rows(book, "objectives")
    }
    assert found["mef"] == (5, 2, None)
    assert found["repair"] == (None, None, "YD/T 3563-2019 障碍修复时限")


def test_a_capped_contract_gives_the_rest_back(paper_world, base_contract):
    world = paper_world(contracts=(replace(base_contract, credit_cap_percent="5"),))
    world.versions()
    roster = world.roster()
    for number in range(world.length):
        world.hour(number, {"ap-1": "d" * 12, "onu-1": "d" * 12}, roster)
    report = build.build(world.ask(), world.leaves()).content
    found = waterfall.steps(report)

    assert report["credit"]["capped"]
    assert [each.kind for each in found] == ["fees", "deduction", "deduction", "cap", "payable"]
    assert sum(each.amount for each in found[1:-1]) == -Decimal(report["credit"]["total"])
    assert [each.left for each in found][-2:] == [found[-1].amount] * 2


def test_claims_stand_with_reason_approver_and_minutes(october):
    _, _, book = read(october)
    found = {row[column("claim")]: row for row in rows(book, "exclusions") if row[column("item")] == "fiber"}

    excused = found["m-1"]
    assert (excused[column("reason")], excused[column("approver")]) == (
        "换板 <b>",
        "manager (合同经理 contract manager)",
    )
    assert (excused[column("asked")], excused[column("given")], excused[column("given_down")]) == (60, 60, 20)
    assert found["m-2"][column("effect")] == words.both("late")
    assert found["m-2"][column("given")] == 0
    assert found["m-3"][column("approver")] is None  # whoever asked did not count as the one who decides


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_becomes_a_formula_a_link_or_a_number(paper_world, base_contract, text):
    item = replace(base_contract.items[0], title=text)
    world = paper_world(contracts=(replace(base_contract, title=text, items=(item, base_contract.items[1])),))
    world.versions()
    roster = world.roster()
    for number in range(world.length):
        world.hour(number, {"ap-1": "d" * 12}, roster)
    _, made, book = read(world)

    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} <= {"s", "n"}
    with zipfile.ZipFile(io.BytesIO(made)) as held:
        sheets = b"".join(held.read(name) for name in held.namelist() if name.startswith("xl/worksheets"))
    assert b"<f>" not in sheets
    assert b"<hyperlink" not in sheets
    (title,) = [row[1].value for row in book[words.both("summary")].iter_rows() if row[0].value == column("title")]
    if len(text) > 100:
        assert title == "x" * (32_767 - 4) + " […]"
    elif text.isprintable():
        assert title == text


def test_a_table_that_is_too_long_goes_on_in_a_next_sheet(october, monkeypatch):
    monkeypatch.setattr(xlsx, "MOST_ROWS", 2)
    report, _, book = read(october)
    outages = sum(
        len(each["incidents"]["rows"])
        for part in report["parts"]
        for item in part["items"]
        for each in item["objectives"]
    )
    sheets = [name for name in book.sheetnames if name.startswith(words.both("outages"))]

    assert len(sheets) == -(-outages // 2) > 1
    assert sum(book[name].max_row - 1 for name in sheets) == outages


def test_minutes_owed_by_several_promises_name_them_all(paper_world, base_contract):
    wifi, fiber = base_contract.items
    sold = replace(wifi, double_credit="by_minute")
    world = paper_world(contracts=(replace(base_contract, items=(sold, fiber)),))
    world.versions()
    roster = world.roster()
    for number in range(world.length):
        world.hour(number, {"ap-1": "uuuuuuuuuuud", "ap-2": "dduuuuuuuuuu"}, roster)
    report = build.build(world.ask(), world.leaves()).content
    found = waterfall.steps(report)
    named = {each["objective"] for each in report["parts"][0]["items"][0]["credit"]["by_minute"]}

    assert named == {"availability", "any"}
    assert sum(each.amount for each in found[1:-1]) == -Decimal(report["credit"]["total"])
    assert set(found[1].objective.split(" + ")) <= named


def test_a_service_that_owes_by_itself_has_its_percentage(paper_world, base_contract):
    wifi, fiber = base_contract.items
    terms = replace(wifi.objectives[0].credits, per="object")
    sold = replace(wifi, objectives=(replace(wifi.objectives[0], credits=terms),))
    world = paper_world(contracts=(replace(base_contract, items=(sold, fiber)),))
    world.versions()
    roster = world.roster()
    for number in range(world.length):
        world.hour(number, {"ap-1": "uuuuuuuuuuud"}, roster)
    _, _, book = read(world)
    found = {row[column("service")]: row[column("own_percent")] for row in rows(book, "services")}

    assert (found["ap-1"], found["ap-2"]) == ("100", None)


def test_hours_that_were_stated_again_have_a_sheet_of_their_own(october):
    index = october.correction(1, {}, october.roster())

    (row,) = rows(read(october)[2], "corrections")

    assert (row[column("reason")], row[column("correction")], row[column("stated")]) == (
        "late polls",
        index,
        f"#{index + 1}",
    )
