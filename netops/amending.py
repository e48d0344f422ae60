"""Changes of the register that two persons decided: carried out once, in the order of the decisions, and stated.

The register itself keeps which request an application carries out. So a core that died between the register and the
ledger finds it there when it comes back, and states it; and nobody carries it out again.

Where the register's file belongs to the command line (services with users of their own) the core cannot write it: it
says in its health what waits, and `netops approve apply` carries it out.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from inventory import edits
from inventory.errors import FilesError
from inventory.register import Register
from netops.access import approvals
from netops.clock import iso
from netops.evidence import canonical
from netops.facts import Fact
from netops.ledger import LedgerEntry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from inventory.edits import Edit
    from netops.access.approvals import Approval
    from netops.config import Settings
    from netops.evidence.canonical import JSON
    from netops.ledger import Ledger, LedgerReader

ACTION = KIND = "register_change"
APPLIED, REFUSED = "applied", "refused"
SOURCE = "amendments"
MOST_REASON = 1_000
HEALTH = "register changes"


def due(ledger: LedgerReader) -> list[Approval]:
    """Return what was approved and nothing became of yet, the first decision first."""
    told = {str(leaf.fact.body["request"]) for leaf in ledger.find(KIND)}
    kinds = ("approval_request", "approval_decision")
    leaves = sorted((leaf for kind in kinds for leaf in ledger.find(kind)), key=lambda leaf: leaf.index)
    held = approvals.fold((leaf.fact, True) for leaf in leaves).values()
    waiting = [(each.decision.at_ms, each.request.id, each) for each in held if each.decision and _ours(each, told)]
    return [each for _, _, each in sorted(waiting, key=lambda one: one[:2])]


def _ours(each: Approval, told: set[str]) -> bool:
    return each.request.action == ACTION and each.state == approvals.APPROVED and each.request.id not in told


def step(settings: Settings, ledger: Ledger, health: dict[str, str], *, now_ms: int) -> bool:
    """Carry out and state what is due; return whether anything came of it. `health` gets what waits for others."""
    health.pop(HEALTH, None)
    waiting = due(ledger)
    if not waiting:
        return False
    writes = writable(settings)
    with Register(settings.register_url, rehearsal=settings.city.rehearsal, readonly=not writes) as register:
        became = [carry_out(register, each, now_ms=now_ms, writes=writes) for each in waiting]
    stated = [entry for entry in became if entry is not None]
    if stated:
        ledger.append(stated, now_ms=now_ms)
    if len(stated) < len(waiting):
        whom = f"sudo -u {settings.data.users} " if settings.data.users else ""
        health[HEALTH] = f"{len(waiting) - len(stated)} approved; `{whom}netops approve apply` carries them out"
    return bool(stated)


def writable(settings: Settings) -> bool:
    """Whether this process may write the register: a server's by its URL, a file where its owner lets us."""
    file = settings.room("register") / "register.db"
    return bool(settings.register.url) or (os.access(file, os.W_OK) and os.access(file.parent, os.W_OK))


def carry_out(register: Register, approval: Approval, *, now_ms: int, writes: bool = True) -> LedgerEntry | None:
    """Carry out one decision; return the fact of what became of it, None when somebody else must.

    It is refused when it does not fit the register any more: whoever wants it makes the change anew.
    """
    request, decision = approval.request, approval.decision
    assert decision is not None
    recorded = register.applied(request.id)
    if recorded is not None:
        return _entry(approval, APPLIED, recorded, "", now_ms=now_ms)
    terms: Any = request.terms
    at_ms = int(terms["from_ms"]) or now_ms
    if at_ms <= decision.at_ms and terms["from_ms"]:
        why = (
            f"it was approved at {iso(decision.at_ms)}, not before the instant from which it was to hold, {iso(at_ms)}"
        )
        return _entry(approval, REFUSED, 0, why, now_ms=now_ms)
    try:
        wanted = wanted_of(request.terms)
        if not writes:
            register.plan_edits(wanted, at_ms=at_ms)
            return None
        by = f"{request.by}, {decision.by}"
        register.edit(wanted, at_ms=at_ms, now_ms=now_ms, request=request.id, by=by, reason=request.reason)
    except FilesError as error:
        return _entry(approval, REFUSED, 0, str(error), now_ms=now_ms)
    return _entry(approval, APPLIED, register.applied(request.id) or 0, "", now_ms=now_ms)


def wanted_of(terms: Any) -> list[Edit]:
    """Return the edits that a request's terms hold; FilesError when they cannot be read."""
    return [edits.read(each) for each in terms["changes"]]


def terms_of(wanted: Iterable[Edit], *, from_ms: int = 0) -> dict[str, JSON]:
    """Return the terms in which these edits are asked for; `from_ms` 0: they hold from when they are applied."""
    return {"changes": [edits.text(each) for each in wanted], "from_ms": from_ms}


def _entry(approval: Approval, outcome: str, revision: int, reason: str, *, now_ms: int) -> LedgerEntry:
    request = approval.request
    body: dict[str, JSON] = {
        "request": request.id,
        "outcome": outcome,
        "digest": request.digest,
        "revision": revision,
        "by": approval.decision.by if approval.decision else request.by,
        "reason": reason[:MOST_REASON],
    }
    number = int(canonical.digest(request.id.encode())[:12], 16)
    return LedgerEntry(SOURCE, number, Fact(kind=KIND, at_ms=now_ms, body=body))
