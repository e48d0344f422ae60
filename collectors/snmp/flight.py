"""One ask in the air, and the table of when each stops waiting."""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any, NamedTuple

from collectors.snmp.ask import Answer, Failure
from collectors.snmp.exchange import Exchange
from collectors.snmp.post import name_of
from netops.model import Reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from collectors.snmp.ask import Ask, Target
    from collectors.snmp.gather import Request
    from collectors.snmp.sockets import Address, Channel
    from collectors.snmp.wire import Wire


class Job(NamedTuple):
    """One ask of one device. `due_ms` is the scheduled instant (wall clock); 0: lag counts from submission."""

    target: Target
    ask: Ask
    token: Any = None
    due_ms: int = 0


class Route:
    """How a target is reached: worked out once. No NamedTuple: its attributes are read several times per datagram."""

    __slots__ = ("address", "channel", "name", "wire")

    def __init__(self, channel: Channel, address: Address, wire: Wire) -> None:
        self.channel = channel
        self.address = address
        self.name = name_of(address)  # as `Post` takes it
        self.wire = wire


NO_IDS: dict[int, float] = {}  # of flights whose question went out once; never written


class Flight:
    """A job under way."""

    __slots__ = (
        "at_ms",
        "channel",
        "deadline",
        "drops",
        "exchange",
        "hand_over",
        "ids",
        "lag_ms",
        "noise",
        "number",
        "paused_at",
        "pausing",
        "reports",
        "request",
        "route",
        "rtt_ms",
        "sealed",
        "sent_at",
        "serial",
        "target",
        "token",
        "waited",
        "walk",
        "walk_since",
    )

    request: Request

    def __init__(  # noqa: PLR0917  (by position: keyword arguments cost on every ask)
        self,
        target: Target,
        token: Any,
        route: Route,
        exchange: Exchange,
        hand_over: Callable[[list[Answer]], None],
        at_ms: int,
        lag_ms: float,
    ) -> None:
        self.target = target
        self.token = token
        self.route = route
        self.channel = route.channel
        self.exchange = exchange
        self.hand_over = hand_over
        self.at_ms = at_ms
        self.lag_ms = lag_ms
        self.number = 0  # the request id of the latest datagram
        self.ids = NO_IDS  # earlier datagrams of the same question, still good for an answer
        self.serial = 0
        self.sent_at = 0.0
        self.rtt_ms: float | None = None
        self.deadline = 0.0
        self.drops = 0
        self.reports = 0
        self.noise = 0  # octets under its address that were no reply
        self.pausing = False  # the next request waits for the device's budget of varbinds
        self.paused_at = 0.0
        self.sealed = False  # on a lane that lets only replies to open questions in
        self.waited = 0.0  # seconds that surely were the device's: questions out, and nothing of it in our sockets
        self.walk = -1
        self.walk_since = 0.0

    def seal(self) -> bool:
        """Have the kernel let only what carries the number of an open question in; False where it will not."""
        self.sealed = self.channel.admit((self.number, *self.ids), self.route.wire.reach)
        return self.sealed

    def suspicion(self) -> Failure | None:
        """Return what full buffers say of a silence. Our own kernel's drops excuse it only where no lane can be had."""
        channel = self.channel
        if self.sealed:  # whatever else came was thrown away unread, and took no reply's place
            return None
        if channel is self.route.channel:
            if channel.drops == self.drops:
                return None
            return Failure(Reason.SOCKET_DROPS, "our receive buffer ran over while it was asked")
        if not channel.watch():
            return None
        told = f"{channel.drops} datagrams under its address more than our buffer holds, and no reply among them"
        return Failure(Reason.PROTOCOL_FAULT, told)


def unasked(job: Job, failure: Failure, at_ms: int) -> Answer:
    """Return the answer of a job that was never begun, even one that is no job at all: nobody may be left waiting."""
    try:
        exchange = Exchange(job.ask)
        exchange.stop(failure)
        return exchange.answer(job.token, at_ms)
    except Exception:  # noqa: BLE001
        return Answer(token=job.token, failed=failure)


class Waiting:
    """Who waits until when, in order. Flights with one timeout stand in a queue of their own: no sorting needed."""

    __slots__ = ("_early", "queues")

    def __init__(self) -> None:
        self.queues: dict[float, deque[tuple[float, int, Flight]]] = {}  # by timeout
        self._early: list[tuple[float, int, int, Flight]] = []

    def add(self, flight: Flight, now: float, timeout_s: float) -> None:
        """Wait for this flight's latest datagram."""
        if flight.deadline < now + timeout_s:
            heappush(self._early, (flight.deadline, id(flight), flight.serial, flight))
            return
        queue = self.queues.get(timeout_s)
        if queue is None:
            queue = self.queues[timeout_s] = deque()
        queue.append((now + timeout_s, flight.serial, flight))

    def pause(self, flight: Flight, until: float) -> None:
        """Wait with this flight's next request."""
        heappush(self._early, (min(until, flight.deadline), id(flight), flight.serial, flight))

    def prune(self) -> None:
        """Forget what was answered meanwhile, up to the first that still waits."""
        for queue in self.queues.values():
            while queue and queue[0][1] != queue[0][2].serial:
                queue.popleft()
        while self._early and self._early[0][2] != self._early[0][3].serial:
            heappop(self._early)

    def over(self, now: float) -> list[Flight]:
        """Return the flights whose wait is over, and wait for them no longer."""
        ended: list[Flight] = []
        for queue in self.queues.values():
            while queue and (queue[0][0] <= now or queue[0][1] != queue[0][2].serial):
                _, serial, flight = queue.popleft()
                if serial == flight.serial:
                    ended.append(flight)
        while self._early and (self._early[0][0] <= now or self._early[0][2] != self._early[0][3].serial):
            _, _, serial, flight = heappop(self._early)
            if serial == flight.serial:
                ended.append(flight)
        return ended

    def next(self) -> float | None:
        """Return when the next wait ends, live or answered meanwhile."""
        heads = [queue[0][0] for queue in self.queues.values() if queue]
        if self._early:
            heads.append(self._early[0][0])
        return min(heads, default=None)
