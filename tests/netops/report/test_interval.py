"""Any interval: what a report would say of it, cut where it is cut, from the ledger and from a facts file alike."""

import gzip
import json
import os
import random
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest

from inventory.model import Hours
from netops.errors import EvidenceError, UsageError
from netops.evidence import bundle as bundles
from netops.evidence import canonical
from netops.report import interval, standing
from netops.report.leaves import Leaves
from netops.sla import calendar, facts_file
from netops.sla.availability import Tally
from netops.sla.judge import Outcome

H, M = 3_600_000, 60_000
START = 1_790_784_000_000
SHANGHAI = calendar.zone("Asia/Shanghai")


def ask(world, first, last):
    return interval.ask(world.contracts, Leaves(tuple(world.ledger.kept)), start_ms=first, end_ms=last, tz=SHANGHAI)


def line(answer, name="wifi/availability"):
    (found,) = [each for each in answer.lines if each.name == name]
    return found


@pytest.fixture
def day(paper_world):
    """A day of two access points; ap-1 is down from 03:10 to 03:25, ap-2 from 10:00 to 12:00."""
    world = paper_world(length=24)
    world.versions()
    roster = world.roster({"ap-1": "wifi", "ap-2": "wifi"})
    for number in range(24):
        letters = {3: {"ap-1": "uudddu" + "u" * 6}, 10: {"ap-2": "d" * 12}, 11: {"ap-2": "d" * 12}}.get(number, {})
        world.hour(number, letters, roster)
    return world


def test_a_whole_period_is_judged_as_its_report(day):
    (part,) = day.draft_content()["parts"]
    told = [each for item in part["items"] for each in item["objectives"]]

    answer = ask(day, START, START + 24 * H)
    found = [interval.plain(each) for each in answer.lines]
    assert [(e["verdict"], e["value"], e["lower"], e["upper"], e["tally"], e["incidents"]) for e in found] == [
        (e["verdict"], e["value"], e["lower"], e["upper"], e["tally"], e["incidents"]) for e in told
    ]


def test_an_interval_takes_of_a_sealed_hour_what_lies_inside_and_names_the_slots_it_cuts(day):
    answer = ask(day, START + 3 * H + 12 * M, START + 3 * H + 40 * M)
    (down,) = [each for each in line(answer).judged.lines if each.service == "ap-1"]
    assert (down.tally.down, down.tally.up) == (13 * M, 15 * M)
    assert answer.cut == ((START + 3 * H + 12 * M, START + 3 * H + 10 * M, START + 3 * H + 15 * M),)
    assert ask(day, START + 3 * H + 10 * M, START + 4 * H).cut == ()


def test_splitting_an_interval_anywhere_never_changes_the_sum_of_its_parts(paper_world):
    """To the millisecond, whatever slots and hours the cuts fall into."""
    rng = random.Random(int(os.environ.get("NETOPS_SEED", "7")))
    world = paper_world(length=24)
    world.versions()
    roster = world.roster({"ap-1": "wifi", "ap-2": "wifi"})
    for number in range(24):
        world.hour(number, {"ap-1": "".join(rng.choices("uuudg?.", k=12))}, roster)
    whole = line(ask(world, START, START + 24 * H)).judged.tally
    for _ in range(40):
        edges = [0, *sorted(rng.sample(range(1, 24 * H), rng.randint(1, 4))), 24 * H]
        pieces = [line(ask(world, START + low, START + high)).judged.tally for low, high in pairwise(edges)]
        assert sum(pieces, Tally()) == whole, edges


def test_a_months_cap_holds_for_an_interval_too(paper_world):
    """Judged alone, the second half of the day would let in a claim that its month has no more room for."""
    world = paper_world(length=24)
    world.versions()
    roster = world.roster({"ap-1": "wifi"})
    for number in range(24):
        world.hour(number, {"ap-1": "d" * 12} if number in (2, 14) else {}, roster)
    world.claim("m-1", 1, 4)
    world.claim("m-2", 14, 16)

    answer = ask(world, START + 12 * H, START + 24 * H)
    assert line(answer).judged.tally.down == H
    assert [(each.claim.id, each.effect) for each in line(answer).decided] == [("m-2", "over_cap")]


def test_a_negative_an_empty_and_an_unwatched_interval_are_refused(day):
    for first, last in ((START + H, START), (START, START)):
        with pytest.raises(UsageError, match="empty or negative"):
            ask(day, first, last)
    with pytest.raises(UsageError, match="no hour of"):
        ask(day, START + 200 * H, START + 201 * H)


