"""Which figures are counts of things, one by one, so that a millisecond of the report's tables stands for one thing."""

from __future__ import annotations

from netops.metrics.portal import COUNTED
from netops.sla import derived

INDICATORS = COUNTED | derived.COUNTED
OUTAGES = COUNTED
"""Of these a row of failures is counted too; a fault that is one of many still lasted its time."""
