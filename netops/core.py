"""The service `core`: takes what the others spooled, judges it, seals it. The only process with the signing key.

Two threads act on the same files, one at a time (`_acting`): the drain, which runs all the time, and the scheduler's
jobs. What a job decides stands in the modules it calls; here is only who is called when, and with what.
"""

from __future__ import annotations

import logging
import threading
from contextlib import ExitStack, suppress
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING

from inventory.errors import InventoryError
from inventory.model import Contract
from inventory.register import Register
from inventory.snapshot import snapshot
from netops import amending, fail_open, hotspots, measures, papers, present, raw, reread, sealing, situation, stamps
from netops.access import approvals, tables
from netops.access.admission import Admission
from netops.clock import SYSTEM
from netops.closing import GRACE_MS, Closing
from netops.dispute import keys, silence
from netops.dispute.terms import of_register
from netops.drain import Drain
from netops.ear import Ear
from netops.errors import AccessError, ConfigError, UsageError
from netops.founding import signer
from netops.hours import DAY_MS, SAMPLES_DAYS, Hours
from netops.journal import Journal
from netops.ledger import Ledger
from netops.schedule import Job, Scheduler, Slots
from netops.service import go_round
from netops.store import open_store
from netops.verify import Planned, Verifier, planned_of
from netops.witness.circle import Circle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from inventory.snapshot import Snapshot
    from netops.clock import Clock
    from netops.config import Settings
    from netops.ledger import LedgerEntry
    from netops.packed import Polled

log = logging.getLogger(__name__)
IDLE_S = 0.25
SEALS_AT_ONCE = 20
LATE_DAYS = 62  # of slots that far back a vantage point may still tell: contracts of that time are still looked after


