"""The reference page of the catalogue: `python -m netops.metrics.reference > docs/reference/metrics.md`. Pure."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from netops.metrics import METRICS

if TYPE_CHECKING:
    from netops.metrics import Metric

_HEAD = """\
# Metrics

Generated from `netops/metrics/`; do not edit. Values outside the bounds keep what was sent and enter no verdict.

| metric | unit | kind | better | bounds | 中文 | meaning | source |
|---|---|---|---|---|---|---|---|
"""


def page() -> str:
    """Return the page: one row per metric, in the order of their names; then the states."""
    rows = "".join(_row(METRICS[name]) for name in sorted(METRICS))
    states = "".join(_states(METRICS[name]) for name in sorted(METRICS) if METRICS[name].states)
    return f"{_HEAD}{rows}\n## States\n{states}"


def _row(metric: Metric) -> str:
    low, high = metric.bounds
    bounds = "" if metric.bounds == (None, None) else f"{_end(low)} … {_end(high)}"
    cells = (f"`{metric.name}`", metric.unit, metric.kind, metric.better, bounds, metric.zh, metric.en, metric.source)
    return f"| {' | '.join(str(c).replace('|', '/') for c in cells)} |\n"


def _end(bound: float | None) -> str:
    return "" if bound is None else f"{bound:,g}"


def _states(metric: Metric) -> str:
    listed = ", ".join(f"{s.code} `{s.name}` {s.zh} ({s.standing})" for s in metric.states)
    return f"- `{metric.name}`: {listed}\n"


if __name__ == "__main__":
    sys.stdout.write(page())
