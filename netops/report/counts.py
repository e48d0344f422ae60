"""Which figures are counts of things, one by one, so that a millisecond of the report's tables stands for one thing."""

from __future__ import annotations

from netops.metrics import ONE_BY_ONE
from netops.sla import derived

INDICATORS = ONE_BY_ONE | derived.COUNTED
OUTAGES = ONE_BY_ONE
"""Of these a row of failures is counted too; a fault that is one of many still lasted its time."""
