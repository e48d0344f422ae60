"""What a contract would owe at given values: the same tiers, caps and rounding as a report, without any measurement.

Every service counts as contracted for the whole month, and every value is taken as it is given, unrounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from inventory.model import Objective
from netops.errors import UsageError, nearest
from netops.sla import credit, rules

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

    from inventory.model import Contract, Coverage, ServiceItem

MOST_SERVICES = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """One area of a promise of coverage at the upper bound of its share (percent), and what it must reach."""

    area: str
    value: Fraction
    minimum: Fraction

    @property
    def missed(self) -> bool:
        """Whether it is below its minimum."""
        return self.value < self.minimum


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One objective at a value (percent): `tier` counts from 1, 0 is none; `percent` is owed of the item's fee.

    Of coverage with the areas that were given; each one missed owes `area_percent` of the fee beside the tier.
    """

    item: str
    objective: str
    value: Fraction
    met: bool
    tier: int
    escalated: bool
    percent: Fraction
    areas: tuple[Area, ...] = ()
    area_percent: Fraction = Fraction(0)

    @property
    def areas_missed(self) -> int:
        """How many areas are below their minimum."""
        return sum(each.missed for each in self.areas)


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """What an item owes of its fee. Objectives owed for by the minute owe `least` to `most`, else both are one."""

    item: str
    fee: Fraction
    least: Fraction
    most: Fraction
    least_amount: Decimal
    most_amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Foretold:
    """The answers, what each item owes, and the contract in sum; `capped` where its cap lowers the sum."""

    answers: tuple[Answer, ...]
    items: tuple[Owed, ...]
    fees: Fraction
    least: Decimal
    most: Decimal
    capped: bool


def names(contract: Contract) -> list[str]:
    """Return the objectives as values are given for them, `item/objective`."""
    return [f"{item.id}/{each.id}" for item in contract.items for each in _promises(item)]


def _promises(item: ServiceItem) -> list[Objective | Coverage]:
    return [*item.objectives, *item.coverage]


def values(contract: Contract, written: Sequence[str]) -> dict[str, Fraction]:
    """Read `item/objective=99.2`, of an area `item/coverage/area=84`; UsageError names what is off.

    An area stands beside the whole that it is a part of: the whole's tier is owed as well.
    """
    found: dict[str, Fraction] = {}
    known = names(contract)
    surfaces = {f"{item.id}/{each.id}": item.select.areas for item in contract.items for each in item.coverage}
    for text in written:
        name, equals, number = text.partition("=")
        of, _, area = name.rpartition("/")
        if equals and of in surfaces and area:
            _area(of, area, surfaces[of])
        elif not equals or name not in known:
            raise UsageError(f"--at {text[:100]}: expected item/objective=value{nearest(name, known)}")
        if name in found:
            raise UsageError(f"--at {name} is given twice; expected one value")
        found[name] = rules.exactly(number, f"--at {name}")
        if not 0 <= found[name] <= 100:
            raise UsageError(f"--at {name}={number}: expected percent, 0 to 100")
    for name in found:
        of = name.rpartition("/")[0]
        if of in surfaces and of not in found:
            raise UsageError(f"--at {name}: an area alone; expected the whole beside it, --at {of}=VALUE")
    return found


def _area(of: str, area: str, selected: Sequence[str]) -> None:
    if selected and area not in selected:
        raise UsageError(f"--at {of}/{area[:100]}: the item does not select this area{nearest(area, selected)}")


def foretell(contract: Contract, at: Mapping[str, Fraction], *, services: int = 1, before: int = 0) -> Foretold:
    """Return what is owed when each item has so many services, after `before` breached months in a row."""
    if not 1 <= services <= MOST_SERVICES or before < 0:
        raise UsageError(f"{services} services, {before} months before; expected 1 to {MOST_SERVICES}, and 0 or more")
    answers: list[Answer] = []
    owed: list[Owed] = []
    for item in contract.items:
        mine = [_answer(item, each, at, before) for each in _promises(item) if f"{item.id}/{each.id}" in at]
        answers += mine
        owed.append(_owed(item, [each.percent for each in mine], services))
    fees = sum((each.fee for each in owed), Fraction(0))
    sums = [sum((getattr(each, name) for each in owed), credit.money(Fraction(0))) for name in _AMOUNTS]
    cap = contract.credit_cap_percent
    most = credit.money(fees * Fraction(cap) / 100) if cap else None
    least_sum, most_sum = (each if most is None else min(each, most) for each in sums)
    return Foretold(
        answers=tuple(answers),
        items=tuple(owed),
        fees=fees,
        least=least_sum,
        most=most_sum,
        capped=most_sum != sums[1],
    )


_AMOUNTS = ("least_amount", "most_amount")


def _answer(item: ServiceItem, given: Objective | Coverage, at: Mapping[str, Fraction], before: int) -> Answer:
    """Of coverage the values are upper bounds, by which its tiers go and by which an area is below its minimum."""
    name = f"{item.id}/{given.id}"
    value, target, schedule = at[name], Fraction(given.target), given.credits
    at_most = isinstance(given, Objective) and given.comparison == "at_most"
    reached = value <= target if at_most else value >= target
    tier = next((n for n, each in enumerate(schedule.tiers, 1) if credit.holds(each, value)), 0)
    areas = () if isinstance(given, Objective) else _areas(name, given, at)
    each_owes = Fraction(0) if isinstance(given, Objective) else Fraction(given.area_percent)
    missed = sum(each.missed for each in areas)
    base = (Fraction(0) if reached else credit.percent(value, schedule.tiers)) + each_owes * missed
    escalated = bool(schedule.escalate_after) and before >= schedule.escalate_after
    return Answer(
        item=item.id,
        objective=given.id,
        value=value,
        met=reached and not missed,
        tier=0 if reached else tier,
        escalated=escalated and bool(base),
        percent=credit.limited(base, schedule, breaches_before=before),
        areas=areas,
        area_percent=each_owes,
    )


def _areas(name: str, given: Coverage, at: Mapping[str, Fraction]) -> tuple[Area, ...]:
    least = {each.area: each.percent for each in given.minima}
    found = {key.rpartition("/")[2]: value for key, value in at.items() if key.rpartition("/")[0] == name}
    return tuple(
        Area(area=area, value=value, minimum=Fraction(least.get(area, given.minimum))) for area, value in found.items()
    )


def _owed(item: ServiceItem, percents: Sequence[Fraction], services: int) -> Owed:
    fee = Fraction(item.fee) * services
    least = max(percents, default=Fraction(0))
    most = min(sum(percents, Fraction(0)), Fraction(100)) if item.double_credit == "by_minute" else least
    return Owed(
        item=item.id,
        fee=fee,
        least=least,
        most=max(least, most),
        least_amount=credit.money(fee * least / 100),
        most_amount=credit.money(fee * max(least, most) / 100),
    )
