"""The engine's UDP sockets: a shared one per address family, with a receive buffer large enough, and its drops watched.

A lane is a socket for one device, connected: the kernel lets nobody else in, and nothing that others do can fill it.

The kernel's default of 208 KiB holds the replies of 64 devices; a poller that asks 4,000 at once through it finds most
of them "dead". The buffer is asked for, read back, and the window is capped by what was really given.
"""

from __future__ import annotations

import ctypes
import errno
import ipaddress
import socket
import struct
from typing import TYPE_CHECKING, TypeAlias

from collectors.snmp.post import Post

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Address: TypeAlias = tuple[str, int] | tuple[str, int, int, int]

RECEIVE_BUFFER = 4 << 20
PER_REPLY = 3_300  # octets of kernel memory that a reply of one frame is accounted with
DATAGRAM = 65_535

# Linux's numbers, which the socket module of Python 3.11 does not name.
_SO_MEMINFO = 55
_SO_RCVBUFFORCE = 33
_SO_ATTACH_FILTER = 26
_SO_DETACH_FILTER = 27
_IP_RECVERR = 11
_IPV6_RECVERR = 25
_IP_MTU_DISCOVER = 10
_IP_PMTUDISC_WANT, _IP_PMTUDISC_DO = 1, 2  # the first is the default
_ORIGIN_ICMP = (2, 3)  # SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_ICMP6
_EXTENDED_ERROR = struct.Struct("=IBBBBII")
_MEMORY = struct.Struct("=9I")  # SK_MEMINFO_VARS; the last is the drop counter
_DROPS = 8
_ERRORS = 8_192  # of the error queue taken at once: more than our receive buffer has room for
_BROADCAST = ipaddress.IPv4Address("255.255.255.255")


# Classic BPF, as packet(7) has it: code, jump if true, jump if false, operand.
_INSTRUCTION = struct.Struct("=HBBI")
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06  # LD|W|ABS, JMP|JEQ|K, RET|K
_DROP_ALL = _INSTRUCTION.pack(_RETURN, 0, 0, 0)
_UDP_HEADER = 8  # where a filter of a UDP socket sees the datagram begin
_FIRST = 8  # octets of a reply before which no number can stand


def _only(numbers: tuple[int, ...], reach: int) -> bytes:
    """Return the filter for `admit`. A load behind the datagram's end ends it with a refusal."""
    program = bytearray()
    for at in range(_UDP_HEADER + _FIRST, _UDP_HEADER + reach - 3):
        program += _INSTRUCTION.pack(_LOAD, 0, 0, at)
        for number in numbers:
            program += _INSTRUCTION.pack(_EQUAL, 0, 1, number)
            program += _INSTRUCTION.pack(_RETURN, 0, 0, 0xFFFF_FFFF)
    return bytes(program + _DROP_ALL)


