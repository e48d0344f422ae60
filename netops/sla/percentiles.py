"""Percentiles by a named estimator, and ratios of counts. A lost packet counts as infinite delay."""

from __future__ import annotations

from fractions import Fraction
from math import inf
from typing import TYPE_CHECKING

from netops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Delay = Fraction | int | float  # float only for `inf`
LOST = inf


def nearest_rank(values: Sequence[Delay], p: Fraction | int) -> Delay:
    """Return the smallest value that at least p % of the values do not exceed (`inverted_cdf`)."""
    ordered = _ordered(values, p)
    rank = -((-Fraction(p) * len(ordered)) // 100)  # ceiling
    return ordered[max(int(rank), 1) - 1]


def linear(values: Sequence[Delay], p: Fraction | int) -> Delay:
    """Return the value at (n - 1) p / 100 between its two neighbours (Hyndman and Fan 7)."""
    ordered = _ordered(values, p)
    at = Fraction(p) * (len(ordered) - 1) / 100
    low = int(at)
    share = at - low
    if not share:
        return ordered[low]
    below, above = ordered[low], ordered[low + 1]
    if inf in (below, above):
        return LOST
    return Fraction(below) + (Fraction(above) - Fraction(below)) * share


def _ordered(values: Sequence[Delay], p: Fraction | int) -> list[Delay]:
    if not values or not 0 < p <= 100:
        raise UsageError(f"percentile {p} of {len(values)} values: expected 0 < p <= 100 and at least one value")
    return sorted(values)


def ratio_of_sums(parts: Iterable[tuple[int, int]]) -> Fraction:
    """Return bad / (good + bad) over all `(good, bad)` pairs: the default."""
    pairs = list(parts)
    return _share(sum(good for good, _ in pairs), sum(failed for _, failed in pairs))


def mean_of_ratios(parts: Iterable[tuple[int, int]]) -> Fraction:
    """Return the mean of each pair's own ratio: only where a contract says per-object mean."""
    shares = [_share(good, failed) for good, failed in parts]
    if not shares:
        raise UsageError("mean of no ratios: expected at least one object")
    return sum(shares, Fraction(0)) / len(shares)


def _share(good: int, failed: int) -> Fraction:
    if good + failed <= 0 or good < 0 or failed < 0:
        raise UsageError(f"{good} good and {failed} bad: expected counts with a positive sum")
    return Fraction(failed, good + failed)


def weak_share(samples: Iterable[Fraction | int], threshold: Fraction | int) -> Fraction:
    """Return the share of samples strictly below a threshold (weak coverage: RSRP < -105 dBm)."""
    values = list(samples)
    weak = sum(1 for each in values if each < threshold)
    return _share(len(values) - weak, weak)
