"""Whatever stands in a bundle, the verifier answers with failures: it neither crashes nor fills the memory."""

import gzip
import json
import os
import random
import time
from fractions import Fraction
from types import SimpleNamespace

import pytest

from netops.errors import EvidenceError, UsageError
from netops.evidence import bundle as bundles
from netops.evidence import figures, told
from netops.evidence.members import Bundle
from netops.evidence.seen import Seen
from netops.evidence.stated import Stated
from netops.evidence.verifier import verify_numbers
from netops.report import build, days, parts
from netops.sla import aggregate, hours, month
from netops.sla.availability import Modes, Tally

ROUNDS = int(os.environ.get("NETOPS_ROUNDS", "20"))
LEAVES = "leaves.jsonl.gz"
H = 3_600_000
START = 1_790_784_000_000
VALUES = [None, 0, -1, 10**15, "", "x", [], {}, 1.5, True, "1e999999999", [[]], {"a": 1}]


def paths(value, at=()):
    yield at
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in inner:
        yield from paths(below, (*at, key))


def put(value, at, new):
    for key in at[:-1]:
        value = value[key]
    value[at[-1]] = new


def written(value):
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()


def touched(members, change):
    """Change one leaf line, the first of its kind that `change` returns True for."""
    lines = gzip.decompress(members[LEAVES]).splitlines()
    for i, line in enumerate(lines):
        value = json.loads(line)
        if change(value["leaf"]["fact"]):
            lines[i] = written(value)
            break
    return {LEAVES: gzip.compress(b"".join(line + b"\n" for line in lines), mtime=0)}


@pytest.fixture
def members(october, paper_bundle):
    return paper_bundle(october)[1].members


def far_slot(fact):
    runs = fact["body"]["others"][0][0] if fact["kind"] == "availability_hour" and fact["body"]["others"] else []
    if len(runs) < 2:
        return False
    runs[0][1] = 10**15
    return True


def many_positions(fact):
    if fact["kind"] != "availability_hour" or not fact["body"]["others"]:
        return False
    fact["body"]["others"][0][1] = [[0, 10**15]]
    return True


@pytest.mark.parametrize("change", [far_slot, many_positions])
def test_numbers_out_of_all_bounds_are_named_not_followed(members, change):
    found = verify_numbers(Bundle(members={**members, **touched(members, change)}))

    assert found[0].place.startswith("leaves.jsonl.gz")


@pytest.mark.parametrize("name", ["target", "max_unknown_ratio"])
def test_an_exponent_in_a_contract_is_no_number(members, name):
    versions = json.loads(members["contract.json"])
    objective = versions[0]["items"][0]["objectives"][0]
    (objective if name in objective else objective["rules"])[name] = "1e999999999"
    found = verify_numbers(Bundle(members={**members, "contract.json": written(versions)}))

    assert found


def test_a_period_of_ages_is_refused(members):
    report = json.loads(members["report.json"])
    report["period"]["end_ms"] = 10**15
    (found,) = verify_numbers(Bundle(members={**members, "report.json": written(report)}))

    assert "longer than a year" in found.what


def fuzz(members, seeds):
    for seed in seeds:
        rng = random.Random(seed)
        name = rng.choice(["report.json", "contract.json", "seal.json", "manifest.json", LEAVES, LEAVES, LEAVES])
        if name == LEAVES:
            lines = gzip.decompress(members[LEAVES]).splitlines()
            at = rng.randrange(len(lines))
            value = json.loads(lines[at])
            put(value, rng.choice(list(paths(value))[1:]), rng.choice(VALUES))
            lines[at] = written(value)
            data = gzip.compress(b"".join(line + b"\n" for line in lines), mtime=0)
        else:
            value = json.loads(members[name])
            put(value, rng.choice(list(paths(value))[1:]), rng.choice(VALUES))
            data = written(value)

        assert isinstance(verify_numbers(Bundle(members={**members, name: data})), list), f"seed {seed}"


def test_a_few_random_values_anywhere(members):
    fuzz(members, range(ROUNDS))


