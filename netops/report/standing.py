"""How a contract stands in the running month: the sealed hours judged so far, burn rates, what it takes to miss. Pure.

No verdict: until the month is over all of it may change. A burn rate looks at the last hours that are sealed, at most
an hour and a few minutes behind, under the version of the contract that rules there.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING, Any

from netops.clock import iso, utc
from netops.errors import UsageError
from netops.report import build, interval
from netops.sla import burn, calendar, derived, streams
from netops.sla.aggregate import Aggregation
from netops.sla.availability import Tally
from netops.sla.intervals import total
from netops.sla.judge import UNITS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from zoneinfo import ZoneInfo

    from inventory.model import Contract
    from netops.report.covered import Found
    from netops.report.interval import Line
    from netops.report.leaves import Leaves
    from netops.sla.burn import Burn


@dataclass(frozen=True, slots=True, kw_only=True)
class Stands:
    """One objective: so far this month, the four alerts, and how much outage it bears (None: cannot be said)."""

    line: Line
    burns: tuple[Burn, ...]
    left_ms: Fraction | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A contract's objectives over `[start_ms, end_ms)`, which ends with the last sealed hour."""

    start_ms: int
    end_ms: int
    objectives: tuple[Stands, ...]
    coverage: tuple[tuple[str, Found], ...] = ()


def reads(now_ms: int, tz: ZoneInfo) -> tuple[int, int]:
    """Return what must be read: this month, and the months that the longest window reaches back into."""
    start_ms, _ = _month(now_ms, tz)
    return interval.around(min(start_ms, now_ms - burn.WINDOWS[-1] - 2 * burn.HOUR_MS), max(now_ms, start_ms + 1), tz)


def stands(contracts: Sequence[Contract], leaves: Leaves, *, now_ms: int, tz: ZoneInfo) -> Standing | None:
    """Return how the contract stands; None before the first hour of the month is sealed."""
    start_ms, month_end_ms = _month(now_ms, tz)
    ends = [each.body["end_ms"] for each in leaves.of("availability_hour")]
    end_ms = max((each for each in ends if each <= now_ms), default=start_ms)
    if end_ms <= start_ms:
        return None
    answer = interval.ask(contracts, leaves, start_ms=start_ms, end_ms=end_ms, tz=tz)
    whole = build.Period(name="this month", start_ms=start_ms, end_ms=month_end_ms)
    rules_until = {each.version: end for each, _, end in build.versions(contracts, whole)}
    recent = _recent(contracts, leaves, end_ms, tz)
    made = [
        Stands(
            line=line,
            burns=tuple(burn.burns(recent(line), Fraction(line.objective.target))) if _is_share(line) else (),
            left_ms=_left(line, rest=(end_ms, rules_until[line.version]), tz=tz),
        )
        for line in answer.lines
    ]
    return Standing(start_ms=start_ms, end_ms=end_ms, objectives=tuple(made), coverage=answer.coverage)


NOTHING: Mapping[str, list[Any]] = {"objectives": [], "coverage": []}
"""What JSON tells of a contract before the first hour of the month is sealed."""


def plain(given: Standing) -> dict[str, Any]:
    """Return the standing as JSON tells it; rates are exact, `n/d`."""
    return {
        "start_ms": given.start_ms,
        "end_ms": given.end_ms,
        "start": iso(given.start_ms),
        "end": iso(given.end_ms),
        "objectives": [
            {
                **interval.plain(each.line),
                "left_ms": None if each.left_ms is None else each.left_ms.numerator // each.left_ms.denominator,
                "burn": [
                    {
                        "long_ms": one.alert.long_ms,
                        "short_ms": one.alert.short_ms,
                        "factor": _text(one.alert.factor),
                        "long": _text(one.long),
                        "short": _text(one.short),
                        "warns": one.warns,
                    }
                    for one in each.burns
                ],
            }
            for each in given.objectives
        ],
        "coverage": [interval.plain_coverage(*each) for each in given.coverage],
    }


def _text(value: Fraction | None) -> str:
    return "" if value is None else f"{value.numerator}/{value.denominator}"


def _month(now_ms: int, tz: ZoneInfo) -> tuple[int, int]:
    return calendar.month(f"{utc(now_ms).astimezone(tz):%Y-%m}", tz)


def _is_share(line: Line) -> bool:
    """Whether what the target leaves is a budget of bad time."""
    return (
        line.judged is not None
        and line.objective.comparison == "at_least"
        and line.objective.indicator != derived.ACTIVE  # within five minutes nothing is up for a day
    )


def _recent(
    contracts: Sequence[Contract], leaves: Leaves, end_ms: int, tz: ZoneInfo
) -> Callable[[Line], Callable[[int], Fraction | None]]:
    """Return, for an objective, its share over the last so many ms; each window is judged once for all of them."""
    held: dict[int, dict[tuple[str, str], Fraction | None]] = {}

    def judged(window_ms: int) -> dict[tuple[str, str], Fraction | None]:
        if window_ms not in held:
            try:
                found = interval.ask(contracts, leaves, start_ms=end_ms - window_ms, end_ms=end_ms, tz=tz).lines
            except UsageError:  # nothing was sealed in it, or no version ruled
                found = ()
            held[window_ms] = {
                (each.version, each.name): each.judged.whole.value for each in found if each.judged is not None
            }
        return held[window_ms]

    return lambda line: lambda window_ms: judged(window_ms).get((line.version, line.name))


def _left(line: Line, *, rest: tuple[int, int], tz: ZoneInfo) -> Fraction | None:
    """Return how many ms more of outage of one service the month bears; of weighted ones, of the heaviest.

    All else is taken to be up, and the services to stay as they are.
    """
    stream = streams.stream(line.objective)
    if line.judged is None or not _is_share(line) or (stream is not None and stream.counted) or line.typed.figure:
        return None
    if line.typed.aggregation is Aggregation.OBJECT_MEAN:
        return None
    start_ms, end_ms = rest
    open_ms = 0
    if start_ms < end_ms:
        hours = line.typed.hours
        open_ms = (
            total(calendar.service_hours(start_ms, end_ms, hours, tz, line.typed.calendar))
            if hours
            else end_ms - start_ms
        )
    target, modes = Fraction(line.objective.target), line.typed.modes
    staying = [each for each in line.members if each.contracted and each.contracted[-1][1] >= start_ms]
    if line.typed.aggregation in UNITS:
        return burn.left(line.judged.tally, modes, rest_ms=open_ms if staying else 0, target=target)
    weights = {each.service: Fraction(each.weight) for each in line.members}
    if line.typed.aggregation is not Aggregation.WEIGHTED:
        weights = dict.fromkeys(weights, Fraction(1))
    scale = lcm(*(each.denominator for each in weights.values()))
    sums = Tally()
    for one in line.judged.lines:
        sums += _times(one.tally, int(weights[one.service] * scale))
    rest_ms = sum(int(weights[each.service] * scale) for each in staying) * open_ms
    found = burn.left(sums, modes, rest_ms=rest_ms, target=target)
    return None if found is None else found / (scale * max(weights.values(), default=Fraction(1)))


def _times(each: Tally, factor: int) -> Tally:
    return Tally(**{name: getattr(each, name) * factor for name in Tally.__dataclass_fields__})
