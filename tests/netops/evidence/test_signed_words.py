"""A bundle's reader sees for himself what a carrier signed: the city cannot put a word in its mouth."""

import base64
import gzip
import hashlib
import json
from itertools import count

import pytest

from netops.evidence import canonical
from netops.evidence.members import APART, LEAVES, REGISTER, REPORT, Bundle
from netops.evidence.signed_words import verify_words
from netops.sign import Signer

CARRIER = Signer("carrier-a/disputes", hashlib.sha256(b"a test's key").digest())
FORGER = Signer("carrier-a/disputes", hashlib.sha256(b"another test's key").digest())
MANIFEST = "ab" * 32
TOLD = {"report": "r1", "manifest_digest": MANIFEST, "made_ms": 1, "code": "fact", "target": "leaf:1", "reason": "不符"}


def signed(key=CARRIER, kind="objection", **changed):
    return key.sign(f"netops-dispute/1 {kind}\n{canonical.dumps(TOLD | changed).decode()}\n").decode()


def shown(key):
    return f"{key.vkey.name}+{key.vkey.id.hex()}"


def as_if(key, note):
    """Return a note whose signature line claims another key's id."""
    head, dash, line = note.rpartition("\u2014 ")
    name, blob = line.strip().split(" ")
    return f"{head}{dash}{name} {base64.b64encode(key.vkey.id + base64.b64decode(blob)[4:]).decode()}\n"


def objection(note, **changed):
    body = {name: TOLD[name] for name in ("report", "code", "target", "reason")}
    return "objection", body | {"objection": "o-1", "by": "carrier-a/disputes", "note": note} | changed


def bundle(*facts, keys=(CARRIER,), place=LEAVES):
    issued = ("report_issued", {"report": "r1", "contract": "c", "manifest_digest": MANIFEST})
    told = [{"kind": kind, "at_ms": 1, "body": body} for kind, body in (issued, *facts)]
    number = count()
    leaves = [
        {"fact": fact, "recorded_ms": 1, "rehearsal": False}
        | ({"source": "keys:c", "sequence": next(number)} if fact["kind"] == "party_key" else {})
        for fact in told
    ]
    lines = b"".join(canonical.dumps({"index": at, "leaf": leaf}) + b"\n" for at, leaf in enumerate(leaves))
    members = {LEAVES: gzip.compress(b""), APART: b"", place: gzip.compress(lines) if place == LEAVES else lines}
    carriers = [{"id": "carrier-a", "keys": [str(key.vkey) for key in keys]}, {"id": "carrier-b"}]
    members[REPORT] = canonical.dumps({"carrier": "carrier-a"})
    members[REGISTER] = canonical.dumps({"carriers": carriers})
    return Bundle(members=members)


@pytest.mark.parametrize("place", [LEAVES, APART])
@pytest.mark.parametrize("keys", [(CARRIER,), (FORGER, CARRIER), ()])
def test_a_word_that_was_signed_holds(keys, place):
    strange = [] if CARRIER in keys else [shown(CARRIER)]

    assert verify_words(bundle(objection(signed()), keys=keys, place=place)) == ([], strange)


def key(signer, state="registered"):
    told = {"contract": "c", "carrier": "carrier-a", "key": str(signer.vkey), "state": state}
    return "party_key", {**told, "register": "0" * 64, "by": "register"}


@pytest.mark.parametrize("place", [LEAVES, APART])
def test_a_word_is_held_against_the_keys_of_its_time_not_against_those_of_the_register(place):
    """The register inside is that of the report; a key that was changed since spoke all the same."""
    told = [key(CARRIER), objection(signed()), key(CARRIER, "removed"), key(FORGER), objection(signed())]

    assert verify_words(bundle(*told[:2], keys=(FORGER,), place=place)) == ([], [])
    assert verify_words(bundle(*told, keys=(CARRIER,), place=place)) == ([], [shown(CARRIER)])
    (failure,), _ = verify_words(bundle(key(CARRIER), objection(as_if(CARRIER, signed(FORGER))), keys=(), place=place))
    assert "does not hold" in failure.what