@pytest.mark.slow
def test_many_random_values_anywhere(members):
    fuzz(members, range(1000, 1000 + 30 * ROUNDS))


def scheduled(members, windows):
    versions = json.loads(members["contract.json"])
    for item in versions[0]["items"]:
        for each in item["objectives"]:
            each["rules"]["hours"] = windows
    return Bundle(members={**members, "contract.json": written(versions)})


@pytest.mark.parametrize(
    ("windows", "what"),
    [
        pytest.param([(i, i + 1) for i in range(500)], "500 service windows; expected at most 400", id="500-windows"),
        pytest.param([(0, 10**9)], "a service window from minute 0 to 1000000000", id="years"),
        pytest.param([(-5, 10)], "a service window from minute -5 to 10", id="before-midnight"),
    ],
)
def test_service_windows_beyond_any_contract_are_refused(members, windows, what):
    hours = [{"days": [1, 2, 3, 4, 5, 6, 7], "start_minute": a, "end_minute": b} for a, b in windows]
    found = verify_numbers(scheduled(members, hours))

    assert found[-1].place == "contract.json"
    assert what in found[-1].what


def test_a_mean_that_nobody_can_write_down_is_refused_by_name_in_both():
    """1,200 services, each judged over a time of its own: as exact fractions their mean has some 9,000 digits."""
    rules = {"exclusion_mode": "removed", "unknown_mode": "removed", "max_unknown_ratio": "1"}
    sums = [dict.fromkeys(figures.SUMS, 0) | {"up": 2_000_000 + i, "down": i % 7} for i in range(1200)]
    services = [(SimpleNamespace(sums=each), Fraction(1)) for each in sums]

    with pytest.raises(EvidenceError, match=r"contract\.json: the mean .* 1200 services"):
        figures.aggregated(services, rules | {"aggregation": "per_object_mean"})
    with pytest.raises(UsageError, match=r"objective o: the mean .* 1200 services"):
        aggregate.by_object([Tally(**each) for each in sums], Modes(), "o")


@pytest.mark.parametrize("count", [1, 300])
def test_a_mean_that_can_be_written_down_is_exact_in_both(count):
    rules = {"exclusion_mode": "removed", "unknown_mode": "removed", "max_unknown_ratio": "1"}
    sums = [dict.fromkeys(figures.SUMS, 0) | {"up": 8000 + i, "down": i % 7} for i in range(count)]
    exact = sum(Fraction(each["up"], each["up"] + each["down"]) for each in sums) / count
    services = [(SimpleNamespace(sums=each), Fraction(1)) for each in sums]

    assert figures.aggregated(services, rules | {"aggregation": "per_object_mean"})[0]["value"] == exact
    assert aggregate.by_object([Tally(**each) for each in sums], Modes(), "o").value == exact


def seconds(world, paper_bundle, count):
    """Return the processor time that judging and verifying take with so many claims, all asked for and decided on."""
    world.versions()
    world.hour(0, {"ap-1": "uuuduuuuuuuu"}, world.roster())
    for number in range(count):
        world.claim(f"m-{number}", number % 11, number % 11 + 1, services=["ap-1"] if number % 2 else [])
    begun = time.process_time()
    ask, leaves = world.ask(), world.leaves()
    build.build(ask, leaves)
    days.made(ask, leaves)
    judged = time.process_time()
    _, made = paper_bundle(world)
    built = time.process_time()
    assert verify_numbers(made) == []
    return judged - begun, time.process_time() - built


def test_four_times_the_claims_cost_not_sixteen_times_the_time(paper_world, paper_bundle):
    few, many = (seconds(paper_world(), paper_bundle, count) for count in (300, 1200))

    assert all(after < 9 * before for before, after in zip(few, many, strict=True))


def with_leaf(members, name, change):
    """Return the members with the first leaf of a member changed."""
    packed = name.endswith(".gz")
    lines = (gzip.decompress(members[name]) if packed else members[name]).splitlines()
    value = json.loads(lines[0])
    change(value["leaf"])
    data = b"".join(line + b"\n" for line in [written(value), *lines[1:]])
    return {**members, name: gzip.compress(data, mtime=0) if packed else data}


