"""Which figures are counts of things, one by one, so that a millisecond of the report's tables stands for one thing."""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING, Any

from netops.metrics import ONE_BY_ONE, portal, probe
from netops.sla import counted, derived, numbers

if TYPE_CHECKING:
    from collections.abc import Mapping

INDICATORS = ONE_BY_ONE | derived.COUNTED
OUTAGES = ONE_BY_ONE
"""Of these a row of failures is counted too; a fault that is one of many still lasted its time."""

_ONE_BY_ONE = "逐次计算 one by one, good while"
CAPPED = f"每次至多计 each counts at most {counted.SECONDS} s"


def figure(objective: Mapping[str, Any]) -> str:
    """Return what an objective comes to as people read it: `92.3 %`, of a mean with its seconds, `92.3 % (7.700 s)`."""
    share, seconds = objective["shown"] or "—", mean(objective)
    return f"{share} %" + (f" ({seconds})" if seconds else "")


def mean(objective: Mapping[str, Any]) -> str:
    """Return the mean that an objective of `report.json` comes to: `7.700 s`, rounded up; empty where it is of none."""
    if objective["indicator"] not in portal.MEANS or not objective["value"]:
        return ""
    waited = 1 - Fraction(objective["value"])
    return f"{numbers.shown(Fraction(ceil(waited * portal.CAP_MS), 1000), 3)} s"


def unit(objective: Mapping[str, Any]) -> str:
    """Return what stands behind a count: of a mean the seconds of its logins, ` s`; of all else nothing."""
    return " s" if objective["indicator"] in portal.MEANS else ""


def how(objective: Mapping[str, Any]) -> str:
    """Return how things are counted, before what makes one good: of packets, before how many a slot has."""
    return "逐包计算，每时隙 packet by packet, in a slot" if objective["indicator"] in probe.COUNTED else _ONE_BY_ONE


def number(objective: Mapping[str, Any]) -> int:
    """Return how many things were judged; a login of a mean has a place for each second that it may count."""
    places: int = sum(objective["tally"].values())
    return places // counted.SECONDS if objective["indicator"] in portal.MEANS else places
