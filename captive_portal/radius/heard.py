"""What was heard already: octets that were genuine once stay so for ever, and are not of now.

A question about a MAC is sealed and says no time, a controller's "I was restarted" neither where its settings excuse it
from one. Each is told by its authenticator (16 octets, random in a question, a keyed digest in a report); whoever sends
one again is answered and not believed. Remembered durably, for a week, the latest of so many.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING

from captive_portal.radius.stay import Marked

if TYPE_CHECKING:
    from collections.abc import Iterable

    from captive_portal.radius.stay import Row

HEARD_MS = 7 * 86_400_000
MOST = 400_000  # about 50 MB


class Heard:
    """The marks of the last week; safe from several threads."""

    def __init__(self, before: Iterable[tuple[bytes, int]] = (), *, most: int = MOST) -> None:
        self._marks: OrderedDict[bytes, int] = OrderedDict(before)
        self._most = most
        self._lock = Lock()

    def first(self, mark: bytes, now_ms: int) -> list[Row]:
        """Return the row that makes a mark durable if it is heard for the first time; nothing if it was heard."""
        with self._lock:
            if mark in self._marks:
                return []
            self._marks[mark] = now_ms
            while len(self._marks) > self._most or next(iter(self._marks.values())) < now_ms - HEARD_MS:
                self._marks.popitem(last=False)
            return [Marked(mark, now_ms)]

    def __len__(self) -> int:
        return len(self._marks)
