"""Work in a thread of its own, from `start` to `stop`."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Background:
    """Inert until started. `work` goes on until `stopping` is set; who waits, waits on that."""

    def __init__(self, name: str, work: Callable[[], None], *, join_s: float = 5.0) -> None:
        self.stopping = threading.Event()
        self._name, self._work, self._join_s = name, work, join_s
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self.stopping.clear()
        self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask for the end and wait for it, at most `join_s`; safe to call twice, and before a start."""
        self.stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=self._join_s)
        self._thread = None
