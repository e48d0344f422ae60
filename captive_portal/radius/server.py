"""The two UDP ports: datagrams in, answers out, each port in a thread of its own.

Authorisation answers one after the other: nothing there waits. Accounting takes what has arrived, makes it durable
together, and only then answers: one fsync for as many reports as wait.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import socket
import struct
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from captive_portal.errors import PortalError
from captive_portal.radius import packet
from netops import sqlite
from netops.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from captive_portal.radius.answering import Accounting, Authorising, Tally
    from captive_portal.radius.keeping import Keeping
    from captive_portal.radius.stay import Row
    from captive_portal.radius.telling import Telling
    from netops.clock import Clock

LOG = logging.getLogger("netops.radius")
TOGETHER = 256
RECEIVE_BYTES = 8 * 1024 * 1024
ANY = "any"
WILD = ("0.0.0.0", "::")  # noqa: S104  (what was asked for)
_PACKET4 = socket.IPPROTO_IP, getattr(socket, "IP_PKTINFO", 8)
_PACKET6 = socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO
_INFO4 = struct.Struct("=i4s4s")  # struct in_pktinfo: interface, our address, the header's destination
ANCILLARY = 128
_NOTES = (_PACKET4, (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO))
Way: TypeAlias = "list[tuple[int, int, bytes]]"


def listening(listen: str, port: int) -> list[socket.socket]:
    """Return sockets on these addresses (comma between them, or `any`); ConfigError names one that cannot be."""
    hosts = ["0.0.0.0", "::"] if listen.strip() == ANY else [each.strip() for each in listen.split(",") if each.strip()]  # noqa: S104  (it is what was asked for)
    made: list[socket.socket] = []
    with contextlib.ExitStack() as undo:
        for host in hosts:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            try:
                one = undo.enter_context(socket.socket(family, socket.SOCK_DGRAM))
                if family == socket.AF_INET6:
                    one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                if host in WILD:
                    one.setsockopt(*(_PACKET6 if family == socket.AF_INET6 else _PACKET4), 1)
                _enlarge(one)
                one.bind((host, port))
            except OSError as error:
                if host == "::" and listen.strip() == ANY:  # a machine without IPv6
                    continue
                raise ConfigError(
                    f"radius: cannot listen on {host} port {port} ({error.strerror}); is another server running? "
                    "Below port 1024 CAP_NET_BIND_SERVICE is needed"
                ) from None
            one.setblocking(False)
            made.append(one)
        undo.pop_all()
    return made


def _enlarge(one: socket.socket) -> None:
    """Make room for a burst: a square of visitors comes back within a second."""
    for option in (getattr(socket, "SO_RCVBUFFORCE", 33), socket.SO_RCVBUF):
        with contextlib.suppress(OSError):
            one.setsockopt(socket.SOL_SOCKET, option, RECEIVE_BYTES)
            return


@dataclass(slots=True)
class Port:
    """Sockets and what is done with their datagrams; inert until `start`."""

    name: str
    sockets: Sequence[socket.socket]
    work: Callable[[socket.socket], None]
    _thread: threading.Thread | None = None
    _wake: int = -1  # an event that ends the waiting

    def start(self) -> None:
        """Begin."""
        self._wake = os.eventfd(0, os.EFD_CLOEXEC)
        self._thread = threading.Thread(target=self._run, name=f"radius-{self.name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End and close the sockets; safe to call twice."""
        if self._thread is not None:
            os.eventfd_write(self._wake, 1)
            self._thread.join()
            os.close(self._wake)
            self._thread = None
        for each in self.sockets:
            each.close()

    def _run(self) -> None:
        waiting = select.poll()
        by_number = {each.fileno(): each for each in self.sockets}
        for number in (*by_number, self._wake):
            waiting.register(number, select.POLLIN)
        while True:
            for number, _ in waiting.poll():
                if number == self._wake:
                    return
                try:
                    self.work(by_number[number])
                except Exception:  # one datagram must not end the port
                    LOG.exception("datagram failed port=%s", self.name)


