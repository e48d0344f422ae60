"""A receipt for a carrier's note: the leaf that says what became of it, and that leaf's way to a signed checkpoint.

A `tlog-proof@v1` whose extra is the leaf itself, one small text: its holder needs the city's public key and the note,
and nobody's server. A leaf says either that the note was taken (the note stands in it) or that it was refused (its
SHA-256 stands in it, with the reason). `netops dispute receipt` makes it, `netops dispute check` ends here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from netops.errors import EvidenceError
from netops.evidence import canonical, note
from netops.evidence.proof import Proof
from netops.evidence.signed_words import FIELDS, KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from netops.evidence.checkpoint import Trusted

RECEIVED = "note_received"  # at the city's desk, before anybody looked at what it says
REFUSED = "note_refused"  # at the city's desk
SHORT_MS = 600_000  # as `netops/dispute/listening.py`, which is no part of a bare verifier
REFUSED_LATER = "fact_refused"  # by the core, which asks again before it seals


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a receipt says, once it held. `handed_ms` is when the city says that it had the note, `index` the leaf."""

    taken: bool
    kind: str
    name: str  # of the objection, else of the report; empty where the city knew neither
    reason: str
    handed_ms: int
    recorded_ms: int
    index: int
    under: Trusted

    @property
    def counts_ms(self) -> int:
        """By which instant the note was in time or late (ADR 32).

        When the desk had it, where the ledger recorded that at most ten minutes later, or took the note: then that it
        came in was recorded. Else when the ledger recorded it.
        """
        soon = 0 <= self.recorded_ms - self.handed_ms <= SHORT_MS
        return self.handed_ms if self.taken or soon else self.recorded_ms


def write(leaf: bytes, *, index: int, path: Sequence[bytes], checkpoint: bytes) -> bytes:
    """Return the receipt of a leaf under a signed checkpoint."""
    return bytes(Proof(index=index, path=tuple(path), checkpoint=note.parse(checkpoint), extra=leaf))


def alike(one: bytes, other: bytes) -> bool:
    """Whether two files are receipts of the same leaf, under whatever checkpoint and with whatever signatures."""
    try:
        first, second = Proof.parse(one), Proof.parse(other)
    except EvidenceError:
        return False
    return first.extra is not None and (first.index, first.extra) == (second.index, second.extra)


def noted(fact: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the note that a fact is about, or the empty string."""
    body = fact["body"]
    if fact["kind"] in KINDS:
        return canonical.digest(body["note"].encode()) if "note" in body else ""
    return str({REFUSED: body.get("digest"), REFUSED_LATER: body.get("note_digest")}.get(fact["kind"]) or "")


def verify(
    data: bytes, handed: bytes, keys: Sequence[note.VerifierKey], *, rehearsal: bool = False, quorum: int = 0
) -> Receipt:
    """Return what a receipt says of the note that was handed in; EvidenceError names what does not hold.

    `keys` are the city's and those of co-signers; `rehearsal` is said by who knows that none of this is real.
    """
    found = Proof.parse(data)
    if found.extra is None:
        raise EvidenceError("receipt: holds no leaf; expected the file that `netops dispute receipt` wrote")
    under = found.verify(found.extra, keys, quorum=quorum)
    try:
        leaf = canonical.loads_exact(found.extra)
        _same(leaf["rehearsal"], under.checkpoint.rehearsal, told=rehearsal)
        return _said(leaf, handed, found.index, under)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise EvidenceError(f"receipt: leaf {found.index} is none of a ledger ({type(error).__name__})") from None


def _same(leaf: object, head: object, *, told: bool) -> None:
    """Raise EvidenceError unless leaf, checkpoint and reader agree on whether this is a rehearsal."""
    if leaf is not head:
        raise EvidenceError("receipt: one of leaf and checkpoint is a rehearsal's, and the other is not")
    if head and not told:
        raise EvidenceError("receipt: is a rehearsal's, and nothing in it is real; say --rehearsal to read it so")
    if told and not head:
        raise EvidenceError("receipt: is no rehearsal's; leave --rehearsal away")


def _said(leaf: Any, handed: bytes, index: int, under: Trusted) -> Receipt:
    fact = leaf["fact"]
    body, kind = fact["body"], str(fact["kind"])
    if noted(fact) != (digest := canonical.digest(handed)):
        raise EvidenceError(f"receipt: leaf {index} is not about this note, whose SHA-256 is {digest}")
    if kind in KINDS and _altered(body, handed):
        raise EvidenceError(f"receipt: leaf {index} holds the note, and says something else than the note")
    return Receipt(
        taken=kind in KINDS,
        kind=kind,
        name=str(body.get("objection") or body.get("report") or body.get("request") or ""),
        reason="" if kind in KINDS else str(body["reason"]),
        handed_ms=_instant(fact["at_ms"]),
        recorded_ms=_instant(leaf["recorded_ms"]),
        index=index,
        under=under,
    )


def _instant(value: object) -> int:
    if type(value) is not int or not 0 <= value < canonical.LATEST_MS:
        raise ValueError
    return value


def _altered(body: Mapping[str, Any], handed: bytes) -> bool:
    """Whether a leaf that holds the note says something else beside it."""
    told: Any = canonical.loads_exact(note.parse(handed).text.partition("\n")[2].removesuffix("\n").encode())
    return any(told.get(name) != body.get(name) for name in FIELDS)
