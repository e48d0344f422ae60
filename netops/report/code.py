"""What a report was judged by, as digests: the code and the metric catalogue."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import inventory
import netops
from netops.evidence import canonical
from netops.metrics import METRICS

# The files whose change could change a number, or a member of a bundle.
ROOMS = ("sla", "report", "evidence")
KINDS = ("*.py", "*.css", "*.typ", "method.txt")
RULES = ("access/approvals.py", "access/permissions.py")
DAYS = ("workdays.py", "calendars/*.yaml")  # of the inventory: which days were holidays decides service hours


@cache
def code() -> str:
    """Return SHA-256 over the canonical map of file name to SHA-256 of the judging code."""
    root = Path(netops.__file__).parent
    rooms = [path for room in ROOMS for kind in KINDS for path in (root / room).rglob(kind)]
    files = sorted([*rooms, *(root / name for name in RULES)])
    named = {path.relative_to(root).as_posix(): canonical.digest(path.read_bytes()) for path in files}
    below = Path(inventory.__file__).parent
    for path in sorted(path for name in DAYS for path in below.glob(name)):
        named[f"inventory/{path.relative_to(below).as_posix()}"] = canonical.digest(path.read_bytes())
    return canonical.digest(canonical.dumps(named))


@cache
def catalogue() -> str:
    """Return SHA-256 over the canonical metric catalogue: names, units, sources, and what each state stands for."""
    named = {
        name: [each.unit, each.kind.value, each.source, [[s.code, s.name, s.standing.value] for s in each.states]]
        for name, each in METRICS.items()
    }
    return canonical.digest(canonical.dumps(named))
