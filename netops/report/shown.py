"""The members of a bundle that people read, made of those that count. The same bytes in give the same bytes out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from netops.evidence import canonical
from netops.report import html, pdf, standalone, xlsx

if TYPE_CHECKING:
    from netops.report.pdf import Source


def made(given: Source, *, said: bytes = b"") -> dict[str, bytes]:
    """Return the members by name; they are read from bytes, as an auditor reads them.

    `said` is the bundle's `papers.json` where it is there already: its page tells of its own papers, not of ours.
    """
    report, days = canonical.loads(given.report), canonical.loads(given.days)
    papers = pdf.papers(given)
    missing = canonical.loads(said or papers[pdf.PAPERS]).get("missing", "")
    return {
        **papers,
        "report.html": html.page(report, days, given.tz, parties=given.parties(), no_paper=missing).encode(),
        xlsx.MEMBER: xlsx.book(report, days, given.tz),
        "method.txt": Path(__file__).with_name("method.txt").read_bytes(),
        "verify.py": standalone.source(),
    }
