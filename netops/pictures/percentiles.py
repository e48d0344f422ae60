"""Percentiles hour by hour: how busy a cell's radio resource was, and for how much of the hour. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netops.pictures import ink

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from markupsafe import Markup

WIDE, NAMED, HIGH, TOP = 360, 40, 100, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """Of the values of one hour the 5th, 50th and 95th percentile by nearest rank; `count` 0: nothing was measured."""

    name: str
    count: int = 0
    low: float = 0.0
    middle: float = 0.0
    high: float = 0.0


def hour(name: str, values: Iterable[float]) -> Hour:
    """Return the percentiles of an hour's finite values."""
    held = sorted(each for each in values if math.isfinite(each))
    if not held:
        return Hour(name=name)
    low, middle, high = (held[max(math.ceil(len(held) * share / 100), 1) - 1] for share in (5, 50, 95))
    return Hour(name=name, count=len(held), low=low, middle=middle, high=high)


def draw(hours: Sequence[Hour], *, most: float, unit: str, label: str, alone: bool = False) -> Markup:
    """Return a box from the 5th to the 95th percentile an hour, the median as a line across it, on `[0, most]`."""
    step = (WIDE - NAMED) / max(len(hours), 1)
    most = most if most > 0 else 1.0

    def level(value: float) -> float:
        return TOP + HIGH * (1 - min(max(value / most, 0.0), 1.0))

    parts = []
    for share in (0.0, 0.5, 1.0):
        y = level(share * most)
        parts.append(f'<path d="M{NAMED} {y:g}H{WIDE}" stroke="{ink.LINE}"/>')
        parts.append(ink.text(f"{share * most:g} {unit}", NAMED - 5, y + 4, size=11, anchor="end"))
    for number, each in enumerate(hours):
        x = NAMED + number * step
        if not each.count:
            parts.append(ink.rect(x, TOP, step, HIGH, ink.FILL[ink.UNKNOWN]))
            continue
        top, floor, middle = level(each.high), level(each.low), level(each.middle)
        parts.append(ink.rect(x + 1, top, step - 2, max(floor - top, 1.0), ink.EDGE[ink.UNKNOWN]))
        parts.append(ink.rect(x + 1, middle - 1, step - 2, 2, ink.INK))
    parts += [
        ink.text(hours[at].name, NAMED + at * step, TOP + HIGH + 16, size=11, anchor="start")
        for at in range(0, len(hours), 6)
    ]
    return ink.svg(WIDE, TOP + HIGH + 22, parts, label=label, alone=alone, extra=' class="figure"')
