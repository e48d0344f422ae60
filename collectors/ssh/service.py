"""The service `ssh`: visits the SSH doors of the register in their slots and spools what came of it.

One thread decides and decodes; the transport carries the visits in threads of its own. Nothing else is shared with the
SNMP poller but the kill switch: a device that is halted is not visited either.
"""

from __future__ import annotations

import logging
import secrets
import threading
from contextlib import ExitStack
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, NamedTuple

from collectors.halts import Halts
from collectors.housekeeping import Chore, Chores, RegisterWatch, StepWatch
from collectors.known_as import reader
from collectors.outbox import Outbox
from collectors.poll import unpolled
from collectors.rounds import Rounds
from collectors.snmp.breaker import Breaker, Event
from collectors.ssh import poll
from collectors.ssh.by_asyncssh import Asyncssh
from collectors.ssh.by_netmiko import Netmiko
from collectors.ssh.course import visit
from collectors.ssh.doors import Doors, doors, limits
from collectors.ssh.transport import Errand
from collectors.unread import Unread
from netops.clock import SYSTEM
from netops.drain import drained
from netops.model import ANSWERED, OURS, Reason
from netops.service import go_round, service_state
from netops.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Callable

    from collectors.rounds import Turn
    from collectors.ssh.doors import Known
    from collectors.ssh.read import Read
    from collectors.ssh.transport import Came, Transport
    from netops.clock import Clock
    from netops.config import Settings
    from netops.model import Poll

log = logging.getLogger(__name__)
SOURCE = "ssh"
REGISTER_S = 15.0
TRIM_S = 30.0
PAUSE_S = 0.2
_OURS = frozenset(reason.value for reason in OURS)
_BAD = frozenset({Reason.NO_ANSWER, Reason.REFUSED, Reason.AUTH_FAILED, Reason.HOST_KEY, Reason.PROTOCOL_FAULT})
"""Failures that open the breaker; then a visit is only a login."""
HELD_MS = 3_600_000  # a door that refuses us is not knocked at more often: an account could be locked for it


class _Token(NamedTuple):
    """What a visit was for."""

    door: str
    slot_ms: int
    due_ms: int
    reads: tuple[Read, ...]


