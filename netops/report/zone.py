"""The bytes of a time zone: what a report was reckoned by goes into its bundle, whatever tzdata says later."""

from __future__ import annotations

import io
import re
import zoneinfo
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from netops.errors import UsageError
from netops.evidence import canonical
from netops.sla import calendar


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """An IANA zone as TZif bytes (RFC 8536), with the release of the database they are from."""

    name: str
    data: bytes
    release: str

    @property
    def digest(self) -> str:
        """SHA-256 of the bytes."""
        return canonical.digest(self.data)

    def tz(self) -> zoneinfo.ZoneInfo:
        """Return the zone that exactly these bytes make."""
        return zoneinfo.ZoneInfo.from_file(io.BytesIO(self.data), key=self.name)


def load(name: str) -> Zone:
    """Return the zone from where the interpreter would take it; UsageError with the nearest name."""
    calendar.zone(name)  # refuses what is no zone, and any path
    for folder in map(Path, zoneinfo.TZPATH):
        if (folder / name).is_file():
            return Zone(name=name, data=(folder / name).read_bytes(), release=_release(folder / "tzdata.zi"))
    try:
        packaged = resources.files("tzdata") / "zoneinfo"
        found = packaged.joinpath(*name.split("/")).read_bytes()
        text = packaged.joinpath("tzdata.zi").read_text(encoding="utf-8")
    except (ModuleNotFoundError, OSError):
        raise UsageError(f"time zone '{name}': its bytes are not on this machine; install tzdata") from None
    return Zone(name=name, data=found, release=_first(text))


def _release(path: Path) -> str:
    try:
        return _first(path.read_text(encoding="utf-8"))
    except OSError:
        return "unknown"


def _first(text: str) -> str:
    match = re.match(r"# version ([0-9]{4}[a-z]+)", text)
    return match[1] if match else "unknown"
