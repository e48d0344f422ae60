"""The bundle: deterministic, bounded when opened, and no byte of it can change without the place being named."""

import base64
import gzip
import io
import os
import random
import time
import zipfile

import pytest

from netops.errors import EvidenceError
from netops.evidence import bundle, canonical, container, note, tally
from netops.evidence.bundle import Bundle, Limits
from netops.evidence.checkpoint import Checkpoint
from netops.facts import Fact
from netops.ledger import Ledger, LedgerEntry
from netops.sign import Signer

ORIGIN = "log.example/city"
SIGNER = Signer(ORIGIN, bytes(32))
CARRIER = Signer("carrier.example/w", bytes(range(32)), algorithm=note.COSIGNATURE_V1)
KEYS = [SIGNER.vkey, CARRIER.vkey]
ROUNDS = int(os.environ.get("NETOPS_ROUNDS", "8"))
SEED = os.environ.get("NETOPS_SEED", "")  # each round of a soak has its own mutations


def cycle(sequence):
    body = {"vantage": "core", "slot_ms": sequence, "polls": 9, "answered": 9, "digest": f"{sequence:064x}"}
    return LedgerEntry("collect/1", sequence, Fact(kind="poll_cycle", at_ms=sequence, body=body))


def issued(members, made, leaves, sequence=1):
    body = {
        "report": "r-2026-10",
        "contract": "c",
        "start_ms": 0,
        "end_ms": 9,
        "revision": 0,
        "digest": canonical.digest(members["report.json"]),
        "manifest_digest": canonical.digest(made),
        "leaves": leaves,
    }
    return LedgerEntry("core/1", sequence, Fact(kind="report_issued", at_ms=9, body=body))


def opened(ledger, index):
    """Return the heads of the tally as a bundle shows them."""
    ((_, heads),) = ledger.tallies(index, index + 1)
    hashes = [tally.account(whose, heads[whose]) for whose in sorted(heads)]
    told = {
        whose: {
            "heads": {kind: head.plain() for kind, head in heads[whose].items()},
            "path": [base64.b64encode(each).decode() for each in tally.path(hashes, place)],
            "place": place,
        }
        for place, whose in enumerate(sorted(heads))
    }
    return {"index": index, "accounts": told}


def sealed(path, *, rehearsal=False, forge=lambda members: members, used=range(3, 40, 2)):
    """Return the members of a true bundle; `forge` changes them before they are sealed."""
    origin = ORIGIN + "/rehearsal" * rehearsal
    signer = Signer(origin, bytes(32))
    with Ledger(path / "ledger.db", origin=origin, rehearsal=rehearsal, signer=signer) as ledger:
        ledger.append([cycle(n) for n in range(1, 60)], now_ms=1)
        leaves = {index: ledger.entries(index, index + 1)[0].data for index in used}
        members = forge(
            {
                "report.json": canonical.dumps({"leaves": bundle.runs(leaves), "verdicts": ["missed"]}),
                "report.html": b"<!doctype html><title>r</title>",
                "contract.json": canonical.dumps({"id": "c"}),
                "register.json": canonical.dumps({"devices": []}),
                "inputs/availability.jsonl.gz": bundle.json_lines([{"hour": hour} for hour in range(24)]),
                "leaves.jsonl.gz": bundle.leaf_lines(leaves),
                "method.txt": b"How it was measured.\n",
                "verify.py": b"print('ok')\n",
                "vkeys.txt": f"{signer.vkey}\n{CARRIER.vkey}\n".encode(),
            }
        )
        apart = {index: ledger.entries(index, index + 1)[0].data for index in {*range(40, 44)} - {*used}}
        made = bundle.manifest(members, origin=origin, rehearsal=rehearsal)
        ledger.append([issued(members, made, len(leaves))], now_ms=2)
        seal = ledger.holds("core/1", 1)
        ledger.append([cycle(n) for n in range(60, 70)], now_ms=3)
        signed = CARRIER.cosign(ledger.checkpoint(now_ms=4), now_s=5)
        return bundle.compose(
            members,
            manifest=made,
            seal=(seal, ledger.entries(seal, seal + 1)[0].data),
            paths={index: ledger.inclusion(index) for index in (*leaves, *apart, seal - 1, seal)},
            checkpoint=signed,
            whole=bundle.Whole(
                tallies={seal - 1: ledger.entries(seal - 1, seal)[0].data},
                heads=[opened(ledger, seal - 1)],
                apart=apart,
            ),
        )


