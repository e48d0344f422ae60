"""The core's side of the spools: every record once into store, archive and ledger, whatever dies in between.

A step reads a batch beyond a cursor, does what is idempotent (the store knows `(device, slot)`, the archive and the
ledger know `(source, sequence)`), and only then moves the cursor, in `drain.db`. Killed anywhere, the next step does
the same again and adds nothing. Polls and facts have cursors of their own: facts flow while a telemetry store is down.

A record that cannot be what it says is isolated with its reason and its bytes; the others flow. A store of which
`settle_s` is not zero may forget what it took when its process dies: the cursor follows only after that time, and falls
back when the store's incarnation has changed. When much has piled up the newest goes first: `netops/lanes.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final, Self

import apsw

from netops import facts, lanes, speakers, sqlite
from netops.ahead import Ahead, unpacked
from netops.clock import SYSTEM
from netops.errors import EvidenceError, NetopsError, RefusedError, SpoolError
from netops.ledger import LedgerEntry
from netops.packed import kinds
from netops.spool import Entry, Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from netops.ahead import Batch
    from netops.clock import Clock
    from netops.config import Settings
    from netops.lanes import Progress, Ways
    from netops.model import Poll
    from netops.packed import Polled
    from netops.raw import Archive
    from netops.store import Store

KINDS: Final = ("fact", "poll")
POLLERS: Final = frozenset(
    {"collect", "probe", "portal", "radius"}
)  # whose spools hold polls of now; who tells of the past keeps a mark (core.py)
FRESH_FIRST: Final = frozenset({"collect", "ssh", "acs", "probe"})  # who is never late but through us

PAST: Final = 4  # batches at once of what nobody waits for: larger ones make larger files and fewer fsyncs

_SCHEMA = """
CREATE TABLE IF NOT EXISTS quarantine(source TEXT NOT NULL, sequence INTEGER NOT NULL, kind TEXT NOT NULL,
    reason TEXT NOT NULL, payload BLOB NOT NULL, PRIMARY KEY(source, sequence)) WITHOUT ROWID;
"""


def _ignore(_: object) -> None:
    return


def _always(_: object) -> bool:
    return True


def _as_it_is(poll: Poll) -> Poll:
    return poll


def _welcome(entries: Sequence[LedgerEntry]) -> Sequence[str]:
    return [""] * len(entries)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What one step did, for the log line and the counters."""

    polls: int = 0
    facts: int = 0
    isolated: int = 0
    repeated: int = 0
    waiting: tuple[str, ...] = ()  # what could not be done now and stays in the spools, as sentences

    @property
    def idle(self) -> bool:
        """Whether nothing was there to take, or nothing could be taken."""
        return not (self.polls or self.facts or self.isolated or self.repeated)


