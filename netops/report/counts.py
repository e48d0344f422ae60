"""Which figures are counts of things, one by one, so that a millisecond of the report's tables stands for one thing."""

from __future__ import annotations

from netops.metrics.portal import COUNTED
from netops.sla import derived

INDICATORS = COUNTED | derived.COUNTED
