"""The service `history` of a rehearsal: the months before the start, polled on a simulated clock.

Every past slot of every agent is asked through the same exchange as on the wire, over encoded replies; what comes of it
goes through decoder, spool, store and judge like a live poll. Where the collector was blind by plan, nothing is asked.
`late.history` says up to which instant the core has taken it: no later hour is judged before (`netops.core`), and an
interrupted history goes on there.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from typing import TYPE_CHECKING

from collectors import poll
from collectors.probes import slots
from collectors.profile import COST_S
from collectors.profile_yaml import shipped
from collectors.simulator import instance, line
from collectors.simulator.describe import PROFILES, service_of
from collectors.simulator.living import Living
from collectors.simulator.objects import build as objects
from collectors.snmp.agent import interview
from netops import facts, wire
from netops.access import approvals
from netops.drain import drained
from netops.facts import Fact
from netops.model import Reason
from netops.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from collectors.poll import Fitted
    from collectors.simulator.world import World
    from netops.config import Settings
    from netops.evidence.canonical import JSON
    from netops.model import Poll

log = logging.getLogger(__name__)
SOURCE = "history"
HOUR_MS = 3_600_000
NOTICE_MS = 5 * 86_400_000
MARK, DONE = "late.history", "history.done"
WHOLE_EVERY_MS = 6 * 3_600_000  # the whole device, optics included, every six hours; between, what its state needs
ALL_COSTS = frozenset(COST_S)
STATE = frozenset(
    {
        "system.uptime",
        "wlan.ap.state",
        "wlan.ap.uptime",
        "wlan.ap.clients",
        "pon.onu.state",
        "pon.onu.down_cause",
        "lte.cell.oper",
        "lte.cell.rf",
        "lte.cell.admin",
        "lte.cell.s1",
        "lte.cell.ues",
    }
)
BEHIND = 5
BACKLOG = 4000  # records; more would only fill the disk before the core has read them


class History:
    """Inert until started; ends by itself when the past is told."""

    name = SOURCE

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self.done = threading.Event()
        self.failed = ""

    def start(self) -> None:
        """Begin to tell the past in a thread of its own."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name=SOURCE, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop after the present slot."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=15)
        self._thread = None

    def health(self) -> dict[str, str]:
        """Return what is wrong, by subject."""
        return {"history": self.failed} if self.failed else {}

    def _run(self) -> None:
        try:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), BEHIND)  # the living city comes first
            self._tell()
        except Exception as error:
            self.failed = f"{type(error).__name__}: {error}"
            log.exception("history failed")

    def _tell(self) -> None:
        directory = self._settings.data.dir
        found = instance.load(directory)
        mark = directory / MARK
        if found is None or (directory / DONE).exists():
            self.done.set()
            return
        begin = int(mark.read_text(encoding="ascii")) if mark.exists() else found.begin_ms
        world = found.world()
        teller = Teller(world, seed_ms=found.begin_ms)
        with Spool(directory / "spool" / f"{SOURCE}.db", source=SOURCE) as spool:
            if begin == found.begin_ms:
                told = decisions(world)
                spool.put(facts.SPOOL_KIND, [facts.encode(each) for each in told])
            _write(mark, begin)
            ahead: deque[tuple[int, int]] = deque()  # (sequence, instant up to which it tells)
            for hour_ms in range(begin, found.start_ms, HOUR_MS):
                until = min(hour_ms + HOUR_MS, found.start_ms)
                polls = [poll for slot in range(hour_ms, until, found.step_s * 1000) for poll in teller.slot(slot)]
                if polls:
                    ahead.append((spool.put("poll", [wire.encode(each) for each in polls]), until))
                if not self._keep_pace(spool, ahead, mark, most=BACKLOG):
                    return
            spool.put(facts.SPOOL_KIND, [facts.encode(_ended(found.start_ms))])
            if not self._keep_pace(spool, ahead, mark, most=0):
                return
        (directory / DONE).touch()
        mark.unlink(missing_ok=True)
        self.done.set()

    def _keep_pace(self, spool: Spool, ahead: deque[tuple[int, int]], mark: Path, *, most: int) -> bool:
        """Wait until the core has taken all but `most` records; False when told to stop."""
        while True:
            upto = drained(self._settings, SOURCE)
            spool.trim(upto)
            told = 0
            while ahead and ahead[0][0] <= upto:
                told = ahead.popleft()[1]
            if told:
                _write(mark, told)
            if self._stopping.is_set():
                return False
            if spool.backlog() <= most:
                return True
            self._stopping.wait(0.05)


