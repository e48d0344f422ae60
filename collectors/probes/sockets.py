"""UDP and ICMP sockets that tell when and how a datagram arrived: the kernel's time, TTL, TOS and our own address.

The edge of the probes: here the operating system is asked, nothing is decided.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from netops.clock import SYSTEM
from netops.errors import NetopsError

if TYPE_CHECKING:
    from collections.abc import Iterable

# Linux's numbers that the socket module of Python 3.11 does not name.
SO_TIMESTAMPNS = 35
IP_TTL_MESSAGE, IP_RECVTTL, IP_PKTINFO = 2, 12, 8
IP_RECVERR, IPV6_RECVERR = 11, 25
_TIMESPEC = struct.Struct("=qq") if struct.calcsize("l") == 8 else struct.Struct("=ll")
_PKTINFO4 = struct.Struct("=I4s4s")
_PKTINFO6 = struct.Struct("=16sI")
DATAGRAM = 65_535
ANCILLARY = 256
MAPPED = "::ffff:"  # of an IPv4 address (RFC 4291 2.5.5.2)
ERRORS = 256  # ICMP errors taken at once
RECEIVE_BUFFER = 1 << 20
STEADY_NS = 50_000  # the two clocks are read within this, else read again
TRIES = 4
NS = 1_000_000_000


class Instant(NamedTuple):
    """The wall clock and the monotonic one at the same moment, in nanoseconds."""

    wall_ns: int
    monotonic_ns: int


def instant() -> Instant:
    """Read both clocks together: a pause between the two readings would look like a step of the clock."""
    for _ in range(TRIES):
        before, wall, after = SYSTEM.monotonic_ns(), SYSTEM.now_ns(), SYSTEM.monotonic_ns()
        if after - before < STEADY_NS:
            break
    return Instant(wall, (before + after) // 2)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A datagram and how it came; `local` is the address of ours it was sent to, empty when the kernel does not say."""

    octets: bytes
    peer: tuple[Any, ...]  # as the socket takes it back: of IPv6 with flow and scope
    at: Instant
    by_kernel: bool
    ttl: int
    tos: int
    local: str

    @property
    def source(self) -> str:
        """The address of who sent it: of IPv4 as such in whatever dress, of a link with its number (`fe80::7%3`)."""
        scope = self.peer[3] if len(self.peer) > 3 else 0
        return f"{self.peer[0]}%{scope}" if scope else undressed(self.peer[0])


def undressed(address: str) -> str:
    """Return an IPv4 address that a socket of both families tells as `::ffff:192.0.2.1`; any other as it is."""
    dressed = address.startswith(MAPPED) and "." in address
    return address.removeprefix(MAPPED) if dressed else address


def family_of(address: str) -> socket.AddressFamily:
    """Return the family of a numeric address; NetopsError when it is none."""
    try:
        return socket.AF_INET6 if ipaddress.ip_address(address.partition("%")[0]).version == 6 else socket.AF_INET
    except ValueError:
        raise NetopsError(f"'{address}' is no numeric address; expected one like 192.0.2.1 or 2001:db8::1") from None


def place(address: str, port: int) -> tuple[Any, ...]:
    """Return what a socket connects to; Python forgets the link of `fe80::7%eth0` unless it is given as a number."""
    plain, _, link = address.partition("%")
    if not link:
        return address, port
    try:
        return plain, port, 0, int(link) if link.isdecimal() else socket.if_nametoindex(link)
    except OSError:
        raise NetopsError(f"'{address}': there is no interface '{link}'; `ip link` lists them") from None


def tell_all(wire: socket.socket) -> None:
    """Ask the kernel to tell time, TTL, TOS and local address of what arrives."""
    wire.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    if wire.family == socket.AF_INET6:
        for option in (socket.IPV6_RECVHOPLIMIT, socket.IPV6_RECVTCLASS, socket.IPV6_RECVPKTINFO):
            wire.setsockopt(socket.IPPROTO_IPV6, option, 1)
        if wire.type != socket.SOCK_DGRAM:
            return
    for option in (IP_RECVTTL, socket.IP_RECVTOS, IP_PKTINFO):  # of UDP over IPv6 as well: on `::` it hears IPv4, too
        wire.setsockopt(socket.IPPROTO_IP, option, 1)


