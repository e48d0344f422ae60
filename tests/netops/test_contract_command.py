"""`netops contract check`: a contract in words, what it would owe, what is wrong with it, before it is signed."""

import json
import re
from dataclasses import fields
from fractions import Fraction

import pytest

from inventory import model
from inventory.reading.single import read_contract
from netops import cli
from netops.commands.contract_said import SAID
from netops.commands.contract_words import Speaker
from netops.report.agreed import DOES
from netops.sla import foretold
from tests.netops.instances import guide_files

NAME = "public-wifi/availability"


@pytest.fixture(scope="module")
def text():
    return guide_files()["contracts/wifi-2026.yaml"]


@pytest.fixture
def check(tmp_path, capsys, text):
    def run(*words, changed=None):
        (tmp_path / "c.yaml").write_text(text if changed is None else changed, encoding="utf-8")
        code = cli.main(["contract", "check", str(tmp_path / "c.yaml"), *words])
        return code, capsys.readouterr()

    return run


def test_it_says_in_words_what_the_contract_does(check):
    code, said = check("--language", "en")

    assert code == 0
    for sentence in (
        "in force from 2026-01-01T00:00:00+08:00, times in Asia/Shanghai, money in CNY, until 2027-01-01",
        "availability: service is up ≥ 99.5 % of the time, judged per calendar month of Asia/Shanghai",
        "service hours (wall clock of Asia/Shanghai): Mon-Fri 06:00-24:00; Sat,Sun 08:00-24:00",
        "excused time is not judged: it leaves the reckoning",
        "approved by contract_manager, at most 240 min a month",
        "time not measured is left out",
        "above 5 % of time not measured there is no verdict",
        "≥ 99.0 %, < 99.5 %: 10 % of the fee",
        "all credits of a month together: at most 30 % of its fees",
    ):
        assert sentence in said.out


def test_the_same_in_chinese(check):
    code, said = check("--language", "zh_CN", "--at", f"{NAME}=99.2")

    assert code == 0
    assert "服务正常的时间占比 ≥ 99.5 %" in said.out
    assert "未达标，第 1 档，扣减 10 %" in said.out
    assert "合计 12.00 CNY，费用 120.00 CNY" in said.out
    assert "周一至周五 06:00-24:00; 周六,周日 08:00-24:00" in said.out
    assert "原因 计划检修（planned）" in said.out
    assert "由 合同经理（contract_manager） 批准" in said.out
    assert "符合以下条件的服务：设备角色 无线接入点（ap）" in said.out


@pytest.mark.parametrize(
    ("lang", "said_"), [("zh_CN.UTF-8", "服务正常"), ("en_GB.UTF-8", "service is up"), ("C", "service is up")]
)
def test_without_a_word_the_environment_chooses_the_language(check, monkeypatch, lang, said_):
    monkeypatch.setenv("LC_ALL", lang)

    assert said_ in check()[1].out
    assert "服务正常" in check("--lang", "zh")[1].out


def test_what_is_wrong_is_said_in_chinese_to_who_reads_chinese(check, text):
    code, said = check("--language", "zh_CN", changed=text.replace("target: 99.5", "target: 0.995"))

    assert code == 1
    assert "目标 0.995 以百分数计，几乎不可能不达标; 是否想写 99.5？" in said.out


def test_amounts_are_grouped_as_people_read_them(check):
    _, said = check("--language", "en", "--at", f"{NAME}=99.2", "--services", "400")

    assert "in sum 4,800.00 CNY of 48,000.00 CNY" in said.out


def test_a_target_that_was_written_as_a_ratio_is_asked_about(check, text):
    code, said = check("--language", "en", changed=text.replace("target: 99.5", "target: 0.995"))

    assert code == 1
    assert "target 0.995 is in percent, so hardly anything could miss it; did you mean 99.5?" in said.out


@pytest.mark.parametrize(
    ("value", "tier", "total"),
    [
        ("99.5", 0, "0.00"),
        ("99.499999999999", 1, "12.00"),
        ("99.0", 1, "12.00"),
        ("98.999999999999", 2, "36.00"),
        ("0", 2, "36.00"),
    ],
)
def test_what_would_be_owed_is_exact_at_the_edges_of_tiers(check, value, tier, total):
    _, said = check("--json", "--at", f"{NAME}={value}")
    told = json.loads(said.out)["owed"]

    assert (told["objectives"][0]["tier"], told["total"]) == (tier, [total, total])
    assert Fraction(told["objectives"][0]["value"]) == Fraction(value)


