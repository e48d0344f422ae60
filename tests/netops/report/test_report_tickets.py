"""A repair that counts from its report: figure, bundle and verifier; whatever changes a step is found."""

import gzip
from dataclasses import replace

import pytest

from inventory.model import Objective
from netops.evidence.members import LEAVES, Bundle
from netops.evidence.verifier import verify_numbers
from netops.report import interval

H = 3_600_000
START = 1_790_784_000_000
TICKET = {"ticket": "T1", "contract": "c1", "by": "operator"}


@pytest.fixture
def reporting(paper_world, base_contract):
    """Twelve hours; `ap-1` is down from the second to the seventh. Two hours of repair are promised."""
    item = base_contract.items[0]
    own = replace(item.objectives[0].rules, repair_from="report")
    promise = Objective(id="repair", indicator="fault.repair", threshold="2", target="95", rules=own)
    made = replace(item, objectives=(replace(promise, credits=item.objectives[0].credits),))

    def world(*steps):
        held = paper_world(contracts=(replace(base_contract, items=(made, *base_contract.items[1:])),))
        held.versions()
        roster = held.roster()
        for number in range(held.length):
            held.hour(number, {"ap-1": "d" * 12} if 1 <= number < 7 else {}, roster)
        for at, body in steps:
            held.state("ticket_step", TICKET | body, at_ms=START + int(at * H))
        return held

    return world


REPORTED = {"step": "reported", "services": ["ap-1"]}


@pytest.mark.parametrize(
    ("steps", "verdict", "counts"),
    [
        ([], "not_determinable", (0, 0)),
        ([(4, REPORTED)], "missed", (0, 1)),
        ([(5, REPORTED)], "met", (1, 0)),
        ([(2, REPORTED), (3, {"step": "paused", "remark": "keys"}), (6, {"step": "resumed"})], "met", (1, 0)),
        ([(2, REPORTED), (8, {"step": "closed", "outcome": "withdrawn"})], "not_determinable", (0, 0)),
        ([(13, REPORTED)], "not_determinable", (0, 0)),
    ],
)
def test_both_judges_count_from_the_report(reporting, paper_bundle, steps, verdict, counts):
    world = reporting(*steps)
    draft, bundle = paper_bundle(world)
    told = draft.report.content["parts"][0]["items"][0]["objectives"][0]

    assert (told["verdict"], (told["tally"]["up_ms"], told["tally"]["down_ms"])) == (verdict, counts)
    assert told["rules"]["repair_from"] == "report"
    assert verify_numbers(bundle) == []
    answer = interval.ask(
        world.contracts, world.leaves(), start_ms=START, end_ms=START + 12 * H, tz=world.ask().zone.tz()
    )
    assert answer.lines[0].outcome.value == verdict


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'"step":"paused"', b'"step":"answered"'),
        (b'"services":["ap-1"]', b'"services":["ap-2"]'),
        (b'"outcome":"repaired"', b'"outcome":"withdrawn"'),
    ],
)
def test_a_step_that_was_changed_moves_the_verifier_s_figure(reporting, paper_bundle, before, after):
    steps = [(2, REPORTED), (3, {"step": "paused", "remark": "keys"}), (6.5, {"step": "closed", "outcome": "repaired"})]
    _, bundle = paper_bundle(reporting(*steps))
    members = bundle.members

    data = gzip.decompress(members[LEAVES])
    assert before in data

    found = verify_numbers(Bundle(members={**members, LEAVES: gzip.compress(data.replace(before, after), mtime=0)}))

    assert any("parts[0].items[0].objectives[0].lower" in str(each) for each in found), found


def test_a_revision_names_the_ticket_that_came_late(reporting, paper_bundle):
    from netops.report import bundle as bundles

    world = reporting()
    draft, _ = paper_bundle(world)
    for fact in bundles.facts(draft, now_ms=START + 12 * H):
        world.state(fact.kind, dict(fact.body), at_ms=fact.at_ms)
    first = world.ledger.size
    world.state("ticket_step", TICKET | REPORTED, at_ms=START + 2 * H)

    draft, bundle = paper_bundle(world)
    told = draft.report.content["difference"]

    assert verify_numbers(bundle) == []
    assert [row[:2] for row in told["steps"]["rows"]] == [["ticket T1", [[first, 1]]]]
    assert told["change"] != "0.00"
