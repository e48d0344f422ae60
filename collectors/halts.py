"""The kill switch: what an operator has stopped us from asking, kept in `halts.json` and seen within a second.

`netops collect halt` writes it, whole and atomically; the poller looks whenever the file has changed. Each halt names
its scope (a device, a family, everything), what is stopped (everything, or a cost class) and by whom and why. What is
not asked because of it is a gap with the reason `halted`, on our account.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from collectors.errors import CollectorError
from collectors.profile import COST_S
from netops.evidence import files

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from netops.config import Settings

NAME: Final = "halts.json"
LARGEST: Final = 1 << 20  # bytes
EVERYTHING: Final = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """One stop: `device` and `family` narrow it (`*`: all), `cost` names a class (`*`: the whole poll)."""

    device: str = EVERYTHING
    family: str = EVERYTHING
    cost: str = EVERYTHING
    by: str
    reason: str
    at_ms: int

    @property
    def scope(self) -> tuple[str, str, str]:
        """What it stops; two halts of one scope are one."""
        return self.device, self.family, self.cost

    def touches(self, device: str, family: str) -> bool:
        """Whether the device is meant."""
        return self.device in (EVERYTHING, device) and self.family in (EVERYTHING, family)


@dataclass(frozen=True, slots=True)
class Halted:
    """All halts that are in force."""

    halts: tuple[Halt, ...] = ()

    def device(self, device: str, family: str) -> bool:
        """Whether nothing at all is asked of the device."""
        return any(halt.cost == EVERYTHING and halt.touches(device, family) for halt in self.halts)

    def costs(self, device: str, family: str) -> frozenset[str]:
        """Return the classes that are not asked of the device."""
        return frozenset(halt.cost for halt in self.halts if halt.cost in COST_S and halt.touches(device, family))


def place(settings: Settings) -> Path:
    """Return where the halts are: with the register, whose directory the command line may write."""
    return settings.room("register") / NAME


class Halts:
    """The poller's view; reads again when the file has changed."""

    def __init__(self, settings: Settings) -> None:
        self._path = place(settings)
        self._mark: tuple[int, int, int] | None = None
        self._now = Halted()

    def now(self) -> Halted:
        """Return what is halted; a file that cannot be read halts everything: somebody meant to stop something."""
        try:
            seen = self._path.stat()
            mark = (seen.st_mtime_ns, seen.st_ino, seen.st_size)
        except FileNotFoundError:
            self._mark, self._now = None, Halted()
            return self._now
        except OSError:
            return self._now
        if mark != self._mark:
            try:
                self._now = read(self._path)
            except CollectorError as error:
                self._now = Halted((Halt(by="netops", reason=str(error), at_ms=0),))
            self._mark = mark
        return self._now


def read(path: Path) -> Halted:
    """Return the halts of a file; none when there is no file. CollectorError says what is off."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise ValueError(f"more than {LARGEST} bytes")  # noqa: TRY301
        told = json.loads(content)
        halts = tuple(Halt(**each) for each in told["halts"])
        if not all(isinstance(word, str) for halt in halts for word in (*halt.scope, halt.by, halt.reason)):
            raise TypeError("a word that is no text")  # noqa: TRY301
        if strange := {halt.cost for halt in halts} - {EVERYTHING, *COST_S}:
            raise ValueError(f"no cost class: {', '.join(sorted(strange))[:60]}")  # noqa: TRY301
    except FileNotFoundError:
        return Halted()
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise CollectorError(
            f"{path}: not a list of halts ({error}); look at it, then `netops collect resume --all`"
        ) from None
    return Halted(halts)


def write(path: Path, halts: Iterable[Halt]) -> None:
    """Put the halts in place of those before, atomically and durably; CollectorError when the disk does not take it."""
    told = json.dumps({"halts": [asdict(halt) for halt in halts]}, ensure_ascii=False, indent=1)
    try:
        files.replace(path, told.encode(), mode=0o640)  # the poller is of the directory's group
    except OSError as error:
        raise CollectorError(f"{path}: cannot be written ({error.strerror}); nothing was changed") from None
