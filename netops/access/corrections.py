"""A correction before it is sealed: it names a leaf of an hour whose samples are still here. Pure.

Other facts are not corrected: a claim is objected to, a contract is amended, a report gets a revision.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from netops.sla.hours import KIND as HOUR

if TYPE_CHECKING:
    from collections.abc import Callable

    from netops.facts import Fact
    from netops.ledger_file import Leaf

KIND: Final = "correction"


def broken(fact: Fact, leaf: Leaf | None, has_samples: Callable[[int], bool]) -> str:
    """Return why a correction of that leaf cannot be followed, or the empty string; `has_samples` knows by hour."""
    body: Any = fact.body
    if leaf is None:
        return f"there is no leaf {body['corrects']}"
    if leaf.fact.kind != HOUR:
        return (
            f"leaf {body['corrects']} is a {leaf.fact.kind}; expected an {HOUR}: a claim is objected to, "
            "a contract is amended"
        )
    told: Any = leaf.fact.body
    if not has_samples(told["start_ms"]):
        return "the samples of that hour are not here any more: it stands as it was stated"
    return ""
