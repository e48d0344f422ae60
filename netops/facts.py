"""Facts: the sentences that the ledger seals, from a closed vocabulary (`netops/vocabulary.py`), checked where made.

`docs/explanation/evidence.md` says what each kind means and who states it. A fact names things by id and content by
digest; it never holds a phone number, a MAC address of a visitor or a secret: the ledger cannot forget.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from netops.errors import EvidenceError, nearest
from netops.evidence import canonical
from netops.vocabulary import KINDS, OPTIONAL, expected, instant

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netops.evidence.canonical import JSON
    from netops.spool import Spool

MAX_FACT = 65_000  # bytes: the ledger's wrapping is added to it, and a tlog-tiles entry ends at 65,535
SPOOL_KIND = "fact"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One statement: what kind, when it was so, and the kind's fields."""

    kind: str
    at_ms: int
    body: Mapping[str, JSON] = field(default_factory=dict)


def submit(spool: Spool, *facts: Fact) -> int:
    """Check the facts and put them into the service's own spool, durable on return. Return the last sequence."""
    return spool.put(SPOOL_KIND, [encode(fact) for fact in facts])


def encode(fact: Fact) -> bytes:
    """Return the canonical bytes of a checked fact."""
    check(fact)
    data = b'{"at_ms":%d,"body":%b,"kind":"%b"}' % (fact.at_ms, canonical.dumps(fact.body), fact.kind.encode())
    if len(data) > MAX_FACT:
        raise EvidenceError(f"fact '{fact.kind}': {len(data)} bytes; expected at most {MAX_FACT}, cut it into parts")
    return data


def decode(data: bytes) -> Fact:
    """Read a fact from its canonical bytes; EvidenceError says what is off."""
    value = canonical.loads_exact(data)
    if not isinstance(value, dict) or set(value) != {"kind", "at_ms", "body"}:
        raise EvidenceError("a fact is an object of kind, at_ms and body")
    fact = Fact(kind=value["kind"], at_ms=value["at_ms"], body=value["body"])
    check(fact)
    return fact


def check(fact: Fact) -> None:
    """Raise EvidenceError unless kind and body are as `KINDS` says."""
    known = KINDS.get(fact.kind) if isinstance(fact.kind, str) else None
    if known is None:
        raise EvidenceError(f"fact kind {fact.kind!r} is unknown{nearest(str(fact.kind), KINDS)}")
    if not instant(fact.at_ms):
        raise EvidenceError(f"fact '{fact.kind}': at_ms is {fact.at_ms!r}; expected {expected(instant)}")
    if type(fact.body) is not dict:
        raise EvidenceError(f"fact '{fact.kind}': the body is {type(fact.body).__name__}; expected an object (dict)")
    body: Mapping[str, Any] = fact.body
    for name, is_so in known.items():
        if name not in body:
            if name not in OPTIONAL[fact.kind]:
                raise EvidenceError(f"fact '{fact.kind}': field '{name}' is missing")
        elif not is_so(body[name]):
            raise EvidenceError(f"fact '{fact.kind}': {name} is {str(body[name])[:60]!r}; expected {expected(is_so)}")
    if len(body) > sum(name in known for name in body):
        stray = next(name for name in body if name not in known)
        raise EvidenceError(f"fact '{fact.kind}': unknown field {stray!r}{nearest(str(stray), known)}")
