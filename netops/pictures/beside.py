"""Ours against theirs: what we measured of each day, and below it what the carrier says of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from netops.pictures import ink

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

CELL, HIGH, APART = 12, 20, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """A day by both sides in letters of the states; `theirs` is none where the carrier objects to nothing of it.

    `mark` says what became of the objection: `✓` upheld, `✗` rejected, `?` still open.
    """

    name: str
    ours: str
    theirs: str = ink.NONE
    mark: str = ""


def draw(days: Sequence[Day], *, ours: str, theirs: str, label: str, alone: bool = False) -> Markup:
    """Return two strips, one above the other, a cell a day; the marks stand below. `ours`, `theirs` name the strips."""
    wide = max(len(days), 1) * CELL
    lower = 16 + HIGH + APART
    above = "".join(ink.bar(at * CELL, CELL - 1, HIGH, each.ours) for at, each in enumerate(days))
    below = "".join(ink.bar(at * CELL, CELL - 1, HIGH, each.theirs) for at, each in enumerate(days))
    parts = [
        ink.text(ink.cut(ours, 50), 0, 11, size=11, anchor="start"),
        f'<g transform="translate(0 16)">{above}</g><g transform="translate(0 {lower})">{below}</g>',
    ]
    for number, each in enumerate(days):
        x = number * CELL
        if each.mark:
            parts.append(ink.text(each.mark, x + 5.5, lower + HIGH + 12, size=11, fill=ink.INK))
        if number % 5 == 0:
            parts.append(ink.text(each.name, x + 5.5, lower + HIGH + 25, size=11))
    parts.append(ink.text(ink.cut(theirs, 50), 0, lower + HIGH + 40, size=11, anchor="start"))
    return ink.svg(max(wide, 360), lower + HIGH + 44, parts, label=label, alone=alone, extra=' class="figure"')
