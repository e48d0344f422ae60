"""The members of a bundle that people read, made again from its verified JSON: page, workbook, papers and the rest.

Only the code that made them can do that: the report names it by digest. Another release says so, and leaves it at the
digests, as the bare verifier does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netops.errors import EvidenceError
from netops.evidence import canonical
from netops.evidence.integrity import Failure
from netops.evidence.members import CONTRACT, DAYS, KEYS, REGISTER, REPORT, ZONE
from netops.report import code, pdf, shown
from netops.report.pdf import Source
from netops.report.zone import Zone

if TYPE_CHECKING:
    from netops.evidence.members import Bundle


def pages(bundle: Bundle) -> tuple[list[Failure], str]:
    """Return what does not follow from the report's JSON, and a sentence on how far this looked."""
    try:
        report = canonical.loads(bundle.member(REPORT))
        if report["digests"]["code"] != code.code():
            return [], (
                "page, workbook, papers, method.txt and verify.py are by another release: they are bound by their "
                "digests, not made again here; what counts is report.json"
            )
        zone = Zone(name=report["timezone"], data=bundle.member(ZONE), release="")
        source = Source(
            report=bundle.member(REPORT),
            days=bundle.member(DAYS),
            contract=bundle.member(CONTRACT),
            register=bundle.member(REGISTER),
            vkeys=bundle.member(KEYS),
            tz=zone.tz(),
        )
        made = shown.made(source, said=bundle.member(pdf.PAPERS))
    except (ArithmeticError, AttributeError, EvidenceError, LookupError, TypeError, ValueError) as error:
        return [Failure(place="report.html", what=f"cannot be made again: {type(error).__name__} {error}")], ""
    what = f"is not what this release, which {REPORT} names, makes of {REPORT}"
    note = ""
    if made[pdf.PAPERS] != bundle.members.get(pdf.PAPERS):  # another font, or none: other bytes say nothing
        made = {name: data for name, data in made.items() if name not in {*pdf.MEMBERS.values(), pdf.PAPERS}}
        note = f"; the PDFs are set in what {pdf.PAPERS} names, which is not here: they are bound by their digests"
    wrong = [Failure(place=name, what=what) for name, data in made.items() if bundle.members.get(name) != data]
    return wrong, f"{', '.join(sorted(made))} were made again, byte for byte{note}"
