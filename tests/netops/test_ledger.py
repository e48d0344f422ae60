"""The ledger: appended once, sealed, proven, and refused with the place when its file was touched."""

import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netops.errors import EvidenceError
from netops.evidence import canonical, merkle, note, proof
from netops.evidence.checkpoint import Checkpoint
from netops.facts import Fact
from netops.ledger import TALLY, Appended, Ledger, LedgerEntry, LedgerReader
from netops.ledger_file import NoLedgerError
from netops.sign import Signer

ORIGIN = "log.example/city"
SIGNER = Signer(ORIGIN, bytes(32))
ROUNDS = int(os.environ.get("NETOPS_ROUNDS", "8"))


def entry(sequence, *, source="collect/1", at_ms=None, detail="x", kind="service_state"):
    body = {"service": "collect", "state": "started", "version": "1", "detail": detail}
    if kind == "staff_action":
        body = {"action": "a", "subject": "s", "by": "b"}
    return LedgerEntry(source, sequence, Fact(kind=kind, at_ms=sequence * 10 if at_ms is None else at_ms, body=body))


def entries(*sequences, **rest):
    return [entry(n, **rest) for n in sequences]


def opened(path, **rest):
    return Ledger(path / "ledger.db", **{"origin": ORIGIN, "signer": SIGNER, "wait_s": 0.0, **rest})


def filled(path, count=10):
    with opened(path) as ledger:
        ledger.append(entries(*range(1, count + 1)), now_ms=1)
        ledger.checkpoint(now_ms=2)
    return path / "ledger.db"


def meddle(path, sql, *bindings):
    db = apsw.Connection(str(path))
    db.execute(sql, bindings)
    db.close()


def test_a_leaf_is_the_canonical_json_of_the_fact_with_its_source(tmp_path):
    with opened(tmp_path) as ledger:
        ledger.append(entries(7), now_ms=1_790_000_000_000)
        (leaf,) = ledger.entries(0, 1)

    assert leaf.data == canonical.dumps(
        {
            "fact": {
                "kind": "service_state",
                "at_ms": 70,
                "body": {"service": "collect", "state": "started", "version": "1", "detail": "x"},
            },
            "recorded_ms": 1_790_000_000_000,
            "rehearsal": False,
            "sequence": 7,
            "source": "collect/1",
        }
    )
    assert (leaf.source, leaf.sequence, leaf.recorded_ms) == ("collect/1", 7, 1_790_000_000_000)
    assert leaf.fact == entry(7).fact


def test_what_is_appended_again_changes_nothing(tmp_path):
    with opened(tmp_path) as ledger:
        first = ledger.append(entries(1, 2, 3), now_ms=1)
        root = ledger.root()

        again = ledger.append(entries(2, 3, 4, 4), now_ms=99)

        assert first == Appended(0, 3)
        assert again == Appended(3, 4, duplicates=3)
        assert ledger.root(3) == root
        assert ledger.holds("collect/1", 3) == 2
        assert ledger.holds("collect/1", 5) is None
        assert ledger.holds("collect/2", 3) is None


def test_a_second_fact_under_one_sequence_is_refused_and_the_refusal_is_sealed_once(tmp_path):
    with opened(tmp_path) as ledger:
        ledger.append(entries(1, 2), now_ms=1)

        refused = ledger.append([entry(2, detail="other")], now_ms=5)
        again = ledger.append([entry(2, detail="other"), entry(2, detail="other")], now_ms=6)
        third = ledger.append([entry(2, detail="third")], now_ms=7)

        assert refused == Appended(2, 3, conflicts=1)
        assert again == Appended(3, 3, conflicts=2)
        assert third == Appended(3, 4, conflicts=1)
        kept, conflict = ledger.entries(1, 3)
        assert kept.fact == entry(2).fact
        assert conflict.fact.kind == "source_conflict"
        assert conflict.fact.body["sequence"] == 2
        assert conflict.fact.body["kept_digest"] != conflict.fact.body["refused_digest"]
        assert len(list(ledger.find("source_conflict"))) == 2


def test_a_refusal_told_again_after_a_restart_is_known(tmp_path):
    for detail in ("one", "two", "one"):
        with opened(tmp_path) as ledger:
            ledger.append([entry(1, detail="kept"), entry(1, detail=detail)], now_ms=1)

    with LedgerReader(tmp_path / "ledger.db") as ledger:
        assert len(list(ledger.find("source_conflict"))) == 2
        assert ledger.size == 3


