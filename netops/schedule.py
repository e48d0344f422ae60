"""The scheduler: jobs as data, each slot with one effect, missed slots as facts. The one door of APScheduler.

A job's slots are the multiples of its period since the epoch. Whatever the timer does, twice, late or not at all, the
slots are counted in `slots.db`: `plan` (pure) says from the last finished slot which one runs now and which were
missed. A job's effect must be idempotent under its `(job, slot)` (the ledger's `source, sequence`, a file's name): the
slot is marked as done after the effect, so a crash between the two repeats the effect and changes nothing.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Self

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from netops import sqlite
from netops.clock import utc
from netops.errors import NetopsError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import apsw

    from netops.clock import Clock

log = logging.getLogger(__name__)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS slot(job TEXT NOT NULL, slot_ms INTEGER NOT NULL, done_ms INTEGER NOT NULL,
    PRIMARY KEY (job, slot_ms)) WITHOUT ROWID;
"""
KEEP = 1000  # finished slots kept per job: enough for an eye, bounded


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Something done once per slot. `run(slot_ms)`; `offset_s` after the slot's instant, plus up to `jitter_s`."""

    name: str
    every_s: int
    run: Callable[[int], None]
    offset_s: float = 0.0
    jitter_s: float = 0.0
    each: bool = False  # run every slot that was missed, oldest first (the work of an hour must not be skipped)
    tells: bool = False  # a missed slot is a fact: something that was promised did not happen


@dataclass(frozen=True, slots=True)
class Plan:
    """What is due: the slots to run now, oldest first, and the closed range of slots that nobody will run."""

    run: tuple[int, ...] = ()
    missed: tuple[int, int, int] | None = None  # first, last, count


def plan(job: Job, *, last_ms: int | None, now_ms: int, limit: int = 500) -> Plan:
    """Decide what is due at `now_ms` when the last finished slot was `last_ms` (None: never ran)."""
    every = job.every_s * 1000
    current = int(now_ms - job.offset_s * 1000) // every * every
    if last_ms is None:
        return Plan(run=(current,))
    if current <= last_ms:
        return Plan()
    first = last_ms + every
    if job.each:
        return Plan(run=tuple(range(first, min(current, first + (limit - 1) * every) + 1, every)))
    if first == current:
        return Plan(run=(current,))
    return Plan(run=(current,), missed=(first, current - every, (current - first) // every))


class Slots:
    """Which slots are done, on disk. One writer."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: apsw.Connection | None = None
        self._claim: sqlite.Claim | None = None

    def __enter__(self) -> Self:
        self._claim = sqlite.Claim(self._path)
        self._db = sqlite.writer(self._path)
        self._db.execute(_SCHEMA)
        return self

    def __exit__(self, *_: object) -> None:
        if self._db is not None:
            sqlite.close(self._db)
        if self._claim is not None:
            self._claim.release()
        self._db = self._claim = None

    def last(self, job: str) -> int | None:
        """Return the newest finished slot of the job."""
        found = self._open().execute("SELECT max(slot_ms) FROM slot WHERE job = ?", (job,)).get
        return None if found is None else int(found)

    def done(self, job: str, slot_ms: int, *, now_ms: int) -> bool:
        """Mark the slot as done; False when it was already."""
        db = self._open()
        with db:
            db.execute("INSERT OR IGNORE INTO slot VALUES (?, ?, ?)", (job, slot_ms, now_ms))
            fresh = db.changes() == 1
            db.execute(
                "DELETE FROM slot WHERE job = ?1 AND slot_ms < (SELECT min(slot_ms) FROM"
                " (SELECT slot_ms FROM slot WHERE job = ?1 ORDER BY slot_ms DESC LIMIT ?2))",
                (job, KEEP),
            )
        return fresh

    def _open(self) -> apsw.Connection:
        if self._db is None:
            raise NetopsError(f"{self._path}: the slots are not open; enter them first")
        return self._db


class Scheduler:
    """Runs jobs on one thread of APScheduler, in the order of their slots. Inert until started."""

    def __init__(
        self,
        jobs: Sequence[Job],
        *,
        slots: Slots,
        clock: Clock,
        on_missed: Callable[[Job, tuple[int, int, int]], None],
    ) -> None:
        self._jobs = jobs
        self._slots = slots
        self._clock = clock
        self._on_missed = on_missed
        self._timer: BackgroundScheduler | None = None
        self.failures: dict[str, str] = {}

    def start(self) -> None:
        """Start the timer; the first run of each job comes at once, so that nothing waits for an hour."""
        now = utc(self._clock.now_ms())
        self._timer = BackgroundScheduler(timezone=UTC, executors={"default": ThreadPoolExecutor(1)})
        for job in self._jobs:
            self._timer.add_job(
                self.tick,
                "interval",
                args=(job,),
                id=job.name,
                seconds=job.every_s,
                start_date=utc(self._next(job)),
                jitter=job.jitter_s or None,
                next_run_time=now + timedelta(seconds=0.05),
                coalesce=True,
                max_instances=1,
                misfire_grace_time=None,
            )
        self._timer.start()

    def stop(self) -> None:
        """Let the running job finish, then end."""
        if self._timer is not None:
            self._timer.shutdown(wait=True)
        self._timer = None

    def tick(self, job: Job) -> None:
        """Run what is due of a job now; what fails stays due and is tried at the next tick."""
        decided = plan(job, last_ms=self._slots.last(job.name), now_ms=self._clock.now_ms())
        if decided.missed is not None:
            self._on_missed(job, decided.missed)
        for slot_ms in decided.run:
            try:
                job.run(slot_ms)
            except Exception as error:  # noqa: BLE001  (one job's failure must not stop the others; it is kept and shown)
                self.failures[job.name] = str(error) or type(error).__name__
                log.warning("job failed", extra={"job": job.name, "slot_ms": slot_ms, "why": self.failures[job.name]})
                return
            self.failures.pop(job.name, None)
            self._slots.done(job.name, slot_ms, now_ms=self._clock.now_ms())

    def _next(self, job: Job) -> int:
        every = job.every_s * 1000
        return self._clock.now_ms() // every * every + every + int(job.offset_s * 1000)
