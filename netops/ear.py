"""The core's ear: it notes when the core hears people by a good clock. What follows from it is `dispute/listening.py`.

In a rehearsal nothing is noted: its past is told afterwards, and nobody loses anything in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netops import steered
from netops.dispute import listening

if TYPE_CHECKING:
    from collections.abc import Callable

    from netops.config import Settings
    from netops.dispute.listening import Breaks

UNHEARD_MS = 120_000  # how long ago the drain may last have had every word of people


class Ear:
    """Belongs to one core; `synchronised` says whether its clock is."""

    def __init__(self, settings: Settings, *, synchronised: Callable[[], bool] = steered.is_synchronised) -> None:
        self._path = listening.path(settings)
        self._rehearsal = settings.city.rehearsal
        self._synchronised = synchronised
        self._listening = listening.read(self._path)

    def breaks(self, now_ms: int) -> Breaks:
        """Return when we were not there to hear anybody, as of now."""
        return () if self._rehearsal else self._listening.at(now_ms)

    def hear(self, *, heard_ms: int, now_ms: int) -> str:
        """Note that we hear, and return the empty string; else return why we do not, and note nothing."""
        if self._rehearsal:
            return ""
        if not self._synchronised():
            return "nobody says that the clock is synchronised; run timesyncd or chrony"
        if now_ms - heard_ms > UNHEARD_MS:
            return "words that were handed in wait unheard in a spool"
        self._listening = self._listening.heard(now_ms)
        listening.write(self._path, self._listening)
        return ""
