"""A report says what the sealed leaves come to, and the second implementation says the same."""

from dataclasses import replace
from fractions import Fraction

import pytest

from netops.evidence import bundle as bundles
from netops.evidence import canonical
from netops.evidence.members import Bundle
from netops.evidence.verifier import verify_numbers
from netops.report import build, zone


def objectives(report):
    return {
        f"{i['item']}/{o['objective']}": o for p in report.content["parts"] for i in p["items"] for o in i["objectives"]
    }


def test_the_same_leaves_give_the_same_bytes(october):
    first, second = (build.build(october.ask(), october.leaves()) for _ in range(2))

    assert first.data == second.data == canonical.dumps(first.content)


def test_what_was_seen_comes_to_these_figures(october):
    found = objectives(build.build(october.ask(), october.leaves()))
    wifi, fiber = found["wifi/availability"], found["fiber/availability"]

    # Two access points, 12 h each, one hour unseen each, two slots missing; 3 + 4 + 2 slots down.
    slots = 2 * 11 * 12 - 2
    assert Fraction(wifi["value"]) == Fraction(slots - 9, slots)
    assert wifi["verdict"] == "missed"
    # The outage of onu-2 lies in approved maintenance, which is taken out of both sides.
    assert Fraction(fiber["value"]) == 1
    assert (fiber["verdict"], fiber["tally"]["excluded_down_ms"]) == ("met", 4 * 300_000)


def test_any_down_is_worse_and_its_edges_lie_half_way(october):
    found = objectives(build.build(october.ask(), october.leaves()))

    assert Fraction(found["wifi/any"]["value"]) < Fraction(found["wifi/availability"]["value"])


def test_claims_without_effect_stay_in_the_report(october):
    found = objectives(build.build(october.ask(), october.leaves()))["wifi/availability"]

    assert {each["claim"]: each["effect"] for each in found["exclusions"]} == {
        "m-1": "in_force",
        "m-2": "late",
        "m-3": "not_approved",
    }


def test_a_hidden_reboot_is_listed_as_degraded(october):
    found = objectives(build.build(october.ask(), october.leaves()))["fiber/availability"]

    assert [row[0:1] + row[3:] for row in found["degraded"]["rows"]] == [["onu-1", "carrier", "hidden_reboot"]]


def test_credit_is_the_tier_of_the_worst_objective_of_an_item(october):
    content = build.build(october.ask(), october.leaves()).content
    wifi = content["parts"][0]["items"][0]

    any_ = Fraction(wifi["objectives"][1]["value"]) * 100
    assert any_ < 95
    # Two services for the whole period at 100 each, all of it owed; the milder tier of the mean is not added.
    assert wifi["credit"] == {"objective": "any", "percent": "100/1", "amount": "200.00"}
    assert Fraction(wifi["objectives"][0]["credit_percent"]) == 30
    assert content["credit"]["fees"] == "13333/50"


def test_the_second_implementation_agrees(october, signer):
    _, members = october.issue(signer)

    assert verify_numbers(Bundle(members=members)) == []


def test_the_whole_bundle_verifies(october, signer):
    _, members = october.issue(signer)

    assert bundles.verify_integrity(Bundle(members=members), [signer.vkey]) == []


def _whose_rows_were_dropped(paper_world, base_contract, mode):
    """Half of the time an access point was down; its carrier took it out of the controller's table meanwhile."""
    wifi, *others = base_contract.items
    plain = wifi.objectives[0]
    judged = replace(plain, rules=replace(plain.rules, undetermined_mode=mode))
    contract = replace(base_contract, items=(replace(wifi, objectives=(judged,)), *others))
    world = paper_world(contracts=(contract,))
    world.versions()
    roster = world.roster()
    for number in range(world.length):
        world.hour(number, {"ap-1": "n" * 12} if number % 2 else {}, roster)
    return world


@pytest.mark.parametrize(("mode", "verdict"), [("unknown", "not_determinable"), ("as_down", "missed")])
def test_dropping_the_rows_of_failed_devices_pays_only_where_the_contract_lets_it(
    paper_world, paper_bundle, base_contract, mode, verdict
):
    world = _whose_rows_were_dropped(paper_world, base_contract, mode)
    found = objectives(build.build(world.ask(), world.leaves()))["wifi/availability"]

    assert found["verdict"] == verdict
    assert (found["credit_percent"] != "0/1") is (verdict == "missed")
    assert verify_numbers(paper_bundle(world)[1]) == []


def test_a_time_zone_of_the_issuers_own_making_is_named(october, signer, monkeypatch):
    """Sealed and signed as it is, it would move the month: an hour of outage at its edge would be another month's."""
    forged = replace(zone.load("Asia/Shanghai"), data=zone.load("Asia/Tokyo").data)
    monkeypatch.setattr(october, "ask", lambda ask=october.ask: ask(zone=forged))
    _, members = october.issue(signer)

    assert bundles.verify_integrity(Bundle(members=members), [signer.vkey]) == []
    assert [str(each) for each in verify_numbers(Bundle(members=members))] == [
        "timezone.tzif: puts 2026-09-30T16:00:00.000Z at 9:00:00 from UTC; this machine's tzdata 8:00:00"
    ]
