"""A contract is said in the language of the page, with its own word beside it."""

from __future__ import annotations

from dataclasses import fields
from typing import get_args
from zoneinfo import ZoneInfo

import pytest

from dashboards import terms
from inventory import model
from inventory.model import Objective, Rules

SHANGHAI = ZoneInfo("Asia/Shanghai")
OCTOBER = (1_790_784_000_000, 1_793_462_400_000)
LANGUAGES = ["zh-CN", "en"]


@pytest.fixture
def speaking(site):
    """Return a request's context in a language."""
    return lambda language: site.app.test_request_context("/", headers={"Accept-Language": language})


@pytest.mark.parametrize(
    ("text", "zh", "en"),
    [
        ("公共WiFi / Public WiFi", "公共WiFi", "Public WiFi"),
        ("TD-LTE小基站 / Small cells", "TD-LTE小基站", "Small cells"),
        ("公共WiFi", "公共WiFi", "公共WiFi"),
        ("a / b", "a / b", "a / b"),
        ("光纤 / 宽带", "光纤 / 宽带", "光纤 / 宽带"),
        ("", "", ""),
    ],
)
def test_a_title_in_two_languages_is_said_in_one(speaking, text, zh, en):
    for language, said in (("zh-CN", zh), ("en", en)):
        with speaking(language):
            assert terms.title(text) == said


@pytest.mark.parametrize(("language", "said"), [("zh-CN", "2026年10月"), ("en", "Oct 2026")])
def test_a_whole_month_is_said_by_its_name(speaking, language, said):
    with speaking(language):
        assert terms.period(*OCTOBER, SHANGHAI) == said


@pytest.mark.parametrize("shift", [(1, 0), (0, -1), (0, 86_400_000), (-86_400_000, 0)])
def test_what_is_not_a_whole_month_is_not_called_one(speaking, shift):
    with speaking("en"):
        said = terms.period(OCTOBER[0] + shift[0], OCTOBER[1] + shift[1], SHANGHAI)

    assert " – " in said


def test_every_word_that_a_rule_may_be_set_to_is_translated():
    kinds = {
        "exclusion_mode": model.ExclusionMode,
        "unknown_mode": model.UnknownMode,
        "degraded_mode": model.DegradedMode,
        "undetermined_mode": model.UndeterminedMode,
        "outage_edge": model.OutageEdge,
        "parent_failure": model.ParentFailure,
        "aggregation": model.Aggregation,
        "weight": model.Weight,
        "empty_history": model.EmptyHistory,
        "percentile": model.Percentile,
        "repair_from": model.RepairFrom,
    }

    assert set(terms.VALUES) == {(name, word) for name, kind in kinds.items() for word in get_args(kind)}
    assert set(terms.PERIODS) == set(get_args(model.Period))


@pytest.mark.parametrize(("language", "said"), [("zh-CN", "周一、周日 08:00–20:30"), ("en", "Mon, Sun 08:00–20:30")])
def test_the_hours_that_count_are_said(speaking, language, said):
    with speaking(language):
        assert terms.hours(Rules(hours=(model.Hours(days=(1, 7), start_minute=480, end_minute=1230),))) == said
        assert terms.hours(Rules()) == {"zh-CN": "全天", "en": "all day"}[language]


def test_every_rule_of_a_contract_is_shown(speaking):
    with speaking("zh-CN"):
        shown = {key for _, key, _, _ in terms.rules(Rules())}

    assert shown | {"hours", "exclusions"} == {each.name for each in fields(Rules)}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_contracts_page_has_words_and_no_keys_alone(site, language):
    client = site.browser("viewer")
    text = client.get("/contract/contract-b", headers={"Accept-Language": language}).get_data(as_text=True)
    promise = {"zh-CN": "可用率 ≥ 99.5%，按月", "en": "availability ≥ 99.5%, by month"}[language]
    counted = {"zh-CN": "从第一次异常起算", "en": "from the first bad check"}[language]

    assert promise in text
    assert f'<dd>{counted} <code class="soft">first_bad</code></dd>' in text


def test_a_verdict_names_its_objective_by_its_title(site, speaking):
    contract = model.Contract(
        id="c",
        version="1",
        carrier="x",
        title="",
        valid_from_ms=0,
        items=(
            model.ServiceItem(
                id="fiber",
                kind="fiber",
                select=model.Selector(),
                title="光纤接入 / Fiber access",
                objectives=(model.Objective(id="a", indicator="availability", target="99.8"),),
            ),
        ),
    )
    with speaking("en"):
        assert terms.objective(contract, "fiber/a") == "Fiber access · availability"
        assert terms.objective(contract, "a") == "Fiber access · availability"
        assert terms.objective(contract, "fiber/b") == "fiber/b"
        assert terms.objective(None, "fiber/a") == "fiber/a"


def test_a_promise_on_a_metric_says_what_makes_its_time_good(speaking):
    delay = model.Objective(id="d", indicator="probe.rtt.p95", threshold="20", target="95")
    reached = model.Objective(id="r", indicator="probe.reached", threshold="1", target="99.5")
    with speaking("en"):
        assert terms.promise(delay) == "time with round trip p95 ≤ 20 ms: ≥ 95%, by month"
        assert terms.promise(reached) == "time reached: ≥ 99.5%, by month"


@pytest.mark.parametrize(
    ("indicator", "threshold", "zh", "en"),
    [
        (
            "fault.repair",
            "4",
            "按时修复的障碍 (≤ 4 h) ≥ 95%，按月",
            "faults repaired in time (≤ 4 h) ≥ 95%, by month",
        ),
        ("fault.repeat", "30", "非重复障碍 (> 30 d) ≥ 95%，按月", "faults that are no repeat (> 30 d) ≥ 95%, by month"),
        ("asset.active", "24", "在网资产 (≥ 24 h) ≥ 95%，按月", "active assets (≥ 24 h) ≥ 95%, by month"),
        (
            "probe.throughput.mean",
            "100000000",
            "平均接入速率，签约 100000000 bit/s: ≥ 95%，按月",
            "mean of the rates measured, none above the contracted one, contracted 100000000 bit/s: ≥ 95%, by month",
        ),
    ],
)
def test_a_promise_about_faults_assets_or_a_rate_says_by_what_it_is_measured(speaking, indicator, threshold, zh, en):
    each = Objective(id="o", indicator=indicator, threshold=threshold, target="95")
    for language, said in (("zh-CN", zh), ("en", en)):
        with speaking(language):
            assert terms.promise(each) == said


def test_what_is_promised_one_by_one_is_no_share_of_time(speaking):
    rules = Rules(check_every_s=3600)
    success = Objective(id="s", indicator="portal.login.success", threshold="1", target="98", rules=rules)
    online = Objective(id="o", indicator="portal.login.time", threshold="10000", target="95", rules=rules)
    with speaking("zh-CN"):
        assert terms.promise(success) == "登录成功率: ≥ 98%，按月"
        assert terms.promise(online) == "上网等待时长 ≤ 10000 ms 的占比: ≥ 95%，按月"


@pytest.mark.parametrize(
    ("item", "objective", "said"),
    [
        ("专线 / Line", "专线可用率 / Line availability", "专线可用率"),
        ("专线 / Line", "可用率 / Availability", "专线 / 可用率"),
        ("专线 / Line", "", "专线"),
        ("专线 / Line", "专线 / Line", "专线"),
    ],
)
def test_a_promise_says_its_item_once(site, item, objective, said):
    with site.app.test_request_context("/?lang=zh-CN"):
        assert terms.both(item, objective) == said
