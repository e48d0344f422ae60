"""What an archived visit says, by the rules that read it: for the page that shows a poll's raw octets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collectors.ssh.archive import heard_in, taken_of
from collectors.ssh.decode import decode
from collectors.ssh.read_yaml import shipped

if TYPE_CHECKING:
    from netops.model import Gap, Observation
    from netops.store import Outcome


def explain(device: str, outcome: Outcome, raw: bytes) -> list[Observation | Gap]:
    """Return the observations and gaps that the framed outputs of a visit hold."""
    reads = shipped()
    decoded = decode(taken_of(heard_in(raw, reads), reads), device=device.partition("/")[0], at_ms=outcome.at_ms)
    return [*decoded.observations, *decoded.gaps]
