"""The trend of a year: of each month how many promises were kept, missed, or could not be judged. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from netops.pictures import ink

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

STEP, HIGH, TOP = 30, 72, 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """One month by its closed reports; nothing of all three: no report of it was closed."""

    name: str
    kept: int = 0
    missed: int = 0
    undecided: int = 0

    @property
    def promises(self) -> int:
        """How many were judged or should have been."""
        return self.kept + self.missed + self.undecided


def draw(months: Sequence[Month], *, label: str, alone: bool = False) -> Markup:
    """Return a column a month, the oldest first: kept from the ground up, hatched, crossed what was missed."""
    parts = [f'<path d="M0 {TOP + HIGH + 0.5:g}H{max(len(months), 1) * STEP}" stroke="{ink.LINE}"/>']
    for number, each in enumerate(months):
        x, floor = number * STEP + 4, float(TOP + HIGH)
        parts.append(ink.text(each.name, x + 11, TOP + HIGH + 15, size=11))
        parts.append(ink.text(_said(each), x + 11, 12, size=11, fill=ink.INK))
        for count, kind in ((each.kept, ink.UP), (each.undecided, ink.UNKNOWN), (each.missed, ink.DOWN)):
            tall = HIGH * count / each.promises if count else 0.0
            floor -= tall
            if tall:
                draw_ = ink.crossed(x, floor, 22, tall) if kind == ink.DOWN else ""
                parts.append(draw_ or ink.rect(x, floor, 22, tall, ink.FILL[kind]))
    size = (max(len(months), 1) * STEP, TOP + HIGH + 20)
    return ink.svg(*size, parts, label=label, alone=alone, extra=' class="figure"')


def _said(each: Month) -> str:
    """Say the worst of a month by its number: missed, not judged, or that all were kept."""
    if each.missed:
        return f"{ink.SYMBOL[ink.DOWN]}{each.missed}"
    if each.undecided:
        return f"{ink.SYMBOL[ink.UNKNOWN]}{each.undecided}"
    return "✓" if each.kept else ink.SYMBOL[ink.NONE]
