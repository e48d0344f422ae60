"""Group commit: many threads hand in work, one thread does it in one transaction, all wait for the same fsync.

A login costs one fsync; at one fsync each a disk allows some hundred logins a second, together it allows thousands.
"""

from __future__ import annotations

import contextlib
import copy
import queue
import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from captive_portal.errors import GoneError
from inventory.errors import SqlBusyError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")
R = TypeVar("R")
LAZY_S = 0.5  # how long something that nobody waits for may wait for company
WAITING = 10_000  # work handed in and not begun; more is refused at once: memory is bounded
LARGEST = 256


@dataclass(frozen=True, slots=True)
class Refused:
    """In the place of an item's result: its caller gets this error, the others of the batch their results."""

    error: Exception


class Batcher(Generic[T, R]):
    """Calls `keep(items)` in a thread of its own and gives each caller its result; inert until entered.

    A batch that fails is tried again one by one, so that whoever is at fault fails alone. Not where a database is
    held: each would wait for it as long again, and all are told so at once.
    """

    def __init__(self, name: str, keep: Callable[[Sequence[T]], Sequence[R | Refused]]) -> None:
        self.batches = 0
        self.items = 0
        self._name = name
        self._keep = keep
        self._queue: queue.Queue[tuple[T, Future[R]] | None] = queue.Queue(WAITING)
        self._lazy: deque[tuple[T, Future[R]]] = deque()
        self._thread: threading.Thread | None = None
        self._open = False
        self._lock = threading.Lock()

    def __enter__(self) -> Batcher[T, R]:
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._open = True
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take nothing more in; return when all that was handed in is done."""
        with self._lock:
            self._open = False
        if self._thread is not None:
            if self._thread.is_alive():
                self._queue.put(None)
            self._thread.join()
            self._thread = None

    def put(self, item: T) -> Future[R]:
        """Hand in one item; `queue.Full` when too many wait, GoneError when nobody is there to do it.

        Who cancels the future before it is begun has its item left out.
        """
        future: Future[R] = Future()
        with self._lock:
            if not self._open:
                raise GoneError(self._gone)
            self._queue.put_nowait((item, future))
        return future

    def put_lazily(self, item: T) -> None:
        """Hand in one item that nobody waits for: it goes with the next batch, and may be lost in a crash."""
        if len(self._lazy) < WAITING:
            self._lazy.append((item, Future()))

    @property
    def _gone(self) -> str:
        return f"thread '{self._name}' takes nothing in: it was not started, was stopped, or died; restart the service"

    def _run(self) -> None:
        begun: list[tuple[T, Future[R]]] = []
        ended = False
        try:
            while not ended or self._lazy:
                taken, ended = ([], True) if ended else self._gather(LAZY_S if len(self._lazy) < LARGEST else 0.0)
                while self._lazy and len(taken) < LARGEST:
                    taken.append(self._lazy.popleft())
                begun = [each for each in taken if each[1].set_running_or_notify_cancel()]
                if begun:
                    self._do(begun)
        finally:
            self._leave(begun)

    def _leave(self, begun: list[tuple[T, Future[R]]]) -> None:
        """Where this thread dies, tell those whose item may not have been done: nobody waits in vain."""
        with self._lock:
            self._open = False
        for _, future in begun:
            if not future.done():
                future.set_exception(GoneError(self._gone))
        with contextlib.suppress(queue.Empty):
            while True:
                waiting = self._queue.get_nowait()
                if waiting is not None and waiting[1].set_running_or_notify_cancel():
                    waiting[1].set_exception(GoneError(self._gone))

    def _gather(self, wait_s: float) -> tuple[list[tuple[T, Future[R]]], bool]:
        """Return what waits now, after waiting for the first; and whether that was all for ever."""
        taken: list[tuple[T, Future[R]]] = []
        try:
            first = self._queue.get(timeout=wait_s)
            while first is not None and len(taken) < LARGEST:
                taken.append(first)
                first = self._queue.get_nowait()
        except queue.Empty:
            return taken, False
        if first is not None:  # the batch is full; this one begins the next, in its place
            taken.append(first)
        return taken, first is None

    def _do(self, taken: list[tuple[T, Future[R]]]) -> None:
        error = self._tried(taken)
        if error is None:
            return
        if isinstance(error, SqlBusyError) or len(taken) == 1:
            for _, future in taken:
                future.set_exception(_own(error) if len(taken) > 1 else error)
            return
        for at, (item, future) in enumerate(taken, 1):  # one bad item must not take the others with it
            alone = self._tried([(item, future)])
            if alone is not None:
                future.set_exception(alone)
            if isinstance(alone, SqlBusyError):  # each by itself would wait as long
                self._do(taken[at:])
                return

    def _tried(self, taken: Sequence[tuple[T, Future[R]]]) -> Exception | None:
        """Do it in one transaction; return what went wrong with all of it, and then nobody has been answered."""
        self.batches += 1
        self.items += len(taken)
        try:
            results = self._keep([item for item, _ in taken])
        except Exception as error:  # noqa: BLE001  (each caller gets it)
            return error
        for (_, future), result in zip(taken, results, strict=True):
            if isinstance(result, Refused):
                future.set_exception(result.error)
            else:
                future.set_result(result)
        return None


def _own(error: Exception) -> Exception:
    """Return the error for one of many: what raises one object in all their threads gathers the frames of all."""
    try:
        own = copy.copy(error)
    except Exception:  # noqa: BLE001  (not every error of a library can be copied)
        return error
    own.__cause__ = error
    return own
