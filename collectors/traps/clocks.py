"""What senders' SNMPv3 engines last said of their clocks, over a restart of ours: an old trap stays old.

Without it the first message after a restart would be believed whatever its time, and a recorded one could be played
again. An engine that has lost its boot count for good is refused until the file is removed (RFC 3414 section 3.2).
"""

from __future__ import annotations

import json
import logging
import os
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_LOG = logging.getLogger(__name__)


class Told(NamedTuple):
    """Boots and time of an engine, and our wall clock when that was so."""

    boots: int
    time: int
    wall_ms: int

    def time_at(self, now_ms: int) -> int:
        """Return its time as reckoned on; our clock going back adds nothing."""
        return self.time + max(0, now_ms - self.wall_ms) // 1000


def read(path: Path) -> dict[bytes, Told]:
    """Return what was kept; nothing where there is nothing, or nothing that can be read (the log says so)."""
    try:
        kept = json.loads(path.read_text(encoding="ascii"))
        return {bytes.fromhex(engine): Told(*map(int, told)) for engine, told in kept.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        _LOG.warning("clocks of engines not readable", extra={"file": str(path), "why": str(error)})
        return {}


def keep(path: Path, clocks: Mapping[bytes, Told]) -> None:
    """Replace what is kept, whole or not at all."""
    fresh = path.with_suffix(".new")
    try:
        with fresh.open("w", encoding="ascii") as file:
            json.dump({engine.hex(): list(told) for engine, told in clocks.items()}, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        _LOG.warning("clocks of engines not kept", extra={"file": str(path), "why": str(error)})
