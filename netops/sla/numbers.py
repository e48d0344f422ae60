"""How exact numbers are written: rationals as `n/d`, display rounded down, never up over a target.

With four places 99.99989 of a target of 99.9999 shows as 99.9998 and is missed: the shown and the exact value agree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction

PLACES = 6


def text(value: Fraction) -> str:
    """Return `n/d` in lowest terms, always with the denominator."""
    return f"{value.numerator}/{value.denominator}"


def shown(value: Fraction, places: int = PLACES) -> str:
    """Return the value with so many decimal places, rounded down (towards minus infinity)."""
    scaled = (value.numerator * 10**places) // value.denominator
    sign, digits = ("-", str(-scaled)) if scaled < 0 else ("", str(scaled))
    digits = digits.rjust(places + 1, "0")
    return f"{sign}{digits[:-places]}.{digits[-places:]}" if places else sign + digits


def percent(ratio: Fraction) -> Fraction:
    """Return a ratio in percent, exactly."""
    return ratio * 100
