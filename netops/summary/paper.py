"""The month's page as a paper of one page: PDF/A, the same bytes for the same figures, Typst and font."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from netops.errors import EvidenceError
from netops.report import fonts, pdf
from netops.summary import page

if TYPE_CHECKING:
    from markupsafe import Markup

    from netops.report.fonts import Face
    from netops.report.words import Language
    from netops.summary.page import Given

TEMPLATE = Path(__file__).parent / "templates" / "summary.typ"
LIKE = {"✕": "×", "✓": "√", "●": "•", "–": "-"}


def made(given: Given, language: Language) -> bytes:
    """Return the PDF; EvidenceError where no report of the month is closed, PaperError without a font."""
    if not given.now:
        raise EvidenceError(f"month {given.month}: no report of it is closed yet; the core issues them when it is over")
    face = fonts.found()
    if face is None:
        raise pdf.PaperError(fonts.MISSING)
    told = pdf.settable(page.content(given, language), face)
    drawn = page.drawn(told, alone=True)
    it = {name: held for name, held in told.items() if name != "withheld"}
    it["withheld"] = {name: told["withheld"][name] for name in ("title", "rows")}
    it["fonts"] = [face.family, fonts.MONO]
    it["pictures"] = {
        "trend": _set_in(face, drawn["trend"]),
        "waterfalls": [_set_in(face, each) for each in drawn["waterfalls"]],
    }
    end_ms = max(each.end_ms for each in given.now)
    return pdf.compiled(TEMPLATE, {"it": json.dumps(it)}, face, at_s=end_ms // 1000, name=f"summary {given.month}")


def _set_in(face: Face, drawn: Markup) -> str:
    """Return a picture in the paper's font, which it does not name; a sign that the font lacks becomes its like."""
    signs: dict[str, str | int | None] = {
        each: LIKE.get(each, "?") for each in set(drawn) if ord(each) not in face.covers and each != "\n"
    }
    return str(drawn).translate(str.maketrans(signs)).replace("<svg ", f'<svg font-family="{face.family}" ', 1)
