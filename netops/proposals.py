"""What searches and informs found and nobody has accepted yet: read here, written by the doors that find it.

A door keeps `proposals.json` in a room of its own: the command line's searches beside the register, the ACS in its own.
The register's files are the truth of what was bought; a finding only proposes.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from netops.errors import NetopsError
from netops.evidence import canonical

if TYPE_CHECKING:
    from pathlib import Path

    from netops.config import Settings

NAME: Final = "proposals.json"
LARGEST: Final = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One finding beside the register: `standing` is new, known, changed or moved; `device` whom it touches.

    `port` is 0 of a CPE that informed by TR-069: nobody searched for it, and of its family nothing is known.
    """

    address: str
    port: int
    credential: str
    profile: str
    because: str
    name: str
    description: str
    serial: str
    standing: str
    device: str
    seen_ms: int

    @property
    def informs(self) -> bool:
        """Whether it is a CPE that came by itself."""
        return not self.port

    @property
    def called(self) -> str:
        """What it is accepted by: its address; of a CPE its name, for many may stand behind one address."""
        return self.name if self.informs else self.address

    @property
    def finding(self) -> str:
        """What names the finding itself, whenever it was made: dismissed is this, not whatever answers there next."""
        told = [self.called, self.profile, self.serial, self.standing, self.device]
        named = "".join(sign for sign in self.called if sign.isprintable())
        return f"{named[:100]} {canonical.digest(canonical.dumps(told))[:16]}"


def place(settings: Settings) -> Path:
    """Return where proposals are kept: with the register, whose directory the command line may write."""
    return settings.room("register") / NAME


def read(path: Path) -> list[Proposal]:
    """Return the proposals that wait; none when there is no file."""
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError(f"over {LARGEST} bytes")  # noqa: TRY301
        return [Proposal(**each) for each in json.loads(path.read_bytes())["proposals"]]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise NetopsError(f"{path}: no list of proposals ({error}); remove it and search again") from None


def waiting(settings: Settings) -> list[Proposal]:
    """Return what waits, by whom it is called: found by searches, and met by the ACS where its room may be read."""
    paths = (settings.room("acs") / NAME, place(settings))
    found = {each.called: each for path in paths if os.access(path, os.R_OK) for each in read(path)}
    return [found[called] for called in sorted(found)]