class Drain:
    """Reads `spools/*.db`; used by the core, from one thread. Inert until entered."""

    def __init__(
        self,
        path: Path,
        *,
        spools: Path,
        store: Store,
        archive: Archive,
        on_facts: Callable[[Sequence[LedgerEntry]], None],
        on_polls: Callable[[Sequence[Polled]], None] = _ignore,
        bears: Callable[[Polled], bool] = _always,
        refuses: Callable[[Sequence[LedgerEntry]], Sequence[str]] = _welcome,
        again: Callable[[Poll], Poll] = _as_it_is,
        clock: Clock = SYSTEM,
        batch: int = 500,
        rehearsal: bool = False,
    ) -> None:
        self.path = path
        self.spools = spools
        self._store = store
        self._archive = archive
        self._on_facts = on_facts
        self._on_polls = on_polls
        self._bears = bears
        self._refuses = refuses
        self._again = again
        self._clock = clock
        self._batch = batch
        self._rehearsal = rehearsal
        self._claim: sqlite.Claim | None = None
        self._db: apsw.Connection | None = None
        self._ways: dict[tuple[str, str], Ways] = {}
        self._behind: frozenset[str] = frozenset()
        self._unheard: frozenset[str] = frozenset()
        self._ahead = Ahead(again=again, bears=bears)

    def __enter__(self) -> Self:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._claim = sqlite.Claim(self.path)
        except OSError as error:
            raise SpoolError(f"drain {self.path}: cannot be opened ({error}); only one core drains") from None
        return self

    def __exit__(self, *_: object) -> None:
        self._drop()
        self._ahead.close()
        if self._claim is not None:
            self._claim.release()
            self._claim = None

    @property
    def behind(self) -> frozenset[str]:
        """The spools of pollers with polls that the last step did not reach: what they tell of is not judged yet."""
        return self._behind

    @property
    def unheard(self) -> frozenset[str]:
        """The spools of people with facts that the last step did not take: who speaks there is not silent."""
        return self._unheard

    def step(self) -> Taken:
        """Take one batch of each kind from every spool. What fails stays where it is and is named in `waiting`."""
        done = Taken()
        behind, unheard = set(), set()
        for spool in sorted(self.spools.glob("*.db")):
            for kind in KINDS:
                try:
                    taken_, whole = self._take(spool, kind)
                except (NetopsError, apsw.Error, OSError) as error:
                    if isinstance(error, apsw.Error):
                        self._drop()
                    taken_, whole = Taken(waiting=(f"{spool.stem}/{kind}: {error}",)), False
                done = _sum(done, taken_)
                if kind == "poll" and not whole and spool.stem in POLLERS:
                    behind.add(spool.stem)
                if kind == "fact" and not whole and spool.stem in speakers.DISPUTANTS:
                    unheard.add(spool.stem)
        self._behind, self._unheard = frozenset(behind), frozenset(unheard)
        return done

    def quarantined(self) -> list[tuple[Entry, str]]:
        """Return the isolated records with their reasons."""
        sql = "SELECT sequence, kind, payload, source, reason FROM quarantine ORDER BY source, sequence"
        return [(Entry(*row[:4]), row[4]) for row in sqlite.rows(self._own(), sql)]

    def _take(self, spool: Path, kind: str) -> tuple[Taken, bool]:
        """Take a batch, of the newest first; return also whether it reached all that had been put by then."""
        with Reader(spool) as reader:
            source = reader.source()
            if not source:
                return Taken(), True
            if not speakers.own_source(spool.stem, source):
                raise SpoolError(f"speaks as '{source[:80]}'; expected '{spool.stem}/' and its eight hex digits")
            newest = reader.newest()  # before the reading: what comes in between is then not passed over
            held = self._of(source, kind)
            done = Taken()
            for _ in range(PAST if held.lanes else 0):  # as much as of the backlog, where there is as much
                done = _sum(done, self._take_way(reader, kind, held.newest, newest, ahead_of=held))
                if held.newest.ahead >= newest:
                    break
            end = held.end()
            done = _sum(done, self._take_way(reader, kind, held.main, newest if end is None else end, ahead_of=held))
        if end is not None and held.main.upto >= end:
            self._archive.join(source, held.lanes[0].name(source))
            lanes.join(self._own(), source, kind, held)
        return done, not held.lanes and held.main.ahead >= newest

    def _take_way(self, reader: Reader, kind: str, way: Progress, end: int, *, ahead_of: Ways) -> Taken:
        """Take a batch of one way, none of it beyond sequence `end`."""
        source, spool, ahead = reader.source(), reader.path.stem, self._ahead
        past = kind == "poll" and way is not ahead_of.newest
        limit = self._batch * PAST if past else self._batch
        ready = ahead.take(reader.path, after=way.ahead) if past else None
        entries = ready.entries if ready else reader.read(after=way.ahead, limit=limit, kind=kind)
        if past:
            entries = [entry for entry in entries if entry.sequence <= end]
        settles = kind == "poll" and self._store.settle_s > 0
        if settles and entries and not way.incarnation:
            way.incarnation = self._store.incarnation()  # before the first writing: a restart during it shows
        done, upto = Taken(), entries[-1].sequence if entries else 0
        if entries:
            if past and entries[-1].sequence < end:
                ahead.begin(reader.path, after=entries[-1].sequence, limit=limit)
            if kind == "fact":
                done, upto = self._hand_on_facts(spool, entries)
            elif not speakers.may_poll(spool, rehearsal=self._rehearsal):
                done = self._not_theirs(spool, entries)
            else:
                batch = ready.upto(end) if ready else unpacked(entries, again=self._again)
                with ahead.holding(reader.path, batch, after=way.ahead):
                    done = self._hand_on_polls(batch, way)
            way.ahead = upto
        elif end > way.ahead:
            way.ahead = end  # what lies in between is of the other kind
        lanes.follow(self._own(), source, kind, way, self._settled(way) if settles else way.ahead)
        far = way.slot_ms < self._clock.now_ms() - lanes.FAR_MS and way.ahead + self._batch < end
        if far and entries and kind == "poll" and way is ahead_of.newest and self._may_open(spool, ahead_of):
            lanes.open_lane(self._own(), source, ahead_of, end)
        return done

    def _may_open(self, spool: str, held: Ways) -> bool:
        return spool in FRESH_FIRST and len(held.lanes) < lanes.MOST

    def _hand_on_facts(self, spool: str, entries: Sequence[Entry]) -> tuple[Taken, int]:
        """Hand on facts, as far as they can be by now; return also the sequence of the last that was."""
        read: list[tuple[Entry, LedgerEntry]] = []
        bad: list[int] = []
        for entry in entries:
            try:
                fact = facts.decode(entry.payload)
            except EvidenceError as error:
                self._isolate(entry, str(error))
                bad.append(entry.sequence)
                continue
            if speakers.may_state(spool, fact.kind, rehearsal=self._rehearsal):
                read.append((entry, LedgerEntry(entry.source, entry.sequence, fact)))
            else:
                self._isolate(entry, f"'{spool}' may not state '{fact.kind}'")
                bad.append(entry.sequence)
        told = self._refuses([each for _, each in read])
        upto = entries[-1].sequence if len(told) == len(read) else read[len(told)][0].sequence - 1
        sound: list[LedgerEntry] = []
        for (entry, fact_), why in zip(read, told, strict=False):  # behind the last is who waits
            if why:
                self._isolate(entry, why)
                bad.append(entry.sequence)
            else:
                sound.append(fact_)
        if sound:
            self._on_facts(sound)
        return Taken(facts=len(sound), isolated=sum(each <= upto for each in bad)), upto

    def _hand_on_polls(self, batch: Batch, way: Progress) -> Taken:
        sound: list[tuple[Entry, Polled]] = []
        for entry, poll in zip(batch.entries, batch.read, strict=True):
            if isinstance(poll, SpoolError):
                self._isolate(entry, str(poll))
            elif not speakers.own_poll(spool := entry.source.partition("/")[0], poll.device):
                self._isolate(entry, f"'{spool}' may not tell of polls of '{poll.device[:80]}'")
            elif strange := sorted(kinds(poll) - speakers.SUBJECTS[spool]) if spool in speakers.SUBJECTS else []:
                self._isolate(entry, f"'{spool}' may not tell of any '{strange[0]}'")
            else:
                sound.append((entry, poll))
        first = self._first(sound)
        kept = self._write(first)
        ready = batch.ready if len(kept) == len(batch.entries) else None
        records = [(entry.sequence, poll) for entry, poll in kept]
        self._archive.keep(way.name(batch.entries[0].source), records, bears=self._bears, ready=ready)
        if kept:
            self._on_polls([poll for _, poll in kept])
        way.took([poll.slot_ms for _, poll in sound])
        isolated = len(batch.entries) - len(sound) + len(first) - len(kept)
        return Taken(polls=len(kept), isolated=isolated, repeated=len(sound) - len(first))

    def _not_theirs(self, spool: str, entries: Sequence[Entry]) -> Taken:
        for entry in entries:
            self._isolate(entry, f"'{spool}' may not tell of polls")
        return Taken(isolated=len(entries))

    def _write(self, records: Sequence[tuple[Entry, Polled]]) -> list[tuple[Entry, Polled]]:
        """Write to the store and return what it took; what it refuses is searched by halves and isolated."""
        if not records:
            return []
        try:
            self._store.write([poll for _, poll in records])
        except RefusedError as error:
            if len(records) == 1:
                self._isolate(records[0][0], str(error))
                return []
            middle = len(records) // 2
            return self._write(records[:middle]) + self._write(records[middle:])
        return list(records)

    def _first(self, records: Sequence[tuple[Entry, Polled]]) -> list[tuple[Entry, Polled]]:
        """Return the records that are the first of their `(device, slot)`: a server would let the last one win."""
        if not records:
            return []
        db = self._own()
        with db:
            before = db.total_changes()
            db.executemany(
                "INSERT OR IGNORE INTO claim VALUES (?, ?, ?, ?)",
                [(poll.slot_ms, poll.device, entry.source, entry.sequence) for entry, poll in records],
            )
            if db.total_changes() - before == len(records):
                return list(records)  # nobody had claimed any of them
            sql = "SELECT source, sequence FROM claim WHERE slot_ms = ? AND device = ?"
            owners = [sqlite.rows(db, sql, (poll.slot_ms, poll.device))[0] for _, poll in records]
        return [
            record
            for record, owner in zip(records, owners, strict=True)
            if owner == (record[0].source, record[0].sequence)
        ]

    def _settled(self, way: Progress) -> int:
        """Return how far the cursor may follow; the server is asked only when there is something it may have lost."""
        if way.ahead == way.upto:
            return way.upto
        now_s = self._clock.monotonic()
        return lanes.settled(way, incarnation=self._store.incarnation(), now_s=now_s, settle_s=self._store.settle_s)

    def _of(self, source: str, kind: str) -> Ways:
        if (source, kind) not in self._ways:
            self._ways[source, kind] = lanes.ways(self._own(), source, kind)
        return self._ways[source, kind]

    def _isolate(self, entry: Entry, reason: str) -> None:
        db = self._own()
        with db:
            row = (entry.source, entry.sequence, entry.kind, reason, entry.payload)
            db.execute("INSERT OR IGNORE INTO quarantine VALUES (?, ?, ?, ?, ?)", row)

    def _own(self) -> apsw.Connection:
        if self._claim is None:
            raise SpoolError(f"drain {self.path}: it is closed; use it as a context manager")
        if self._db is None:
            db = sqlite.writer(self.path)
            try:
                with db:
                    db.execute(lanes.SCHEMA + _SCHEMA)
                sqlite.settle(db)
            except BaseException:
                sqlite.close(db)
                raise
            self._db = db
        return self._db

    def _drop(self) -> None:
        self._ways.clear()
        if self._db is not None:
            sqlite.close(self._db)
            self._db = None


