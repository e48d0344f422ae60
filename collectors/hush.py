"""Log lines about whoever knocks at a door: so few that nobody outside can fill the log. Pure."""

from __future__ import annotations

from collections import OrderedDict

_SOURCES = 4_096
_LINES_PER_S = 20


class Hush:
    """At most one log line per second and source, and not many in all. Bounded."""

    def __init__(self) -> None:
        self._told: OrderedDict[str, int] = OrderedDict()
        self._second = 0
        self._lines = 0

    def may(self, source: str, now: float) -> bool:
        """Whether a line about this source may be written now."""
        second = int(now)
        if second != self._second:
            self._second, self._lines = second, 0
        if self._lines >= _LINES_PER_S or self._told.get(source) == second:
            return False
        self._lines += 1
        self._told[source] = second
        self._told.move_to_end(source)
        if len(self._told) > _SOURCES:
            self._told.popitem(last=False)
        return True