def test_escalation_and_the_contracts_cap_are_reckoned(check, text):
    escalating = text.replace(
        "          object_cap_percent: 100",
        "          object_cap_percent: 100\n          escalate_after: 2\n          escalate_factor: 1.5",
    )
    _, once = check("--json", "--at", f"{NAME}=98", "--before", "1", "--services", "10", changed=escalating)
    _, again = check("--json", "--at", f"{NAME}=98", "--before", "2", "--services", "10", changed=escalating)
    first, second = (json.loads(each.out)["owed"] for each in (once, again))

    assert (first["total"], first["capped"]) == (["360.00"] * 2, False)
    assert second["items"][0]["amount"] == ["540.00"] * 2  # 45 % of 1200
    assert (second["total"], second["capped"]) == (["360.00"] * 2, True)  # the contract pays at most 30 %


def test_by_minute_owes_between_the_dearest_and_the_sum(tmp_path, text):
    (tmp_path / "c.yaml").write_text(text, encoding="utf-8")
    held, _ = read_contract(tmp_path / "c.yaml")
    (item,) = held.items
    (one,) = item.objectives
    both = (one, model.Objective(**{f.name: getattr(one, f.name) for f in fields(one)} | {"id": "again"}))
    values = {NAME: Fraction(98), "public-wifi/again": Fraction("99.2")}

    def owed(how):
        changed = model.ServiceItem(
            **{f.name: getattr(item, f.name) for f in fields(item)} | {"objectives": both, "double_credit": how}
        )
        contract = model.Contract(**{f.name: getattr(held, f.name) for f in fields(held)} | {"items": (changed,)})
        found = foretold.foretell(contract, values).items[0]
        return str(found.least_amount), str(found.most_amount)

    assert owed("dearest") == ("36.00", "36.00")
    assert owed("by_minute") == ("36.00", "48.00")


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("--at", "public-wifi/availabilty=99"), "did you mean 'public-wifi/availability'"),
        (("--at", f"{NAME}=99,2"), "expected a plain decimal number"),
        (("--at", f"{NAME}=101"), "expected percent, 0 to 100"),
        (("--at", NAME), "expected item/objective=value"),
        (("--at", f"{NAME}=99", "--at", f"{NAME}=98"), "given twice"),
        (("--at", f"{NAME}=99", "--services", "0"), "0 services"),
    ],
)
def test_a_value_that_cannot_be_reckoned_is_refused(check, words, what):
    code, said = check("--language", "en", *words)

    assert code == 2
    assert what in said.err


def test_what_is_wrong_is_named_with_its_line_and_explained_all_the_same(check, text):
    code, said = check("--language", "en", changed=text.replace("at_least: 99.0, percent", "at_least: 99.2, percent"))

    assert code == 1
    assert re.search(r"c\.yaml:\d+: .*`at_least: 99, below: 99\.2` misses the target 99\.5 and owes nothing", said.out)
    assert "service is up ≥ 99.5 %" in said.out


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path, capsys):
    assert cli.main(["contract", "check", str(tmp_path / "none.yaml"), "--language", "en"]) == 2
    assert "none.yaml: there is no such file" in capsys.readouterr().err


def test_a_file_that_is_no_contract_is_refused_with_all_its_problems(check):
    code, said = check("--json", changed="contract: x\nrules: {unknown_mode: as_upp}\n")
    found = json.loads(said.out)["problems"]

    assert code == 1
    assert any("did you mean 'as_up'" in each["remedy"] for each in found)
    assert len(found) > 4


