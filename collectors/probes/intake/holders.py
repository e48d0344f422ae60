"""Whether one vantage point's key is in two machines' hands: a copied disk, or a thief. Pure, bounded, in memory.

A probe that is set up anew comes with a new spool and never again with the old one. Two that share a key take turns;
two that share the spool as well say different things under one sequence, of which the second is lost without a word.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collectors.probes.handing import Batch


@dataclass(slots=True)
class _Seen:
    """The spool that came last, the one before it, and what the last record of the former was."""

    source: str
    before: str = ""
    sequence: int = 0
    digest: bytes = b""


class Holders:
    """What is remembered of each vantage point, in few octets. Used under its owner's lock."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}

    def doubled(self, batch: Batch) -> bool:
        """Take a batch that is the vantage point's by its signature; whether another machine hands in under it, too."""
        seen = self._seen.setdefault(batch.vantage, _Seen(batch.source))
        found = batch.source == seen.before or (batch.source == seen.source and _contradicts(seen, batch))
        if batch.source != seen.source:
            seen.before, seen.source = seen.source, batch.source
        seen.sequence, payload = batch.records[-1]
        seen.digest = hashlib.sha256(payload).digest()
        return found


def _contradicts(seen: _Seen, batch: Batch) -> bool:
    """Whether a sequence that came before holds something else now."""
    again = next((payload for sequence, payload in batch.records if sequence == seen.sequence), None)
    return again is not None and hashlib.sha256(again).digest() != seen.digest
