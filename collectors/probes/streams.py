"""Packets at even distances over one socket, and what comes back meanwhile: the edge that ICMP and STAMP share."""

from __future__ import annotations

import select
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from collectors.probes import sockets

if TYPE_CHECKING:
    import socket

    from collectors.probes.sockets import Arrival, Instant

NS_PER_MS = 1_000_000
BATCH = 256
DOUBLES = 200  # repeated answers that a run keeps with their times; more are counted: whoever answers may flood


class Course(Protocol):
    """What makes the packets and takes the answers; it knows no socket and no clock."""

    @property
    def sent(self) -> int:
        """How many packets were made."""
        ...

    @property
    def complete(self) -> bool:
        """Whether every packet was answered."""
        ...

    def packet(self, at: Instant) -> bytes:
        """Return the next packet; it leaves at once."""
        ...

    def take(self, arrival: Arrival) -> bool:
        """Take what came; whether it is an answer of this course."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How many packets, in what distance, and how long to wait for the last answer."""

    count: int
    spacing_ms: float = 50.0
    timeout_s: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """From when to when, and how many ICMP errors or refusals to send came in between."""

    begin: Instant
    end: Instant
    errors: int

    @property
    def drift_ns(self) -> int:
        """How far the wall clock moved against the monotonic one."""
        return (self.end.wall_ns - self.begin.wall_ns) - (self.end.monotonic_ns - self.begin.monotonic_ns)

    def record(self) -> dict[str, int]:
        """Return when it was, by both clocks, as it is archived."""
        return {
            "at_ms": self.begin.wall_ns // NS_PER_MS,
            "monotonic_ms": self.begin.monotonic_ns // NS_PER_MS,
            "drift_ns": self.drift_ns,
            "errors": self.errors,
        }


def run(wire: socket.socket, course: Course, pace: Pace) -> Ran:
    """Send and receive over a connected, non-blocking socket until all is answered or the time is over.

    A busy machine may send late, or not all: what did not leave within the run's own time counts nowhere, and what left
    late is waited for as long as any other.
    """
    waiting = select.poll()
    waiting.register(wire, select.POLLIN)
    begin = sockets.instant()
    spacing, patience = int(pace.spacing_ms * NS_PER_MS), int(pace.timeout_s * sockets.NS)
    sending_ends = begin.monotonic_ns + (pace.count - 1) * spacing + patience
    errors, now, last = 0, begin.monotonic_ns, begin.monotonic_ns
    while True:
        sends = course.sent < pace.count and now < sending_ends
        if not sends and (course.complete or now >= last + patience):
            break
        if sends and now >= begin.monotonic_ns + course.sent * spacing:
            errors += send(wire, course)
            last = sockets.instant().monotonic_ns
        wake = begin.monotonic_ns + course.sent * spacing if course.sent < pace.count and sends else last + patience
        if waiting.poll(max(0, wake - sockets.instant().monotonic_ns) / NS_PER_MS):
            errors += take(wire, course)
        now = sockets.instant().monotonic_ns
    return Ran(begin=begin, end=sockets.instant(), errors=errors)


def send(wire: socket.socket, course: Course) -> int:
    """Send the next packet; return 1 when an error about an earlier one was told instead (it is then sent again)."""
    datagram = course.packet(sockets.instant())
    try:
        wire.send(datagram)
    except OSError:
        with suppress(OSError):  # no route, a full queue: the packet counts as sent and is lost
            wire.send(datagram)
        return 1
    return 0


def take(wire: socket.socket, course: Course) -> int:
    """Take what waits; return how many errors were among it."""
    errors = 0
    for _ in range(BATCH):
        try:
            arrival = sockets.receive(wire)
        except OSError:
            errors += 1
            continue
        if arrival is None:
            break
        course.take(arrival)
    return errors
