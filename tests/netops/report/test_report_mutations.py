"""Row V3: whatever is changed in a bundle, its stand-alone verifier says so, and where, in one bare Python."""

import json
import os
import random
import subprocess
import sys
from contextlib import contextmanager
from hashlib import sha256

import pytest

from netops.evidence import bundle as bundles
from netops.evidence import canonical, container
from netops.evidence.members import ZONE, Bundle
from netops.evidence.verifier import verify_numbers

ROUNDS = int(os.environ.get("NETOPS_ROUNDS", "8"))
SEED = os.environ.get("NETOPS_SEED", "")
LEAVES, PROOFS, REPORT, MANIFEST = "leaves.jsonl.gz", "proofs/inclusion.jsonl", "report.json", "manifest.json"

# Run with -I -S: no site-packages, nothing of the house but the text of verify.py. It loads that once.
DRIVER = """
import contextlib, io, json, sys
exec(compile(open(sys.argv[1], "rb").read(), "verify.py", "exec"), {"__name__": "verify"})
main = sys.modules["netops.evidence.told"].main
for line in sys.stdin:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = main(json.loads(line))
    print(json.dumps([code, said.getvalue()]), flush=True)
"""


@contextmanager
def bare(directory, members, vkey):
    """Give what asks a bare Python about the bytes of a bundle: `ask(data)` → (exit code, what it said)."""
    script, bundle, keys = directory / "verify.py", directory / "mutated.zip", directory / "vkeys"
    script.write_bytes(members["verify.py"])
    keys.write_text(f"{vkey}\n")
    command = [sys.executable, "-I", "-S", "-c", DRIVER, str(script)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as process:

        def ask(data):
            bundle.write_bytes(data)
            process.stdin.write(json.dumps([str(bundle), "--vkey", str(keys)]) + "\n")
            return json.loads(process.stdout.readline())

        yield ask
        process.stdin.close()


def of_a_byte(members, chance):
    """Change one byte of the file, whatever it is."""
    whole = bytearray(container.pack(members))
    whole[chance.randrange(len(whole))] ^= chance.randrange(1, 256)
    return bytes(whole), "FAILED"


def of_a_member(members, chance):
    """Change a member, and write the container anew with the right sums."""
    name = chance.choice(sorted(members))
    place = "FAILED" if name == PROOFS else name.partition(".")[0]  # a proof may be named by the leaf that it proves
    return container.pack({**members, name: touched(members[name], chance)}), place


def of_a_manifest(members, chance):
    """Change a member, and rewrite the manifest to fit."""
    name = chance.choice(sorted(set(members) - set(bundles.AFTER_THE_SEAL)))
    return repaired({**members, name: touched(members[name], chance)}), MANIFEST


def of_a_number(members, chance):
    """Change one number or word of the report, keep it canonical, and rewrite the manifest to fit."""
    report = json.loads(members[REPORT])
    at, key = chance.choice(list(places(report)))
    at[key] = at[key] + chance.choice([-1, 1]) * chance.randint(1, 10**6) if type(at[key]) is int else f"{at[key]}1"
    return repaired({**members, REPORT: canonical.dumps(report)}), MANIFEST


def of_a_leaf(members, chance):
    """Change a figure of a leaf, or leave the leaf out with its proof."""
    leaves = dict(Bundle(members=members).leaves())
    index = chance.choice(sorted(leaves))
    if chance.random() < 0.2:
        del leaves[index]
        mark = f'"index":{index},'.encode()
        kept = [line + b"\n" for line in Bundle(members=members).lines(PROOFS) if mark not in line]
        return container.pack({**members, LEAVES: bundles.leaf_lines(leaves), PROOFS: b"".join(kept)}), LEAVES
    value = json.loads(leaves[index])
    at, key = chance.choice([(at, key) for at, key in places(value) if type(at[key]) is int])
    at[key] += chance.randint(1, 10**9)
    leaves[index] = canonical.dumps(value)
    return container.pack({**members, LEAVES: bundles.leaf_lines(leaves)}), f"{LEAVES}: leaf {index}"


MUTATIONS = (of_a_byte, of_a_member, of_a_manifest, of_a_number, of_a_leaf)


def touched(data, chance):
    at, kind = chance.randrange(len(data) + 1), chance.randrange(4)
    if kind == 0 and data:
        at = min(at, len(data) - 1)
        return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]
    if kind == 1:
        return data[:at] + chance.randbytes(chance.randint(1, 9)) + data[at:]
    if kind == 2:
        return data[:at] + data[at + chance.randint(1, 40) :]
    return data[:at]


def repaired(members):
    before = {name: data for name, data in members.items() if name not in bundles.AFTER_THE_SEAL}
    origin = json.loads(members[MANIFEST])["origin"]
    return container.pack({**members, MANIFEST: bundles.manifest(before, origin=origin, rehearsal=False)})


def places(value):
    """Yield (container, key) of every number and text within."""
    for key, each in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(each, dict | list):
            yield from places(each)
        elif type(each) in (int, str):
            yield value, key


def all_found(october, signer, directory, count):
    _, members = october.issue(signer)
    true = container.pack(members)
    chance, known = random.Random(f"V3 {SEED}"), {sha256(true).digest()}
    with bare(directory, members, signer.vkey) as ask:
        assert ask(true)[0] == 0
        while len(known) <= count:
            mutation = MUTATIONS[len(known) % len(MUTATIONS)]
            data, place = mutation(members, chance)
            if sha256(data).digest() in known:
                continue
            known.add(sha256(data).digest())
            code, said = ask(data)

            assert code == 4, (mutation.__name__, len(known), place)
            assert place in said, (mutation.__name__, len(known), place, said)


def test_each_kind_of_mutation_is_found_by_a_bare_python(october, signer, tmp_path):
    all_found(october, signer, tmp_path, 15)


@pytest.mark.timeout(30)
@pytest.mark.parametrize("cut", [1, 2, 5])
def test_a_time_zone_without_its_end_is_refused_at_once(october, signer, cut):
    """The standard library looks for the last newline of the file, and for ever where there is none."""
    _, members = october.issue(signer)
    changed = {**members, ZONE: members[ZONE][:-cut]}

    assert {each.place for each in verify_numbers(Bundle(members=changed))} == {ZONE}


def test_an_hour_that_says_to_have_many_parts_costs_no_memory(october, signer):
    _, members = october.issue(signer)
    leaves = dict(Bundle(members=members).leaves())
    index = next(at for at, data in leaves.items() if b'"availability_hour"' in data)
    leaves[index] = leaves[index].replace(b'"parts":1,', b'"parts":%d,' % 2**40)

    (failure,) = verify_numbers(Bundle(members={**members, LEAVES: bundles.leaf_lines(leaves)}))

    assert "has not each of its parts once" in failure.what


@pytest.mark.slow
@pytest.mark.timeout(36_000)
def test_every_distinct_mutation_is_found_by_a_bare_python(october, signer, tmp_path):
    all_found(october, signer, tmp_path, ROUNDS * 25)
