"""How much disk the files of notes may take: one file, one carrier's, all. What is full is refused by its name."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from netops.errors import UsageError

if TYPE_CHECKING:
    from netops.config import Objections

MB: Final = 1_000_000
OWNER: Final = "carrier"  # in each note's directory: on whose account its files go
CITY: Final = "/city"  # on whose account the city's own files go; no carrier is called so
CITY_SHARE: Final = 5  # a fifth of the room for all is the city's: else carriers could leave its answers none
FILE, CARRIER, TOTAL = "file_mb", "carrier_mb", "total_mb"


class FullError(UsageError):
    """A file that there is no room for: by which bound, `setting`, of so many MB, and how many are `used`."""

    def __init__(self, setting: str, most_mb: int, used_bytes: int) -> None:
        self.setting, self.most_mb, self.used_mb = setting, most_mb, -(-used_bytes // MB)
        what = {
            FILE: f"a file has at most {most_mb} MB",
            CARRIER: f"this carrier's files take {self.used_mb} of {most_mb} MB",
            TOTAL: f"the files of all carriers take {self.used_mb} of {most_mb} MB",
        }[setting]
        super().__init__(
            f"{what} (objections.{setting}): nothing was kept; the note holds the file's SHA-256, so keep the file and "
            "bring it another way, or have the city raise the setting"
        )


@dataclass(frozen=True, slots=True)
class Used:
    """What is taken, in bytes: by all, by one carrier, and by the city."""

    total: int
    carrier: int
    city: int


def used(root: Path, carrier: str) -> Used:
    """Return what the files below a directory take, unfinished ones too."""
    total = mine = city = 0
    with suppress(FileNotFoundError), os.scandir(root) as notes:
        for note in notes:
            size = _size(note.path)
            total += size
            owner = _owner(note.path)
            mine += size if owner == carrier else 0
            city += size if owner == CITY else 0
    return Used(total, mine, city)


def check(bounds: Objections, root: Path, carrier: str, *, size: int, coming: int | None = None) -> None:
    """Raise FullError unless a file of `size` bytes may be kept, of which so many are still `coming`."""
    left = size if coming is None else coming
    if size > bounds.file_mb * MB:
        raise FullError(FILE, bounds.file_mb, size)
    taken = used(root, carrier)
    if taken.carrier + left > bounds.carrier_mb * MB:
        raise FullError(CARRIER, bounds.carrier_mb, taken.carrier)
    most, held = bounds.total_mb * MB, taken.total
    if carrier != CITY:
        most, held = most - max(most // CITY_SHARE, taken.city), held - taken.city
    if held + left > most:
        raise FullError(TOTAL, most // MB, held)


def _size(note: str) -> int:
    with suppress(NotADirectoryError, FileNotFoundError), os.scandir(note) as files:
        return sum(each.stat(follow_symlinks=False).st_size for each in files)
    return 0


def _owner(note: str) -> str:
    try:
        return Path(note, OWNER).read_text("utf-8")
    except (OSError, ValueError):
        return ""
