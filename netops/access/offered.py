"""Which decisions of two persons this version carries out: all that `netops/access/approvals.py` knows."""

from __future__ import annotations

from netops.access.approvals import ACTIONS
from netops.errors import UsageError, nearest

OFFERED = tuple(ACTIONS)


def check(action: str) -> None:
    """Raise UsageError when the action is unknown."""
    if action not in ACTIONS:
        close = nearest(action, OFFERED)
        raise UsageError(f"action '{action}' is unknown; expected one of {', '.join(OFFERED)}{close}")
