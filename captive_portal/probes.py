"""The questions by which devices find out whether they are online: captive_portal/probes.csv, one row each.

Before login the answer to every row, and to anything else on TCP/80, is the same redirect; the table tells the known
ones from the unknown in the counters, so that operators learn new ones. What people browse is counted, never named: a
host is kept only when the question looks like a probe.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from netops.evidence.canonical import JSON

FILE = Path(__file__).with_name("probes.csv")
UNKNOWN_HOSTS = 200
STATED_HOSTS = 50
FEW = 3  # what is asked less often in an hour is one device's own affair: the ledger cannot forget
HOST = re.compile(r"[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,8}")
LIKELY = re.compile(
    r"gen(?:erate)?_?204|ncsi|captive|hotspot|connect(?:ivity)?[-_]?(?:check|test)|success|check_network|portal"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One question; `status` and `body` are the answer that means online (an empty body: any)."""

    vendor: str
    host: str
    path: str
    status: int
    body: str


@cache
def table() -> dict[tuple[str, str], Probe]:
    """Return the known probes by host and path."""
    with FILE.open(encoding="utf-8", newline="") as rows:
        read = [Probe(**{**row, "status": int(row["status"])}) for row in csv.DictReader(rows)]  # type: ignore[arg-type]
    return {(probe.host, probe.path): probe for probe in read}


class Probes:
    """Counts the captured requests: by vendor, unknown probes by host (bounded), and all others together."""

    def __init__(self) -> None:
        self._known: Counter[str] = Counter()
        self._unknown: Counter[str] = Counter()
        self._others = 0
        self._told: tuple[Counter[str], Counter[str], int] = Counter(), Counter(), 0
        self._lock = Lock()

    def count(self, host: str, path: str) -> None:
        """Count one captured request."""
        name = host.partition(":")[0].lower()
        probe = table().get((name, path))
        with self._lock:
            if probe is not None:
                self._known[probe.vendor] += 1
            elif HOST.fullmatch(name) and LIKELY.search(f"{name}{path[:200]}".lower()):
                if name in self._unknown or len(self._unknown) < UNKNOWN_HOSTS:
                    self._unknown[name] += 1
                else:
                    self._others += 1
            else:
                self._others += 1

    def told(self, start_ms: int, end_ms: int) -> tuple[dict[str, JSON], Callable[[], None]]:
        """Return the body of a fact `portal_probes`, counts since the last, and what to call once it is kept."""
        with self._lock:
            known, unknown, others = Counter(self._known), Counter(self._unknown), self._others
        told_known, told_unknown, told_others = self._told
        new = (unknown - told_unknown).most_common(STATED_HOSTS)
        body: dict[str, JSON] = {
            "start_ms": start_ms,
            "end_ms": end_ms,
            "known": dict(known - told_known),
            "unknown": {host: count for host, count in new if count >= FEW},
            "others": others - told_others,
        }

        def kept() -> None:
            self._told = known, unknown, others

        return body, kept

    def known(self) -> dict[str, int]:
        """Return the counts of known probes by vendor."""
        with self._lock:
            return dict(self._known)

    def unknown(self) -> dict[str, int]:
        """Return the counts of unknown probes by host."""
        with self._lock:
            return dict(self._unknown)

    @property
    def others(self) -> int:
        """How many captured requests were no probe."""
        return self._others
