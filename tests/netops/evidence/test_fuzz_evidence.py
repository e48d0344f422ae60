"""Hostile bytes at every reader of evidence: the reader's own error or a value, within bounds, and nothing else."""

import os
import random
import time

import pytest

from netops import facts
from netops.errors import EvidenceError
from netops.evidence import bundle, canonical, container, merkle, note, receipt
from netops.evidence.bundle import Bundle
from netops.evidence.checkpoint import Checkpoint
from netops.evidence.proof import Proof
from netops.sign import Signer

ROUNDS = int(os.environ.get("NETOPS_ROUNDS", "8"))
SIGNER = Signer("log.example/city", bytes(32))
SIGNED = SIGNER.sign_checkpoint(Checkpoint(origin="log.example/city", size=1, root=bytes(32)))
FACT = facts.encode(facts.Fact(kind="staff_action", at_ms=1, body={"action": "a", "subject": "s", "by": "b"}))
REFUSED = {"digest": canonical.digest(b"note"), "by": "carrier-a/disputes", "reason": "it is late", "report": "r"}
LEAF = canonical.dumps(
    {"fact": {"at_ms": 1, "body": REFUSED, "kind": "note_refused"}, "recorded_ms": 2, "rehearsal": False}
)


def receipted(leaf):
    """The receipt of a leaf that the city signed, whatever it is."""
    head = Checkpoint(origin="log.example/city", size=1, root=merkle.leaf_hash(leaf))
    return receipt.write(leaf, index=0, path=(), checkpoint=SIGNER.sign_checkpoint(head))


def received(data):
    return receipt.verify(data, b"note", [SIGNER.vkey])


SEEDS = {
    "receipt": (received, receipted(LEAF)),
    "leaf of a receipt": (lambda data: received(receipted(data)), LEAF),
    "json": (canonical.loads_exact, canonical.dumps({"a": [1, 2.5, None, "\u00e9\u4e2d", {"b": []}], "c": 1e21})),
    "fact": (facts.decode, FACT),
    "note": (lambda data: note.verify(note.parse(data), [SIGNER.vkey]), SIGNED),
    "proof": (Proof.parse, b"c2sp.org/tlog-proof@v1\nindex 0\n\n" + SIGNED),
    "vkey": (lambda data: note.VerifierKey.parse(data.decode("latin-1")), str(SIGNER.vkey).encode()),
    "checkpoint": (lambda data: Checkpoint.parse(data.decode("latin-1")), SIGNED.partition(b"\n\n")[0] + b"\n"),
    "key": (lambda data: Signer.parse(data.decode("latin-1")), SIGNER.private_line().encode()),
}


def mutated(data, chance):
    made = bytearray(data)
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(made) + 1)
        kind = chance.randrange(4)
        if kind == 0 and made:
            made[min(at, len(made) - 1)] = chance.randrange(256)
        elif kind == 1:
            made[at:at] = chance.randbytes(chance.randrange(1, 9))
        elif kind == 2:
            del made[at : at + chance.randrange(1, 9)]
        else:
            made[at:at] = made[: chance.randrange(64)]
    return bytes(made)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", SEEDS)
def test_only_the_readers_own_error_escapes(name):
    read, seed = SEEDS[name]
    read(seed)
    chance = random.Random(f"{name}/8785")
    for _ in range(ROUNDS * 250):
        data = mutated(seed, chance)
        start = time.thread_time()  # what it costs, not how busy the machine is
        try:
            read(data)
        except EvidenceError as error:
            assert str(error)  # noqa: PT017
        assert time.thread_time() - start < 0.25, data


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_hostile_container_gives_the_readers_own_error_or_failures(tmp_path):
    seed = container.pack({"checkpoint": SIGNED, "leaves.jsonl.gz": bundle.json_lines([1, {"index": 1, "leaf": {}}])})
    chance = random.Random(6962)
    for _ in range(ROUNDS * 50):
        (tmp_path / "b.zip").write_bytes(mutated(seed, chance))
        try:
            opened = bundle.open_bundle(tmp_path / "b.zip")
        except EvidenceError:
            continue

        assert bundle.verify_integrity(opened, [SIGNER.vkey])


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_hostile_members_give_failures(tmp_path):
    seeds = [b'{"index":1,"leaf":{"fact":{"kind":"report_issued","body":{"leaves":1}},"rehearsal":false}}', SIGNED]
    seeds += [b'{"format":"netops-bundle/1","members":{"a":"b"},"origin":"x","rehearsal":false}', b'{"leaves":[[1,2]]}']
    seeds += [b'{"index":1,"path":["AAAA"]}\n', bundle.json_lines([{"index": 1, "leaf": {"fact": []}}])]
    names = [*bundle.AFTER_THE_SEAL, *bundle.REQUIRED]
    chance = random.Random(9162)
    for _ in range(ROUNDS * 50):
        members = {name: mutated(chance.choice(seeds), chance) for name in names if chance.random() < 0.95}

        assert bundle.verify_integrity(Bundle(members=members), [SIGNER.vkey])
