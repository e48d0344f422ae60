"""The situation: what the core judged last, for everybody who shows it.

The core writes `<data dir>/situation.json` after each verification and replaces it atomically; the pages read it and
never write. It holds states and sums of the present month, no readings (those are in the store) and no verdicts (those
are in the ledger).
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from netops.errors import NetopsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netops.config import Settings

NAME = "situation.json"
FORMAT = 1
STRIP = "UDXN-"  # up, degraded, down, not measured, not yet (the future, or before the service existed)


class State(StrEnum):
    """The four states of a service; `unknown` is "we were blind", never a kind of up or down."""

    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"
    UNKNOWN = "unknown"


STATES = {state.value: state for state in State}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceNow:
    """One delivered service at this moment and in this month.

    `cause` names the root that its state is put down to, `carrier:<id>`, `device:<id>` (a controller, an OLT),
    `area:<code>` or a cause of sla.md such as `monitor`; empty while up. `because` is a plain sentence. The three month
    sums cover the contract's month up to now, so that they add up to its measured and unmeasured time. `strip` is one
    letter of `STRIP` an hour of the last 24, oldest first, the worst state of the hour.
    """

    service: str
    device: str
    area: str
    carrier: str
    contract: str
    kind: str
    state: State
    since_ms: int
    cause: str = ""
    because: str = ""
    month_up_ms: int = 0
    month_down_ms: int = 0
    month_unknown_ms: int = 0
    strip: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Every service as of `at_ms`, and how the collector itself does (`polled`, `late`, `backlog` → value in words)."""

    at_ms: int
    register: str = ""  # digest of the snapshot that it was judged by
    services: tuple[ServiceNow, ...] = ()
    collector: Mapping[str, str] = field(default_factory=dict)
    rehearsal: bool = False


def encode(situation: Situation) -> bytes:
    """Return the situation as JSON: the names of the columns once, then one row a service."""
    columns = [each.name for each in fields(ServiceNow)]
    document = {
        "format": FORMAT,
        "at_ms": situation.at_ms,
        "register": situation.register,
        "rehearsal": situation.rehearsal,
        "collector": dict(situation.collector),
        "columns": columns,
        "services": [[getattr(each, name) for name in columns] for each in situation.services],
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def decode(text: bytes) -> Situation:
    """Return the situation of `encode`'s bytes; NetopsError when they are no such thing."""
    try:
        document = json.loads(text)
        if document["format"] != FORMAT:
            raise NetopsError(
                f"{NAME}: format {document['format']!r}, expected {FORMAT}; core and web differ in version"
            )
        columns = document["columns"]
        at = columns.index("state")
        services = []
        for row in document["services"]:
            row[at] = STATES[row[at]]
            services.append(ServiceNow(**dict(zip(columns, row, strict=True))))
        return Situation(
            at_ms=int(document["at_ms"]),
            register=str(document["register"]),
            services=tuple(services),
            collector={str(key): str(value) for key, value in document["collector"].items()},
            rehearsal=bool(document["rehearsal"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise NetopsError(f"{NAME}: not a situation ({error!r}); the core writes a new one within a minute") from None


def write(settings: Settings, situation: Situation) -> None:
    """Replace the file in one step; a reader sees the old one or the new one, never half of one."""
    path = settings.data.dir / NAME
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        file.write(encode(situation))
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def read(settings: Settings) -> Situation | None:
    """Return the last situation; None before the core has written its first."""
    try:
        return decode((settings.data.dir / NAME).read_bytes())
    except FileNotFoundError:
        return None


def stamp(settings: Settings) -> tuple[int, int]:
    """Return what changes whenever the file does, (mtime in ns, inode), without reading it; (0, 0) without a file."""
    try:
        found = (Path(settings.data.dir) / NAME).stat()
    except FileNotFoundError:
        return 0, 0
    return found.st_mtime_ns, found.st_ino
