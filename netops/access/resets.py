"""Second factors forgotten by two persons: one asks, another approves, and it is carried out once.

Neither of them is whose factors they are (`approvals.own`). What is due follows from the approvals alone, so that a
process that died between the decision and the accounts finds it when it is back. It is looked for within a day: an
older decision says nothing of the factors of today.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netops.access import approvals
from netops.access.staff import COMMAND_LINE
from netops.errors import UsageError
from netops.facts import Fact

if TYPE_CHECKING:
    from collections.abc import Iterable

    from netops.access.approvals import Approval
    from netops.access.factors import Factors

ACTION = "factor_reset"
DONE = "second factors reset"
WITHIN_MS = 24 * 3_600_000


def check(factors: Factors, account: str) -> None:
    """Raise UsageError unless there is such an account and something to forget; which of both lacks is not told."""
    held = factors.held(account)
    if not (held.codes or held.passkeys or held.recovery):
        raise UsageError(f"no account {account!r} that has a second factor; it is the name that its owner logs in with")


def due(known: Iterable[Approval], *, now_ms: int) -> list[Approval]:
    """Return what was approved within a day, the first decision first; what of it was carried out the accounts know."""
    held = [
        (each.decision.at_ms, each.request.id, each)
        for each in known
        if each.request.action == ACTION and each.state == approvals.APPROVED and each.decision is not None
    ]
    return [each for at_ms, _, each in sorted(held, key=lambda one: one[:2]) if now_ms - at_ms < WITHIN_MS]


def step(known: Iterable[Approval], factors: Factors, *, now_ms: int, origin: str = COMMAND_LINE) -> list[Fact]:
    """Carry out what is due and return what is to be stated of it; what was carried out before is passed over."""
    made = []
    for each in due(known, now_ms=now_ms):
        account, by = each.request.subject, each.decision.by if each.decision is not None else ""
        if factors.staff.account(account) is None:
            continue
        if factors.forget(account, by=by, now_ms=now_ms, origin=origin, request=each.request.id):
            body = {"action": DONE, "subject": account, "by": by, "detail": each.request.id}
            made.append(Fact(kind="staff_action", at_ms=now_ms, body=body))
    return made
