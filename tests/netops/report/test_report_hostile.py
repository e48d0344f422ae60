"""Whatever stands in a bundle, the verifier answers with failures: it neither crashes nor fills the memory."""

import gzip
import json
import os
import random

import pytest

from netops.evidence.members import Bundle
from netops.evidence.verifier import verify_numbers

ROUNDS = int(os.environ.get("NETOPS_ROUNDS", "20"))
LEAVES = "leaves.jsonl.gz"
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
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


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