def test_a_batch_with_an_impossible_fact_leaves_nothing_behind(tmp_path):
    with opened(tmp_path) as ledger:
        with pytest.raises(EvidenceError, match="unknown"):
            ledger.append([entry(1), LedgerEntry("a", 1, Fact(kind="nonsense", at_ms=1))], now_ms=1)

        assert ledger.size == 0
        assert ledger.append(entries(1), now_ms=1) == Appended(0, 1)


@given(st.lists(st.integers(0, 40), max_size=12), st.data())
@settings(max_examples=20, deadline=None)
def test_roots_and_proofs_are_those_of_a_naive_tree(tmp_path_factory, batches, data):
    path = tmp_path_factory.mktemp("ledger")
    with opened(path) as ledger:
        sequence = 0
        for width in batches:
            ledger.append(entries(*range(sequence + 1, sequence + 1 + width)), now_ms=1)
            sequence += width
        hashes = [merkle.leaf_hash(leaf.data) for leaf in ledger.entries(0, sequence)]
        tree = merkle.Frontier()
        roots = [tree.root()]
        for each in hashes:
            list(tree.append(each))
            roots.append(tree.root())

        assert [ledger.root(size) for size in range(sequence + 1)] == roots
        if sequence:
            size = data.draw(st.integers(1, sequence))
            index = data.draw(st.integers(0, size - 1))
            merkle.verify_inclusion(hashes[index], index, size, ledger.inclusion(index, size), roots[size])
            merkle.verify_consistency(size, sequence, roots[size], roots[-1], ledger.consistency(size))
        assert ledger.audit() == sequence


def test_facts_are_found_by_kind_and_time_in_order_of_time(tmp_path):
    with opened(tmp_path) as ledger:
        ledger.append(entries(1, 2, 3, at_ms=500), now_ms=1)
        ledger.append(entries(*range(4, 2400), at_ms=None), now_ms=1)
        ledger.append(entries(9000, kind="staff_action", at_ms=700), now_ms=1)

        found = [leaf.fact.at_ms for leaf in ledger.find("service_state", start_ms=500, end_ms=23_990)]

        assert found == sorted([500] * 3 + [n * 10 for n in range(50, 2399)])
        assert [leaf.sequence for leaf in ledger.find("staff_action")] == [9000]


def test_a_checkpoint_is_signed_over_the_whole_tree_and_made_once(tmp_path):
    with opened(tmp_path) as ledger:
        ledger.append(entries(*range(1, 8)), now_ms=1)
        signed = ledger.checkpoint(now_ms=5)

        assert ledger.checkpoint(now_ms=6) == signed
        (held,) = note.verify(note.parse(signed), [SIGNER.vkey])
        assert held.key == SIGNER.vkey
        assert Checkpoint.parse(note.parse(signed).text) == Checkpoint(origin=ORIGIN, size=7, root=ledger.root())
        ledger.append(entries(8), now_ms=7)
        assert ledger.latest().size == 7
        assert ledger.covering(6).at_ms == 5
        assert ledger.covering(7) is None
        with pytest.raises(EvidenceError, match="under no checkpoint yet"):
            ledger.proof(7)


def test_a_proof_holds_without_the_ledger(tmp_path):
    filled(tmp_path, 100)
    with LedgerReader(tmp_path / "ledger.db") as ledger:
        made, data = ledger.proof(41), ledger.entries(41, 42)[0].data

    proof.Proof.parse(made).verify(data, [SIGNER.vkey])


def test_cosignatures_are_kept_with_the_checkpoint_that_they_are_of(tmp_path):
    carrier = Signer.new("carrier.example/w", algorithm=note.COSIGNATURE_V1)
    with opened(tmp_path) as ledger:
        ledger.append(entries(1), now_ms=1)
        signed = carrier.cosign(ledger.checkpoint(now_ms=2), now_s=1_790_000_000)

        ledger.adopt(signed, [carrier.vkey])

        assert {each.key for each in note.verify(note.parse(ledger.latest().note), [SIGNER.vkey, carrier.vkey])} == {
            SIGNER.vkey,
            carrier.vkey,
        }
        forged = SIGNER.sign_checkpoint(Checkpoint(origin=ORIGIN, size=1, root=bytes(32)))
        with pytest.raises(EvidenceError, match="never signed"):
            ledger.adopt(carrier.cosign(forged, now_s=3), [carrier.vkey])
    with opened(tmp_path):
        pass


