"""A revision says which interval changed, by which fact, and how much money; both judges say the same."""

from dataclasses import replace
from decimal import Decimal

import pytest

from netops.errors import EvidenceError
from netops.evidence import canonical
from netops.evidence.again import counting
from netops.evidence.bundle import leaf_lines
from netops.evidence.members import LEAVES, Bundle
from netops.evidence.stated import Stated
from netops.evidence.verifier import verify_numbers
from netops.report import bundle as bundles

H, M = 3_600_000, 60_000
START = 1_790_784_000_000


@pytest.fixture
def issued(paper_world, paper_bundle):
    """Twelve hours with two outages, reported on once."""
    world = paper_world()
    world.versions()
    roster = world.roster()
    for number in range(world.length):
        down = {2: {"ap-1": "d" * 12}, 5: {"ap-2": "d" * 6 + "u" * 6}}.get(number, {})
        if number != 9:
            world.hour(number, down, roster)
    draft, _ = paper_bundle(world)
    for fact in bundles.facts(draft, now_ms=START + 12 * H):
        world.state(fact.kind, dict(fact.body), at_ms=fact.at_ms)
    return world


def difference(paper_bundle, world):
    draft, bundle = paper_bundle(world)
    assert verify_numbers(bundle) == []
    return draft.report.content["difference"], bundle


def test_a_first_revision_has_no_difference(october, signer):
    assert "difference" not in october.draft(signer).report.content


def test_a_late_approval_is_named_with_its_interval_and_its_money(issued, paper_bundle):
    first = issued.ledger.size
    issued.claim("m-1", 2, 3, services=["ap-1"])

    told, _ = difference(paper_bundle, issued)

    assert (told["revision"], told["because"]) == (1, "")
    assert (told["before"], told["after"], told["change"]) == ("200.00", "60.00", "-140.00")
    assert told["steps"]["rows"] == [["claim m-1", [[first, 3]], "200.00", "60.00", "-140.00"]]
    changed = ["wifi", "availability", START + 2 * H, START + 3 * H, "down", "excluded_down", ["ap-1"], [[first, 3]]]
    assert changed in told["intervals"]["rows"]


def test_each_matter_answers_for_the_money_that_moved_when_it_came(issued, paper_bundle):
    issued.claim("m-1", 2, 3, services=["ap-1"])
    issued.hour(9, {"onu-1": "d" * 12}, issued.roster())
    issued.claim("m-2", 5, 6, services=["ap-2"])

    told, _ = difference(paper_bundle, issued)

    assert [row[0] for row in told["steps"]["rows"]] == ["claim m-1", "late hours", "claim m-2"]
    assert sum(Decimal(row[-1]) for row in told["steps"]["rows"]) == Decimal(told["change"])
    late = issued.ledger.find("availability_hour")[-1].index
    rows = [row for row in told["intervals"]["rows"] if row[6] == ["onu-1"] and row[0] == "fiber"]
    assert [row[2:6] + row[7:] for row in rows] == [[START + 9 * H, START + 10 * H, "unknown", "down", [[late, 1]]]]


def test_a_correction_states_its_hour_again_and_is_named_with_its_money(issued, paper_bundle):
    index = issued.correction(2, {"ap-1": "u" * 12}, issued.roster())

    told, bundle = difference(paper_bundle, issued)

    last = issued.ledger.find("availability_hour")[-1].index
    assert [row[0] for row in told["steps"]["rows"]] == ["late hours", f"correction {index}"]  # the roster came first
    assert Decimal(told["change"]) < 0
    changed = [row for row in told["intervals"]["rows"] if row[:2] == ["wifi", "availability"]]
    assert changed == [
        ["wifi", "availability", START + 2 * H, START + 3 * H, "down", "up", ["ap-1"], [[last, 1]]],
    ]
    report = canonical.loads(bundle.members["report.json"])
    (row,) = report["corrections"]
    assert (row["leaf"], row["start_ms"], row["by"], row["stated"]) == (index, START + 2 * H, "manager", [[last, 1]])
    assert report["seen"]["hours"] == 11


