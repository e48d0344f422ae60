"""ICMP echo (RFC 792, RFC 4443 4.1): the packets, the course of a run, and its edge.

An answer counts only with the 16 unpredictable octets of this run in it. Without privilege Linux offers ping sockets
(`net.ipv4.ping_group_range`); with CAP_NET_RAW a raw socket does.
"""

from __future__ import annotations

import secrets
import socket
import struct
from typing import TYPE_CHECKING, Any

from collectors.probes import clocks, sockets, streams
from netops.errors import NetopsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from collectors.probes.clocks import ClockState
    from collectors.probes.sockets import Arrival, Instant

ASK4, TOLD4, ASK6, TOLD6 = 8, 0, 128, 129
TOKEN = 16
_HEAD = struct.Struct(">BBHHH")


class Echoes:
    """The echo requests of one run and the answers to them. No socket, no clock."""

    def __init__(self, *, six: bool, identity: int, token: bytes) -> None:
        self._six = six
        self._identity = identity
        self._token = token
        self._left: list[Instant] = []
        self._answered: set[int] = set()
        self.by_kernel = True  # whether the kernel itself said when each answer came
        self.unkept = 0  # repeats beyond those that are kept
        self.answers: list[tuple[int, int, int, int, int]] = []  # sequence, T1, T4, drift, TTL

    @property
    def sent(self) -> int:
        """How many requests were made."""
        return len(self._left)

    @property
    def complete(self) -> bool:
        """Whether every request was answered."""
        return len(self._answered) == len(self._left)

    def packet(self, at: Instant) -> bytes:
        """Return the next request."""
        sequence = len(self._left)
        self._left.append(at)
        return request(six=self._six, identity=self._identity, sequence=sequence, token=self._token)

    def withdraw(self) -> None:
        """Take the last request back: it did not leave, and its number is the next one's."""
        self._left.pop()

    def take(self, arrival: Arrival) -> bool:
        """Take what came; whether it answers one of these requests."""
        sequence = answered(arrival.octets, six=self._six, token=self._token)
        if sequence is None or sequence >= len(self._left):
            return False
        if len(self.answers) - len(self._answered) >= streams.DOUBLES and sequence in self._answered:
            self.unkept += 1
            return True
        left, at = self._left[sequence], arrival.at
        drift = (at.wall_ns - left.wall_ns) - (at.monotonic_ns - left.monotonic_ns)
        self._answered.add(sequence)
        self.by_kernel = self.by_kernel and arrival.by_kernel
        self.answers.append((sequence, left.wall_ns, at.wall_ns, drift, arrival.ttl))
        return True


def request(*, six: bool, identity: int, sequence: int, token: bytes) -> bytes:
    """Return an echo request; over IPv6 the kernel writes the checksum, which covers its own header."""
    kind = ASK6 if six else ASK4
    body = _HEAD.pack(kind, 0, 0, identity, sequence) + token
    return body if six else _HEAD.pack(kind, 0, checksum(body), identity, sequence) + token


def answered(octets: bytes, *, six: bool, token: bytes) -> int | None:
    """Return the sequence number of an echo reply that carries the token; None for anything else."""
    if not six and octets and octets[0] >> 4 == 4:  # a raw socket hands over the IPv4 header as well
        octets = octets[(octets[0] & 0x0F) * 4 :]
    if len(octets) != _HEAD.size + len(token):
        return None
    kind, code, _, _, sequence = (int(each) for each in _HEAD.unpack_from(octets))
    if (kind, code) != (TOLD6 if six else TOLD4, 0) or octets[_HEAD.size :] != token:
        return None
    return sequence


def checksum(octets: bytes) -> int:
    """Return the Internet checksum (RFC 1071)."""
    total: int = sum(struct.unpack(f">{len(octets) // 2}H", octets[: len(octets) // 2 * 2]))
    total += octets[-1] << 8 if len(octets) % 2 else 0
    while total > 0xFFFF:
        total = (total >> 16) + (total & 0xFFFF)
    return ~total & 0xFFFF


def run(
    address: str,
    pace: streams.Pace,
    *,
    interface: str = "",
    dscp: int = 0,
    clock: Callable[[], ClockState] = clocks.kernel,
) -> dict[str, Any]:
    """Ask and return the record: every answer with its times, and the clock's state."""
    six = sockets.family_of(address) == socket.AF_INET6
    course = Echoes(six=six, identity=secrets.randbelow(1 << 16), token=secrets.token_bytes(TOKEN))
    with _opened(six=six) as wire:
        sockets.bound_to(wire, interface)
        sockets.tell_all(wire)
        wire.setblocking(False)
        if dscp:
            sockets.mark(wire, dscp)
        wire.connect(sockets.place(address, 0))
        ran = streams.run(wire, course, pace)
    return {
        **ran.record(),
        "sent": course.sent,
        "unkept": course.unkept,
        "by_kernel": course.by_kernel,
        "echoes": [list(each) for each in course.answers],
        "clock": clock().record(),
    }


def _opened(*, six: bool) -> socket.socket:
    family = socket.AF_INET6 if six else socket.AF_INET
    protocol = socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            return socket.socket(family, kind, protocol)
        except PermissionError:
            continue
    raise NetopsError(
        "ICMP: this user may not send echo requests; set `sysctl net.ipv4.ping_group_range='0 2147483647'`"
        " or give the service CAP_NET_RAW"
    )
