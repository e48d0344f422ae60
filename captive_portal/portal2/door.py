"""The way to one controller: a socket of its own for each course, numbers used once, and no waiting for the dead.

Each course has a connected socket: the kernel drops what does not come from the controller's address and port, and a
forger would have to guess our port as well as the serial. Serials come from the system's random source and none comes
back within the last half of all there are.

A controller that was silent to several courses in a row is away: for `REST_S` nobody waits for it, then one course may
try. So a dead controller costs its visitors a page that says so, and the visitors of others nothing.
"""

from __future__ import annotations

import contextlib
import secrets
import socket
from collections import deque
from threading import BoundedSemaphore, Lock
from typing import TYPE_CHECKING, Protocol

from captive_portal.errors import GatewayError
from captive_portal.portal2.exchange import Answer, Code, Deaf, Send
from captive_portal.portal2.packet import LARGEST

if TYPE_CHECKING:
    from captive_portal.portal2.ac import Ac
    from captive_portal.portal2.exchange import Course, Step
    from captive_portal.portal2.linger import Linger
    from netops.clock import Clock

AT_ONCE = 12  # courses with one controller; further ones wait for `TURN_S`, then they are told
TURN_S = 0.2
SILENCES = 3  # courses in a row; then it is away
REST_S = 5.0
LAST = 32_768  # serials that are not used again soon


class Keeps(Protocol):
    """What is told of each packet: the journal."""

    def packet(self, ac: str, way: str, peer: str, octets: bytes, judged: str = "") -> None:
        """Keep a packet."""
        ...


class Serials:
    """Numbers from 1 to 65,535, unpredictable, none twice within `LAST`; safe from several threads."""

    def __init__(self) -> None:
        self._used: set[int] = set()
        self._order: deque[int] = deque()
        self._lock = Lock()

    def next(self) -> int:
        """Return a fresh one."""
        with self._lock:
            while (serial := 1 + secrets.randbelow(0xFFFF)) in self._used:
                pass
            self._used.add(serial)
            self._order.append(serial)
            if len(self._order) > LAST:
                self._used.discard(self._order.popleft())
            return serial


class Door:
    """Carries courses out with one controller; safe from several threads."""

    def __init__(self, ac: Ac, journal: Keeps, clock: Clock, linger: Linger | None = None) -> None:
        self.ac = ac
        self.serials = Serials()
        self.counted = {"courses": 0, "silent": 0, "disbelieved": 0, "resent": 0}
        self.took_ms: deque[int] = deque(maxlen=512)  # of the courses that were answered
        self._journal = journal
        self._clock = clock
        self._linger = linger
        self._turns = BoundedSemaphore(AT_ONCE)
        self._lock = Lock()
        self._silent = 0
        self._away_until = 0.0

    @property
    def away(self) -> str:
        """What is wrong with the controller, empty when it answers or may be tried."""
        if self._silent < SILENCES or self._clock.monotonic() >= self._away_until:
            return ""
        return f"controller '{self.ac.id}' at {self.ac.address}:{self.ac.port} has not answered {self._silent} times"

    def run(self, course: Course) -> Answer:
        """Carry a course out; GatewayError when it cannot begin. The answer may be that there was none."""
        if not self._may_begin():
            raise GatewayError(f"{self.away or self._unheard()}; is it up, and is the secret the same on both sides?")
        if not self._turns.acquire(timeout=TURN_S):
            raise GatewayError(f"controller '{self.ac.id}' is asked {AT_ONCE} things already; try again in a moment")
        began = self._clock.monotonic()
        try:
            answer = self._run(course)
        except OSError as error:
            raise GatewayError(f"controller '{self.ac.id}' at {self.ac.address} cannot be reached ({error})") from None
        finally:
            self._turns.release()
        self._note(answer, int((self._clock.monotonic() - began) * 1000))
        return answer

    def _run(self, course: Course) -> Answer:
        family = socket.AF_INET6 if ":" in self.ac.address else socket.AF_INET
        link: socket.socket | None = socket.socket(family, socket.SOCK_DGRAM)
        assert link is not None
        try:
            link.connect((self.ac.address, self.ac.port))
            step = course.begin()
            while isinstance(step, Send):
                self._send(link, step.octets)
                step = self._listen(link, course, step.wait_s)
            if step.last:
                self._send(link, step.last)
            if step.answer.code is Code.OK and step.last and self._linger is not None:
                self._linger.keep(link, self.ac.id, step.last)
                link = None  # it is the linger's now
            return step.answer
        finally:
            if link is not None:
                link.close()

    def _listen(self, link: socket.socket, course: Course, wait_s: float) -> Step:
        """Return the course's next step: by what was heard within `wait_s`, or by silence."""
        until = self._clock.monotonic() + wait_s
        while (left := until - self._clock.monotonic()) > 0:
            link.settimeout(left)
            try:
                octets = link.recv(LARGEST + 1)
            except TimeoutError:
                break
            except ConnectionRefusedError:  # its port is closed, now; the next sending may find it open
                continue
            step = course.heard(octets)
            judged = step.why if isinstance(step, Deaf) else ""
            self._journal.packet(self.ac.id, "in", self.ac.address, octets, judged)
            if not isinstance(step, Deaf):
                return step
            self.counted["disbelieved"] += 1
        step = course.silent()
        self.counted["resent"] += isinstance(step, Send)
        return step

    def _send(self, link: socket.socket, octets: bytes) -> None:
        with contextlib.suppress(ConnectionRefusedError):  # said of the packet before
            link.send(octets)
        self._journal.packet(self.ac.id, "out", self.ac.address, octets)

    # ---- whether it is there
    def _may_begin(self) -> bool:
        with self._lock:
            now = self._clock.monotonic()
            if self._silent < SILENCES:
                return True
            if now < self._away_until:
                return False
            self._away_until = now + REST_S  # this one tries; the others go on not waiting
            return True

    def _unheard(self) -> str:
        return f"controller '{self.ac.id}' at {self.ac.address}:{self.ac.port} has not answered {self._silent} times"

    def _note(self, answer: Answer, took_ms: int) -> None:
        with self._lock:
            self.counted["courses"] += 1
            if answer.code is not Code.SILENT:
                self._silent = 0
                self.took_ms.append(took_ms)
                return
            self.counted["silent"] += 1
            self._silent += 1
            if self._silent >= SILENCES:
                self._away_until = self._clock.monotonic() + REST_S
