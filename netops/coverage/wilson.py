"""The Wilson score interval of a share, in exact rational numbers.

The interval holds the shares p0 that a sample of n with the share p does not contradict at z standard errors:
n (p - p0)^2 <= z^2 p0 (1 - p0). A verdict needs only this test, and no square root. The ends themselves are roots;
they are printed rounded outward, so that the interval shown always holds the exact one and is the least that does.
(E. B. Wilson, J. Am. Stat. Assoc. 22 (1927) 209.)
"""

from __future__ import annotations

from fractions import Fraction
from math import isqrt

_FINE = 10**24  # of the square root before the outward rounding; only shown ends rest on it, never a verdict


def is_at_least(share: Fraction, n: Fraction, target: Fraction, *, z: Fraction) -> bool:
    """Whether the lower end of the interval of `share` out of `n` reaches `target`; shares from 0 to 1, n above 0."""
    if share <= target:  # the lower end of a share above 0 lies below the share itself
        return target == 0
    # At equality the target is the lower end, which reaches it.
    return n * (share - target) ** 2 >= z * z * target * (1 - target)


def is_below(share: Fraction, n: Fraction, target: Fraction, *, z: Fraction) -> bool:
    """Whether the upper end of the interval lies below `target`."""
    return share < target and n * (share - target) ** 2 > z * z * target * (1 - target)


def interval(
    share: Fraction,
    n: Fraction,
    *,
    z: Fraction,
    digits: int = 4,
    scale: Fraction = Fraction(1),
    added: Fraction = Fraction(0),
) -> tuple[Fraction, Fraction]:
    """Return both ends, each times `scale` (above 0) plus `added`, rounded outward to so many decimals, within 0 and 1.

    An end that has so many decimals itself is returned as it is.
    """
    if not (n > 0 and 0 <= share <= 1):
        raise ValueError(f"share {share} of n {n}: expected a share from 0 to 1 and n above 0")
    square = z * z
    middle = (share + square / (2 * n)) / (1 + square / n)
    under = square * (share * (1 - share) / n + square / (4 * n * n)) / (1 + square / n) ** 2
    half = _root_above(under)
    unit = 10**digits
    low = ((middle - half) * scale + added) * unit // 1
    high = -(-((middle + half) * scale + added) * unit // 1)
    # The root was a little too large: the next decimal inward is the end, or still beyond it, if this test says so.
    if is_at_least(share, n, (Fraction(low + 1, unit) - added) / scale, z=z):
        low += 1
    if _is_at_most(share, n, (Fraction(high - 1, unit) - added) / scale, z=z):
        high -= 1
    return max(Fraction(0), Fraction(low, unit)), min(Fraction(1), Fraction(high, unit))


def _is_at_most(share: Fraction, n: Fraction, limit: Fraction, *, z: Fraction) -> bool:
    """Whether the upper end of the interval is no more than `limit`."""
    if share >= limit:
        return share == limit == 1
    return n * (share - limit) ** 2 >= z * z * limit * (1 - limit)


def _root_above(square: Fraction) -> Fraction:
    """Return the square root, at most 1e-24 too large."""
    scaled = square * _FINE * _FINE
    return Fraction(isqrt(scaled.numerator // scaled.denominator) + 1, _FINE)
