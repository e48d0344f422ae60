"""What a breach costs: tiers on the unrounded value, caps, escalation. Percentages are exact, money is Decimal.

Amounts stay exact until one rounding, half up, to the hundredth: that of an item's credit.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inventory.model import Credits, Tier

CENT = Decimal("0.01")


def percent(value: Fraction, tiers: Sequence[Tier]) -> Fraction:
    """Return the percentage of the first tier that holds the unrounded value (percent), else 0."""
    return next((Fraction(tier.percent) for tier in tiers if holds(tier, value)), Fraction(0))


def holds(tier: Tier, value: Fraction) -> bool:
    """Whether the value lies in the tier; bounds that are not stated do not bind."""
    return (
        (not tier.at_least or value >= Fraction(tier.at_least))
        and (not tier.above or value > Fraction(tier.above))
        and (not tier.below or value < Fraction(tier.below))
        and (not tier.at_most or value <= Fraction(tier.at_most))
    )


def owed_percent(value: Fraction, schedule: Credits, *, breaches_before: int = 0) -> Fraction:
    """Return what is owed in percent of the fee, after escalation and then the caps, least cap last.

    `breaches_before` counts the breached periods in a row just before this one.
    """
    owed = percent(value, schedule.tiers)
    if schedule.escalate_after and breaches_before >= schedule.escalate_after:
        owed *= Fraction(schedule.escalate_factor)
    for cap in (schedule.object_cap_percent, schedule.period_cap_percent):
        if cap:
            owed = min(owed, Fraction(cap))
    return owed


def money(amount: Fraction) -> Decimal:
    """Round an exact amount to the hundredth, half up."""
    with localcontext() as context:
        context.prec = 60
        scaled = amount * 100
        whole, rest = divmod(scaled.numerator, scaled.denominator)
        return (Decimal(whole + (1 if 2 * rest >= scaled.denominator else 0)) * CENT).quantize(
            CENT, rounding=ROUND_HALF_UP
        )