def isolated(settings: Settings) -> list[tuple[str, int, str]]:
    """Return (source, sequence, reason) of every record that could not be what it said, for `netops doctor`."""
    path = settings.data.dir / "drain.db"
    if not path.exists():
        return []
    try:
        db = sqlite.reader(path)
    except apsw.Error as error:
        raise SpoolError(f"drain {path}: cannot be read ({error})") from None
    try:
        return sqlite.rows(db, "SELECT source, sequence, reason FROM quarantine ORDER BY source, sequence")
    except apsw.SQLError:
        return []  # the core has just begun
    finally:
        sqlite.close(db)


def drained(settings: Settings, service: str) -> int:
    """Return up to which sequence the core has taken the service's spool: that far the service may trim it."""
    spool = settings.data.dir / "spool" / f"{service}.db"
    path = settings.data.dir / "drain.db"
    if not path.exists() or not spool.exists():
        return 0
    with Reader(spool) as reader:
        source = reader.source()
    return taken(path, source)


def taken(path: Path, source: str) -> int:
    """Return the sequence up to which all kinds of `source` are taken, by the core's own `drain.db`."""
    try:
        db = sqlite.reader(path)
    except apsw.Error as error:
        raise SpoolError(f"drain {path}: cannot be read ({error})") from None
    try:
        found = dict(sqlite.rows(db, "SELECT kind, upto FROM cursor WHERE source = ?", (source,)))
    except apsw.SQLError:
        return 0  # the core has just begun
    except apsw.Error as error:
        raise SpoolError(f"drain {path}: cannot be read ({error})") from None
    finally:
        sqlite.close(db)
    return min(int(found.get(kind, 0)) for kind in KINDS)


def _sum(one: Taken, other: Taken) -> Taken:
    return Taken(**{each.name: getattr(one, each.name) + getattr(other, each.name) for each in fields(Taken)})
