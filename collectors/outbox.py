"""Between the poller and its spool: what is decoded and not yet on disk, in bounded memory.

A spool that cannot write (a full disk) keeps nothing that it did not acknowledge; the outbox holds on to it and tries
again. What no longer fits is dropped, oldest first, and counted: its slots then show as not measured, on our account,
and the count itself becomes a fact once the disk takes facts again.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from netops import facts, wire
from netops.errors import SpoolError
from netops.facts import Fact

if TYPE_CHECKING:
    from collections.abc import Iterable

    from netops.evidence.canonical import JSON
    from netops.model import Poll
    from netops.spool import Spool

ROOM = 32 << 20  # bytes held while the disk does not take them
BATCH = 500


class Outbox:
    """Encoded records waiting for the spool. Used from one thread."""

    def __init__(self, spool: Spool, *, room: int = ROOM) -> None:
        self._spool = spool
        self._room = room
        self._held: deque[tuple[str, bytes]] = deque()
        self._bytes = 0
        self._dropped = 0
        self.refused = ""

    def __len__(self) -> int:
        """Return how many records wait."""
        return len(self._held)

    def add(self, polls: Iterable[Poll]) -> None:
        """Take polls; one that cannot be put on the wire is dropped and counted."""
        for poll in polls:
            try:
                self._hold("poll", wire.encode(poll))
            except SpoolError as error:
                self._dropped += 1
                self.refused = str(error)

    def state(self, *given: Fact) -> None:
        """Take facts."""
        for fact in given:
            self._hold(facts.SPOOL_KIND, facts.encode(fact))

    def flush(self, *, now_ms: int) -> int:
        """Put what waits into the spool; return how many are durable now. A refusal keeps them here."""
        done = 0
        try:
            while self._held:
                kind = self._held[0][0]
                batch: list[bytes] = []
                for each, payload in self._held:
                    if each != kind or len(batch) == BATCH:
                        break
                    batch.append(payload)
                self._spool.put(kind, batch)
                for payload in batch:
                    self._held.popleft()
                    self._bytes -= len(payload)
                done += len(batch)
        except SpoolError as error:
            self.refused = str(error)
            return done
        self.refused = ""
        if self._dropped:
            count, self._dropped = self._dropped, 0
            self.state(_lost(self._spool.source.partition("/")[0], count, now_ms))
        return done

    def _hold(self, kind: str, payload: bytes) -> None:
        self._held.append((kind, payload))
        self._bytes += len(payload)
        while self._bytes > self._room and len(self._held) > 1:
            self._bytes -= len(self._held.popleft()[1])
            self._dropped += 1


def _lost(spool: str, count: int, now_ms: int) -> Fact:
    body: dict[str, JSON] = {
        "spool": spool,
        "what": "polls",
        "first_sequence": 0,
        "last_sequence": 0,
        "count": count,
        "reason": "the spool took nothing for longer than memory lasts; their slots are not measured, on our account",
    }
    return Fact(kind="spool_dropped", at_ms=now_ms, body=body)