def test_a_second_writer_is_refused_and_readers_are_not(tmp_path):
    with opened(tmp_path) as ledger:
        ledger.append(entries(1), now_ms=1)
        with pytest.raises(EvidenceError, match="another process writes it"), opened(tmp_path):
            pass
        with LedgerReader(tmp_path / "ledger.db") as reader:
            ledger.append(entries(2), now_ms=1)

            assert reader.size == 2
            assert reader.root() == ledger.root()


def test_a_reader_cannot_write(tmp_path):
    with LedgerReader(filled(tmp_path)) as reader, pytest.raises(apsw.ReadOnlyError):
        reader._db.execute("DELETE FROM leaf")


def test_what_is_not_there_or_no_ledger_is_refused(tmp_path):
    with pytest.raises(NoLedgerError, match="there is no ledger yet"), LedgerReader(tmp_path / "none.db"):
        pass
    (tmp_path / "text.db").write_text("no database at all, just some words" * 50)
    with pytest.raises(EvidenceError, match="cannot be read"), LedgerReader(tmp_path / "text.db"):
        pass


def test_rehearsal_and_production_never_share_a_ledger(tmp_path):
    with pytest.raises(EvidenceError, match="rehearsal"):
        opened(tmp_path, rehearsal=True)
    with pytest.raises(EvidenceError, match="rehearsal"):
        opened(tmp_path, origin=ORIGIN + "/rehearsal")
    stage = {"origin": ORIGIN + "/rehearsal", "rehearsal": True}
    with opened(tmp_path, **stage, signer=Signer.new(ORIGIN + "/rehearsal")) as ledger:
        ledger.append(entries(1), now_ms=1)
        assert b'"rehearsal":true' in ledger.entries(0, 1)[0].data
        assert ledger.checkpoint(now_ms=1).startswith(b"log.example/city/rehearsal\n")

    with pytest.raises(EvidenceError, match="never share"), opened(tmp_path):
        pass
    filled(tmp_path / "production")
    with pytest.raises(EvidenceError, match="never share"), opened(tmp_path / "production", **stage):
        pass


def test_a_ledger_without_a_key_appends_but_does_not_sign(tmp_path):
    with opened(tmp_path, signer=None) as ledger:
        ledger.append(entries(1), now_ms=1)
        with pytest.raises(EvidenceError, match="signing key"):
            ledger.checkpoint(now_ms=1)


