"""What an archived poll of a vantage point says, by the rules that read it: for the page that shows its raw bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collectors.probes import figures, slots

if TYPE_CHECKING:
    from netops.model import Gap, Observation
    from netops.store import Outcome


def explain(device: str, outcome: Outcome, raw: bytes) -> list[Observation | Gap]:
    """Return the observations and gaps of the records of a poll; nothing for a poll of another door."""
    if outcome.profile != slots.PROFILE:
        return []
    made: list[Observation | Gap] = []
    for record in slots.explained(raw):
        found = figures.read_any(record, device=device, vantage=device.partition("/")[0])
        made += [*found[0], *found[1]] if found else []
    return made