class Visitor:
    """Inert until started."""

    name = SOURCE

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock = SYSTEM,
        chance: Callable[[], float] | None = None,
        transport: Transport | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._every_s = max(settings.ssh.interval_s, 1)
        self._rounds = Rounds(interval_s=self._every_s, chance=chance or secrets.SystemRandom().random)
        self._transport = transport or carrier(settings, clock)
        self._breaker = Breaker(after=settings.ssh.breaker_after)
        self._halts = Halts(settings)
        self._known_as = reader(settings.data.dir)
        self._limits = limits(settings.ssh)
        self._came: SimpleQueue[Came] = SimpleQueue()
        self._doors = Doors(known={}, barred={})
        self._unread = Unread()
        self._away: set[str] = set()  # doors that are being visited
        self._held: dict[str, int] = {}  # doors that refuse us, and until when they are left alone
        self._stack = ExitStack()
        self._outbox: Outbox | None = None
        self._spool: Spool | None = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._health: dict[str, str] = {}
        self._register = RegisterWatch(settings, self._health)
        self._visits = self._whole = 0

    def start(self) -> None:
        """Open the spool, start the transport, then visit."""
        spools = self._settings.data.dir / "spool"
        self._spool = self._stack.enter_context(
            Spool(spools / f"{SOURCE}.db", source=SOURCE, cap_bytes=self._settings.ssh.spool_cap_mb << 20)
        )
        self._outbox = Outbox(self._spool)
        self._transport.start()
        self._stack.callback(self._transport.stop)
        self._outbox.state(service_state(SOURCE, "started", now_ms=self._clock.now_ms()))
        self._outbox.flush(now_ms=self._clock.now_ms())
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name=SOURCE, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Break off what is under way, keep what came, then let go of everything."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=15)
        self._thread = None
        if self._outbox is not None:
            self._transport.stop()
            self._take(wait=False)
            self._outbox.state(service_state(SOURCE, "stopped", now_ms=self._clock.now_ms()))
            self._outbox.flush(now_ms=self._clock.now_ms())
        self._outbox = None
        self._stack.close()

    def health(self) -> dict[str, str]:
        """Return what is wrong, by subject."""
        wrong = self._health | self._unread.health()
        if self._outbox is not None and self._outbox.refused:
            wrong["spool"] = self._outbox.refused
        return wrong

    def figures(self) -> dict[str, int]:
        """Return the counters: visits made, visits that read something, visits under way."""
        return {"visits": self._visits, "answered": self._whole, "away": len(self._away)}

    # ---- the thread

    def _run(self) -> None:
        steps = StepWatch(self._clock)
        chores = Chores(Chore(REGISTER_S, self._read_register), Chore(TRIM_S, self._trim))
        go_round(lambda: self._once(steps, chores), stopping=self._stopping, health=self._health)

    def _once(self, steps: StepWatch, chores: Chores) -> None:
        now, then = self._clock.now_ms(), self._clock.monotonic()
        if steps.step_ms(now, then):
            self._rounds.anew(now_ms=now)
        if self._settings.ssh.interval_s:
            self._go(now)
        self._take(wait=True)
        chores.do(now, then)

    def _trim(self, _: int) -> None:
        if self._spool is not None:
            self._spool.trim(drained(self._settings, SOURCE))
            log.info("counters", extra=self.figures())

    def _read_register(self, now_ms: int) -> None:
        seen = self._register.changed(now_ms)
        if seen is None:
            return
        self._doors = doors(seen, self._settings)
        self._unread.keep(self._doors.known)
        self._held.clear()  # somebody may have corrected what they refused
        self._rounds.set_devices([*self._doors.known, *self._doors.barred], now_ms=now_ms)

    def _go(self, now_ms: int) -> None:
        run, missed = self._rounds.due(now_ms)
        if self._outbox is None:
            return
        self._outbox.add(unpolled(turn.device, turn.slot_ms, now_ms, Reason.MISSED_SLOT) for turn in missed)
        halted = self._halts.now()
        errands = []
        for turn in run:
            known = self._doors.known.get(turn.device)
            reason = self._doors.barred.get(turn.device)
            if known is not None and halted.device(known.device, known.profile):
                reason = Reason.HALTED
            if known is not None and turn.device in self._away:  # the last visit has not come back
                reason = reason or Reason.POLLER_LATE
            if known is not None and self._held.get(turn.device, 0) > now_ms:
                reason = reason or Reason.BUDGET
            if reason is not None:
                self._outbox.add([unpolled(turn.device, turn.slot_ms, now_ms, reason)])
            elif known is not None:
                errands.append(self._errand(known, turn, halted.costs(known.device, known.profile)))
        if errands:
            self._transport.carry(errands, self._came.put)

    def _errand(self, known: Known, turn: Turn, halted: frozenset[str]) -> Errand:
        closed = not self._breaker.open(known.poll)
        reads = poll.due(known, turn.slot_ms, self._every_s, halted=halted) if closed else ()
        self._away.add(known.poll)
        enable = known.place.login.enable
        return Errand(
            place=known.place,
            dialect=known.dialect,
            course=lambda: visit(known.dialect, reads, self._limits, enable=enable),
            limits=self._limits,
            token=_Token(known.poll, turn.slot_ms, turn.due_ms, reads),
        )

    def _take(self, *, wait: bool) -> None:
        came: list[Came] = []
        try:
            came.append(self._came.get(timeout=PAUSE_S) if wait else self._came.get_nowait())
            while len(came) < 64:
                came.append(self._came.get_nowait())
        except Empty:
            pass
        if self._outbox is None:
            return
        self._outbox.add(made for each in came if (made := self._poll_of(each)) is not None)
        self._outbox.flush(now_ms=self._clock.now_ms())

    def _poll_of(self, came: Came) -> Poll | None:
        token = came.token
        if not isinstance(token, _Token):
            return None
        self._away.discard(token.door)
        known = self._doors.known.get(token.door)
        if known is None:  # it left the register while it was visited
            return None
        lag_ms = max(0.0, came.at_ms - token.due_ms)
        names = self._known_as(known.device)
        made = self._unread.read(
            token.door,
            lambda: poll.made(known, token.slot_ms, token.reads, came, lag_ms=lag_ms, names=names),
            lambda: poll.left(known, token.slot_ms, came, lag_ms=lag_ms),
        )
        self._visits += 1
        self._whole += made.outcome == ANSWERED
        if came.failed is not None and came.failed.reason in _BAD:
            self._breaker.note(token.door, Event.SILENT)
            if came.failed.reason is Reason.AUTH_FAILED and self._breaker.open(token.door):
                self._held[token.door] = came.at_ms + HELD_MS
            log.warning("not let in", extra={"door": token.door, "reason": made.outcome, "why": came.failed.detail})
        else:
            self._breaker.note(token.door, Event.OURS if made.outcome in _OURS else Event.ANSWERED)
        return made


def carrier(settings: Settings, clock: Clock = SYSTEM) -> Transport:
    """Return the transport that the settings ask for."""
    if settings.ssh.transport == "netmiko":
        return Netmiko(threads=settings.ssh.threads, clock=clock)
    return Asyncssh(sessions=settings.ssh.sessions, clock=clock)


def build(settings: Settings) -> Visitor:
    """Return the service, inert."""
    return Visitor(settings)