@pytest.mark.parametrize(
    ("indicator", "threshold", "english", "chinese"),
    [
        ("fault.repair", "4", "≥ 95 % of faults are over within 4 h", "障碍修复时限 4 小时，按时修复的障碍占比 ≥ 95 %"),
        (
            "fault.repeat",
            "30",
            "have none of their service 30 d before",
            "此前 30 天内同一服务无障碍的障碍占比 ≥ 95 %",
        ),
        (
            "asset.active",
            "24",
            "services are up for 24 h or all of a month",
            "在网资产占比 ≥ 95 %（当月正常满 24 小时或全程正常）",
        ),
        (
            "probe.throughput.mean",
            "100000000",
            "mean rate, none above the contracted 100000000 bit/s, ≥ 95 % of it",
            "平均接入速率 ≥ 签约速率 100000000 bit/s 的 95 %",
        ),
        (
            "lte.cell.rrc.success",
            "1",
            "≥ 95 % of RRC connection attempts succeed, sum over sum",
            "RRC 连接建立成功率 ≥ 95 %（成功数之和除以请求数之和）",
        ),
        (
            "lte.cell.erab.success",
            "1",
            "≥ 95 % of E-RAB set-ups succeed",
            "E-RAB 建立成功率 ≥ 95 %",
        ),
        (
            "lte.cell.prb_dl.free",
            "1",
            "≥ 95 % of downlink resource blocks stay free",
            "下行 PRB 空闲率 ≥ 95 %（利用率为其余部分",
        ),
        (
            "portal.login.mean",
            "100000",
            "mean wait until online of at most 5 s, sum over sum",
            "平均上网等待时长至多 5 秒（总时长除以次数）",
        ),
        (
            "portal.authentication.mean",
            "100000",
            "mean response of the login of at most 5 s",
            "平均认证响应时间至多 5 秒",
        ),
        ("lte.cell.prb_ul.free", "1", "≥ 95 % of uplink resource blocks stay free", "上行 PRB 空闲率 ≥ 95 %"),
    ],
)
def test_faults_assets_and_rates_are_explained_by_what_they_count(indicator, threshold, english, chinese):
    each = model.Objective(id="o", indicator=indicator, threshold=threshold, target="95")
    item = model.ServiceItem(id="i", kind="fiber", select=model.Selector(), objectives=(each,))
    held = model.Contract(id="c", version="1", carrier="x", title="t", valid_from_ms=0, items=(item,))

    for language, said in (("en", english), ("zh_CN", chinese)):
        assert said in "\n".join(Speaker(language).contract(held))


def test_every_sentence_is_there_in_both_languages_with_the_same_fields():
    for english, chinese in SAID.values():
        assert english
        assert re.search(r"[\u4e00-\u9fff]", chinese) or not re.search(r"[a-z]{3}", re.sub(r"{\w+}", "", english))
        assert sorted(re.findall(r"{\w+}", english)) == sorted(re.findall(r"{\w+}", chinese))


def test_every_word_that_a_rule_may_have_is_explained():
    kinds = {
        "exclusion_mode": model.ExclusionMode,
        "unknown_mode": model.UnknownMode,
        "degraded_mode": model.DegradedMode,
        "undetermined_mode": model.UndeterminedMode,
        "outage_edge": model.OutageEdge,
        "parent_failure": model.ParentFailure,
        "aggregation": model.Aggregation,
        "empty_history": model.EmptyHistory,
    }

    assert {(name, word) for name, kind in kinds.items() for word in model.get_args(kind)} <= set(DOES)


COVERAGE = """    coverage:
      - id: outdoor
        metric: rssi
        level: -75
        target: 95
        minimum: 90
        minima: [{area: 110108002, percent: 85}]
        unknown_cells: as_uncovered
        area_percent: 1
        credits:
          tiers:
            - {below: 95, at_least: 85, percent: 5}
            - {below: 85, percent: 15}
          period_cap_percent: 20
"""


def test_a_promise_of_coverage_is_said_and_reckoned(check, text):
    code, said = check("--language", "en", "--at", "public-wifi/outdoor=91", changed=text.rstrip() + "\n" + COVERAGE)

    assert code == 0
    for sentence in (
        "outdoor: at least 95 % of the surface of all areas has RSSI ≥ -75 dBm (of surface, not of time)",
        "but area 110108002: at least 85 %",
        "met when the lower bound reaches it, missed when the upper bound is below, at 1.96 standard errors",
        "an unknown cell counts as not covered",
        "each area below its minimum: 1 % of the fee, and the whole is missed",
        "≥ 85 %, < 95 %: 5 % of the fee",
        "public-wifi/outdoor at 91 %: missed, tier 1, owes 5 %",
    ):
        assert sentence in said.out


OUTDOOR = "public-wifi/outdoor"


