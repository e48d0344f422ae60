"""What an objective rests on besides the state of a service: one metric of the catalogue, slot by slot, good or not.

`indicator` is then the name of a metric, `threshold` what a slot's value must keep (`probe.rtt.p95`, 30: at most 30 ms,
since less is better), `target` the least share of time that is good. The share of slots that keep a limit reaches p %
exactly when the p-th percentile of the slots, by nearest rank, keeps it: that is how a percentile is promised.

All slots judged alike make a *stream*. Its name says how they were judged, and stands in the sealed hours. What the
portal counts (`portal.login.success`) is promised one by one, not by time: `netops/sla/counted.py`; so are the packets
of probes (`netops/sla/packets.py`), of which `threshold` says how many a slot is to have.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from netops.errors import UsageError, nearest
from netops.metrics import METRICS, ONE_BY_ONE, Kind, optics, portal, probe
from netops.metrics.metric import Better
from netops.sla import counted, derived

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inventory.model import Contract, Objective, ServiceItem
    from netops.metrics import Metric

AVAILABILITY = "availability"
PROBED = "probe."
CLOCK_ERROR = "probe.clock.error"
ONE_WAY = ("probe.delay_there.", "probe.delay_back.")
REACHED = "probe.reached"
RATED = "probe.throughput"
ANSWERED_IN = frozenset({"probe.dns.time", "probe.first_byte", "probe.total"})  # an error may well come in no time
COUNTS_ONLY = {  # what is counted has no edges, lasts no time, and is no hundred percent where nobody came
    "aggregation": "object_time_mean",
    "outage_edge": "first_bad",
    "min_outage_s": 0,
    "empty_history": "not_determinable",
    "parent_failure": "children_down",
    "window_intervals": 0,
}
DERIVED_ONLY = {"aggregation": "object_time_mean", "empty_history": "not_determinable"}
RATE_ONLY = {"outage_edge": "first_bad", "min_outage_s": 0, "window_intervals": 0}  # a slot stands for itself
MOST_DIGITS = 30
MOST_PACKETS = 100  # a second: a slot has a thousand places in it
DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?")
SIGN = {Better.LOWER: "<=", Better.HIGHER: ">="}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """How the slots of a service are judged by one metric. `clock`: the share of the threshold that clocks may err."""

    metric: str
    sign: str
    threshold: str
    every_s: int
    quorum: int = 1
    vantages: int = 1
    clock: str = ""

    @property
    def good(self) -> str:
        """What makes a slot good, `<= 30`."""
        return f"{self.sign} {self.threshold}"

    @property
    def name(self) -> str:
        """The stream's name in sealed hours; the verifier writes it by itself (`netops/evidence/seen.py`)."""
        if self.counted:
            joined = f", {self.quorum} of {self.vantages}" if self.probed else ""
            return f"{self.metric} {self.good} one by one, in slots of {self.every_s} s{joined}"
        clock = f", clock error up to {self.clock} of it" if self.clock else ""
        return f"{self.metric} {self.good} every {self.every_s} s, {self.quorum} of {self.vantages}{clock}"

    @property
    def probed(self) -> bool:
        """Whether vantage points measure it, each with anchors of its own; else devices tell it."""
        return self.metric.startswith(PROBED)

    @property
    def counted(self) -> bool:
        """Whether things are promised one by one, so that the hours hold counts and no time."""
        return self.metric in ONE_BY_ONE

    @property
    def rated(self) -> bool:
        """Whether its slots hold a rate, to be measured against the contracted one (`netops/sla/derived.py`)."""
        return self.metric == derived.RATE

    @property
    def source(self) -> str:
        """The metric that is measured: of a mean the single rates, of a margin the received power."""
        if self.rated:
            return RATED
        return optics.RECEIVED if self.metric in optics.LIMITS else self.metric

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that are looked at."""
        if self.counted:
            return counted.columns(self.metric, self.threshold)
        if self.metric in ANSWERED_IN:
            return (self.metric, REACHED)
        return (self.source, CLOCK_ERROR) if self.clock else (self.source,)

    def keeps(self, value: float) -> bool:
        """Whether a value is good: the stored number and the contract's decimal are compared exactly."""
        limit, found = Fraction(self.threshold), Fraction(value)
        if self.metric in optics.LIMITS:
            low, high = map(Fraction, optics.LIMITS[self.metric])
            found = min(found - low, high - found)
        return found <= limit if self.sign == "<=" else found >= limit

    def clocks_good(self, error_ms: float) -> bool:
        """Whether both clocks together are near enough for this threshold."""
        return Fraction(error_ms) <= Fraction(self.threshold) * Fraction(self.clock)


def promised(indicator: str) -> Metric | None:
    """Return the metric that an indicator names; None when it can be no indicator."""
    found = METRICS.get(indicator)
    return found if found is not None and found.kind is Kind.GAUGE and found.better in SIGN else None


def word(indicator: str, where: str) -> None:
    """Raise UsageError unless the indicator can be judged; it names the nearest that can."""
    if indicator == AVAILABILITY or indicator in derived.OF_STATE or promised(indicator) is not None:
        return
    known = (AVAILABILITY, *derived.OF_STATE, *(name for name in METRICS if promised(name) is not None))
    raise UsageError(
        f"{where} is '{indicator}'; expected availability, or a metric of the catalogue that is better higher or lower"
        f"{nearest(indicator, known)}"
    )


