"""The metric catalogue: every quantity that NetOps names, in one map."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from netops.errors import NetopsError, nearest
from netops.metrics import lte, optics, poll, pon, portal, probe, radio, system, wlan
from netops.metrics.metric import Better, Kind, Metric, Standing, State

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["METRICS", "ONE_BY_ONE", "Better", "Kind", "Metric", "Standing", "State", "metric"]

METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        entry.name: entry
        for part in (system, wlan, radio, pon, optics, lte, poll, probe, portal)
        for entry in part.ENTRIES
    }
)

ONE_BY_ONE = portal.COUNTED | lte.COUNTED | probe.COUNTED
"""What a contract promises one by one, so that the hours hold counts and no time."""


def metric(name: str) -> Metric:
    """Return the entry called `name`; NetopsError with the nearest match when there is none."""
    try:
        return METRICS[name]
    except KeyError:
        raise NetopsError(f"'{name}' is no metric of the catalogue{nearest(name, METRICS)}") from None
