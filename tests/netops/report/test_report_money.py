"""What is owed: by item or by object, the dearest objective or minute by minute, in one currency."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest

from inventory.model import Credits, Tier
from netops.errors import UsageError
from netops.evidence import canonical
from netops.evidence.verifier import verify_numbers

H = 3_600_000
START = 1_790_784_000_000
TIERS = (Tier(percent="10", below="99.9", at_least="99"), Tier(percent="30", below="99"))


@pytest.fixture
def owed(paper_world, paper_bundle, base_contract):
    """Judge two hours of two access points (fee 100 each), and return the item as both judges tell it."""

    def made(*objectives, hours=({"ap-1": "dddddduuuuuu"}, {}), **item):
        wifi, fiber = base_contract.items
        promised = tuple(replace(wifi.objectives[0], **{"target": "99.9", **each}) for each in objectives)
        sold = replace(wifi, objectives=promised, **item)
        world = paper_world(contracts=(replace(base_contract, items=(sold, fiber)),), length=len(hours))
        world.versions()
        roster = world.roster()
        for number, letters in enumerate(hours):
            world.hour(number, letters, roster)
        draft, bundle = paper_bundle(world)
        assert verify_numbers(bundle) == []
        return draft.report.content["parts"][0]["items"][0]

    return made


@pytest.mark.parametrize(
    ("terms", "percent", "amount", "objects"),
    [
        pytest.param({}, "30/1", "60.00", None, id="by item: 87.5 % of both together"),
        pytest.param({"object_cap_percent": "20"}, "20/1", "40.00", None, id="by item, each object's share capped"),
        pytest.param({"per": "object"}, "15/1", "30.00", [["ap-1", "30/1"]], id="by object"),
        pytest.param(
            {"per": "object", "object_cap_percent": "20"}, "10/1", "20.00", [["ap-1", "20/1"]], id="capped per object"
        ),
        pytest.param(
            {"per": "object", "period_cap_percent": "8"}, "8/1", "16.00", [["ap-1", "30/1"]], id="capped per item"
        ),
    ],
)
def test_what_is_owed_by_item_and_by_object(owed, *, terms, percent, amount, objects):
    item = owed({"credits": Credits(tiers=TIERS, **terms)})

    (objective,) = item["objectives"]
    assert (item["credit"]["percent"], item["credit"]["amount"]) == (percent, amount)
    assert objective.get("objects", {}).get("rows") == objects


def test_a_service_owes_by_its_own_value_though_the_whole_met_its_target(owed):
    item = owed({"target": "80", "credits": Credits(tiers=TIERS, per="object")}, hours=({"ap-1": "d" * 9 + "uuu"}, {}))

    (objective,) = item["objectives"]
    assert (objective["verdict"], item["credit"]["amount"]) == ("met", "30.00")


def test_no_service_owes_where_too_much_is_unknown_for_a_verdict_on_all(owed):
    item = owed(
        {"credits": Credits(tiers=TIERS, per="object")},
        hours=({"ap-1": "d" * 12}, {"ap-2": "?" * 12, "ap-1": "u" * 12}),
    )

    (objective,) = item["objectives"]
    assert (objective["verdict"], item["credit"]["amount"]) == ("not_determinable", "0.00")
    assert [row[-1] for row in objective["services"]["rows"]] == ["missed", "not_determinable"]


def test_minute_by_minute_each_objective_is_owed_for_what_no_dearer_one_took(owed, base_contract):
    """Half an hour is down and dear; a half hour more is degraded, which only the cheaper promise counts."""
    strict = replace(base_contract.items[0].objectives[0].rules, degraded_mode="as_down")
    dear = {"id": "dear", "credits": Credits(tiers=TIERS)}
    cheap = {"id": "cheap", "rules": strict, "credits": Credits(tiers=(Tier(percent="20", below="99"),))}
    hours = ({"ap-1": "dddddduuuuuu"}, {"ap-1": "gggggguuuuuu"})

    dearest = owed(cheap, dear, hours=hours)["credit"]
    item = owed(cheap, dear, hours=hours, double_credit="by_minute")["credit"]

    half = H // 2
    assert dearest == {"objective": "dear", "percent": "30/1", "amount": "60.00"}
    assert (item["objective"], item["percent"], item["amount"]) == ("dear", "40/1", "80.00")
    assert item["by_minute"] == [
        {"objective": "dear", "percent": "30/1", "against_ms": half, "fresh_ms": half},
        {"objective": "cheap", "percent": "10/1", "against_ms": 2 * half, "fresh_ms": half},
    ]


def test_the_same_minutes_under_two_objectives_are_owed_once(owed):
    twice = [{"id": name, "credits": Credits(tiers=TIERS)} for name in ("one", "two")]

    item = owed(*twice, double_credit="by_minute")["credit"]

    assert (item["objective"], item["amount"]) == ("one", "60.00")
    assert [each["fresh_ms"] for each in item["by_minute"]] == [H // 2, 0]


def test_minutes_of_what_is_counted_one_by_one_are_refused(owed):
    with pytest.raises(UsageError, match="counts things, not minutes; expected 'dearest'"):
        owed({"indicator": "portal.login.success"}, double_credit="by_minute")


def test_two_currencies_in_one_period_are_not_added(paper_world, paper_bundle, base_contract):
    later = replace(base_contract, version="2", valid_from_ms=START + H)
    world = paper_world(contracts=(base_contract, later), length=2)
    world.versions()
    world.hour(0, {"ap-1": "d" * 12}, world.roster())
    _, bundle = paper_bundle(world)
    texts = canonical.loads(bundle.members["contract.json"])
    texts[1]["currency"] = "USD"

    found = verify_numbers(replace(bundle, members={**bundle.members, "contract.json": canonical.dumps(texts)}))

    assert "contract.json: its versions have currency CNY and USD within one period" in [str(each) for each in found]
    world.contracts = (base_contract, replace(later, currency="USD"))
    with pytest.raises(UsageError, match="version 2 turns 'currency' from CNY into USD inside 2026-09-30T16:00"):
        paper_bundle(world)


def test_the_amounts_of_all_items_and_parts_add_up_to_the_total_to_the_cent(paper_world, paper_bundle, base_contract):
    """Each is rounded by itself, an item once in each part of the month; the sum is of what is printed."""
    wifi, fiber = base_contract.items
    halves = [
        replace(base_contract, version=version, valid_from_ms=start, items=(replace(wifi, fee=fee), fiber))
        for version, start, fee in (("1", base_contract.valid_from_ms, "33.35"), ("2", START + 5 * H, "10.01"))
    ]
    world = paper_world(contracts=tuple(halves), length=7)
    world.versions()
    roster = world.roster()
    for number in range(7):
        world.hour(number, {"ap-1": "d" * 12, "onu-1": "u" * 7 + "d" * 5}, roster)

    draft, bundle = paper_bundle(world)
    amounts = [Decimal(item["credit"]["amount"]) for part in draft.report.content["parts"] for item in part["items"]]
    exact = sum(
        Fraction(item["fee_due"]) * Fraction(item["credit"]["percent"]) / 100
        for part in draft.report.content["parts"]
        for item in part["items"]
    )

    assert sum(amounts) == Decimal(draft.report.content["credit"]["total"])
    assert len(amounts) == 4
    assert 0 < abs(Fraction(sum(amounts)) - exact) < Fraction(4, 200)  # never more than half a cent for each
    assert verify_numbers(bundle) == []