@pytest.mark.parametrize("name", [LEAVES, "proofs/tallies.jsonl"])
@pytest.mark.parametrize(
    ("change", "what"),
    [
        pytest.param(lambda leaf: leaf.update(recorded_ms=2**53 - 1), "recorded_ms is 9007199254740991", id="recorded"),
        pytest.param(lambda leaf: leaf["fact"].update(at_ms="now"), "at_ms is now", id="a-text"),
        pytest.param(lambda leaf: leaf["fact"]["body"].update(due_ms=10**15), "due_ms is 1000000000000000", id="due"),
        pytest.param(lambda leaf: leaf.update(fact=[]), "holds no fact", id="a-list"),
    ],
)
def test_an_instant_beyond_every_calendar_is_named_by_its_leaf(bundle_file, tmp_path, name, change, what):
    path, said = tmp_path / "changed.zip", []
    bundles.write(path, with_leaf(bundles.open_bundle(bundle_file).members, name, change))

    assert told.run(path, vkey=None, rehearsal=False, say=said.append) == 4
    assert any(line.startswith(f"FAILED  {name}: leaf ") and what in line for line in said)


@pytest.mark.parametrize("days", [-1, 0, 251, 10**9, True, "10"])
def test_days_of_a_dispute_that_no_file_can_say_are_named(members, days):
    versions = json.loads(members["contract.json"])
    versions[0]["dispute"] = {"objection_days": days, "rebuttal_days": 5, "ruling_days": 10}
    found = verify_numbers(Bundle(members={**members, "contract.json": written(versions)}))

    assert f"objection_days is {days}; expected a whole number" in "\n".join(map(str, found))


def test_more_promises_than_any_contract_makes_are_refused_before_they_are_judged(members):
    versions = json.loads(members["contract.json"])
    versions[0]["items"][0]["objectives"] *= 2000
    found = verify_numbers(Bundle(members={**members, "contract.json": written(versions)}))

    assert [str(each) for each in found] == ["contract.json: holds 4001 promises; expected at most 2000"]


@pytest.mark.parametrize("step", [1, 999, 0, -1, 3_600_001, 1.5, "300000"])
def test_slots_of_less_than_a_second_are_refused(members, step):
    def finer(fact):
        if fact["kind"] == "availability_hour":
            fact["body"]["step_ms"] = step
        return fact["kind"] == "availability_hour"

    found = verify_numbers(Bundle(members={**members, **touched(members, finer)}))
    assert found[-1].place == "leaves.jsonl.gz"
    assert f"has slots of {step} ms; expected 1000 to 3600000" in found[-1].what


def test_a_contract_of_a_size_that_nobody_writes_is_refused_unread(members):
    found = verify_numbers(Bundle(members={**members, "contract.json": members["contract.json"] + b" " * (1 << 23)}))

    assert [each.place for each in found] == ["contract.json"]
    assert "expected at most 8388608" in found[0].what


def test_a_contract_in_which_a_key_stands_twice_is_refused(members):
    """Both readings fit the sealed text: one parser takes the first, another the last."""
    twice = members["contract.json"].replace(b'"title":', b'"title":"another","title":', 1)
    found = verify_numbers(Bundle(members={**members, "contract.json": twice}))

    assert [str(each) for each in found] == ["contract.json: the key 'title' stands twice in one object; expected once"]


def test_a_text_where_a_number_belongs_does_not_grow(members):
    """A text of 1 KB times 3,600,000 would be 3.6 GB of text."""

    def run(fact):
        if fact["kind"] == "availability_hour":
            fact["body"]["usual"][0][0] = "7" * 1000
        return fact["kind"] == "availability_hour"

    def contract(name, put_):
        versions = json.loads(members["contract.json"])
        put_(versions[0]["items"][0]["objectives"][0]["rules"])
        found = verify_numbers(Bundle(members={**members, "contract.json": written(versions)}))
        assert [str(each)[: len(name)] for each in found] == [name]

    assert "expected whole numbers" in verify_numbers(Bundle(members={**members, **touched(members, run)}))[-1].what
    contract("contract.json: slice_s is", lambda rules: rules.update(slice_s="9" * 1000))
    contract("contract.json: cap_s is", lambda rules: rules["exclusions"][0].update(cap_s="9" * 1000))


