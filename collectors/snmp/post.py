"""Many datagrams per system call: sendmmsg and recvmmsg, which Python's socket module has not.

Sent one by one each datagram would wake its receiver up, or whoever carries it; received one by one each would cost a
call into the kernel, and the address a text. The structures are Linux's, as sendmmsg(2) and <sys/socket.h> have them.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
from array import array
from itertools import accumulate
from mmap import mmap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from collectors.snmp.sockets import Address

SENDS = 32  # datagrams per system call out: the last is sent some 0.1 ms after the first
TAKES = 64  # and in
_LARGEST = 65_507  # octets that a datagram over IPv4 can hold
_APART = (1 << 16) + 192  # octets from one place to the next: at a power of two all would share one set of the cache
_V4 = struct.Struct("=H2s4s8x")  # sockaddr_in
_V6 = struct.Struct("=H2s4s16sI")  # sockaddr_in6
_HEAD = struct.Struct("@PIPNPNi4xI4x")  # mmsghdr: name and size, parts and how many, control and size, flags; octets
_PART = struct.Struct("@PN")  # iovec: where it begins, how long it is
_LIBRARY = ctypes.CDLL(None, use_errno=True)


def name_of(address: Address) -> bytes:
    """Return an address as the kernel takes and gives it (sockaddr_in, sockaddr_in6)."""
    host, port, *more = address
    if not more:
        return _V4.pack(socket.AF_INET, port.to_bytes(2), socket.inet_aton(host))
    flow, scope = more
    return _V6.pack(socket.AF_INET6, port.to_bytes(2), flow.to_bytes(4), socket.inet_pton(socket.AF_INET6, host), scope)


def address_of(name: bytes) -> Address:
    """Return such a name as Python's sockets have it."""
    if len(name) == _V4.size:
        _, port, host = _V4.unpack(name)
        return socket.inet_ntop(socket.AF_INET, host), int.from_bytes(port)
    _, port, flow, host, scope = _V6.unpack(name)
    return socket.inet_ntop(socket.AF_INET6, host), int.from_bytes(port), int.from_bytes(flow), scope


class Box:
    """Places for datagrams, their addresses (`named` octets each) and what the kernel is told of them; they never move.

    Of the octets only what is ever used takes memory.
    """

    __slots__ = ("heads", "named", "names", "octets", "parts", "starts")

    def __init__(self, places: int, apart: int, named: int) -> None:
        self.octets = mmap(-1, places * apart)
        self.names = mmap(-1, places * named)
        self.named = named
        self.starts = tuple((n * apart, n * named) for n in range(places))  # of octets and names
        first, name = (ctypes.addressof(ctypes.c_char.from_buffer(each)) for each in (self.octets, self.names))
        self.parts = array("Q", b"".join(_PART.pack(first + at, apart) for at, _ in self.starts))
        part, _ = self.parts.buffer_info()
        rows = [(name + at, named, part + n * _PART.size, 1, 0, 0, 0, 0) for n, (_, at) in enumerate(self.starts)]
        self.heads = ctypes.create_string_buffer(b"".join(_HEAD.pack(*row) for row in rows), places * _HEAD.size)


class Post:
    """Sends and receives over one non-blocking socket. `known`: addresses by name, which are then not worked out."""

    __slots__ = ("_came", "_fileno", "_first", "_in", "_out", "_sizes", "known")

    def __init__(self, fileno: int, family: socket.AddressFamily) -> None:
        self.known: dict[bytes, Address] = {}
        named = (_V4 if family == socket.AF_INET else _V6).size
        self._fileno = fileno
        self._out, self._in = Box(SENDS, _LARGEST, named), Box(TAKES, _APART, named)
        self._sizes: tuple[int, ...] = ()  # of the last batch
        self._first = self._out.parts[0]
        self._came = memoryview(self._in.heads).cast("B").cast("I")[_HEAD.size // 4 - 2 :: _HEAD.size // 4]

    def send(self, octets: Sequence[bytes], names: Sequence[bytes]) -> int:
        """Send up to SENDS datagrams to as many addresses; return how many went. 0: the first would not go."""
        out, sizes, together = self._out, tuple(map(len, octets)), b"".join(octets)
        if max(sizes) > _LARGEST:
            return 0
        out.octets[: len(together)] = together  # one behind the other
        out.names[: len(names) * out.named] = b"".join(names)
        if sizes != self._sizes:
            self._sizes = sizes
            out.parts[: 2 * len(sizes) : 2] = array("Q", accumulate(sizes[:-1], initial=self._first))
            out.parts[1 : 2 * len(sizes) : 2] = array("Q", sizes)
        went: int = _LIBRARY.sendmmsg(self._fileno, out.heads, len(sizes), 0)
        return max(0, went)

    def receive(self) -> list[tuple[bytes, Address]]:
        """Return up to TAKES datagrams and who sent each; OSError as the kernel tells it (BlockingIOError: none)."""
        box, known = self._in, self.known
        came: int = _LIBRARY.recvmmsg(self._fileno, box.heads, TAKES, 0, None)
        if came < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        octets, names, named = box.octets, box.names, box.named
        took = []
        for (at, name_at), size in zip(box.starts, self._came[:came].tolist(), strict=False):
            name = names[name_at : name_at + named]
            took.append((octets[at : at + size], known.get(name) or address_of(name)))
        return took