@pytest.mark.parametrize(
    ("change", "what"),
    [
        pytest.param(lambda lines: lines[:1] + lines[2:], "key fact keys:c 1; expected number 0", id="dropped"),
        pytest.param(
            lambda lines: [*lines[:2], *lines[3:]], "key fact keys:c 2; expected number 1", id="dropped-later"
        ),
        pytest.param(lambda lines: swapped(lines, 1, 2), "key fact keys:c 1; expected number 0", id="swapped"),
        pytest.param(lambda lines: numbered(lines, 2, 5), "key fact keys:c 5; expected number 1", id="renumbered"),
        pytest.param(lambda lines: numbered(lines, 2, 0), "key fact keys:c 0; expected number 1", id="doubled"),
    ],
)
def test_a_key_fact_that_is_missing_or_was_moved_is_named(change, what):
    made = bundle(key(CARRIER), key(CARRIER, "removed"), key(FORGER), objection(signed(FORGER)), place=APART)
    lines = change(made.members[APART].splitlines())

    ((failure,), _) = verify_words(Bundle(members={**made.members, APART: b"\n".join(lines) + b"\n"}))

    assert what in failure.what


def swapped(lines, one, two):
    """Let two leaves change places."""
    made = [json.loads(line) for line in lines]
    made[one]["leaf"], made[two]["leaf"] = made[two]["leaf"], made[one]["leaf"]
    return [canonical.dumps(each) for each in made]


def numbered(lines, at, number):
    made = [json.loads(line) for line in lines]
    made[at]["leaf"]["sequence"] = number
    return [canonical.dumps(each) for each in made]


def unsigned(by, kind="objection", **more):
    body = {name: value for name, value in objection("", by=by)[1].items() if name != "note"}
    return kind, body | more


@pytest.mark.parametrize("fact", [unsigned("wang.min"), unsigned("deadline", "report_accepted", due_ms=1)])
def test_what_the_city_says_and_what_nobody_said_has_no_note(fact):
    assert verify_words(bundle(fact)) == ([], [])


@pytest.mark.parametrize(
    ("fact", "what"),
    [
        pytest.param(unsigned("carrier-a/disputes"), "without its signature", id="as-the-carrier"),
        pytest.param(unsigned("carrier-a/disputes", "report_accepted"), "without its signature", id="accepted-as-it"),
        pytest.param(unsigned("wang.min", "report_accepted"), "wang.min accepts for a carrier", id="accepted-for-it"),
        pytest.param(unsigned("deadline", "report_accepted", due_ms=2), "was not over", id="silence-too-early"),
        pytest.param(unsigned("deadline", "ruling", due_ms=2), "was not over", id="ruling-too-early"),
    ],
)
def test_a_word_that_the_city_puts_in_the_carriers_mouth_is_named(fact, what):
    (failure,), _ = verify_words(bundle(fact))

    assert failure.place == "leaves.jsonl.gz: leaf 1"
    assert what in failure.what


def test_where_the_register_holds_no_key_an_account_speaks():
    assert verify_words(bundle(unsigned("wang.min", "report_accepted"), keys=())) == ([], [])


def test_a_key_that_the_register_does_not_hold_is_told():
    """A carrier may have changed its key since; a city may as well have made one up."""
    failures, strange = verify_words(bundle(objection(signed(FORGER)), objection(signed(FORGER))))

    assert (failures, strange) == ([], [shown(FORGER)])


@pytest.mark.parametrize(
    ("fact", "what"),
    [
        pytest.param(objection(as_if(CARRIER, signed(FORGER))), "does not hold", id="another-key-under-its-id"),
        pytest.param(objection(signed(), reason="we withdraw"), "something else", id="another-reason"),
        pytest.param(objection(signed(), target="leaf:2"), "something else", id="another-target"),
        pytest.param(objection(signed(), evidence_digest=MANIFEST), "something else", id="more-than-was-signed"),
        pytest.param(objection(signed(), by="wang.min"), "another's", id="by-somebody-else"),
        pytest.param(objection(signed(kind="report_accepted")), "another word", id="another-kind"),
        pytest.param(objection(signed(manifest_digest="0" * 64)), "another file", id="another-file"),
        pytest.param(objection(signed().replace("leaf:1", "leaf:3"), target="leaf:3"), "does not hold", id="altered"),
        pytest.param(objection("nothing"), "does not hold", id="no-note"),
        pytest.param(objection(signed() + signed(FORGER).rpartition("\n\n")[2]), "does not hold", id="two-signatures"),
    ],
)
def test_what_was_not_signed_so_is_named_with_its_leaf(fact, what):
    (failure,), _ = verify_words(bundle(fact))

    assert failure.place == "leaves.jsonl.gz: leaf 1"
    assert what in failure.what


@pytest.mark.parametrize("damage", [b"{}", b"[]", b'{"carriers":[{"id":"carrier-a","keys":["x"]}]}', b"\xff"])
def test_a_register_in_another_form_is_named(damage):
    made = bundle(objection(signed()))
    members = dict(made.members) | {REGISTER: damage}

    assert len(verify_words(Bundle(members=members))[0]) == 1
