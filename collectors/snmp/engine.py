"""The engine: thousands of asks at once over one UDP socket per address family, in a thread of its own.

Whole batches of answers are handed over: a future per request would cost three times the CPU.

    with Engine(window=1000) as engine:
        answer = engine.ask(target, ask)                 # one, blocking
        for answer in engine.run(jobs): ...              # many; in the order in which they come
        engine.submit(jobs, hand_over)                   # many; hand_over(list[Answer]) runs in the engine's thread
"""

from __future__ import annotations

import logging
import os
import select
import socket
import threading
from collections import deque
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Self

from collectors.errors import CollectorError
from collectors.snmp import compiled
from collectors.snmp.counters import Counters
from collectors.snmp.flight import Job
from collectors.snmp.loop import Loop
from collectors.snmp.sockets import RECEIVE_BUFFER, Channel, window_of
from collectors.snmp.swift import Swift
from netops.clock import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

    from collectors.snmp.ask import Answer, Ask, Target
    from collectors.snmp.handover import HandOver
    from netops.clock import Clock

_LOG = logging.getLogger(__name__)


class Engine:
    """Asks devices over SNMP. Inert until started; safe to use from any thread.

    `window` is how many devices are asked at once; it is capped by what the kernel gives as receive buffer. With
    `fast` the compiled hot path is taken where it was built and is not switched off; answers are the same without.
    """

    def __init__(
        self,
        *,
        window: int = 1000,
        receive_buffer: int = RECEIVE_BUFFER,
        clock: Clock = SYSTEM,
        fast: bool = True,
    ) -> None:
        self.counters = Counters()
        self.window = window
        self._wanted = window
        self._fast = compiled.fast() if fast else None
        self._receive_buffer = receive_buffer
        self._clock = clock
        self._inbox: deque[tuple[tuple[Job, ...], HandOver, int]] = deque()
        self._lock = threading.Lock()  # guards `_running` against a submit that would be left behind
        self._thread: threading.Thread | None = None
        self._loop: Loop | None = None
        self._wake = -1
        self._running = False

    def start(self) -> None:
        """Open the sockets and begin."""
        if self._thread is not None:
            return
        channels = {socket.AF_INET: Channel(socket.AF_INET, receive_buffer=self._receive_buffer)}
        try:
            channels[socket.AF_INET6] = Channel(socket.AF_INET6, receive_buffer=self._receive_buffer)
        except OSError:
            _LOG.info("no IPv6 on this machine; devices with an IPv6 address become gaps of ours")
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.window = min(window_of(channel.receive_buffer, self._wanted) for channel in channels.values())
        poll = select.epoll()
        by_number: dict[int, Channel] = {}

        def opened(channel: Channel) -> None:
            by_number[channel.fileno] = channel
            poll.register(channel.fileno, select.EPOLLIN)

        def closed(channel: Channel) -> None:
            del by_number[channel.fileno]
            poll.unregister(channel.fileno)

        kind = Loop if self._fast is None else partial(Swift, fast=self._fast)
        loop = kind(channels, self.counters, window=self.window, clock=self._clock, opened=opened, closed=closed)
        poll.register(self._wake, select.EPOLLIN)
        for channel in channels.values():
            opened(channel)
        self._running = True
        self._thread = threading.Thread(
            target=self._turn, args=(loop, poll, by_number), name="snmp-engine", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """End; whatever is under way is answered with `collector_not_running`. Safe to call twice."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        with self._lock:
            self._running = False
        os.eventfd_write(self._wake, 1)
        thread.join()
        os.close(self._wake)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def submit(self, jobs: Iterable[Job], hand_over: HandOver) -> None:
        """Take jobs; `hand_over` is called in the engine's thread with lists of their answers and must return soon."""
        work = tuple(jobs)
        with self._lock:
            if not self._running:
                raise CollectorError("the SNMP engine is not running; start() it before submit()")
            self._inbox.append((work, hand_over, self._clock.now_ms()))
        if threading.current_thread() is not self._thread:  # a hand_over that submits more finds the engine awake
            os.eventfd_write(self._wake, 1)

    def run(self, jobs: Iterable[Job]) -> Iterator[Answer]:
        """Yield the answer of every job, as they come."""
        work = tuple(jobs)
        box: SimpleQueue[list[Answer]] = SimpleQueue()
        self.submit(work, box.put)
        left = len(work)
        while left:
            batch = box.get()
            left -= len(batch)
            yield from batch

    def ask(self, target: Target, ask: Ask) -> Answer:
        """Ask one device and wait for the answer."""
        return next(self.run((Job(target, ask),)))

    @property
    def besieged(self) -> bool:
        """Whether the shared sockets are flooded now."""
        loop = self._loop
        return loop is not None and loop.siege.on

    def health(self) -> dict[str, str]:
        """Return what is wrong, by subject."""
        wrong: dict[str, str] = {}
        if self.window < self._wanted:
            wrong["snmp.window"] = f"{self.window} devices at once instead of {self._wanted}: raise net.core.rmem_max"
        if self.counters.socket_drops:
            wrong["snmp.socket_drops"] = f"the kernel threw {self.counters.socket_drops} datagrams away"
        if self.besieged:
            told = f"{self.counters.wrong_source + self.counters.socket_drops + self.counters.barred} datagrams so far"
            wrong["snmp.siege"] = f"our SNMP socket is flooded ({told}); devices are asked over sockets of their own"
        if self.counters.faults:
            wrong["snmp.faults"] = f"the engine stumbled {self.counters.faults} times; see the log"
        if self._running and self._thread is not None and not self._thread.is_alive():
            wrong["snmp.engine"] = "the engine's thread ended; see the log and restart the collector"
        return wrong

    def _turn(self, loop: Loop, poll: select.epoll, by_number: dict[int, Channel]) -> None:
        self._loop = loop
        try:
            while self._running:
                try:
                    self._one(loop, poll, by_number)
                except Exception:  # noqa: BLE001  (a fault of ours must leave nobody waiting for ever)
                    self.counters.faults += 1
                    _LOG.exception("snmp engine stumbled; what was under way is given up")
                    loop.abandon("the SNMP engine stumbled; its log says why")
        finally:
            with self._lock:
                self._running = False
                while self._inbox:
                    loop.take(*self._inbox.popleft())
            loop.abandon("the SNMP engine was stopped")
            self._loop = None
            poll.close()
            for channel in loop.channels.values():
                channel.close()

    def _one(self, loop: Loop, poll: select.epoll, channels: dict[int, Channel]) -> None:
        """Take one turn: launch, hand over, wait, receive, expire."""
        loop.deliver()
        while self._inbox:
            loop.take(*self._inbox.popleft())
        loop.launch()
        patience = loop.patience()
        slept_at = self._clock.monotonic()
        ready = poll.poll(patience)
        loop.woke(slept_at, self._clock.monotonic())
        for number, _ in ready:
            if number == self._wake:
                os.eventfd_read(self._wake)
            elif number in channels:  # a lane may have been closed by what came before it in this turn
                loop.receive(channels[number])
        self.counters.wakes += 1
        loop.expire()
