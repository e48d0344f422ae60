"""Writing the status: what is read for it, and the files put in place. Who serves them needs nothing of us."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final

from inventory.register import Register
from inventory.snapshot import snapshot
from netops import situation
from netops.access import approvals, record
from netops.errors import NetopsError
from netops.evidence import files
from netops.service import go_round
from netops.situation import Situation
from netops.status import page, places
from netops.verify import planned_of

if TYPE_CHECKING:
    from pathlib import Path

    from inventory.snapshot import Snapshot
    from netops.clock import Clock
    from netops.config import Settings
    from netops.verify import Planned

log = logging.getLogger(__name__)
EVERY_S: Final = 60.0


def status(settings: Settings, *, now_ms: int) -> places.Status:
    """Return what the public may know now, of register, situation and the sealed approvals."""
    with Register(settings.register_url, rehearsal=settings.city.rehearsal, readonly=True) as register:
        seen = snapshot(register, at_ms=now_ms)
    now = situation.read(settings) or Situation(at_ms=0)
    return places.Status(
        title=settings.city.title,
        timezone=settings.city.timezone,
        rehearsal=settings.city.rehearsal,
        written_ms=now_ms,
        seen_ms=now.at_ms,
        areas=places.areas(seen, now),
        works=places.works(seen, _planned(settings, seen), now_ms=now_ms),
    )


def write(directory: Path, told: places.Status) -> list[str]:
    """Put the files into the directory, each in one step and readable by everybody; return their names."""
    directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    made = page.files(told)
    for name, data in made.items():
        files.replace(directory / name, data, mode=0o644)
    return list(made)


class Keeper:
    """Writes the files every minute in a thread of its own; inert until started. What is wrong stands in `wrong`."""

    def __init__(self, settings: Settings, directory: Path, clock: Clock) -> None:
        self.wrong: dict[str, str] = {}
        self._settings, self._directory, self._clock = settings, directory, clock
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Write once, then go round."""
        self._stopping.clear()
        try:
            self._once()
        except (NetopsError, OSError) as error:  # the service runs without it, and its health says why
            self.wrong["round"] = str(error)
            log.warning("status page not written error=%s", error)
        self._thread = threading.Thread(target=self._run, name="status", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; the files stay as they are."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(5)
        self._thread = None

    def _run(self) -> None:
        go_round(self._once, stopping=self._stopping, health=self.wrong, every_s=EVERY_S)

    def _once(self) -> None:
        write(self._directory, status(self._settings, now_ms=self._clock.now_ms()))


def _planned(settings: Settings, seen: Snapshot) -> list[Planned]:
    """Return the approved maintenance that the ledger holds; what still waits in a spool is not told to the public."""
    sealed = [each for each in record.read(settings).values() if each.sealed]
    return [planned_of(each.terms, seen) for each in approvals.approved(sealed, "exclusion")]
