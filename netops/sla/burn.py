"""How fast an objective's error budget burns: early warnings for operators. Never a verdict: that is of a month.

The budget is what the target leaves: 0.5 % of the time at 99.5 %. A burn rate of 1 uses it up in 30 days. An alert
looks at a long window, so that a blip warns nobody, and at a short one, so that it ends soon after the trouble does:
both must burn at least `factor` times. The factor is what burns `share` of 30 days' budget within the long window.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from netops.sla import availability

if TYPE_CHECKING:
    from collections.abc import Callable

    from netops.sla.availability import Modes, Tally

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
PERIOD_MS = 30 * DAY_MS


@dataclass(frozen=True, slots=True)
class Alert:
    """Warn when `share` of 30 days' budget burns within `long_ms`, and still does in the last `short_ms`."""

    share: Fraction
    long_ms: int
    short_ms: int

    @property
    def factor(self) -> Fraction:
        """The burn rate from which both windows warn."""
        return self.share * PERIOD_MS / self.long_ms


ALERTS = (
    Alert(Fraction(2, 100), HOUR_MS, 5 * MINUTE_MS),
    Alert(Fraction(5, 100), 6 * HOUR_MS, 30 * MINUTE_MS),
    Alert(Fraction(10, 100), DAY_MS, 2 * HOUR_MS),
    Alert(Fraction(10, 100), 3 * DAY_MS, 6 * HOUR_MS),
)
WINDOWS = tuple(sorted({each.long_ms for each in ALERTS} | {each.short_ms for each in ALERTS}))


@dataclass(frozen=True, slots=True)
class Burn:
    """One alert with what its two windows burn; None where nothing is known of a window."""

    alert: Alert
    long: Fraction | None
    short: Fraction | None

    @property
    def warns(self) -> bool:
        """Whether operators should look now."""
        return all(rate is not None and rate >= self.alert.factor for rate in (self.long, self.short))


def rate(value: Fraction | None, target: Fraction) -> Fraction | None:
    """Return how many times faster than allowed the budget burns; `value` is a share, `target` in percent.

    None where nothing was seen, and for a target of 100 %: there is no budget, any outage misses it.
    """
    budget = 1 - target / 100
    return None if value is None or budget <= 0 else (1 - value) / budget


def burns(value: Callable[[int], Fraction | None], target: Fraction) -> list[Burn]:
    """Return the four alerts; `value(ms)` is the objective's share over the last `ms` that are sealed."""
    rates = {window: rate(value(window), target) for window in WINDOWS}
    return [Burn(each, rates[each.long_ms], rates[each.short_ms]) for each in ALERTS]


def left(sums: Tally, modes: Modes, *, rest_ms: int, target: Fraction) -> Fraction | None:
    """Return how many more ms of outage the period bears and still keeps `target` (percent): more of it misses.

    `sums` is what was judged so far, `rest_ms` what is still to be judged, of which all else is taken as up and seen.
    Negative: the target is lost already. None where nothing is or will be judged.
    """
    so_far = availability.judge(sums, modes)
    den = so_far.den + rest_ms
    return so_far.num + rest_ms - target / 100 * den if den else None
