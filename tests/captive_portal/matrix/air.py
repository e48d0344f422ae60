"""A controller that asks a RADIUS server who may go through, and lets through whom it was told to: simulated.

The packets are those of `radius/old_controller.py`, written from the RFCs. What it enforces is what the Access-Accept
says: Session-Timeout, Idle-Timeout and the rates; a Disconnect or a CoA makes it end the session and ask again.
"""

from __future__ import annotations

import itertools
import os
import socket
import struct
import threading
import time
from dataclasses import dataclass
from typing import Any

ACCEPT, START, STOP, INTERIM = 2, 1, 2, 3
SESSION_TIMEOUT, IDLE_TIMEOUT, CLASS, VENDOR, RATE = 27, 28, 25, 26, -1
WISPR, H3C = 14122, 25506
IDLED, TIMED_OUT, RESET = 4, 5, 6  # RFC 2866 section 5.10


@dataclass
class Online:
    """A session as the controller has it."""

    id: str
    mac: str
    until: float
    idle_s: int
    down_bps: int
    mark: bytes
    octets: int = 0


class Air:
    """Stations by their addresses; safe for one test at a time. `controller` is an OldController."""

    def __init__(self, controller: Any, wire: Any, clock: Any) -> None:
        self.controller, self.wire, self.clock = controller, wire, clock
        self.stations: dict[str, str] = {}
        self.sessions: dict[str, Online] = {}
        self._numbers = itertools.count(1)
        self._seen = 0
        self.first = True  # whether a Message-Authenticator comes first; FreeRADIUS 3.2.1 puts it elsewhere
        self._lock = threading.RLock()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._go, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ending.set()
        self._thread.join(5)
        self.controller.close()

    # ---- what is enforced
    def online(self, address: str) -> bool:
        """Whether octets of this address would go through now."""
        with self._lock:
            session = self.sessions.get(address)
            if session is not None and session.until <= time.monotonic():
                self._end(address, TIMED_OUT)
            return address in self.sessions

    def comes(self, address: str, mac: str) -> None:
        """A station associates: the server is asked about its MAC."""
        self.stations[address] = mac
        self.asks(address)

    def asks(self, address: str) -> None:
        name = self.stations[address].replace(":", "-")
        with self._lock:
            said = self.answered(self.controller.question(name, name, name, address), (WISPR, 8))
            if said is not None:
                self.begin(address, said)

    def answered(self, octets: bytes, rate: tuple[int, int]) -> dict[int, bytes] | None:
        """Ask; return what a genuine Access-Accept says, the rate down under RATE; None for a no or for silence."""
        with self._lock:
            answer = self.controller.send(octets, self.controller.auth)
        if answer is None or answer[0] != ACCEPT:
            return None
        assert self.wire.genuine(answer, octets, self.controller.secret, first=self.first)
        pairs = self.wire.parsed(answer)
        return {**dict(reversed(pairs)), RATE: vendor(pairs, *rate)}

    def begin(self, address: str, said: dict[int, bytes]) -> Online:
        """Let a station through as the server has said, and report it."""
        with self._lock:
            number = f"air-{next(self._numbers)}"
            seconds, idle = (int.from_bytes(said.get(each, b""), "big") for each in (SESSION_TIMEOUT, IDLE_TIMEOUT))
            mac, until, down = self.stations[address], time.monotonic() + seconds, int.from_bytes(said[RATE], "big")
            made = self.sessions[address] = Online(number, mac, until, idle, down, said[CLASS])
            self.report(START, address)
            return made

    # ---- what it reports
    def report(self, status: int, address: str, *, cause: int = 0) -> None:
        session = self.sessions[address]
        mac, stamp = session.mac.replace(":", "-"), self.clock.now_ms() // 1000
        assert self.controller.report(
            status, session.id, mac, address, mark=session.mark, down=session.octets, cause=cause, stamp=stamp
        )

    def carries(self, address: str, octets: int) -> None:
        with self._lock:
            self.sessions[address].octets += octets
            self.report(INTERIM, address)

    def idles(self, address: str, seconds: int) -> None:
        """Nothing comes from the station for so long."""
        with self._lock:
            session = self.sessions[address]
            if session.idle_s and seconds >= session.idle_s:
                self._end(address, IDLED)

    def end(self, address: str, cause: int = RESET) -> None:
        with self._lock:
            if address in self.sessions:
                self._end(address, cause)

    def _end(self, address: str, cause: int) -> None:
        self.report(STOP, address, cause=cause)
        del self.sessions[address]

    # ---- what it is told
    def _go(self) -> None:
        while not self._ending.wait(0.01):
            called = self.controller.called
            while self._seen < len(called):
                octets = called[self._seen]
                self._seen += 1
                said = dict(self.wire.parsed(octets))
                mac = said.get(31, b"").decode().replace("-", ":").lower()
                for address in [each for each, known in self.stations.items() if known == mac]:
                    with self._lock:
                        if address in self.sessions:
                            self._end(address, RESET)
                        self.asks(address)


def vendor(said: list[tuple[int, bytes]], maker: int, kind: int) -> bytes:
    """Return a vendor's attribute of an answer."""
    for number, value in said:
        if number == VENDOR and struct.unpack(">I", value[:4])[0] == maker and value[4] == kind:
            return value[6 : 4 + value[5]]
    return b""


def by_portal(air: Air, ac: Any) -> Any:
    """Return what asks the server for a controller that speaks Portal 2.0: its users are reported by `air`."""

    def authorise(name: str, shown: Any, mac: str) -> int | None:
        random, wire = os.urandom(16), air.wire
        rest = wire.attribute(1, name) + wire.attribute(31, mac.upper().replace(":", "-"))
        rest += wire.attribute(4, socket.inet_aton(ac.host))
        if isinstance(shown, tuple):
            request, proof, challenge = shown
            rest += wire.attribute(3, request + proof) + wire.attribute(60, challenge)
        else:
            rest += wire.attribute(2, wire.hidden(shown, random, air.controller.secret))
        octets = wire.access(random[0], rest, air.controller.secret, authenticator=random)
        said = air.answered(octets, (H3C, 5))
        if said is None:
            return None
        address = next(each for each, known in ac.stations.items() if known == mac)
        air.stations[address] = mac
        air.end(address)
        air.begin(address, said)
        return int.from_bytes(said[SESSION_TIMEOUT], "big")

    return authorise
