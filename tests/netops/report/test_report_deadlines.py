"""A bundle's reader reckons every deadline anew that the core says somebody has missed, and needs nobody for it."""

import json
import random
from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from inventory import workdays
from inventory.model import Dispute
from netops.clock import utc
from netops.dispute import deadlines, silence, states, terms
from netops.errors import EvidenceError, UsageError
from netops.evidence.deadlines import reckoned
from netops.evidence.members import APART, CALENDAR, CONTRACT, TERMS, Bundle
from netops.evidence.verifier import verify_numbers
from netops.facts import Fact
from netops.ledger import LedgerEntry
from netops.report import bundle as bundles
from netops.report.whole import OvertakenError
from tests.netops.report.conftest import World

H = 3_600_000
START = 1_790_784_000_000  # 1 October in Shanghai: a week off, and Saturday the 10th is worked
FOR_EVER = 2**53 - 1
OBJECTION = {"report": "r", "code": "calculation", "target": "x", "by": "unicom", "reason": "x"}


def said(world):
    """Let the core state every silence that there will ever be."""
    spans = [(each, each.valid_from_ms, FOR_EVER) for each in world.contracts]
    known = terms.lookup(spans, {})
    while True:
        steps = [each for each in world.ledger.kept if each.kind in {*states.KINDS, states.TEXT}]
        cases = states.fold((each.fact, each.known_ms) for each in steps)
        missed = silence.missed(cases, known, until_ms=2**51)
        if not missed:
            return
        for entry in missed:
            fact = entry.fact
            world.state(fact.kind, dict(fact.body), at_ms=fact.at_ms, recorded_ms=fact.at_ms + H)


@pytest.fixture
def world(paper_world, base_contract):
    """A contract amended for October. September was reported on and objected to; at each step nobody spoke in time."""
    before = replace(base_contract, calendar="cn", dispute=Dispute(objection_days=4, rebuttal_days=2))
    after = replace(before, version="2", valid_from_ms=START, dispute=Dispute(objection_days=9))
    made = paper_world(contracts=(before, after), length=2)
    made.versions()
    roster = made.roster()
    for number in range(2):
        made.hour(number, {"ap-1": "d" * 12}, roster)
    made.issued_before()
    made.state("objection", {"objection": "o-1", **OBJECTION}, at_ms=START + 50 * H)
    said(made)
    return made


@pytest.fixture
def issued(world, paper_bundle):
    """Its October, silently accepted as well, of which a late claim makes a revision."""
    draft, _ = paper_bundle(world)
    for fact in bundles.facts(draft, now_ms=START + 60 * H):
        world.state(fact.kind, dict(fact.body), at_ms=fact.at_ms)
    said(world)
    world.claim("m-1", 0, 1, services=["ap-1"])
    return world


@pytest.fixture
def held(ledger):
    """A ledger with its tree, and in it a report on September about which nobody spoke for ten working days."""
    made = World(ledger, length=1)
    made.versions()
    made.hour(0, {}, made.roster())
    made.issued_before()
    return made


def changed(bundle, **members):
    return replace(bundle, members={**bundle.members, **members})


def without(bundle, name):
    return replace(bundle, members={key: data for key, data in bundle.members.items() if key != name})


def test_every_silence_is_reckoned_anew_by_the_text_and_the_calendar_of_its_time(issued, paper_bundle):
    _, bundle = paper_bundle(issued)
    stated = {kind: issued.ledger.find(kind) for kind in ("rebuttal", "ruling", "report_accepted")}

    assert verify_numbers(bundle) == []
    assert {kind: len(found) for kind, found in stated.items()} == {"rebuttal": 1, "ruling": 1, "report_accepted": 1}
    (accepted,) = stated["report_accepted"]
    shown = utc(accepted.body["due_ms"]).astimezone(ZoneInfo("Asia/Shanghai"))
    assert f"{shown:%m-%d %H:%M}" == "10-20 00:00"  # nine days: 8, 9, worked Saturday 10, 12 to 16, 19
    assert [each["version"] for each in json.loads(bundle.members[TERMS])] == ["1"]
    assert [each["version"] for each in json.loads(bundle.members[CONTRACT])] == ["2"]


