"""How many pieces of time a month's report of a contract may come to, foretold from its slots and services. Pure.

Both judges refuse a report of more than `MOST_STRETCHES` pieces (`month.py`, `netops/evidence/seen.py`). What is judged
by time has a piece for each change of state; what is counted one by one, or measured as a rate, has one in each slot,
as soon as a service has an hour of its own. So the second is known before the first month, and the first is what
services may do: they pass the bound when they change more often than `Pieces.room`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from netops.sla import streams
from netops.sla.month import MOST_STRETCHES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inventory.model import Contract, Objective

MONTH_S = 31 * 86_400
FEW = 2 * 31  # changes of a service in a month: one outage a day, with its end


@dataclass(frozen=True, slots=True, kw_only=True)
class Pieces:
    """Pieces of a month of 31 days: `sure` of what has one in each slot, `most` of all if it changed in each slot.

    `promised`: services × promises that are judged by time.
    """

    sure: int
    most: int
    promised: int

    @property
    def room(self) -> int:
        """How often a service may change under each promise, on average, before the bound is passed."""
        return max(0, MOST_STRETCHES - self.sure) // max(1, self.promised)


def of(contract: Contract, services: Mapping[str, int]) -> Pieces:
    """Return what a contract may come to with so many services of each item."""
    sure = most = promised = 0
    for item in contract.items:
        count = services.get(item.id, 0)
        for each in item.objectives:
            stream, slots = streams.stream(each), count * _slots(contract, each)
            most += slots
            if stream is not None and (stream.counted or stream.rated):
                sure += slots
            else:
                promised += count
    return Pieces(sure=sure, most=most, promised=promised)


def _slots(contract: Contract, each: Objective) -> int:
    """Return the slots of a month: of a metric by its own rules, of the services' state by those of the contract."""
    rules = contract.rules if streams.stream(each) is None else each.rules
    return MONTH_S // max(1, rules.check_every_s)


def found(given: Pieces) -> tuple[str, dict[str, object]] | None:
    """Return the sentence of `pitfall_words.py` that warns of it, with its fields; None where there is room."""
    bound = f"{MOST_STRETCHES:,}"
    if given.sure > MOST_STRETCHES:
        factor = -(-given.sure // MOST_STRETCHES)
        return "pieces_pass", {"pieces": f"{given.sure:,}", "bound": bound, "factor": factor}
    if given.most > MOST_STRETCHES and given.room < FEW:
        return "pieces_few", {"most": f"{given.most:,}", "bound": bound, "room": given.room}
    return None