def test_another_text_of_a_version_is_refused(day):
    day.contracts = (replace(day.contracts[0], title="another"),)
    with pytest.raises(UsageError, match="no `contract_version` leaf names this text"):
        ask(day, START, START + H)


def test_hours_that_are_not_sealed_are_unknown_and_counted(day):
    answer = ask(day, START + 20 * H, START + 30 * H)
    assert answer.missing == 6
    assert line(answer).judged.whole.unknown_ratio == Fraction(6, 10)
    assert line(answer).outcome is Outcome.NOT_DETERMINABLE


# ---- how the month stands


def standing_of(world, now_ms):
    leaves = Leaves(tuple(world.ledger.kept))
    found = standing.stands(world.contracts, leaves, now_ms=now_ms, tz=SHANGHAI)
    return {each.line.name: each for each in found.objectives}


def test_an_outage_that_goes_on_warns_and_one_that_has_ended_does_not(paper_world):
    world = paper_world(length=24)
    world.versions()
    roster = world.roster({"ap-1": "wifi", "ap-2": "wifi"})
    for number in range(24):
        world.hour(number, {"ap-1": "d" * 12} if number == 23 else {}, roster)

    going_on = standing_of(world, START + 24 * H + M)["wifi/availability"]
    assert [each.warns for each in going_on.burns] == [True, True, True, True]
    assert going_on.burns[0].long == Fraction(1, 2) * 1000

    for number in range(24, 30):
        world.hour(number, {}, roster)
    ended = standing_of(world, START + 30 * H + M)["wifi/availability"]
    assert [each.warns for each in ended.burns] == [False, False, False, False]


def test_what_it_takes_to_miss_is_exact(paper_world):
    """So much more outage still keeps the target at the month's end, and a slot more misses it."""
    world = paper_world(length=12)
    world.versions()
    roster = world.roster({"ap-1": "wifi", "ap-2": "wifi"})
    for number in range(12):
        world.hour(number, {"ap-1": "ddd" + "u" * 9} if number == 3 else {}, roster)
    left = standing_of(world, START + 12 * H + M)["wifi/availability"].left_ms
    end = calendar.month("2026-10", SHANGHAI)[1]

    whole = 2 * (end - START)
    assert left == whole - Fraction("99.9") / 100 * whole - 15 * M


def test_a_target_that_is_lost_is_lost_already(paper_world):
    world = paper_world(length=40)
    world.versions()
    roster = world.roster({"ap-1": "wifi"})
    for number in range(40):
        world.hour(number, {"ap-1": "d" * 12}, roster)
    assert standing_of(world, START + 40 * H + M)["wifi/availability"].left_ms < 0


def test_before_the_first_hour_of_a_month_nothing_stands(day):
    after = calendar.month("2026-11", SHANGHAI)[0] + 5 * M
    assert standing.stands(day.contracts, Leaves(tuple(day.ledger.kept)), now_ms=after, tz=SHANGHAI) is None


# ---- facts files


def lines_of(world):
    return [b'{"index":%d,"leaf":%b}' % (each.index, each.data) for each in world.ledger.kept]


def test_a_facts_file_gives_the_leaves_in_any_order_packed_or_plain(day, tmp_path):
    expected = {each.index: each.data for each in day.ledger.kept}
    lines = lines_of(day)
    random.Random(1).shuffle(lines)
    (tmp_path / "plain").write_bytes(b"\n".join([*lines, lines[0]]) + b"\n\n")
    (tmp_path / "packed").write_bytes(gzip.compress(b"\n".join(lines)))
    (tmp_path / "member").write_bytes(bundles.leaf_lines(expected))

    for name in ("plain", "packed", "member"):
        found = facts_file.read(tmp_path / name)
        assert (dict(found.leaves), found.rehearsal) == (expected, False)