def test_the_last_correction_counts_and_one_that_nothing_came_of_changes_nothing(issued, paper_bundle):
    issued.correction(2, {"ap-1": "u" * 12}, issued.roster())
    issued.correction(2, {"ap-1": "d" * 12}, issued.roster())
    hour = issued.ledger.find("availability_hour")[0].index
    issued.state("correction", {"corrects": hour, "by": "manager", "reason": "to be looked at"})

    told, bundle = difference(paper_bundle, issued)

    assert told["change"] == "0.00"
    rows = canonical.loads(bundle.members["report.json"])["corrections"]
    assert [bool(each["stated"]) for each in rows] == [True, True, False]


def test_a_correction_that_was_refused_says_why_and_changes_nothing(issued, paper_bundle):
    hour = next(each.index for each in issued.leaves().of("availability_hour"))
    issued.state("correction", {"corrects": hour, "by": "manager", "reason": "to be looked at"})
    number = issued.ledger.size - 1
    for why in ("the samples are gone", "said again"):
        body = {"contract": "c1", "correction": number, "start_ms": START, "reason": why}
        issued.state("correction_refused", body)
    _, bundle = paper_bundle(issued)

    assert verify_numbers(bundle) == []
    (row,) = canonical.loads(bundle.members["report.json"])["corrections"]
    assert (row["stated"], row["refused"], row["because"]) == ([], number + 1, "the samples are gone")
    assert "the samples are gone" in bundle.members["report.html"].decode()


def came_late(world, number, samples=7):
    told = {"services": 1, "samples": samples, "vantages": {"bureau": samples}, "digest": "0" * 64}
    world.state("late_samples", {"contract": "c1", "start_ms": START + number * H, **told})
    return world.ledger.size - 1


def test_an_hour_with_late_samples_is_listed_until_a_correction_takes_them_in(issued, paper_bundle):
    came_late(issued, 2)
    last = came_late(issued, 2, samples=9)
    came_late(issued, 3)
    issued.correction(3, {"ap-1": "u" * 12}, issued.roster())
    _, bundle = paper_bundle(issued)

    assert verify_numbers(bundle) == []
    report = canonical.loads(bundle.members["report.json"])
    assert report["late_samples"]["asked"] == "list"
    (row,) = report["late_samples"]["rows"]
    assert (row["leaf"], row["samples"], row["start_ms"]) == (last, 9, START + 2 * H)
    page = bundle.members["report.html"].decode()
    assert "Samples of 1 hours came after the hour was sealed" in page
    assert "bureau: 9" in page
    assert [step[0] for step in report["difference"]["steps"]["rows"]][-1].startswith("correction ")


def test_a_list_of_late_samples_that_lacks_an_hour_is_found_out(issued, paper_bundle):
    came_late(issued, 2)
    draft, bundle = paper_bundle(issued)
    report = {name: value for name, value in draft.report.content.items() if name != "late_samples"}
    forged = replace(bundle, members={**bundle.members, "report.json": canonical.dumps(report)})

    assert [each.place for each in verify_numbers(forged)] == ["report.json: late_samples"]


def test_where_the_contract_asks_for_it_an_hour_that_is_only_listed_does_not_verify(issued, paper_bundle):
    issued.contracts = tuple(replace(each, late_samples="correct") for each in issued.contracts)
    issued.versions()
    last = came_late(issued, 2)
    _, bundle = paper_bundle(issued)
    assert [each.what for each in verify_numbers(bundle)] == [
        f"leaf {last} tells of samples that came late; the contract asks that their hour is stated again"
    ]

    hour = next(
        each.index for each in issued.leaves().of("availability_hour") if each.body["start_ms"] == START + 2 * H
    )
    issued.state("correction", {"corrects": hour, "by": "contract", "reason": "r"})
    no = {"contract": "c1", "correction": issued.ledger.size - 1, "start_ms": START + 2 * H, "reason": "gone"}
    issued.state("correction_refused", no)
    _, bundle = paper_bundle(issued)
    assert verify_numbers(bundle) == []
    (row,) = canonical.loads(bundle.members["report.json"])["late_samples"]["rows"]
    assert row["refused"] == issued.ledger.size - 1


