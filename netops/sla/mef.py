"""Availability by MEF's sliding window: unavailable after n bad intervals in a row, available after n good ones.

An interval is bad when its loss ratio exceeds C. A window of n bad ones makes the time unavailable from its first
interval; n good ones in a row end it from theirs. Bad intervals in available time are high loss intervals (HLI); p or
more of them in a row are one consecutive high loss interval (CHLI). MEF 10.3 section 8.8.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from typing import TYPE_CHECKING

from netops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Sliding:
    """The judged row of intervals. `available[i]` says whether interval i was."""

    available: tuple[bool, ...]
    availability: Fraction
    hli: int
    chli: int


def bad(losses: Sequence[Fraction], threshold: Fraction = Fraction(1, 2)) -> list[bool]:
    """Return which intervals lost more than the threshold."""
    return [loss > threshold for loss in losses]


def judge(given: Sequence[bool], *, n: int = 10, p: int = 5) -> Sliding:
    """Judge a row of intervals, True for bad; UsageError when it is empty."""
    if not given or n < 1 or p < 1:
        raise UsageError(f"{len(given)} intervals with n = {n}, p = {p}: expected at least one of each")
    state = True
    available: list[bool] = []
    for i in range(len(given)):
        window = given[i : i + n]
        # A window that the end of the row cuts off decides nothing: the state stays.
        if len(window) == n and all(each is state for each in window):
            state = not state
        available.append(state)
    high = [is_bad and up for is_bad, up in zip(given, available, strict=True)]
    rows = [len(list(group)) for is_high, group in groupby(high) if is_high]
    return Sliding(
        available=tuple(available),
        availability=Fraction(sum(available), len(available)),
        hli=sum(high),
        chli=sum(1 for length in rows if length >= p),
    )