def changed(line, **fields):
    value = json.loads(line)
    value["leaf"] |= fields
    return canonical.dumps(value)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda lines: [*lines, b'{"index":'], "line 4: not JSON"),
        (lambda lines: [*lines, b"[]"], r"line 4: expected \{"),
        (lambda lines: [*lines, b'{"index":-1,"leaf":{}}'], "line 4: index is -1"),
        (lambda lines: [*lines, b'{"index":true,"leaf":{}}'], "line 4: index is True"),
        (lambda lines: [*lines, b'{"index":9,"leaf":{"fact":1}}'], "line 4: leaf 9: expected an object of fact"),
        (lambda lines: [*lines, changed(lines[0], recorded_ms=5)], "line 4: leaf 0 stands twice and differs"),
        (
            lambda lines: [*lines, lines[0].replace(b'"index":0', b'"index":77')],
            "line 4: fact 1 of 'test' is leaf 0 and 77",
        ),
        (lambda lines: [lines[0], changed(lines[1], rehearsal=True)], "of a rehearsal and of none"),
        (lambda lines: [changed(lines[0], recorded_ms=2**53 - 1)], "line 1: leaf 0: recorded_ms is 9007199254740991"),
        (lambda lines: [changed(lines[0], recorded_ms=-1)], "line 1: leaf 0: recorded_ms is -1; expected"),
        (lambda lines: [changed(lines[0], sequence="1")], "line 1: leaf 0: sequence is 1; expected int"),
        (lambda lines: [changed(lines[0], fact={"kind": "gossip", "at_ms": 1, "body": {}})], "line 1: .*gossip"),
        (lambda _: [b" " * (facts_file.LINE + 2)], "a line over"),
        (lambda _: [], "holds no leaf"),
    ],
)
def test_a_facts_file_that_is_off_is_refused_by_its_line(day, tmp_path, spoil, said):
    path = tmp_path / "facts"
    path.write_bytes(b"\n".join(spoil(lines_of(day)[:3])) + b"\n")
    with pytest.raises(EvidenceError, match=said):
        facts_file.read(path)


def test_a_packed_facts_file_that_was_cut_or_damaged_is_refused(day, tmp_path):
    whole = gzip.compress(b"\n".join(lines_of(day)))
    path = tmp_path / "facts"
    for data in (whole[: len(whole) // 2], whole[:100] + b"\x00\x01\x02\x03" + whole[104:], whole[:6]):
        path.write_bytes(data)
        with pytest.raises(EvidenceError):
            facts_file.read(path)


def test_what_it_takes_to_miss_counts_the_service_hours_that_are_left_by_kind_of_day(paper_world, base_contract):
    """October 2026 has 18 workdays: the 8th and 9th after the holidays, Saturday the 10th, and three weeks."""
    wifi, fiber = base_contract.items
    hours = (Hours(days=(), kinds=("workday",), start_minute=0, end_minute=1440),)
    objective = replace(wifi.objectives[0], rules=replace(wifi.objectives[0].rules, hours=hours))
    held = replace(base_contract, calendar="cn", items=(replace(wifi, objectives=(objective,)), fiber))
    world = paper_world(contracts=(held,), length=9 * 24)
    world.versions()
    roster = world.roster({"ap-1": "wifi"})
    for number in range(9 * 24):
        world.hour(number, {}, roster)

    stands = standing_of(world, START + 9 * 24 * H + M)["wifi/availability"]
    assert stands.line.judged.tally.up == 2 * 24 * H
    assert stands.left_ms == Fraction(18 * 24 * H, 1000)


@pytest.mark.parametrize(
    ("indicator", "threshold", "value"),
    [("fault.repair", "1", Fraction(1, 2)), ("fault.repeat", "1", Fraction(1)), ("asset.active", "23", Fraction(1, 2))],
)
def test_faults_and_assets_are_judged_over_an_interval_and_have_no_budget_of_time(
    paper_world, base_contract, indicator, threshold, value
):
    wifi, fiber = base_contract.items
    each = replace(wifi.objectives[0], indicator=indicator, threshold=threshold)
    contract = replace(base_contract, items=(replace(wifi, objectives=(each,)), fiber))
    world = paper_world(contracts=(contract,), length=24)
    world.versions()
    roster = world.roster({"ap-1": "wifi", "ap-2": "wifi"})
    for number in range(24):
        letters = {3: {"ap-1": "uudddu" + "u" * 6}, 10: {"ap-2": "d" * 12}, 11: {"ap-2": "d" * 12}}.get(number, {})
        world.hour(number, letters, roster)

    (found,) = [one for one in ask(world, START, START + 24 * H).lines if one.item.id == "wifi"]

    assert found.judged.whole.value == value
    leaves = Leaves(tuple(world.ledger.kept))
    stood = standing.stands(world.contracts, leaves, now_ms=START + 24 * H + 1, tz=SHANGHAI)
    assert [one.left_ms for one in stood.objectives if one.line.item.id == "wifi"] == [None]
