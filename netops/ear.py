"""The core's ear: it notes when the core hears people by a good clock, and seals each break.

What follows from breaks is `dispute/listening.py`.

In a rehearsal nothing is noted: its past is told afterwards, and nobody loses anything in it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from netops import steered
from netops.dispute import listening

if TYPE_CHECKING:
    from collections.abc import Callable

    from netops.config import Settings
    from netops.dispute.listening import Breaks
    from netops.ledger import Ledger

UNHEARD_MS = 120_000  # how long ago the drain may last have had every word of people


class Ear:
    """Belongs to one core and its ledger; `synchronised` says whether its clock is."""

    def __init__(
        self, settings: Settings, ledger: Ledger, *, synchronised: Callable[[], bool] = steered.is_synchronised
    ) -> None:
        self._path = listening.path(settings)
        self._ledger = ledger
        self._rehearsal = settings.city.rehearsal
        self._synchronised = synchronised
        self._listening = listening.known(self._path, ledger)  # before the core states that it began

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
        self._seal(now_ms)
        listening.write(self._path, now_ms)
        return ""

    def so_far(self, now_ms: int) -> None:
        """Seal the break that lasts, if one does, up to now: a word that is sealed next is judged by what is before it.

        The rest of the break is one of its own.
        """
        if not self._rehearsal and len(self._listening.at(now_ms)) > len(self._listening.breaks):
            self._seal(now_ms)

    def _seal(self, now_ms: int) -> None:
        after = self._listening.at(now_ms)
        if made := listening.entries(self._listening.breaks, after):
            self._ledger.append(made, now_ms=now_ms)
        self._listening = replace(self._listening, last_ms=now_ms, breaks=after)
