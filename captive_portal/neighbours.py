"""The kernel's neighbour tables (ARP and ND) by rtnetlink: which MAC has an address, which addresses has a MAC.

Reading them needs no privilege. `ask` and `read` are pure (bytes to values, RFC 3549 and <linux/neighbour.h>);
`Neighbours` holds the socket. One address is one question; all addresses of a device come from a dump that is shared
for a second.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from captive_portal.errors import KernelError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netops.clock import Clock

HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
NDMSG = struct.Struct("=BxxxiHBB")  # family, ifindex, state, flags, type
ATTRIBUTE = struct.Struct("=HH")
NLMSG_ERROR, NLMSG_DONE, RTM_NEWNEIGH, RTM_GETNEIGH = 2, 3, 28, 30
NLM_F_REQUEST, NLM_F_DUMP = 0x1, 0x300
NDA_DST, NDA_LLADDR = 1, 2
# A FAILED or INCOMPLETE entry names nobody; NOARP is loopback and multicast.
VALID = 0x02 | 0x04 | 0x08 | 0x10 | 0x80  # REACHABLE, STALE, DELAY, PROBE, PERMANENT
FRESH_S = 1.0
RECEIVE = 65_536
TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One entry: an address and the MAC behind it on an interface."""

    index: int
    address: str
    mac: str


def ask(*, index: int = 0, address: str | None = None, sequence: int = 1) -> bytes:
    """Return the request for one address on one interface, or, without an address, for all."""
    if address is None:
        body, flags = NDMSG.pack(socket.AF_UNSPEC, index, 0, 0, 0), NLM_F_REQUEST | NLM_F_DUMP
    else:
        packed = ipaddress.ip_address(address).packed
        family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
        body = NDMSG.pack(family, index, 0, 0, 0) + ATTRIBUTE.pack(4 + len(packed), NDA_DST) + packed
        flags = NLM_F_REQUEST
    return HEADER.pack(HEADER.size + len(body), RTM_GETNEIGH, flags, sequence, 0) + body


def read(answer: bytes) -> tuple[list[Neighbour], int | None]:
    """Return the valid entries of one datagram, and how it ended: 0 done, an errno, or None for more to come."""
    found: list[Neighbour] = []
    at = 0
    while at + HEADER.size <= len(answer):
        length, kind, _flags, _sequence, _port = HEADER.unpack_from(answer, at)
        if length < HEADER.size or at + length > len(answer):
            raise KernelError("netlink message is cut short; expected a whole one in each datagram")
        body = answer[at + HEADER.size : at + length]
        if kind == NLMSG_DONE:
            return found, 0
        if kind == NLMSG_ERROR:
            return found, -int(struct.unpack_from("=i", body)[0])
        if kind == RTM_NEWNEIGH:
            found += _entry(body)
        at += (length + 3) & ~3
    return found, None


def _entry(body: bytes) -> Iterator[Neighbour]:
    _family, index, state, _flags, _type = NDMSG.unpack_from(body)
    attributes = dict(_attributes(body[NDMSG.size :]))
    mac, destination = attributes.get(NDA_LLADDR, b""), attributes.get(NDA_DST, b"")
    if state & VALID and len(mac) == 6 and len(destination) in {4, 16}:
        yield Neighbour(index, str(ipaddress.ip_address(destination)), mac.hex(":"))


def _attributes(body: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + ATTRIBUTE.size <= len(body):
        length, kind = ATTRIBUTE.unpack_from(body, at)
        if length < ATTRIBUTE.size or at + length > len(body):
            return
        yield kind, body[at + ATTRIBUTE.size : at + length]
        at += (length + 3) & ~3


class Neighbours:
    """The tables of some interfaces; every call asks the kernel, except that a dump serves for one second."""

    def __init__(self, interfaces: tuple[str, ...], clock: Clock) -> None:
        self.interfaces = interfaces
        self._clock = clock
        self._lock = Lock()
        self._dumped_at = float("-inf")
        self._by_mac: dict[tuple[str, str], tuple[str, ...]] = {}

    def who(self, address: str) -> tuple[str, str] | None:
        """Return (interface, MAC) of an address, or None."""
        for name in self.interfaces:
            index = _index(name)
            if index and (found := _exchange(ask(index=index, address=address))):
                return name, found[0].mac
        return None

    def addresses(self, interface: str, mac: str) -> tuple[str, ...]:
        """Return the addresses of a MAC on an interface, at most a second old."""
        with self._lock:
            if self._clock.monotonic() - self._dumped_at > FRESH_S:
                self._by_mac = self._dump()
                self._dumped_at = self._clock.monotonic()
            return self._by_mac.get((interface, mac), ())

    def _dump(self) -> dict[tuple[str, str], tuple[str, ...]]:
        names = {index: name for name in self.interfaces if (index := _index(name))}
        grouped: dict[tuple[str, str], list[str]] = {}
        for entry in _exchange(ask()):
            if entry.index in names:
                grouped.setdefault((names[entry.index], entry.mac), []).append(entry.address)
        return {key: tuple(addresses) for key, addresses in grouped.items()}


def _index(name: str) -> int:
    try:
        return socket.if_nametoindex(name)
    except OSError:
        return 0  # an interface that comes later is a visitor interface later


def _exchange(request: bytes) -> list[Neighbour]:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as link:
        link.settimeout(TIMEOUT_S)
        link.bind((0, 0))
        link.send(request)
        dump = HEADER.unpack_from(request)[2] & NLM_F_DUMP
        found: list[Neighbour] = []
        while True:
            some, ended = read(link.recv(RECEIVE))
            found += some
            if ended is not None or not dump:
                return found
