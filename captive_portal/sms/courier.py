"""The courier: hands messages over beside the page, to the next provider when one is away. Its queue is bounded.

A provider that was away several times in a row rests for half a minute; when all rest, a message is told to be unsent
at once, and the page says so. Whether a message that nobody confirmed may be handed to another is asked first: it may
reach the phone twice, so it counts twice.
"""

from __future__ import annotations

import logging
import queue
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

from captive_portal.sms.providers import Answer, Came

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from captive_portal.sms.providers import Message, Provider
    from netops.clock import Clock

LOG = logging.getLogger("netops.portal.sms")
WAITING = 500  # messages in the queue; more are refused at once
STALE_S = 30.0  # a message that waited longer is of no use to anybody
LATELY_S = 600.0
TRIPS = 5  # times away in a row, then the provider rests
REST_S = 30.0
CLOSE_S = 6.0  # at the end: what waits longer is given back, so that no service manager loses its patience


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What became of a message: who took it (or none), what they call it, and whether it surely went nowhere."""

    provider: str = ""
    receipt: str = ""
    nowhere: bool = False

    @property
    def taken(self) -> bool:
        """Whether somebody took it."""
        return bool(self.provider)


@dataclass(slots=True)
class Standing:
    """How a provider does."""

    away: int = 0
    until: float = 0.0
    last: float = 0.0  # when it was away last
    silent: int = 0  # times in a row that it was not even there: an odd answer may be to a visitor's odd number
    said: str = ""


@dataclass(frozen=True, slots=True)
class _Job:
    message: Message
    further: Callable[[int], bool]
    done: Callable[[Delivered], None]
    future: Future[Delivered]
    since: float


class Courier:
    """Threads that hand over; inert until `begin`."""

    def __init__(self, providers: Sequence[Provider], *, workers: int, clock: Clock) -> None:
        self.providers = tuple(providers)
        self.standing = {each.name: Standing() for each in providers}
        self._clock = clock
        self._workers = max(1, workers)
        self._queue: queue.Queue[_Job | None] = queue.Queue(WAITING)
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._over: float | None = None

    def begin(self) -> None:
        """Start the threads."""
        self._over = None
        for number in range(self._workers):
            thread = threading.Thread(target=self._run, name=f"portal-sms-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def close(self) -> None:
        """Hand over what waits, within some seconds, and stop; safe to call twice."""
        threads, self._threads = self._threads, []
        self._over = self._clock.monotonic() + CLOSE_S
        for _ in threads:
            self._queue.put(None)
        for thread in threads:
            thread.join(CLOSE_S)

    def put(
        self, message: Message, *, further: Callable[[int], bool], done: Callable[[Delivered], None]
    ) -> Future[Delivered]:
        """Hand in a message; `queue.Full` when too many wait.

        `further(part)` says whether a message that may have been taken may go to one more provider; `done` is called
        once, before the future is set.
        """
        future: Future[Delivered] = Future()
        self._queue.put_nowait(_Job(message, further, done, future, self._clock.monotonic()))
        return future

    @property
    def waiting(self) -> int:
        """How many messages wait."""
        return self._queue.qsize()

    def wrong(self) -> dict[str, str]:
        """Return which providers rest, and why."""
        now = self._clock.monotonic()
        with self._lock:
            return {f"sms {name}": f"away ({each.said})" for name, each in self.standing.items() if each.until > now}

    def away(self) -> bool:
        """Whether every provider was silent so often that it rests, and lately: what nobody tried may work again."""
        now = self._clock.monotonic()
        with self._lock:
            return bool(self.standing) and all(
                each.silent >= TRIPS and now - each.last < LATELY_S for each in self.standing.values()
            )

    def _run(self) -> None:
        while (job := self._queue.get()) is not None:
            delivered = Delivered()  # not sure, until it is
            try:
                delivered = self._handed(job)
            except Exception:
                LOG.exception("message not handed over id=%s", job.message.id)
            try:
                job.done(delivered)
            except Exception:
                LOG.exception("what became of a message was not kept id=%s", job.message.id)
            job.future.set_result(delivered)

    def _handed(self, job: _Job) -> Delivered:
        now = self._clock.monotonic()
        if now - job.since > STALE_S or (self._over is not None and now > self._over):
            return Delivered(nowhere=True)
        unsure = 0
        for provider in self.providers:
            if self._rests(provider.name):
                continue
            if unsure and not job.further(unsure):
                break
            answer = self._ask(provider, job.message)
            if answer.came is Came.TAKEN:
                return Delivered(provider=provider.name, receipt=answer.receipt)
            unsure += answer.came is Came.UNSURE
        return Delivered(nowhere=not unsure)

    def _ask(self, provider: Provider, message: Message) -> Answer:
        began = self._clock.monotonic()
        try:
            answer = provider.hand(message)
        except Exception as error:
            LOG.exception("provider failed provider=%s", provider.name)
            answer = Answer(came=Came.UNSURE, said=type(error).__name__)
        took_ms = int((self._clock.monotonic() - began) * 1000)
        LOG.info(
            "message handed provider=%s id=%s came=%s said=%s ms=%d",
            *(provider.name, message.id, answer.came, answer.said, took_ms),
        )
        self._learn(provider.name, answer)
        return answer

    def _rests(self, name: str) -> bool:
        with self._lock:
            return self.standing[name].until > self._clock.monotonic()

    def _learn(self, name: str, answer: Answer) -> None:
        """Let a provider rest that was away too often; the first message after its rest is its chance."""
        with self._lock:
            standing = self.standing[name]
            if answer.came in {Came.TAKEN, Came.REFUSED}:
                standing.away, standing.silent, standing.until = 0, 0, 0.0
                return
            standing.away, standing.said = standing.away + 1, answer.said
            standing.silent = 0 if answer.there else standing.silent + 1
            standing.last = self._clock.monotonic()
            if standing.away >= TRIPS:
                standing.until = self._clock.monotonic() + REST_S
