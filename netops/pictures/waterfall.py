"""The waterfall: from the fees of a month, deduction by deduction, to what is payable. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from netops.pictures import ink

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

WIDE, ROW, THICK = 360, 40, 14
WHOLE = 1_000_000
NAMED, FIGURE = 34, 18  # columns that label and amount may take


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One step, `kind` as `netops.report.waterfall.Step`; it lies from `low` to `high`, in millionths of the widest."""

    kind: str
    label: str
    amount: str
    low: int
    high: int


def draw(bars: Sequence[Bar], *, label: str, alone: bool = False) -> Markup:
    """Return a row a step; what is taken off is a crossed box that hangs where the money was."""
    parts, before = [], 0.0
    for number, each in enumerate(bars):
        y = number * ROW
        low, high = (min(max(part, 0), WHOLE) * WIDE / WHOLE for part in (each.low, each.high))
        wide = max(high - low, 1.0)
        low = min(low, WIDE - wide)
        if number:
            # short of the amount above the next bar, which it would strike through
            parts.append(f'<path d="M{round(before, 1):g} {y - ROW + 34:g}v5" stroke="{ink.SOFT}"/>')
        parts.append(ink.text(ink.cut(each.label, NAMED), 0, y + 14, size=12, anchor="start"))
        amount = ink.cut(each.amount, FIGURE)
        parts.append(ink.text(amount, WIDE, y + 14, size=12, anchor="end", fill=ink.INK, weight=600))
        if each.kind == "deduction":
            parts.append(ink.crossed(low, y + 20, wide, THICK))
        else:
            parts.append(ink.rect(low, y + 20, wide, THICK, _FILLS.get(each.kind, ink.BLUE)))
        before = low if each.kind == "deduction" else low + wide
    return ink.svg(WIDE, max(len(bars), 1) * ROW, parts, label=label, alone=alone, extra=' class="figure"')


_FILLS = {"fees": ink.BLUE, "cap": ink.FILL[ink.DEGRADED], "payable": ink.FILL[ink.UP]}