@pytest.fixture(scope="module")
def members(tmp_path_factory):
    return sealed(tmp_path_factory.mktemp("bundle"))


def places(members, keys=KEYS, **rest):
    return {failure.place for failure in bundle.verify_integrity(Bundle(members=members), keys, **rest)}


def test_a_true_bundle_holds(members, tmp_path):
    bundle.write(tmp_path / "b.zip", members)
    opened = bundle.open_bundle(tmp_path / "b.zip")

    assert bundle.verify_integrity(opened, KEYS, quorum=1) == []
    assert opened.members == members
    assert [index for index, _ in opened.leaves()] == list(range(3, 40, 2))
    assert list(opened.lines("inputs/availability.jsonl.gz"))[:2] == [b'{"hour":0}', b'{"hour":1}']


def test_any_zip_program_reads_it_and_its_bytes_depend_on_its_members_alone(members, tmp_path):
    first = bundle.write(tmp_path / "a.zip", members)
    second = bundle.write(tmp_path / "b.zip", dict(reversed(members.items())))

    assert first == second == canonical.digest((tmp_path / "a.zip").read_bytes())
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.testzip() is None
        assert archive.namelist() == sorted(members)
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_a_bundle_may_not_bring_its_own_trust(members):
    assert places(members, [Signer.new(ORIGIN).vkey]) == {"checkpoint"}
    assert places(members, []) == {"checkpoint"}


def test_signatures_in_another_order_are_another_document(members):
    given = note.parse(members["checkpoint"])
    swapped = bytes(note.Note(text=given.text, signatures=given.signatures[::-1]))

    assert places({**members, "checkpoint": swapped}) == {"checkpoint"}


def test_a_quorum_is_asked_for(members):
    assert places(members, [SIGNER.vkey]) == set()
    assert places(members, [SIGNER.vkey], quorum=1) == {"checkpoint"}


def test_a_rehearsal_is_no_evidence_in_production_and_the_other_way_round(members, tmp_path):
    stage = sealed(tmp_path, rehearsal=True)
    keys = [Signer(ORIGIN + "/rehearsal", bytes(32)).vkey]

    assert places(stage, keys) == {"checkpoint"}
    assert places(stage, keys, rehearsal=True) == set()
    assert places(members, rehearsal=True) == {"checkpoint"}
    (failure,) = bundle.verify_integrity(Bundle(members=stage), keys)
    assert failure.what.endswith("give --rehearsal to verify it as that")


@pytest.mark.parametrize(
    "name", ["report.json", "report.html", "contract.json", "register.json", "method.txt", "verify.py", "vkeys.txt"]
)
def test_a_changed_member_is_named_even_if_the_manifest_goes_along(members, name):
    changed = {**members, name: members[name] + b" "}
    assert name in places(changed)

    names = [each for each in members if each not in bundle.AFTER_THE_SEAL]
    changed["manifest.json"] = bundle.manifest({each: changed[each] for each in names}, origin=ORIGIN, rehearsal=False)
    assert "manifest.json" in places(changed)


def test_a_changed_leaf_is_named_by_its_index(members):
    leaves = dict(Bundle(members=members).leaves())
    leaves[7] = leaves[7].replace(b'"answered":9', b'"answered":8')

    assert "leaves.jsonl.gz: leaf 7" in places({**members, "leaves.jsonl.gz": bundle.leaf_lines(leaves)})


