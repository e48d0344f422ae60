"""Telling a controller that something has changed: Disconnect and CoA (RFC 5176), and what came of each.

Every call has an outcome that is kept: `ack`, `nak` with the controller's Error-Cause, `silent` after all retries, or
`unsent`, which is our own fault and on no controller's account. A retry is the same octets with the same identifier, so
a controller that has answered answers again and does nothing twice. Answers count only from the controller's own
address and port, with our identifier and the secret's authenticator; anything else is counted and dropped.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import selectors
import socket
import threading
from collections import Counter
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Self

from captive_portal.radius import dictionary as d
from captive_portal.radius import packet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from captive_portal.radius.dictionary import Said
    from captive_portal.radius.nas import Nas
    from captive_portal.radius.packet import Packet
    from netops.clock import Clock

LOG = logging.getLogger("netops.radius")
IDENTIFIERS = 256
FREE_S = 5.0  # how long a call waits for an identifier when all are in flight
SESSION_NOT_FOUND = 503


class Word(StrEnum):
    """What came of a call."""

    ACK = "ack"
    NAK = "nak"
    SILENT = "silent"
    UNSENT = "unsent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One call's end. `cause` is the Error-Cause of a NAK, 0 for none; `sent` how often it was sent."""

    word: Word
    cause: int = 0
    sent: int = 0
    took_ms: int = 0

    @property
    def gone(self) -> bool:
        """Whether the session is not there any more: ended now, or long ago."""
        return self.word is Word.ACK or self.cause == SESSION_NOT_FOUND

    def __str__(self) -> str:
        """Return it in words."""
        if self.word is Word.NAK:
            return f"refused: {d.ERROR_CAUSES.get(self.cause, f'error cause {self.cause}')}"
        if self.word is Word.SILENT:
            return f"no answer to {self.sent} of ours" if self.sent else f"no answer to {IDENTIFIERS} calls before it"
        return "done" if self.word is Word.ACK else "could not be sent"


@dataclass(slots=True)
class _Line:
    """A connected socket to one controller, and who waits on it for which identifier."""

    at: socket.socket
    nas: Nas
    waiting: dict[int, tuple[bytes, Future[Packet]]] = field(default_factory=dict)
    following: int = 0


class Caller:
    """Calls controllers; a context manager. Safe from several threads: 256 calls at once for each controller."""

    def __init__(self, clock: Clock, *, timeout_ms: int = 1000, tries: int = 3) -> None:
        self.counts: Counter[str] = Counter()
        self._clock = clock
        self._timeout_s = timeout_ms / 1000
        self._tries = tries
        self._lines: dict[str, _Line] = {}
        self._free = threading.Condition()
        self._selector = selectors.DefaultSelector()
        self._wake = -1  # an event that ends the listening
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._wake = os.eventfd(0, os.EFD_CLOEXEC)
        self._selector.register(self._wake, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._listen, name="radius-coa", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread is not None:
            os.eventfd_write(self._wake, 1)
            self._thread.join()
            os.close(self._wake)
            self._thread = None
        for line in self._lines.values():
            line.at.close()
        self._selector.close()

    def call(self, nas: Nas, code: int, said: Sequence[Said]) -> Outcome:
        """Send a Disconnect- or CoA-Request and wait for what comes of it."""
        began = self._clock.monotonic()
        stamp = (d.EVENT_TIMESTAMP, self._clock.now_ms() // 1000)  # RFC 5176 section 6.3: against replays of ours
        attributes = [each.pair(value) for each, value in (*said, stamp)]
        try:
            line, identifier, octets, future = self._take(nas, code, attributes)
        except TimeoutError as error:  # it has not answered any of so many
            LOG.warning("call not sent place=%s error=%s", nas.id, error)
            return self._over(Outcome(word=Word.SILENT))
        except OSError as error:
            LOG.warning("call not sent place=%s error=%s", nas.id, error)
            return self._over(Outcome(word=Word.UNSENT))
        try:
            answer, sent = self._asked(line, octets, future)
        finally:
            with self._free:
                line.waiting.pop(identifier, None)
                self._free.notify()
        took_ms = int((self._clock.monotonic() - began) * 1000)
        if answer is None:
            return self._over(Outcome(word=Word.SILENT if sent else Word.UNSENT, sent=sent, took_ms=took_ms))
        if answer.code in {packet.DISCONNECT_ACK, packet.COA_ACK}:
            return self._over(Outcome(word=Word.ACK, sent=sent, took_ms=took_ms))
        cause = d.ERROR_CAUSE.of(answer)
        return self._over(
            Outcome(word=Word.NAK, cause=cause if isinstance(cause, int) else 0, sent=sent, took_ms=took_ms)
        )

    def _over(self, outcome: Outcome) -> Outcome:
        self.counts[outcome.word] += 1
        return outcome

    def _asked(self, line: _Line, octets: bytes, future: Future[Packet]) -> tuple[Packet | None, int]:
        sent = 0
        for _ in range(self._tries):
            sent += _sent(line.at, octets)
            with contextlib.suppress(TimeoutError):
                return future.result(self._timeout_s), sent
        return None, sent

    def _take(self, nas: Nas, code: int, attributes: Sequence[packet.Pair]) -> tuple[_Line, int, bytes, Future[Packet]]:
        """Take an identifier that is not in flight, in turn: one that has just been answered is not used again soon."""
        with self._free:
            line = self._line(nas)
            if not self._free.wait_for(lambda: len(line.waiting) < IDENTIFIERS, FREE_S):
                raise TimeoutError("256 calls are under way")
            identifier = line.following
            while identifier in line.waiting:
                identifier = (identifier + 1) % IDENTIFIERS
            line.following = (identifier + 1) % IDENTIFIERS
            octets = packet.request(code, identifier, attributes, nas.secret)
            future: Future[Packet] = Future()
            line.waiting[identifier] = octets, future
            return line, identifier, octets, future

    def _line(self, nas: Nas) -> _Line:
        line = self._lines.get(nas.id)
        if line is None:
            host = nas.addresses[0]
            at = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
            try:
                at.connect((host, nas.coa_port))
                at.setblocking(False)
                line = self._lines[nas.id] = _Line(at=at, nas=nas)
                self._selector.register(at, selectors.EVENT_READ, line)
            except OSError:
                at.close()
                raise
        return line

    def _listen(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.data is None:
                    return
                self._heard(key.data)

    def _heard(self, line: _Line) -> None:
        while True:
            try:
                octets = line.at.recv(packet.LARGEST + 1)
            except OSError:  # nothing more; or the ICMP error of a datagram of ours
                return
            asked, future = line.waiting.get(octets[1], (b"", None)) if len(octets) > 1 else (b"", None)
            answer = packet.answers(octets, asked, line.nas.secret) if future is not None else None
            if future is None or answer is None or answer.code not in (asked[0] + 1, asked[0] + 2):
                self.counts["strange"] += 1
            elif not future.done():
                future.set_result(answer)


def _sent(at: socket.socket, octets: bytes) -> bool:
    """Send; False when something of ours is in the way.

    The first error may be the ICMP one of a datagram before (the port is closed, or was until now): whoever refuses
    has a way to it from here.
    """
    for _ in range(2):
        try:
            at.send(octets)
        except OSError as error:
            far = error.errno == errno.ECONNREFUSED
        else:
            return True
    return far
