"""What a carrier signed in a dispute: each note in a bundle's leaves is held against its fact and the carrier's keys.

Part of the stand-alone verifier; the second reading of `netops/dispute/notes.py`. A word is held against the keys that
were sealed as the carrier's before it (`party_key`); in a ledger that had stated none by then, against those of the
bundle's register. A note by any other key is held against its fact alone, and told: whose key it is, its owner says.
That a word by a key that did not speak then moves nothing is for `procedure.py`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from netops.errors import EvidenceError
from netops.evidence import canonical, note
from netops.evidence.differences import loads
from netops.evidence.integrity import Failure
from netops.evidence.members import APART, LEAVES, REGISTER, REPORT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from netops.evidence.members import Bundle

FORMAT = "netops-dispute/1"
KINDS = frozenset({"objection", "report_accepted"})
KEY = "party_key"
WORDS = (*(f'"{kind}"'.encode() for kind in sorted(KINDS)), b'"deadline"')
DEADLINE = "deadline"  # by whom silence is stated
FIELDS = (
    "report",
    "code",
    "target",
    "asks",
    "start_ms",
    "end_ms",
    "evidence_digest",
    "reason",
)  # of note and fact alike


def verify_words(bundle: Bundle) -> tuple[list[Failure], list[str]]:
    """Return each leaf that says something else than the note in it or whose note does not hold, and what to tell."""
    strange: dict[str, None] = {}
    try:
        return list(_failures(bundle, strange)), list(strange)
    except EvidenceError as error:
        place, _, what = str(error).partition(": ")
        return [Failure(place=place, what=what or str(error))], []
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        return [Failure(place=LEAVES, what=f"cannot be read: {type(error).__name__} {error}")], []


def _failures(bundle: Bundle, strange: dict[str, None]) -> Iterator[Failure]:
    stated = _stated(bundle)
    manifests = _manifests(bundle)
    for name in (LEAVES, APART):
        for index, data in bundle.leaves(name):
            if not any(word in data for word in WORDS):
                continue
            leaf = json.loads(data)
            fact = leaf["fact"]
            why = _early(leaf)
            if fact["kind"] in KINDS and fact["body"]["by"] != DEADLINE:
                keys = _keys_at(index, stated, bundle)
                signed = "note" in fact["body"]
                why = _broken(fact, keys, manifests, strange) if signed else _unsigned(fact, keys)
            if why:
                yield Failure(place=f"{name}: leaf {index}", what=why)


def _early(leaf: Mapping[str, Any]) -> str:
    """Return what is off where silence is stated: not before the deadline that it names is over."""
    body = leaf["fact"]["body"]
    if body.get("by") != DEADLINE or leaf["rehearsal"] or leaf["recorded_ms"] >= body["due_ms"]:
        return ""
    return "states that nobody spoke until a deadline that was not over when it was recorded"


def _unsigned(fact: Mapping[str, Any], keys: Sequence[note.VerifierKey]) -> str:
    """Return what is off with a word without a note: whose key the register holds speaks by it alone."""
    by = fact["body"]["by"]
    if by in {key.name for key in keys}:
        return f"speaks as {by} without its signature"
    if fact["kind"] == "report_accepted" and keys:
        return f"{by} accepts for a carrier whose key the register holds, without its signature"
    return ""


def _stated(bundle: Bundle) -> list[tuple[int, Mapping[str, Any]]]:
    """Return every leaf that states a key of the contract's carrier, in the order of the ledger.

    They are numbered from 0 within their contract, so that one that is missing or was moved is named.
    """
    found = {
        index: leaf
        for name in (LEAVES, APART)
        for index, data in bundle.leaves(name)
        if b'"party_key"' in data and (leaf := json.loads(data))["fact"]["kind"] == KEY
    }
    count: dict[str, int] = {}
    for index, leaf in sorted(found.items()):
        body = leaf["fact"]["body"]
        number = count.get(body["contract"], 0)
        if (leaf["source"], leaf["sequence"]) != (f"keys:{body['contract']}", number):
            said = f"{leaf['source']} {leaf['sequence']}"
            raise EvidenceError(f"{APART}: leaf {index}: is key fact {said}; expected number {number} of its contract")
        count[body["contract"]] = number + 1
    return [(index, leaf["fact"]["body"]) for index, leaf in sorted(found.items())]


def _keys_at(index: int, stated: Sequence[tuple[int, Mapping[str, Any]]], bundle: Bundle) -> list[note.VerifierKey]:
    """Return the keys that spoke for the carrier when a leaf was sealed."""
    before = [body for at, body in stated if at < index]
    if not before:
        return _keys(bundle)
    last = {body["key"]: body["state"] for body in before}
    return [note.VerifierKey.parse(key) for key, state in last.items() if state == "registered"]


def _keys(bundle: Bundle) -> list[note.VerifierKey]:
    carrier = loads(bundle, REPORT)["carrier"]
    held = [each for each in loads(bundle, REGISTER)["carriers"] if each["id"] == carrier]
    return [note.VerifierKey.parse(key) for each in held for key in each.get("keys", ())]


def _manifests(bundle: Bundle) -> dict[str, str]:
    """Return report → the digest of its manifest, of every report of the contract that was issued before."""
    made: dict[str, str] = {}
    for name in (LEAVES, APART):
        for _, data in bundle.leaves(name):
            if b'"report_issued"' in data and (fact := json.loads(data)["fact"])["kind"] == "report_issued":
                made.setdefault(fact["body"]["report"], fact["body"]["manifest_digest"])
    return made


def _broken(
    fact: Mapping[str, Any], keys: Sequence[note.VerifierKey], manifests: Mapping[str, str], strange: dict[str, None]
) -> str:
    """Return what does not hold of a fact with a note, or the empty string; a key that nobody knows is added."""
    body = fact["body"]
    try:
        signed = note.parse(body["note"].encode())
        head, _, rest = signed.text.partition("\n")
        told = canonical.loads_exact(rest.removesuffix("\n").encode())
        (by,) = signed.signatures
        if any((key.name, key.id) == (by.name, by.key_id) for key in keys):
            note.verify(signed, keys)
        else:
            strange[f"{by.name}+{by.key_id.hex()}"] = None
    except (EvidenceError, ValueError) as error:
        return f"its note does not hold: {error}"
    if head != f"{FORMAT} {fact['kind']}" or by.name != body["by"]:
        return "its note is another word than the fact's, or another's"
    if any(told.get(name) != body.get(name) for name in FIELDS):
        return "says something else than the note that was signed"
    if told.get("manifest_digest") != manifests.get(body["report"]):
        return f"its note was signed over another file than the one that was issued as {body['report']}"
    return ""
