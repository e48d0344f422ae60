"""Work that may take long, done in threads of its own: a few at once, and who waits gives up in time.

A socket's timeout bounds one read and not a whole answer, and looking a name up has no bound at all. So what talks to
somebody far away is waited for, not believed to end.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Late(Exception):  # noqa: N818  (it is no fault)
    """The work has not ended in time."""


class Crowded(Exception):  # noqa: N818
    """As much as may is under way already, and none of it ended while this waited; nothing was begun."""


class Aside:
    """Does at most `most` pieces of work at once, and no more than there is `room` for with those beside it."""

    def __init__(self, name: str, *, most: int, room: threading.BoundedSemaphore | None = None) -> None:
        self._name = name
        self._free = threading.BoundedSemaphore(most)
        self._room = room or threading.BoundedSemaphore(most)

    def do(self, work: Callable[[], T], within_s: float, *, room_within_s: float = 0.0) -> T:
        """Return what the work comes to, or raise what it raises; Late when it takes longer, Crowded without room."""
        if not self._free.acquire(timeout=room_within_s):
            raise Crowded
        if not self._room.acquire(timeout=room_within_s):
            self._free.release()
            raise Crowded
        future: Future[T] = Future()

        def run() -> None:
            try:
                future.set_result(work())
            except Exception as error:  # noqa: BLE001  (whoever waits gets it)
                future.set_exception(error)
            finally:
                self._left()

        try:
            threading.Thread(target=run, name=self._name, daemon=True).start()
        except RuntimeError:  # the machine has no thread to give
            self._left()
            raise Crowded from None
        try:
            return future.result(within_s)
        except TimeoutError:
            raise Late from None

    def _left(self) -> None:
        self._room.release()
        self._free.release()
