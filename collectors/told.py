"""What a device told, as observations and gaps: how a value of any door is written down. Pure.

Every door reads its cells by the same readers, bounds, sentinels and qualities (`collectors/cells.py`) and differs only
in where a value stood: an OID, a command and the name of a value, a parameter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from collectors.cells import read_cell
from collectors.convert import UnreadableError
from netops.model import Gap, Observation, Quality, Reason, Subject

if TYPE_CHECKING:
    from fractions import Fraction

    from collectors.convert import Scalar
    from collectors.profile import Column


class Told:
    """Collects while one answer is read. `whole` is the device itself."""

    __slots__ = ("at_ms", "device", "gaps", "observations", "whole")

    def __init__(self, device: str, at_ms: int) -> None:
        self.device, self.at_ms = device, at_ms
        self.whole = Subject("device", device)
        self.observations: list[Observation] = []
        self.gaps: list[Gap] = []

    def value(
        self,
        column: Column,
        sent: Scalar,
        *,
        shown: int | str,
        subject: Subject,
        place: str,
        rule: str,
        index: str,
        torn: bool,
        factor: int | Fraction = 1,
    ) -> None:
        """Write down what a cell holds; one that is nothing its column can mean is a gap that shows what was sent."""
        metric = column.metric
        if metric is None:
            return
        try:
            value, quality = read_cell(column, sent, factor)
        except UnreadableError as error:
            self.unreadable(column, subject, str(error), shown=shown, place=place, index=index)
            return
        self.observations.append(
            Observation(
                metric=metric.name,
                subject=subject,
                device=self.device,
                at_ms=self.at_ms,
                value=value,
                unit=metric.unit,
                raw=shown,
                oid=place,
                rule=rule,
                quality=Quality.TORN if torn and quality is Quality.OK else quality,
                index=index,
            )
        )

    def unreadable(
        self, column: Column, subject: Subject, why: str, *, shown: int | str, place: str, index: str
    ) -> None:
        """Write down a cell that cannot be read, with what was sent."""
        self.missing(column, subject, Reason.UNREADABLE, f"{why}; got {shown!r:.80}", place=place, index=index)

    def missing(
        self, column: Column, subject: Subject, reason: Reason, detail: str, *, place: str, index: str = ""
    ) -> None:
        """Write down that something which was asked is not there, and why."""
        self.gaps.append(
            Gap(
                metric=column.metric.name if column.metric else column.key,
                subject=subject,
                device=self.device,
                at_ms=self.at_ms,
                reason=reason,
                detail=detail,
                oid=place,
                index=index,
            )
        )
