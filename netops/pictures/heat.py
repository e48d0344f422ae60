"""A heat map of things by hours: clients of access points over a day. Pure.

How much it is stands in the height of a cell and in its depth alike, so that it reads in grey; measured nothing is a
line on the ground, not measured is hatched.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from markupsafe import escape

from netops.pictures import ink

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

WIDE, NAMED, ROW = 360, 96, 18
LEVELS = 4
DEPTH = ("0.35", "0.55", "0.75", "1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One thing: a value for each hour, None where nothing was measured; where its name leads."""

    name: str
    values: tuple[float | None, ...]
    href: str = ""


def level(value: float, most: float) -> int:
    """Return 0 for nothing, else 1 to 4 by quarters of the most."""
    if value <= 0 or most <= 0:
        return 0
    return min(max(math.ceil(LEVELS * value / most), 1), LEVELS)


def draw(rows: Sequence[Row], *, hours: Sequence[str], label: str, alone: bool = False) -> Markup:
    """Return a row a thing and a column an hour; `hours` are their names, of which each sixth is written."""
    step = (WIDE - NAMED) / max(len(hours), 1)
    most = max((each for row in rows for each in row.values if each is not None), default=0.0)
    parts = []
    for number, row in enumerate(rows):
        y = number * ROW
        parts.append(_named(row, y))
        parts += _cells(row.values, y, step, most)
    below = max(len(rows), 1) * ROW
    for at in range(0, len(hours), 6):
        parts.append(ink.text(hours[at], NAMED + at * step, below + 13, size=11, anchor="start"))
    return ink.svg(WIDE, below + 18, parts, label=label, alone=alone, role="group", extra=' class="figure"')


def _named(row: Row, y: int) -> str:
    said = ink.text(ink.cut(row.name, 14), NAMED - 6, y + 13, size=12, anchor="end", fill=ink.INK)
    return f'<a href="{escape(row.href)}"><title>{escape(row.name)}</title>{said}</a>' if row.href else said


def _cells(values: Sequence[float | None], y: int, step: float, most: float) -> list[str]:
    made: list[str] = []
    by_level: dict[int, list[str]] = {}
    at = 0
    for kind, run in groupby(values, key=lambda each: -1 if each is None else level(each, most)):
        count = sum(1 for _ in run)
        x, wide = NAMED + at * step, count * step
        at += count
        if kind < 0:
            made.append(ink.rect(x, y + 1, wide, ROW - 2, ink.FILL[ink.UNKNOWN]))
        else:
            tall = (ROW - 2) * kind / LEVELS if kind else 1
            by_level.setdefault(kind, []).append(f"M{x:.4g} {y + ROW - 1}v{-tall:g}h{wide:.4g}v{tall:g}z")
    for kind, paths in by_level.items():
        depth = f' fill-opacity="{DEPTH[kind - 1]}"' if 0 < kind < LEVELS else ""
        colour = ink.BLUE if kind else ink.SOFT
        made.append(f'<path d="{"".join(paths)}" fill="{colour}"{depth}/>')
    return made