def test_a_ledger_file_that_was_rolled_back_names_the_leaves_that_are_gone(tmp_path):
    path = filled(tmp_path)
    shutil.copytree(tmp_path, tmp_path / "old")
    with opened(tmp_path) as ledger:
        ledger.append(entries(11, 12), now_ms=1)
        ledger.checkpoint(now_ms=2)
    for name in ("ledger.db", "ledger.db-wal", "ledger.db-shm"):
        if (tmp_path / "old" / name).exists():
            shutil.copy(tmp_path / "old" / name, tmp_path / name)
        else:
            (tmp_path / name).unlink(missing_ok=True)

    with (
        pytest.raises(EvidenceError, match=r"rolled back: 10 leaves, .* over 12 .*leaves 10 to 11"),
        opened(tmp_path),
    ):
        pass
    path.unlink()
    for name in ("ledger.db-wal", "ledger.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    with pytest.raises(EvidenceError, match=r"is empty, but ledger\.db\.checkpoint says otherwise"), opened(tmp_path):
        pass


def test_a_ledger_without_the_checkpoint_beside_it_is_refused_with_the_remedy(tmp_path):
    filled(tmp_path)
    (tmp_path / "ledger.db.checkpoint").unlink()

    with pytest.raises(EvidenceError, match="put the newest checkpoint that anyone holds there"), opened(tmp_path):
        pass


@pytest.mark.parametrize(
    ("sql", "place"),
    [
        (
            "UPDATE leaf SET data = CAST(replace(CAST(data AS TEXT), 'collect', 'c0llect') AS BLOB) WHERE position = 9",
            "leaf 9 was changed",
        ),
        ("DELETE FROM leaf WHERE position = 9", "torn after leaf 8"),
        ("DELETE FROM leaf WHERE position = 4", "leaf 4 is missing"),
        ("DELETE FROM node WHERE number = (SELECT max(number) FROM node)", "torn after leaf 9"),
        ("UPDATE node SET hash = zeroblob(32) WHERE number = (SELECT max(number) FROM node)", "node 1/4 was changed"),
        ("UPDATE node SET hash = zeroblob(32) WHERE number = 14", "node 3/0 was changed"),
        ("INSERT INTO leaf SELECT 10, 'x', 1, kind, at_ms, data FROM leaf WHERE position = 9", "torn after leaf 10"),
        (
            "UPDATE checkpoint SET note = CAST(replace(CAST(note AS TEXT), 'city', 'town') AS BLOB)",
            "of log 'log.example/town'",
        ),
        ("UPDATE about SET value = 'x' WHERE key = 'origin'", "belongs to 'x'"),
        ("UPDATE about SET value = '3' WHERE key = 'version'", "format 3"),
    ],
)
def test_a_touched_file_is_refused_with_the_place(tmp_path, sql, place):
    meddle(filled(tmp_path), sql)

    with pytest.raises(EvidenceError, match=place), opened(tmp_path):
        pass


@pytest.mark.parametrize(
    ("sql", "place"),
    [
        (
            "UPDATE leaf SET data = CAST(replace(CAST(data AS TEXT), 'collect', 'c0llect') AS BLOB) WHERE position = 3",
            "leaf 3 does not lead",
        ),
        ("DELETE FROM leaf WHERE position = 3", "leaf 3 is missing"),
        ("UPDATE node SET hash = zeroblob(32) WHERE number = 5", "node 1/1"),
        ("DELETE FROM node WHERE number = 5", "node 1/1"),
        ("UPDATE leaf SET kind = 'hidden' WHERE position = 3", "leaf 3 is filed under"),
        ("UPDATE leaf SET at_ms = 1 WHERE position = 3", "leaf 3 is filed under"),
    ],
)
def test_an_audit_finds_what_lies_deep_in_the_file(tmp_path, sql, place):
    path = filled(tmp_path, 1000)
    meddle(path, sql)

    with LedgerReader(path) as ledger, pytest.raises(EvidenceError, match=place):
        ledger.audit()


def test_a_consistent_forgery_of_the_whole_file_does_not_lead_to_the_checkpoint_beside_it(tmp_path):
    filled(tmp_path)
    with opened(tmp_path / "forged") as ledger:
        ledger.append(entries(*range(1, 11), detail="forged"), now_ms=1)
    for name in ("ledger.db", "ledger.db-wal", "ledger.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
        if (tmp_path / "forged" / name).exists():
            shutil.copy(tmp_path / "forged" / name, tmp_path / name)

    with pytest.raises(EvidenceError, match=r"do not lead to the root of ledger\.db\.checkpoint"), opened(tmp_path):
        pass


def test_after_a_failed_write_the_file_is_opened_anew_and_nothing_is_lost_or_doubled(tmp_path):
    with opened(tmp_path) as ledger:
        ledger.append(entries(1, 2), now_ms=1)
        ledger._db.execute("PRAGMA max_page_count = 1")  # the disk is full
        with pytest.raises(EvidenceError, match="nothing was sealed"):
            ledger.append(entries(*range(3, 2000)), now_ms=1)

        assert ledger.append(entries(2, 3), now_ms=1) == Appended(2, 3, duplicates=1)
        assert ledger.audit() == 3


_APPENDER = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_ledger import entries, opened, told_to
path = Path(sys.argv[1])
with opened(path) as ledger:
    at = len(told_to(ledger))
    while True:
        ledger.append(entries(*range(at + 1, at + 1 + 7)), now_ms=1)
        at += 7
        print(at, flush=True)
        if at % 3 == 0:
            ledger.checkpoint(now_ms=2)
"""


def told_to(ledger):
    """Return the numbers of what a writer appended; each 4,096th leaf is the ledger's own count of its contracts."""
    return [leaf.sequence for leaf in ledger.entries(0, ledger.size) if leaf.source != TALLY]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_killed_writer_loses_nothing_that_it_acknowledged(tmp_path):
    chance = random.Random(6962)
    script = tmp_path / "appender.py"
    script.write_text(_APPENDER.format(tests=str(Path(__file__).parent)))
    for turn in range(ROUNDS):
        path = tmp_path / f"{turn // 10}"  # ten deaths to a ledger
        path.mkdir(exist_ok=True)
        process = subprocess.Popen([sys.executable, script, path], stdout=subprocess.PIPE, text=True)
        process.stdout.readline()
        time.sleep(chance.random() * 0.3)
        process.kill()
        told = process.stdout.read().split()
        process.stdout.close()
        process.wait()
        acknowledged = int(told[-1]) if told and told[-1].isdigit() else 0
        with opened(path) as ledger:
            kept = told_to(ledger)

            assert len(kept) >= acknowledged
            assert len(kept) % 7 == 0
            assert ledger.audit() == ledger.size
            assert kept == list(range(1, len(kept) + 1))
