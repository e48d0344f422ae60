"""Signed notes, checkpoints, co-signatures and proofs in the formats of C2SP."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netops.errors import EvidenceError
from netops.evidence import merkle, note
from netops.evidence.checkpoint import Checkpoint, trust
from netops.evidence.proof import Proof
from netops.sign import Signer

VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SIGNED = (
    "This is an example message.\n\n\u2014 example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
).encode()
LOG = Signer("log.example/city", bytes(range(32)))
CARRIER = Signer("carrier.example/w", bytes(range(1, 33)), algorithm=note.COSIGNATURE_V1)
AUDITOR = Signer("auditor.example/w", bytes(range(2, 34)), algorithm=note.COSIGNATURE_V1)
HEAD = Checkpoint(origin="log.example/city", size=1, root=merkle.leaf_hash(b"leaf"))


def test_the_published_note_verifies():
    key = note.VerifierKey.parse(VKEY)
    given_note = note.parse(SIGNED)

    (held,) = note.verify(given_note, [key])

    assert held.key.name == "example.com/foo"
    assert given_note.text == "This is an example message.\n"
    assert bytes(given_note) == SIGNED
    assert str(key) == VKEY


@settings(deadline=None)
@given(st.integers(0, len(SIGNED) - 1), st.integers(0, 7))
def test_no_bit_of_the_published_note_may_change(at, bit):
    broken = bytearray(SIGNED)
    broken[at] ^= 1 << bit

    with pytest.raises(EvidenceError):
        note.verify(note.parse(bytes(broken)), [note.VerifierKey.parse(VKEY)])


def test_a_signature_by_an_unknown_key_is_passed_over_and_does_not_suffice():
    signed = CARRIER.cosign(LOG.sign_checkpoint(HEAD), now_s=1_790_000_000)

    assert [each.key for each in note.verify(note.parse(signed), [LOG.vkey])] == [LOG.vkey]
    with pytest.raises(EvidenceError, match=r"no signature by a trusted key; it is signed by log\.example/city"):
        note.verify(note.parse(signed), [AUDITOR.vkey])


def test_a_bad_signature_by_a_known_key_refuses_the_note_that_another_signed_well():
    good = note.parse(LOG.sign_checkpoint(HEAD))
    forged = note.Signature(name=CARRIER.vkey.name, key_id=CARRIER.vkey.id, blob=bytes(72))
    both = note.Note(text=good.text, signatures=(*good.signatures, forged))

    with pytest.raises(EvidenceError, match=r"carrier\.example"):
        note.verify(both, [LOG.vkey, CARRIER.vkey])


def test_the_same_key_cannot_vote_twice():
    once = CARRIER.cosign(LOG.sign_checkpoint(HEAD), now_s=1)

    with pytest.raises(EvidenceError, match="two signatures"):
        note.verify(note.parse(CARRIER.cosign(once, now_s=2)), [LOG.vkey, CARRIER.vkey])


def test_a_cosignature_says_when_and_its_time_is_under_the_signature():
    signed = CARRIER.cosign(LOG.sign_checkpoint(HEAD), now_s=1_790_000_000)
    made = trust(note.parse(signed), [LOG.vkey, CARRIER.vkey], quorum=1)

    assert [each.time_s for each in made.cosigners] == [1_790_000_000]
    line = note.parse(signed).signatures[1]
    backdated = note.Signature(name=line.name, key_id=line.key_id, blob=(1).to_bytes(8, "big") + line.blob[8:])
    forged = note.Note(text=str(HEAD), signatures=(note.parse(signed).signatures[0], backdated))
    with pytest.raises(EvidenceError, match="does not hold"):
        trust(forged, [LOG.vkey, CARRIER.vkey])


def test_a_quorum_counts_keys_not_lines_and_the_log_itself_must_sign():
    signed = CARRIER.cosign(LOG.sign_checkpoint(HEAD), now_s=5)
    keys = [LOG.vkey, CARRIER.vkey, AUDITOR.vkey]

    with pytest.raises(EvidenceError, match="1 of the 2 co-signatures"):
        trust(note.parse(signed), keys, quorum=2)
    assert len(trust(note.parse(AUDITOR.cosign(signed, now_s=6)), keys, quorum=2).cosigners) == 2
    with pytest.raises(EvidenceError, match="not signed by the log itself"):
        trust(note.parse(signed), [CARRIER.vkey])


def test_a_renamed_vkey_is_told_by_its_id():
    with pytest.raises(EvidenceError, match="its id is"):
        note.VerifierKey.parse(VKEY.replace("foo", "fob"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a+b",
        "a+530d903a+",
        "a b+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        VKEY.upper(),
        VKEY + "\n",
        VKEY[:-4],
        "example.com/foo+530d903a+" + base64.b64encode(b"\x02" + bytes(32)).decode(),
    ],
)
def test_what_is_no_vkey_is_refused(text):
    with pytest.raises(EvidenceError):
        note.VerifierKey.parse(text)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text",
        b"text\n",
        b"text\n\n",
        b"text\n\nno dash\n",
        SIGNED[:-1],
        SIGNED + b"\n",
        SIGNED.replace(b"This", b"Th\0s"),
        SIGNED.replace(b"\n", b"\r\n"),
        SIGNED.replace(b"This", b"\xff\xff"),
        SIGNED.replace(b"aQM=", b"aQN="),  # stray bits in the last character
        SIGNED.replace(b"aQM=", b"aQM"),
        SIGNED + SIGNED.partition(b"\n\n")[2] * 100,
        b"x" * 1_000_001,
    ],
)
def test_what_is_no_note_is_refused(data):
    with pytest.raises(EvidenceError):
        note.parse(data)


@pytest.mark.parametrize("before", ["", "\ufeff", "> ", "carrier-a+"])
def test_a_private_key_where_a_public_one_belongs_is_told_without_any_part_of_it(before):
    line = before + CARRIER.private_line()

    with pytest.raises(EvidenceError, match="holds a private key, which must not leave its owner") as caught:
        note.VerifierKey.parse(line)

    assert not [part for part in line.split("+") if len(part) > 3 and part in str(caught.value)]


def test_of_a_line_that_is_no_key_or_signature_only_what_stands_before_the_second_plus_is_shown():
    secret = "QWxsIHRoYXQgaXMgc2VjcmV0IGluIGEga2V5IG9mIHRoaXJ0eS10d28"
    for text in (f"carrier-a+no id+{secret}", f"+1a2b3c4d+{secret}", f"a b+1a2b3c4d+{secret}"):
        with pytest.raises(EvidenceError) as caught:
            note.VerifierKey.parse(text)
        assert secret[:8] not in str(caught.value)
    for line in (f"carrier-a+1a2b3c4d+{secret}", f"\u2014 carrier-a+1a2b3c4d+{secret} AAAA", CARRIER.private_line()):
        with pytest.raises(EvidenceError) as caught:
            note.parse(f"a text\n\n{line}\n".encode())
        assert secret[:8] not in str(caught.value)
        assert CARRIER.private_line()[-12:] not in str(caught.value)


def test_a_checkpoint_reads_back():
    text = str(Checkpoint(origin="a", size=20852163, root=bytes(32), extensions=("more",)))

    assert str(Checkpoint.parse(text)) == text
    assert text == f"a\n20852163\n{base64.b64encode(bytes(32)).decode()}\nmore\n"


ROOT = base64.b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"a\n1\n{ROOT}",
        f"\n1\n{ROOT}\n",
        f"a\n01\n{ROOT}\n",
        f"a\n-1\n{ROOT}\n",
        f"a\n\u0661\n{ROOT}\n",
        f"a\n1\n{ROOT[:-4]}\n",
        f"a\n1\n{ROOT}\n\n",
        f"a\n{'9' * 20}\n{ROOT}\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text):
    with pytest.raises(EvidenceError):
        Checkpoint.parse(text)


def test_a_proof_reads_back_and_leads_to_the_checkpoint():
    left, right = merkle.leaf_hash(b"left"), merkle.leaf_hash(b"right")
    head = Checkpoint(origin="log.example/city", size=2, root=merkle.node_hash(left, right))
    made = Proof(index=1, path=(left,), checkpoint=note.parse(LOG.sign_checkpoint(head)), extra=b"x")

    again = Proof.parse(bytes(made))

    assert again == made
    assert bytes(again) == bytes(made)
    assert again.verify(b"right", [LOG.vkey]).checkpoint == head
    with pytest.raises(EvidenceError, match="does not lead"):
        again.verify(b"left", [LOG.vkey])


@pytest.mark.parametrize(
    "change",
    [
        (b"tlog-proof@v1", b"tlog-proof@v2"),
        (b"index 0", b"index 00"),
        (b"index 0", b"index"),
        (b"index 0\n", b""),
        (b"index 0\n\n", b"index 0\n"),
        (b"index 0", "index \u0660".encode()),
        (b"index 0\n", b"index 0\nx\n"),
    ],
)
def test_what_is_no_proof_is_refused(change):
    data = bytes(Proof(index=0, path=(), checkpoint=note.parse(LOG.sign_checkpoint(HEAD))))
    Proof.parse(data)

    with pytest.raises(EvidenceError):
        Proof.parse(data.replace(*change))
