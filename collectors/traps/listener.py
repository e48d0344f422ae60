"""The trap socket: takes datagrams, drops those of strangers at once, hands the rest to the door, acknowledges.

A stranger costs a look into a table: no decoding, no memory but the counter, one log line per second and source.
"""

from __future__ import annotations

import ipaddress
import logging
import select
import socket
import struct
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, NamedTuple

from collectors.errors import CollectorError, DecodeError, SecurityError
from collectors.hush import Hush
from collectors.snmp.sockets import RECEIVE_BUFFER, enlarge
from collectors.snmp.wire import ForeignError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from collectors.traps.door import Door, Heard

_LOG = logging.getLogger(__name__)
_BATCH = 512  # datagrams taken before what they say is kept
_DATAGRAM = 65_535
_ANY = ("0.0.0.0", "::")  # noqa: S104  (carriers reach us by any route; who may speak is asked per datagram)
_SO_MEMINFO = 55
_MEMORY = struct.Struct("=9I")  # SK_MEMINFO_VARS; the last is the drop counter


@dataclass(slots=True)
class Counters:
    """Running sums since the listener began."""

    received: int = 0
    accepted: int = 0
    informs: int = 0
    reports: int = 0  # answers to questions for our SNMPv3 engine
    wrong_source: int = 0  # no device of the register has this address
    foreign: int = 0  # another community or user
    security: int = 0  # SNMPv3: digest, time, level, or a replay
    undecodable: int = 0
    faults: int = 0  # our own: one datagram was given up, the log says why
    socket_drops: int = 0  # the kernel threw away what our buffer could not hold

    def table(self) -> dict[str, int]:
        """Return the sums by name."""
        return asdict(self)


class Taken(NamedTuple):
    """One notification and where its acknowledgement goes."""

    heard: Heard
    address: str
    wire: socket.socket
    source: tuple[str, int]


class Listener:
    """UDP sockets of the trap service. Inert until opened; used from one thread."""

    def __init__(self, addresses: str, port: int, *, receive_buffer: int = 2 * RECEIVE_BUFFER) -> None:
        self.counters = Counters()
        self.port = port
        self._addresses = addresses
        self._receive_buffer = receive_buffer
        self._wires: dict[int, socket.socket] = {}
        self._poll: select.epoll | None = None
        self._hush = Hush()

    def open(self) -> None:
        """Bind; CollectorError names the address that cannot be had."""
        self._poll = select.epoll()
        every = self._addresses.strip() == "any"
        for address in _ANY if every else self._addresses.split(","):
            try:
                self._bind(address.strip())
            except (OSError, OverflowError) as error:
                if every and ":" in address and self._wires:
                    _LOG.info("no IPv6 on this machine; traps are heard over IPv4")
                    continue
                self.close()
                why = getattr(error, "strerror", None) or error
                raise CollectorError(
                    f"traps: {address} port {self.port} cannot be listened on ({why}); set trap.listen and trap.port, "
                    "or give the service CAP_NET_BIND_SERVICE for ports below 1024"
                ) from None

    def _bind(self, address: str) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        wire = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            enlarge(wire, self._receive_buffer)
            if family == socket.AF_INET6:
                wire.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            wire.bind((address, self.port))
        except (OSError, OverflowError):
            wire.close()
            raise
        self._wires[wire.fileno()] = wire
        self.port = wire.getsockname()[1]
        if self._poll is not None:
            self._poll.register(wire.fileno(), select.EPOLLIN)

    def close(self) -> None:
        """Let go of the sockets."""
        for wire in self._wires.values():
            wire.close()
        self._wires.clear()
        if self._poll is not None:
            self._poll.close()
        self._poll = None

    def take(self, door: Door, *, wait_s: float, monotonic: Callable[[], float]) -> list[Taken]:
        """Wait for datagrams and return what known devices say in them; Reports are answered at once."""
        if self._poll is None:
            return []
        found: list[Taken] = []
        for number, _ in self._poll.poll(wait_s):
            found += self._batch(self._wires[number], door, monotonic)
        self.counters.accepted += len(found)
        return found

    def watch(self) -> None:
        """Read how many datagrams the kernel has thrown away."""
        drops = [
            _MEMORY.unpack(w.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMORY.size)) for w in self._wires.values()
        ]
        self.counters.socket_drops = sum(each[-1] for each in drops)

    def acknowledge(self, taken: Iterable[Taken]) -> None:
        """Answer the informs among what is kept now."""
        for each in taken:
            if each.heard.ack:
                self.counters.informs += 1
                self._send(each.wire, each.heard.ack, each.source)

    def _batch(self, wire: socket.socket, door: Door, monotonic: Callable[[], float]) -> Iterator[Taken]:
        senders, counters = door.senders, self.counters
        now = monotonic()
        for _ in range(_BATCH):
            try:
                octets, source = wire.recvfrom(_DATAGRAM)
            except OSError:  # nothing more, or the ICMP answer to an acknowledgement of ours
                return
            counters.received += 1
            address = source[0]
            if address not in senders:
                counters.wrong_source += 1
                self._say("trap from an unknown source", address, "not an address of the register", now)
                continue
            heard = self._hear(door, octets, address, now)
            if isinstance(heard, bytes):
                counters.reports += 1
                self._send(wire, heard, source)
            elif heard is not None:
                yield Taken(heard, address, wire, source)

    def _hear(self, door: Door, octets: bytes, address: str, now: float) -> Heard | bytes | None:
        counters = self.counters
        try:
            return door.hear(octets, address, now)
        except ForeignError as error:
            counters.foreign += 1
            self._say("trap refused", address, str(error), now)
        except SecurityError as error:
            counters.security += 1
            self._say("trap refused", address, str(error), now)
        except DecodeError as error:
            counters.undecodable += 1
            self._say("trap not readable", address, str(error), now)
        except Exception:  # noqa: BLE001  (no datagram may stop the service)
            counters.faults += 1
            if self._hush.may("", now):
                _LOG.exception("a trap could not be handled")
        return None

    def _say(self, event: str, address: str, why: str, now: float) -> None:
        if self._hush.may(address, now):
            _LOG.warning(event, extra={"source": address, "why": why})

    def _send(self, wire: socket.socket, octets: bytes, source: tuple[str, int]) -> None:
        try:
            wire.sendto(octets, source)
        except OSError as error:
            _LOG.debug("acknowledgement not sent", extra={"why": str(error)})


def plain(address: str) -> str:
    """Return an address of the register as the kernel writes a source; empty when no source can be it.

    A link-local address says nothing without its link, and the register names none: whoever is on one of our links may
    have it. An IPv4 address in an IPv6 dress is heard as what it is.
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return "" if found.is_link_local else socket.inet_ntop(socket.AF_INET6, found.packed)
    return str(found)
