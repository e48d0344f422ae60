"""The service `trap`: hears traps and informs of the register's devices and states what happened as facts.

One thread. An inform is acknowledged once its event is on disk; what the disk does not take is not acknowledged, and
its sender says it again.
"""

from __future__ import annotations

import logging
import threading
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from collectors.alarm import Alarm
from collectors.device_event import beyond, fact
from collectors.housekeeping import Chore, Chores, RegisterWatch
from collectors.known_as import reader
from collectors.outbox import Outbox
from collectors.profile_yaml import shipped
from collectors.snmp.credential import readable
from collectors.traps import clocks
from collectors.traps.door import Door, Sender
from collectors.traps.listener import Listener, plain
from collectors.traps.meaning import Meanings
from collectors.traps.own import open_engine
from collectors.traps.repeats import Repeats
from collectors.unread import Unread
from netops.clock import SYSTEM
from netops.drain import drained
from netops.errors import EvidenceError
from netops.service import go_round, service_state
from netops.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from collectors.profile import Profile
    from collectors.traps.listener import Taken
    from inventory.snapshot import Snapshot
    from netops.clock import Clock
    from netops.config import Settings
    from netops.facts import Fact

log = logging.getLogger(__name__)
SOURCE = "trap"
REGISTER_S = 15.0
TRIM_S = 30.0
TELL_S = 300.0
PAUSE_S = 0.2