class Channel:
    """One non-blocking UDP socket; with a `peer` it is a lane."""

    __slots__ = (
        "_whole",
        "drops",
        "empty_at",
        "family",
        "fileno",
        "post",
        "receive",
        "receive_buffer",
        "send",
        "socket",
    )

    def __init__(
        self, family: socket.AddressFamily, *, receive_buffer: int = RECEIVE_BUFFER, peer: Address | None = None
    ) -> None:
        self.family = family
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.receive_buffer = enlarge(self.socket, receive_buffer) if peer is None else 0
        self._whole = False  # nothing is sent in fragments
        self.drops = 0
        self.empty_at = 0.0  # monotonic seconds when it last held nothing
        if family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            self.socket.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
            if peer is None:
                self.socket.bind(("::", 0))
        else:
            self.socket.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
            if peer is None:
                self.socket.bind(("0.0.0.0", 0))  # noqa: S104  (replies come in by any route)
                # A datagram that no router may cut needs no identification (RFC 6864): drawing one per datagram is a
                # thirtieth of what a question costs. See `fragment`.
                self.socket.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _IP_PMTUDISC_DO)
                self._whole = True
        if peer is not None:
            try:
                self.socket.connect(peer)
            except OSError:
                self.socket.close()
                raise
        self.fileno = self.socket.fileno()
        self.post = Post(self.fileno, family) if peer is None else None  # many at a time
        self.send = self.socket.sendto
        self.receive = self.socket.recvfrom

    def watch(self) -> int:
        """Return how many datagrams the kernel has thrown away.

        SO_RXQ_OVFL tells the same count, but only with a datagram that comes after the drop: a burst whose end was
        thrown away would look like silent devices.
        """
        self.drops = _MEMORY.unpack(self.socket.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMORY.size))[_DROPS]
        return self.drops

    def fragment(self) -> bool:
        """Have datagrams cut that the way is too narrow for (EMSGSIZE); False where they were all along."""
        was, self._whole = self._whole, False
        if was:
            self.socket.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _IP_PMTUDISC_WANT)
        return was

    def deafen(self) -> None:
        """Have the kernel throw away what comes, before it costs us anything; `watch` goes on counting it."""
        self._filter(_DROP_ALL)

    def admit(self, numbers: Iterable[int], reach: int) -> bool:
        """Have the kernel let only datagrams in that hold one of these numbers in their first octets.

        A lane is for one address, but a flood may come under that very address: it must not push the reply out.
        """
        try:
            self._filter(_only(tuple(numbers), reach))
        except OSError:
            return False
        return True

    def _filter(self, instructions: bytes) -> None:
        kept = ctypes.create_string_buffer(instructions, len(instructions))
        program = struct.pack("@HP", len(instructions) // 8, ctypes.addressof(kept))
        self.socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)

    def hear(self) -> None:
        """Take datagrams again."""
        self.socket.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)

    def refusals(self) -> Iterator[tuple[Address, str]]:
        """Yield the destinations that ICMP errors came back for, with the error's name."""
        for _ in range(_ERRORS):
            try:
                _, ancillary, _, destination = self.socket.recvmsg(0, 512, socket.MSG_ERRQUEUE)
            except (BlockingIOError, OSError):
                return
            for _, kind, content in ancillary:
                if kind in (_IP_RECVERR, _IPV6_RECVERR) and len(content) >= _EXTENDED_ERROR.size:
                    number, origin, *_ = _EXTENDED_ERROR.unpack_from(content)
                    if origin in _ORIGIN_ICMP and destination:
                        yield destination, errno.errorcode.get(number, str(number))

    def close(self) -> None:
        """Let go of the socket."""
        self.socket.close()


def enlarge(sock: socket.socket, wanted: int) -> int:
    """Return the receive buffer that the kernel really gave, in octets."""
    for option in (_SO_RCVBUFFORCE, socket.SO_RCVBUF):  # the first goes past rmem_max, with CAP_NET_ADMIN
        try:
            sock.setsockopt(socket.SOL_SOCKET, option, wanted)
        except PermissionError:
            continue
        break
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)


def window_of(receive_buffer: int, wanted: int) -> int:
    """Return how many requests may be under way with this buffer."""
    return max(1, min(wanted, receive_buffer // PER_REPLY))


def resolve(address: str, port: int) -> tuple[socket.AddressFamily, Address] | None:
    """Return (family, socket address) of a numeric address; None when it is none. Names are not looked up here."""
    host, _, zone = address.partition("%")
    try:
        parsed = ipaddress.ip_address(host)
    except ValueError:
        return None
    if not 0 < port < 65_536:
        return None
    if parsed.version == 6 and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped  # our IPv6 sockets hear IPv6 alone
    if parsed.is_multicast or parsed.is_unspecified:
        return None
    if parsed.version == 4:
        return (socket.AF_INET, (str(parsed), port)) if not zone and parsed != _BROADCAST else None
    plain = socket.inet_ntop(socket.AF_INET6, parsed.packed)  # as the kernel writes a source address
    try:
        scope = (int(zone) if zone.isdigit() else socket.if_nametoindex(zone)) if zone else 0
    except OSError:
        return None
    return socket.AF_INET6, (plain, port, 0, scope)