class Core:
    """Inert until started."""

    name = "core"

    def __init__(self, settings: Settings, *, clock: Clock = SYSTEM) -> None:
        self._settings = settings
        self._clock = clock
        self._stack = ExitStack()
        self._acting = threading.RLock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._waiting: tuple[str, ...] = ()
        self._wrong: dict[str, str] = {}
        self._caught_up_ms = 0  # when the drain last had every poll that was spooled
        self._heard_ms = 0  # when it last had every word of people
        self._seen: Snapshot | None = None
        self._contracts: tuple[Contract, ...] = ()  # the last version of each, also of those that have ended
        self._mark = (0, 0)
        self._taken = {"polls": 0, "facts": 0, "isolated": 0, "repeated": 0}

    def start(self) -> None:
        """Open everything, take stock of the register, then drain and judge."""
        settings, enter = self._settings, self._stack.enter_context
        settings.data.dir.mkdir(parents=True, exist_ok=True)
        (settings.data.dir / "spool").mkdir(exist_ok=True)
        self._signer = signer(settings)
        self._ledger = enter(
            Ledger(
                settings.data.dir / "ledger.db",
                origin=settings.ledger_origin,
                rehearsal=settings.city.rehearsal,
                signer=self._signer,
            )
        )
        self._admission = Admission(self._ledger, tables.url(settings))
        self._store = enter(open_store(settings, writing=True))
        self._archive = enter(raw.build(settings, writing=True))
        self._journal = enter(Journal(settings.data.dir / "states.db"))
        self._slots = enter(Slots(settings.data.dir / "slots.db"))
        self._drain = enter(
            Drain(
                settings.data.dir / "drain.db",
                spools=settings.data.dir / "spool",
                store=self._store,
                archive=self._archive,
                on_facts=self._seal_facts,
                on_polls=self._judge_polls,
                refuses=self._refuses,
                bears=self._bears,
                again=reread.again,
                clock=self._clock,
                rehearsal=settings.city.rehearsal,
            )
        )
        self._verifier: Verifier | None = None
        self._hours = Hours(
            settings,
            self._clock,
            ledger=self._ledger,
            journal=self._journal,
            acting=self._acting,
            stopping=self._stopping,
            ripe_until=self._ripe_until,
            planned=self._is_planned,
        )
        self._admission.has_samples = self._hours.has_samples
        self._ear = Ear(settings, self._ledger)
        self._admission.breaks = self._ear.breaks
        self._admission.register = self._register_now
        self._closing = Closing(
            settings,
            self._clock,
            ledger=self._ledger,
            journal=self._journal,
            acting=self._acting,
            ripe_until=self._ripe_until,
        )
        self._circle = Circle(settings.data.dir, self._ledger, self._acting, clock=self._clock)
        self._stamps = stamps.Stamps(settings.data.dir / "stamps", settings.evidence.stamps)
        now = self._clock.now_ms()
        who = papers.identity(settings, self._signer, now_ms=now)
        url = settings.evidence.stamps
        stamp = partial(stamps.post, url) if url else None
        self._papers = papers.Papers(settings, who, sealed=self._sealed_manifest, stamp=stamp, clock=self._clock)
        told = [*sealing.started(settings.collect.vantage, version("netops"), now_ms=now), papers.stated(who)]
        self._ledger.append(told, now_ms=now)
        self._read_register()
        with suppress(ConfigError):  # the job `witnesses` tells of it; no month is closed before the policy is sealed
            self._circle.state()
        self._scheduler = Scheduler(self._jobs(), slots=self._slots, clock=self._clock, on_missed=self._missed)
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="drain", daemon=True)
        self._thread.start()
        self._scheduler.start()

    def stop(self) -> None:
        """Finish the present step and job, write a last checkpoint, close everything."""
        if self._thread is None:
            return
        self._stopping.set()
        self._scheduler.stop()
        self._circle.stop()
        self._thread.join(timeout=30)
        self._thread = None
        with self._acting:
            self._ledger.checkpoint(now_ms=self._clock.now_ms())
        self._stack.close()

    def health(self) -> dict[str, str]:
        """Return what is wrong, by subject."""
        wrong = {f"job {name}": why for name, why in self._scheduler.failures.items()}
        wrong |= self._wrong | self._closing.short | self._closing.failed | self._papers.refused
        return wrong | {f"spool {n}": why for n, why in enumerate(self._waiting)}

    def measures(self) -> Iterable[measures.Told]:
        """Return what Prometheus is told."""
        return measures.of_core(self._settings, self._taken, now_ms=self._clock.now_ms())

    # ---- the drain

    def _run(self) -> None:
        go_round(self._once, stopping=self._stopping, health=self._wrong)

    def _once(self) -> None:
        with self._acting:
            began = self._clock.now_ms()
            done = self._drain.step()
            if not self._drain.behind:
                self._caught_up_ms = began
            if not self._drain.unheard:
                self._heard_ms = began
        for name in self._taken:
            self._taken[name] += getattr(done, name)
        if done.waiting != self._waiting:
            self._waiting = done.waiting
            log.warning("waiting", extra={"what": list(done.waiting)})
        self._stopping.wait(IDLE_S if done.idle else 0.001)

    def _seal_facts(self, entries: Sequence[LedgerEntry]) -> None:
        now = self._clock.now_ms()
        if any(entry.fact.kind in keys.SPOKEN for entry in entries):
            self._ear.so_far(now)
        self._ledger.append(entries, now_ms=now)
        if self._verifier is not None and any(entry.fact.kind == "approval_decision" for entry in entries):
            self._verifier.planned = self._planned()

    def _refuses(self, entries: Sequence[LedgerEntry]) -> list[str]:
        return self._admission.refuses(entries, now_ms=self._clock.now_ms())

    def _register_now(self) -> tuple[Snapshot, Sequence[Contract]]:
        """Return the register as it is at this moment: what was just applied may be asked about at once."""
        with suppress(InventoryError):  # what was read last stands, and the job `register` says what is wrong
            self._read_register()
        if self._seen is None:
            raise AccessError("the register was not read yet: what people with a scope stated waits in the spool")
        return self._seen, self._contracts

    def _planned(self) -> list[Planned]:
        """Return the approved maintenance, as the ledger holds it."""
        told = sorted(
            (*self._ledger.find("approval_request"), *self._ledger.find("approval_decision")),
            key=lambda leaf: leaf.index,
        )
        held = approvals.fold((leaf.fact, True) for leaf in told)
        approved = approvals.approved(held.values(), "exclusion")
        return [planned_of(request.terms, self._seen) for request in approved] if self._seen else []

    def _judge_polls(self, polls: Sequence[Polled]) -> None:
        if self._verifier is not None:
            self._verifier.take(polls)

    def _bears(self, poll: Polled) -> bool:
        return self._verifier is None or self._verifier.bears(poll)

    # ---- jobs

    def _jobs(self) -> list[Job]:
        checkpoint_s = self._settings.evidence.checkpoint_s
        return [
            Job(name="register", every_s=15, run=self._locked(self._read_register)),
            Job(name="amendments", every_s=5, run=self._locked(self._amend)),
            Job(name="situation", every_s=5, run=self._locked(self._show)),
            Job(name="fail-open", every_s=5, run=self._locked(self._tell_open)),
            Job(name="hours", every_s=5, run=self._seal_hours),
            Job(name="corrections", every_s=15, run=self._locked(self._correct)),
            Job(name="reports", every_s=60, run=self._report),
            Job(name="asked", every_s=2, run=self._answer),
            Job(name="disputes", every_s=60, run=self._locked(self._speak_for_the_silent)),
            Job(name="raw", every_s=30, run=self._locked(self._seal_raw)),
            Job(name="telemetry", every_s=30, run=self._seal_telemetry),
            Job(name="checkpoint", every_s=checkpoint_s, tells=True, run=self._locked(self._checkpoint)),
            Job(name="papers", every_s=60, run=self._sign_papers, offset_s=20),
            Job(name="stamps", every_s=600, run=self._stamp, offset_s=40),
            Job(name="witnesses", every_s=60, run=self._ask_witnesses, offset_s=5),
            Job(name="expiry", every_s=3600, run=self._locked(self._expire), offset_s=600),
        ]

    def _locked(self, act: Callable[[], None]) -> Callable[[int], None]:
        def run(_slot_ms: int) -> None:
            with self._acting:
                act()

        return run

    def _read_register(self) -> None:
        now = self._clock.now_ms()
        settings = self._settings
        with Register(settings.register_url, rehearsal=settings.city.rehearsal, readonly=True) as register:
            mark = register.mark(at_ms=now)
            if self._seen is not None and mark == self._mark:
                return
            seen = snapshot(register, at_ms=now)
            if self._seen is not None and seen.digest == self._seen.digest:
                self._mark = mark
                return
            told = register.spells("contract", start_ms=0, end_ms=now + DAY_MS)
            terms = of_register(register, seen.carriers)
        versions = [(each.record, each.to_ms) for each in told if isinstance(each.record, Contract)]
        late = [held for held, to_ms in versions if to_ms > now - LATE_DAYS * DAY_MS]
        entries = sealing.register(seen, revision=seen.recorded_ms, by="register")
        entries += [sealing.contract_version(held) for held, _ in versions]
        named = [*(held for held, _ in versions), *seen.contracts]
        entries += keys.changes(self._ledger, named, seen.carriers, register=seen.digest, now_ms=now)
        self._ledger.append(entries, now_ms=now)  # first of all: what is not sealed yet is read again
        self._mark, self._seen, self._admission.terms = mark, seen, terms
        self._contracts = tuple({held.id: held for held, _ in versions}.values())
        self._verifier = Verifier(seen, self._journal, self._planned(), contracts=late)

    def _amend(self) -> None:
        if amending.step(self._settings, self._ledger, self._wrong, now_ms=self._clock.now_ms()):
            self._read_register()

    def _show(self) -> None:
        if self._seen is None:
            return
        now = self._clock.now_ms()
        collector = {name: str(count) for name, count in self._taken.items()}
        collector |= {"waiting": "; ".join(self._waiting)} if self._waiting else {}
        self._tell_late()
        made = present.situation(
            self._seen,
            self._journal,
            interval_s=self._settings.collect.interval_s,
            now_ms=now,
            collector=collector,
        )
        situation.write(self._settings, made)
        sites = {each.id: each.site for each in self._seen.services}
        hotspots.write(self._settings, hotspots.of(made, sites))

    def _tell_open(self) -> None:
        fail_open.publish(self._settings, self._ledger, self._signer, now_ms=self._clock.now_ms())

    def _seal_hours(self, _slot_ms: int) -> None:
        self._hours.seal([each.id for each in self._seen.contracts] if self._seen else [])

    def _correct(self) -> None:
        self._hours.correct()

    def _tell_late(self) -> None:
        """Say in our health which sealed hours got samples afterwards: whether they are stated again is for people."""
        self._wrong.pop("late samples", None)
        if late := self._hours.late():
            self._wrong["late samples"] = late

    def _is_planned(self, service: str, slot_ms: int) -> bool:
        return self._verifier is not None and self._verifier.is_planned(service, slot_ms)

    def _ripe_until(self) -> int:
        """Return the instant before which nothing more is expected: now, held back by whoever still brings the past.

        A source that tells of the past keeps `late.<source>` with the instant up to which we have taken it. Polls that
        wait in a spool (we were down, the store is) hold back too: what is sealed is never opened again.
        """
        until = min(self._clock.now_ms(), self._caught_up_ms) - GRACE_MS
        for mark in self._settings.data.dir.glob("late.*"):
            with suppress(OSError, ValueError):  # it is being replaced, or has just gone
                until = min(until, int(mark.read_text(encoding="ascii")))
        return until

    def _report(self, _slot_ms: int) -> None:
        with self._acting:
            self._hours.tell_late()
        self._closing.report(self._contracts)

    def _answer(self, _slot_ms: int) -> None:
        self._closing.asked()

    def _speak_for_the_silent(self) -> None:
        now = self._clock.now_ms()
        deaf = self._ear.hear(heard_ms=self._heard_ms, now_ms=now)
        cases, terms, wrong = self._admission.cases(), self._admission.terms, list[UsageError]()
        breaks = () if deaf else self._ear.breaks(now)
        until_ms, awaited = min(now, self._heard_ms), self._admission.awaited()
        stated = silence.missed(cases, terms, until_ms=until_ms, breaks=breaks, wrong=wrong, awaited=awaited)
        if deaf and stated:
            raise UsageError(f"{len(stated)} deadlines of disputes are over, and nobody's silence is stated: {deaf}")
        if stated:
            self._ledger.append(stated, now_ms=now)
        if wrong:
            raise wrong[0]

    def _seal_raw(self) -> None:
        while chunks := self._archive.untold():
            self._ledger.append(sealing.chunks(chunks), now_ms=self._clock.now_ms())
            self._archive.told(chunks)

    def _seal_telemetry(self, _slot_ms: int) -> None:
        """Seal old hours little by little, letting the drain in between."""
        for _ in range(SEALS_AT_ONCE):
            with self._acting:
                files = self._store.seal(self._clock.now_ms())
                if not files or self._stopping.is_set():
                    return
                self._ledger.append(sealing.files(files), now_ms=self._clock.now_ms())
                self._store.told(files)

    def _checkpoint(self) -> None:
        if self._ledger.size:
            self._ledger.checkpoint(now_ms=self._clock.now_ms())

    def _ask_witnesses(self, _slot_ms: int) -> None:
        self._circle.step()

    def _sign_papers(self, _slot_ms: int) -> None:
        self._papers.step()

    def _sealed_manifest(self, report: str) -> str:
        with self._acting:
            return papers.manifest_of(self._ledger, report)

    def _stamp(self, _slot_ms: int) -> None:
        """Have the day's checkpoint stamped, without holding up anybody while the authority thinks."""
        now = self._clock.now_ms()
        if not self._stamps.due(now):
            return
        with self._acting:
            newest = self._ledger.latest()
        if newest is not None:
            self._stamps.step(newest.note, newest.size, now_ms=now)

    def _expire(self) -> None:
        now = self._clock.now_ms()
        for name, keeper in (("raw", self._archive), ("telemetry", self._store)):
            gone = keeper.expire(now)
            if gone:
                self._ledger.append(sealing.expired(name, gone, now_ms=now), now_ms=now)
                keeper.told(gone)
        self._journal.prune(now - SAMPLES_DAYS * DAY_MS)

    def _missed(self, job: Job, missed: tuple[int, int, int]) -> None:
        first, last, count = missed
        log.info("slots missed", extra={"job": job.name, "first_ms": first, "last_ms": last, "count": count})
        if job.tells:
            with self._acting:
                entry = sealing.missed(job.name, first, last, count)
                self._ledger.append([entry], now_ms=self._clock.now_ms())


def build(settings: Settings) -> Core:
    """Return the service, inert."""
    return Core(settings)
