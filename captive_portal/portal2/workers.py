"""A few threads that do what whoever listens must not wait for: a visit that ends, a question back, a login."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from typing import TYPE_CHECKING

from captive_portal.errors import GatewayError

if TYPE_CHECKING:
    from collections.abc import Callable

LOG = logging.getLogger("netops.portal")
WORKERS = 4
WAITING = 2_000  # pieces of work; further ones are dropped and counted, the next roll or repair finds what they were


class Workers:
    """Inert until started; work that comes before waits."""

    def __init__(self) -> None:
        self.dropped = 0
        self._work: queue.Queue[Callable[[], object] | None] = queue.Queue(WAITING)
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin."""
        self._threads = [
            threading.Thread(target=self._do, name=f"portal2-work-{n}", daemon=True) for n in range(WORKERS)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End; what is being done is done."""
        with contextlib.suppress(queue.Full):
            for _ in self._threads:
                self._work.put(None, timeout=1.0)
        for thread in self._threads:
            thread.join(5.0)

    def later(self, work: Callable[[], object]) -> None:
        """Have a worker do it; what is too much is dropped and counted."""
        try:
            self._work.put_nowait(work)
        except queue.Full:
            self.dropped += 1

    def _do(self) -> None:
        while (work := self._work.get()) is not None:
            try:
                work()
            except GatewayError as error:
                LOG.warning("controller not asked back error=%s", error)
            except Exception:
                LOG.exception("work for a controller failed")
