"""Questions on their way out: sealed in a turn, sent together at its end, and waited for from then on."""

from __future__ import annotations

from errno import EMSGSIZE
from typing import TYPE_CHECKING, TypeAlias

from collectors.snmp.ask import Failure
from collectors.snmp.flight import Flight
from collectors.snmp.post import SENDS
from netops.model import Reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from collectors.snmp.counters import Counters
    from collectors.snmp.flight import Waiting
    from collectors.snmp.post import Post
    from collectors.snmp.sockets import Channel

Ready: TypeAlias = tuple[Flight, int, bytes]  # whose question, its serial when it was sealed, the datagram


class Outgoing:
    """What is ready to be sent. `refused` reads a socket's error queue."""

    __slots__ = ("_counters", "_monotonic", "_refused", "ready")

    def __init__(self, counters: Counters, monotonic: Callable[[], float], refused: Callable[[Channel], None]) -> None:
        self.ready: list[Ready] = []
        self._counters = counters
        self._monotonic = monotonic
        self._refused = refused

    def flush(self, waiting: Waiting) -> None:
        """Send everything that is ready. One by one between replies, each would wake its receiver up: costly."""
        ready, self.ready = self.ready, []
        together: dict[Post, list[Ready]] = {}
        for each in ready:
            flight, serial, octets = each
            if flight.serial != serial:  # answered meanwhile by a reply to an earlier datagram
                continue
            post = flight.channel.post
            if post is not None:
                mates = together.get(post)
                if mates is None:
                    together[post] = [each]
                else:
                    mates.append(each)
                continue
            if flight.sealed:
                flight.seal()
            now = self._monotonic()
            try:
                flight.channel.send(octets, flight.route.address)
            except OSError:
                self.again(flight, octets)
            _await([each], now, waiting)
        for post, mates in together.items():
            self._together(post, mates, waiting)
        self._counters.sent += len(ready)

    def _together(self, post: Post, mates: list[Ready], waiting: Waiting) -> None:
        """Send in whole batches what goes over a socket that can."""
        at = 0
        while at < len(mates):
            some, now = mates[at : at + SENDS], self._monotonic()
            went = post.send([octets for _, _, octets in some], [flight.route.name for flight, _, _ in some])
            if not went:
                flight, _, octets = some[0]
                self.again(flight, octets)
                went = 1
            _await(some[:went], now, waiting)
            at += went

    def again(self, flight: Flight, octets: bytes) -> None:
        """Try once more: the error may be the ICMP answer to somebody else's datagram, told here by the kernel."""
        channel, address = flight.channel, flight.route.address
        self._refused(channel)
        try:
            channel.send(octets, address)
        except BlockingIOError:
            self._counters.unsendable += 1  # the send buffer is full: as good as lost, the retry comes
        except OSError as error:
            if error.errno == EMSGSIZE and channel.fragment():
                self.again(flight, octets)
                return
            self._counters.unsendable += 1
            flight.exchange.suspect = Failure(Reason.ANCHORS_LOST, f"this machine would not send: {error}")


def _await(sent: list[Ready], now: float, waiting: Waiting) -> None:
    """Wait for the replies to what was sent just now."""
    for flight, serial, _ in sent:
        flight.sent_at = now
        timeout_s = flight.target.timeout_s
        until, queue = now + timeout_s, waiting.queues.get(timeout_s)
        if queue is None or flight.deadline < until:  # else `Waiting.add` in line: no call for each datagram
            waiting.add(flight, now, timeout_s)
        else:
            queue.append((until, serial, flight))
