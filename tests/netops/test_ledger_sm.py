"""The ledger under the profile of commercial cryptography: an SM2 signature and an SM3 root at each checkpoint."""

import argparse
from dataclasses import replace

import apsw
import pytest

from netops import founding, ledger_sm3
from netops.commands import audit
from netops.errors import EvidenceError
from netops.evidence import merkle, note
from netops.evidence.checkpoint import Checkpoint, trust
from netops.facts import Fact
from netops.ledger import Ledger, LedgerEntry, LedgerReader
from netops.sign import Signer
from tests.netops.instances import founded
from tests.netops.months import opened

PLAIN = Signer("city.example", b"s" * 32)
BOTH = PLAIN.with_sm2()
KEYS = [BOTH.vkey, BOTH.sm2_vkey]


def grown(path, signer, *counts, first=1):
    """Append so many facts at a time, a checkpoint after each; return the checkpoints."""
    signed = []
    with Ledger(path, origin="city.example", signer=signer) as ledger:
        for count in counts:
            body = {"job": "poll", "first_ms": 0, "last_ms": 60_000, "count": 1}
            facts = [Fact(kind="slots_missed", at_ms=at, body=body) for at in range(first, first + count)]
            ledger.append([LedgerEntry("test", each.at_ms, each) for each in facts], now_ms=1)
            signed.append(ledger.checkpoint(now_ms=2))
            first += count
    return signed


def told(signed):
    return Checkpoint.parse(note.parse(signed).text)


def by_hand(leaves):
    """Return the root by the recursion of RFC 9162 section 2.1.1, over SM3."""
    if len(leaves) == 1:
        return merkle.sm3_leaf_hash(leaves[0])
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return merkle.sm3_node_hash(by_hand(leaves[:half]), by_hand(leaves[half:]))


def test_each_checkpoint_carries_both_roots_and_both_signatures(tmp_path):
    signed = grown(tmp_path / "ledger.db", BOTH, 1, 6, 13)
    with LedgerReader(tmp_path / "ledger.db") as ledger:
        leaves = [each.data for each in ledger.entries(0, ledger.size)]
        ledger.audit()

    assert [told(each).sm3_root for each in signed] == [by_hand(leaves[: told(each).size]) for each in signed]
    assert [len(trust(note.parse(each), KEYS).signers) for each in signed] == [2, 2, 2]


def test_without_the_profile_a_checkpoint_is_as_ever(tmp_path):
    signed = grown(tmp_path / "a.db", PLAIN, 5)[0]
    joined = grown(tmp_path / "b.db", BOTH, 5)[0]

    assert (told(signed).extensions, len(note.parse(signed).signatures)) == ((), 1)
    assert told(joined).root == told(signed).root


def test_who_knows_the_ed25519_key_alone_passes_over_the_profile(tmp_path):
    signed = grown(tmp_path / "ledger.db", BOTH, 5)[0]

    assert [each.key for each in trust(note.parse(signed), [BOTH.vkey]).signers] == [BOTH.vkey]


def test_the_line_of_a_pinned_sm2_key_cannot_be_stripped(tmp_path):
    signed = note.parse(grown(tmp_path / "ledger.db", BOTH, 5)[0])
    stripped = note.Note(text=signed.text, signatures=signed.signatures[:1])

    with pytest.raises(EvidenceError, match=r"not signed by the log's SM2 key city\.example/sm2"):
        trust(stripped, KEYS)


def test_a_changed_sm2_signature_is_named(tmp_path):
    signed = note.parse(grown(tmp_path / "ledger.db", BOTH, 5)[0])
    line = signed.signatures[1]
    bad = note.Signature(name=line.name, key_id=line.key_id, blob=line.blob[:-1] + bytes([line.blob[-1] ^ 1]))

    with pytest.raises(EvidenceError, match=r"the signature of city\.example/sm2.* does not hold"):
        trust(note.Note(text=signed.text, signatures=(signed.signatures[0], bad)), KEYS)


