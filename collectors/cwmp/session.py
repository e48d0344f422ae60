"""What comes in, what goes out, and one session between them: plain values."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

    from collectors.cwmp.course import Course
    from collectors.cwmp.doors import Known
    from collectors.cwmp.message import Body, Inform, Request

COOKIE = "netops-acs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """One POST as it came. `header` is its Authorization, `cookie` our session's token in it."""

    address: str
    path: str
    header: str
    cookie: str
    body: bytes
    secure: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """What it is answered with."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass(slots=True)
class Session:
    """One CPE's session. `course` is None when its slot is read already."""

    known: Known
    inform: Inform
    space: str
    slot_ms: int
    began_ms: int
    began: float
    last: float
    costs: frozenset[str]
    course: Course | None
    steps: Generator[Request, Body, None] | None
    raw: list[bytes] = field(default_factory=list)
    size: int = 0
    awaits: str = ""  # the id of our request that is under way
    requests: int = 0
    begun: bool = False  # whether we have asked anything
    wrong: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)


def cookie_in(header: str) -> str:
    """Return our session's token in a Cookie header; empty when it has none."""
    for pair in header[:4096].split(";"):
        name, _, value = pair.strip().partition("=")
        if name == COOKIE:
            return value.strip().strip('"')
    return ""
