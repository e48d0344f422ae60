"""Notes that no carrier's key signed: counted in the data directory, never sealed.

Whoever can send a mail could else fill the ledger, which cannot forget.
"""

from __future__ import annotations

import fcntl
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from netops import sqlite
from netops.errors import UsageError
from netops.evidence import files

if TYPE_CHECKING:
    from pathlib import Path

FILE: Final = "notes-not-sealed.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """How many there were, the first and the last of them (ms UTC)."""

    count: int
    first_ms: int
    last_ms: int


def read(directory: Path) -> Counted | None:
    """Return how many there were, None where there was none; UsageError when the file was spoilt."""
    path = directory / FILE
    try:
        return Counted(**json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, TypeError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read ({error}); move it away, the count begins anew") from None


def count(directory: Path, *, now_ms: int) -> Counted:
    """Count one more, durably; two commands at once count two."""
    path = directory / FILE
    with path.with_suffix(".lock").open("a") as lock:
        sqlite.inherit(path.with_suffix(".lock"))
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = read(directory)
        first_ms = now_ms if before is None else before.first_ms
        made = Counted(count=1 + (before.count if before else 0), first_ms=first_ms, last_ms=now_ms)
        files.replace(path, json.dumps(asdict(made)).encode() + b"\n", mode=0o640)
        sqlite.inherit(path)
    return made
