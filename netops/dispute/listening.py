"""When the core was there to hear people, by a clock that was right: nobody is late because we were not.

The core notes every minute that it runs, that its clock is synchronised, and that every word handed in was heard. More
than ten minutes without such a note are a *break*. A deadline that ends in one, or after it but before a whole working
day of listening has passed, is kept open until the end of the next working day. The deadline that is stated (`due_ms`)
stays the contract's; how long it is kept open follows from here, for silence and for lateness alike.

A break is a fact, `listening_break`, which the core seals when it hears again, and before it seals a word that comes in
one that lasts: so whatever is judged follows from leaves that stand before it. They are numbered from 0, and number 0
reaches back to the beginning of time: before it nobody listened, as far as this ledger shows. The file beside it says
only when we heard last, and is believed no further than the ledger shows that the core ran.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from netops.evidence import canonical, files, tally
from netops.facts import Fact
from netops.ledger import LedgerEntry

if TYPE_CHECKING:
    from pathlib import Path

    from netops.config import Settings
    from netops.ledger_file import LedgerReader

    Breaks = tuple[tuple[int, int], ...]

SHORT_MS: Final = 600_000  # a restart, an update: whoever knocks meanwhile knocks again
KIND: Final = tally.BREAK
SOURCE: Final = "listening"
NEVER: Breaks = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """When we last heard, and the breaks before, each from the last time that we heard to the first again (ms UTC)."""

    last_ms: int = 0
    breaks: Breaks = ()

    def at(self, now_ms: int) -> Breaks:
        """Return the breaks as of now: with the one that lasts, if one does."""
        if self.last_ms <= now_ms <= self.last_ms + SHORT_MS:
            return self.breaks
        return (*self.breaks, (min(self.last_ms, now_ms), now_ms))

    def heard(self, now_ms: int) -> Listening:
        """Return it after we heard, by a good clock and with nothing unheard. A clock that was set back is a break."""
        return replace(self, last_ms=now_ms, breaks=self.at(now_ms))


def path(settings: Settings) -> Path:
    """Return where the core notes it."""
    return settings.data.dir / "listening.json"


def read(file: Path) -> int:
    """Return when we heard last, as noted; 0 where nothing readable is."""
    try:
        return int(json.loads(file.read_bytes())["last_ms"])
    except (OSError, LookupError, TypeError, ValueError, RecursionError):
        return 0


def write(file: Path, last_ms: int) -> None:
    """Note when we heard last, in one step."""
    files.replace(file, canonical.dumps({"last_ms": last_ms}) + b"\n")


def known(file: Path, ledger: LedgerReader) -> Listening:
    """Return what the ledger shows, with the note of when we heard last as far as it goes with it.

    Without a note, or by one that says more than the ledger, we heard until the last leaf that was recorded; where no
    break is stated yet we never did.
    """
    breaks = stated(ledger)
    if not breaks:
        return Listening()
    (newest,) = ledger.entries(ledger.size - 1, ledger.size)
    return Listening(last_ms=min(read(file) or newest.recorded_ms, newest.recorded_ms), breaks=breaks)


def stated(ledger: LedgerReader) -> Breaks:
    """Return the breaks that were sealed, in their order."""
    found = sorted(ledger.find(KIND), key=lambda leaf: leaf.index)
    bodies: list[Any] = [leaf.fact.body for leaf in found]
    return tuple((body["lost_ms"], body["since_ms"]) for body in bodies)


def entries(before: Breaks, after: Breaks) -> list[LedgerEntry]:
    """Return the facts of the breaks that came after others; stated again after a kill, each is the same fact."""
    return [
        LedgerEntry(
            SOURCE,
            number,
            Fact(kind=KIND, at_ms=since, body={"number": number, "lost_ms": lost, "since_ms": since}),
        )
        for number, (lost, since) in enumerate(after)
        if number >= len(before)
    ]
