"""The way to a simulated end on the wire: takes test packets on its loopback address, holds or loses them as `line.py`
says, passes them on to a real reflector and its answers back. One thread for all ends.
"""  # noqa: D205

from __future__ import annotations

import heapq
import ipaddress
import logging
import selectors
import socket
from itertools import count
from typing import TYPE_CHECKING

from collectors.background import Background
from collectors.errors import CollectorError
from collectors.probes import clocks
from collectors.probes.stamp.reflect import Reflector
from collectors.probes.stamp.reflecting import Reflecting
from collectors.simulator import line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from collectors.simulator.line import End
    from collectors.simulator.world import World
    from netops.clock import Clock

log = logging.getLogger(__name__)
LARGEST = 2048
CLIENTS = 8  # senders remembered of an end: each session of a probe has a port of its own
IDLE_S = 0.2


class Relay:
    """All ends with their reflectors. Inert until started."""

    def __init__(self, ends: Sequence[End], *, port: int, world: World, clock: Clock) -> None:
        for end in ends:
            if not ipaddress.ip_address(end.address).is_loopback:
                raise CollectorError(f"simulated end on {end.address}: expected a loopback address")
        self._ends, self._port, self._world, self._clock = ends, port, world, clock
        self._selector = selectors.DefaultSelector()
        self._reflecting: list[Reflecting] = []
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._order = count()
        self._background = Background("relay", self._run)

    def start(self) -> None:
        """Bind every end, then pass packets on."""
        for end in self._ends:
            reflector = Reflector(allowed=[ipaddress.ip_network("127.0.0.0/8")])
            answering = Reflecting(reflector, host="127.0.0.1", port=0, clock=clocks.kernel)
            answering.start()
            self._reflecting.append(answering)
            wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            wire.setblocking(False)
            self._selector.register(wire, selectors.EVENT_READ, _Way(end, wire, answering.port))
            try:
                wire.bind((end.address, self._port))
            except OSError as error:
                self.stop()
                raise CollectorError(
                    f"simulated end on {end.address}:{self._port}: cannot be bound ({error.strerror}); "
                    "is another rehearsal running?"
                ) from None
        self._background.start()

    def stop(self) -> None:
        """Let go of every socket."""
        self._background.stop()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()
        for each in self._reflecting:
            each.stop()
        self._reflecting.clear()

    def port(self, end: End) -> int:
        """Return where an end answers; of use when any port was asked for."""
        ways = [each.data for each in self._selector.get_map().values() if isinstance(each.data, _Way)]
        return int(next(way.wire.getsockname()[1] for way in ways if way.end == end))

    def _run(self) -> None:
        while not self._background.stopping.is_set():
            now = self._clock.monotonic()
            while self._due and self._due[0][0] <= now:
                heapq.heappop(self._due)[2]()
            wait = min(IDLE_S, self._due[0][0] - now) if self._due else IDLE_S
            for key, _ in self._selector.select(timeout=max(0.0, wait)):
                self._pass(key.fileobj, key.data)  # type: ignore[arg-type]

    def _pass(self, wire: socket.socket, way: _Way | _Back) -> None:
        try:
            octets, source = wire.recvfrom(LARGEST)
        except OSError:  # nothing there, or the reflector's port is gone
            return
        if isinstance(way, _Back):
            self._later(way.back_ms, lambda: _send(way.front, octets, way.client))
            return
        now = self._clock.now_ms()
        spent = line.rtt_ms(way.end, self._world, now, len(octets))
        if spent is None:
            return
        back = self._back(way, source)
        back.back_ms = spent * (1 - line.THERE)
        self._later(spent * line.THERE, lambda: _send(back.wire, octets, ("127.0.0.1", way.reflector)))

    def _back(self, way: _Way, client: tuple[str, int]) -> _Back:
        found = way.clients.get(client)
        if found is None:
            while len(way.clients) >= CLIENTS:
                oldest = way.clients.pop(next(iter(way.clients)))
                self._selector.unregister(oldest.wire)
                oldest.wire.close()
            wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            wire.setblocking(False)
            wire.bind(("127.0.0.1", 0))
            found = way.clients[client] = _Back(wire, way.wire, client)
            self._selector.register(wire, selectors.EVENT_READ, found)
        return found

    def _later(self, after_ms: float, act: Callable[[], object]) -> None:
        heapq.heappush(self._due, (self._clock.monotonic() + after_ms / 1000, next(self._order), act))


class _Way:
    """One end's front socket, its reflector's port, and who has sent to it."""

    __slots__ = ("clients", "end", "reflector", "wire")

    def __init__(self, end: End, wire: socket.socket, reflector: int) -> None:
        self.end, self.wire, self.reflector = end, wire, reflector
        self.clients: dict[tuple[str, int], _Back] = {}


class _Back:
    """The socket by which one sender's packets reach the reflector, and its answers come back."""

    __slots__ = ("back_ms", "client", "front", "wire")

    def __init__(self, wire: socket.socket, front: socket.socket, client: tuple[str, int]) -> None:
        self.wire, self.front, self.client = wire, front, client
        self.back_ms = 0.0


def _send(wire: socket.socket, octets: bytes, to: tuple[str, int]) -> None:
    try:
        wire.sendto(octets, to)
    except OSError as error:  # the sender has gone
        log.debug("packet not passed on", extra={"why": str(error)})
