"""What `netops doctor` says of each thing that it looked at."""

from __future__ import annotations

from dataclasses import dataclass

OK, NOTE, WRONG = "ok", "note", "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    level: str
    what: str
    said: str
