"""The members of a bundle: their names, which come before and after the seal, and how each is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from netops.errors import EvidenceError
from netops.evidence import canonical, container
from netops.evidence.container import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FORMAT = "netops-bundle/2"
REPORT, LEAVES, KEYS = "report.json", "leaves.jsonl.gz", "vkeys.txt"
CONTRACT, REGISTER, ZONE = "contract.json", "register.json", "timezone.tzif"
CALENDAR = "calendar.json"  # where a contract's hours are by kind of day
TERMS = "terms.json"  # where a deadline ran by a version of the contract that does not rule in the period
DAYS = "days.json"  # what the pages show beside the report; bundles from before it have none
MANIFEST, SEAL, PROOFS, CHECKPOINT = "manifest.json", "seal.json", "proofs/inclusion.jsonl", "checkpoint"
TALLIES, HEADS, APART = "proofs/tallies.jsonl", "proofs/heads.jsonl", "proofs/apart.jsonl"  # what proves completeness
SM3_PROOFS = "proofs/inclusion-sm3.jsonl"  # the same paths under SM3, where the checkpoint names an SM3 root
AFTER_THE_SEAL = frozenset({MANIFEST, SEAL, PROOFS, SM3_PROOFS, CHECKPOINT, TALLIES, HEADS, APART})
REQUIRED = frozenset({REPORT, LEAVES, KEYS, CONTRACT, REGISTER, "method.txt", "verify.py"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """An opened bundle. Nothing in it may be believed before `verify_integrity` found nothing."""

    members: Mapping[str, bytes]
    limits: Limits = field(default_factory=Limits)
    exact: set[str] = field(default_factory=set, init=False, repr=False, compare=False)
    """Members of leaves whose every line was found canonical: they are not looked at again, only cut."""

    def member(self, name: str) -> bytes:
        """Return a member's bytes; EvidenceError if it is not there."""
        if name not in self.members:
            raise EvidenceError(f"{name}: is missing from the bundle")
        return self.members[name]

    def lines(self, name: str) -> Iterator[bytes]:
        """Yield the lines of a member, unpacked within the limits."""
        return container.lines(name, self.member(name), self.limits)

    def leaves(self, name: str = LEAVES) -> Iterator[tuple[int, bytes]]:
        """Yield `(index, leaf bytes)` of every leaf; EvidenceError names the line that is off."""
        if name in self.exact:
            yield from map(_cut, self.lines(name))
            return
        for at, line in enumerate(self.lines(name), 1):
            yield _sealed(f"{name}: line {at}", line)
        self.exact.add(name)

    def seal(self) -> tuple[int, bytes]:
        """Return `(index, leaf bytes)` of the leaf that seals the report."""
        return _sealed(SEAL, self.member(SEAL))

    def manifest(self) -> dict[str, Any]:
        """Return the manifest; EvidenceError if it has another form."""
        value = exact(MANIFEST, self.member(MANIFEST))
        wanted = {"format": str, "members": dict, "origin": str, "rehearsal": bool}
        if not isinstance(value, dict) or {key: type(each) for key, each in value.items()} != wanted:
            raise EvidenceError(f"{MANIFEST}: expected an object of format, members, origin and rehearsal")
        if value["format"] != FORMAT:
            raise EvidenceError(f"{MANIFEST}: format {value['format'][:40]!r}; expected {FORMAT}")
        return value


def exact(where: str, data: bytes) -> Any:
    """Parse a member or a line that must be canonical; EvidenceError begins with the place."""
    try:
        return canonical.loads_exact(data)
    except EvidenceError as error:
        raise EvidenceError(f"{where}: {error}") from None


def _sealed(where: str, line: bytes) -> tuple[int, bytes]:
    value = exact(where, line)
    if not isinstance(value, dict) or set(value) != {"index", "leaf"} or type(value["index"]) is not int:
        raise EvidenceError(f"{where}: expected an object of index and leaf")
    return _cut(line)


def _cut(line: bytes) -> tuple[int, bytes]:
    """Return index and leaf of a line that is canonical, so that the leaf's own bytes stand in it."""
    head, _, rest = line.partition(b',"leaf":')
    return int(head[len(b'{"index":') :]), rest[:-1]
