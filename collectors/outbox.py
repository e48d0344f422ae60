"""Between the poller and its spool: what is decoded and not yet on disk, in bounded memory and in a bounded spool.

A spool that cannot write (a full disk) keeps nothing that it did not acknowledge; the outbox holds on to it and tries
again. What no longer fits is dropped, oldest polls first, and counted: its slots then show as not measured, on our
account, and the count itself becomes a fact as soon as facts are taken.

A spool that fills because the core or its store is away gives up what can be had again before what cannot:

    from 70 % of the cap   polls go in without their decoded rows; the core reads them again from the raw replies
    from 90 %              polls of devices that bear on no contract are left out
    at the cap             nothing more is polled for keeps; facts still have room (`netops/spool.py`)

Each step is a fact (`spool_dropped`), told at once and then every ten minutes with what came since.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

from netops import facts, wire
from netops.errors import SpoolError
from netops.facts import Fact
from netops.measures import LAGS_S, Told, histogram
from netops.model import ANSWERED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from netops.evidence.canonical import JSON
    from netops.model import Poll
    from netops.spool import Spool

ROOM = 32 << 20  # bytes held while the disk does not take them
BATCH = 500
THIN: Final = 0.7  # of the cap: from here on polls go in without what can be read from them again
SPARE: Final = 0.9  # from here on what bears on no contract is left out
TELL_MS: Final = 600_000

_REASONS: Final = {
    "rows": "the spool is nearly full; the decoded rows are left out and read again from the raw replies",
    "spared": "the spool is nearly full; these polls are of devices that bear on no contract, and were not kept",
    "events": "the spool took nothing for longer than memory lasts; what devices said by themselves was not kept",
    "polls": "the spool took nothing for longer than memory lasts; their slots are not measured, on our account",
}


class _Record(NamedTuple):
    kind: str
    payload: bytes
    thin: bool = False


@dataclass(slots=True)
class _Lost:
    """What was given up since it was last told."""

    count: int = 0
    first: int = 0
    last: int = 0
    told_ms: int | None = None


def _every(_: str) -> bool:
    return True


class Outbox:
    """Encoded records waiting for the spool. Used from one thread.

    `derivable` says that the core can read the rows of these polls from their raw replies, `bears` which devices bear
    on a contract.
    """

    def __init__(
        self, spool: Spool, *, room: int = ROOM, derivable: bool = False, bears: Callable[[str], bool] = _every
    ) -> None:
        self._spool = spool
        self._room = room
        self._derivable = derivable
        self._bears = bears
        self._held: deque[_Record] = deque()
        self._bytes = 0
        self._lost = {what: _Lost() for what in _REASONS}
        self.refused = ""
        self.outcomes: Counter[str] = Counter()
        self.lags = [0] * (len(LAGS_S) + 1)  # polls by how late they were sent: by the bounds of LAGS_S, and beyond
        self.lag_s = 0.0

    def __len__(self) -> int:
        """Return how many records wait."""
        return len(self._held)

    def add(self, polls: Iterable[Poll]) -> None:
        """Take polls; one that cannot be put on the wire is dropped and counted."""
        full = self._spool.held_bytes / self._spool.cap_bytes
        for poll in polls:
            self._count(poll)
            if full >= SPARE and not self._bears(poll.device.partition("/")[0]):
                self._lost["spared"].count += 1
                continue
            thin = full >= THIN and self._derivable and poll.outcome == ANSWERED and bool(poll.raw and poll.rows)
            try:
                self._hold(_Record("poll", wire.encode(replace(poll, rows=()) if thin else poll), thin))
            except SpoolError as error:
                self._lost["polls"].count += 1
                self.refused = str(error)

    def _count(self, poll: Poll) -> None:
        self.outcomes[poll.outcome] += 1
        lag_s = poll.lag_ms / 1000
        self.lags[bisect_left(LAGS_S, lag_s)] += 1
        self.lag_s += max(lag_s, 0.0)

    def measures(self) -> Iterator[Told]:
        """Yield how polls went since the start, and how late they were sent."""
        for name, count in sorted(self.outcomes.copy().items()):
            yield Told("netops_polls_total", count, (name,))
        yield from histogram("netops_poll_lag_seconds", tuple(self.lags), self.lag_s)

    def state(self, *given: Fact) -> None:
        """Take facts."""
        for fact in given:
            self._hold(_Record(facts.SPOOL_KIND, facts.encode(fact)))

    def offer(self, given: Fact) -> bool:
        """Take a fact that others cause, as many as they like; where there is no room it is given up and counted."""
        record = _Record(facts.SPOOL_KIND, facts.encode(given))
        if self._bytes + len(record.payload) > self._room:
            self._lost["events"].count += 1
            return False
        self._hold(record)
        return True

    def flush(self, *, now_ms: int) -> int:
        """Put what waits into the spool; return how many are durable now. A refusal keeps them here."""
        self._tell(now_ms)
        done = 0
        try:
            while self._held:
                kind = self._held[0].kind
                batch: list[_Record] = []
                for each in self._held:
                    if each.kind != kind or len(batch) == BATCH:
                        break
                    batch.append(each)
                self._put(kind, batch)
                for _ in batch:
                    self._held.popleft()
                done += len(batch)
        except SpoolError as error:
            self.refused = str(error)
            return done + self._put_facts()
        self.refused = ""
        return done

    def _put(self, kind: str, batch: Sequence[_Record]) -> None:
        last = self._spool.put(kind, [each.payload for each in batch])
        self._bytes -= sum(len(each.payload) for each in batch)
        rows = self._lost["rows"]
        for sequence, each in enumerate(batch, last - len(batch) + 1):
            if each.thin:
                rows.count, rows.last = rows.count + 1, sequence
                rows.first = rows.first or sequence

    def _put_facts(self) -> int:
        """Put the facts alone: there is room for them where there is none for polls."""
        told = [each for each in self._held if each.kind == facts.SPOOL_KIND]
        try:
            if told:
                self._put(facts.SPOOL_KIND, told)
        except SpoolError:
            return 0
        self._held = deque(each for each in self._held if each.kind != facts.SPOOL_KIND)
        return len(told)

    def _tell(self, now_ms: int) -> None:
        for what, lost in self._lost.items():
            if not lost.count or (lost.told_ms is not None and now_ms - lost.told_ms < TELL_MS):
                continue
            body: dict[str, JSON] = {
                "spool": self._spool.source.partition("/")[0],
                "what": "polls" if what == "spared" else what,
                "first_sequence": lost.first,
                "last_sequence": lost.last,
                "count": lost.count,
                "reason": _REASONS[what],
            }
            self._lost[what] = _Lost(told_ms=now_ms)
            self.state(Fact(kind="spool_dropped", at_ms=now_ms, body=body))

    def _hold(self, record: _Record) -> None:
        self._held.append(record)
        self._bytes += len(record.payload)
        while self._bytes > self._room and len(self._held) > 1 and self._drop_poll():
            self._lost["polls"].count += 1

    def _drop_poll(self) -> bool:
        """Drop the oldest poll; facts are few, and stay. Return whether there was one."""
        stay: list[_Record] = []
        while self._held and self._held[0].kind == facts.SPOOL_KIND:
            stay.append(self._held.popleft())
        dropped = self._held.popleft() if self._held else None
        self._held.extendleft(reversed(stay))
        self._bytes -= len(dropped.payload) if dropped else 0
        return dropped is not None
