"""What the page says of a contract's rules: a sentence for each, of whatever a contract can say."""

from dataclasses import fields, replace
from typing import Literal, get_args, get_origin, get_type_hints

import pytest

from inventory import codec
from inventory.model import Credits, Hours, Rules, Tier
from netops.report import agreed

WORDS = [
    (kind, field.name, word)
    for kind in (Rules, Credits)
    for field in fields(kind)
    if get_origin(get_type_hints(kind)[field.name]) is Literal
    for word in get_args(get_type_hints(kind)[field.name])
]


def told(rules=None, credits_=None):
    objective = {
        "rules": codec.plain(rules or Rules()),
        "credits": codec.plain(credits_ or Credits()),
        "breaches_before": 0,
        "credit_percent": "10/1",
    }
    return {field: said for said, field in agreed.rules(objective)}


@pytest.mark.parametrize(("kind", "field", "word"), WORDS, ids=lambda each: getattr(each, "__name__", each))
def test_whatever_a_rule_can_say_is_a_sentence_in_both_languages(kind, field, word):
    chinese, english = agreed.DOES[field, word]

    assert any("\u4e00" <= letter <= "\u9fff" for letter in chinese)
    assert english.isascii()


@pytest.mark.parametrize(
    ("rules", "field", "said"),
    [
        pytest.param(Rules(), "hours", "全天候考核 · judged around the clock", id="always"),
        pytest.param(
            Rules(hours=(Hours(days=(1, 5), start_minute=480, end_minute=1080),)),
            "hours",
            "考核时间：周一, 周五 08:00–18:00 · judged on: Mon, Fri 08:00–18:00",
            id="weekdays",
        ),
        pytest.param(
            Rules(hours=(Hours(days=(), kinds=("workday",), start_minute=1320, end_minute=1800),)),
            "hours",
            "考核时间：工作日 22:00–06:00 · judged on: workday 22:00–06:00",
            id="a-night",
        ),
        pytest.param(
            Rules(min_outage_s=120),
            "min_outage_s",
            "短于 120 秒的中断不计 · outages shorter than 120 s do not count",
            id="short",
        ),
        pytest.param(
            Rules(slice_s=600, min_samples_per_slice=3),
            "min_samples_per_slice",
            "每 600 秒内检测少于 3 次的视为未测得 · a slice of 600 s with fewer than 3 checks is not measured",
            id="slices",
        ),
    ],
)
def test_a_rule_says_its_figures(rules, field, said):
    assert told(rules)[field] == said


def test_money_says_its_tiers_caps_and_what_escalates():
    held = Credits(tiers=(Tier(percent="10", below="99.9", at_least="99"),), period_cap_percent="50")
    found = told(credits_=replace(held, escalate_after=3, escalate_factor="2"))

    assert found["credits.tiers"].endswith("at ≥ 99 %, < 99.9 % it costs 10 % of the fee")
    assert found["credits.period_cap_percent"].endswith("at most 50 % of the item's fee a period")
    assert found["credits.escalate_after"].endswith("after 3 missed periods in a row, times 2")
    assert (
        found["credit_percent"]
        .partition(" · ")[2]
        .startswith("by this promise alone, 10 % of the fee this time; where an item missed several")
    )
