"""A word counts by the key that spoke for the carrier when it was sealed, by the tables of both judges."""

import hashlib
from dataclasses import replace
from types import SimpleNamespace

import pytest

from inventory.model import Carrier, Contract
from netops.dispute import keys, notes, states
from netops.evidence import procedure
from netops.facts import Fact, check
from netops.ledger import Ledger, LedgerEntry
from netops.sign import Signer
from tests.netops.dispute.conftest import CARRIER, NOW, OBJECTION, issued

NEWER = Signer("carrier-a/disputes-2", hashlib.sha256(b"the key that came after").digest())
FORGER = Signer("carrier-a/disputes", hashlib.sha256(b"another's key under the same name").digest())


def key(signer, state="registered", contract="wifi-a"):
    told = {"contract": contract, "carrier": "carrier-a", "key": str(signer.vkey), "state": state}
    made = Fact(kind="party_key", at_ms=NOW, body={**told, "register": "0" * 64, "by": "register"})
    check(made)
    return made


def word(signer, kind="objection"):
    needs = OBJECTION if kind == "objection" else {k: OBJECTION[k] for k in ("report", "manifest_digest", "made_ms")}
    return notes.read(notes.write(kind, needs, signer), [signer.vkey]).fact(at_ms=NOW)


def unsigned(kind="objection"):
    fact = word(CARRIER, kind)
    return replace(fact, body={name: value for name, value in fact.body.items() if name != "note"})


SILENT = Fact(
    kind="report_accepted",
    at_ms=NOW,
    body={"report": "wifi-a-2026-08-r0", "digest": "0" * 64, "by": "deadline", "due_ms": NOW, "reason": "x"},
)
GONE = key(CARRIER, "removed")
CASES = [
    pytest.param([], word(FORGER), "", id="before-any-key-was-stated"),
    pytest.param([key(CARRIER)], word(CARRIER), "", id="registered"),
    pytest.param([key(CARRIER), GONE], word(CARRIER), "did not speak", id="taken-out"),
    pytest.param([key(CARRIER), GONE], word(CARRIER, "report_accepted"), "did not speak", id="accepts-taken-out"),
    pytest.param([key(CARRIER), GONE, key(CARRIER)], word(CARRIER), "", id="registered-again"),
    pytest.param([key(NEWER)], word(CARRIER), "did not speak", id="not-yet-registered"),
    pytest.param([key(CARRIER), key(NEWER)], word(CARRIER), "", id="two-at-a-time"),
    pytest.param([key(CARRIER)], word(FORGER), "did not speak", id="another-under-its-name"),
    pytest.param([key(CARRIER, contract="wifi-b")], word(FORGER), "", id="another-contracts-key"),
    pytest.param([key(CARRIER)], unsigned(), "by a note that it signed", id="unsigned"),
    pytest.param([key(CARRIER), GONE], unsigned(), "", id="unsigned-without-any-key"),
    pytest.param([key(CARRIER)], SILENT, "", id="nobody-spoke"),
    pytest.param([key(CARRIER)], replace(word(CARRIER), body={**word(CARRIER).body, "note": "x"}), "no key", id="none"),
]


@pytest.mark.parametrize(("before", "fact", "why"), CASES)
def test_each_word_is_judged_by_the_keys_that_were_sealed_before_it(before, fact, why):
    told = [issued(), *before, fact]
    cases = states.fold((each, NOW) for each in told[:-1])
    leaves = [(at, {"fact": vars_of(each), "rehearsal": False, "recorded_ms": NOW}) for at, each in enumerate(told)]

    said = states.refused(cases, fact)
    void = states.passed_over((at, each, NOW) for at, each in enumerate(told))

    assert (why in said, bool(said)) == (True, bool(why))
    assert void == ({len(told) - 1} if why else set())
    assert procedure.walked(leaves).void == void


def vars_of(fact):
    return {"kind": fact.kind, "at_ms": fact.at_ms, "body": dict(fact.body)}


def test_a_key_that_is_taken_out_later_makes_no_word_bad_that_was_sealed_before():
    told = [issued(), key(CARRIER), word(CARRIER), GONE]

    assert states.passed_over((at, each, NOW) for at, each in enumerate(told)) == frozenset()


# ---- what the core states


@pytest.fixture
def facts(tmp_path):
    """State what the register of a moment says, as the core does; return the facts that were new."""
    with Ledger(tmp_path / "ledger.db", origin="netops.invalid/test", rehearsal=False) as ledger:
        base = Contract(id="wifi-a", version="1", carrier="carrier-a", title="t", valid_from_ms=0)

        def said(held, contracts=(base,)):
            carriers = [Carrier(id=name, name=name, keys=tuple(str(s.vkey) for s in each)) for name, each in held]
            made = keys.changes(ledger, contracts, carriers, register="a" * 64, now_ms=NOW)
            ledger.append(made, now_ms=NOW)
            return [(e.source, e.sequence, e.fact.body["key"], e.fact.body["state"]) for e in made]

        yield SimpleNamespace(said=said, base=base, ledger=ledger)


def test_the_core_states_each_change_of_the_register_once_and_numbers_it(facts):
    one, two = str(CARRIER.vkey), str(NEWER.vkey)

    assert facts.said([("carrier-a", [])]) == []
    assert facts.said([("carrier-a", [CARRIER]), ("carrier-b", [FORGER])]) == [("keys:wifi-a", 0, one, "registered")]
    assert facts.said([("carrier-a", [CARRIER])]) == []
    assert facts.said([("carrier-a", [NEWER])]) == [
        ("keys:wifi-a", 1, one, "removed"),
        ("keys:wifi-a", 2, two, "registered"),
    ]
    assert facts.said([]) == [("keys:wifi-a", 3, two, "removed")]
    assert facts.said([("carrier-a", [CARRIER])]) == [("keys:wifi-a", 4, one, "registered")]
    assert not list(facts.ledger.find("source_conflict"))


def test_the_keys_of_every_carrier_that_a_version_names_speak(facts):
    """Whose word counts for which month is another question: a month that is over keeps its carrier."""
    second = replace(facts.base, version="2", carrier="carrier-b", valid_from_ms=5)

    told = facts.said([("carrier-a", [CARRIER]), ("carrier-b", [FORGER])], [facts.base, second])

    assert sorted(key for _, _, key, _ in told) == sorted([str(CARRIER.vkey), str(FORGER.vkey)])


def test_the_facts_are_on_the_account_of_their_contract(facts):
    facts.said([("carrier-a", [CARRIER])])
    facts.ledger.append([LedgerEntry("report:x", 0, issued())], now_ms=NOW)

    assert ("party_key", NOW) in facts.ledger.members("wifi-a").values()
    facts.ledger.audit()