def authorise(door: Authorising, keeping: Keeping, clock: Clock, telling: Telling) -> Callable[[socket.socket], None]:
    """Return what answers the questions that wait at a socket."""

    def work(at: socket.socket) -> None:
        rows: list[Row] = []
        for octets, sender, way in _waiting(at):
            began = clock.monotonic()
            answer, more = _judged(door, octets, sender, clock)
            rows += more
            if answer is not None:
                _send(at, answer, sender, way)
                telling.answered(door.known.by_address[sender[0]].id, answer[0], clock.monotonic() - began)
        if rows:
            with contextlib.suppress(PortalError):  # what is lost with them: that a token's door outlives a crash
                keeping.put(rows)

    return work


def account(door: Accounting, keeping: Keeping, clock: Clock, telling: Telling) -> Callable[[socket.socket], None]:
    """Return what takes the reports that wait at a socket, and answers when they are durable."""

    def work(at: socket.socket) -> None:
        rows: list[Row] = []
        began = clock.monotonic()
        answers: list[tuple[bytes, bytes, tuple[str, int], Way, list[Row]]] = []
        for octets, sender, way in _waiting(at):
            answer, more = _judged(door, octets, sender, clock)
            rows += more
            if answer is not None:
                answers.append((octets, answer, sender, way, more))
        try:
            keeping.keep(rows)
        except (PortalError, sqlite.Error) as error:  # no answer: controllers keep their reports and send them again
            door.tally.counts["not_durable"] += len(answers)
            LOG.error("accounting not durable error=%s", error)  # noqa: TRY400  (the sentence says it)
            return
        except Exception:  # one report that cannot be kept must not take the answers to the others with it
            LOG.exception("reports not kept together count=%d", len(answers))
            answers = [each for each in answers if _kept(keeping, each[-1], door.tally)]
        for octets, answer, sender, way, _ in answers:
            door.sent(octets, sender[:2], answer, clock.monotonic())
            _send(at, answer, sender, way)
            telling.answered(door.known.by_address[sender[0]].id, answer[0], clock.monotonic() - began)

    return work


def _waiting(at: socket.socket) -> Iterator[tuple[bytes, tuple[str, int], Way]]:
    """Yield the datagrams that wait at a socket, as many as are taken together."""
    for _ in range(TOGETHER):
        came = _receive(at)
        if came is None:
            return
        yield came


def _judged(
    door: Authorising | Accounting, octets: bytes, sender: tuple[str, int], clock: Clock
) -> tuple[bytes | None, list[Row]]:
    """Return what a door says to one datagram; nothing, and a line of log, where it fails: others wait behind it."""
    try:
        return door.answer(octets, sender[:2], clock.now_ms(), clock.monotonic())
    except Exception:
        door.tally.counts["failed"] += 1
        LOG.exception("datagram failed source=%s", sender[0])
        return None, []


def _kept(keeping: Keeping, rows: list[Row], tally: Tally) -> bool:
    """Whether one report's rows are durable."""
    try:
        keeping.keep(rows)
    except Exception as error:  # noqa: BLE001  (whatever it is, it is this report's alone)
        tally.counts["not_durable"] += 1
        LOG.warning("report not durable error=%s", error)
        return False
    return True


def _receive(at: socket.socket) -> tuple[bytes, tuple[str, int], Way] | None:
    """Return what waits, from whom, and the way back: from the address that was asked, or the asker drops it."""
    try:
        octets, notes, _, sender = at.recvmsg(packet.LARGEST + 1, ANCILLARY)
    except OSError:  # nothing there; or the ICMP error of an earlier answer
        return None
    return octets, sender, [_back(*each) for each in notes if each[:2] in _NOTES]


def _back(level: int, kind: int, note: bytes) -> tuple[int, int, bytes]:
    if level == socket.IPPROTO_IPV6:
        return level, kind, note
    _, _, asked = _INFO4.unpack(note[: _INFO4.size])
    return level, kind, _INFO4.pack(0, asked, bytes(4))


def _send(at: socket.socket, answer: bytes, sender: tuple[str, int], way: Way) -> None:
    with contextlib.suppress(OSError):  # it is asked for again
        if way:
            at.sendmsg([answer], way, 0, sender)
        else:
            at.sendto(answer, sender)
