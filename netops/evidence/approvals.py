"""Whether two persons allowed a claim, from the leaves alone, as the verifier reads them.

Part of the second implementation (`verifier.py`): the same rules as `netops/access/approvals.py`, of which nothing is
shared. They are listed in `docs/explanation/sla.md` under Exclusions; a test compares the two tables of roles.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from netops.evidence import canonical

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Leaves = Sequence[tuple[int, dict[str, Any]]]  # (index, leaf), in the order of the ledger

ASKS = frozenset({"operator", "contract_manager"})
DECIDES = frozenset({"contract_manager"})
_TERMS = ("contract", "class", "start_ms", "end_ms", "services")


def allowed(claim: Mapping[str, Any], approver: str, *, asked: Leaves, decided: Leaves) -> bool:
    """Whether the first decision that the rules allow approves the claim, in the role that the contract names."""
    first = next(((at, leaf["fact"]) for at, leaf in asked if leaf["fact"]["body"]["request"] == claim["claim"]), None)
    if first is None or not _sound(first[1]["body"], claim):
        return False
    for at, leaf in decided:
        fact = leaf["fact"]
        if at > first[0] and fact["body"]["request"] == claim["claim"] and _counts(fact, first[1]):
            said = fact["body"]
            return bool(said["decision"] == "approved" and said["role"] == approver and said["by"] != claim["by"])
    return False


def _sound(request: Mapping[str, Any], claim: Mapping[str, Any]) -> bool:
    """Whether the request was for just this claim, by somebody who may ask, under the digest of its terms."""
    terms = request.get("terms", {})
    return bool(
        request["action"] == "exclusion"
        and request.get("role", "") in ASKS
        and terms == {key: claim[key] for key in _TERMS}
        and request.get("digest", "") == sha256(canonical.dumps(terms)).hexdigest()
    )


def _counts(decision: Mapping[str, Any], request: Mapping[str, Any]) -> bool:
    """Whether the rules allow the decision: by a second person in a role that decides, or by who asked, withdrawing."""
    said, own = decision["body"], decision["body"]["by"] == request["body"]["by"]
    if said["decision"] == "withdrawn":
        return bool(own)
    return bool(not own and said.get("role", "") in DECIDES and decision["at_ms"] >= request["at_ms"])
