"""What became of the notes that carriers handed in here: taken, refused, or still on its way; and the receipt for it.

Nothing is kept for a receipt: it is read from the ledger whenever somebody asks, so that no kill can lose one. It
stands under the first checkpoint over the leaf that as many witnesses signed as the policy of then asks for: from then
on it is the same one whenever it is asked for. Until they have, it stands under the first that most of them signed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from netops.access import record
from netops.errors import NetopsError, UsageError
from netops.evidence import receipt
from netops.evidence.signed_words import KINDS
from netops.ledger_file import LedgerReader
from netops.report import witnessed
from netops.witness import policy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from netops.config import Settings
    from netops.facts import Fact
    from netops.ledger_file import Leaf

DAY_MS: Final = 86_400_000
MOST_A_DAY: Final = 100  # refusals of one key that become leaves: who signs may not fill the ledger either
_KINDS: Final = frozenset({*KINDS, receipt.RECEIVED, receipt.REFUSED, receipt.REFUSED_LATER})


class PendingError(NetopsError):
    """The note was handed in; no checkpoint covers it yet."""

    exit_code = 75


@dataclass(frozen=True, slots=True)
class Handed:
    """One note's fate, as one fact tells it; `leaf` is None while the fact waits for the core."""

    digest: str
    fact: Fact
    leaf: Leaf | None = None

    @property
    def taken(self) -> bool:
        """Whether it became a word of the dispute."""
        return self.fact.kind in KINDS


def read(settings: Settings) -> list[Handed]:
    """Return what is known of notes, what the ledger holds in its order first, then what waits."""
    found: list[Handed] = []
    path = record.ledger_path(settings)
    if path.exists():
        with LedgerReader(path) as ledger:
            leaves = sorted((leaf for kind in _KINDS for leaf in ledger.find(kind)), key=lambda leaf: leaf.index)
        found = [Handed(_digest(leaf.fact), leaf.fact, leaf) for leaf in leaves]
    found += [Handed(_digest(fact), fact) for fact, sealed in record.stated(settings, _KINDS) if not sealed]
    return [each for each in found if each.digest]


def arrival(found: Iterable[Handed], digest: str) -> Handed | None:
    """Return that a note came in, as it was said first; None when nobody said so."""
    return next((each for each in found if each.digest == digest and each.fact.kind == receipt.RECEIVED), None)


def fate(found: Iterable[Handed], digest: str) -> Handed | None:
    """Return what became of a note: that it was taken, else its first refusal; None when it was never handed in.

    The first one says when the city had the note; that it is refused again, for another reason now, adds nothing.
    """
    mine = [each for each in found if each.digest == digest and each.fact.kind != receipt.RECEIVED]
    return next((each for each in mine if each.taken), mine[0] if mine else None)


def many(found: Iterable[Handed], key: str, *, now_ms: int, kind: str = receipt.REFUSED) -> bool:
    """Whether so many notes by a key were refused (or came in: `kind`) within a day that one more becomes no leaf."""
    lately = (each for each in found if each.fact.kind == kind and each.fact.at_ms > now_ms - DAY_MS)
    return sum(each.fact.body["by"] == key for each in lately) >= MOST_A_DAY


def made(settings: Settings, digest: str) -> bytes:
    """Return the receipt of a note; UsageError when nobody handed it in, PendingError while nothing covers it."""
    handed = read(settings)
    found = fate(handed, digest)
    if found is None and arrival(handed, digest) is not None:
        raise PendingError(
            f"the note with SHA-256 {digest} came in, and nobody looked at it yet: `netops dispute take` does"
        )
    if found is None:
        raise UsageError(
            f"the note with SHA-256 {digest} was never handed in here, or no registered carrier's key signed it (such "
            "notes are counted and have no receipt); `netops dispute take` hands it in and says why one is refused"
        )
    if found.leaf is None:
        raise PendingError(f"the note with SHA-256 {digest} waits for the core to seal it; ask again in a minute")
    with LedgerReader(record.ledger_path(settings)) as ledger:
        if ledger.covering(found.leaf.index) is None:
            raise PendingError(f"leaf {found.leaf.index} waits for its checkpoint; ask again in a minute")
        under = witnessed.chosen(ledger, found.leaf.index, policy.before(ledger, found.leaf.index))
        path = ledger.inclusion(found.leaf.index, under.size)
    return receipt.write(found.leaf.data, index=found.leaf.index, path=path, checkpoint=under.note)


def _digest(fact: Fact) -> str:
    if fact.kind == receipt.RECEIVED:
        return str(fact.body["digest"])
    return receipt.noted({"kind": fact.kind, "body": fact.body})
