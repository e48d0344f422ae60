"""The kernel's neighbour tables (ARP and ND) by rtnetlink: which MAC has an address, which addresses has a MAC.

Reading them needs no privilege. `ask` and `read` are pure (bytes to values, RFC 3549 and <linux/neighbour.h>);
`Neighbours` holds the socket. One address is one question; all addresses of a device come from a table of our own that
the kernel's notices (group RTNLGRP_NEIGH) keep up, so that following fifty thousand devices costs what changes. Where a
notice was lost, which the kernel tells, the table is read anew.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
import struct
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from captive_portal.errors import KernelError

if TYPE_CHECKING:
    from collections.abc import Iterator


HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
NDMSG = struct.Struct("=BxxxiHBB")  # family, ifindex, state, flags, type
ATTRIBUTE = struct.Struct("=HH")
NLMSG_ERROR, NLMSG_DONE, RTM_NEWNEIGH, RTM_DELNEIGH, RTM_GETNEIGH = 2, 3, 28, 29, 30
RTMGRP_NEIGH = 0x4
NLM_F_REQUEST, NLM_F_DUMP = 0x1, 0x300
NDA_DST, NDA_LLADDR = 1, 2
# A FAILED or INCOMPLETE entry names nobody; NOARP is loopback and multicast.
VALID = 0x02 | 0x04 | 0x08 | 0x10 | 0x80  # REACHABLE, STALE, DELAY, PROBE, PERMANENT
RECEIVE = 65_536
HELD = 4 * 1024 * 1024  # octets of notices between two looks, as far as net.core.rmem_max lets us
TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One entry: an address and the MAC behind it on an interface."""

    index: int
    address: str
    mac: str  # empty where the address is nobody's any more


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
        if kind in {RTM_NEWNEIGH, RTM_DELNEIGH}:
            found += _entry(body, gone=kind == RTM_DELNEIGH)
        at += (length + 3) & ~3
    return found, None


def _entry(body: bytes, *, gone: bool) -> Iterator[Neighbour]:
    _family, index, state, _flags, _type = NDMSG.unpack_from(body)
    attributes = dict(_attributes(body[NDMSG.size :]))
    mac, destination = attributes.get(NDA_LLADDR, b""), attributes.get(NDA_DST, b"")
    if len(destination) in {4, 16}:
        held = state & VALID and len(mac) == 6 and not gone
        yield Neighbour(index, str(ipaddress.ip_address(destination)), mac.hex(":") if held else "")


def _attributes(body: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + ATTRIBUTE.size <= len(body):
        length, kind = ATTRIBUTE.unpack_from(body, at)
        if length < ATTRIBUTE.size or at + length > len(body):
            return
        yield kind, body[at + ATTRIBUTE.size : at + length]
        at += (length + 3) & ~3


class Neighbours:
    """The tables of some interfaces, as of now; safe from several threads."""

    def __init__(self, interfaces: tuple[str, ...]) -> None:
        self.interfaces = interfaces
        self._lock = Lock()
        self._notices: socket.socket | None = None
        self._names: dict[int, str] = {}
        self._held: dict[tuple[int, str], str] = {}  # index, address → MAC
        self._by_mac: dict[tuple[str, str], dict[str, None]] = {}  # the addresses of a device, oldest first
        self._moved: set[tuple[str, str]] = set()

    def close(self) -> None:
        """Let go of the socket."""
        with self._lock:
            if self._notices is not None:
                self._notices.close()
                self._notices = None

    def who(self, address: str) -> tuple[str, str] | None:
        """Return (interface, MAC) of an address, or None."""
        for name in self.interfaces:
            if found := mac(name, address):
                return name, found
        return None

    def addresses(self, interface: str, mac: str) -> tuple[str, ...]:
        """Return the addresses of a MAC on an interface."""
        with self._lock:
            self._look()
            return tuple(self._by_mac.get((interface, mac), ()))

    def moved(self) -> dict[tuple[str, str], tuple[str, ...]]:
        """Return the devices that have got another address since this was asked last, with all of theirs."""
        with self._lock:
            self._look()
            moved, self._moved = self._moved, set()
            return {key: tuple(self._by_mac[key]) for key in moved if key in self._by_mac}

    def _look(self) -> None:
        """Take in the notices since; read the whole table where some were lost, or there were none before."""
        names = {index: name for name in self.interfaces if (index := _index(name))}
        if self._notices is None or names != self._names:
            self._begin(names)
            return
        try:
            while True:
                for each in read(self._notices.recv(RECEIVE))[0]:
                    self._set(each)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            self._begin(names)

    def _begin(self, names: dict[int, str]) -> None:
        if self._notices is None:
            self._notices = socket.socket(
                socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE
            )
            self._notices.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, HELD)
            self._notices.bind((0, RTMGRP_NEIGH))  # first: what changes while the table is read is told
        before, self._names, self._held, self._by_mac = set(self._held.items()), names, {}, {}
        moved, self._moved = self._moved, set()
        for entry in _exchange(ask()):
            self._set(entry)
        fresh = [(at, mac) for at, mac in self._held.items() if (at, mac) not in before]
        self._moved = moved | {(names[index], mac) for (index, _), mac in fresh}

    def _set(self, entry: Neighbour) -> None:
        name = self._names.get(entry.index)
        if name is None:
            return
        at = entry.index, entry.address
        before = self._held.pop(at, "")
        if before and before != entry.mac:
            addresses = self._by_mac.get((name, before), {})
            addresses.pop(entry.address, None)
            if not addresses:
                self._by_mac.pop((name, before), None)
        if entry.mac:
            self._held[at] = entry.mac
            self._by_mac.setdefault((name, entry.mac), {})[entry.address] = None
            if before != entry.mac:
                self._moved.add((name, entry.mac))


def mac(interface: str, address: str) -> str:
    """Return which MAC answers for an address on an interface, or the empty string."""
    index = _index(interface)
    found = [each.mac for each in _exchange(ask(index=index, address=address)) if each.mac] if index else []
    return found[0] if found else ""


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
