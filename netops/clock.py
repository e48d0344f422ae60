"""The only place that asks the time. Everywhere else `now` is an argument.

Wall time is integer milliseconds UTC (`now_ms`); durations come from the monotonic clock.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What tells the time: the machine, or a rehearsal's simulated clock."""

    def now_ms(self) -> int:
        """Wall clock, milliseconds since 1970-01-01T00:00:00Z."""
        ...

    def monotonic(self) -> float:
        """Seconds that never step; only differences mean anything."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now_ms(self) -> int:
        """Wall clock, milliseconds since the epoch."""
        return time.time_ns() // 1_000_000  # noqa: TID251  (this is the one place)

    def now_ns(self) -> int:
        """Wall clock in nanoseconds since the epoch: packets carry it on the wire."""
        return time.time_ns()  # noqa: TID251

    # Seconds that never step. Asked for every datagram: a function of our own around it would cost as much again.
    monotonic = staticmethod(time.monotonic)

    def monotonic_ns(self) -> int:
        """Nanoseconds that never step."""
        return time.monotonic_ns()


SYSTEM = SystemClock()


def utc(at_ms: int) -> datetime:
    """Return the aware UTC datetime of `at_ms`."""
    return datetime.fromtimestamp(at_ms / 1000, tz=UTC)


def to_ms(at: datetime) -> int:
    """Return the milliseconds of an aware datetime (naive ones are refused: they mean three things)."""
    if at.tzinfo is None:
        msg = f"{at.isoformat()} has no time zone; expected an aware datetime"
        raise ValueError(msg)
    delta = at - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1000 + delta.microseconds // 1000


def iso(at_ms: int) -> str:
    """Return RFC 3339 UTC with milliseconds, `2026-10-01T00:00:00.000Z`."""
    return utc(at_ms).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at_ms % 1000:03d}Z"
