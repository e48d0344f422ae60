"""A ruling on an outage decides what it was: the revision judges that interval by it, in both judges, and says so."""

import io
import json
from dataclasses import replace
from zoneinfo import ZoneInfo

import openpyxl
import pytest

from netops.dispute import codes
from netops.evidence import canonical
from netops.evidence.members import Bundle
from netops.evidence.verifier import verify_numbers
from netops.report import because, words
from netops.report import bundle as bundles
from netops.report import disputed as shown

H, M = 3_600_000, 60_000
START = 1_790_784_000_000
REPORT = "c1-2026-09-30T16:00:00.000Z/2026-10-01T04:00:00.000Z-r1"
FROM, TO = START + H, START + 2 * H
HELD = {"decides": "power_or_third_party", "service": "ap-1", "start_ms": FROM, "end_ms": TO}
"""What is ruled where a test says nothing else: the hour that ap-1 was down goes on the power's account."""


@pytest.fixture
def disputed(paper_world, paper_bundle):
    """Twelve hours; ap-1 is down in the second one, and the report that says so is issued."""
    world = paper_world(length=12)
    world.versions()
    roster = world.roster()
    for number in range(12):
        world.hour(number, {1: {"ap-1": "d" * 12}, 4: {"ap-1": "ddu" + "u" * 9}}.get(number, {}), roster)
    issue(world, paper_bundle)
    return world


def issue(world, paper_bundle):
    draft, _ = paper_bundle(world)
    for fact in bundles.facts(draft, now_ms=START + 13 * H):
        world.state(fact.kind, dict(fact.body), at_ms=fact.at_ms)
    return draft


def rule(world, *, code="cause", target=f"incident:ap-1@{FROM}", asks=(), outcome="upheld", name="o-1", **ruling):
    said = {"objection": name, "report": REPORT, "code": code, "target": target, "by": "unicom", "reason": "停电"}
    world.state("objection", said | dict(asks), at_ms=START + 14 * H)
    world.rebut(name)
    body = {"objection": name, "outcome": outcome, "by": "officer", "reason": "查明为市电中断"}
    world.state("ruling", body | (ruling or HELD), at_ms=START + 15 * H)
    return world.ledger.size - 1


def judged(world, paper_bundle):
    draft, bundle = paper_bundle(world)

    assert verify_numbers(bundle) == []
    return draft.report.content


