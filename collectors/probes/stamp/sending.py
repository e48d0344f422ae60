"""The sender's edge: runs one session over a connected socket and returns what happened as a record."""

from __future__ import annotations

import secrets
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from collectors.probes import clocks, sockets, streams
from collectors.probes.stamp import packet
from collectors.probes.stamp.session import Session
from collectors.probes.stamp.timestamps import TAI_S, ErrorEstimate

if TYPE_CHECKING:
    from collections.abc import Callable

    from collectors.probes.clocks import ClockState


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One session: to whom, at what pace, sealed or not, with what DSCP and TLVs."""

    address: str
    port: int = packet.PORT
    pace: streams.Pace
    interface: str = ""
    key: bytes | None = None
    dscp: int = 0
    tlvs: bytes = b""


def run(plan: Plan, *, clock: Callable[[], ClockState] = clocks.kernel) -> dict[str, Any]:
    """Run the session; return the record: every echo, what was refused, the clock's state, the ICMP errors."""
    said = clock()
    error = ErrorEstimate.of(said.error_ns, synchronised=said.synchronised).field()
    tai_s = ahead(said)
    session = Session(ssid=secrets.randbelow(0xFFFF) + 1, error=error, key=plan.key, tlvs=plan.tlvs, tai_s=tai_s)
    with socket.socket(sockets.family_of(plan.address), socket.SOCK_DGRAM) as wire:
        sockets.bound_to(wire, plan.interface)
        sockets.tell_all(wire)
        wire.setblocking(False)
        if plan.dscp:
            sockets.mark(wire, plan.dscp)
        wire.connect(sockets.place(plan.address, plan.port))
        ran = streams.run(wire, session, plan.pace)
    return {
        **ran.record(),
        "sent": session.sent,
        "echoes": [each.row() for each in session.echoes],
        "refused": dict(session.refused),
        "unkept": session.unkept,
        "clock": said.record(),
        "tai_s": tai_s,
        "told": session.answers.record(),
        "by_kernel": session.by_kernel,
    }


def ahead(said: ClockState) -> int:
    """Return TAI - UTC: as the kernel was told it, else as it has been since 2017."""
    return said.tai_s or TAI_S
