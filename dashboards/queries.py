"""Reading what the pages show: register, situation, store, ledger, reports. Nothing here writes.

Each answer is as old as its source: the register is read again when its file changes or a minute has passed, the
situation when the core has replaced it. A source that cannot be read is said so on the page; the others are shown.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from contextlib import contextmanager, suppress
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Protocol

from dashboards.city import City, Index, index, join
from dashboards.narrow import narrowed
from inventory.register import Register
from inventory.snapshot import snapshot
from netops import raw
from netops import situation as situations
from netops.access import reach
from netops.access.beyond import About, beyond
from netops.access.record import ledger_path
from netops.access.scope import EVERYTHING
from netops.errors import NetopsError, StoreError
from netops.evidence import canonical
from netops.ledger import LedgerReader
from netops.model import ANSWERED, OURS, Subject
from netops.situation import Situation
from netops.store import open_store
from netops.sums import hours_of, together

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from inventory.edits import Edit
    from inventory.errors import Problem
    from inventory.model import Record
    from netops.access.scope import Scope
    from netops.clock import Clock
    from netops.config import Settings
    from netops.journal import HourSum
    from netops.ledger import Leaf
    from netops.model import Gap, Observation
    from netops.store import Grouped, Outcome, Reading, Store

LOG = logging.getLogger("netops.web")
REGISTER_MS = 60_000
FRESH_S = 1.0
CHUNK_MS = 3_600_000  # so long before a poll the chunk of raw replies is looked for that it is in
SCOPES = 32  # parts of the city that are kept joined
OURS_NAMES = frozenset(reason.value for reason in OURS)
DECODERS = (
    "netops.decoders"  # entry points: decode(outcome, raw) -> observations and gaps, with OID, rule and raw value
)


class Decoder(Protocol):
    """Explains a raw reply by the rules that read it; comes from a door through the entry points."""

    def __call__(self, device: str, outcome: Outcome, raw: bytes) -> Sequence[Observation | Gap]:
        """Return what was read from the reply."""
        ...


class Queries:
    """One per process; safe to use from several threads. Close it at the end."""

    def __init__(self, settings: Settings, clock: Clock, scope: Callable[[], Scope] = lambda: EVERYTHING) -> None:
        self.settings = settings
        self.clock = clock
        self._scope = scope  # of whoever asks just now
        self._narrowed: OrderedDict[Scope, tuple[City, City]] = OrderedDict()
        self._lock = threading.RLock()  # of the store and the archive
        self._joining = threading.RLock()  # of register and situation
        self._ending = threading.Event()
        self._keeper: threading.Thread | None = None
        self._index: tuple[tuple[object, ...], Index] | None = None
        self._situation: tuple[tuple[int, int], Situation] | None = None
        self._city: tuple[tuple[int, int], City] | None = None
        self._store: Store | None = None

    def keep_fresh(self) -> None:
        """Join every new situation in a thread of its own, so that no page waits for it; ends with `close`."""
        self._keeper = threading.Thread(target=self._keep, name="situation", daemon=True)
        self._keeper.start()

    def close(self) -> None:
        """End the thread and let go of the store."""
        self._ending.set()
        if self._keeper is not None:
            self._keeper.join(5)
            self._keeper = None
        self._release()

    def _release(self) -> None:
        with self._lock:
            if self._store is not None:
                self._store.__exit__(None, None, None)
                self._store = None

    def city(self) -> City:
        """Return register and situation joined, as far as whoever asks may look; from memory while neither changed."""
        whole, scope = self._whole(), self._scope()
        if scope.whole:
            return whole
        with self._joining:
            held = self._narrowed.get(scope)
            if held is None or held[0] is not whole:
                known = held[1].index if held is not None and held[0].index is whole.index else None
                made = join(known or narrowed(whole.index, scope), whole.situation)
                held = self._narrowed[scope] = (whole, made)
                self._narrowed.move_to_end(scope)
                while len(self._narrowed) > SCOPES:
                    self._narrowed.popitem(last=False)
            return held[1]

    def encloses(self, wanted: Sequence[Edit]) -> bool:
        """Whether edits of the register touch nothing that whoever asks may not look at."""
        scope = self._scope()
        return scope.whole or reach.encloses(self._whole().snapshot, self.city().index, scope, wanted)

    def lies(self, records: Sequence[Record]) -> bool:
        """Whether records, as they are written here, lie in what whoever asks may look at, and name nothing beyond."""
        scope = self._scope()
        return scope.whole or reach.lies(self._whole().snapshot, self.city().index, scope, records)

    def beyond(self, about: About) -> str:
        """Return why whoever asks cannot state a word about this, in the core's words; empty where it lies within."""
        scope = self._scope()
        return "" if scope.whole else beyond(about, self._whole().snapshot, self.city().index, scope)

    def told(self, problems: Sequence[Problem]) -> list[Problem]:
        """Return what does not fit the register, to whoever has a scope without the names of what lies beyond it."""
        if self._scope().whole:
            return list(problems)
        return reach.told(problems, self._whole().snapshot, self.city().snapshot)

    def _whole(self) -> City:
        held = self._city
        if self._keeper is not None and held is not None:
            return held[1]
        return self._join()

    def _keep(self) -> None:
        with suppress(NetopsError):  # opens the store now; without one the pages say so
            self.texts(Subject("device", ""))
        said = ""
        while not self._ending.is_set():
            try:
                self._join()
                said = ""
            except Exception as error:  # noqa: BLE001  (the age of the data stands on every page)
                if str(error) != said:
                    said = str(error)
                    LOG.warning("situation not joined error=%s", said)
            self._ending.wait(FRESH_S)

    def _join(self) -> City:
        with self._joining:
            known, seen = self._register(), self._seen()
            key = (id(known), id(seen))
            if self._city is None or self._city[0] != key:
                self._city = (key, join(known, seen))
            return self._city[1]

    def outcomes(self, device: str, *, start_ms: int, end_ms: int) -> list[Outcome]:
        """Return how the polls of a device went."""
        with self._open() as store:
            return store.outcomes(start_ms=start_ms, end_ms=end_ms, device=device)

    def outcome(self, device: str, slot_ms: int) -> Outcome | None:
        """Return how one poll went; None of a device whose replies tell of more than whoever asks may look at."""
        if self._is_shared(device):
            return None
        found = self.outcomes(device, start_ms=slot_ms, end_ms=slot_ms + 1)
        return found[0] if found else None

    def readings(self, subject: Subject, metrics: Sequence[str], *, start_ms: int, end_ms: int) -> list[Reading]:
        """Return the readings of `[start, end)`, one metric after the other."""
        with self._open() as store:
            return store.readings(subject, metrics, start_ms=start_ms, end_ms=end_ms)

    def grouped(
        self, metric: str, groups: Mapping[Subject, str], *, start_ms: int, end_ms: int, step_ms: int
    ) -> list[Grouped]:
        """Return the statistics of groups of subjects, step by step."""
        with self._open() as store:
            return store.grouped(metric, groups, start_ms=start_ms, end_ms=end_ms, step_ms=step_ms)

    def last(self, kind: str, metrics: Sequence[str], *, max_age_ms: int) -> list[Reading]:
        """Return the newest reading of each subject of a kind, metric by metric."""
        with self._open() as store:
            return store.last(kind, metrics, now_ms=self.clock.now_ms(), max_age_ms=max_age_ms)

    def raw(self, poll_id: str) -> bytes | None:
        """Return the framed replies of a poll; None when none came, their time is over or they tell of others too."""
        if self._is_shared(poll_id.rpartition("@")[0]):
            return None
        with self._lock, raw.build(self.settings) as archive:
            try:
                return archive.fetch(poll_id)
            except StoreError:
                return None

    def sealed_in(self, poll_id: str, slot_ms: int) -> int | None:
        """Return the leaf that names the chunk in which a poll's replies lie; None: no reply is kept, or none yet."""
        with self._lock, raw.build(self.settings) as archive:
            try:
                _file, digest, _replies = archive.traced(poll_id)
            except StoreError:
                return None
        window = {"start_ms": slot_ms - CHUNK_MS, "end_ms": slot_ms + 1}
        if not ledger_path(self.settings).exists():
            return None
        with LedgerReader(ledger_path(self.settings)) as ledger:
            found = ledger.find("raw_chunk", **window)
            return next((leaf.index for leaf in found if leaf.fact.body["digest"] == digest), None)

    def _is_shared(self, poll: str) -> bool:
        """Whether a device, named as its polls are (`olt-7/ssh`), tells of more than whoever asks may look at."""
        return not self._scope().whole and poll.partition("/")[0] in self.city().index.shared

    def texts(self, subject: Subject) -> dict[str, str]:
        """Return names, models and versions of a subject."""
        with self._open() as store:
            return store.texts(subject)

    def hours(self, service: str, hours: Sequence[int]) -> list[HourSum]:
        """Return what the core has summed of these hours of a service; an hour that is not sealed is not among them."""
        return hours_of(self.settings.data.dir / "states.db", service, hours)

    def together(self, services: Collection[str], hours: Sequence[int]) -> list[HourSum]:
        """Return what the core has summed of these hours of several services, as if they were one."""
        return together(self.settings.data.dir / "states.db", services, hours)

    def leaves(self, kind: str, *, start_ms: int = 0, end_ms: int = canonical.MAX_INTEGER) -> list[Leaf]:
        """Return the sealed facts of a kind and window in the ledger's order; none before there is a ledger."""
        if not ledger_path(self.settings).exists():
            return []
        with LedgerReader(ledger_path(self.settings)) as ledger:
            return sorted(ledger.find(kind, start_ms=start_ms, end_ms=end_ms), key=lambda leaf: leaf.index)

    def events(self, device: str, *, start_ms: int, end_ms: int) -> list[Leaf]:
        """Return what a device said by itself in a window (traps, informs), the newest first.

        Nothing of a device that speaks of more than whoever asks may look at.
        """
        if self._is_shared(device) or not ledger_path(self.settings).exists():
            return []
        mark = b'"device":' + canonical.dumps(device)
        with LedgerReader(ledger_path(self.settings)) as ledger:
            found = ledger.find("device_event", start_ms=start_ms, end_ms=end_ms)
            mine = [leaf for leaf in found if mark in leaf.data and leaf.fact.body["device"] == device]
        return sorted(mine, key=lambda leaf: (-leaf.fact.at_ms, -leaf.index))

    @contextmanager
    def register(self) -> Iterator[Register]:
        """Yield the register itself, to be read only: its history, and what a change of it would be."""
        settings = self.settings
        with Register(settings.register_url, rehearsal=settings.city.rehearsal, readonly=True) as register:
            yield register

    def past_ms(self) -> int | None:
        """Return up to when the past has been told; None when nobody is telling of it.

        A source that brings the past keeps `late.<source>` with that instant; the core judges no later hour before.
        """
        told = []
        for mark in self.settings.data.dir.glob("late.*"):
            with suppress(OSError, ValueError):  # it is being replaced, or has just gone
                told.append(int(mark.read_text(encoding="ascii")))
        return min(told, default=None)

    def wrong(self) -> dict[str, str]:
        """Return what keeps the pages from being true, by subject: for `/readyz`."""
        found: dict[str, str] = {}
        try:
            with self._joining:
                self._register()
        except Exception as error:  # noqa: BLE001  (whatever it is, the answer is "not ready, because")
            found["register"] = str(error)
        try:
            seen = situations.read(self.settings)
            if seen is None:
                found["situation"] = "the core has written none yet"
            elif self.clock.now_ms() - seen.at_ms > 3 * REGISTER_MS:
                found["situation"] = (
                    f"the last is {(self.clock.now_ms() - seen.at_ms) // 1000} s old; is the core running?"
                )
        except Exception as error:  # noqa: BLE001
            found["situation"] = str(error)
        return found

    def _register(self) -> Index:
        now_ms = self.clock.now_ms()
        file = self.settings.room("register") / "register.db"
        mark = file.stat().st_mtime_ns if not self.settings.register.url and file.exists() else 0
        key = (mark, now_ms // REGISTER_MS)
        if self._index is None or self._index[0] != key:
            with Register(
                self.settings.register_url, rehearsal=self.settings.city.rehearsal, readonly=True
            ) as register:
                made = snapshot(register, at_ms=now_ms)
                versions = register.spells("contract", start_ms=0, end_ms=now_ms + 1)
            held = self._index
            same = held is not None and held[1].snapshot.digest == made.digest
            self._index = (key, held[1] if held is not None and same else index(made, versions))
        return self._index[1]

    def _seen(self) -> Situation:
        stamp = situations.stamp(self.settings)
        if self._situation is None or self._situation[0] != stamp:
            self._situation = (stamp, situations.read(self.settings) or Situation(at_ms=0))
        return self._situation[1]

    @contextmanager
    def _open(self) -> Iterator[Store]:
        with self._lock:
            if self._store is None:
                store = open_store(self.settings)
                store.__enter__()
                self._store = store
            try:
                yield self._store
            except StoreError:
                self._release()
                raise


def letter(outcome: str) -> str:
    """Return how a poll counts in a timeline: answered, not answered, or not measured by our own fault."""
    if outcome == ANSWERED:
        return "U"
    return "N" if outcome in OURS_NAMES else "X"


def decoder(door: str = "") -> Decoder | None:
    """Return what explains the raw replies of a door (`ssh` for the polls of `olt-7/ssh`), when one brought it."""
    found = [point for point in entry_points(group=DECODERS) if point.name == (door or "snmp")]
    made: Decoder | None = found[0].load() if found else None
    return made