@pytest.mark.parametrize("kind", ["rebuttal", "ruling", "report_accepted"])
@pytest.mark.parametrize("days", [-1, 1])
def test_a_deadline_of_another_day_is_named_with_its_leaf(issued, paper_bundle, kind, days):
    _, bundle = paper_bundle(issued)
    (leaf,) = issued.ledger.find(kind)
    due = leaf.body["due_ms"]
    lines = bundle.members[APART].replace(b'"due_ms":%d' % due, b'"due_ms":%d' % (due + days * 24 * H))
    assert lines != bundle.members[APART]

    (failure,) = verify_numbers(changed(bundle, **{APART: lines}))

    assert failure.place == f"leaf {leaf.index}"
    assert "says that the deadline was over at" in failure.what


def test_without_the_text_or_the_year_nothing_is_believed(issued, paper_bundle):
    _, bundle = paper_bundle(issued)

    assert "a text of the contract that is not in the bundle" in str(verify_numbers(without(bundle, TERMS)))
    assert "cannot be reckoned: calendar.json" in str(verify_numbers(changed(bundle, **{CALENDAR: b"{}"})))


def test_a_text_that_nobody_can_show_is_named_before_anything_is_sealed(issued, paper_bundle):
    ask = issued.ask
    issued.ask = lambda: replace(ask(), contracts=ask().contracts[1:])

    with pytest.raises(UsageError, match="text of the contract that the register does not hold"):
        paper_bundle(issued)


def test_silence_that_is_stated_after_a_report_makes_no_revision_of_it(world, paper_bundle):
    first, _ = paper_bundle(world)
    for fact in bundles.facts(first, now_ms=START + 60 * H):
        world.state(fact.kind, dict(fact.body), at_ms=fact.at_ms)
    said(world)

    again, _ = paper_bundle(world)

    assert (again.name, again.manifest) == (first.name, first.manifest)


@pytest.mark.parametrize("place", ["Asia/Shanghai", "Europe/Berlin", "Pacific/Auckland", "America/Sao_Paulo"])
def test_both_ways_of_reckoning_agree(place):
    rng, zone = random.Random(place), ZoneInfo(place)
    for _ in range(300):
        since, count = START + rng.randrange(-200 * 24, 40 * 24) * H + rng.randrange(H), rng.randrange(25)
        cn = rng.random() < 0.5

        def worked(day, cn=cn):
            return workdays.is_workday("cn", day) if cn else deadlines.weekday(day)

        assert reckoned(since, count, zone, worked) == deadlines.due(since, count, zone, worked)
    assert timedelta(milliseconds=reckoned(START, 0, zone, worked) - START) < timedelta(days=2)


def test_a_contract_that_gives_ten_years_is_not_counted_to_its_end():
    with pytest.raises(EvidenceError, match="more than 3660 days"):
        reckoned(START, 10**15, ZoneInfo("UTC"), lambda _: True)


def test_silence_of_a_kind_without_a_deadline_is_named(issued, paper_bundle):
    body = {"objection": "o-2", **OBJECTION, "report": issued.ledger.find("report_issued")[-1].body["report"]}
    issued.state("objection", body | {"by": "deadline"})  # it is refused: the report is accepted
    _, bundle = paper_bundle(issued)
    assert verify_numbers(bundle) == []

    issued.state("report_final", {"report": body["report"], "digest": "0" * 64, "by": "deadline"})
    _, bundle = paper_bundle(issued)

    assert "nobody has a deadline for one" in str(verify_numbers(bundle))


