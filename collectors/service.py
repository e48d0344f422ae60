"""The service `collect`: polls every device of the register in its slots and spools what came of it.

One thread decides and decodes, the engine's own thread speaks SNMP. Everything that must survive goes through the
outbox into the spool; the core takes it from there.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections import defaultdict
from contextlib import ExitStack
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from collectors import poll
from collectors.alarm import Alarm
from collectors.columns import Known as Tables
from collectors.devices import Asked, Roll, bearing, roll
from collectors.halts import Halts
from collectors.housekeeping import Chore, Chores, RegisterWatch, StepWatch
from collectors.known_as import Names, started
from collectors.outbox import Outbox
from collectors.profile_yaml import shipped
from collectors.restraint import CHEAP_ONLY, HURRY_MS, gentle
from collectors.rounds import LEAST_SPREAD, Rounds, Turn
from collectors.snmp.breaker import CHEAP, Breaker, event_of
from collectors.snmp.engine import Engine
from collectors.snmp.flight import Job
from collectors.standing import Known, Token
from collectors.unread import Unread
from netops.clock import SYSTEM
from netops.drain import drained
from netops.facts import Fact
from netops.model import ANSWERED, Reason
from netops.service import go_round, service_state
from netops.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from collectors.profile import Profile
    from collectors.snmp.ask import Answer
    from netops.clock import Clock
    from netops.config import Settings
    from netops.evidence.canonical import JSON
    from netops.measures import Told
    from netops.model import Poll

log = logging.getLogger(__name__)
SOURCE = "collect"
REGISTER_S = 15.0  # how soon a change of the register is noticed
TRIM_S = 30.0
TELL_S = 300.0  # how often the counters go to the log: this process has no /metrics of its own
PAUSE_S = 0.2
HURRIED_MOST = 200  # devices at a time that are asked more often: an outage of a whole district is no storm
SILENT = frozenset({Reason.NO_ANSWER.value, Reason.REFUSED.value})
AGAIN = 3  # times that a device which was not known to be silent is asked once more in its slot: datagrams get lost
REFIT_MS = 3_600_000  # how a device is laid out is asked again after this, at an instant of its own


class Collector:
    """Inert until started."""

    name = SOURCE

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock = SYSTEM,
        chance: Callable[[], float] | None = None,
        profiles: Mapping[str, Profile] | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._every_ms = settings.collect.interval_s * 1000
        self._profiles = shipped() if profiles is None else profiles
        self._plans = poll.Plans(most_varbinds=settings.collect.poll_varbinds)
        self._chance = chance or secrets.SystemRandom().random
        # a silence is doubted by AGAIN further asks, the last of which begins within the slot; a fourth more for us
        doubt_s = 1.25 * AGAIN * (settings.collect.retries + 1) * settings.collect.timeout_s
        self._doubts_in_time = doubt_s <= settings.collect.interval_s * (1 - LEAST_SPREAD)
        self._rounds = Rounds(
            interval_s=settings.collect.interval_s,
            chance=self._chance,
            doubt_s=doubt_s,
            pulse_s=settings.collect.pulse_s,
        )
        self._engine = Engine(window=settings.collect.window, clock=clock)
        self._alarm = Alarm(settings.collect.vantage, "the SNMP sockets")
        self._breaker = Breaker(after=settings.collect.breaker_after)
        self._answers: SimpleQueue[list[Answer]] = SimpleQueue()
        self._known: defaultdict[str, Known] = defaultdict(Known)
        self._roll = Roll(asked={}, barred={})
        self._halts = Halts(settings)
        self._names = Names(settings.data.dir)
        self._hurried: list[int] = []
        self._unread = Unread()
        self._bearing: frozenset[str] = frozenset()
        self._stack = ExitStack()
        self._outbox: Outbox | None = None
        self._spool: Spool | None = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._health: dict[str, str] = {}
        self._register = RegisterWatch(settings, self._health)
        self._polled = 0

    def start(self) -> None:
        """Open the spool and the sockets, then poll."""
        spools = self._settings.data.dir / "spool"
        self._spool = self._stack.enter_context(
            Spool(spools / f"{SOURCE}.db", source=SOURCE, cap_bytes=self._settings.collect.spool_cap_mb << 20)
        )
        self._outbox = Outbox(self._spool, derivable=True, bears=lambda device: device in self._bearing)
        self._stack.enter_context(self._engine)
        self._outbox.state(service_state(SOURCE, "started", now_ms=self._clock.now_ms()))
        self._outbox.flush(now_ms=self._clock.now_ms())
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name=SOURCE, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish what is decoded, then let go of everything."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=15)
        self._thread = None
        if self._outbox is not None:
            self._outbox.state(service_state(SOURCE, "stopped", now_ms=self._clock.now_ms()))
            self._outbox.flush(now_ms=self._clock.now_ms())
        self._outbox = None
        self._stack.close()

    def health(self) -> dict[str, str]:
        """Return what is wrong, by subject."""
        wrong = self._health | self._unread.health()
        if self._outbox is not None and self._outbox.refused:
            wrong["spool"] = self._outbox.refused
        if self._names.refused:
            wrong["names"] = self._names.refused
        return wrong

    def measures(self) -> Iterable[Told]:
        """Return what Prometheus is told: how polls went, and how late they were."""
        return self._outbox.measures() if self._outbox is not None else ()

    def figures(self) -> dict[str, int]:
        """Return the counters, as the log tells them: what was asked, what came, what waits for the core."""
        waiting = self._spool.held_bytes if self._spool is not None else 0
        return {"polled": self._polled, "spool_bytes": waiting, **self._engine.counters.table()}

    # ---- the thread

    def _run(self) -> None:
        steps = StepWatch(self._clock)
        chores = Chores(
            Chore(REGISTER_S, self._read_register),
            Chore(TRIM_S, self._sound_alarm),
            Chore(TRIM_S, self._trim),
            Chore(TELL_S, self._count, self._clock.monotonic() + TELL_S),
        )
        go_round(lambda: self._once(steps, chores), stopping=self._stopping, health=self._health)

    def _once(self, steps: StepWatch, chores: Chores) -> None:
        now, then = self._clock.now_ms(), self._clock.monotonic()
        self._watch_clock(steps.step_ms(now, then), now)
        self._ask(now)
        self._take()
        chores.do(now, then)

    def _watch_clock(self, step_ms: int, now_ms: int) -> None:
        if not step_ms or self._outbox is None:
            return
        body: dict[str, JSON] = {"vantage": self._settings.collect.vantage, "state": "stepped", "step_ms": step_ms}
        self._outbox.state(Fact(kind="clock_state", at_ms=max(0, now_ms), body=body))
        self._rounds.anew(now_ms=now_ms)

    def _read_register(self, now_ms: int) -> None:
        seen = self._register.changed(now_ms)
        if seen is None:
            return
        before = self._roll
        self._roll = roll(seen, self._settings, profiles=self._profiles)
        self._bearing = bearing(seen)
        for device, asked in self._roll.asked.items():
            if before.asked.get(device) != asked:
                self._known.pop(device, None)
        self._unread.keep(self._roll.asked)
        self._names.forget(name for name, asked in before.asked.items() if self._roll.asked.get(name) != asked)
        self._rounds.set_devices([*self._roll.asked, *self._roll.barred], now_ms=now_ms)

    def _ask(self, now_ms: int) -> None:
        run, missed = self._rounds.due(now_ms)
        if missed and self._outbox is not None:
            self._outbox.add(poll.unpolled(t.device, t.slot_ms, now_ms, Reason.MISSED_SLOT) for t in missed)
        halted = self._halts.now()
        jobs = []
        for turn in run:
            asked = self._roll.asked.get(turn.device)
            reason = self._roll.barred.get(turn.device)
            if asked is not None and halted.device(turn.device, asked.profile):
                reason = Reason.HALTED
            if reason is not None and self._outbox is not None and not (turn.extra or turn.pulse):
                self._outbox.add([poll.unpolled(turn.device, turn.slot_ms, now_ms, reason)])
            elif reason is None and asked is not None:
                known = self._known[turn.device]
                if not turn.pulse:
                    known.polling += 1
                    jobs.append(self._job(turn, asked))
                elif known.may_pulse():
                    pulse = Token(turn.device, turn.slot_ms, None, pulse=True)
                    jobs.append(Job(asked.target, CHEAP, pulse, turn.due_ms))
        if jobs:
            self._engine.submit(jobs, self._answers.put)

    def _job(self, turn: Turn, asked: Asked) -> Job:
        """Return what a device is asked in this turn: everything that is due, or what little is good for it now."""
        known = self._known[turn.device]
        if self._breaker.open(turn.device) or (turn.extra and known.fitted is None):
            skipped = known.restraint.miss(self._due(turn))
            return Job(asked.target, CHEAP, Token(turn.device, turn.slot_ms, None, skipped=skipped), turn.due_ms)
        if not turn.extra and (known.fitted is None or turn.slot_ms - known.fitted_ms >= REFIT_MS):
            question = poll.question(self._profiles, asked.profile)
            return Job(asked.target, question, Token(turn.device, turn.slot_ms, None, layout=True), turn.due_ms)
        return self._poll_job(turn, asked, known, self._due(turn))

    def _due(self, turn: Turn) -> frozenset[str]:
        if turn.extra:
            return CHEAP_ONLY
        return poll.due_costs(turn.device, turn.slot_ms, self._settings.collect.interval_s)

    def _poll_job(self, turn: Turn, asked: Asked, known: Known, due: frozenset[str]) -> Job:
        costs, skipped = CHEAP_ONLY, frozenset[str]()
        if not turn.extra:
            halted = self._halts.now().costs(turn.device, asked.profile)
            busy = self._settings.collect.device_cpu_percent
            costs, skipped = known.restraint.turn(due, busy_percent=busy, halted=halted)
        assert known.fitted is not None  # who calls has seen how the device is laid out
        plan = self._plans.of(known.fitted, costs)
        token = Token(turn.device, turn.slot_ms, plan, costs=costs, skipped=skipped)
        target = asked.target
        if known.restraint.gently:
            target = gentle(target, most_s=self._settings.collect.interval_s / 2)
        return Job(target, plan.ask, token, turn.due_ms)

    def _take(self) -> None:
        answers: list[Answer] = []
        try:
            answers += self._answers.get(timeout=PAUSE_S)
            while len(answers) < 512:
                answers += self._answers.get_nowait()
        except Empty:
            pass
        if self._outbox is None:
            return
        self._outbox.add(made for answer in answers if (made := self._poll_of(answer)) is not None)
        self._outbox.flush(now_ms=self._clock.now_ms())

    def _poll_of(self, answer: Answer) -> Poll | None:
        token: Token = answer.token
        if token.device not in self._roll.asked:
            return None
        known = self._known[token.device]
        way = self._pulse_of if token.pulse else self._turn_of
        made = self._unread.read(
            token.device, lambda: way(token, answer, known), lambda: self._left(token, answer, known)
        )
        known.taken(made, answer)
        self._polled += made is not None
        return made

    def _left(self, token: Token, answer: Answer, known: Known) -> Poll:
        """Return what is left of an answer that we failed to read: that it came, and its raw replies."""
        known.tables = Tables()  # half learnt
        return poll.with_load(poll.checked(token.device, token.slot_ms, answer), known.cost(answer), {})

    def _pulse_of(self, token: Token, answer: Answer, known: Known) -> Poll | None:
        """Return the Poll of a pulse that was not answered, however often; of one that was nothing is kept.

        It shows operators a silence before the next slot does, and moves no slot's doubt. While a poll is under way,
        its answer tells.
        """
        if poll.outcome(answer) not in SILENT or known.polling or known.faint:
            return None
        if token.again < AGAIN:
            self._doubt(token)
            return None
        known.faint = True
        if known.restraint.hurried(now_ms=answer.at_ms):
            self._hurry(token.device, answer.at_ms)
        return poll.with_load(poll.checked(token.device, token.slot_ms, answer), known.cost(answer), {})

    def _turn_of(self, token: Token, answer: Answer, known: Known) -> Poll | None:
        doubtful = self._is_doubtful(token, answer, known)
        if doubtful and self._clock.now_ms() >= token.slot_ms + self._every_ms:
            if self._doubts_in_time:  # it was asked in time for all doubts, so what was too late is we
                return poll.unpolled(token.device, token.slot_ms, max(0, answer.at_ms), Reason.POLLER_LATE)
        elif doubtful:
            self._doubt(token)
            return None
        self._breaker.note(token.device, event_of(answer))
        if token.plan is not None:
            made = poll.polled(token.device, token.slot_ms, token.plan, answer, known.tables)
            if self._names.keep(token.device, known.tables.fresh, started(answer.at_ms, answer.uptime_first)):
                known.tables.fresh = {}
        elif token.layout and answer.answered:
            self._fit_and_ask(token, answer, known)
            return None
        else:
            made = poll.checked(token.device, token.slot_ms, answer)
            if made.outcome == ANSWERED:  # it is back: ask it in full within this very slot
                self._fit_and_ask(token, answer, known)
                return None
        known.restraint.note(made, token.costs)
        own = self._own_slot(token) or made.outcome == ANSWERED  # an undoubted silence takes no slot's doubt away
        if own and known.restraint.changed(made, now_ms=answer.at_ms):
            self._hurry(token.device, answer.at_ms)
        if self._outbox is not None:
            for fact in known.restraint.claim(token.device, now_ms=max(0, answer.at_ms)):
                self._outbox.offer(fact)
        return poll.with_load(made, known.cost(answer), self._skipped(token, known, made.outcome))

    def _doubt(self, token: Token) -> None:
        """Ask a device that did not answer once more, at once, for as little as can be asked."""
        again = token._replace(plan=None, layout=False, again=token.again + 1)
        self._engine.submit([Job(self._roll.asked[token.device].target, CHEAP, again, 0)], self._answers.put)

    def _own_slot(self, token: Token) -> bool:
        return token.slot_ms % self._every_ms == 0

    def _is_doubtful(self, token: Token, answer: Answer, known: Known) -> bool:
        """Whether this silence may be lost datagrams: at 10 % loss each way three tries fail once in 150 slots.

        A refusal is no more than a silence: ICMP can be forged.

        Who answered last is asked up to three times more in the slot before it counts as silent. Who was silent before
        is not: the dead cost nothing more. When the slot is over before that, the silence is not known to be one.
        """
        return (
            poll.outcome(answer) in SILENT
            and token.again < AGAIN
            and known.restraint.answered is not False
            and self._own_slot(token)
        )

    def _skipped(self, token: Token, known: Known, outcome: str) -> dict[str, Reason]:
        """Return the metrics of the classes whose turn went by, and on what account."""
        if not token.skipped or known.fitted is None:
            return {}
        halted = self._halts.now().costs(token.device, self._roll.asked[token.device].profile)
        return {
            metric: known.restraint.why(cost, outcome, halted=cost in halted)
            for cost in token.skipped
            for metric in poll.metrics_of(known.fitted, {cost})
        }

    def _hurry(self, device: str, now_ms: int) -> None:
        """Ask a device that fell silent or came back more often for a while; when many do, only the first of them."""
        every_s = self._settings.collect.hurry_s
        self._hurried = [until for until in self._hurried if until > now_ms]
        if every_s and len(self._hurried) < HURRIED_MOST:
            self._hurried.append(now_ms + HURRY_MS)
            self._rounds.hurry(device, now_ms=now_ms, every_ms=every_s * 1000, until_ms=now_ms + HURRY_MS)

    def _fit_and_ask(self, token: Token, answer: Answer, known: Known) -> None:
        asked = self._roll.asked[token.device]
        turn = Turn(0, token.device, token.slot_ms)
        if token.layout:
            known.fitted = poll.wider(known.fitted, poll.fit(self._profiles, asked.profile, answer))
            known.fitted_ms = token.slot_ms - int(self._chance() * REFIT_MS / 2)
        if known.fitted is not None:
            due = self._due(turn) if token.layout else CHEAP_ONLY  # what else was due is owed by now
            job = self._poll_job(turn, asked, known, due)
            job = job._replace(token=job.token._replace(again=token.again))
        else:
            question = poll.question(self._profiles, asked.profile)
            whole = Token(token.device, token.slot_ms, None, layout=True, again=token.again)
            job = Job(asked.target, question, whole, 0)
        self._engine.submit([job], self._answers.put)

    def _sound_alarm(self, now_ms: int) -> None:
        if self._outbox is not None:
            self._outbox.state(*self._alarm.look(self._engine.counters.table(), now_ms))

    def _trim(self, _: int) -> None:
        if self._spool is not None:
            self._spool.trim(drained(self._settings, SOURCE))

    def _count(self, _: int) -> None:
        log.info("counters", extra=self.figures())


def build(settings: Settings) -> Collector:
    """Return the service, inert."""
    return Collector(settings)
