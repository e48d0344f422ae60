"""The policy of co-signing: which witnesses the city named, and how many must sign. A fact, sealed when it changes.

The policy of a report is the last one sealed before it. So nobody lowers it afterwards, and who lowers it before is
seen: a report prints all policies since the ledger began.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from netops.errors import EvidenceError
from netops.evidence import note
from netops.evidence.checkpoint import SM2_NAME
from netops.evidence.note import VerifierKey
from netops.facts import Fact
from netops.ledger import LedgerEntry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from netops.evidence.canonical import JSON
    from netops.ledger import Ledger
    from netops.ledger_file import LedgerReader
    from netops.witness.listed import Listed

KIND = "witness_policy"
SOURCE = "witnesses"


@dataclass(frozen=True, slots=True)
class Policy:
    """How many of which witnesses must co-sign; nobody, while none was ever sealed."""

    quorum: int = 0
    keys: tuple[VerifierKey, ...] = ()
    sm2: tuple[VerifierKey, ...] = ()  # of those who sign by SM2 as well

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Policy:
        """Read the fields of a fact."""
        keys, sm2 = (tuple(VerifierKey.parse(each) for each in body.get(name, ())) for name in ("witnesses", "sm2"))
        return cls(body["quorum"], keys, sm2)

    def signers(self, signed: bytes) -> tuple[VerifierKey, ...]:
        """Return which of the witnesses signed a checkpoint; none when a signature of theirs does not hold.

        Who is named with an SM2 key has signed when both signatures are there.
        """
        try:
            held = [each.key for each in note.verify(note.parse(signed), [*self.keys, *self.sm2])]
        except EvidenceError:
            return ()
        lacking = {each.name.removesuffix(SM2_NAME) for each in self.sm2 if each not in held}
        return tuple(each for each in held if each in self.keys and each.name not in lacking)


def told(ledger: LedgerReader) -> list[tuple[int, Policy]]:
    """Return all policies that were sealed, each with its leaf, the oldest first."""
    found = sorted(ledger.find(KIND), key=lambda leaf: leaf.index)
    return [(leaf.index, Policy.of(leaf.fact.body)) for leaf in found]


def among(policies: Sequence[tuple[int, Policy]], *, before: int) -> Policy:
    """Return the last of the policies that was sealed before a leaf."""
    return next((each for index, each in reversed(policies) if index < before), Policy())


def before(ledger: LedgerReader, index: int) -> Policy:
    """Return the policy that was sealed last before a leaf."""
    return among(told(ledger), before=index)


def keep(ledger: Ledger, found: Listed, *, now_ms: int) -> None:
    """Seal what the list says, if it is not what was sealed last."""
    known = told(ledger)
    keys = tuple(sorted((each.key for each in found.witnesses), key=str))
    stated = Policy(found.quorum, keys, tuple(sorted((each.sm2 for each in found.witnesses if each.sm2), key=str)))
    if stated != (known[-1][1] if known else Policy()):
        body: dict[str, JSON] = {"quorum": stated.quorum, "witnesses": [str(key) for key in stated.keys]}
        body |= {"sm2": [str(key) for key in stated.sm2]} if stated.sm2 else {}
        ledger.append([LedgerEntry(SOURCE, len(known), Fact(kind=KIND, at_ms=now_ms, body=body))], now_ms=now_ms)