def stream(objective: Objective) -> Stream | None:
    """Return the stream that an objective rests on; None for availability."""
    found = promised(objective.indicator)
    if found is None:
        return None
    rules = objective.rules
    return Stream(
        metric=found.name,
        sign=SIGN[found.better],
        threshold=objective.threshold,
        every_s=rules.check_every_s,
        quorum=rules.quorum,
        vantages=rules.vantages,
        clock=rules.max_clock_error_ratio if found.name.startswith(ONE_WAY) else "",
    )


def sound(objective: Objective, where: str) -> None:
    """Raise UsageError for an objective on a metric that says too little, or what its slots cannot give."""
    found, rules = promised(objective.indicator), objective.rules
    if objective.indicator in derived.ALL:
        _derivable(objective, where)
    if found is None:
        return
    if not objective.threshold:
        what = f"'{found.name}' {SIGN[found.better]} so many {found.unit or 'of it'}"
        raise UsageError(f"{where}: no threshold; expected what makes a slot good: {what}")
    for name, text in (("threshold", objective.threshold), ("max_clock_error_ratio", rules.max_clock_error_ratio)):
        if len(text) > MOST_DIGITS:
            raise UsageError(f"{where}: a {name} of {len(text)} digits; expected at most {MOST_DIGITS}")
        if DECIMAL.fullmatch(text) is None:
            raise UsageError(f"{where}: {name} is '{text[:60]}'; expected a plain decimal number, such as 12.5")
    if not 1 <= rules.quorum <= rules.vantages:
        raise UsageError(
            f"{where}: quorum {rules.quorum} of {rules.vantages} vantage points; expected 1 to all of them"
        )
    if rules.vantages > 1 and not found.name.startswith(PROBED):
        raise UsageError(f"{where}: '{found.name}' is told by one device; expected vantages 1")
    if rules.percentile != "nearest_rank":
        raise UsageError(
            f"{where}: percentile is '{rules.percentile}'; the slots of '{found.name}' and their share are by "
            "nearest_rank"
        )
    if 3600 % rules.check_every_s:
        raise UsageError(f"{where}: check_every_s is {rules.check_every_s}; expected seconds that divide an hour")
    if found.name in ONE_BY_ONE:
        _countable(objective, found.name, where)


def _derivable(objective: Objective, where: str) -> None:
    """Raise UsageError for a promise about faults, assets or a rate that says too little, or what these have not."""
    name, rules = objective.indicator, objective.rules
    unit = derived.UNITS.get(name, "bit/s, the contracted rate")
    if len(objective.threshold) > MOST_DIGITS or DECIMAL.fullmatch(objective.threshold) is None:
        raise UsageError(
            f"{where}: threshold is '{objective.threshold[:60]}'; '{name}' needs a plain decimal number of {unit}"
        )
    if Fraction(objective.threshold) <= 0:
        raise UsageError(f"{where}: threshold is {objective.threshold}; '{name}' needs more than 0 {unit}")
    for field, expected in (DERIVED_ONLY | (RATE_ONLY if name == derived.RATE else {})).items():
        if getattr(rules, field) != expected:
            what = f"{where}: {field} is '{getattr(rules, field)}'; '{name}' is a ratio of sums over what was seen"
            raise UsageError(f"{what}, expected '{expected}'")


def _countable(objective: Objective, metric: str, where: str) -> None:
    """Raise UsageError for a promise about counts that asks for what only time has, or that nobody counts."""
    rules = objective.rules
    if metric in probe.COUNTED:
        _packets(objective, where)
    else:
        known = tuple(map(str, portal.BOUNDS.get(metric, (portal.CAP_MS if metric in portal.MEANS else 1,))))
        if objective.threshold not in known:
            raise UsageError(
                f"{where}: threshold is '{objective.threshold}'; '{metric}' is counted at {', '.join(known)}"
            )
    for name, expected in COUNTS_ONLY.items():
        if getattr(rules, name) != expected:
            raise UsageError(
                f"{where}: {name} is '{getattr(rules, name)}'; '{metric}' is counted one by one, expected '{expected}'"
            )
    if rules.min_samples_per_slice > 1:
        raise UsageError(f"{where}: min_samples_per_slice is {rules.min_samples_per_slice}; expected 0 or 1 of counts")


def _packets(objective: Objective, where: str) -> None:
    """Raise UsageError unless the threshold says how many packets a slot is to have."""
    most = objective.rules.check_every_s * MOST_PACKETS
    if re.fullmatch("[1-9][0-9]{0,9}", objective.threshold) is None or int(objective.threshold) > most:
        raise UsageError(
            f"{where}: threshold is '{objective.threshold}'; '{objective.indicator}' needs how many packets a slot of "
            f"{objective.rules.check_every_s} s is to have: a whole number from 1 to {most}"
        )


def of(contract: Contract) -> list[Stream]:
    """Return what a contract's objectives rest on besides availability, each stream once."""
    return list(dict.fromkeys(each for item in contract.items for each in _sound(item)))


def of_item(item: ServiceItem) -> frozenset[str]:
    """Return the metrics that an item's objectives rest on."""
    return frozenset(name for each in _sound(item) for name in each.metrics)


def _sound(item: ServiceItem) -> Iterator[Stream]:
    """Yield the streams that can be judged: what `netops check` refuses must not hold up the other objectives."""
    for objective in item.objectives:
        with suppress(UsageError):
            sound(objective, item.id)
            found = stream(objective)
            if found is not None:
                yield found
