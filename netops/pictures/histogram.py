"""A histogram of measured values against the limits of their class: what lies beyond them is crossed. Pure."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netops.pictures import ink

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from markupsafe import Markup

WIDE, HIGH, TOP = 360, 96, 22
BEYOND = 6  # bins beyond a limit; the last of them holds all that is further out


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Values of `[low, high)`; the first and the last have no outer end (inf). `inside`: within the limits."""

    low: float
    high: float
    count: int
    inside: bool


def bins(values: Iterable[float], *, low: int, high: int) -> list[Bin]:
    """Return how many values lie in each whole unit around `[low, high]`; each finite value is in exactly one.

    A value on the upper limit is within it, and counts with the unit below.
    """
    first, last = low - BEYOND, high + BEYOND
    held: Counter[int] = Counter()
    for each in values:
        if math.isfinite(each):
            at = high - 1 if each == high else math.floor(min(max(each, first - 1), last))
            held[min(max(at, first), last - 1)] += 1
    return [
        Bin(
            low=-math.inf if at == first else at,
            high=math.inf if at == last - 1 else at + 1,
            count=held[at],
            inside=low <= at < high,
        )
        for at in range(first, last)
    ]


def draw(made: Sequence[Bin], *, unit: str, label: str, alone: bool = False) -> Markup:
    """Return the columns, the limits as lines with their values."""
    step = WIDE / max(len(made), 1)
    most = max((each.count for each in made), default=0) or 1
    parts = [f'<path d="M0 {TOP + HIGH + 0.5:g}H{WIDE}" stroke="{ink.LINE}"/>']
    for number, each in enumerate(made):
        tall = max(HIGH * each.count / most, 2.0) if each.count else 0.0
        x = number * step + 1
        if tall and each.inside:
            parts.append(ink.rect(x, TOP + HIGH - tall, step - 2, tall, ink.FILL[ink.UP]))
        elif tall:
            parts.append(ink.crossed(x, TOP + HIGH - tall, step - 2, tall))
    inside = [number for number, each in enumerate(made) if each.inside]
    for at, value, anchor in _limits(made, inside):
        x = at * step
        parts.append(f'<path d="M{x:g} {TOP - 6}V{TOP + HIGH}" stroke="{ink.INK}" stroke-dasharray="3 2"/>')
        parts.append(ink.text(f"{value:g} {unit}", x, 12, size=12, fill=ink.INK, anchor=anchor))
    for number, each in enumerate(made):
        if math.isfinite(each.low) and each.low % 5 == 0:
            parts.append(ink.text(f"{each.low:g}", number * step, TOP + HIGH + 15, size=11))
    parts.append(ink.text(f"n ≤ {most}", WIDE / 2, 12, size=11) if made else "")
    return ink.svg(WIDE, TOP + HIGH + 20, parts, label=label, alone=alone, extra=' class="figure"')


def _limits(made: Sequence[Bin], inside: Sequence[int]) -> list[tuple[int, float, str]]:
    if not inside:
        return []
    return [(inside[0], made[inside[0]].low, "middle"), (inside[-1] + 1, made[inside[-1]].high, "middle")]
