"""The city's day and night: how busy things are, and what counters have counted by an instant.

Load is `1 + 0.8 cos(2 pi (t - 20:00) / 24 h)`: between 0.2 before dawn and 1.8 in the evening, mean 1. Its integral has
a closed form, so a counter's value at any instant is exact and never steps back while the device stays up.
"""

from __future__ import annotations

from math import cos, pi, sin

DAY_S = 86_400.0
PEAK_S = 12 * 3600.0  # 20:00 in Asia/Shanghai is 12:00 UTC
SWING = 0.8
_W = 2 * pi / DAY_S


def load(at_s: float) -> float:
    """Return the load at `at_s` (seconds since the epoch, UTC): 0.2 … 1.8, mean 1."""
    return 1 + SWING * cos(_W * (at_s - PEAK_S))


def counted(rate_per_s: float, since_s: float, at_s: float) -> int:
    """Return what a counter of mean rate `rate_per_s` has counted between two instants under the city's load."""
    waves = SWING / _W * (sin(_W * (at_s - PEAK_S)) - sin(_W * (since_s - PEAK_S)))
    return max(0, int(rate_per_s * (at_s - since_s + waves)))
