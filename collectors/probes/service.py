"""The service `probe`: looks at every target once a slot, at an instant nobody can predict, and spools what came of it.

One thread keeps the schedule and the slots, a few others look. On the core's machine the core takes the spool; at a
site `carry.py` hands it in. The reflector, when one is set, answers beside it.
"""

from __future__ import annotations

import logging
import secrets
import threading
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from collectors.housekeeping import Chore, Chores, StepWatch
from collectors.outbox import Outbox
from collectors.probes import carry, clocks, handing, looks, reflector, slots
from collectors.probes.slots import Slots
from collectors.probes.workers import Workers
from collectors.rounds import Rounds
from netops.clock import SYSTEM
from netops.drain import drained
from netops.errors import ConfigError
from netops.facts import Fact
from netops.model import Poll, Reason
from netops.service import go_round, service_state
from netops.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from collectors.probes.clocks import ClockState
    from collectors.probes.stamp.reflecting import Reflecting
    from netops.clock import Clock
    from netops.config import Settings
    from netops.evidence.canonical import JSON
    from netops.probing import Target

log = logging.getLogger(__name__)
SOURCE = "probe"
PAUSE_S = 0.1
TRIM_S = 30.0
TELL_S = 300.0
CLOCK_S = 15.0


class Prober:
    """Inert until started."""

    name = SOURCE

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock = SYSTEM,
        chance: Callable[[], float] | None = None,
        kernel: Callable[[], ClockState] = clocks.kernel,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._kernel = kernel
        self._targets: Mapping[str, Target] = settings.probe.targets
        self._vantage = settings.probe.vantage or settings.collect.vantage
        self._every_ms = settings.probe.interval_s * 1000
        self._rounds = {
            every_s: Rounds(interval_s=every_s, chance=chance or secrets.SystemRandom().random)
            for every_s in {self._every_s(each) for each in self._targets.values()}
        }
        self._slots = Slots(every_ms=self._every_ms)
        self._workers = Workers()
        self._under_way: set[str] = set()
        self._again: dict[str, int] = {}  # whose turn came while the look before was under way → its slot
        self._stack = ExitStack()
        self._spool: Spool | None = None
        self._outbox: Outbox | None = None
        self._carrier: carry.Carrier | None = None
        self._reflecting: Reflecting | None = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._health: dict[str, str] = {}
        self._sight = ""
        self._clock_said = ""
        self._looked = 0

    def start(self) -> None:
        """Open the spool, the reflector and the way to the core, then look."""
        refuse_unusable(self._vantage, self._targets, interval_s=self._settings.probe.interval_s)
        probe, spools = self._settings.probe, self._settings.data.dir / "spool"
        spool = Spool(spools / f"{SOURCE}.db", source=SOURCE, cap_bytes=probe.spool_cap_mb << 20)
        self._spool = self._stack.enter_context(spool)
        self._outbox = Outbox(spool)
        if probe.reflect_host:
            self._reflecting = reflector.build(probe, clock=self._kernel)
            self._reflecting.start()
            self._stack.callback(self._reflecting.stop)
        if probe.core_url:
            self._carrier = carry.build(self._settings, spool, clock=self._clock)
            self._carrier.start()
            self._stack.callback(self._carrier.stop)
        self._workers.start()
        self._stack.callback(self._workers.stop)
        self._outbox.state(service_state(f"{SOURCE}@{self._vantage}", "started", now_ms=self._clock.now_ms()))
        self._outbox.flush(now_ms=self._clock.now_ms())
        self._plan(self._clock.now_ms())
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name=SOURCE, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Tell the slots that are open, then let go of everything; safe to call twice."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=15)
        self._thread = None
        if self._outbox is not None:
            now = self._clock.now_ms()
            self._take(wait_s=0.0)
            self._tell(now, all_of_them=True)
            self._outbox.state(service_state(f"{SOURCE}@{self._vantage}", "stopped", now_ms=self._clock.now_ms()))
            self._outbox.flush(now_ms=now)
        self._outbox = None
        self._stack.close()

    def health(self) -> dict[str, str]:
        """Return what is wrong, by subject."""
        wrong = dict(self._health)
        if self._outbox is not None and self._outbox.refused:
            wrong["spool"] = self._outbox.refused
        if self._reflecting is not None and self._reflecting.failed:
            wrong["reflector"] = self._reflecting.failed
        if self._carrier is not None and self._carrier.failed:
            wrong["core"] = self._carrier.failed
        return wrong

    def figures(self) -> dict[str, int]:
        """Return the counters, as the log tells them."""
        made = {"looked": self._looked, "late": self._slots.late}
        made["spool_bytes"] = self._spool.held_bytes if self._spool is not None else 0
        if self._carrier is not None:
            made["handed"] = self._carrier.handed
        if self._reflecting is not None:
            made |= {f"reflector_{name}": count for name, count in self._reflecting.reflector.counters.items()}
        return made

    @property
    def reflector_port(self) -> int:
        """The port on which the reflector answers, 0 without one."""
        return self._reflecting.port if self._reflecting is not None else 0

    # ---- the thread

    def _run(self) -> None:
        steps = StepWatch(self._clock)
        chores = Chores(
            Chore(CLOCK_S, self._ask_clock),
            Chore(TRIM_S, self._trim),
            Chore(TELL_S, self._count, self._clock.monotonic() + TELL_S),
        )
        go_round(lambda: self._once(steps, chores), stopping=self._stopping, health=self._health)

    def _once(self, steps: StepWatch, chores: Chores) -> None:
        now, then = self._clock.now_ms(), self._clock.monotonic()
        self._watch_clock(steps.step_ms(now, then), now)
        self._look(now)
        self._take(wait_s=PAUSE_S)
        self._tell(self._clock.now_ms())
        chores.do(now, then)

    def _plan(self, now_ms: int) -> None:
        for every_s, rounds in self._rounds.items():
            mine = [name for name, each in self._targets.items() if self._every_s(each) == every_s]
            rounds.set_devices(mine, now_ms=now_ms)

    def _every_s(self, target: Target) -> int:
        return target.every_s or self._settings.probe.interval_s

    def _look(self, now_ms: int) -> None:
        missed_slots: set[int] = set()
        for every_s, rounds in self._rounds.items():
            run, missed = rounds.due(now_ms)
            if every_s * 1000 == self._every_ms:
                missed_slots |= {turn.slot_ms for turn in missed}
            for turn in run:
                slot_ms = self._slots.begin(turn.device, now_ms=now_ms)
                if turn.device in self._under_way:
                    self._again[turn.device] = slot_ms  # two turns may lie close together across the border of a slot
                else:
                    self._put(turn.device, slot_ms)
        if missed_slots and self._outbox is not None:
            self._outbox.add(self._unlooked(slot_ms, now_ms) for slot_ms in sorted(missed_slots))

    def _put(self, name: str, slot_ms: int) -> None:
        account = self._settings.room("probe") / "probe-octets.json"
        self._under_way.add(name)
        self._workers.put(
            (name, slot_ms), partial(looks.look, name, self._targets[name], account=account, clock=self._kernel)
        )

    def _unlooked(self, slot_ms: int, now_ms: int) -> Poll:
        reason = Reason.MISSED_SLOT.value
        return Poll(device=f"{self._vantage}/probe", slot_ms=slot_ms, at_ms=now_ms, outcome=reason)

    def _take(self, *, wait_s: float) -> None:
        for (name, slot_ms), record in self._workers.results(wait_s=wait_s):
            self._under_way.discard(name)
            if isinstance(record, Exception):
                self._health[f"target {name}"] = f"{type(record).__name__}: {record}"
                log.error("look failed", extra={"target": name}, exc_info=record)
                now, reason = self._clock.now_ms(), Reason.DEADLINE
                record = looks.unlooked(name, self._targets[name], at_ms=now, reason=reason, detail=str(record)[:200])  # noqa: PLW2901
            else:
                self._health.pop(f"target {name}", None)
            self._looked += 1
            self._slots.end(slot_ms, record)
            waiting = self._again.pop(name, None)
            if waiting is not None and self._clock.now_ms() < waiting + self._every_ms:
                self._put(name, waiting)  # else its slot is over, and shows a gap of ours

    def _tell(self, now_ms: int, *, all_of_them: bool = False) -> None:
        if self._outbox is None:
            return
        for slot_ms, records in self._slots.ripe(self._targets, now_ms=now_ms, all_of_them=all_of_them):
            self._outbox.add([slots.poll(self._vantage, slot_ms, records)])
            seen = slots.sight(records)
            if seen.anchors and seen.word != self._sight:
                self._sight = seen.word
                self._outbox.state(slots.health(self._vantage, seen, at_ms=slot_ms))
        self._outbox.flush(now_ms=now_ms)

    def _ask_clock(self, now_ms: int) -> None:
        """Say when the kernel's clock gains or loses its synchronisation."""
        said = self._kernel()
        if said.word != self._clock_said and self._outbox is not None:
            self._clock_said = said.word
            self._outbox.state(self._clock_fact(said.word, now_ms, {"detail": said.detail}))

    def _watch_clock(self, step_ms: int, now_ms: int) -> None:
        """Say that the wall clock stepped, and plan by the new one."""
        if step_ms and self._outbox is not None:
            for rounds in self._rounds.values():
                rounds.anew(now_ms=now_ms)
            self._outbox.state(self._clock_fact("stepped", max(0, now_ms), {"step_ms": step_ms}))

    def _clock_fact(self, state: str, at_ms: int, more: Mapping[str, JSON]) -> Fact:
        body: dict[str, JSON] = {"vantage": self._vantage, "state": state, **more}
        return Fact(kind="clock_state", at_ms=at_ms, body=body)

    def _trim(self, _: int) -> None:
        if self._spool is not None and self._carrier is None:
            self._spool.trim(drained(self._settings, SOURCE))

    def _count(self, _: int) -> None:
        log.info("counters", extra=self.figures())


def refuse_unusable(vantage: str, targets: Mapping[str, Target], *, interval_s: int) -> None:
    """Raise ConfigError for settings under which nothing could be told; `netops check` says more, and all at once."""
    if not handing.VANTAGE.fullmatch(vantage):
        raise ConfigError(f"'probe.vantage' is '{vantage}'; expected an id like 'site-7', [a-z0-9_.-]")
    if interval_s < 1:
        raise ConfigError(f"'probe.interval_s' is {interval_s}; expected at least 1 second")
    for name, target in targets.items():
        if target.kind not in looks.LOOKS:
            known = ", ".join(looks.LOOKS)
            raise ConfigError(f"'probe.targets.{name}.kind' is '{target.kind}'; expected one of {known}")
        if target.every_s % interval_s or target.every_s < 0:
            raise ConfigError(
                f"'probe.targets.{name}.every_s' is {target.every_s}; expected a multiple of {interval_s}"
            )


def build(settings: Settings) -> Prober:
    """Return the service, inert."""
    return Prober(settings)
