"""What a metric is: a named quantity with its unit, direction, bounds and definition.

The catalogue's entries stand in the sibling modules, one per kind of network; `netops.metrics.METRICS` joins them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """How the values of a metric behave."""

    GAUGE = "gauge"
    COUNTER = "counter"  # only ever grows, until it wraps or the device restarts
    STATE = "state"  # a code with a name, out of `states`
    TEXT = "text"  # an attribute of the subject: model, version, name


class Better(StrEnum):
    """Which way is good."""

    HIGHER = "higher"
    LOWER = "lower"
    NEUTRAL = "neutral"


class Standing(StrEnum):
    """What a state says about the service of its subject."""

    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"
    UNKNOWN = "unknown"  # e.g. what a standby controller says of its access points: no outage


@dataclass(frozen=True, slots=True)
class State:
    """One code of a state metric."""

    code: int
    name: str
    zh: str
    standing: Standing = Standing.UNKNOWN


@dataclass(frozen=True, slots=True)
class Metric:
    """One entry of the catalogue.

    `unit` follows UCUM's spelling (`s`, `%`, `By`, `Cel`, `dBm`, `1`; empty for states and texts). `bounds` are the
    physically possible values, both ends included: what lies outside keeps its raw value and enters no verdict.
    `source` names the MIB object, clause or document that defines the quantity.
    """

    name: str
    unit: str
    kind: Kind
    better: Better
    zh: str
    en: str
    source: str
    bounds: tuple[float | None, float | None] = (None, None)
    states: tuple[State, ...] = ()

    def within(self, value: float) -> bool:
        """Whether `value` is physically possible."""
        low, high = self.bounds
        return (low is None or value >= low) and (high is None or value <= high)

    def state(self, code: float) -> State | None:
        """Return the state with this code, or None when the catalogue has none."""
        return next((s for s in self.states if s.code == code), None)

    def code(self, name: str) -> int | None:
        """Return the code of the state called `name`, or None."""
        return next((s.code for s in self.states if s.name == name), None)


def gauge(
    name: str,
    unit: str,
    zh: str,
    en: str,
    source: str,
    *,
    better: Better = Better.NEUTRAL,
    bounds: tuple[float | None, float | None] = (None, None),
) -> Metric:
    """Describe a quantity that goes up and down."""
    return Metric(name, unit, Kind.GAUGE, better, zh, en, source, bounds)


def counter(name: str, unit: str, zh: str, en: str, source: str, *, better: Better = Better.NEUTRAL) -> Metric:
    """Describe a quantity that only grows."""
    return Metric(name, unit, Kind.COUNTER, better, zh, en, source, (0, None))


def state(name: str, zh: str, en: str, source: str, *states: State) -> Metric:
    """Describe a code out of a closed list."""
    return Metric(name, "", Kind.STATE, Better.NEUTRAL, zh, en, source, states=states)


def text(name: str, zh: str, en: str, source: str) -> Metric:
    """Describe an attribute in words."""
    return Metric(name, "", Kind.TEXT, Better.NEUTRAL, zh, en, source)
