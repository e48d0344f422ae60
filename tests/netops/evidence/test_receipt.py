"""A receipt says nothing that the city did not sign, whatever was done to it on the way or before it was signed."""

import pytest

from netops.errors import EvidenceError
from netops.evidence import canonical, merkle, receipt
from netops.evidence.checkpoint import Checkpoint
from netops.evidence.note import COSIGNATURE_V1
from netops.sign import Signer

CITY = Signer("test", b"c" * 32)
PLAY = Signer("test/rehearsal", b"r" * 32)
CARRIER = Signer("carrier-a/disputes", b"d" * 32)
TOLD = {
    "report": "r1",
    "manifest_digest": "ab" * 32,
    "made_ms": 1,
    "code": "fact",
    "target": "leaf:1",
    "reason": "不符",
}
NOTE = CARRIER.sign(f"netops-dispute/1 objection\n{canonical.dumps(TOLD).decode()}\n")
WORDS = {name: TOLD[name] for name in ("report", "code", "target", "reason")}
BODY = WORDS | {"objection": "o-1", "by": "carrier-a/disputes", "note": NOTE.decode()}
REFUSAL = {"digest": canonical.digest(NOTE), "by": "carrier-a/disputes", "reason": "it is late", "report": "r1"}


def leaf(kind="objection", body=BODY, **changed):
    fact = {"kind": kind, "at_ms": 5, "body": body}
    return canonical.dumps(
        {"fact": fact, "recorded_ms": 7, "rehearsal": False, "sequence": 1, "source": "cli/0"} | changed
    )


def made(data, *, city=CITY, cosigner=None):
    """The receipt of a leaf between two others."""
    hashes = [merkle.leaf_hash(each) for each in (b"before", data, b"after")]

    def node(level, at):
        return hashes[at] if not level else merkle.node_hash(node(level - 1, 2 * at), node(level - 1, 2 * at + 1))

    head = Checkpoint(origin=city.vkey.name, size=3, root=merkle.root(node, 3))
    signed = city.sign_checkpoint(head)
    signed = cosigner.cosign(signed, now_s=9) if cosigner else signed
    return receipt.write(data, index=1, path=merkle.inclusion(node, 1, 3), checkpoint=signed)


def test_a_note_that_was_taken():
    found = receipt.verify(made(leaf()), NOTE, [CITY.vkey])

    assert (found.taken, found.name, found.reason) == (True, "o-1", "")
    assert (found.handed_ms, found.recorded_ms, found.index, found.under.checkpoint.size) == (5, 7, 1, 3)


@pytest.mark.parametrize(
    ("kind", "body"),
    [("note_refused", REFUSAL), ("fact_refused", REFUSAL | {"digest": "0", "note_digest": REFUSAL["digest"]})],
)
def test_a_note_that_was_refused(kind, body):
    found = receipt.verify(made(leaf(kind, body)), NOTE, [CITY.vkey])

    assert (found.taken, found.kind, found.name, found.reason) == (False, kind, "r1", "it is late")


def test_who_asks_for_a_witness_sees_its_time():
    witness = Signer("auditor/w", b"w" * 32, algorithm=COSIGNATURE_V1)
    keys = [CITY.vkey, witness.vkey]
    with pytest.raises(EvidenceError, match="0 of the 1 co-signatures"):
        receipt.verify(made(leaf()), NOTE, keys, quorum=1)
    found = receipt.verify(made(leaf(), cosigner=witness), NOTE, keys, quorum=1)

    assert [(each.key.name, each.time_s) for each in found.under.cosigners] == [("auditor/w", 9)]


def test_no_byte_of_a_receipt_can_be_another():
    data = made(leaf())
    for at in range(0, len(data), 3):
        with pytest.raises(EvidenceError):
            receipt.verify(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :], NOTE, [CITY.vkey])


@pytest.mark.parametrize("missing", [1, 2, 50, 150, 200, 300, 900])
def test_a_receipt_that_was_cut_is_none(missing):
    with pytest.raises(EvidenceError):
        receipt.verify(made(leaf())[:-missing], NOTE, [CITY.vkey])


@pytest.mark.parametrize(
    ("data", "why"),
    [
        pytest.param(leaf(body=BODY | {"reason": "we withdraw"}), "says something else", id="another reason"),
        pytest.param(leaf(body=BODY | {"target": "leaf:2"}), "says something else", id="another target"),
        pytest.param(leaf(body={**BODY, "note": NOTE.decode() + "x"}), "not about this note", id="another note"),
        pytest.param(leaf("rebuttal", {"note": NOTE.decode()}), "not about this note", id="another kind"),
        pytest.param(leaf("note_refused", {"digest": REFUSAL["digest"]}), "KeyError", id="no reason"),
        pytest.param(leaf(body=BODY | {"note": 1}), "AttributeError", id="a number for a note"),
        pytest.param(leaf(recorded_ms=None), "ValueError", id="no time"),
        pytest.param(leaf(recorded_ms=2**53 - 1), "ValueError", id="a time that no calendar has"),
        pytest.param(leaf(recorded_ms="7"), "ValueError", id="a word for a time"),
        pytest.param(leaf(rehearsal=0), "and the other is not", id="a rehearsal in a word of its own"),
        pytest.param(leaf(rehearsal=True), "and the other is not", id="a rehearsal's leaf"),
        pytest.param(b"[]", "TypeError", id="a list"),
        pytest.param(b'{"fact": {}}', "not canonical", id="another spelling"),
        pytest.param(b"", "not JSON", id="nothing"),
    ],
)
def test_what_the_city_signed_and_no_leaf_can_be_does_not_hold(data, why):
    with pytest.raises(EvidenceError, match=why):
        receipt.verify(made(data), NOTE, [CITY.vkey])


def test_a_rehearsals_receipt_is_read_by_who_knows_that_it_is_one():
    data = made(leaf(rehearsal=True), city=PLAY)
    with pytest.raises(EvidenceError, match="nothing in it is real"):
        receipt.verify(data, NOTE, [PLAY.vkey])
    with pytest.raises(EvidenceError, match="is no rehearsal's"):
        receipt.verify(made(leaf()), NOTE, [CITY.vkey], rehearsal=True)

    assert receipt.verify(data, NOTE, [PLAY.vkey], rehearsal=True).taken


def test_a_proof_without_its_leaf_is_no_receipt():
    head, _, tail = made(leaf()).partition(b"\nextra ")

    with pytest.raises(EvidenceError, match="holds no leaf"):
        receipt.verify(head + b"\n" + tail.partition(b"\n")[2], NOTE, [CITY.vkey])
