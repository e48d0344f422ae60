"""The engine's inside: one thread's state and its turns. Launch, send, receive, check, accept, expire, land.

Per device one question is under way at a time, so the source address alone names the flight that a datagram may answer.
Source, community (or SNMPv3 user, engine and digest) and request id must all match; whatever does not is counted and
ignored while the wait goes on. The hot path is one method per direction: calls are what Python pays for.
"""

from __future__ import annotations

from collections import deque
from itertools import repeat
from typing import TYPE_CHECKING

from collectors.errors import DecodeError
from collectors.snmp import doubt
from collectors.snmp.ask import Failure
from collectors.snmp.exchange import Exchange
from collectors.snmp.flight import NO_IDS, Flight, Waiting, unasked
from collectors.snmp.handover import Tray
from collectors.snmp.known import Known
from collectors.snmp.outgoing import Outgoing
from collectors.snmp.post import TAKES
from collectors.snmp.recent import Recent
from collectors.snmp.siege import Siege, room
from collectors.snmp.sockets import DATAGRAM
from collectors.snmp.starved import Starved
from collectors.snmp.wire import StrayError
from netops.model import Reason

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable

    from collectors.snmp.counters import Counters
    from collectors.snmp.flight import Job
    from collectors.snmp.gather import Request
    from collectors.snmp.handover import HandOver
    from collectors.snmp.sockets import Address, Channel
    from netops.clock import Clock

_BATCH = 256  # datagrams taken before anything else gets its turn
_FILLED = 3  # full batches before more are taken at once
_DRAIN = 64  # batches taken before time-outs are believed
_WATCH = 64  # turns between two looks at the kernel's drops; before a time-out they are looked at anyway
_JUNK = 1 << 16  # octets of junk under a device's address, then only what holds our request id is decoded
_WAKING = 0.01  # seconds from a datagram's arrival to our thread's turn, when another thread has the interpreter
_REPORTS = 4  # SNMPv3: discovery, time, and then it must be an answer


