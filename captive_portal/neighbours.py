"""The kernel's neighbour tables (ARP and ND) by rtnetlink: which MAC has an address, which addresses has a MAC.

Reading them needs no privilege. `ask` and `read` are pure (bytes to values, RFC 3549 and <linux/neighbour.h>);
`Neighbours` holds the socket. One address is one question; all addresses of a device come from a table of our own that
the kernel's notices (group RTNLGRP_NEIGH) keep up, so that following fifty thousand devices costs what changes. Where a
notice was lost, which the kernel tells, the table is read anew.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import struct
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from captive_portal.errors import KernelError
from captive_portal.netlink import DUMP, ENDS, attribute, attributes, failure, interrupted, message, messages
from netops.clock import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


NDMSG = struct.Struct("=BxxxiHBB")  # family, ifindex, state, flags, type
RTM_NEWNEIGH, RTM_DELNEIGH, RTM_GETNEIGH = 28, 29, 30
RTMGRP_NEIGH = 0x4
NDA_DST, NDA_LLADDR = 1, 2
# A FAILED or INCOMPLETE entry names nobody; NOARP is loopback and multicast.
VALID = 0x02 | 0x04 | 0x08 | 0x10 | 0x80  # REACHABLE, STALE, DELAY, PROBE, PERMANENT
RECEIVE = 65_536
ANSWER = 4096  # octets: one entry
AGE_S = 1.0  # how long an interface's number is believed; who made an interface anew is seen after that
HELD = 4 * 1024 * 1024  # octets of notices between two looks, as far as net.core.rmem_max lets us
TIMEOUT_S = 2.0
TRIES = 2
TABLE = "the kernel's table of neighbours"


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One entry: an address and the MAC behind it on an interface."""

    index: int
    address: str
    mac: str  # empty where the address is nobody's any more


def ask(*, index: int = 0, address: str | None = None) -> bytes:
    """Return the request for one address on one interface, or, without an address, for all."""
    if address is None:
        return message(RTM_GETNEIGH, DUMP, NDMSG.pack(socket.AF_UNSPEC, index, 0, 0, 0))
    packed = ipaddress.ip_address(address).packed
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    return message(RTM_GETNEIGH, 0, NDMSG.pack(family, index, 0, 0, 0) + attribute(NDA_DST, packed))


def read(answer: bytes) -> tuple[list[Neighbour], int | None]:
    """Return the valid entries of one datagram, and how it ended: 0 done, an errno, or None for more to come."""
    found: list[Neighbour] = []
    for kind, body in messages(answer):
        if kind in ENDS:
            return found, failure(body)
        if kind in {RTM_NEWNEIGH, RTM_DELNEIGH}:
            found += _entry(body, gone=kind == RTM_DELNEIGH)
    return found, None


def _entry(body: bytes, *, gone: bool) -> Iterator[Neighbour]:
    _family, index, state, _flags, _type = NDMSG.unpack_from(body)
    told = dict(attributes(body[NDMSG.size :]))
    mac, destination = told.get(NDA_LLADDR, b""), told.get(NDA_DST, b"")
    if len(destination) in {4, 16}:
        held = state & VALID and len(mac) == 6 and not gone
        yield Neighbour(index, str(ipaddress.ip_address(destination)), mac.hex(":") if held else "")


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
        self._free: list[socket.socket] = []  # each for one question at a time
        self._numbers: tuple[float, dict[int, str]] = 0.0, {}

    def close(self) -> None:
        """Let go of the sockets."""
        with self._lock:
            if self._notices is not None:
                self._notices.close()
                self._notices = None
        while self._free:
            self._free.pop().close()

    def who(self, address: str) -> tuple[str, str] | None:
        """Return (interface, MAC) of an address in its canonical form, or None."""
        for index, name in self._indices().items():
            if found := self._mac(index, address):
                return name, found
        return None

    def _mac(self, index: int, address: str) -> str:
        """Ask on a socket that is kept: each call of the system gives other visitors' threads the interpreter."""
        try:
            link = self._free.pop()
        except IndexError:
            link = _opened()
        try:
            link.send(ask(index=index, address=address))
            found = read(link.recv(ANSWER))[0]
        except BaseException:
            link.close()  # what it still says is no answer to the next question
            raise
        self._free.append(link)
        return next((each.mac for each in found if (each.index, each.address) == (index, address)), "")

    def _indices(self) -> dict[int, str]:
        """Return the interfaces that there are by their numbers, as of a second ago at most."""
        now, (since, names) = SYSTEM.monotonic(), self._numbers
        if len(names) < len(self.interfaces) or now - since > AGE_S:
            names = {index: name for name in self.interfaces if (index := _index(name))}
            self._numbers = now, names
        return names

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
        names = self._indices()
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
        if self._notices is not None:
            _drain(self._notices)
        else:
            self._notices = socket.socket(
                socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE
            )
            self._notices.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, HELD)
            self._notices.bind((0, RTMGRP_NEIGH))  # first: what changes while the table is read is told
        self._names = {}  # where the table cannot be read now, the next look begins again
        entries = _table()
        before, self._names, self._held, self._by_mac = set(self._held.items()), names, {}, {}
        moved, self._moved = self._moved, set()
        for entry in entries:
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
    """Return what the kernel answers to one address: nothing where it knows nobody there."""
    with _asked(request) as link:
        return read(link.recv(RECEIVE))[0]


def _table() -> list[Neighbour]:
    """Return the whole table; KernelError where the kernel gives a part of it alone."""
    try:
        for _ in range(TRIES):
            with _asked(ask()) as link:
                found, whole = dumped(iter(lambda: link.recv(RECEIVE), None))
            if whole:
                return found
    except OSError as error:
        raise KernelError(f"{TABLE} could not be read: {error.strerror or error}; it is tried again") from None
    raise KernelError(f"{TABLE} changed {TRIES} times while it was read; it is tried again")


def dumped(datagrams: Iterable[bytes]) -> tuple[list[Neighbour], bool]:
    """Return the entries of one dump to its end, and whether nothing changed meanwhile. OSError as the kernel says."""
    found: list[Neighbour] = []
    whole = True
    for datagram in datagrams:
        some, ended = read(datagram)
        found += some
        whole = whole and not interrupted(datagram)
        if ended:
            raise OSError(ended, os.strerror(ended))
        if ended is not None:
            break
    return found, whole


def _drain(notices: socket.socket) -> None:
    """Throw away what is older than the table that is read next, where what followed it may be lost."""
    while True:
        try:
            notices.recv(RECEIVE)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise


def _opened() -> socket.socket:
    """Return a socket for one question after the other, each bounded by the kernel: `settimeout` would poll before."""
    link = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", int(TIMEOUT_S), 0))
    link.bind((0, 0))
    return link


@contextmanager
def _asked(request: bytes) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as link:
        link.settimeout(TIMEOUT_S)
        link.bind((0, 0))
        link.send(request)
        yield link
