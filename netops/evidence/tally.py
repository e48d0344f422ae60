"""What the ledger counts about each contract, so that a bundle can prove that nothing was left out of it.

Each leaf of a kind below is on the account of a contract (or of everybody); per account and kind runs a *head*: how
many there are and a hash chain over their leaf hashes. The ledger seals all heads in a `ledger_tally`: at every
index that `EVERY` divides with remainder `EVERY - 1`, where anyone knows that it must stand, and right before each
`report_issued`. ADR 13 says why and what follows. Format only: nothing here reads or keeps.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from netops.evidence import canonical, merkle

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from netops.evidence.canonical import JSON

KIND = "ledger_tally"
EVERY = 4096
EVERYBODY = ""  # the account of what concerns every contract
STANDING = frozenset(
    {
        "contract_version",
        "exclusion_claim",
        "approval_request",
        "approval_decision",
        "fact_refused",
        "objection",
        "rebuttal",
        "ruling",
        "correction",
        "correction_refused",
        "late_samples",
        "note_received",
        "note_refused",
        "party_key",
        "verdict",
        "report_issued",
        "report_accepted",
        "report_final",
        "report_settled",
        "ticket_step",
    }
)  # few: a bundle holds all of its contract since the ledger began
POLICY, BREAK = "witness_policy", "listening_break"
SHARED = frozenset({POLICY, BREAK})  # few, on everybody's account: a bundle holds all since the ledger began
HOUR = "availability_hour"
SIGHT = frozenset({"clock_state", "monitor_health", "slots_missed", "spool_dropped", "source_conflict"})  # how we saw
RANGED = SIGHT | {HOUR}  # many: a bundle holds those around its period
AREAS, SURVEY = "coverage_areas", "survey_import"
SURVEYED = frozenset({AREAS, SURVEY})  # a bundle holds all since the ledger began, where its contract promises coverage
KINDS = STANDING | SHARED | RANGED | SURVEYED
WELL = {"clock_state": "synchronised", "monitor_health": "ok"}  # the states that need no line


@dataclass(frozen=True, slots=True)
class Head:
    """Count and chain of one account and kind; `latest_ms` so far, and how many came after a later one."""

    count: int = 0
    chain: str = "0" * 64
    latest_ms: int = 0
    late: int = 0

    def then(self, leaf: bytes, when_ms: int) -> Head:
        """Return the head with one more leaf, by its hash."""
        return Head(
            self.count + 1,
            sha256(bytes.fromhex(self.chain) + leaf).hexdigest(),
            max(self.latest_ms, when_ms),
            self.late + (when_ms < self.latest_ms),
        )

    def plain(self) -> list[JSON]:
        """Return it as a tally commits to it."""
        return [self.count, self.chain, self.latest_ms, self.late]


Heads = dict[str, Head]  # by kind


@dataclass(frozen=True, slots=True)
class Names:
    """What a fact says of whom it concerns: contracts by name, and names under which others gave theirs."""

    contracts: tuple[str, ...] = ()
    refers: tuple[str, ...] = ()
    makes: tuple[str, ...] = ()


def names(kind: str, body: Mapping[str, Any]) -> Names:
    """Return whom a fact of a tallied kind concerns."""
    match kind:
        case "clock_state" | "monitor_health":
            return Names(() if body["state"] == WELL[kind] else (EVERYBODY,))
        case (
            "slots_missed"
            | "spool_dropped"
            | "source_conflict"
            | "witness_policy"
            | "listening_break"
            | "coverage_areas"
        ):
            return Names((EVERYBODY,))
        case "survey_import":
            return Names((surveys(body["carrier"]),))
        case "contract_version":
            return Names((body["contract"], *([surveys(body["carrier"])] if "carrier" in body else [])))
        case "exclusion_claim":
            asked = (f"ask:{body['claim']}",)
            return Names((body["contract"],), asked, asked)
        case "approval_request":
            asked, named = (f"ask:{body['request']}",), body.get("terms", {}).get("contract")
            return Names((named,) if isinstance(named, str) else (), asked, asked)
        case "approval_decision":
            return Names(refers=(f"ask:{body['request']}",))
        case "fact_refused":
            named = body.get("contract")
            return Names((named,) if named else (), (f"ask:{body.get('request', '')}",))
        case "objection":
            refers = (f"ask:{body['target']}", f"report:{body['report']}")
            return Names((), refers, (f"objection:{body['objection']}",))
        case "rebuttal" | "ruling":
            return Names(refers=(f"objection:{body['objection']}",))
        case "report_accepted" | "report_final" | "report_settled":
            return Names(refers=(f"report:{body['report']}",))
        case "note_received" | "note_refused":
            return Names(refers=(f"report:{body.get('report', '')}",))
        case "report_issued":
            return Names((body["contract"],), (), (f"report:{body['report']}",))
        case "correction":
            return Names(refers=(f"leaf:{body['corrects']}",))
        case _:
            return Names((body["contract"],))


def surveys(carrier: str) -> str:
    """Return the account of a carrier's surveys; no contract is called so."""
    return f"surveys:{carrier}"


def when(fact: Mapping[str, Any]) -> int:
    """Return the instant that a ranged fact is about."""
    at: int = fact["body"]["start_ms"] if fact["kind"] == HOUR else fact["at_ms"]
    return at


def due(index: int) -> bool:
    """Whether a tally must stand at this index."""
    return index % EVERY == EVERY - 1


def account(subject: str, heads: Mapping[str, Head]) -> bytes:
    """Return the hash of one account in a tally's tree."""
    told = [subject, {kind: heads[kind].plain() for kind in sorted(heads)}]
    return merkle.leaf_hash(canonical.dumps(told))


def root(accounts: Sequence[bytes]) -> bytes:
    """Return the root of a tally's tree; the accounts stand in the order of their names."""
    return merkle.root(_node(accounts), len(accounts))


def path(accounts: Sequence[bytes], at: int) -> list[bytes]:
    """Return the way from one account to the root."""
    return merkle.inclusion(_node(accounts), at, len(accounts))


def _node(accounts: Sequence[bytes]) -> merkle.Node:
    def node(level: int, position: int) -> bytes:
        if not level:
            return accounts[position]
        return merkle.node_hash(node(level - 1, 2 * position), node(level - 1, 2 * position + 1))

    return node
