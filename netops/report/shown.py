"""The members of a bundle that people read, made of those that count. The same bytes in give the same bytes out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from netops.evidence import canonical
from netops.report import html, standalone, xlsx

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What the pages are made of: the canonical bytes of the report, of its days, of the contract; the zone."""

    report: bytes
    days: bytes
    contract: bytes
    tz: ZoneInfo


def made(given: Source) -> dict[str, bytes]:
    """Return the members by name; they are read from bytes, as an auditor reads them."""
    report, days = canonical.loads(given.report), canonical.loads(given.days)
    return {
        "report.html": html.page(report).encode(),
        xlsx.MEMBER: xlsx.book(report, days, given.tz),
        "method.txt": Path(__file__).with_name("method.txt").read_bytes(),
        "verify.py": standalone.source(),
    }
