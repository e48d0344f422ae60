"""Calls to CPEs that have not come: few at a time, each CPE once a slot, in threads of their own."""

from __future__ import annotations

import logging
import threading
from queue import Empty, Full, Queue
from typing import TYPE_CHECKING

from collectors.cwmp.call import make

if TYPE_CHECKING:
    from collections.abc import Callable

    from collectors.cwmp.call import Call

log = logging.getLogger(__name__)
THREADS = 4
WAITING = 256  # calls that wait; a fleet that is silent as a whole is not called as a whole
PAUSE_S = 0.1  # between two calls of one thread


class Callers:
    """Inert until started."""

    def __init__(self, *, calling: Callable[[Call], str] = make) -> None:
        self._calling = calling
        self._queue: Queue[Call] = Queue(maxsize=WAITING)
        self._called: dict[str, int] = {}  # door → the slot in which it was called
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self.made = self.failed = 0

    def start(self) -> None:
        """Begin to call."""
        self._stopping.clear()
        names = [f"call-{at}" for at in range(THREADS)]
        self._threads = [threading.Thread(target=self._run, name=name, daemon=True) for name in names]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let the calls under way end; safe to call twice."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=12)
        self._threads = []

    def due(self, door: str, slot_ms: int) -> bool:
        """Whether this CPE may be called in this slot: once."""
        return self._called.get(door) != slot_ms

    def call(self, call: Call, slot_ms: int) -> bool:
        """Put a call in line; whether there is room."""
        try:
            self._queue.put_nowait(call)
        except Full:
            return False
        self._called[call.door] = slot_ms
        return True

    def forget(self, slot_ms: int) -> None:
        """Let go of what was called before this slot."""
        self._called = {door: slot for door, slot in self._called.items() if slot >= slot_ms}

    def _run(self) -> None:
        while not self._stopping.wait(PAUSE_S):
            try:
                call = self._queue.get(timeout=0.5)
            except Empty:
                continue
            wrong = self._calling(call)
            self.made += not wrong
            self.failed += bool(wrong)
            if wrong:
                log.info("call failed", extra={"door": call.door, "why": wrong})
