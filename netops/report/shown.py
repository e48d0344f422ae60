"""The members of a bundle that people read, made of those that count. The same bytes in give the same bytes out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from netops.evidence import canonical
from netops.report import html, pdf, standalone, xlsx

if TYPE_CHECKING:
    from netops.report.pdf import Source


def made(given: Source) -> dict[str, bytes]:
    """Return the members by name; they are read from bytes, as an auditor reads them."""
    report, days = canonical.loads(given.report), canonical.loads(given.days)
    return {
        "report.html": html.page(report).encode(),
        **pdf.papers(given),
        xlsx.MEMBER: xlsx.book(report, days, given.tz),
        "method.txt": Path(__file__).with_name("method.txt").read_bytes(),
        "verify.py": standalone.source(),
    }