def test_the_first_silence_brings_its_calendar_into_the_next_report_and_not_into_the_one_before(
    paper_world, paper_bundle, base_contract
):
    world = paper_world(contracts=(replace(base_contract, calendar="cn"),), length=1)
    world.versions()
    world.hour(0, {}, world.roster())
    first, bundle = paper_bundle(world)
    for fact in bundles.facts(first, now_ms=START + 60 * H):
        world.state(fact.kind, dict(fact.body), at_ms=fact.at_ms)
    said(world)

    again, _ = paper_bundle(world)
    assert CALENDAR not in bundle.members
    assert (again.name, again.manifest) == (first.name, first.manifest)

    world.claim("m-1", 0, 1)
    second, bundle = paper_bundle(world)
    assert second.name.endswith("-r2")
    assert CALENDAR in bundle.members
    assert verify_numbers(bundle) == []


def test_silence_that_is_sealed_while_a_report_is_built_is_in_the_next_one(held, signer):
    """The bundle could not show by which days it was reckoned."""
    world, due = held, START + 15 * 24 * H  # Monday to Friday: ten days after Thursday, 1 October
    draft = world.draft(signer)
    leaf = {"report": "r", "by": "deadline", "due_ms": due, "reason": "x"}
    world.state("report_accepted", leaf, at_ms=due, recorded_ms=due)
    first = world.known + 1
    for fact in bundles.facts(draft, now_ms=due + H):
        world.state(fact.kind, dict(fact.body), at_ms=fact.at_ms)
    world.ledger.checkpoint(now_ms=due + H)

    with pytest.raises(OvertakenError, match="a report_accepted, was sealed while the report was built"):
        bundles.compose(world.ledger, draft, world.ledger.holds("test", first))
    _, members = world.issue(signer)
    assert verify_numbers(Bundle(members=members)) == []


@pytest.mark.parametrize("recorded_h", [0, -1], ids=["when it is over", "an hour before"])
def test_a_word_that_came_after_its_window_is_passed_over_and_listed_and_the_bundle_holds(
    paper_world, paper_bundle, base_contract, recorded_h
):
    """It should have been refused before it was sealed; who could have it sealed gains nothing, and spoils no file."""
    world = paper_world(contracts=(replace(base_contract, dispute=Dispute(objection_days=1)),), length=12)
    world.versions()
    roster = world.roster()
    for number in range(12):
        world.hour(number, {"ap-1": "d" * 12} if number == 3 else {}, roster)
    heard = Fact(kind="listening_break", at_ms=START, body={"number": 0, "lost_ms": 0, "since_ms": START})
    world.ledger.append([LedgerEntry("listening", 0, heard)], now_ms=START)
    draft, _ = paper_bundle(world)
    for fact in bundles.facts(draft, now_ms=START + 13 * H):
        world.state(fact.kind, dict(fact.body), at_ms=fact.at_ms)
    over = START + 2 * 24 * H  # a Friday: the day of the issue does not count
    about = {"objection": "o-1", "report": draft.name, "code": "no_outage", "target": f"incident:ap-1@{START + 3 * H}"}
    about |= {"asks": "up", "start_ms": START + 3 * H, "end_ms": START + 4 * H, "by": "unicom", "reason": "x"}
    came = over + recorded_h * H
    world.state("objection", about, at_ms=came)
    world.state("rebuttal", {"objection": "o-1", "stance": "accepted", "by": "city", "reason": "x"}, at_ms=came + H)
    said = {"objection": "o-1", "outcome": "upheld", "decides": "up", "service": "ap-1", "by": "officer", "reason": "x"}
    said |= {"start_ms": START + 3 * H, "end_ms": START + 4 * H}
    world.state("ruling", said, at_ms=came + 2 * H)

    again, bundle = paper_bundle(world)

    assert verify_numbers(bundle) == []
    (row,) = again.report.content["objections"]
    is_late = recorded_h == 0
    assert (row["state"], row.get("because")) == (("passed_over", "late") if is_late else ("ruled", None))
    assert (again.report.content.get("passed_over", []) != []) is is_late
    before, after = (each.report.content["credit"]["total"] for each in (draft, again))
    assert (before == after) is is_late
