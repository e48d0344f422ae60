"""Whether a bundle's checkpoint carries as many co-signatures as the city's own sealed policy asks for.

Part of the stand-alone verifier. What the policy was follows from the leaves of the bundle, which the tallies prove to
be all (`accounts.py`). Who signed follows from the keys that the reader trusts, never from those inside.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from netops.evidence import canonical, note
from netops.evidence.differences import differ
from netops.evidence.integrity import Failure
from netops.evidence.members import CHECKPOINT, LEAVES, REPORT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from netops.evidence.members import Bundle
    from netops.evidence.stated import Stated

POLICY = "witness_policy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cosigned:
    """What the policy asks for, whom it names, and who of them signed by a key that the reader trusts."""

    quorum: int
    named: tuple[str, ...]
    signed: tuple[str, ...]

    @property
    def short(self) -> bool:
        """Whether fewer signed than were asked for."""
        return len(self.signed) < self.quorum

    def plain(self) -> dict[str, canonical.JSON]:
        """Return it as JSON."""
        return {"quorum": self.quorum, "named": [*self.named], "signed": [*self.signed]}

    def __str__(self) -> str:
        """Return it as a sentence."""
        rest = [each for each in self.named if each not in self.signed]
        missing = f"; not seen: {', '.join(rest)}" if rest else ""
        return (
            f"co-signed by {', '.join(self.signed) or 'nobody'} of the {len(self.named)} witnesses that the city named;"
            f" its sealed policy asks for {self.quorum}{missing}"
        )


def verify_policy(report: Mapping[str, Any], leaves: Stated) -> Iterator[Failure]:
    """Yield what the report says of the policy and the leaves do not, and a policy that nobody could follow."""
    for index, leaf in leaves.kinds.get(POLICY, []):
        body = leaf["fact"]["body"]
        if type(body["quorum"]) is not int or not 0 <= body["quorum"] <= len(set(body["witnesses"])):
            yield Failure(
                place=f"{LEAVES}: leaf {index}", what="asks for more witnesses than it names, or for no number"
            )
    yield from differ(report.get("witnessing"), _policy(leaves), f"{REPORT}: witnessing")


def cosigned(bundle: Bundle, trusted: Sequence[note.VerifierKey]) -> Cosigned | None:
    """Return how far the policy is fulfilled, of a bundle that holds otherwise; None when it was sealed under none."""
    told = canonical.loads(bundle.member(REPORT)).get("witnessing")
    if told is None:
        return None
    held = note.verify(note.parse(bundle.member(CHECKPOINT)), trusted)
    witnesses = [each.key for each in held if each.key.algorithm == note.COSIGNATURE_V1]  # the log's own key is none
    signed = {each.public: str(each) for each in witnesses}  # one key under two names is one witness
    named = list(dict.fromkeys(told["witnesses"]))  # nor is one that is named twice two
    return Cosigned(
        quorum=told["quorum"],
        named=tuple(map(_shown, named)),
        signed=tuple(_shown(each) for each in named if each in signed.values()),
    )


def _policy(leaves: Stated) -> dict[str, Any] | None:
    found = leaves.kinds.get(POLICY, [])
    if not found:
        return None
    rows = [
        [index, leaves.known(leaf), leaf["fact"]["body"]["quorum"], len(leaf["fact"]["body"]["witnesses"])]
        for index, leaf in found
    ]
    body = found[-1][1]["fact"]["body"]
    return {
        "leaf": rows[-1][0],
        "since_ms": rows[-1][1],
        "quorum": body["quorum"],
        "witnesses": body["witnesses"],
        **({"sm2": body["sm2"]} if "sm2" in body else {}),
        "earlier": {"columns": ["leaf", "since_ms", "quorum", "witnesses"], "rows": rows[:-1]},
    }


def _shown(vkey: str) -> str:
    """Return name and id of a verifier key."""
    return "+".join(vkey.split("+", 2)[:2])
