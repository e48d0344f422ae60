"""How far the core has come with a spool, and how the newest goes first when much has piled up.

After an outage hours of polls wait. Taken oldest first, the page would show the past until the last of them is in. So
what is put from now on gets a lane of its own beside the old one: the drain takes a batch of the lane, then one of the
backlog. When the backlog reaches the place where the lane began, the two are joined, and there is one way again.

    sequence  1 ........ upto ......... first ........ upto ....... newest
                  taken       waits            taken        waits

The newest lane is open; an older one, of an outage within an outage, waits until it is reached. All of it lies in
`drain.db`: killed anywhere, the same batches are taken again under the same names. Here is no I/O but the file's.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from netops import sqlite

if TYPE_CHECKING:
    from collections.abc import Sequence

    import apsw

CLAIM_MS: Final = 2 * 3_600_000  # a slot may be polled twice around a restart of the collector, not hours later
FAR_MS: Final = 35 * 60_000  # what is older waits behind what comes now; the judge compares less far back
MOST: Final = 8  # lanes of one spool: so many outages within one another

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS cursor(source TEXT NOT NULL, kind TEXT NOT NULL, upto INTEGER NOT NULL,
    PRIMARY KEY(source, kind)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS lane(source TEXT NOT NULL, first INTEGER NOT NULL, upto INTEGER NOT NULL,
    PRIMARY KEY(source, first)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS claim(slot_ms INTEGER NOT NULL, device TEXT NOT NULL, source TEXT NOT NULL,
    sequence INTEGER NOT NULL, PRIMARY KEY(slot_ms, device)) WITHOUT ROWID;
"""


@dataclass(slots=True)
class Progress:
    """How far one way through a spool was handed on, and how far that is settled."""

    upto: int
    ahead: int
    first: int = 0  # after which sequence the lane begins; 0: the way from the oldest on
    incarnation: str = ""  # of the store that took what lies between
    unsettled: deque[tuple[float, int]] = field(default_factory=deque)  # (since, sequence)
    begun_ms: int = 0  # the oldest and the newest slot that this process took on this way
    slot_ms: int = 0

    def name(self, source: str) -> str:
        """Return the name under which the archive counts what is kept of this way."""
        return f"{source}#{self.first}" if self.first else source

    def took(self, slots: Sequence[int]) -> None:
        """Note the slots of a batch."""
        if slots:
            self.begun_ms = self.begun_ms or min(slots)
            self.slot_ms = max(self.slot_ms, *slots)


@dataclass(slots=True)
class Ways:
    """The ways through the records of one kind of one source: the oldest, and the lanes in their order."""

    main: Progress
    lanes: list[Progress] = field(default_factory=list)

    @property
    def newest(self) -> Progress:
        """The way on which the newest records come."""
        return self.lanes[-1] if self.lanes else self.main

    def end(self) -> int | None:
        """Return the last sequence of the way from the oldest on; None when it has no end."""
        return self.lanes[0].first if self.lanes else None


def ways(db: apsw.Connection, source: str, kind: str) -> Ways:
    """Read how far everything has come."""
    upto = int(db.execute("SELECT upto FROM cursor WHERE source = ? AND kind = ?", (source, kind)).get or 0)
    found = Ways(Progress(upto, upto))
    if kind == "poll":
        rows = sqlite.rows(db, "SELECT first, upto FROM lane WHERE source = ? ORDER BY first", (source,))
        found.lanes = [Progress(upto, upto, first) for first, upto in rows]
    return found


def open_lane(db: apsw.Connection, source: str, held: Ways, newest: int) -> None:
    """Give what comes after sequence `newest` a lane of its own."""
    with db:
        db.execute("INSERT OR REPLACE INTO lane VALUES (?, ?, ?)", (source, newest, newest))
    held.lanes.append(Progress(newest, newest, newest))


def join(db: apsw.Connection, source: str, kind: str, held: Ways) -> None:
    """Go on behind the first lane: everything before it is taken and settled."""
    lane = held.lanes[0]
    with db:
        db.execute("INSERT OR REPLACE INTO cursor VALUES (?, ?, ?)", (source, kind, lane.upto))
        db.execute("DELETE FROM lane WHERE source = ? AND first = ?", (source, lane.first))
    held.lanes.pop(0)
    lane.first = 0
    held.main = lane


def follow(db: apsw.Connection, source: str, kind: str, way: Progress, settled: int) -> None:
    """Move the cursor of a way to what is settled, and forget the claims that nothing on it can meet any more."""
    if settled <= way.upto:
        return
    with db:
        table, key = ("lane", way.first) if way.first else ("cursor", kind)
        db.execute(f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?)", (source, key, settled))  # noqa: S608
        # what the backlog may still bring a second time lies beside the lane's beginning: those claims stay
        since = way.begun_ms + CLAIM_MS if way.first else -1
        old = "DELETE FROM claim WHERE slot_ms > ? AND slot_ms < ? AND source = ? AND sequence > ? AND sequence <= ?"
        db.execute(old, (since, way.slot_ms - CLAIM_MS, source, way.first, settled))
    way.upto = settled


def settled(way: Progress, *, incarnation: str, now_s: float, settle_s: float) -> int:
    """Return what a crash of the store can no longer undo; fall back to the cursor when its process is another."""
    if incarnation != way.incarnation:
        way.incarnation = incarnation
        way.unsettled.clear()
        way.ahead = way.upto
        return way.upto
    if way.ahead > (way.unsettled[-1][1] if way.unsettled else way.upto):
        way.unsettled.append((now_s, way.ahead))
    done = way.upto
    while way.unsettled and now_s - way.unsettled[0][0] >= settle_s:
        done = way.unsettled.popleft()[1]
    return done