def tell_errors(wire: socket.socket) -> None:
    """Ask the kernel to say when its own queue does not take a packet: without this it drops it and says all is well.

    Then it also keeps every ICMP error for us, and `drain_errors` must take them.
    """
    if wire.family == socket.AF_INET6:
        wire.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
    elif wire.family == socket.AF_INET:
        wire.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)


def drain_errors(wire: socket.socket) -> None:
    """Let go of the ICMP errors that the kernel kept; each was told as an OSError as well."""
    for _ in range(ERRORS):
        try:
            wire.recvmsg(0, ANCILLARY, socket.MSG_ERRQUEUE)
        except OSError:
            return


def bound_to(wire: socket.socket, interface: str) -> None:
    """Let the socket speak through one interface only; NetopsError when there is none of that name."""
    if not interface:
        return
    try:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0")
    except OSError as error:
        raise NetopsError(f"interface '{interface}': cannot be used ({error.strerror}); `ip link` lists them") from None


def mark(wire: socket.socket, dscp: int) -> None:
    """Send everything with this DSCP."""
    if wire.family == socket.AF_INET6:
        wire.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, dscp << 2)
    else:
        wire.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, dscp << 2)


def receive(wire: socket.socket) -> Arrival | None:
    """Take one datagram without waiting; None when there is none. OSError is an ICMP error about an earlier one."""
    try:
        octets, ancillary, _, peer = wire.recvmsg(DATAGRAM, ANCILLARY)
    except BlockingIOError:
        return None
    now = instant()
    stamped, ttl, tos, local = _told(ancillary)
    if stamped is None:
        return Arrival(octets, peer, now, False, ttl, tos, local)
    at = Instant(stamped, now.monotonic_ns - (now.wall_ns - stamped))
    return Arrival(octets, peer, at, True, ttl, tos, local)


def _told(ancillary: Iterable[tuple[int, int, bytes]]) -> tuple[int | None, int, int, str]:
    stamped, ttl, tos, local = None, 0, 0, ""
    for level, kind, value in ancillary:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
            seconds, rest = _TIMESPEC.unpack_from(value)
            stamped = seconds * NS + rest
        elif level == socket.IPPROTO_IP:
            if kind == IP_TTL_MESSAGE:
                ttl = int.from_bytes(value[:4], sys.byteorder) & 0xFF
            elif kind == socket.IP_TOS:
                tos = value[0]
            elif kind == IP_PKTINFO:
                local = socket.inet_ntoa(_PKTINFO4.unpack_from(value)[1])
        elif level == socket.IPPROTO_IPV6:
            if kind == socket.IPV6_HOPLIMIT:
                ttl = int.from_bytes(value[:4], sys.byteorder) & 0xFF
            elif kind == socket.IPV6_TCLASS:
                tos = int.from_bytes(value[:4], sys.byteorder) & 0xFF
            elif kind == socket.IPV6_PKTINFO:
                local = undressed(socket.inet_ntop(socket.AF_INET6, value[:16]))
    return stamped, ttl, tos, local


def departure(*, source: str, tos: int) -> list[tuple[int, int, bytes]]:
    """Return what to tell the kernel of a datagram: the address it leaves from, and its TOS (none for 0)."""
    told: list[tuple[int, int, bytes]] = []
    if ":" in source:
        if source:
            packed = socket.inet_pton(socket.AF_INET6, source)
            told.append((socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, _PKTINFO6.pack(packed, 0)))
        if tos:
            told.append((socket.IPPROTO_IPV6, socket.IPV6_TCLASS, struct.pack("=i", tos)))
        return told
    if source:
        told.append((socket.IPPROTO_IP, IP_PKTINFO, _PKTINFO4.pack(0, socket.inet_aton(source), bytes(4))))
    if tos:
        told.append((socket.IPPROTO_IP, socket.IP_TOS, struct.pack("=i", tos)))
    return told