def test_each_area_below_its_minimum_owes_beside_the_tier_of_the_whole(check, text):
    at = ("--at", f"{OUTDOOR}=91", "--at", f"{OUTDOOR}/110108002=84.9", "--at", f"{OUTDOOR}/110108001=90")
    code, said = check("--language", "en", *at, changed=text.rstrip() + "\n" + COVERAGE)

    assert code == 0
    for sentence in (
        "public-wifi/outdoor at 91 %: missed, tier 1, owes 6 %",
        "area 110108002 at 84.9 %: below its minimum of 85 %, 1 % of the fee",
        "area 110108001 at 90 %: its minimum of 90 % is kept, owes nothing by itself",
    ):
        assert sentence in said.out


@pytest.mark.parametrize(
    ("values", "percent", "met"),
    [
        ({"": "95"}, "0/1", True),
        ({"": "95", "110108002": "80"}, "1/1", False),  # the whole reaches its target, and one area fails it
        ({"": "95", "110108002": "80", "110108001": "89.9"}, "2/1", False),
        ({"": "0", **{str(each): "0" for each in range(110108001, 110108012)}}, "20/1", False),  # the item's cap
    ],
)
def test_what_areas_owe_is_reckoned_as_a_report_does(check, text, values, percent, met):
    at = [word for area, value in values.items() for word in ("--at", f"{OUTDOOR}{area and '/' + area}={value}")]
    _, said = check("--json", *at, changed=text.rstrip() + "\n" + COVERAGE)
    (told,) = json.loads(said.out)["owed"]["objectives"]

    assert (told["percent"], told["met"]) == (percent, met)
    assert [each["missed"] for each in told.get("areas", [])] == [True] * (len(values) - 1)


@pytest.mark.parametrize(
    ("at", "what", "chinese"),
    [
        (f"{OUTDOOR}/110108002=84", "expected the whole beside it, --at public-wifi/outdoor=VALUE", "只给了区域"),
        (f"{OUTDOOR}/110108002=101", "expected percent, 0 to 100", "应为 0 至 100 的百分数"),
        ("public-wifi/availability/110108002=9", "expected item/objective=value", "应为 服务项/目标=数值"),
    ],
)
def test_an_area_that_cannot_be_reckoned_is_refused_in_the_readers_language(check, text, at, what, chinese):
    changed = text.rstrip() + "\n" + COVERAGE

    for language, words in (("en", what), ("zh_CN", chinese)):
        code, said = check("--language", language, "--at", at, changed=changed)
        assert code == 2
        assert words in said.err


def test_a_fault_of_the_file_is_said_in_chinese_too(check, text):
    code, said = check("--language", "zh_CN", changed=text.replace("unknown_mode: removed", "unknown_mode: remved"))

    assert code == 1
    assert "'unknown_mode' 为 'remved'; 是否想写 'removed'？" in said.out


def test_what_no_rule_can_judge_is_said_in_chinese_too(check, text):
    code, said = check("--language", "zh_CN", changed=text.replace("indicator: availability", "indicator: availabilty"))

    assert code == 1
    assert "应为 availability，或指标目录中有好坏方向的指标" in said.out
    assert "是否想写 'availability'？" in said.out


def test_coverage_in_chinese(check, text):
    code, said = check("--language", "zh_CN", changed=text.rstrip() + "\n" + COVERAGE)

    assert code == 0
    assert "全部区域面积的至少 95 % 满足 RSSI ≥ -75 dBm（按面积计，不按时间）" in said.out


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("metric: rssi", "metric: rsrp", "metric 'rsrp' is of lte, and the item sells wifi"),
        (
            "level: -75",
            "level: 75",
            "expected a rssi from -120 to 0 with at most two decimals; did you mean -75?",
        ),
        ("level: -75", "quality: 900\n        level: -75", "quality is '900'"),
        ("minimum: 90", "z: 0.5", "'z' is 0.5"),
        ("minimum: 90", "minimum: 0.9", "minimum 0.9 is in percent"),
        ("period_cap_percent: 20", "per: object", "leave `per` out: areas are no services"),
        ("minima: [{area: 110108002, percent: 85}]", "minima: [{area: x, percent: 1}, {area: x, percent: 2}]", "twice"),
        ("area_percent: 1", "min_hour: 3", "no 'min_hour'"),
        ("id: outdoor", "id: availability", "'availability' is there twice"),
    ],
)
def test_what_is_wrong_with_a_promise_of_coverage_is_named(check, text, old, new, told):
    changed = COVERAGE.replace(old, new)
    code, said = check("--language", "en", changed=text.rstrip() + "\n" + changed)

    assert changed != COVERAGE
    assert code == 1
    assert told in said.out
