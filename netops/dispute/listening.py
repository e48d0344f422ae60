"""When the core was there to hear people, by a clock that was right: nobody is late because we were not.

The core notes every minute that it runs, that its clock is synchronised, and that every word handed in was heard. More
than ten minutes without such a note are a *break*. A deadline that ends in one, or after it but before a whole working
day of listening has passed, is kept open until the end of the next working day. The deadline that is stated (`due_ms`)
stays the contract's; how long it is kept open follows from here, for silence and for lateness alike.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from netops.evidence import canonical, files

if TYPE_CHECKING:
    from pathlib import Path

    from netops.config import Settings
    from netops.evidence.canonical import JSON

    Breaks = tuple[tuple[int, int], ...]

SHORT_MS: Final = 600_000  # a restart, an update: whoever knocks meanwhile knocks again
MOST_BREAKS: Final = 200  # the newest are kept; a deadline is decided long before so many more have come


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """When we last heard, and the breaks before, each from the last time that we heard to the first again (ms UTC)."""

    last_ms: int = 0
    breaks: Breaks = ()

    def at(self, now_ms: int) -> Breaks:
        """Return the breaks as of now: with the one that lasts, if one does."""
        if self.last_ms <= now_ms <= self.last_ms + SHORT_MS:
            return self.breaks
        return (*self.breaks, (min(self.last_ms, now_ms), now_ms))[-MOST_BREAKS:]

    def heard(self, now_ms: int) -> Listening:
        """Return it after we heard, by a good clock and with nothing unheard. A clock that was set back is a break."""
        return replace(self, last_ms=now_ms, breaks=self.at(now_ms))


def path(settings: Settings) -> Path:
    """Return where the core notes it."""
    return settings.data.dir / "listening.json"


def read(file: Path) -> Listening:
    """Return what was noted; nothing readable is as if we had never listened, which makes nobody late."""
    try:
        told = json.loads(file.read_bytes())
        return Listening(last_ms=int(told["last_ms"]), breaks=tuple((int(a), int(b)) for a, b in told["breaks"]))
    except (OSError, LookupError, TypeError, ValueError, RecursionError):
        return Listening()


def write(file: Path, listening: Listening) -> None:
    """Note it, in one step."""
    breaks: list[JSON] = [[lost, since] for lost, since in listening.breaks]
    files.replace(file, canonical.dumps({"last_ms": listening.last_ms, "breaks": breaks}) + b"\n")
