"""The sockets of logins that held, kept open for a moment.

A controller that did not hear AFF_ACK_AUTH says ACK_AUTH again, and puts the user out when nobody answers.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from captive_portal.portal2.packet import LARGEST, Type

if TYPE_CHECKING:
    from captive_portal.portal2.journal import Journal
    from netops.clock import Clock

SECONDS = 6.0
TICK_S = 0.05
MOST = 2_000  # sockets; the oldest are closed first
SAME = 12  # octets of a header up to the user port, without version and type: PapChap, serial, request, user


class Linger:
    """A thread that answers late copies; a context manager, safe to hand sockets to from several threads."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._kept: OrderedDict[socket.socket, tuple[float, str, bytes]] = OrderedDict()
        self._lock = threading.Lock()
        self._selector = selectors.DefaultSelector()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._go, name="portal2-linger", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, and close what is kept."""
        self._stopping.set()
        self._thread.join(5.0)
        with self._lock:
            for link in self._kept:
                link.close()
            self._kept.clear()
        self._selector.close()

    def keep(self, link: socket.socket, ac: str, octets: bytes) -> None:
        """Keep a socket; a copy of what `octets` affirmed is answered with it."""
        link.setblocking(False)
        with self._lock:
            self._kept[link] = (self._clock.monotonic() + SECONDS, ac, octets)
            self._selector.register(link, selectors.EVENT_READ)

    def _go(self) -> None:
        while not self._stopping.is_set():
            ready = self._selector.select(TICK_S) if self._kept else []
            if not ready:
                self._stopping.wait(TICK_S)
            with self._lock:
                for key, _ in ready:
                    if isinstance(key.fileobj, socket.socket):
                        self._hear(key.fileobj)
                self._let_go()

    def _hear(self, link: socket.socket) -> None:
        if link not in self._kept:
            return
        _, ac, last = self._kept[link]
        try:
            octets = link.recv(LARGEST + 1)
        except OSError:
            return
        copy = len(octets) >= 16 and octets[1] == Type.ACK_AUTH and octets[4:SAME] == last[4:SAME]
        peer = str(link.getpeername()[0])
        self._journal.packet(ac, "in", peer, octets, "" if copy else "late")
        if copy:
            with contextlib.suppress(OSError):
                link.send(last)
            self._journal.packet(ac, "out", peer, last)

    def _let_go(self) -> None:
        now = self._clock.monotonic()
        while self._kept:
            link, (until, _, _) = next(iter(self._kept.items()))
            if until > now and len(self._kept) <= MOST:
                return
            del self._kept[link]
            self._selector.unregister(link)
            link.close()
