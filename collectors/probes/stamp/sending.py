"""The sender's edge: runs one session over a connected socket and returns what happened as a record."""

from __future__ import annotations

import secrets
import select
import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from collectors.probes import clocks, sockets
from collectors.probes.stamp import packet
from collectors.probes.stamp.session import Session
from collectors.probes.stamp.timestamps import ErrorEstimate

if TYPE_CHECKING:
    from collections.abc import Callable

    from collectors.probes.clocks import ClockState

NS_PER_MS = 1_000_000
BATCH = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One session: to whom, how many packets in what distance, how long to wait for the last."""

    address: str
    port: int = packet.PORT
    count: int = 20
    spacing_ms: float = 50.0
    timeout_s: float = 2.0
    key: bytes | None = None
    dscp: int = 0
    tlvs: bytes = b""


def run(plan: Plan, *, clock: Callable[[], ClockState] = clocks.kernel) -> dict[str, Any]:
    """Run the session; return the record: every echo, what was refused, the clock's state, the ICMP errors."""
    said = clock()
    error = ErrorEstimate.of(said.error_ns, synchronised=said.synchronised).field()
    session = Session(ssid=secrets.randbelow(0xFFFF) + 1, key=plan.key, tlvs=plan.tlvs)
    icmp = 0
    with socket.socket(sockets.family_of(plan.address), socket.SOCK_DGRAM) as wire:
        sockets.tell_all(wire)
        wire.setblocking(False)
        if plan.dscp:
            _mark(wire, plan.dscp)
        wire.connect((plan.address, plan.port))
        waiting = select.poll()
        waiting.register(wire, select.POLLIN)
        begin = sockets.instant()
        until = begin.monotonic_ns + int((plan.count - 1) * plan.spacing_ms * NS_PER_MS + plan.timeout_s * sockets.NS)
        now = begin.monotonic_ns
        while now < until and not (session.sent == plan.count and session.complete):
            due = begin.monotonic_ns + int(session.sent * plan.spacing_ms * NS_PER_MS)
            if session.sent < plan.count and now >= due:
                icmp += _send(wire, session, error)
                due += int(plan.spacing_ms * NS_PER_MS)
            wake = due if session.sent < plan.count else until
            if waiting.poll(max(0, wake - now) / NS_PER_MS):
                icmp += _take(wire, session)
            now = sockets.instant().monotonic_ns
        end = sockets.instant()
    return {
        "at_ms": begin.wall_ns // NS_PER_MS,
        "sent": session.sent,
        "echoes": [each.row() for each in session.echoes],
        "refused": dict(session.refused),
        "icmp": icmp,
        "clock": {"synchronised": said.synchronised, "error_ns": said.error_ns, "detail": said.detail},
        "drift_ns": (end.wall_ns - begin.wall_ns) - (end.monotonic_ns - begin.monotonic_ns),
        "monotonic_ms": begin.monotonic_ns // NS_PER_MS,
        "location": dict(session.answers.location),
    }


def _mark(wire: socket.socket, dscp: int) -> None:
    if wire.family == socket.AF_INET6:
        wire.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, dscp << 2)
    else:
        wire.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, dscp << 2)


def _send(wire: socket.socket, session: Session, error: int) -> int:
    """Send the next packet; return 1 when an ICMP error of an earlier one was told instead (it is sent again once)."""
    at = sockets.instant()
    datagram = session.packet(wall_ns=at.wall_ns, monotonic_ns=at.monotonic_ns, error=error)
    try:
        wire.send(datagram)
    except OSError:
        with suppress(OSError):  # no route, a full queue: the packet counts as sent and is lost
            wire.send(datagram)
        return 1
    return 0


def _take(wire: socket.socket, session: Session) -> int:
    """Take what waits; return how many ICMP errors were among it."""
    icmp = 0
    for _ in range(BATCH):
        try:
            arrival = sockets.receive(wire)
        except OSError:
            icmp += 1
            continue
        if arrival is None:
            break
        session.take(arrival.octets, wall_ns=arrival.at.wall_ns, monotonic_ns=arrival.at.monotonic_ns)
    return icmp
