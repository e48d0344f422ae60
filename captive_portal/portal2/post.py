"""The post of one portal: the UDP port where controllers tell us things, the heartbeats that we owe them.

Datagrams are read, judged (captive_portal/portal2/hearing.py) and answered in one thread, which waits for nobody; what
takes long is done by the workers (captive_portal/portal2/workers.py). Who is no controller of ours gets no
answer and costs a look into a table; what it sent is counted and not kept.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import selectors
import socket
import threading
from collections import OrderedDict
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from captive_portal.errors import GatewayError
from captive_portal.model import address as canonical
from captive_portal.portal2 import hearing
from captive_portal.portal2.hearing import Verdict
from captive_portal.portal2.packet import LARGEST, NO_SEAL, Type

if TYPE_CHECKING:
    from collections.abc import Mapping

    from captive_portal.portal2.hearing import Heard
    from captive_portal.portal2.journal import Journal
    from captive_portal.portal2.side import Side
    from captive_portal.portal2.workers import Workers
    from netops.clock import Clock

LOG = logging.getLogger("netops.portal")
SEALS = 20_000  # authenticators that are remembered, by controller
RECEIVE_BYTES = 4 << 20
TICK_S = 0.5
LATE_S = 5.0  # between two looks for users who are past their time
COPY = "a copy"  # genuine, and heard before: answered, kept as seldom as what is not believed
BURST = 256  # datagrams between two looks at the time


class Post:
    """Inert until started. `sides` are the controllers by address."""

    def __init__(
        self, sides: Mapping[str, Side], journal: Journal, clock: Clock, workers: Workers, *, host: str, port: int
    ) -> None:
        self.port = port
        self.counted = {"strangers": 0, "disbelieved": 0, "copies": 0, "heard": 0}
        self._sides = sides
        self._every = list({side.ac.id: side for side in sides.values()}.values())
        self._journal = journal
        self._clock = clock
        self._host = host
        self._seals: dict[str, OrderedDict[bytes, None]] = {}
        self._later = workers.later
        self._late_due = 0.0
        self._socket: socket.socket | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._go, name="portal2-post", daemon=True)

    def start(self) -> None:
        """Listen; GatewayError when the port is not to be had."""
        for side in self._every:
            known = self._journal.seals(side.ac.id, hearing.CHANGES, most=SEALS)
            self._seals[side.ac.id] = OrderedDict.fromkeys(reversed(known))
        self._socket = _listening(self._host, self.port)
        self.port = int(self._socket.getsockname()[1])
        self._thread.start()

    def stop(self) -> None:
        """Let go of the port."""
        self._stopping.set()
        if self._socket is not None:
            host = "::1" if self._socket.family is socket.AF_INET6 else "127.0.0.1"
            with contextlib.suppress(OSError):  # it waits for a datagram, for half a second at most
                self._socket.sendto(b"", (self._host or host, self.port))
            self._thread.join(5.0)
            self._socket.close()

    # ---- the thread that listens
    def _go(self) -> None:
        assert self._socket
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ)
            due = self._clock.monotonic()
            while not self._stopping.is_set():
                if selector.select(TICK_S):
                    self._hear()
                if self._clock.monotonic() >= due:
                    due = self._clock.monotonic() + TICK_S
                    self._owe()

    def _hear(self) -> None:
        assert self._socket
        for _ in range(BURST):
            try:
                octets, sender = self._socket.recvfrom(LARGEST + 1)
            except OSError:  # nothing more, or an ICMP error of something sent
                return
            side = self._sides.get(canonical(str(sender[0])) or "")
            if side is None:
                self.counted["strangers"] += 1
                continue
            try:
                self._take(side, octets, sender)
            except Exception:  # one datagram must not end the post
                LOG.exception("notification failed controller=%s", side.ac.id)

    def _take(self, side: Side, octets: bytes, sender: tuple[object, ...]) -> None:
        ac = side.ac
        heard = self._judged(side, octets)
        believed = heard.verdict is not Verdict.DISBELIEVED
        self.counted["heard" if believed else "disbelieved"] += 1
        said = heard.why or (COPY if heard.copy else "")
        self._journal.packet(ac.id, "in", ac.address, octets, said)
        if believed:
            self._follow(side, heard, sender)
        if heard.reply:
            self.say(side, heard.reply, sender, said)

    def _judged(self, side: Side, octets: bytes) -> Heard:
        roll = side.rolls.answer(octets)
        if roll is not None:
            return roll
        packet = hearing.read(side.ac, octets)
        if isinstance(packet, str):
            return hearing.Heard(verdict=Verdict.DISBELIEVED, why=packet)
        about = hearing.before_of(packet) if packet.type == Type.NTF_USERIPCHANGE else packet.visitor
        user = side.book.at(about)
        copy = self._copy(side.ac.id, packet.seal)
        return replace(hearing.judge(side.ac, packet, user, copy=copy), copy=copy)

    def _copy(self, ac: str, seal: bytes) -> bool:
        """Whether an authenticator was heard before; it is remembered now."""
        if not seal or seal == NO_SEAL:
            return False
        seals = self._seals.setdefault(ac, OrderedDict())
        copy = seal in seals
        seals[seal] = None
        seals.move_to_end(seal)
        if len(seals) > SEALS:
            seals.popitem(last=False)
        self.counted["copies"] += copy
        return copy

    def _follow(self, side: Side, heard: Heard, sender: tuple[object, ...]) -> None:
        packet = heard.packet
        if packet is None:
            return
        user = side.book.at(packet.visitor)
        if heard.verdict is Verdict.LEFT and user is not None:
            self._later(lambda: side.left(user))
        elif heard.verdict is Verdict.ASK and user is not None:
            side.suspect(user, sure=heard.fresh)
        elif heard.verdict is Verdict.ABSENT:
            self._later(lambda: side.all_left(heard.absent))
        elif heard.verdict is Verdict.MOVED:
            before = side.book.at(heard.before)
            if before is not None:
                side.moved(before, packet.visitor)
        elif heard.verdict is Verdict.ASKED:
            self._later(lambda: side.asked(packet, lambda reply: self.say(side, reply, sender)))
        elif heard.verdict is Verdict.FORGET:
            side.forget(packet.visitor)

    # ---- what is said
    def say(self, side: Side, octets: bytes, to: tuple[object, ...] | None = None, about: str = "") -> None:
        """Send a datagram to a controller from the port where we listen; `about`: what was thought of its question."""
        assert self._socket
        with contextlib.suppress(OSError):
            self._socket.sendto(octets, to or self._at(side))
            self._journal.packet(side.ac.id, "out", side.ac.address, octets, about)

    def _at(self, side: Side) -> tuple[str, int]:
        assert self._socket
        address = side.ac.address
        mapped = self._socket.family is socket.AF_INET6 and ":" not in address
        return (f"::ffff:{address}" if mapped else address), side.ac.port

    def _owe(self) -> None:
        """Send the heartbeats and rolls that are due, ask about whom there is doubt, end who is late."""
        now, now_ms = self._clock.monotonic(), self._clock.now_ms()
        for side in self._every:
            for octets in side.rolls.due(now, side.book, now_ms):
                self.say(side, octets)
            for user, sure in side.due():
                self._later(partial(side.doubt, user, sure=sure))
            if now >= self._late_due:
                for user in side.late():
                    self._later(partial(side.end, user))
        if now >= self._late_due:
            self._late_due = now + LATE_S


def _listening(host: str, port: int) -> socket.socket:
    """Return the socket: of one address, or of every address of both families."""
    try:
        six = not host or ipaddress.ip_address(host).version == 6
        link = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM)
    except (OSError, ValueError):
        six, link = False, socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        if six and not host:
            link.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        link.bind((host or ("::" if six else ""), port))
        link.setblocking(False)
    except OSError as error:
        link.close()
        where = f"{host or 'any address'}:{port}"
        raise GatewayError(
            f"UDP port {where} for controllers: {error.strerror}; set portal2.host and portal2.port"
        ) from None
    return link
