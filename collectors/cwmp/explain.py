"""What an archived session says, by the rules that read it: for the page that shows a poll's raw octets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collectors.cwmp.archive import heard_in
from collectors.cwmp.decode import decode
from collectors.cwmp.model_yaml import shipped

if TYPE_CHECKING:
    from netops.model import Gap, Observation
    from netops.store import Outcome


def explain(device: str, outcome: Outcome, raw: bytes) -> list[Observation | Gap]:
    """Return the observations and gaps of a session's envelopes."""
    heard = heard_in(raw)
    if heard is None:
        return []
    decoded = decode(shipped().values(), heard, device=device.partition("/")[0], at_ms=outcome.at_ms)
    return [*decoded.observations, *decoded.gaps]