class Loop:
    """What is under way, waiting and known. Used by one thread only."""

    def __init__(
        self,
        channels: dict[socket.AddressFamily, Channel],
        counters: Counters,
        *,
        window: int,
        clock: Clock,
        opened: Callable[[Channel], None] = lambda _: None,
        closed: Callable[[Channel], None] = lambda _: None,
    ) -> None:
        self.counters = counters
        self.window = window
        self.channels = channels
        self.queue: deque[tuple[Job, HandOver, int]] = deque()
        self.flights: dict[Address, Flight] = {}
        self._monotonic = clock.monotonic
        self._now_ms = clock.now_ms
        self._known = Known(channels)
        self._numbers = self._known.numbers
        self.siege = Siege(channels, counters, most=room(window), opened=opened, closed=closed)
        self._turns = 0
        self._idle_at = 0.0  # monotonic seconds when all sockets surely held nothing
        self._starved = Starved()
        self._appetite = 1  # datagrams to take at once where each takes a call
        self._filled = 0  # batches in a row that were as large as that
        self._behind: dict[Address, deque[tuple[Job, HandOver, int]]] = {}
        self._recent = Recent(counters)
        self._waiting = Waiting()
        self._outgoing = Outgoing(counters, clock.monotonic, self._refused)
        self._done = Tray(counters)

    # ---- out

    def take(self, jobs: Iterable[Job], hand_over: HandOver, submitted_ms: int) -> None:
        """Put jobs in the queue."""
        self.queue.extend(zip(jobs, repeat(hand_over), repeat(submitted_ms), strict=False))

    def launch(self) -> None:
        """Begin as many of the queue as the window allows."""
        queue, flights, window = self.queue, self.flights, self.window
        if not queue or len(flights) >= window:
            return
        now_ms, now = self._now_ms(), self._monotonic()
        siege = self.siege
        while queue and len(flights) < window and not (siege.on and siege.full):
            entry = queue.popleft()
            try:
                self._begin(entry, now_ms, now)
            except Exception:
                self._unasked(entry, Failure(Reason.NOT_RUNNING, "the SNMP engine stumbled over this job"))
                raise
        self.flush()

    def patience(self) -> float:
        """Return for how many seconds nothing needs doing unless something comes in."""
        if self._done or (self.queue and len(self.flights) < self.window and not (self.siege.on and self.siege.full)):
            return 0.0
        until = self._waiting.next()
        return 60.0 if until is None else max(0.0, until - self._monotonic()) + 0.0005

    def _begin(self, entry: tuple[Job, HandOver, int], now_ms: int, now: float) -> None:
        job, hand_over, submitted_ms = entry
        target, ask, token, due_ms = job
        self.counters.asks += 1
        known = self._known
        way, plan = known.routes_by.get(id(target)), known.plans_by.get(id(ask))
        route = known.route(target) if way is None else way[0]
        exchange = Exchange(ask, target.retries, known.plan(ask) if plan is None else plan[0])
        if route is None:
            why = f"{target.address!r} port {target.port} cannot be reached"
            self._unasked(entry, Failure(Reason.NO_ADDRESS, why))
            return
        address = route.address
        if address in self.flights:
            self.counters.asks -= 1
            self._behind.setdefault(address, deque()).append(entry)
            return
        lag_ms = now_ms - (due_ms or submitted_ms)
        flight = Flight(target, token, route, exchange, hand_over, now_ms, max(0, lag_ms))
        flight.deadline = now + target.deadline_s
        flight.drops = route.channel.drops
        if self.siege.on:
            self._sidestep(flight)
        self.flights[address] = flight
        self._ask(flight, now)

    def _ask(self, flight: Flight, now: float) -> None:
        """Send what the exchange wants next, or finish the flight."""
        exchange = flight.exchange
        request = exchange.want()
        if request is None:
            self._land(flight)
            return
        flight.request = request
        if exchange.tries > 1:  # a reply to an earlier datagram of the same question is still one
            flight.ids = {**flight.ids, flight.number: flight.sent_at}
            self.counters.retried += 1
        elif flight.ids:
            flight.ids = NO_IDS
        flight.reports = 0
        self._send(flight, request, now)

    def _send(self, flight: Flight, request: Request, now: float) -> None:
        """Make the datagram ready; `flush` sends what a turn has made, back to back."""
        flight.number = number = next(self._numbers)
        flight.serial += 1
        if request.walk != flight.walk:
            flight.walk, flight.walk_since = request.walk, now
        try:
            octets = flight.route.wire.seal(request, number, now)
        except DecodeError as error:  # an OID that cannot be written: the question's fault, and only its own
            flight.exchange.stop(Failure(Reason.NO_PROFILE, f"the question cannot be written: {error}"))
            self._land(flight)
            return
        self._outgoing.ready.append((flight, flight.serial, octets))

    def flush(self) -> None:
        """Send everything that is ready."""
        if self._outgoing.ready:
            self._outgoing.flush(self._waiting)

    # ---- in

    def receive(self, channel: Channel) -> int:
        """Take a batch of datagrams and act on each; return how many came.

        Where they come one by one over a lane, only one is taken: to ask for another costs as much as a turn.
        """
        flights, monotonic, post = self.flights, self._monotonic, channel.post
        took, most = 0, self._appetite if post is None else _BATCH
        try:
            while took < most:
                begun_at = monotonic()
                some = [channel.receive(DATAGRAM)] if post is None else post.receive()
                now = monotonic()
                took += len(some)
                for octets, source in some:
                    flight = flights.get(source)
                    if flight is None:
                        self._recent.stray(source)
                    else:
                        self._read(flight, octets, now)
                if post is not None and len(some) < TAKES:  # there were no more
                    channel.empty_at = begun_at
                    break
            if post is None:
                self._filled += 1
                if self._filled > _FILLED:
                    self._filled, self._appetite = 0, min(2 * most, _BATCH)
        except BlockingIOError:
            self._filled, self._appetite = 0, took or 1
            channel.empty_at = monotonic()
        except OSError:  # an ICMP error waits in the error queue
            self._refused(channel)
        self.counters.received += took
        self.flush()
        return took

    def _read(self, flight: Flight, octets: bytes, now: float) -> None:
        request = flight.request
        if flight.noise > _JUNK and not doubt.carries(flight, octets):
            self.counters.muted += 1
            return
        try:
            reply = flight.route.wire.open(request, octets, now)
        except StrayError as stray:
            self._recent.mismatch(flight.route.address, stray.number)
            return
        except DecodeError as error:
            doubt.heard(flight, octets, error, self.counters)
            return
        if reply is None:
            flight.reports += 1
            if flight.reports <= _REPORTS:
                self._send(flight, request, now)
            return
        number, varbinds, said, known, _, _, trailing = reply
        if number == flight.number and not flight.pausing:
            sent_at = flight.sent_at
        elif number in flight.ids and not flight.pausing:
            sent_at = flight.ids[number]
        else:
            self._recent.mismatch(flight.route.address, number)
            return
        if flight.rtt_ms is None:
            flight.rtt_ms = (now - sent_at) * 1000
        empty_at = flight.channel.empty_at
        if empty_at < self._idle_at:  # noqa: PLR1730  (max() costs more, per datagram)
            empty_at = self._idle_at
        if empty_at > flight.sent_at:
            flight.waited += empty_at - flight.sent_at
        flight.serial += 1
        counters = self.counters
        counters.octets += len(said)
        if known:
            counters.recognised += 1
        if trailing:
            counters.trailing += 1
        self._recent.ids[flight.route.address] = (flight.number, *flight.ids) if flight.ids else (flight.number,)
        exchange = flight.exchange
        exchange.feed(reply)
        if flight.walk >= 0 and now - flight.walk_since > flight.exchange.ask.limits.walk_s:
            exchange.walk_too_long()
        if now >= flight.deadline:
            exchange.deadline(flight.target.deadline_s, flight.waited)
        rate = flight.target.varbinds_per_s
        if rate and not exchange.over:
            flight.pausing, flight.paused_at = True, now
            self._waiting.pause(flight, now + len(varbinds) / rate)
        elif exchange.todo:
            self._ask(flight, now)
        else:
            self._land(flight)

    def _refused(self, channel: Channel) -> None:
        """Note that nobody listens."""
        for address, name in channel.refusals():
            self.counters.refused += 1
            if (flight := self.flights.get(address)) is not None:
                doubt.unreachable(flight, name)

    # ---- what does not come back

    def expire(self) -> None:
        """Ask again or give up where the wait is over."""
        self._waiting.prune()
        until = self._waiting.next()
        if until is None or until > self._monotonic():
            self._turns += 1
            if self._turns % _WATCH == 0 or self.siege.on:
                self.watch()
            return
        now = self._monotonic()
        for channel in self.channels.values():  # what has arrived meanwhile counts: our own delay is no time-out
            self._drain(channel)
        self.watch()
        for flight in self._waiting.over(now):
            if flight.channel is not flight.route.channel:
                serial = flight.serial
                self._drain(flight.channel)
                if flight.serial != serial:
                    continue
            self._silence(flight, now)
        self.flush()

    def _drain(self, channel: Channel) -> None:
        for _ in range(_DRAIN):
            if not self.receive(channel):
                break
        self._refused(channel)

    def woke(self, slept_at: float, now: float) -> None:
        """Note that until shortly before `now` nothing lay in any socket: we slept, and nothing woke us up."""
        if now - _WAKING > slept_at and (starved := self._starved.since()) is not None:
            self._idle_at = max(self._idle_at, now - _WAKING - starved)

    def watch(self) -> None:
        """Read what the kernel has thrown away, and act on a flood."""
        self.siege.watch(self._monotonic(), self.flights.values())

    def _sidestep(self, flight: Flight) -> bool:
        """Move a flight to a socket of its own; False when there is none to be had."""
        lane = self.siege.lane(flight.route.channel.family, flight.route.address)
        if lane is not None:
            flight.channel, flight.drops = lane, 0
        return lane is not None

    def _silence(self, flight: Flight, now: float) -> None:
        """Act on no reply in time; replies that our own kernel threw away are no silence."""
        if flight.pausing:
            flight.pausing = False
            flight.walk_since += now - flight.paused_at  # our own budget is no slowness of the device
            if now >= flight.deadline:
                flight.exchange.deadline(flight.target.deadline_s, flight.waited)
            self._ask(flight, now)
            return
        suspicion = flight.suspicion()
        if suspicion is not None and flight.exchange.suspect is None:
            step = self._sidestep if suspicion.reason is Reason.SOCKET_DROPS else Flight.seal
            if now < flight.deadline and step(flight):
                flight.exchange.afresh()
                self._ask(flight, now)
                return
            flight.exchange.suspect = suspicion
        else:
            flight.waited += min(now - flight.sent_at, flight.target.timeout_s)
        doubt.silent(flight, now)
        self._ask(flight, now)

    # ---- done

    def _land(self, flight: Flight) -> None:
        """Hand the answer over and let the next question for this device begin."""
        address, exchange = flight.route.address, flight.exchange
        answer = exchange.answer(flight.token, flight.at_ms, flight.rtt_ms, flight.lag_ms)
        del self.flights[address]
        flight.serial += 1
        if flight.channel is not flight.route.channel:
            self.siege.leave(flight.channel)
        done = self._done.get(flight.hand_over)
        if done is None or exchange.failed is not None:  # else `Tray.put` in line, for the same reason
            self._done.put(flight.hand_over, answer)
        else:
            done.append(answer)
            self.counters.answered += 1
        if self._behind:
            behind = self._behind.get(address)
            if behind:
                self.queue.appendleft(behind.popleft())
                if not behind:
                    del self._behind[address]

    def deliver(self) -> None:
        """Hand over what is done."""
        if not self._done:
            return
        self._recent.prune()
        self._done.deliver()

    def abandon(self, why: str) -> None:
        """Answer everything that is left with `collector_not_running`."""
        stopped = Failure(Reason.NOT_RUNNING, why)
        for flight in list(self.flights.values()):
            flight.exchange.stop(stopped)
            self._done.put(flight.hand_over, flight.exchange.answer(flight.token, flight.at_ms))
        self.flights.clear()
        self.siege.over()
        self._starved.close()
        self._outgoing.ready.clear()
        self._waiting = Waiting()
        left = [*self.queue, *(entry for behind in self._behind.values() for entry in behind)]
        self._behind.clear()
        self.queue.clear()
        for entry in left:
            self._unasked(entry, stopped)
        self.deliver()

    def _unasked(self, entry: tuple[Job, HandOver, int], failure: Failure) -> None:
        self._done.put(entry[1], unasked(entry[0], failure, self._now_ms()))
