"""Two implementations that share no rule agree on generated contracts and histories, to the last digit and word."""

import os
import random
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from inventory.model import Credits, Hours, Tier
from netops.evidence.verifier import verify_numbers
from netops.report.bundle import facts
from netops.sla import calendar, hours, streams, timeline
from netops.sla.intervals import Cause, State

H = 3_600_000
ROUNDS = max(24, int(os.environ.get("NETOPS_ROUNDS", "24")))  # a lane's small count takes nothing away from it
SEED = int(os.environ.get("NETOPS_SEED", "0"))
LENGTH = 30


def rules(rng, base):
    aggregation = rng.choice(["object_time_mean", "any_down", "all_down", "weighted"])
    every = rng.choice([1800, 3600, 7200])
    hours = [
        Hours(
            days=tuple(rng.sample(range(1, 8), 5)),
            start_minute=(a := rng.randrange(1400)),
            end_minute=rng.randint(a + 1, 1440),
        )
    ]
    if rng.random() < 0.5:  # by kind of day, over midnight or not
        kinds = tuple(rng.sample(("workday", "holiday", "weekend"), 2))
        hours = [replace(hours[0], days=(), kinds=kinds, end_minute=rng.randint(a + 1, a + 1440))]
    return replace(
        base,
        exclusion_mode=rng.choice(["count_as_up", "remove_from_denominator", "not_excluded"]),
        unknown_mode=rng.choice(["as_up", "removed", "as_down"]),
        degraded_mode=rng.choice(["as_up", "as_down"]),
        undetermined_mode=rng.choice(["unknown", "as_down"]),
        max_unknown_ratio=rng.choice(["0", "0.05", "0.3", "1"]),
        outage_edge=rng.choice(["last_good", "first_bad", "midpoint"]),
        min_outage_s=rng.choice([0, 0, 300, 450, 600, 1200]),
        slice_s=every,
        min_samples_per_slice=rng.choice([0, 1, 3, every // 300]),
        parent_failure=rng.choice(["children_down", "independent"]),
        aggregation=aggregation,
        weight="population" if aggregation == "weighted" else "none",
        hours=tuple(hours) if rng.random() < 0.4 else (),
        empty_history=rng.choice(["not_determinable", "as_up"]),
    )


def credits_(rng):
    low = rng.choice(["90", "95.5"])
    return Credits(
        tiers=(
            Tier(percent="7.5", below="99.9", at_least=low),
            Tier(percent="33.3", at_most=low) if rng.random() < 0.5 else Tier(percent="50", below=low),
        ),
        object_cap_percent=rng.choice(["", "20"]),
        period_cap_percent=rng.choice(["", "12.5"]),
        escalate_after=rng.choice([0, 1, 2]),
        escalate_factor=rng.choice(["1.5", "2"]),
        per=rng.choice(["item", "object"]),
    )


def promise(rng, like):
    """An objective on a metric: it rests on a stream of its own."""
    metric, threshold = rng.choice([("probe.rtt.p95", "30"), ("probe.reached", "1"), ("probe.delay_back.p99", "12.5")])
    agreed = {"quorum": rng.choice([1, 2]), "vantages": 2, "check_every_s": rng.choice([300, 600])}
    if rng.random() < 0.4:
        agreed |= {"window_intervals": (n := rng.choice([1, 2, 4])), "consecutive_high_loss": rng.randint(1, n)}
        agreed |= {"outage_edge": "first_bad", "min_outage_s": 0}
    least = min(like.rules.min_samples_per_slice, like.rules.slice_s // 600)
    own = replace(like.rules, **agreed, min_samples_per_slice=least)
    return replace(like, id="measured", indicator=metric, threshold=threshold, rules=own)


def things(rng, like):
    """An objective on faults or assets, which rest on the services' state."""
    metric, threshold = rng.choice(
        [("fault.repair", "0.5"), ("fault.repair", "3"), ("fault.repeat", "0.3"), ("asset.active", "7.5")]
    )
    own = replace(like.rules, aggregation="object_time_mean", weight="none", empty_history="not_determinable")
    return replace(like, id="things", indicator=metric, threshold=threshold, rules=own)


def contract(rng, base):
    items = []
    for item in base.items:
        objectives = [
            replace(each, target=rng.choice(["90", "99", "99.99"]), rules=rules(rng, each.rules), credits=credits_(rng))
            for each in item.objectives
        ]
        if rng.random() < 0.5:
            objectives.append(promise(rng, objectives[0]))
        once = rng.choice(["dearest", "by_minute"])
        if once == "dearest" and rng.random() < 0.6:
            objectives.append(things(rng, objectives[0]))
        fee = rng.choice(["0", "99.99", "12345.67"])
        items.append(replace(item, fee=fee, objectives=tuple(objectives), double_credit=once))
    return replace(base, items=tuple(items), credit_cap_percent=rng.choice(["", "5"]), calendar="cn")


def letters(rng):
    text = rng.choice(
        [
            "u" * 12,
            "u" * 12,
            "".join(rng.choices("uuuudg?n.p", k=12)),
            "d" * 12,
            "?" * 12,
            "n" * 12,
            "." * 12,
            "u" * rng.randrange(12) + "d" * 12,
        ]
    )
    return text[:12]


def history(rng, world):
    measured = sorted({each.name: each for held in world.contracts for each in streams.of(held)}.items())
    names = {f"s-{i}": rng.choice(["wifi", "fiber"]) for i in range(rng.randint(1, 6))}
    roster = world.roster(names, weights=rng)
    step = 300_000
    for number in range(LENGTH):
        if rng.random() < 0.05:
            names = dict(list(names.items())[1:]) | {f"n-{number}": "wifi"}
            roster = world.roster(names, weights=rng)
        if rng.random() < 0.05:
            step = rng.choice([300_000, 600_000])
        if rng.random() > 0.06:
            world.hour(number, {name: letters(rng) for name in names if rng.random() < 0.5}, roster, step=step)
            for name, each in measured:
                if rng.random() < 0.8:
                    told = {service: letters(rng) for service in names if rng.random() < 0.7}
                    world.hour(number, told, roster, step=each.every_s * 1000, stream=name)


def claims(rng, world, most=5, prefix="m"):
    for i in range(rng.randrange(most)):
        first = rng.randrange(-3, LENGTH)
        world.claim(
            f"{prefix}-{i}",
            first,
            first + rng.randint(0, 4),
            services=rng.choice([[], ["s-0"], ["*"], ["s-1", "n-3"]]),
            class_=rng.choice(["maintenance", "maintenance", "unheard-of"]),
            notice=rng.choice([48, 48, 1]),
            decider=rng.choice(["manager", "manager", "operator"]),
            decision=rng.choice(["approved", "approved", "refused"]),
            role=rng.choice(["contract_manager", "contract_manager", "admin"]),
        )


def dispute(rng, world, report="r"):
    """Objections about claims, and about other things, with what was ruled; some steps have no place there."""
    if report == "r" and rng.random() < 0.9:
        world.issued_before()
    steps = []
    for i in range(rng.randrange(4)):
        target = rng.choice(["m-0", "m-1", "m-2", "later-0", "wifi"])
        objection = {
            "objection": f"o-{report}-{i}",
            "report": report,
            "code": rng.choice(["claim_refused", "claim_granted", "calculation"]),
            "target": target,
            "by": "carrier",
            "reason": "x",
        }
        mine = [("objection", objection)]
        mine += [
            ("rebuttal", {"stance": "rejected", "by": rng.choice(["city"] * 4 + ["officer", "carrier"])})
        ] * rng.choice([0, 1, 1, 1, 1, 2])
        for _ in range(rng.choice([1, 1, 1, 2])):
            outcome = rng.choice(["upheld", "upheld", "partly_upheld", "dismissed"])
            ruling = {"outcome": outcome, "by": rng.choice(["officer", "officer", "carrier"])}
            if outcome == "partly_upheld" and rng.random() < 0.9:
                ruling["minutes"] = rng.choice([0, 1, 7, 30, 90, 10**9])
            mine.append(("ruling", ruling))
        steps += [(kind, {"objection": f"o-{report}-{i}", "reason": "x", **body}) for kind, body in mine]
    if rng.random() < 0.3:
        rng.shuffle(steps)
    if rng.random() < 0.3:
        accepted = {"report": report, "by": "carrier"} | rng.choice([{}, {"digest": "0" * 64}, {"digest": "1" * 64}])
        steps.insert(rng.randrange(len(steps) + 1), ("report_accepted", accepted))
    for kind, body in steps:
        world.state(kind, body)


def past(rng, world):
    """The months before, some amended in their midst, some reported on twice."""
    for name in ["2026-09", "2026-08", "2026-07"][: rng.randrange(4)]:
        start, end = calendar.month(name, ZoneInfo("Asia/Shanghai"))
        for revision in range(rng.choice([1, 1, 2])):
            middle = [start + rng.randrange(1, 600) * H] if rng.random() < 0.4 else []
            for first, last in pairwise([start, *middle, end]):
                verdict = {"objective": "wifi/availability", "outcome": rng.choice(["missed", "missed", "met"])}
                body = {"contract": "c1", "version": "1", "start_ms": first, "end_ms": last, **verdict}
                if rng.random() < 0.7:
                    body |= {"services_missed": [n for n in ("s-0", "s-1", "s-2") if rng.random() < 0.6]}
                world.state("verdict", body | {"inputs_digest": f"{revision}" * 64})


def made(seed, paper_world, base):
    rng = random.Random(seed)
    first = contract(rng, base)
    versions = [first]
    if rng.random() < 0.4:
        start = base.valid_from_ms + 1000 * H + rng.randrange(1, LENGTH * 60) * 60_000
        cap = first.credit_cap_percent  # a month has one
        versions.append(replace(contract(rng, base), version="2", valid_from_ms=start, credit_cap_percent=cap))
    elif rng.random() < 0.2:
        versions = [replace(first, ends_ms=base.valid_from_ms + 1000 * H + rng.randrange(1, LENGTH) * H)]
    world = paper_world(contracts=tuple(versions), length=LENGTH)
    world.versions()
    history(rng, world)
    claims(rng, world)
    past(rng, world)
    if rng.random() < 0.5:
        dispute(rng, world)
    return world


@pytest.mark.parametrize("block", range(4))
def test_both_implementations_agree(block, paper_world, paper_bundle, base_contract):
    for seed in range(SEED + block * ROUNDS // 4, SEED + (block + 1) * ROUNDS // 4):
        _, bundle = paper_bundle(made(seed, paper_world, base_contract))

        assert verify_numbers(bundle) == [], f"seed {seed}"


def revised(seed, paper_world, paper_bundle, base):
    """Issue what was made, let more be stated, and return the next revision."""
    world = made(seed, paper_world, base)
    rng = random.Random(-seed - 1)
    first, _ = paper_bundle(world)
    for fact in facts(first, now_ms=world.period().end_ms):
        world.state(fact.kind, dict(fact.body), at_ms=fact.at_ms)
    claims(rng, world, most=4, prefix="later")
    dispute(rng, world, first.name)
    told = {each.body["start_ms"] for each in world.ledger.find("availability_hour")}
    hour = next((n for n in range(LENGTH) if world.period().start_ms + n * H not in told), None)
    if hour is not None:
        world.hour(hour, {"s-0": letters(rng), "s-1": letters(rng)}, world.roster({"s-0": "wifi", "s-1": "fiber"}))
    again = random.Random(f"corrections of {seed}")
    for at in again.sample(sorted(told), again.choice([0, 1, 2]) if len(told) > 2 else 0):
        roster = world.roster({"s-0": "wifi", "s-1": "fiber"})
        world.correction((at - world.period().start_ms) // H, {"s-0": letters(again), "s-1": letters(again)}, roster)
    if rng.random() < 0.3:
        start = base.valid_from_ms + 1000 * H + rng.randrange(1, LENGTH) * H
        last = max(start, *(each.valid_from_ms + H for each in world.contracts))
        cap = world.contracts[0].credit_cap_percent
        third = replace(contract(rng, base), version="3", valid_from_ms=last, credit_cap_percent=cap)
        world.contracts = (*world.contracts, third)
        world.versions()
    return paper_bundle(world)


@pytest.mark.parametrize("block", range(2))
def test_both_implementations_agree_on_what_a_revision_changed(block, paper_world, paper_bundle, base_contract):
    moved = 0
    for seed in range(SEED + block * ROUNDS // 8, SEED + (block + 1) * ROUNDS // 8):
        draft, bundle = revised(seed, paper_world, paper_bundle, base_contract)

        assert verify_numbers(bundle) == [], f"seed {seed}"
        difference = draft.report.content.get("difference")
        if difference is None or difference["because"]:
            continue
        steps = difference["steps"]["rows"]
        assert sum(Decimal(row[-1]) for row in steps) == Decimal(difference["change"]), f"seed {seed}"
        moved += len(difference["intervals"]["rows"])
    assert moved


@pytest.mark.slow
def test_both_implementations_agree_on_many_more(paper_world, paper_bundle, base_contract):
    for seed in range(SEED + 10_000, SEED + 10_000 + 5 * ROUNDS):
        _, bundle = paper_bundle(made(seed, paper_world, base_contract))

        assert verify_numbers(bundle) == [], f"seed {seed}"


def test_an_hour_of_which_nobody_told_is_not_measured_whether_or_not_it_was_sealed(
    paper_world, paper_bundle, base_contract
):
    told = []
    for sealed in (True, False):
        world = paper_world(contracts=(base_contract,), length=3)
        world.versions()
        roster = world.roster()
        for number in range(3):
            if sealed or number != 1:
                silent = {each.service: "." * 12 for each in roster.listed}
                world.hour(number, silent if number == 1 else {}, roster)
        draft, bundle = paper_bundle(world)
        assert verify_numbers(bundle) == []
        items = draft.report.content["parts"][0]["items"]
        told.append([(each["value"], each["lower"], each["unknown_ratio"]) for i in items for each in i["objectives"]])

    assert told[0] == told[1]
    assert all(share == "1/3" for _, _, share in told[0])


def test_an_objective_on_a_metric_is_judged_by_its_own_slots_and_a_changed_side_is_named(
    paper_world, paper_bundle, base_contract
):
    wifi, fiber = base_contract.items
    delay = replace(wifi.objectives[0], id="delay", indicator="probe.rtt.p95", threshold="30", target="90")
    world = paper_world(
        contracts=(replace(base_contract, items=(replace(wifi, objectives=(delay,)), fiber)),), length=2
    )
    world.versions()
    roster = world.roster()
    (stream,) = streams.of(world.contracts[0])
    for number in range(2):
        world.hour(number, {"onu-1": "d" * 12}, roster)
        world.hour(number, {"ap-1": "uuuuuudddddd", "onu-1": "." * 12}, roster, stream=stream.name)

    draft, bundle = paper_bundle(world)

    (told,) = draft.report.content["parts"][0]["items"][0]["objectives"]
    assert (told["good"], told["value"], told["verdict"]) == ("<= 30", "3/4", "missed")
    assert verify_numbers(bundle) == []
    turned = bundle.members["report.json"].replace(b'"good":"<= 30"', b'"good":">= 30"')
    found = verify_numbers(replace(bundle, members={**bundle.members, "report.json": turned}))
    assert [str(each) for each in found] == [
        "report.json: version 1 wifi/delay: its hours were sealed as good where <=, not >="
    ]


def test_a_sliding_window_tells_its_high_loss_intervals_and_another_count_is_named(
    paper_world, paper_bundle, base_contract
):
    wifi, fiber = base_contract.items
    own = replace(
        wifi.objectives[0].rules,
        check_every_s=300,
        window_intervals=4,
        consecutive_high_loss=2,
        min_samples_per_slice=0,
    )
    loss = replace(
        wifi.objectives[0], id="mef", indicator="probe.loss", threshold="50", target="90", rules=own, credits=Credits()
    )
    world = paper_world(contracts=(replace(base_contract, items=(replace(wifi, objectives=(loss,)), fiber)),), length=2)
    world.versions()
    roster = world.roster()
    (stream,) = streams.of(world.contracts[0])
    for number, told in enumerate(("uuudduuuuuud", "dddduuuuduuu")):
        world.hour(number, {}, roster)
        world.hour(number, {"ap-1": told, "onu-1": "." * 12}, roster, stream=stream.name)

    draft, bundle = paper_bundle(world)

    (told,) = draft.report.content["parts"][0]["items"][0]["objectives"]
    assert (told["value"], told["verdict"]) == (
        "43/48",
        "missed",
    )  # of two services; five bad checks in a row, and three of no account
    assert told["high_loss"] == {"hli": 3, "chli": 1, "columns": ["service", "hli", "chli"], "rows": [["ap-1", 3, 1]]}
    assert b"HLI 3, \xe8\xbf\x9e\xe7\xbb\xad consecutive CHLI 1" in draft.members["report.html"]
    assert verify_numbers(bundle) == []
    turned = bundle.members["report.json"].replace(b'"hli":3', b'"hli":2')
    found = verify_numbers(replace(bundle, members={**bundle.members, "report.json": turned}))
    assert [str(each).partition(":")[0] for each in found] == ["report.json"]
    assert "high_loss" in str(found[0])


@pytest.mark.parametrize(
    ("indicator", "threshold", "expected"),
    [
        ("fault.repair", "0.5", ("<= 0.5", "1/2", 1, 1, 2)),
        ("fault.repeat", "1", ("> 1", "2/3", 2, 1, 1)),
        ("asset.active", "1.75", (">= 1.75", "0/1", 0, 1, 1)),
    ],
)
def test_faults_and_assets_are_counted_and_another_count_is_named(  # noqa: PLR0917  (fixtures and a table)
    paper_world, paper_bundle, base_contract, indicator, threshold, expected
):
    wifi, fiber = base_contract.items
    rules = replace(wifi.objectives[0].rules, max_unknown_ratio="1", min_samples_per_slice=0, check_every_s=300)
    each = replace(wifi.objectives[0], id="o", indicator=indicator, threshold=threshold, target="90", rules=rules)
    own = replace(each, credits=Credits())
    world = paper_world(contracts=(replace(base_contract, items=(replace(wifi, objectives=(own,)), fiber)),), length=2)
    world.versions()
    roster = world.roster()
    names = [listed.service for listed in roster.listed if listed.item == "wifi"]
    for number, told in enumerate((("uuddduuuuuuu", "uuuuuuuuuu??"), ("udddddddduuu", "d???????duuu"))):
        world.hour(number, dict(zip(names, told, strict=True)), roster)

    draft, bundle = paper_bundle(world)

    (told,) = draft.report.content["parts"][0]["items"][0]["objectives"]
    counts = (told["tally"][name] for name in ("up_ms", "down_ms", "unknown_ms"))
    assert expected == (told["good"], told["value"], *counts)
    assert ("YD/T 3563-2019 障碍修复时限".encode() in draft.members["report.html"]) is (indicator == "fault.repair")
    assert verify_numbers(bundle) == []
    turned = bundle.members["report.json"].replace(b'"down_ms":1,', b'"down_ms":2,')
    found = verify_numbers(replace(bundle, members={**bundle.members, "report.json": turned}))
    assert any("tally" in str(failure) for failure in found)


def test_the_mean_rate_is_of_the_contracted_one(paper_world, paper_bundle, base_contract):
    wifi, fiber = base_contract.items
    rules = replace(wifi.objectives[0].rules, max_unknown_ratio="1", min_samples_per_slice=0, check_every_s=900)
    each = replace(
        wifi.objectives[0], id="rate", indicator="probe.throughput.mean", threshold="1000", target="90", rules=rules
    )
    world = paper_world(
        contracts=(
            replace(base_contract, items=(replace(wifi, objectives=(replace(each, credits=Credits()),)), fiber)),
        ),
        length=2,
    )
    world.versions()
    roster = world.roster()
    world.hour(0, {}, roster)
    (stream,) = streams.of(world.contracts[0])
    start = world.period().start_ms
    told = [("250", State.UP), ("2000", State.UP), ("no_answer", State.DOWN), ("deadline", State.UNKNOWN)]
    slots = [
        timeline.Run(start + i * 900_000, start + i * 900_000, 1, state, Cause.CARRIER, because)
        for i, (because, state) in enumerate(told)
    ]
    first = next(listed.service for listed in roster.listed if listed.item == "wifi")
    for body in hours.bodies(roster, {first: slots}, start_ms=start, step_ms=900_000, stream=stream.name):
        world.state(hours.KIND, body, at_ms=start)

    draft, bundle = paper_bundle(world)

    (found,) = draft.report.content["parts"][0]["items"][0]["objectives"]
    assert (found["value"], found["shown"]) == ("5/12", "41.666666")  # 0.25, 1 and 0 of three measured slots
    assert (found["lower"], found["upper"]) == ("5/64", "57/64")  # of four service hours
    assert verify_numbers(bundle) == []