def _write(mark: Path, told_ms: int) -> None:
    partial = mark.with_suffix(".partial")
    partial.write_text(str(told_ms), encoding="ascii")
    partial.replace(mark)


class Teller:
    """Asks every agent of the world as of a slot, over encoded replies."""

    def __init__(self, world: World, *, seed_ms: int) -> None:
        self._world = world
        self._now = seed_ms
        self._living = {
            agent.id: Living(agent, objects(agent, world), world, lambda: self._now) for agent in world.city.agents
        }
        self._profiles = shipped()
        self._fitted: dict[str, Fitted] = {}
        self._plans = poll.Plans()

    def slot(self, slot_ms: int) -> Iterator[Poll]:
        """Yield the poll of every agent and of the vantage point in one slot; nothing while the collector was blind."""
        if self._world.blind(slot_ms):
            return
        for name, living in self._living.items():
            self._now = slot_ms + 1000 + len(name) * 37
            yield self._poll(name, living, slot_ms)
        yield slots.poll(line.VANTAGE, slot_ms, list(line.records(self._world, slot_ms)))

    def _poll(self, name: str, living: Living, slot_ms: int) -> Poll:
        profile = PROFILES[living.agent.role]
        if not self._world.answers(living.agent, self._now):
            return poll.unpolled(name, slot_ms, self._now, Reason.NO_ANSWER)
        fitted = self._fitted.get(name)
        if fitted is None:
            seen = interview(living, poll.question(self._profiles, profile), at_ms=self._now)
            fitted = self._fitted[name] = poll.fit(self._profiles, profile, seen)
        only = frozenset() if slot_ms % WHOLE_EVERY_MS == 0 else STATE
        used = self._plans.of(fitted, ALL_COSTS, only)
        return poll.polled(name, slot_ms, used, interview(living, used.ask, at_ms=self._now))


def decisions(world: World) -> list[Fact]:
    """Return what two roles decided beforehand: each planted maintenance, asked for and approved five days earlier."""
    made: list[Fact] = []
    for window in world.planted.maintenance:
        agent = world.city.agent(window.target)
        terms: dict[str, JSON] = {
            "contract": f"contract-{agent.carrier}",
            "class": "maintenance",
            "start_ms": window.start_ms,
            "end_ms": window.end_ms,
            "services": [service_of(child) for child in agent.children],
        }
        asked = window.start_ms - NOTICE_MS
        request = approvals.ask(
            "exclusion",
            terms=terms,
            by="operator",
            role="operator",
            reason="演练：光线路终端软件升级 / Rehearsal: software upgrade of the OLT",
            now_ms=asked,
        )
        (approval,) = approvals.fold([(fact, False) for fact in request]).values()
        decision = approvals.decide(
            approval,
            approvals.APPROVED,
            by="manager",
            role="contract_manager",
            reason="演练 / Rehearsal",
            now_ms=asked + HOUR_MS,
        )
        made += [*request, decision]
    return made


def _ended(at_ms: int) -> Fact:
    body = {"service": SOURCE, "state": "stopped", "version": "1", "detail": "the past is told"}
    return Fact(kind="service_state", at_ms=at_ms, body=body)


def build(settings: Settings) -> History:
    """Return the service, inert."""
    return History(settings)