def minutes(content, number=0):
    """Minutes of the item's services by bucket under one objective of wifi, the empty ones left out."""
    tally = content["parts"][0]["items"][0]["objectives"][number]["tally"]
    return {name.removesuffix("_ms"): ms // M for name, ms in tally.items() if ms}


BEFORE = {"up": 1370, "down": 70}
UNTIL = {"end_ms": FROM + 30 * M}


@pytest.mark.parametrize(
    ("ruling", "expected"),
    [
        ({}, {"up": 1370, "down": 10, "excluded_down": 60}),  # a class without an approver excuses what it was
        ({"decides": "planned"}, {"up": 1370, "down": 10, "excluded_down": 60}),  # the ruling stands for the claim
        ({"decides": "city"}, BEFORE),  # the contract has no class for it: nothing excuses it
        ({"decides": "force_majeure"}, BEFORE),
        ({"code": "no_outage", "decides": "up"}, {"up": 1430, "down": 10}),
        ({"code": "duration", "decides": "up", **UNTIL}, {"up": 1400, "down": 40}),
        ({"outcome": "partly_upheld", **UNTIL}, {"up": 1370, "down": 40, "excluded_down": 30}),
        ({"outcome": "dismissed"}, BEFORE),
        ({"end_ms": TO + H}, {"up": 1370, "down": 10, "excluded_down": 60}),
        # what it was not about
        ({"service": "ap-2"}, BEFORE),
        ({"decides": "up"}, BEFORE),  # no answer to whose account it goes on
        ({"start_ms": START, "end_ms": FROM}, BEFORE),
        ({"target": f"incident:ap-1@{START + 4 * H}"}, BEFORE),
        (
            {"asks": {"asks": "city", "start_ms": FROM, "end_ms": FROM + 15 * M}},
            {"up": 1370, "down": 55, "excluded_down": 15},
        ),
        (
            {
                "code": "not_measured",
                "target": f"interval:{START}-{START + 3 * H}/ap-1",
                "decides": "not_measured",
                "start_ms": START,
                "end_ms": START + 12 * H,
            },
            {"up": 1250, "down": 10, "unknown": 180},
        ),
    ],
)
def test_the_interval_is_judged_by_what_the_ruling_decides_and_nothing_beyond_it(
    disputed, paper_bundle, ruling, expected
):
    told = {name: ruling.pop(name) for name in ("code", "target", "asks", "outcome") if name in ruling}
    assert minutes(judged(disputed, paper_bundle)) == BEFORE

    rule(disputed, **told, **(HELD | ruling))

    assert minutes(judged(disputed, paper_bundle)) == expected


def test_the_cap_of_the_class_holds_for_a_ruling_as_for_a_claim(disputed, paper_bundle):
    """Planned work has four hours: one is a claim's, one the ruling's, and three more are too many."""
    disputed.claim("m-0", 0, 1)
    disputed.claim("m-1", 5, 8)
    rule(disputed, **HELD | {"decides": "planned"})

    content = judged(disputed, paper_bundle)

    exclusions = content["parts"][0]["items"][0]["objectives"][0]["exclusions"]
    assert [(each["claim"], each["effect"]) for each in exclusions] == [
        ("m-0", "in_force"),
        ("o-1", "in_force_by_ruling"),
        ("m-1", "over_cap"),
    ]


def test_the_difference_names_the_ruling_and_the_money(disputed, paper_bundle):
    """The unit of both (any down) was up 650 of 720 minutes, 90.27 %: 100 % of the fee of 200. In 57.5 of
    them (its edges are midpoints) ap-1 takes no part now, and ap-2 was up: 707.5 of 720, 98.26 %, 30 %.
    """
    leaf = rule(disputed)
    draft, bundle = paper_bundle(disputed)

    assert verify_numbers(bundle) == []
    told = draft.report.content["difference"]
    objection = leaf - 2
    assert [row[0] for row in told["steps"]["rows"]] == ["objection o-1"]
    assert (told["before"], told["after"], told["change"]) == ("200.00", "60.00", "-140.00")
    rows = [dict(zip(told["intervals"]["columns"], row, strict=True)) for row in told["intervals"]["rows"]]
    assert [
        (each["start_ms"], each["before"], each["after"], each["leaves"])
        for each in rows
        if each["objective"] == "availability"
    ] == [(FROM, "down", "excluded_down", [[leaf, 1]])]
    assert objection not in {index for each in rows for index, _ in each["leaves"]}


def test_what_remains_of_an_outage_may_be_too_short_to_count(paper_world, paper_bundle, base_contract):
    item = base_contract.items[0]
    own = replace(item.objectives[0], rules=replace(item.objectives[0].rules, min_outage_s=1200))
    world = paper_world(length=12, contracts=(replace(base_contract, items=(replace(item, objectives=(own,)),)),))
    world.members = {"ap-1": "wifi"}
    world.versions()
    roster = world.roster()
    for number in range(12):
        world.hour(number, {1: {"ap-1": "d" * 12}}.get(number, {}), roster)
    issue(world, paper_bundle)

    rule(world, code="duration", **HELD | {"decides": "up", "end_ms": FROM + 45 * M})

    assert minutes(judged(world, paper_bundle)) == {"up": 720}


# ---- what people read


def test_every_objection_is_listed_with_its_ruling_and_what_it_moved(disputed, paper_bundle):
    """Under `any`, whose edges are midpoints, the outage was over 2.5 minutes before the hour: those are left."""
    leaf = rule(disputed)
    rule(disputed, name="o-2", code="calculation", target=f"interval:{START}-{TO}", outcome="dismissed")
    body = {"objection": "o-3", "report": REPORT, "code": "fact", "target": "leaf:3", "by": "unicom", "reason": "x"}
    disputed.state("objection", body, at_ms=START + 16 * H)

    first, second, third = judged(disputed, paper_bundle)["objections"]

    assert (first["state"], first["ruling"]["decides"], first["ruling"]["leaf"]) == ("ruled", HELD["decides"], leaf)
    effect = first["effect"]
    assert (effect["before"], effect["after"], effect["change"]) == ("200.00", "60.00", "-140.00")
    assert effect["time"]["rows"] == [["wifi", "any", 57 * M + M // 2], ["wifi", "availability", 60 * M]]
    assert ["1", "wifi", "any", "90.277777", "98.263888"] in effect["values"]["rows"]
    assert (second["state"], "effect" in second, third["state"]) == ("ruled", False, "open")


def test_page_workbook_and_paper_tell_ruling_reason_and_effect(disputed, paper_bundle):
    rule(disputed)
    draft, bundle = paper_bundle(disputed)
    page = bundle.members["report.html"].decode()

    for said in ("异议与裁定 Objections and rulings", "查明为市电中断", "200.00 → 60.00 CNY", "90.277 → 98.263 %"):
        assert said in page
    book = openpyxl.load_workbook(io.BytesIO(bundle.members["report.xlsx"]))
    head, row = book[words.both("objections")].iter_rows(values_only=True)
    told = dict(zip(head, row, strict=True))
    expected = {"ruled_because": "查明为市电中断", "moved_minutes": 117.5, "money_before": 200, "money_after": 60}
    assert {name: told[words.both(name)] for name in expected} == expected
    (told_zh,) = shown.section(draft.report.content, ZoneInfo("Asia/Shanghai"), "zh")["tables"][0]["rows"]
    assert told_zh[1] == "归因: ap-1 始于 2026-10-01 01:00 的中断"
    assert because.said("ruling:o-1", "zh") == "对异议 o-1 的裁定"
    assert told_zh[3].startswith("支持 (停电或第三方, 2026-10-01 01:00 – 2026-10-01 02:00), officer: 查明为市电中断")


def test_a_list_that_hides_what_a_ruling_moved_does_not_verify(disputed, paper_bundle):
    rule(disputed)
    _, bundle = paper_bundle(disputed)
    report = json.loads(bundle.members["report.json"])
    report["objections"][0]["effect"]["before"] = "60.00"
    forged = Bundle(members={**bundle.members, "report.json": canonical.dumps(report)})

    assert [each.place for each in verify_numbers(forged)] == ["report.json: objections[0].effect.before"]


def test_every_code_outcome_and_decision_has_a_word():
    assert {f"code_{each}" for each in codes.CODES} <= set(words.WORDS)
    decided = {each for allowed in codes.DECIDES.values() for each in allowed}
    assert {each if each in codes.CAUSES else f"decides_{each}" for each in decided} <= set(words.WORDS)


@pytest.mark.parametrize(
    ("about", "decides", "said"),
    [
        (("calculation", f"interval:{START}-{TO}"), {}, "an amendment must correct the text"),
        (("not_contracted", f"interval:{START}-{TO}"), {}, "an amendment, or the register"),
        (("fact", "leaf:3"), {}, "the hour (netops sla correct)"),
        (("no_outage", f"incident:ap-1@{FROM}"), {}, "neither objection nor ruling says what follows"),
        (("no_outage", f"incident:ap-1@{FROM}"), {"decides": "up"}, "min"),
    ],
)
def test_a_ruling_that_moves_nothing_by_itself_says_what_must_follow(disputed, paper_bundle, about, decides, said):
    told = decides | {"service": "ap-1", "start_ms": FROM, "end_ms": TO} if decides else {"minutes": 1}
    rule(disputed, code=about[0], target=about[1], **told)

    content = judged(disputed, paper_bundle)

    ((*_, moved, _),) = shown.section(content, ZoneInfo("UTC"), "en")["tables"][0]["rows"]
    assert said in moved
