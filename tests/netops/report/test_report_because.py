"""What a Chinese reader sees in page, papers and workbook is Chinese: every token of a report has its words."""

import ast
import re
from pathlib import Path

import pytest

import netops
from inventory import model
from netops.commands import contract_said
from netops.evidence import tally
from netops.metrics import METRICS
from netops.model import Quality, Reason
from netops.report import agreed, because, difference, html
from netops.report.words import WORDS
from netops.sla import derived, streams, timeline
from netops.vocabulary import KINDS

HAN = re.compile(r"[\u4e00-\u9fff]")
RULES = Path(netops.__file__).parent / "sla"
AT = {"Sample": 4, "Interval": 4, "Part": 2, "_place": 3, "says": 2, "_blind": 1}  # where a call of the rules says why


def named(node):
    return node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")


def tokens():
    """Every text that stands in the rules where they say why, by the syntax of their sources."""
    trees = [ast.parse(path.read_text("utf-8")) for path in sorted(RULES.glob("*.py"))]
    names = {
        each.targets[0].id: each.value.value
        for tree in trees
        for each in tree.body
        if isinstance(each, ast.Assign)
        and isinstance(each.value, ast.Constant)
        and isinstance(each.targets[0], ast.Name)
    }
    for call in (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)):
        place = AT.get(named(call.func))
        given = [each.value for each in call.keywords if each.arg == "because"]
        given += [call.args[place]] if place is not None and len(call.args) > place else []
        for node in given:
            value = node.value if isinstance(node, ast.Constant) else names.get(named(node))
            if isinstance(value, str) and value:
                yield value


def listed():
    yield from tokens()
    yield from (each.value for each in Reason)
    yield from (each.value for each in Quality)
    yield from (kind for kind in tally.STANDING | tally.SIGHT if kind in KINDS)
    yield from (each.name for each in METRICS["pon.onu.down_cause"].states)
    yield from ("late hours", "the rest", difference.UNREAD, "nothing was left to judge")
    for kind in ("clock_state", "monitor_health"):
        yield from re.findall(r"\w+", KINDS[kind]["state"].__doc__.removeprefix("Expect one of "))


def test_the_rules_are_read_for_their_tokens():
    """Else a test that finds no token finds none without a word."""
    assert {timeline.SPARSE, timeline.BRIEF, "no quorum", "contradicting samples", "unproved"} <= set(tokens())


@pytest.mark.parametrize("token", sorted(set(listed())))
def test_no_token_is_without_a_chinese_word(token):
    assert HAN.search(because.said(token, "zh"))
    assert not HAN.search(because.said(token, "en"))


@pytest.mark.parametrize(
    ("token", "chinese"),
    [
        ("", ""),
        ("parent:ac-1", "上级设备 ac-1 中断"),
        ("wlan.ap.state=fault", "AP运行状态：故障"),
        ("wlan.ap.state=?", "AP运行状态：未知"),
        ("not probe.rtt.p95 <= 30", "往返时延（95 百分位）（probe.rtt.p95）不满足 <= 30"),
        ("unknown time exceeds the contract's limit of 1/20", "未测得的时间超过合同限度 5 %"),
        ("the target of 99.5 % is missed even at the upper bound, 98.1 %", "即使取上限 98.1 %，也未达到约定的 99.5 %"),
        ("the target of 1 % is met even at the lower bound, 2 %", "即使取下限 2 %，也已达到约定的 1 %"),
        ("claim req-late", "免责申请 req-late"),
        ("correction 12", "更正 12"),
        ("a word of nobody's", "a word of nobody's"),
        ("unknown time exceeds the contract's limit of 1/0", "unknown time exceeds the contract's limit of 1/0"),
    ],
)
def test_what_a_token_says(token, chinese):
    assert because.said(token, "zh") == chinese


@pytest.mark.parametrize(
    ("name", "words"),
    [
        pytest.param("words", WORDS, id="words of papers and workbook"),
        pytest.param("agreed", agreed._SAID | agreed.DOES | agreed.KINDS | dict(enumerate(agreed.DAYS)), id="rules"),
        pytest.param("because", because.TOKENS, id="tokens"),
    ],
)
def test_no_catalogue_lacks_a_chinese_word(name, words):
    lacking = [key for key, (chinese, english) in words.items() if not HAN.search(chinese) or not english]

    assert lacking == [], name


@pytest.mark.parametrize("name", sorted({*derived.ALL, *(name for name in METRICS if streams.promised(name))}))
def test_what_a_contract_may_promise_has_a_chinese_word(name):
    assert HAN.search(because.indicator(name))


@pytest.mark.parametrize("word", [*model.KINDS, *model.ROLES])
def test_what_the_register_calls_things_has_a_chinese_word_for_the_contract(word):
    assert HAN.search(contract_said.NAMED[word])


@pytest.mark.parametrize("words", [html.COLUMNS, html.VERDICTS, html.REMARKS])
def test_the_columns_of_the_page_are_in_chinese_as_well(words):
    assert [each for each in words.values() if not HAN.search(each) and each != "% ↓"] == []


def test_a_class_is_called_as_the_contract_calls_it():
    objective = {"rules": {"exclusions": [{"id": "planned-work", "title": "计划检修"}, {"id": "odd", "title": ""}]}}

    assert [because.class_title(objective, each) for each in ("planned-work", "odd", "gone")] == [
        "计划检修",
        "odd",
        "gone",
    ]


@pytest.mark.parametrize(
    ("length_ms", "shown"),
    [(0, "0:00:00"), (86_399_000, "23:59:59"), (86_400_000, "1 d 0:00:00"), (1_929_600_000, "22 d 8:00:00")],
)
def test_a_length_of_time_has_no_word_of_one_language(length_ms, shown):
    assert html.lasted(length_ms) == shown
