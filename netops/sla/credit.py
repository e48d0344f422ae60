"""What a breach costs: tiers on the unrounded value, caps, escalation, no minute twice. Percentages are exact.

Amounts stay exact until one rounding, half up, to the hundredth: that of an item's credit.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from typing import TYPE_CHECKING

from netops.sla.intervals import subtract, total, union

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from inventory.model import Credits, Tier
    from netops.sla.intervals import Spans

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


def object_percent(value: Fraction, schedule: Credits, *, breaches_before: int = 0) -> Fraction:
    """Return what is owed for one value (percent) in percent of the fee it is for: tier, escalation, cap per object.

    `breaches_before` counts the breached periods in a row just before this one.
    """
    return _escalated(percent(value, schedule.tiers), schedule, breaches_before)


def _escalated(owed: Fraction, schedule: Credits, breaches_before: int) -> Fraction:
    if schedule.escalate_after and breaches_before >= schedule.escalate_after:
        owed *= Fraction(schedule.escalate_factor)
    return _capped(owed, schedule.object_cap_percent)


def limited(owed: Fraction, schedule: Credits, *, breaches_before: int = 0) -> Fraction:
    """Return a percentage of the whole item's fee after escalation and both caps."""
    return _capped(_escalated(owed, schedule, breaches_before), schedule.period_cap_percent)


def owed_percent(value: Fraction, schedule: Credits, *, breaches_before: int = 0) -> Fraction:
    """Return what one value owes of the whole item's fee: every object's share of it owes the same percentage."""
    return limited(percent(value, schedule.tiers), schedule, breaches_before=breaches_before)


def owed_by_object(shares: Iterable[tuple[int, Fraction]], schedule: Credits) -> Fraction:
    """Return what objects owe together in percent of the item's fee; a share is (contracted ms, percent of its fee)."""
    given = list(shares)
    whole = sum(contracted_ms for contracted_ms, _ in given)
    owed = sum((contracted_ms * each for contracted_ms, each in given), Fraction(0))
    return _capped(owed / whole if whole else Fraction(0), schedule.period_cap_percent)


def _capped(owed: Fraction, cap: str) -> Fraction:
    return min(owed, Fraction(cap)) if cap else owed


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """What an objective owes by itself, and by service the time that it counts against the carrier."""

    objective: str
    percent: Fraction
    against: Mapping[str, Spans]


@dataclass(frozen=True, slots=True, kw_only=True)
class Credited:
    """What is owed of a claim: of its `against_ms`, `fresh_ms` were under no dearer claim."""

    objective: str
    percent: Fraction
    against_ms: int
    fresh_ms: int


def by_minute(claimed: Iterable[Claimed]) -> list[Credited]:
    """Spread each claim evenly over its time and credit no service's minute twice, dearest claim first.

    Of equal claims the earlier in the contract goes first. A claim without such time is owed whole. All together never
    owe more than the fee: what would is cut from the last ones.
    """
    taken: dict[str, Spans] = {}
    room = Fraction(100)
    made = []
    for each in sorted(claimed, key=lambda claim: -claim.percent):
        if not each.percent:
            continue
        fresh = {name: subtract(spans, taken.get(name, ())) for name, spans in each.against.items()}
        for name, spans in fresh.items():
            taken[name] = union(taken.get(name, ()), spans)
        against_ms, fresh_ms = (sum(total(spans) for spans in sets.values()) for sets in (each.against, fresh))
        share = each.percent * (Fraction(fresh_ms, against_ms) if against_ms else 1)
        owed = min(share, room)
        room -= owed
        made.append(Credited(objective=each.objective, percent=owed, against_ms=against_ms, fresh_ms=fresh_ms))
    return made


def money(amount: Fraction) -> Decimal:
    """Round an exact amount to the hundredth, half up."""
    with localcontext() as context:
        context.prec = 60
        scaled = amount * 100
        whole, rest = divmod(scaled.numerator, scaled.denominator)
        return (Decimal(whole + (1 if 2 * rest >= scaled.denominator else 0)) * CENT).quantize(
            CENT, rounding=ROUND_HALF_UP
        )
