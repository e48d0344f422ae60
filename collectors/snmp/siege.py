"""When the shared socket is flooded: who notices, what is done, when it is over. Lanes are given out here.

A reply that our own kernel threw away is no silence of a device. But whoever can make our buffer run over could then
excuse any outage with it. So drops excuse nothing by themselves: the question is asked again over a lane, a socket that
only this device can reach, and what comes of that counts.

calm      every device is asked over the shared socket
besieged  since drops, or junk from strangers at a rate that costs CPU: every ask begins on a lane of its own. Once the
          shared socket waits for nothing any more, a filter has the kernel throw away all that comes to it. The kernel
          counts that: after a minute without, it is calm again
"""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING

from collectors.snmp.sockets import Channel

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable

    from collectors.snmp.counters import Counters
    from collectors.snmp.flight import Flight
    from collectors.snmp.sockets import Address

CALM_S = 60.0
STRAYS_PER_S = 2_000  # datagrams of strangers; each costs about 3 µs to read and to refuse
_LOOK_S = 0.25
_RESERVE = 256  # file descriptors left to the rest of the process


def room(window: int) -> int:
    """Return how many lanes may be open at once."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = soft if soft != resource.RLIM_INFINITY else hard
    return max(16, min(window, (limit if limit != resource.RLIM_INFINITY else window + _RESERVE) - _RESERVE))


class Siege:
    """The shared sockets' state. `opened` and `closed` are told of every lane, so that it is listened to."""

    def __init__(
        self,
        channels: dict[socket.AddressFamily, Channel],
        counters: Counters,
        *,
        most: int,
        opened: Callable[[Channel], None],
        closed: Callable[[Channel], None],
    ) -> None:
        self.on = False
        self._channels = channels
        self._counters = counters
        self._most = most
        self._opened, self._closed = opened, closed
        self._lanes: set[Channel] = set()
        self._deaf = False
        self._noise_at = 0.0
        self._looked_at = 0.0
        self._strays = 0
        self._drops = 0

    # ---- lanes

    @property
    def full(self) -> bool:
        """Whether no lane is to be had now."""
        return len(self._lanes) >= self._most

    def lane(self, family: socket.AddressFamily, address: Address) -> Channel | None:
        """Return a socket that only this address reaches; None when there are too many, or it cannot be reached."""
        if self.full:
            return None
        try:
            lane = Channel(family, peer=address)
        except OSError:
            return None
        self._lanes.add(lane)
        self._opened(lane)
        self._counters.lanes += 1
        return lane

    def leave(self, channel: Channel) -> None:
        """Close a flight's channel if it is a lane."""
        if channel in self._lanes:
            self._lanes.discard(channel)
            self._closed(channel)
            channel.close()

    def over(self) -> None:
        """Close every lane."""
        for lane in tuple(self._lanes):
            self.leave(lane)

    # ---- watching

    def watch(self, now: float, flights: Iterable[Flight]) -> None:
        """Read what the kernel threw away, and decide; the shared sockets are deafened once no flight waits there."""
        drops = sum([channel.watch() for channel in self._channels.values()])
        grown, self._drops = drops - self._drops, drops
        if self._deaf:
            self._counters.barred += grown
        else:
            self._counters.socket_drops += grown
        if grown or self._flooded(now):
            self._noise_at = now
            if not self.on:
                self.on = True
                self._counters.sieges += 1
        if self.on:
            self._keep(now, flights)

    def _flooded(self, now: float) -> bool:
        since = now - self._looked_at
        if since < _LOOK_S:
            return False
        strays = self._counters.wrong_source - self._strays
        self._looked_at, self._strays = now, self._counters.wrong_source
        return strays > STRAYS_PER_S * min(since, 1.0)

    def _keep(self, now: float, flights: Iterable[Flight]) -> None:
        if now - self._noise_at > CALM_S:
            self.on = False
            if self._deaf:
                self._deaf = False
                for channel in self._channels.values():
                    channel.hear()
        elif not self._deaf and not any(flight.channel is flight.route.channel for flight in flights):
            self._deaf = True
            for channel in self._channels.values():
                channel.deafen()
