"""The service `acs`: lets in the CPEs of the register, reads what the models name, spools what came of it.

The web door's threads answer requests; a thread of our own reads the register, ends sessions, closes slots and spools.
An Inform is acknowledged once its events are on disk: a CPE forgets what was acknowledged (TR-069 section 3.7.1.5).
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

from collectors.cwmp.acs import Acs
from collectors.cwmp.app import App
from collectors.cwmp.archive import kept
from collectors.cwmp.call import call_of
from collectors.cwmp.callers import Callers
from collectors.cwmp.course import root_of
from collectors.cwmp.decode import Heard, decode
from collectors.cwmp.digest import Challenges
from collectors.cwmp.doors import doors
from collectors.cwmp.events import events, transfer
from collectors.cwmp.model_yaml import shipped
from collectors.cwmp.said import Said
from collectors.cwmp.slots import Slots
from collectors.cwmp.strangers import Strangers
from collectors.device_event import beyond, fact
from collectors.halts import Halts
from collectors.housekeeping import Chore, Chores, RegisterWatch
from collectors.known_as import reader
from collectors.outbox import Outbox
from collectors.poll import due_costs, unpolled
from netops.clock import SYSTEM
from netops.drain import drained
from netops.errors import SpoolError
from netops.facts import submit
from netops.model import ANSWERED, Poll, Reason
from netops.series import rows
from netops.service import go_round, service_state
from netops.spool import Spool
from netops.web.server import Server

if TYPE_CHECKING:
    from collections.abc import Callable

    from collectors.cwmp.doors import Known
    from collectors.cwmp.message import Asked
    from collectors.cwmp.session import Session
    from netops.clock import Clock
    from netops.config import Settings

log = logging.getLogger(__name__)
SOURCE = "acs"
REALM = "netops-acs"
ROUND_S = 0.2
REGISTER_S = 15.0
TRIM_S = 30.0
TELL_S = 300.0
SHARE = 0.8  # of a slot: what a CPE is told to inform in, so that each slot has one Inform
CALL_AT = 0.9  # of a slot: who has not come by then is called
BLIND_MS = 30_000  # a pause of our own thread that makes silence ours
_TURNED_AWAY = {
    "full": Reason.BUDGET,
    "disk": Reason.DISK_FULL,
    "login": Reason.AUTH_FAILED,
    "xml": Reason.UNDECODABLE,
}


class AcsService:
    """Inert until started."""

    name = SOURCE

    def __init__(
        self, settings: Settings, *, clock: Clock = SYSTEM, chance: Callable[[], str] = lambda: secrets.token_hex(12)
    ) -> None:
        acs = settings.acs
        self._settings = settings
        self._known_as = reader(settings.data.dir)
        self._clock = clock
        self._models = tuple(shipped().values())
        self._slots = Slots(interval_s=acs.interval_s)
        self._said = Said()
        self._halts = Halts(settings)
        self._callers = Callers()
        self._strangers = Strangers(settings)
        self._lock = threading.RLock()  # of slots, events, outbox and what is called
        self._acs = Acs(
            Challenges(
                realm=REALM,
                key=secrets.token_bytes(32),
                chance=chance,
                algorithms=[each.strip() for each in acs.digests.split(",") if each.strip()],
                lives_s=acs.nonce_s,
            ),
            self._models,
            tell=self._tell,
            wanted=self._wanted,
            ended=self._ended,
            stranger=self._strangers.seen,
            turned_away=self._turned_away,
            sessions=acs.sessions,
            idle_s=acs.session_s,
            interval_s=int(acs.interval_s * SHARE) if acs.arrange else 0,
            basic=acs.basic,
        )
        self._server: Server | None = None
        self._urls: dict[str, str] = {}  # device → the connection request URL that it told
        self._stack = ExitStack()
        self._spool: Spool | None = None
        self._outbox: Outbox | None = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._health: dict[str, str] = {}
        self._register = RegisterWatch(settings, self._health)
        self._heard_ms = 0  # when our thread last looked: a long pause is no silence of others
        self._polls = self._stated = 0

    @property
    def port(self) -> int:
        """The TCP port that is listened on; 0 when none is."""
        return self._server.port if self._server is not None else 0

    def start(self) -> None:
        """Open the spool, read the register, then listen."""
        settings = self._settings
        path = settings.data.dir / "spool" / f"{SOURCE}.db"
        self._spool = self._stack.enter_context(Spool(path, source=SOURCE, cap_bytes=settings.acs.spool_cap_mb << 20))
        self._outbox = Outbox(self._spool)
        self._heard_ms = self._clock.now_ms()
        self._read_register(self._heard_ms)
        self._outbox.state(service_state(SOURCE, "started", now_ms=self._clock.now_ms()))
        self._outbox.flush(now_ms=self._clock.now_ms())
        clear = settings.city.rehearsal or settings.acs.plain
        self._server = Server(
            App(self._acs, self._clock), settings.acs.listen, clear=clear, per_address=settings.acs.per_address
        )
        self._stack.callback(self._server.stop)
        self._server.start()
        if settings.acs.call:
            self._callers.start()
            self._stack.callback(self._callers.stop)
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name=SOURCE, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening, keep what came, then let go of everything; safe to call twice."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=15)
        self._thread = None
        if self._server is not None:
            self._server.stop()
        self._server = None
        if self._outbox is not None:
            self._acs.stop()
            with self._lock:
                self._outbox.add(self._slots.held())
                self._outbox.state(service_state(SOURCE, "stopped", now_ms=self._clock.now_ms()))
                self._outbox.flush(now_ms=self._clock.now_ms())
        self._outbox = self._spool = None
        self._stack.close()

    def health(self) -> dict[str, str]:
        """Return what is wrong, by subject."""
        wrong = dict(self._health)
        if self._outbox is not None and self._outbox.refused:
            wrong["spool"] = self._outbox.refused
        return wrong

    def figures(self) -> dict[str, int]:
        """Return the counters, as the log tells them."""
        calls = {"calls": self._callers.made, "calls_failed": self._callers.failed}
        mine = {"polls": self._polls, "stated": self._stated, "under_way": len(self._acs)}
        return {**mine, **calls, **self._acs.counters}

    # ---- what the sessions ask of us, in the threads of the web door

    def _tell(self, session: Session, asked: Asked | None) -> None:
        """Keep a session's events, durably; SpoolError when the disk does not take them."""
        known, told = session.known, session.inform.parameters
        if asked is not None:
            found = [transfer(asked, device=known.device)]
        else:
            names = self._known_as(known.device).whole
            heard = Heard(root=root_of(told), serial=known.serial, known_as=names, values=told)
            found = events(session.inform, self._models, heard, device=known.device)
            url = told.get(f"{heard.root}.ManagementServer.ConnectionRequestURL", "")
            if url:
                self._urls[known.device] = url[:512]
        if not found:
            return
        now_ms, then = self._clock.now_ms(), self._clock.monotonic()
        with self._lock:
            if self._spool is None:
                raise SpoolError("the acs is closed")
            news = self._said.news(known.device, found, then)
            if news:
                submit(self._spool, *(fact(known.device, each, repeats=count, now_ms=now_ms) for each, count in news))
                self._said.stated(known.device, [each for each, _ in news], then)
                self._stated += len(news)

    def _wanted(self, known: Known, at_ms: int) -> tuple[int, frozenset[str] | None]:
        """Return the slot of a session, and the cost classes to read in it; None when it is not to be read."""
        with self._lock:
            slot_ms, wanted = self._slots.slot(at_ms), self._slots.wanted(known.poll, at_ms)
        halted = self._halts.now()
        if not wanted or halted.device(known.device, ""):
            return slot_ms, None
        costs = due_costs(known.poll, slot_ms, self._settings.acs.interval_s) - halted.costs(known.device, "")
        return slot_ms, frozenset(costs)

    def _ended(self, session: Session, whole: bool) -> None:  # noqa: FBT001  (how a session ended)
        if session.course is None:
            return
        if session.course.notes:
            log.info("not arranged", extra={"door": session.known.poll, "why": "; ".join(session.course.notes)[:300]})
        made = self._poll(session)
        with self._lock:
            out = self._slots.take(made, whole=whole)
            if out is not None and self._outbox is not None:
                self._outbox.add([out])
                self._polls += 1

    def _poll(self, session: Session) -> Poll:
        course, known = session.course, session.known
        assert course is not None
        names = self._known_as(known.device).whole
        heard = course.heard(known.serial, session.inform.parameters, names)
        decoded = decode(self._models, heard, device=known.device, at_ms=session.began_ms)
        used = [each for each in self._models if any(_of(each.digest, seen.rule) for seen in decoded.observations)]
        return Poll(
            device=known.poll,
            slot_ms=session.slot_ms,
            at_ms=session.began_ms,
            outcome=ANSWERED,
            profile="+".join(each.name for each in used),
            digest=hashlib.sha256("".join(each.digest for each in used).encode()).hexdigest() if used else "",
            attempts=1,
            rtt_ms=round((session.last - session.began) * 1000, 3),
            rows=rows(decoded.observations, decoded.gaps),
            raw=kept(heard, session.raw),
        )

    def _turned_away(self, known: Known, why: str) -> None:
        with self._lock:
            self._slots.turned_away(known.poll, self._clock.now_ms(), _TURNED_AWAY[why])

    # ---- our own thread

    def _run(self) -> None:
        then = self._clock.monotonic()
        chores = Chores(
            Chore(REGISTER_S, self._read_register, then + REGISTER_S),
            Chore(TRIM_S, self._trim, then + TRIM_S),
            Chore(TELL_S, self._count, then + TELL_S),
        )
        go_round(lambda: self._once(chores), stopping=self._stopping, health=self._health, every_s=ROUND_S)

    def _once(self, chores: Chores) -> None:
        now_ms, then = self._clock.now_ms(), self._clock.monotonic()
        if now_ms - self._heard_ms > BLIND_MS:
            with self._lock:
                self._slots.blind(self._heard_ms, now_ms)
        self._heard_ms = now_ms
        self._acs.sweep(then)
        with self._lock:
            if self._outbox is not None:
                self._outbox.add(self._slots.close(now_ms, unpolled=unpolled))
                self._outbox.state(*(beyond(name, count, now_ms) for name, count in self._said.beyond(then)))
                self._outbox.flush(now_ms=now_ms)
        self._strangers.keep(now_ms)
        if self._settings.acs.call:
            self._call(now_ms)
        chores.do(now_ms, then)

    def _trim(self, _: int) -> None:
        if self._spool is not None:
            self._spool.trim(drained(self._settings, SOURCE))

    def _count(self, _: int) -> None:
        log.info("counters", extra=self.figures())

    def _call(self, now_ms: int) -> None:
        """Call who has not come although its slot is nearly over."""
        with self._lock:
            silent, slot_ms = self._slots.silent(now_ms, share=CALL_AT), self._slots.slot(now_ms)
        self._callers.forget(slot_ms)
        by_poll = {known.poll: known for known in self._acs.logins.doors.known.values()} if silent else {}
        for door in silent:
            known = by_poll.get(door)
            url = self._urls.get(known.device, "") if known is not None else ""
            if known is None or not url or not self._callers.due(door, slot_ms):
                continue
            call = call_of(known, url)
            if not isinstance(call, str) and not self._callers.call(call, slot_ms):
                return

    def _read_register(self, now_ms: int) -> None:
        seen = self._register.changed(now_ms)
        if seen is None:
            return
        found = doors(seen, self._settings)
        self._acs.logins.doors = found
        self._strangers.forget(found.serials)
        here = {known.device for known in found.known.values()}
        self._acs.layouts = {name: held for name, held in self._acs.layouts.items() if name in here}
        self._urls = {name: url for name, url in self._urls.items() if name in here}
        with self._lock:
            self._slots.expect((known.poll for known in found.known.values()), now_ms)
            self._slots.bar(found.barred)


def _of(digest: str, rule: str) -> bool:
    return rule.endswith(f"@{digest[:8]}")


def build(settings: Settings) -> AcsService:
    """Return the service, inert."""
    return AcsService(settings)
