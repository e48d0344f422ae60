"""Hostile strings are data: what is shown of a text from outside, in a page and in a table for spreadsheets.

Markup is escaped by the templates. What is left are signs that nobody sees but that change what is read: control
characters, and the marks that turn the direction of text around (CVE-2021-42574).
"""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_UNSEEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_FORMULA = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "\n",
    "\uff1d",
    "\uff0b",
    "\uff0d",
    "\uff20",
)  # the last four are full-width


def visible(value: object) -> object:
    """Return a text with its unseen signs replaced by `�`; anything else as it is. For the templates' output.

    Markup is a text too: a translated sentence or a picture has the names of others within, escaped but unseen.
    """
    if not isinstance(value, str):
        return value
    shown = _UNSEEN.sub("\ufffd", value)
    return Markup(shown) if isinstance(value, Markup) else shown  # noqa: S704  (it was markup before)


def cell(value: object) -> object:
    """Return what may stand in a spreadsheet's cell: a text that would be read as a formula gets an apostrophe."""
    if not isinstance(value, str):
        return value
    text = _UNSEEN.sub("\ufffd", value)
    return f"'{text}" if text.lstrip(" \u00a0\u3000").startswith(_FORMULA) else text


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """Return CSV in UTF-8 with a byte order mark (spreadsheets take it for a national code page otherwise)."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_MINIMAL, lineterminator="\r\n")
    writer.writerow([cell(each) for each in head])
    writer.writerows([cell(each) for each in row] for row in rows)
    return b"\xef\xbb\xbf" + out.getvalue().encode("utf-8", "replace")