def test_a_dropped_leaf_is_named_even_if_its_proof_goes_along(members):
    leaves = dict(Bundle(members=members).leaves())
    del leaves[7]
    proofs = b"".join(
        line + b"\n" for line in Bundle(members=members).lines("proofs/inclusion.jsonl") if b'"index":7,' not in line
    )
    changed = {**members, "leaves.jsonl.gz": bundle.leaf_lines(leaves), "proofs/inclusion.jsonl": proofs}

    assert {"leaves.jsonl.gz: leaf 7", "leaves.jsonl.gz"} <= places(changed)


def test_swapped_leaves_are_named(members):
    leaves = dict(Bundle(members=members).leaves())
    leaves[7], leaves[9] = leaves[9], leaves[7]

    assert {"leaves.jsonl.gz: leaf 7", "leaves.jsonl.gz: leaf 9"} <= places(
        {**members, "leaves.jsonl.gz": bundle.leaf_lines(leaves)}
    )


def test_a_report_sealed_again_with_another_leaf_does_not_hold_under_the_old_checkpoint(members, tmp_path):
    again = sealed(tmp_path, forge=lambda made: {**made, "report.html": b"better"})

    assert "seal.json" in places({**again, "checkpoint": members["checkpoint"]})


def test_a_checkpoint_of_another_log_or_size_does_not_carry_the_leaves(members):
    head = Checkpoint.parse(note.parse(members["checkpoint"]).text)
    other = Checkpoint(origin=head.origin, size=head.size, root=bytes(32))
    renamed = Signer("log.example/town", bytes(32))
    town = Checkpoint(origin="log.example/town", size=head.size, root=head.root)

    assert "seal.json" in places({**members, "checkpoint": SIGNER.sign_checkpoint(other)})
    assert places({**members, "checkpoint": renamed.sign_checkpoint(town)}, [*KEYS, renamed.vkey]) == {"manifest.json"}


def test_a_leaf_sealed_after_the_report_or_not_used_by_it_is_named(tmp_path):
    late = sealed(tmp_path / "late", used=range(50, 59))
    seal = Bundle(members=late).seal()
    moved = {**late, "seal.json": late["seal.json"].replace(b'{"index":60', b'{"index":5')}
    assert seal[0] == 60
    assert "seal.json" in places(moved)

    def unused(made):
        return {**made, "report.json": canonical.dumps({"leaves": [[3, 1]]})}

    assert "leaves.jsonl.gz: leaf 5" in places(sealed(tmp_path / "unused", forge=unused))


def test_members_that_are_missing_or_stray_are_named(members):
    for name in members:
        less = {each: data for each, data in members.items() if each != name}

        assert name in {place.partition(":")[0] for place in places(less)}, name
    assert places({**members, "more.txt": b""}) == {"more.txt"}


@pytest.mark.parametrize(
    "name", ["proofs/inclusion.jsonl", "seal.json", "manifest.json", "checkpoint", "vkeys.txt", "report.json"]
)
@pytest.mark.parametrize("data", [b"", b"\n", b"[]\n", b"null", b"{}", b"\xff", b"[" * 10_000, b'{"index":1}\n'])
def test_junk_in_place_of_a_member_is_a_failure_and_no_crash(members, name, data):
    assert name in {place.partition(":")[0] for place in places({**members, name: data})}


@pytest.mark.parametrize(
    "data",
    [b"", b"junk", gzip.compress(b"junk\n", mtime=0), gzip.compress(b'{"index":1,"leaf":1}\n', mtime=0)],
)
def test_junk_in_place_of_the_leaves_is_a_failure_and_no_crash(members, data):
    assert "leaves.jsonl.gz" in {place.partition(":")[0] for place in places({**members, "leaves.jsonl.gz": data})}


def test_runs_name_indexes_briefly():
    assert bundle.runs([5, 1, 2, 3, 9, 9]) == [[1, 3], [5, 1], [9, 1]]
    assert bundle.runs([]) == []


