"""One turn at a time for each client: different clients never wait for one another here.

A page waits shortly, and few pages of one device wait at all: whoever sends a login a hundred times at once is told to
wait, and takes no thread from others. What we do ourselves (expiry, repair) waits for as long as it takes.

Behind a controller each login may take seconds, and devices are made up at will: few pages of one place are under way.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from captive_portal.errors import BusyError, CrowdError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from captive_portal.model import Client

PAGE_S = 0.2  # a double tap finds its first half done; a slow gateway's client gets the page that looks again
WAITERS = 2  # pages of one device
SLOW_S = 2.0  # a controller that holds one of its dozen pages for so long has filled them itself
OF_A_PLACE, OF_ALL = 12, 24  # pages under way behind controllers: of one, and of all; the portal has 32 threads


@dataclass(slots=True)
class _Turn:
    lock: Lock = field(default_factory=Lock)
    users: int = 0


class Turns:
    """Who is being handled; holds nothing of clients who are not."""

    def __init__(self) -> None:
        self._turns: dict[tuple[str, str], _Turn] = {}
        self._lock = Lock()

    @contextmanager
    def own(self, client: Client) -> Iterator[None]:
        """Have the client's turn, however long it takes."""
        turn = self._join(client, None)
        try:
            with turn.lock:
                yield
        finally:
            self._leave(client, turn)

    @contextmanager
    def page(self, client: Client) -> Iterator[None]:
        """Have the client's turn within `PAGE_S`; BusyError when another request of the device takes longer."""
        turn = self._join(client, 1 + WAITERS)
        try:
            if not turn.lock.acquire(timeout=PAGE_S):
                raise BusyError(BUSY)
            try:
                yield
            finally:
                turn.lock.release()
        finally:
            self._leave(client, turn)

    def _join(self, client: Client, most: int | None) -> _Turn:
        with self._lock:
            turn = self._turns.get(client.key)
            if turn is None:
                turn = self._turns[client.key] = _Turn()
            if most is not None and turn.users >= most:
                raise BusyError(BUSY)
            turn.users += 1
            return turn

    def _leave(self, client: Client, turn: _Turn) -> None:
        with self._lock:
            turn.users -= 1
            if not turn.users:
                del self._turns[client.key]


class Crowd:
    """How many pages are under way behind controllers."""

    def __init__(self) -> None:
        self._at: dict[str, list[float]] = {}  # since when each is under way, by place, on the monotonic clock
        self._lock = Lock()

    @contextmanager
    def within(self, place: str, now: float) -> Iterator[None]:
        """Be one of those; CrowdError when there are enough of the place, or of all."""
        with self._lock:
            here = self._at.get(place, [])
            full = len(here) >= OF_A_PLACE
            if full or sum(map(len, self._at.values())) >= OF_ALL:
                raise CrowdError(CROWDED, theirs=full and now - min(here) >= SLOW_S)
            self._at.setdefault(place, here).append(now)
        try:
            yield
        finally:
            with self._lock:
                here.remove(now)
                if not here:
                    del self._at[place]


CROWDED = "enough logins behind this controller are under way; look again in a moment"
BUSY = "another request of this device is under way; look again in a moment"
