"""What a contract says and hardly anybody means: each is named with what to write instead, and nothing else is."""

import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.simulator import city as simulated
from collectors.simulator import describe
from inventory.model import Contract, Credits, Objective, Rules, Selector, ServiceItem, Tier
from netops.sla import credit, pitfall_words, pitfalls

SOUND = (Tier(percent="10", below="99.5", at_least="99"), Tier(percent="30", below="99"))


def said(tiers=SOUND, *, fee="120", target="99.5", comparison="at_least", rules=None, **credits_):
    indicator = credits_.pop("indicator", "availability")
    objective = Objective(
        id="o",
        indicator=indicator,
        target=target,
        comparison=comparison,
        threshold="" if indicator == "availability" else "30",
        rules=rules or Rules(),
        credits=Credits(tiers=tuple(tiers), **credits_),
    )
    item = ServiceItem(id="i", kind="wifi", select=Selector(), fee=fee, objectives=(objective,))
    return list(pitfalls.of(item, objective))


@pytest.mark.parametrize(
    ("changed", "what", "remedy"),
    [
        pytest.param(
            {"tiers": [Tier(percent="30", below="99")]},
            "a value of `at_least: 99, below: 99.5` misses the target 99.5 and owes nothing",
            "{at_least: 99, below: 99.5, percent: 0}",
            id="gap-between-target-and-first-tier",
        ),
        pytest.param(
            {"tiers": [SOUND[0], Tier(percent="30", below="99", above="95")]},
            "a value of `at_most: 95` misses the target",
            "{at_most: 95, percent: 0}",
            id="the-worst-values-owe-nothing",
        ),
        pytest.param(
            {"tiers": [*SOUND, Tier(percent="5", at_least="99.5", below="99.9")]},
            "tier 3 (at_least: 99.5, below: 99.9) holds no value that misses the target 99.5: it never pays",
            "remove it",
            id="tier-above-the-target",
        ),
        pytest.param(
            {"tiers": [Tier(percent="10", below="99.9", at_least="99"), SOUND[1]]},
            "tier 1 reaches beyond the target 99.5",
            "`at_least: 99, below: 99.5`",
            id="tier-reaches-beyond-the-target",
        ),
        pytest.param(
            {"tiers": [Tier(percent="30", below="99.5", at_least="99"), Tier(percent="10", below="99")]},
            "tier 2 (below: 99) costs 10 %, the better values of tier 1 cost 30 %",
            "worse values cost at least as much",
            id="worse-costs-less",
        ),
        pytest.param({"rules": Rules(percentile="linear")}, "has no percentile", "leave it out", id="percentile"),
        pytest.param({"tiers": [], "comparison": "at_most"}, "the share of time that is up", "at_least", id="at-most"),
        pytest.param({"tiers": [], "object_cap_percent": "10"}, "no tiers: nothing is", "add `tiers`", id="cap-alone"),
        pytest.param(
            {"period_cap_percent": "0"}, "'period_cap_percent' is 0", "leave the cap out", id="cap-of-nothing"
        ),
        pytest.param({"escalate_after": 2}, "'escalate_factor' is 1", "more than 1", id="escalates-by-nothing"),
        pytest.param({"fee": "0"}, "percent of a fee, and item 'i' states none", "state `fee`", id="no-fee"),
        pytest.param(
            {"indicator": "probe.rtt.p95", "comparison": "at_most", "tiers": []},
            "the share that is good",
            "at_least",
            id="at-most-of-good-slots",
        ),
    ],
)
def test_what_hardly_anybody_means_is_named_with_its_remedy(changed, what, remedy):
    found = said(**changed)

    assert len(found) == 1, found
    assert what in found[0][0]
    assert remedy in found[0][1]


@pytest.mark.parametrize(
    "tiers",
    [
        pytest.param(SOUND, id="worse-costs-more"),
        pytest.param([], id="no-money-at-all"),
        pytest.param([Tier(percent="0", below="99.5", at_least="99"), SOUND[1]], id="said-that-it-owes-nothing"),
        pytest.param([Tier(percent="10", at_least="99"), SOUND[1]], id="open-to-the-better-side"),
        pytest.param([Tier(percent="0", at_least="99.5"), *SOUND], id="what-meets-costs-nothing"),
    ],
)
def test_what_is_meant_passes(tiers):
    assert said(tiers) == []


BOUNDS = st.integers(0, 1000).map(lambda tenths: Fraction(tenths, 10))


@given(cuts=st.lists(BOUNDS, min_size=1, max_size=4, unique=True), costs=st.lists(st.integers(0, 100), min_size=5))
def test_a_contract_that_passes_owes_more_for_less_and_for_every_miss(cuts, costs):
    """Whatever passes: each value that misses is in a tier, and a worse one never costs less."""
    edges = [pitfalls.plain(each) for each in sorted(cuts, reverse=True)]
    pairs = zip(edges, [*edges[1:], ""], costs, strict=False)
    tiers = [Tier(percent=str(cost), below=high, at_least=low) for high, low, cost in pairs]
    found = said(tiers, target="90")
    near = (Fraction(-1, 1000), Fraction(0), Fraction(1, 1000))
    missed = sorted({each + by for each in (*cuts, Fraction(90), Fraction(0)) for by in near if 0 <= each + by < 90})
    owed = [credit.percent(each, tiers) for each in missed]
    held = all(any(credit.holds(tier, each) for tier in tiers) for each in missed)
    sound = held and owed == sorted(owed, reverse=True)

    if not found:
        assert sound
    if not sound:
        assert found


@given(BOUNDS, st.integers(0, 10**9))
def test_a_number_of_a_contract_is_written_without_a_digit_lost(value, tail):
    exact = value + Fraction(tail, 10**9)

    assert Fraction(pitfalls.plain(exact)) == exact


def test_the_contracts_of_the_rehearsal_have_no_pitfall():
    """The rehearsal shows a city what to sign: its own contracts owe for every miss."""
    city = describe.records(
        simulated.plan(("110108001",)), [], begin_ms=0, minutely_ms=1, live_s=60, port=1161, past_s=1800
    )
    contracts = [each for each in city.records.values() if isinstance(each, Contract)]
    pairs = [(item, o) for each in contracts for item in each.items for o in item.objectives]

    assert len(pairs) > 20
    assert [said for item, o in pairs for said in pitfalls.of(item, o)] == []


@pytest.mark.parametrize("name", pitfall_words.SAID)
def test_every_pitfall_is_said_in_both_languages_with_the_same_fields(name):
    english, chinese = ("\n".join(pitfall_words.SAID[name][language]) for language in ("en", "zh_CN"))

    assert all(re.search(r"[\u4e00-\u9fff]", part) for part in pitfall_words.SAID[name]["zh_CN"])
    assert english.isascii()
    assert set(re.findall(r"{\w+}", english)) == set(re.findall(r"{\w+}", chinese))