class Traps:
    """Inert until started."""

    name = SOURCE

    def __init__(
        self, settings: Settings, *, clock: Clock = SYSTEM, profiles: Mapping[str, Profile] | None = None
    ) -> None:
        trap = settings.trap
        self._settings = settings
        self._clock = clock
        self._meanings = Meanings(shipped() if profiles is None else profiles)
        self._known_as = reader(settings.data.dir)
        self._listener = Listener(trap.listen, trap.port)
        self._unread = Unread()
        self._repeats = Repeats(window_s=trap.window_s, per_minute=trap.events_per_minute)
        self._alarm = Alarm(settings.collect.vantage, "the trap socket")
        self._door: Door | None = None
        self._stack = ExitStack()
        self._outbox: Outbox | None = None
        self._spool: Spool | None = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._health: dict[str, str] = {}
        self._register = RegisterWatch(settings, self._health)
        self._stated = 0

    @property
    def port(self) -> int:
        """The UDP port that is listened on."""
        return self._listener.port

    def start(self) -> None:
        """Open the spool and the sockets, then listen."""
        data = self._settings.data.dir
        own = open_engine(data / SOURCE / "engine.json", self._clock.monotonic())
        now_ms = self._clock.now_ms()
        kept = clocks.read(data / SOURCE / "clocks.json")
        reckoned = {engine: told._replace(time=told.time_at(now_ms), wall_ms=now_ms) for engine, told in kept.items()}
        self._door = Door(own, remembered=reckoned)
        self._spool = self._stack.enter_context(
            Spool(data / "spool" / f"{SOURCE}.db", source=SOURCE, cap_bytes=self._settings.trap.spool_cap_mb << 20)
        )
        self._outbox = Outbox(self._spool)
        self._listener.open()
        self._stack.callback(self._listener.close)
        self._read_register(self._clock.now_ms())
        self._outbox.state(service_state(SOURCE, "started", now_ms=self._clock.now_ms()))
        self._outbox.flush(now_ms=self._clock.now_ms())
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name=SOURCE, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Keep what is heard, then let go of everything; safe to call twice."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=15)
        self._thread = None
        if self._outbox is not None:
            self._keep_clocks()
            self._outbox.state(service_state(SOURCE, "stopped", now_ms=self._clock.now_ms()))
            self._outbox.flush(now_ms=self._clock.now_ms())
        self._outbox = None
        self._stack.close()

    def health(self) -> dict[str, str]:
        """Return what is wrong, by subject."""
        wrong = self._health | self._unread.health()
        if self._outbox is not None and self._outbox.refused:
            wrong["spool"] = self._outbox.refused
        if self._alarm.on:
            wrong["traps"] = "many datagrams at the trap socket are rejected; the counters in the log say which"
        return wrong

    def figures(self) -> dict[str, int]:
        """Return the counters, as the log tells them."""
        waiting = self._spool.held_bytes if self._spool is not None else 0
        return {"stated": self._stated, "spool_bytes": waiting, **self._listener.counters.table()}

    # ---- the thread

    def _run(self) -> None:
        then = self._clock.monotonic()
        chores = Chores(
            Chore(1.0, self._watch),
            Chore(REGISTER_S, self._read_register, then + REGISTER_S),
            Chore(TRIM_S, self._trim, then + TRIM_S),
            Chore(TELL_S, self._count, then + TELL_S),
        )
        go_round(lambda: self._once(chores), stopping=self._stopping, health=self._health)

    def _once(self, chores: Chores) -> None:
        self._hear()
        chores.do(self._clock.now_ms(), self._clock.monotonic())

    def _watch(self, now_ms: int) -> None:
        self._listener.watch()
        if self._outbox is not None:
            lost = self._repeats.beyond(self._clock.monotonic())
            self._outbox.state(*self._alarm.look(self._listener.counters.table(), now_ms))
            self._outbox.state(*(beyond(name, count, now_ms) for name, count in lost))

    def _trim(self, _: int) -> None:
        if self._spool is not None:
            self._keep_clocks()
            self._spool.trim(drained(self._settings, SOURCE))

    def _count(self, _: int) -> None:
        log.info("counters", extra=self.figures())

    def _hear(self) -> None:
        door, outbox = self._door, self._outbox
        if door is None or outbox is None:
            return
        taken = self._listener.take(door, wait_s=PAUSE_S, monotonic=self._clock.monotonic)
        now_ms, then = self._clock.now_ms(), self._clock.monotonic()
        for each in self._facts(taken, now_ms, then):
            try:
                outbox.offer(each)
            except EvidenceError as error:  # one sender's words; the others' events of this round are kept all the same
                self._listener.counters.faults += 1
                log.warning("event cannot be stated", extra={"device": each.body.get("device"), "why": str(error)})
        outbox.flush(now_ms=now_ms)
        if not len(outbox):
            self._listener.acknowledge(taken)

    def _facts(self, taken: Sequence[Taken], now_ms: int, then: float) -> list[Fact]:
        found = []
        for each in taken:
            heard = each.heard
            said = heard.notification
            if said.inform and self._repeats.sent_again(each.address, said, then):
                continue
            device = heard.sender.device
            read = partial(self._meanings.event, device, heard.sender.profile, said, self._known_as(device), now_ms)
            event = self._unread.read(device, read, lambda: None)
            if event is None:
                self._listener.counters.faults += 1
                continue
            repeats = self._repeats.news(device, event, then)
            if repeats is not None:
                found.append(fact(device, event, repeats=repeats, now_ms=now_ms, version=heard.version))
        self._stated += len(found)
        return found

    def _read_register(self, now_ms: int) -> None:
        seen = self._register.changed(now_ms) if self._door is not None else None
        if seen is not None and self._door is not None:
            admitted = senders(seen, self._settings)
            self._door.admit(admitted)
            self._unread.keep({each.device for sent in admitted.values() for each in sent})
            self._health.pop("senders", None)
            if not admitted:
                self._health["senders"] = "no device of the register has an address and a credential that can be read"

    def _keep_clocks(self) -> None:
        """Keep the senders' clocks where a new one was heard."""
        if self._door is None:
            return
        told = self._door.clocks(self._clock.monotonic(), self._clock.now_ms())
        if told:
            clocks.keep(self._settings.data.dir / SOURCE / "clocks.json", told)


def senders(seen: Snapshot, settings: Settings) -> dict[str, tuple[Sender, ...]]:
    """Return who may send traps, by address: devices with an address and a credential that can be read."""
    keys = readable(settings)
    found: dict[str, tuple[Sender, ...]] = {}
    for device in seen.devices:
        address = plain(device.address)
        named = settings.trap.credential or device.credential
        credential = keys.get(named)
        if address and credential is not None:
            found[address] = (*found.get(address, ()), Sender(device.id, device.profile, credential, named))
    return found


def build(settings: Settings) -> Traps:
    """Return the service, inert."""
    return Traps(settings)