def test_the_sm2_key_alone_does_not_sign_for_the_log(tmp_path):
    signed = note.parse(grown(tmp_path / "ledger.db", BOTH, 5)[0])

    with pytest.raises(EvidenceError, match="not signed by the log itself"):
        trust(note.Note(text=signed.text, signatures=signed.signatures[1:]), KEYS)


@pytest.mark.parametrize("before", [PLAIN, BOTH])
def test_the_second_tree_is_taken_up_after_a_start_and_after_a_time_without(tmp_path, before):
    path = tmp_path / "ledger.db"
    grown(path, before, 7)
    grown(path, PLAIN, 3, first=8)
    signed = grown(path, BOTH, 2, first=11)[0]
    with LedgerReader(path) as ledger:
        leaves = [each.data for each in ledger.entries(0, ledger.size)]

    assert told(signed).sm3_root == by_hand(leaves)


@pytest.mark.parametrize("edge", ["7 00", "x", "7 " + "00" * 96, "1 " + "00" * 32])
def test_a_kept_edge_that_we_never_signed_is_not_believed(tmp_path, edge):
    path = tmp_path / "ledger.db"
    grown(path, BOTH, 7)
    with apsw.Connection(str(path)) as db:
        db.execute("UPDATE about SET value = ? WHERE key = ?", (edge, ledger_sm3.KEY))
    signed = grown(path, BOTH, 2, first=8)[0]
    with LedgerReader(path) as ledger:
        leaves = [each.data for each in ledger.entries(0, ledger.size)]

    assert told(signed).sm3_root == by_hand(leaves)


def test_an_sm3_root_that_is_not_that_of_the_leaves_fails_the_audit(tmp_path):
    path = tmp_path / "ledger.db"
    head = told(grown(path, BOTH, 7)[0])
    forged = Checkpoint(origin=head.origin, size=head.size, root=head.root, extensions=("sm3 " + "A" * 43 + "=",))
    with apsw.Connection(str(path)) as db:
        db.execute("UPDATE checkpoint SET note = ?", (BOTH.sign_checkpoint(forged),))

    with LedgerReader(path) as ledger, pytest.raises(EvidenceError, match="do not lead to the SM3 root"):
        ledger.audit()


@pytest.mark.parametrize("lines", [("sm3 x",), ("sm3 AAAA",), ("sm3 " + "A" * 43 + "=",) * 2])
def test_what_is_no_sm3_root_is_refused(lines):
    head = Checkpoint(origin="city.example", size=1, root=b"r" * 32, extensions=lines)

    with pytest.raises(EvidenceError, match="SM3 root"):
        Checkpoint.parse(str(head)).sm3_root  # noqa: B018


def test_a_checkpoint_without_an_sm3_root_is_not_signed_by_sm2():
    head = Checkpoint(origin="city.example", size=1, root=b"r" * 32)

    with pytest.raises(EvidenceError, match="expected a checkpoint with an SM3 root"):
        BOTH.sign_checkpoint(head)


def test_the_audit_of_an_instance_under_the_profile_asks_for_both_signatures(tmp_path, capsys):
    plain = founded(tmp_path)
    asked = replace(plain, evidence=replace(plain.evidence, sm2=True))
    parser = argparse.ArgumentParser()
    audit.arguments(parser)
    founding.keys(asked)
    fact = Fact(kind="slots_missed", at_ms=1, body={"job": "poll", "first_ms": 0, "last_ms": 60_000, "count": 1})
    codes = []
    for sequence, settings in ((1, asked), (2, plain)):
        with opened(settings) as ledger:
            ledger.append([LedgerEntry("test", sequence, fact)], now_ms=1)
            ledger.checkpoint(now_ms=2)
        codes.append(audit.run(parser.parse_args(["ledger"]), asked))
    said = capsys.readouterr().out

    assert codes == [audit.OK, audit.FAILED]
    assert f"signed by {asked.ledger_origin}, {asked.ledger_origin}/sm2" in said
    assert f"not signed by the log's SM2 key {asked.ledger_origin}/sm2" in said
