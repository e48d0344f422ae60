"""Who counts as a co-signer: a witness that the policy names, by a key that the reader trusts, once."""

from types import SimpleNamespace

import pytest

from netops.errors import EvidenceError
from netops.evidence import canonical, note
from netops.evidence.checkpoint import Checkpoint
from netops.evidence.cosigners import cosigned, verify_policy
from netops.evidence.members import Bundle
from netops.report.witnessed import EARLIER
from netops.sign import Signer

LOG = Signer("log.example/city", bytes(32))
A, B, STRANGER = (
    Signer(f"{name}.example/w", bytes([at]) * 32, algorithm=note.COSIGNATURE_V1)
    for at, name in enumerate(("a", "b", "stranger"), 1)
)
TWIN = Signer("twin.example/w", bytes([1]) * 32, algorithm=note.COSIGNATURE_V1)  # A under another name


def bundle(*signers, named=(A, B), quorum=2):
    signed = LOG.sign_checkpoint(Checkpoint(origin="log.example/city", size=9, root=bytes(32)))
    for each in signers:
        signed = each.cosign(signed, now_s=1)
    told = {"witnessing": {"quorum": quorum, "witnesses": [str(each.vkey) for each in named]}}
    return Bundle(members={"report.json": canonical.dumps(told), "checkpoint": signed})


def counted(made, *trusted):
    found = cosigned(made, [LOG.vkey, *(each.vkey for each in trusted)])
    return [each.partition(".")[0] for each in found.signed], found.short


@pytest.mark.parametrize(
    ("made", "trusted", "expected"),
    [
        (bundle(A, B), (A, B), (["a", "b"], False)),
        (bundle(A, B), (A,), (["a"], True)),
        (bundle(A, B), (), ([], True)),
        (bundle(A), (A, B), (["a"], True)),
        (bundle(A, STRANGER), (A, B, STRANGER), (["a"], True)),
        (bundle(A, TWIN, named=(A, TWIN)), (A, TWIN), (["twin"], True)),
        (bundle(A, named=(A, A)), (A,), (["a"], True)),
        (bundle(named=(LOG,), quorum=1), (), ([], True)),
        (bundle(A, quorum=1), (A,), (["a"], False)),
        (bundle(quorum=0), (), ([], False)),
    ],
    ids=[
        "both",
        "one key given",
        "no key given",
        "one signed",
        "a stranger",
        "a twin",
        "twice the same",
        "the log itself",
        "one asked for",
        "none",
    ],
)
def test_a_co_signer_is_named_trusted_and_counts_once(made, trusted, expected):
    assert counted(made, *trusted) == expected


@pytest.mark.parametrize("quorum", [3, -1, "1", True, None], ids=str)
def test_a_policy_that_nobody_could_follow_is_named(quorum):
    """The city's own list refuses one; its ledger may hold it all the same."""
    body = {"quorum": quorum, "witnesses": [str(A.vkey), str(B.vkey), str(A.vkey)]}
    leaf = {"fact": {"body": body}, "recorded_ms": 5}
    told = {"leaf": 7, "since_ms": 5, **body, "earlier": {"columns": [*EARLIER], "rows": []}}
    leaves = SimpleNamespace(kinds={"witness_policy": [(7, leaf)]}, known=lambda each: each["recorded_ms"])

    (failure,) = verify_policy({"witnessing": told}, leaves)

    assert (failure.place, "asks for more witnesses" in failure.what) == ("leaves.jsonl.gz: leaf 7", True)


def test_a_report_under_no_policy_asks_for_nobody():
    members = bundle(A).members | {"report.json": canonical.dumps({"contract": "c"})}

    assert cosigned(Bundle(members=members), [LOG.vkey]) is None


def test_a_signature_of_a_trusted_witness_that_does_not_hold_is_no_shortage_but_a_forgery():
    made = bundle(A)
    forged = made.members["checkpoint"].replace(b"\n9\n", b"\n8\n")

    with pytest.raises(EvidenceError, match="does not hold"):
        cosigned(Bundle(members=made.members | {"checkpoint": forged}), [LOG.vkey, A.vkey])
