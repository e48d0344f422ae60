"""A few threads that look, each look in its turn; nothing that hangs holds up the end of the process."""

from __future__ import annotations

import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

THREADS = 16


class Workers:
    """Runs what it is given and keeps the results until they are fetched. Inert until started."""

    def __init__(self, threads: int = THREADS) -> None:
        self._threads = threads
        self._wanted: SimpleQueue[tuple[Any, Callable[[], Any]] | None] = SimpleQueue()
        self._done: SimpleQueue[tuple[Any, Any]] = SimpleQueue()

    def start(self) -> None:
        """Start the threads; they are daemons, because a name server may keep one longer than a service may stop."""
        for number in range(self._threads):
            threading.Thread(target=self._run, name=f"look-{number}", daemon=True).start()

    def stop(self) -> None:
        """Let the threads go when they have finished what they do."""
        for _ in range(self._threads):
            self._wanted.put(None)

    def put(self, token: Any, act: Callable[[], Any]) -> None:
        """Have `act` done; its result comes back with the token. An exception is a result."""
        self._wanted.put((token, act))

    def results(self, *, wait_s: float) -> list[tuple[Any, Any]]:
        """Return what is done, waiting for the first at most so long."""
        found: list[tuple[Any, Any]] = []
        try:
            found.append(self._done.get(timeout=wait_s))
            while True:
                found.append(self._done.get_nowait())
        except Empty:
            return found

    def _run(self) -> None:
        while (given := self._wanted.get()) is not None:
            token, act = given
            try:
                self._done.put((token, act()))
            except Exception as error:  # noqa: BLE001  (whatever it is, whoever asked must hear of it)
                self._done.put((token, error))
