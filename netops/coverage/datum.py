"""Positions to WGS-84, whatever datum the instrument wrote: WGS-84, GCJ-02 or BD-09.

GCJ-02 (the maps of mainland China) and BD-09 (Baidu) shift a position by some hundred metres. Their formulas go one
way, from WGS-84; the way back is found by iteration. `INVERSION_MM` is how far the result may lie from the exact
inverse of the formula. The state has not published GCJ-02: how near the known formula comes to what a vendor's
instrument applies is not known here, and no figure of ours says it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Position = tuple[float, float]
"""Latitude and longitude in degrees."""

WGS_84, GCJ_02, BD_09 = "WGS-84", "GCJ-02", "BD-09"
INVERSION_MM: Mapping[str, int] = {WGS_84: 0, GCJ_02: 10, BD_09: 10}
SHIFTED = ((0.8293, 55.8271), (72.004, 137.8347))
"""Latitudes and longitudes between which GCJ-02 shifts positions at all."""

_MAJOR, _ECCENTRICITY = 6_378_245.0, 0.006_693_421_622_965_943  # Krasovsky 1940, on which GCJ-02 is built
_ROUNDS, _STILL = 30, 1e-10
_BAIDU = math.pi * 3000 / 180


def to_wgs84(position: Position, datum: str) -> Position:
    """Return the position in WGS-84; ValueError names a position that its datum does not have, or an unknown datum."""
    if datum == WGS_84:
        return position
    if datum not in INVERSION_MM:
        raise ValueError(f"datum {datum!r} is unknown; expected one of {', '.join(INVERSION_MM)}")
    for value, (low, high) in zip(position, SHIFTED, strict=True):
        if not low <= value <= high:
            raise ValueError(f"{value} lies where {datum} is not defined; expected {low} to {high}, or write WGS-84")
    if datum == BD_09:
        position = _back(position, baidu)
    return _back(position, gcj02)


def _back(wanted: Position, forward: Callable[[Position], Position]) -> Position:
    """Return what `forward` takes to `wanted`: the shift changes slowly, so each round leaves little of the error."""
    latitude, longitude = wanted
    for _ in range(_ROUNDS):
        made = forward((latitude, longitude))
        off = wanted[0] - made[0], wanted[1] - made[1]
        latitude, longitude = latitude + off[0], longitude + off[1]
        if max(map(abs, off)) < _STILL:
            break
    return latitude, longitude


def gcj02(position: Position) -> Position:
    """Return the GCJ-02 position of a WGS-84 one, by the formula in public use."""
    latitude, longitude = position
    x, y = longitude - 105, latitude - 35
    common = (20 * math.sin(6 * math.pi * x) + 20 * math.sin(2 * math.pi * x)) * 2 / 3
    north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * math.sqrt(abs(x)) + common + _waves(y, 160, 320)
    east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * math.sqrt(abs(x)) + common + _waves(x, 150, 300)
    angle = math.radians(latitude)
    curve = 1 - _ECCENTRICITY * math.sin(angle) ** 2
    meridian = _MAJOR * (1 - _ECCENTRICITY) / curve**1.5
    parallel = _MAJOR / math.sqrt(curve) * math.cos(angle)
    return latitude + math.degrees(north / meridian), longitude + math.degrees(east / parallel)


def _waves(at: float, twelfth: float, thirtieth: float) -> float:
    short = 20 * math.sin(at * math.pi) + 40 * math.sin(at / 3 * math.pi)

    long = twelfth * math.sin(at / 12 * math.pi) + thirtieth * math.sin(at / 30 * math.pi)
    return (short + long) * 2 / 3


def baidu(position: Position) -> Position:
    """Return the BD-09 position of a GCJ-02 one."""
    y, x = position
    radius = math.hypot(x, y) + 0.000_02 * math.sin(y * _BAIDU)
    angle = math.atan2(y, x) + 0.000_003 * math.cos(x * _BAIDU)
    return radius * math.sin(angle) + 0.006, radius * math.cos(angle) + 0.0065