@pytest.mark.parametrize("wrong", ["another hour", "no correction", "a later one"])
def test_an_hour_that_names_no_correction_of_its_own_is_not_judged(issued, paper_bundle, wrong):
    hours = issued.ledger.find("availability_hour")
    leaves = {"another hour": hours[3].index, "no correction": hours[2].index, "a later one": hours[2].index}
    size = issued.ledger.size
    if wrong != "no correction":
        issued.state("correction", {"corrects": leaves[wrong], "by": "manager", "reason": "r"})
    roster = issued.roster()
    issued.hour(2, {}, roster, correction={"correction": size + (5 if wrong == "a later one" else 0)})

    with pytest.raises(EvidenceError, match=f"leaf {issued.ledger.size - 1} states an hour by correction"):
        issued.draft_content()
    with pytest.raises(EvidenceError, match=f"leaf {issued.ledger.size - 1}: states its hour again for leaf"):
        counting(Stated(Bundle(members={LEAVES: leaf_lines({e.index: e.data for e in issued.ledger.kept})})))


def test_an_upheld_objection_takes_a_claim_out_again_and_the_money_comes_back(paper_world, paper_bundle):
    world = paper_world(length=2)
    world.versions()
    roster = world.roster()
    for number, letters in enumerate([{"ap-1": "d" * 12}, {}]):
        world.hour(number, letters, roster)
    world.claim("m-1", 0, 1, services=["ap-1"])
    draft, _ = paper_bundle(world)
    for fact in bundles.facts(draft, now_ms=START + 12 * H):
        world.state(fact.kind, dict(fact.body), at_ms=fact.at_ms)
    words = {"report": draft.name, "code": "claim_granted", "target": "m-1", "by": "zhao", "reason": "no work was done"}
    world.state("objection", {"objection": "o-1", **words})
    world.rebut("o-1")
    world.state("ruling", {"objection": "o-1", "outcome": "upheld", "by": "officer", "reason": "so it was"})

    told, bundle = difference(paper_bundle, world)

    claims = canonical.loads(bundle.members["report.json"])["parts"][0]["items"][0]["objectives"][0]["exclusions"]
    assert [each["effect"] for each in claims] == ["out_by_ruling"]
    assert [row[0] for row in told["steps"]["rows"]] == ["claim m-1"]
    assert Decimal(told["change"]) > 0


def amended(world, base, start):
    wifi, fiber = base.items
    dearer = replace(base, version="2", valid_from_ms=start, items=(replace(wifi, fee="200"), fiber))
    world.contracts = (base, dearer)
    world.versions()


def test_a_late_amendment_is_told_in_money_by_part_of_the_month(issued, paper_bundle, base_contract):
    amended(issued, base_contract, START + 6 * H)

    told, _ = difference(paper_bundle, issued)

    leaf = issued.ledger.find("contract_version")[-1].index
    assert told["steps"]["rows"] == [
        ["contract_version", [[leaf - 1, 2]], told["before"], told["after"], told["change"]],
    ]
    assert Decimal(told["change"]) == Decimal(told["after"]) - Decimal(told["before"]) != 0


def test_a_text_that_is_no_longer_at_hand_is_said_to_be_missing_and_nothing_is_guessed(
    issued, paper_bundle, base_contract
):
    """The amendment rules from the first instant: the text before it rules nothing, and is not in this bundle."""
    amended(issued, base_contract, START)

    told, _ = difference(paper_bundle, issued)

    assert told["because"] == "a contract version that ruled then is not among the texts of this report"
    assert "change" not in told


@pytest.mark.parametrize("forged", ["steps", "intervals", "change", "gone", "other"])
def test_a_forged_difference_is_named(issued, paper_bundle, forged):
    issued.claim("m-1", 2, 3, services=["ap-1"])
    _, bundle = difference(paper_bundle, issued)
    report = canonical.loads(bundle.members["report.json"])
    match forged:
        case "steps":
            report["difference"]["steps"]["rows"][0][0] = "claim m-2"
        case "intervals":
            report["difference"]["intervals"]["rows"].pop()
        case "change":
            report["difference"]["change"] = "0.00"
        case "gone":
            del report["difference"]
        case "other":
            report["replaces"] = "0" * 64

    found = verify_numbers(replace(bundle, members={**bundle.members, "report.json": canonical.dumps(report)}))

    place = "report.json: replaces" if forged == "other" else "report.json: difference"
    assert [str(each)[: len(place)] for each in found] == [place] * len(found) != []
