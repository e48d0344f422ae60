"""How fast an error budget burns, window by window, against the rate from which people are warned. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from netops.pictures import ink

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from markupsafe import Markup

WIDE, ROW, THICK = 360, 46, 9
FROM = WIDE // 2  # where the factor stands: half of the width, so that twice the factor fills it


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One alert: what its long and its short window burn (None: not known), and the factor from which both warn."""

    named: str
    factor: Fraction
    long: Fraction | None
    short: Fraction | None
    warns: bool


def draw(windows: Sequence[Window], *, label: str, alone: bool = False) -> Markup:
    """Return two bars a window, long above short, and the factor as a line; beyond twice of it they end."""
    parts = []
    for number, each in enumerate(windows):
        y = number * ROW
        sign = ink.SYMBOL[ink.DOWN] if each.warns else ink.SYMBOL[ink.NONE if each.long is None else ink.UP]
        parts.append(ink.text(f"{sign} {ink.cut(each.named, 26)}", 0, y + 14, size=12, anchor="start", fill=ink.INK))
        said = f"{rate(each.long)} / {rate(each.short)}   (≥ {rate(each.factor)})"
        parts.append(ink.text(said, WIDE, y + 14, size=12, anchor="end"))
        for place, value in ((y + 19, each.long), (y + 30, each.short)):
            parts.append(_bar(value, each.factor, place, warns=each.warns))
        parts.append(f'<path d="M{FROM} {y + 17}v24" stroke="{ink.INK}" stroke-width="2"/>')
    return ink.svg(WIDE, max(len(windows), 1) * ROW, parts, label=label, alone=alone, extra=' class="figure"')


def rate(value: Fraction | None) -> str:
    """Say a burn rate with one place, cut off; `—` where none is known."""
    if value is None:
        return "—"
    tenths = value.numerator * 10 // value.denominator
    return f"{tenths // 10}.{tenths % 10}×"


def _bar(value: Fraction | None, factor: Fraction, y: int, *, warns: bool) -> str:
    if value is None:
        return ink.rect(0, y, WIDE, THICK, ink.FILL[ink.UNKNOWN])
    share = float(value / factor) if factor > 0 else 0.0
    wide = min(max(share, 0.0), 2.0) * FROM
    if wide < 1:
        return ink.rect(0, y, 1, THICK, ink.SOFT)
    return ink.crossed(0, y, wide, THICK) if warns else ink.rect(0, y, wide, THICK, ink.BLUE)