def test_a_report_that_names_a_billion_leaves_is_refused_at_once(members):
    changed = {**members, "report.json": canonical.dumps({"leaves": [[0, 2**40]]})}

    assert "report.json" in places(changed)


def test_a_bundle_that_is_wrong_everywhere_is_given_up_on(members):
    """A small gzip of 200,000 wrong leaves must not cost the reader his memory (S17)."""
    lines = b"".join(b'{"index":%d,"leaf":{}}\n' % n for n in range(200_000))
    changed = {**members, "leaves.jsonl.gz": gzip.compress(lines, mtime=0)}
    start = time.process_time()

    found = bundle.verify_integrity(Bundle(members=changed), KEYS)

    assert len(found) == 1001
    assert "not looked at" in found[-1].what
    assert time.process_time() - start < 1


def test_a_manifest_needs_its_members_and_takes_none_that_come_later():
    with pytest.raises(EvidenceError, match=r"without contract\.json"):
        bundle.manifest({}, origin=ORIGIN, rehearsal=False)
    full = dict.fromkeys(bundle.REQUIRED, b"")
    with pytest.raises(EvidenceError, match="comes after the seal"):
        bundle.manifest({**full, "checkpoint": b""}, origin=ORIGIN, rehearsal=False)


# ---- the container


def zipped(*entries, compression=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, data in entries:
            archive.writestr(zipfile.ZipInfo(name), data, compression)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "no bundle"),
        (b"PK\x05\x06" + bytes(17), "no bundle"),
        (b"junk" * 100, "no bundle"),
        (zipped(("../../etc/passwd", b"x")), "member name"),
        (zipped(("/etc/passwd", b"x")), "member name"),
        (zipped(("a\\b", b"x")), "member name"),
        (zipped(("a\n", b"x")), "member name"),
        (zipped(("a/./b", b"x")), "member name"),
        (zipped(("a/b/c/d/e", b"x")), "member name"),
        (zipped(("a", bytes(10_000_000)), compression=zipfile.ZIP_DEFLATED), "expected a stored member"),
        (zipped(("a", b"x")), "byte"),  # zipfile's own header fields are not ours
        (zipped(*((f"m{n}", b"") for n in range(4097))), "members"),
        (container.pack({"a": b"x"}) + b"x", "byte"),
        (b"x" + container.pack({"a": b"x"}), "byte"),
    ],
    ids=range(14),
)
def test_a_container_that_is_not_ours_is_refused(tmp_path, data, says):
    (tmp_path / "b.zip").write_bytes(data)

    with pytest.raises(EvidenceError, match=says):
        bundle.open_bundle(tmp_path / "b.zip")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_stands_twice_is_refused(tmp_path):
    (tmp_path / "b.zip").write_bytes(zipped(("a", b"x"), ("a", b"y")))

    with pytest.raises(EvidenceError, match="stands twice"):
        bundle.open_bundle(tmp_path / "b.zip")


def test_bombs_stay_within_the_limits(tmp_path):
    bundle.write(tmp_path / "b.zip", {"a": bytes(2000)})
    with pytest.raises(EvidenceError, match="at most 1000"):
        bundle.open_bundle(tmp_path / "b.zip", Limits(total_bytes=1000))

    bomb = Bundle(members={"a.gz": gzip.compress(bytes(5_000_000))}, limits=Limits(unpacked_bytes=1_000_000))
    with pytest.raises(EvidenceError, match="unpacks to more than 1000000"):
        list(bomb.lines("a.gz"))
    wide = Bundle(members={"a.gz": gzip.compress(b"x" * 5_000_000)}, limits=Limits(line_bytes=1000))
    with pytest.raises(EvidenceError, match="a line of more than 1000"):
        list(wide.lines("a.gz"))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (gzip.compress(b"a\n")[:-9], "end early"),
        (gzip.compress(b"a\n") + b"x", "after the gzip"),
        (gzip.compress(b"a\n") + gzip.compress(b"b\n"), "after the gzip"),
        (gzip.compress(b"a"), "no newline"),
        (b"a\n", "not gzip"),
    ],
    ids=["cut", "a byte behind", "two members", "no newline", "not gzip"],
)
def test_a_gzip_member_that_is_cut_or_extended_is_refused(data, says):
    with pytest.raises(EvidenceError, match=says):
        list(Bundle(members={"a.gz": data}).lines("a.gz"))