def restless(world, services):
    """Twelve hours of slots of one second of which each differs from the last, and one hour of its own each service."""
    roster = world.roster({f"ap-{number:03d}": "wifi" for number in range(services)})
    usual = [[at, 1, *(("UP", "", "") if at % 2 else ("DOWN", "carrier", "x"))] for at in range(2000)]
    usual.append([2000, 1600, "UP", "", ""])
    for number in range(world.length):
        start = START + number * H
        body = {"contract": "c1", "start_ms": start, "end_ms": start + H, "step_ms": 1000, "roster": roster.digest}
        others = [] if number else [[[[0, 3600, "UP", "", ""]], [[0, services]]]]
        body |= {"usual": usual, "others": others, "part": 0, "parts": 1}
        world.state("availability_hour", body, at_ms=start)


def test_seconds_of_many_services_are_refused_by_name_before_they_are_opened(paper_world):
    """A leaf of 45 kB an hour: 24,000 pieces of time, and for each of 250 services they would be opened anew."""
    world = paper_world(length=12)
    world.versions()
    restless(world, 250)
    began = time.process_time()

    with pytest.raises(EvidenceError, match=r"up to wifi/.* its services changed their state [56]\d{6} times"):
        world.draft_content()

    assert time.process_time() - began < 30  # it were minutes


def test_both_judges_count_alike_and_refuse_beyond_one_bound(october, paper_bundle, monkeypatch):
    draft, made = paper_bundle(october)
    held = parts.Sight(draft.leaves, START, START + 12 * H).of("")
    mine = Seen(Stated(made), (START, START + 12 * H))
    promises = [each for item in october.contracts[0].items for each in item.objectives]
    cost = mine.cost * len(promises)

    assert held.cost == mine.cost > 20
    monkeypatch.setattr("netops.evidence.seen.MOST", cost)
    monkeypatch.setattr(month, "MOST_STRETCHES", cost)
    assert verify_numbers(made) == []
    assert paper_bundle(october)[0].report.data == draft.report.data

    monkeypatch.setattr("netops.evidence.seen.MOST", cost - 1)
    monkeypatch.setattr(month, "MOST_STRETCHES", cost - 1)
    (failure,) = verify_numbers(made)
    assert f"changed their state {cost} times; expected at most {cost - 1}" in str(failure)
    with pytest.raises(EvidenceError, match=f"changed their state {cost} times; expected at most {cost - 1} in one"):
        paper_bundle(october)


@pytest.mark.parametrize("ranges", [[[0, 5]], [[0, 4], [0, 4]], [[0, 10**15]], [[0, 4], [0, -1]]], ids=str)
def test_an_hour_that_states_more_services_than_there_are_is_not_followed(members, ranges):
    changed = touched(members, lambda fact: fact["kind"] == "availability_hour" and more(fact["body"], ranges))

    (failure,) = verify_numbers(Bundle(members=members | changed))

    assert "its roster has 4" in failure.what


@pytest.mark.parametrize("ranges", [[[0, 4], [3, 1]], [[0, 10**15]], [[-1, 1]]], ids=str)
def test_nor_does_the_product_follow_it(ranges):
    body = {"start_ms": START, "step_ms": 300_000, "roster": "x", "usual": [], "part": 0, "parts": 1}

    with pytest.raises(EvidenceError, match="position"):
        hours.read([body | {"others": [[[[0, 12, "UP", "", ""]], ranges]]}])


def more(body, ranges):
    body["others"] = [[[[0, 12, "UP", "", ""]], ranges]]
    return True
