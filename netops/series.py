"""Observations and gaps → the rows that are stored. Pure.

A state travels as its code, a text as an attribute; whatever is not simply ok carries its Quality or Reason as a code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netops.metrics import METRICS, Kind
from netops.model import Quality, Row

if TYPE_CHECKING:
    from collections.abc import Iterable

    from netops.model import Gap, Observation, Subject


def rows(observations: Iterable[Observation], gaps: Iterable[Gap]) -> tuple[Row, ...]:
    """Return one row per subject, in the order in which subjects first appear.

    A value wins over a gap of the same metric; of two values the first one that is ok, else the first.
    """
    values: dict[Subject, dict[str, float | None]] = {}
    codes: dict[Subject, dict[str, str]] = {}
    texts: dict[Subject, dict[str, str]] = {}
    for seen in observations:
        into = values.setdefault(seen.subject, {})
        if seen.value is not None and _is_text(seen):
            texts.setdefault(seen.subject, {}).setdefault(seen.metric, str(seen.value))
            continue
        mine = codes.setdefault(seen.subject, {})
        if seen.metric in into and (seen.metric not in mine or seen.quality is not Quality.OK):
            continue
        into[seen.metric] = seen.value if isinstance(seen.value, float) or seen.value is None else float(seen.value)
        mine.pop(seen.metric, None)
        if seen.quality is not Quality.OK:
            mine[seen.metric] = seen.quality.value
    for gap in gaps:
        into = values.setdefault(gap.subject, {})
        if gap.metric not in into and gap.metric not in texts.get(gap.subject, {}):
            into[gap.metric] = None
            codes.setdefault(gap.subject, {})[gap.metric] = gap.reason.value
    return tuple(Row(subject=s, values=v, codes=codes.get(s, {}), texts=texts.get(s, {})) for s, v in values.items())


def _is_text(seen: Observation) -> bool:
    metric = METRICS.get(seen.metric)
    return isinstance(seen.value, str) or (metric is not None and metric.kind is Kind.TEXT)
