"""The sessions under way, by their token and by their CPE, of which each has one. Bounded; for several threads."""

from __future__ import annotations

import secrets
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collectors.cwmp.session import Session

RAW = 4 << 20  # octets of a CPE's envelopes in one session
RAW_OF_ALL = 64 << 20  # of all sessions: memory is bounded
PER_MINUTE, MINUTE_S = 60, 60.0  # sessions that one CPE may begin
_DEVICES = 65_536  # whose minutes are remembered


class UnderWay:
    """A table of sessions, of the octets that they hold, and of how often a CPE begins one."""

    def __init__(self, *, most: int) -> None:
        self._most = most
        self._sessions: dict[str, Session] = {}
        self._of: dict[str, str] = {}  # device → its session's token
        self._held = 0
        self._minutes: dict[str, tuple[float, int]] = {}  # device → when its minute began, sessions begun in it
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._sessions)

    @property
    def held(self) -> int:
        """The octets of all envelopes."""
        return self._held

    def of(self, token: str) -> Session | None:
        """Return the session with this token."""
        with self._lock:
            return self._sessions.get(token)

    def of_device(self, device: str) -> Session | None:
        """Return the session of this device's CPE."""
        with self._lock:
            return self._sessions.get(self._of.get(device, ""))

    def every(self) -> list[Session]:
        """Return all of them."""
        with self._lock:
            return list(self._sessions.values())

    def too_often(self, device: str, now: float) -> bool:
        """Count that a CPE wants to begin a session; whether it does so more often than any reason could make it."""
        with self._lock:
            began, count = self._minutes.get(device, (now, 0))
            if now - began >= MINUTE_S:
                began, count = now, 0
            if len(self._minutes) >= _DEVICES and device not in self._minutes:
                self._minutes.clear()  # most are of CPEs that left the register
            self._minutes[device] = (began, count + 1)
        return count >= PER_MINUTE

    def enter(self, session: Session) -> str:
        """Take a session in and return its token, empty when there is no room."""
        token = secrets.token_urlsafe(18)
        with self._lock:
            if len(self._sessions) >= self._most or self._held > RAW_OF_ALL:
                return ""
            self._sessions[token], self._of[session.known.device] = session, token
            self._held += session.size
        return token

    def grows(self, session: Session, octets: int) -> bool:
        """Count an envelope; whether session and table are within their bounds."""
        with self._lock:
            session.size += octets
            self._held += octets
            return session.size <= RAW and self._held <= RAW_OF_ALL

    def leave(self, session: Session) -> bool:
        """Let a session go; whether it was there."""
        with self._lock:
            token = self._of.get(session.known.device, "")
            if self._sessions.get(token) is not session:
                return False
            del self._sessions[token], self._of[session.known.device]
            self._held = max(0, self._held - session.size) if self._sessions else 0
        return True
