"""Which keys spoke for a contract's carrier when: facts of the core, stated when a manager's register says otherwise.

A word counts by the keys that were registered when it was sealed. What is registered later makes no word good that was
sealed before, and what is taken out later none bad. The keys are those of every carrier that a version of the contract
ever named: whose word counts for which month, `terms.py` says. Before the first such fact of a contract nothing is
judged by them: a ledger from before this kind has none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from netops.errors import EvidenceError
from netops.evidence import note
from netops.facts import Fact
from netops.ledger import LedgerEntry

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from inventory.model import Carrier, Contract
    from netops.evidence.canonical import JSON
    from netops.ledger_file import LedgerReader

KIND: Final = "party_key"
SOURCE: Final = "keys"
SPOKEN: Final = frozenset({"objection", "report_accepted"})  # what a carrier says, in time and by its key
REGISTERED, REMOVED = "registered", "removed"


def then(held: frozenset[str], body: Mapping[str, Any]) -> frozenset[str]:
    """Return the keys, as verifier keys, after one more fact."""
    return held | {body["key"]} if body["state"] == REGISTERED else held - {body["key"]}


def unspoken(fact: Fact, held: frozenset[str] | None) -> str:
    """Return why a word is not the carrier's by the keys of its time, or the empty string; None: none was ever stated.

    Whether the signature holds is asked of the note itself (`notes.py`); here is whose it says to be.
    """
    body: Any = fact.body
    if held is None or fact.kind not in SPOKEN:
        return ""
    if fact.kind == "report_accepted" and "due_ms" in body:  # that nobody spoke, the core states
        return ""
    if "note" not in body:
        return "its carrier has a key, and speaks by a note that it signed" if held else ""
    key = _signer(str(body["note"]))
    return "" if key in map(_short, held) else f"{key or 'no key'} did not speak for its carrier when it was sealed"


def changes(
    ledger: LedgerReader, contracts: Iterable[Contract], carriers: Iterable[Carrier], *, register: str, now_ms: int
) -> list[LedgerEntry]:
    """Return what is to be stated so that the ledger says what the register, of this digest, does.

    `contracts` are all versions. The facts of a contract are numbered from 0: its own account counts them too.
    """
    known = {each.id: each for each in carriers}
    wanted: dict[str, dict[str, str]] = {}
    for each in contracts:
        mine = known.get(each.carrier)
        wanted.setdefault(each.id, {}).update(dict.fromkeys(mine.keys if mine else (), each.carrier))
    held: dict[str, dict[str, str]] = {}
    count: dict[str, int] = {}
    for leaf in sorted(ledger.find(KIND), key=lambda leaf: leaf.index):
        body: Any = leaf.fact.body
        count[body["contract"]] = count.get(body["contract"], 0) + 1
        keys = held.setdefault(body["contract"], {})
        if body["state"] == REGISTERED:
            keys[body["key"]] = body["carrier"]
        else:
            keys.pop(body["key"], None)
    made = []
    for contract, keys in sorted(wanted.items()):
        stated = held.get(contract, {})
        told = [(key, stated[key], REMOVED) for key in sorted(stated.keys() - keys)]
        told += [(key, keys[key], REGISTERED) for key in sorted(keys.keys() - stated)]
        for number, (key, carrier, state) in enumerate(told, count.get(contract, 0)):
            fields: dict[str, JSON] = {"contract": contract, "carrier": carrier, "key": key, "state": state}
            fact = Fact(kind=KIND, at_ms=now_ms, body={**fields, "register": register, "by": "register"})
            made.append(LedgerEntry(f"{SOURCE}:{contract}", number, fact))
    return made


def _short(vkey: str) -> str:
    """Return name and id of a verifier key, as a signature line names it."""
    return "+".join(vkey.split("+", 2)[:2])


def _signer(text: str) -> str:
    """Return name and id of the one key that a note says to be signed by; empty when it is no such note."""
    try:
        (by,) = note.parse(text.encode()).signatures
    except (EvidenceError, ValueError):
        return ""
    return f"{by.name}+{by.key_id.hex()}"
