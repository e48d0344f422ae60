"""Which minutes have passed with us there from start to end: only those are told as slots. Pure.

A minute in which we began, ended or slept is told at an instant beside its slot: its counts are kept, and the slot
itself stays untold, which is a gap of ours and nobody's success.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from captive_portal.figures import MINUTE_MS

LATE_MS = 2 * MINUTE_MS  # a minute that we wake up to so much later passed while we slept
WAITING = 1_440  # minutes that wait for a spool


@dataclass(slots=True)
class Passing:
    """The minutes that wait to be told."""

    whole: list[int] = field(default_factory=list)
    _next_ms: int | None = None  # the first minute that is not noted yet and in which we are from its start
    _over_ms: int = 0  # what was before is told, or waits to be

    def note(self, now_ms: int) -> None:
        """Note what has passed; to be called every few seconds."""
        start_ms = now_ms - now_ms % MINUTE_MS
        if self._next_ms is None or start_ms - self._next_ms > LATE_MS or self._next_ms - start_ms > LATE_MS:
            self._next_ms = (
                start_ms if start_ms == now_ms else start_ms + MINUTE_MS
            )  # we began, slept, or were set back
        self._over_ms = start_ms
        while self._next_ms < start_ms:
            self.whole = [*self.whole, self._next_ms][-WAITING:]
            self._next_ms += MINUTE_MS

    def counts_in(self, now_ms: int) -> int:
        """Return the minute in which something counts: its own, or the next when it comes too late to be told with it.

        Who read the clock waits for a turn, and the minute may be told meanwhile. A clock that is set back by more than
        such a turn says a time of its own.
        """
        start_ms = now_ms - now_ms % MINUTE_MS
        return self._over_ms if 0 < self._over_ms - start_ms <= LATE_MS else start_ms

    def slot(self, start_ms: int, now_ms: int) -> int:
        """Return under which instant a minute is told: its own when we were there for all of it."""
        return start_ms if start_ms in self.whole else min(now_ms, start_ms + MINUTE_MS - 1)

    def told(self) -> None:
        """Note that all of them were told."""
        self.whole = []
