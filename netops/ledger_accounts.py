"""The accounts of the ledger: which leaf concerns which contract, and the running heads that a tally seals.

Rows derived from the leaves, kept beside them so that neither opening the ledger nor building a bundle reads it whole.
`Ledger.audit` recomputes them. `netops/evidence/tally.py` has the format and the rules.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from netops.evidence import canonical, tally
from netops.evidence.tally import Head, Heads
from netops.facts import Fact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

SCHEMA = """
CREATE TABLE member(
    subject TEXT NOT NULL, kind TEXT NOT NULL, position INTEGER NOT NULL, at_ms INTEGER NOT NULL,
    PRIMARY KEY(subject, kind, position)) STRICT, WITHOUT ROWID;
CREATE INDEX member_position ON member(position);
CREATE TABLE link(name TEXT NOT NULL, subject TEXT NOT NULL, PRIMARY KEY(name, subject)) STRICT, WITHOUT ROWID;
CREATE TABLE tally(position INTEGER PRIMARY KEY, heads BLOB NOT NULL) STRICT;
"""


class Accounts:
    """All heads at one size of the ledger, and what a batch adds to the tables."""

    def __init__(self, heads: dict[str, Heads] | None = None, *, known: Callable[[str], Iterable[str]]) -> None:
        self.heads = {tally.EVERYBODY: {}} if heads is None else heads
        self.members: list[tuple[str, str, int, int]] = []
        self.links: list[tuple[str, str]] = []
        self.tallies: list[tuple[int, bytes]] = []
        self._known = known
        self._fresh: dict[str, set[str]] = {}

    def begin(self) -> Accounts:
        """Return a copy for one batch: what is not committed changes nothing here."""
        return Accounts({subject: dict(each) for subject, each in self.heads.items()}, known=self._known)

    def add(self, index: int, fact: Fact, leaf: bytes) -> None:
        """Put a leaf on the accounts of whom it concerns."""
        if fact.kind not in tally.KINDS:
            return
        named = tally.names(fact.kind, fact.body)
        subjects = {*named.contracts}
        for name in named.refers:
            subjects |= self._fresh.get(name, set())
            subjects.update(self._known(name))
        when = tally.when({"kind": fact.kind, "body": fact.body, "at_ms": fact.at_ms})
        for subject in sorted(subjects):
            mine = self.heads.setdefault(subject, {})
            mine[fact.kind] = mine.get(fact.kind, Head()).then(leaf, when)
            self.members.append((subject, fact.kind, index, when))
        for name in (*named.makes, f"leaf:{index}"):
            self._fresh.setdefault(name, set()).update(subjects)
        self.links += [(name, subject) for name in named.makes for subject in sorted(subjects)]

    def tally(self, index: int, *, now_ms: int) -> Fact:
        """Return the fact that seals all heads before `index`."""
        self.tallies.append((index, pack(self.heads)))
        hashes = [tally.account(subject, self.heads[subject]) for subject in sorted(self.heads)]
        body: dict[str, canonical.JSON] = {"accounts": len(hashes), "root": tally.root(hashes).hex()}
        return Fact(kind=tally.KIND, at_ms=now_ms, body=body)


def pack(heads: Mapping[str, Heads]) -> bytes:
    """Return heads as the table keeps them."""
    return canonical.dumps({s: {kind: each.plain() for kind, each in held.items()} for s, held in heads.items()})


def unpack(data: bytes) -> dict[str, Heads]:
    """Read heads as the table keeps them."""
    return {s: {kind: Head(*each) for kind, each in held.items()} for s, held in json.loads(data).items()}
