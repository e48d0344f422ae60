"""The engine's turns with the compiled hot path: what goes as it went before is flown in C, the rest as ever.

A `Pilot` (fast.c) begins an ask, sends its questions and takes its replies as long as it fully recognises them. At the
first thing that is otherwise (an unknown reply, a double, junk, silence, a bound, a flood) the flight is adopted: its
replies are fed to an `Exchange` in the order in which they came, and `Loop` goes on as if it had flown it all along.
So every decision about what is not plain has one place, and it is Python's.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, TypeVar

from collectors.errors import DecodeError
from collectors.snmp import ber
from collectors.snmp.ask import NOTHING, Answer, Column, Failure, Walked
from collectors.snmp.exchange import Exchange
from collectors.snmp.flight import Flight
from collectors.snmp.known import Known
from collectors.snmp.loop import Loop
from collectors.snmp.varbind import Varbinds
from collectors.snmp.wire import V2c
from netops.model import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from collectors.snmp._fast import State
    from collectors.snmp.ask import Ask, Target
    from collectors.snmp.counters import Counters
    from collectors.snmp.flight import Job, Route
    from collectors.snmp.handover import HandOver
    from collectors.snmp.sockets import Address, Channel
    from netops.clock import Clock

_T = TypeVar("_T")


class Airborne(dict["Address", Flight]):
    """What `Loop` flies, by address. Who asks for a flight that the pilot has gets it, adopted."""

    __slots__ = ("_adopt", "_at", "_busy")

    def __init__(
        self, busy: Callable[[Address], bool], at: Callable[[Address], State | None], adopt: Callable[[State], Flight]
    ) -> None:
        super().__init__()
        self._busy, self._at, self._adopt = busy, at, adopt

    def __contains__(self, address: object) -> bool:
        return super().__contains__(address) or self._busy(address)  # type: ignore[arg-type]

    def get(self, address: Address, default: _T = None) -> Flight | _T:  # type: ignore[assignment]
        """Return the flight to this address."""
        found = super().get(address)
        if found is None and (state := self._at(address)) is not None:
            return self._adopt(state)
        return default if found is None else found


class Swift(Loop):
    """A `Loop` whose plain asks over the shared IPv4 socket are flown in C."""

    def __init__(
        self,
        channels: dict[socket.AddressFamily, Channel],
        counters: Counters,
        *,
        window: int,
        clock: Clock,
        fast: ModuleType,
        opened: Callable[[Channel], None] = lambda _: None,
        closed: Callable[[Channel], None] = lambda _: None,
    ) -> None:
        super().__init__(channels, counters, window=window, clock=clock, opened=opened, closed=closed)
        self._known = Known(channels, fast.Question)
        self._numbers = self._known.numbers
        self._shared = channels[socket.AF_INET]
        self._number = getattr(self._shared, "fileno", -1)  # a channel in memory has none
        self._pilot = fast.Pilot(counters, clock.monotonic, ber.oid_text, Answer, Varbinds, Walked, Column, NOTHING)
        self._learned = self._known.book.forgotten
        self.flights = Airborne(self._pilot.busy, self._pilot.at, self._adopt)

    # ---- out

    def launch(self) -> None:
        """Begin as many of the queue as the window allows."""
        pilot, queue, flights = self._pilot, self.queue, self.flights
        if self.siege.on:  # every ask begins on a lane
            super().launch()
            return
        room = self.window - len(flights) - pilot.count
        if queue and room > 0:
            if self._learned != self._known.book.forgotten:
                self._forget()
            now_ms, now, drops = self._now_ms(), self._monotonic(), self._shared.drops
            while queue and room > 0:
                entry = pilot.begin(queue.popleft, queue, flights, room, now_ms, now, drops)
                if entry is None:
                    break
                try:
                    self._begin(entry, now_ms, now)
                except Exception:
                    self._unasked(entry, Failure(Reason.NOT_RUNNING, "the SNMP engine stumbled over this job"))
                    raise
                room = self.window - len(flights) - pilot.count
        self.flush()

    def patience(self) -> float:
        """Return for how many seconds nothing needs doing unless something comes in."""
        pilot = self._pilot
        if self._done or (
            self.queue and len(self.flights) + pilot.count < self.window and not (self.siege.on and self.siege.full)
        ):
            return 0.0
        due, until = pilot.next(), self._waiting.next()
        if until is None or (due is not None and due < until):
            until = due
        return 60.0 if until is None else max(0.0, until - self._monotonic()) + 0.0005

    def flush(self) -> None:
        """Send everything that is ready."""
        self._pilot.flush(self, self._shared, self._number)
        super().flush()

    def _begin(self, entry: tuple[Job, HandOver, int], now_ms: int, now: float) -> None:
        target, ask, _, _ = entry[0]
        way = self._known.routes_by.get(id(target))
        route = None if way is None else way[0]
        if route is not None and (last := self._pilot.last(route.address)):
            self._recent.ids[route.address] = (last,)
        super()._begin(entry, now_ms, now)
        if (
            route is not None and not ask.glance
        ):  # flown in C from its second ask on: who is asked once is worth no place in the tables
            self._teach(target, ask, route)

    def _teach(self, target: Target, ask: Ask, route: Route) -> None:
        """Tell the pilot of a target and an ask, if it can fly them."""
        wire = route.wire
        if route.channel is not self._shared or not isinstance(wire, V2c):
            return
        try:
            questions = tuple([wire.template(request).question for request in self._known.plan(ask)])
        except DecodeError:  # an OID that cannot be written
            return
        limits = ask.limits
        bounds = (limits.walk_varbinds, limits.walk_s, limits.octets, limits.varbinds, limits.requests)
        times = (target.timeout_s, target.deadline_s, float(target.varbinds_per_s))
        if not (
            self._pilot.know(target, route.address, wire, *times)
            and self._pilot.plan(ask, wire, questions, len(ask.gets), ask.walks, bounds)
        ):
            self._forget()

    def unsent(self, state: State, octets: bytes) -> None:
        """Try once more to send what the kernel would not take."""
        self._outgoing.again(self._adopt(state), octets)

    # ---- in

    def receive(self, channel: Channel) -> int:
        """Take what has come, and act on each."""
        if channel is not self._shared:
            return super().receive(channel)
        begun_at, empty_at = self._monotonic(), max(channel.empty_at, self._idle_at)
        took: int = self._pilot.receive(self, channel, self._number, empty_at, self.flights, self._done, self._behind)
        if took < 0:
            took = ~took
            self._refused(channel)
        elif took < _FULL:
            channel.empty_at = begun_at
        self.flush()
        return took

    def odd(self, octets: bytes, source: Address, state: State | None) -> None:
        """Take a datagram that the pilot did not; `state` is the flight it was for, if the pilot had it."""
        flight = self.flights.get(source) if state is None else self._adopt(state)
        if flight is None:
            self._recent.stray(source)
        else:
            self._read(flight, octets, self._monotonic())

    def release(self, address: Address) -> None:
        """Let the next question for a device begin."""
        behind = self._behind.get(address)
        if behind:
            self.queue.appendleft(behind.popleft())
            if not behind:
                del self._behind[address]

    # ---- what does not come back

    def expire(self) -> None:
        """Ask on, again, or give up where the wait is over."""
        due = self._pilot.next()
        if due is not None and due <= (now := self._monotonic()):
            self._adopt_all(self._pilot.over(now))
            self.flush()
        super().expire()

    def watch(self) -> None:
        """Read what the kernel has thrown away, and act on a flood: besieged, nothing is flown in C."""
        self.siege.watch(self._monotonic(), self._all())

    def abandon(self, why: str) -> None:
        """Answer everything that is left with `collector_not_running`."""
        for _ in self._all():
            pass
        super().abandon(why)

    def _all(self) -> Iterator[Flight]:
        self._adopt_all(self._pilot.all())
        yield from tuple(self.flights.values())

    def _forget(self) -> None:
        """Empty the pilot's tables: they are full, or what they hold was given up by the book."""
        for _ in self._all():
            pass
        self._pilot.forget()
        self._learned = self._known.book.forgotten

    def _adopt_all(self, states: list[State]) -> None:
        errors = []
        for state in states:
            try:
                self._adopt(state)
            except Exception as error:  # noqa: BLE001  (raised below: the others are adopted first)
                errors.append(error)
        if errors:
            raise errors[0]

    def _adopt(self, state: State) -> Flight:
        """Go on with a flight of the pilot's, which has it no longer; should that fail, its job is answered."""
        try:
            return self._adopted(state)
        except Exception:
            self._unasked(state[0], Failure(Reason.NOT_RUNNING, "the SNMP engine stumbled over this job"))
            raise

    def _adopted(self, state: State) -> Flight:
        """Feed what a flight heard to an exchange, and wait for what it waits for."""
        entry, raws, number, sent_at, at_ms, lag_ms, deadline, drops, rtt_ms, *rest = state
        walk, walk_since, pausing, paused_at, waited, unsent, due, last = rest
        job, hand_over, _ = entry
        target, ask, token, _ = job
        route = self._known.route(target)
        assert route is not None  # it had one when it began
        exchange = Exchange(ask, target.retries, self._known.plan(ask))
        flight = Flight(target, token, route, exchange, hand_over, at_ms, lag_ms)
        for octets in raws:
            request = exchange.want()
            assert request is not None
            flight.request = request
            reply = route.wire.open(request, octets, sent_at)
            assert reply is not None  # no part of a security protocol
            exchange.feed(reply)
        flight.number, flight.sent_at, flight.serial = number, sent_at, exchange.sent
        flight.deadline, flight.drops, flight.waited = deadline, drops, waited
        flight.rtt_ms = None if rtt_ms < 0 else rtt_ms
        flight.walk, flight.walk_since = walk, walk_since
        if last:
            self._recent.ids[route.address] = (last,)
        self.flights[route.address] = flight
        if pausing:
            flight.pausing, flight.paused_at = True, paused_at
        elif unsent:
            self._ask(flight, sent_at)
            return flight
        else:
            request = exchange.want()
            assert request is not None
            flight.request = request
        self._waiting.pause(flight, due)
        return flight


_FULL = 256  # datagrams that the pilot takes at once
