"""Which decisions of two persons this version carries out.

`netops/access/approvals.py` knows how every kind is asked for, decided and read back. What nothing would act on is not
asked for: two persons would sign a decision, the ledger would keep it, and nothing would happen.
"""

from __future__ import annotations

from netops.access.approvals import ACTIONS
from netops.errors import UsageError, nearest

NOT_YET = {
    "fail_open": "this version's portal does not carry out an approved fail-open, so it takes no request for one; "
    "visitors go on logging in with the methods of `portal.methods` (click_through needs nothing from them)",
}
OFFERED = tuple(name for name in ACTIONS if name not in NOT_YET)


def check(action: str) -> None:
    """Raise UsageError when the action is unknown, or when nothing would act on the decision."""
    if action not in ACTIONS:
        close = nearest(action, OFFERED)
        raise UsageError(f"action '{action}' is unknown; expected one of {', '.join(OFFERED)}{close}")
    if action in NOT_YET:
        raise UsageError(f"'{action}' cannot be asked for: {NOT_YET[action]}")
