"""Packets at even distances over one socket, and what comes back meanwhile: the edge that ICMP and STAMP share."""

from __future__ import annotations

import errno
import select
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from collectors.probes import sockets

if TYPE_CHECKING:
    import socket

    from collectors.probes.sockets import Arrival, Instant

NS_PER_MS = 1_000_000
BATCH = 256
AGAIN_NS = 2 * NS_PER_MS  # after our own machine did not take a packet
OURS = frozenset({errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM, errno.EPERM, errno.EACCES, errno.EMSGSIZE})
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

    def withdraw(self) -> None:
        """Take the last packet back: it did not leave, and its number is the next one's."""
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
    """From when to when, how many ICMP errors came in between, and how often our own machine took no packet."""

    begin: Instant
    end: Instant
    errors: int
    unsent: int = 0

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
            "unsent": self.unsent,
        }


def run(wire: socket.socket, course: Course, pace: Pace) -> Ran:
    """Send and receive over a connected, non-blocking socket until all is answered or the time is over.

    A busy machine may send late, or not all: what did not leave within the run's own time counts nowhere, and what left
    late is waited for as long as any other. So it is with what our own buffer, queue or packet filter did not take.
    """
    sockets.tell_errors(wire)
    waiting = select.poll()
    waiting.register(wire, select.POLLIN)
    begin = sockets.instant()
    spacing, patience = int(pace.spacing_ms * NS_PER_MS), int(pace.timeout_s * sockets.NS)
    sending_ends = begin.monotonic_ns + (pace.count - 1) * spacing + patience
    errors, unsent, now, last = 0, 0, begin.monotonic_ns, begin.monotonic_ns
    due = begin.monotonic_ns
    while True:
        sends = course.sent < pace.count and now < sending_ends
        if not sends and (course.complete or now >= last + patience):
            break
        if sends and now >= due:
            told, left = send(wire, course)
            errors += told
            unsent += not left
            last = sockets.instant().monotonic_ns
            due = max(begin.monotonic_ns + course.sent * spacing, 0 if left else last + AGAIN_NS)
        wake = due if course.sent < pace.count and sends else last + patience
        if waiting.poll(max(0, wake - sockets.instant().monotonic_ns) / NS_PER_MS):
            errors += take(wire, course)
        now = sockets.instant().monotonic_ns
    return Ran(begin=begin, end=sockets.instant(), errors=errors, unsent=unsent)


def send(wire: socket.socket, course: Course) -> tuple[int, bool]:
    """Send the next packet; return how many errors were told meanwhile, and whether it left or is the line's to lose.

    An error about an earlier packet is told instead of sending this one: it is then sent again. What our own machine
    does not take never left. Where there is no way out, it counts as sent and is lost: that is the line.
    """
    datagram = course.packet(sockets.instant())
    told = 0
    for _ in range(2):
        try:
            wire.send(datagram)
        except OSError as error:
            if error.errno in OURS:
                course.withdraw()
                return told, False
            told = 1
        else:
            break
    return told, True


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
    sockets.drain_errors(wire)
    return errors