def test_a_missing_member_is_named():
    with pytest.raises(EvidenceError, match=r"seal\.json: is missing"):
        Bundle(members={}).seal()


# ---- mutations


def verdict(path, data, keys=KEYS):
    """Return the places that fail, as the command line would name them."""
    path.write_bytes(data)
    try:
        opened = bundle.open_bundle(path)
    except EvidenceError as error:
        return [str(error)]
    return [str(failure) for failure in bundle.verify_integrity(opened, keys, quorum=1)]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_every_mutation_of_a_byte_is_detected_and_its_place_named(members, tmp_path):
    chance = random.Random(f"9162 {SEED}")
    whole = container.pack(members)
    spans = _spans(members)
    for _ in range(ROUNDS * 25):
        at = chance.randrange(len(whole))
        broken = bytearray(whole)
        broken[at] ^= chance.randrange(1, 256)

        found = verdict(tmp_path / "b.zip", bytes(broken))

        owner = next((name for name, (start, end) in spans.items() if start <= at < end), None)
        assert found, at
        if owner:
            assert any(owner in each for each in found), (at, owner, found)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_every_mutation_behind_repaired_containers_is_detected_and_its_place_named(members, tmp_path):
    """The forger knows the format: he changes a member and writes the container anew, with the right CRC."""
    chance = random.Random(f"8785 {SEED}")
    for _ in range(ROUNDS * 25):
        name = chance.choice(sorted(members))
        changed = {**members, name: _mutated(members[name], chance)}
        if changed[name] == members[name]:
            continue

        found = verdict(tmp_path / "b.zip", container.pack(changed))

        assert any(name in each or each.startswith(name.partition(".")[0]) for each in found), (name, found)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_every_mutation_of_a_field_behind_a_repaired_manifest_is_detected(members, tmp_path):
    """The forger also rewrites manifest and report to fit; what he cannot rewrite is the seal's leaf."""
    chance = random.Random(f"6962 {SEED}")
    names = [each for each in members if each not in bundle.AFTER_THE_SEAL]
    for _ in range(ROUNDS * 25):
        changed = dict(members)
        name = chance.choice([*names, "leaves.jsonl.gz"])
        if name == "leaves.jsonl.gz":
            leaves = dict(Bundle(members=members).leaves())
            index = chance.choice(sorted(leaves))
            if chance.random() < 0.3:
                del leaves[index]
            else:
                leaves[index] = leaves[index].replace(b'"answered":9', b'"answered":%d' % chance.randrange(9))
            changed[name] = bundle.leaf_lines(leaves)
        else:
            changed[name] = _mutated(members[name], chance)
        if changed[name] == members[name]:
            continue
        before = {each: changed[each] for each in names}
        changed["manifest.json"] = bundle.manifest(before, origin=ORIGIN, rehearsal=False)

        found = verdict(tmp_path / "b.zip", container.pack(changed))

        assert any(each.startswith(("manifest.json: is not the manifest", "bundle")) for each in found), (name, found)


def _mutated(data, chance):
    kind = chance.randrange(5)
    at = chance.randrange(len(data)) if data else 0
    if kind == 0:
        return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]
    if kind == 1:
        return data[:at] + data[at + 1 :]
    if kind == 2:
        return data[:at] + bytes([chance.randrange(256)]) + data[at:]
    if kind == 3:
        return data[:at]
    lines = data.split(b"\n")
    chance.shuffle(lines)
    return b"\n".join(lines)


def _spans(members):
    spans, offset = {}, 0
    for name in sorted(members):
        start = offset + 30 + len(name)
        offset = start + len(members[name])
        spans[name] = (start, offset)
    return spans
