"""The reflector's edge: one UDP socket, one thread. What is answered is decided in `reflect.py`."""

from __future__ import annotations

import logging
import select
import socket
import threading
from typing import TYPE_CHECKING

from collectors.probes import clocks, sockets
from collectors.probes.stamp.reflect import Heard, Reflector
from collectors.probes.stamp.timestamps import ErrorEstimate, ntp_of
from netops.clock import SYSTEM
from netops.errors import NetopsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from collectors.probes.clocks import ClockState

log = logging.getLogger(__name__)
WAIT_MS = 200
BATCH = 64
CLOCK_S = 5.0  # how often the kernel is asked how good its clock is


class Reflecting:
    """Answers test packets on one address; inert until `start`."""

    def __init__(
        self, reflector: Reflector, *, host: str, port: int, clock: Callable[[], ClockState] = clocks.kernel
    ) -> None:
        self.reflector = reflector
        self.host = host
        self.port = port
        self.failed = ""
        self._clock = clock
        self._stopping = threading.Event()
        self._wire: socket.socket | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Bind and answer; NetopsError when the address cannot be had."""
        wire = socket.socket(sockets.family_of(self.host), socket.SOCK_DGRAM)
        try:
            if wire.family == socket.AF_INET6:  # `::` is everybody, whatever `net.ipv6.bindv6only` says
                wire.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            sockets.tell_all(wire)
            wire.setblocking(False)
            wire.bind(sockets.place(self.host, self.port))
        except OSError as error:
            wire.close()
            raise NetopsError(
                f"STAMP reflector {self.host}:{self.port}: cannot listen ({error.strerror}); another port?"
            ) from None
        self._wire, self.port = wire, wire.getsockname()[1]
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, args=(wire,), name="reflector", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Let go of the socket; safe to call twice."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=5)
        if self._wire is not None:
            self._wire.close()
        self._thread = self._wire = None

    def _run(self, wire: socket.socket) -> None:
        waiting = select.poll()
        waiting.register(wire, select.POLLIN)
        ask_at, error, synchronised = 0.0, 0, False
        while not self._stopping.is_set():
            try:
                now = SYSTEM.monotonic()
                if now >= ask_at:
                    said = self._clock()
                    error = ErrorEstimate.of(said.error_ns, synchronised=said.synchronised).field()
                    ask_at, synchronised = now + CLOCK_S, said.synchronised
                if waiting.poll(WAIT_MS):
                    self.answer(wire, error=error, synchronised=synchronised)
                self.failed = ""
            except Exception as wrong:
                self.failed = f"{type(wrong).__name__}: {wrong}"
                log.exception("reflector")
                self._stopping.wait(0.1)

    def answer(self, wire: socket.socket, *, error: int, synchronised: bool) -> None:
        """Answer what waits on the socket, up to a bound."""
        for _ in range(BATCH):
            try:
                arrival = sockets.receive(wire)
            except OSError:
                continue  # an ICMP error about an earlier answer: its port is closed by now
            if arrival is None:
                return
            heard = Heard(
                source=arrival.source,
                source_port=arrival.peer[1],
                destination=arrival.local or self.host,
                destination_port=self.port,
                at_ns=arrival.at.wall_ns,
                ttl=arrival.ttl,
                tos=arrival.tos,
            )
            reflection = self.reflector.take(
                arrival.octets,
                heard,
                error=error,
                synchronised=synchronised,
                received=ntp_of(arrival.at.wall_ns),
                now_s=arrival.at.monotonic_ns / sockets.NS,
            )
            if reflection is None:
                continue
            told = sockets.departure(source=arrival.local, tos=reflection.tos)
            try:
                wire.sendmsg([reflection.datagram(ntp_of(SYSTEM.now_ns()))], told, 0, arrival.peer)
            except OSError:
                self.reflector.counters["not_sent"] += 1
