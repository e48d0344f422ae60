"""The chain of trust through a bundle, walked once, every break named.

The keys that the reader brings → checkpoint → root → seal → manifest → members; and from the root to every leaf.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from netops.errors import EvidenceError
from netops.evidence import canonical, heads, merkle, note
from netops.evidence.checkpoint import SM2_NAME, Checkpoint, demand_sm2, ordered, trust
from netops.evidence.members import (
    AFTER_THE_SEAL,
    APART,
    CHECKPOINT,
    HEADS,
    KEYS,
    LEAVES,
    MANIFEST,
    PROOFS,
    REPORT,
    REQUIRED,
    SEAL,
    SM3_PROOFS,
    TALLIES,
    Bundle,
    exact,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


MAX_FAILURES = 1000  # a bundle that is wrong everywhere costs neither memory nor patience


class _EnoughError(Exception):
    """As many failures as anyone reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What does not hold, and where."""

    place: str
    what: str

    def __str__(self) -> str:
        """Return `place: what`."""
        return f"{self.place}: {self.what}"


def verify_integrity(
    bundle: Bundle, trusted: Sequence[note.VerifierKey], *, rehearsal: bool = False, quorum: int = 0
) -> list[Failure]:
    """Return everything that does not hold, each with its place; an empty list means that nothing was altered.

    `trusted` are keys that the reader got elsewhere. A rehearsal's bundle fails unless `rehearsal` asks for one.
    `quorum` is how many co-signers must have signed the checkpoint.
    """
    check = _Check(bundle, trusted, rehearsal=rehearsal, quorum=quorum)
    try:
        check.run()
    except _EnoughError:
        check.failures.append(
            Failure(place="bundle", what=f"more than {MAX_FAILURES} failures; the rest was not looked at")
        )
    return check.failures


class _Check:
    """One pass over a bundle; goes on after a failure, so that every place is named."""

    def __init__(self, bundle: Bundle, trusted: Sequence[note.VerifierKey], *, rehearsal: bool, quorum: int) -> None:
        self.failures: list[Failure] = []
        self._bundle = bundle
        self._trusted = trusted
        self._rehearsal = rehearsal
        self._quorum = quorum
        self._manifest_sealed = self._leaves_sealed = False
        self._is_commercial = False  # whether an SM2 key of the log is among the keys that the reader or the bundle has
        self._sm3: dict[int, list[bytes]] | None = None
        self._sm3_root: bytes | None = None

    def run(self) -> None:
        head = self._head()
        paths = self._paths(PROOFS)
        self._sm3 = self._sm3_paths(head, paths)
        body = self._seal(head, paths)
        self._manifest(head, body)
        found = self._leaves(head, paths, body)
        others = self._others(head, paths, body, found)
        self._strays(paths, body, {*found, *others})
        self._completeness(found)

    def _fail(self, place: str, what: str) -> None:
        if len(self.failures) >= MAX_FAILURES:
            raise _EnoughError
        self.failures.append(Failure(place=place, what=what))

    def _caught(self, place: str, error: EvidenceError) -> None:
        text = str(error)
        self._fail(place, text.removeprefix(f"{place}: "))

    def _head(self) -> Checkpoint | None:
        keys = self._keys()
        try:
            signed = note.parse(self._bundle.member(CHECKPOINT))
            head = Checkpoint.parse(signed.text)
        except EvidenceError as error:
            self._caught(CHECKPOINT, error)
            return None
        try:
            trust(signed, self._trusted, quorum=self._quorum)
            known = [*self._trusted, *(key for key in keys if key not in self._trusted)]
            self._is_commercial = any(key.name == head.origin + SM2_NAME and key.algorithm == note.SM2 for key in known)
            held = note.verify(signed, known)
            demand_sm2(head, keys, held)
        except EvidenceError as error:
            self._caught(CHECKPOINT, error)
        else:
            if len(held) != len(signed.signatures):
                self._fail(CHECKPOINT, f"a signature by a key that neither the reader nor {KEYS} knows")
        if ordered(signed) != signed:
            self._fail(CHECKPOINT, "its signatures stand out of order")
        if head.rehearsal != self._rehearsal:
            what = (
                "is a rehearsal's, and nothing in it is real; give --rehearsal to verify it as that"
                if head.rehearsal
                else "is a production instance's, and a rehearsal's was asked for (--rehearsal, or the settings)"
            )
            self._fail(CHECKPOINT, f"log '{head.origin}' {what}")
        return head

    def _keys(self) -> list[note.VerifierKey]:
        try:
            lines = [line.decode("utf-8", "replace") for line in self._bundle.lines(KEYS)]
            return [note.VerifierKey.parse(line) for line in lines]
        except EvidenceError as error:
            self._caught(KEYS, error)
            return []

    def _sm3_paths(
        self, head: Checkpoint | None, paths: Mapping[int, Sequence[bytes]]
    ) -> dict[int, list[bytes]] | None:
        """Return the paths under SM3, which a log that signs by SM2 must have; None where there are none to check."""
        if SM3_PROOFS not in self._bundle.members:
            if self._is_commercial:
                self._fail(SM3_PROOFS, "is missing from the bundle")
            return None
        try:
            self._sm3_root = head.sm3_root if head else None
        except EvidenceError as error:
            self._caught(CHECKPOINT, error)
            return None
        if self._sm3_root is None:
            self._fail(SM3_PROOFS, f"is there, and {CHECKPOINT} names no SM3 root")
            return None
        found = self._paths(SM3_PROOFS)
        for index in sorted(set(found) - set(paths)):
            self._fail(f"{SM3_PROOFS}: leaf {index}", f"has no path in {PROOFS}")
        return found

    def _paths(self, name: str) -> dict[int, list[bytes]]:
        paths: dict[int, list[bytes]] = {}
        before = -1
        try:
            for at, line in enumerate(self._bundle.lines(name), 1):
                where = f"{name}: line {at}"
                try:
                    before, paths[before] = _path(where, line, before)
                except EvidenceError as error:
                    self._caught(where, error)
        except EvidenceError as error:
            self._caught(name, error)
        return paths

    def _seal(self, head: Checkpoint | None, paths: Mapping[int, Sequence[bytes]]) -> dict[str, Any]:
        try:
            index, data = self._bundle.seal()
            if index not in paths:
                self._fail(SEAL, f"its index {index} has no proof in {PROOFS}")
            if self._is_leaf(SEAL, data, head) and not self._included(SEAL, index, data, head, paths):
                self._fail(
                    f"{PROOFS}: leaf {index}", f"does not lead from {SEAL} to the root: one of the two was changed"
                )
            fact = canonical.loads(data)["fact"]
        except (EvidenceError, KeyError, TypeError) as error:
            self._caught(SEAL, EvidenceError(str(error)))
            return {}
        if not isinstance(fact, dict) or fact.get("kind") != "report_issued" or not isinstance(fact.get("body"), dict):
            self._fail(SEAL, "is no leaf of kind report_issued")
            return {}
        body: dict[str, Any] = fact["body"]
        self._manifest_sealed = body.get("manifest_digest") == _digest_of(self._bundle, MANIFEST)
        if not self._manifest_sealed:
            self._fail(MANIFEST, f"is not the manifest that {SEAL} seals")
        if body.get("digest") != _digest_of(self._bundle, REPORT):
            self._fail(REPORT, f"is not the report that {SEAL} seals")
        return {**body, "index": index}

    def _manifest(self, head: Checkpoint | None, body: Mapping[str, Any]) -> None:
        try:
            made = self._bundle.manifest()
        except EvidenceError as error:
            self._caught(MANIFEST, error)
            return
        if head is not None and (made["origin"], made["rehearsal"]) != (head.origin, head.rehearsal):
            self._fail(MANIFEST, f"origin or rehearsal differs from the checkpoint's ('{head.origin}')")
        sealed = made["members"]
        self._leaves_sealed = self._manifest_sealed and sealed.get(LEAVES) == _digest_of(self._bundle, LEAVES)
        for name in sorted(set(sealed) | set(self._bundle.members) - AFTER_THE_SEAL | REQUIRED):
            if name not in sealed:
                self._fail(name, f"is not named in {MANIFEST}")
            elif name not in self._bundle.members:
                self._fail(name, "is missing from the bundle")
            elif sealed[name] != canonical.digest(self._bundle.members[name]):
                self._fail(name, f"has another SHA-256 than {MANIFEST} says: the member was changed")
        if body and AFTER_THE_SEAL & set(sealed):
            self._fail(MANIFEST, "names a member that comes after the seal")

    def _leaves(
        self, head: Checkpoint | None, paths: Mapping[int, Sequence[bytes]], body: Mapping[str, Any]
    ) -> list[int]:
        found: list[int] = []
        try:
            for index, data in self._bundle.leaves():
                where = f"{LEAVES}: leaf {index}"
                if found and index <= found[-1]:
                    self._fail(where, "stands out of order")
                found.append(index)
                if self._is_leaf(where, data, head):  # leaves that the seal binds are true: then the proof is not
                    self._included(
                        f"{PROOFS}: leaf {index}" if self._leaves_sealed else where, index, data, head, paths
                    )
        except EvidenceError as error:
            place, _, what = str(error).partition(": ")
            self._fail(place, what)
        if body and (type(body.get("leaves")) is not int or body["leaves"] != len(found)):
            self._fail(LEAVES, f"holds {len(found)} leaves; {SEAL} seals {body.get('leaves')}")
        if body and found and found[-1] >= body["index"]:
            self._fail(f"{LEAVES}: leaf {found[-1]}", "was sealed after the report that uses it")
        return found

    def _others(
        self,
        head: Checkpoint | None,
        paths: Mapping[int, Sequence[bytes]],
        body: Mapping[str, Any],
        used: Sequence[int],
    ) -> set[int]:
        """Check the leaves that the report does not rest on: tallies, and what they count besides."""
        held: set[int] = set(used)
        found: set[int] = set()
        for name in (TALLIES, APART):
            before = -1
            try:
                for index, data in self._bundle.leaves(name):
                    where = f"{name}: leaf {index}"
                    if index <= before or index in held or (body and index >= body["index"]):
                        self._fail(where, "stands out of order, twice, or was sealed after the report")
                    before = index
                    held.add(index)
                    found.add(index)
                    if self._is_leaf(where, data, head):
                        self._included(where, index, data, head, paths)
            except EvidenceError as error:
                place, _, what = str(error).partition(": ")
                self._fail(place, what)
        try:
            for _ in heads.opened(self._bundle):
                pass
        except EvidenceError as error:
            self._caught(HEADS, error)
        return found

    def _strays(self, paths: Mapping[int, Sequence[bytes]], body: Mapping[str, Any], held: set[int]) -> None:
        for index in sorted(set(paths) - held - {body["index"]}) if body else ():
            self._fail(f"{LEAVES}: leaf {index}", f"is missing; {PROOFS} proves it")

    def _completeness(self, found: Sequence[int]) -> None:
        try:
            report = canonical.loads(self._bundle.member(REPORT))
            used = _indexes(report.get("leaves") if isinstance(report, dict) else None, len(found) + MAX_FAILURES)
        except EvidenceError as error:
            self._caught(REPORT, error)
            return
        for index in sorted(used - set(found)):
            self._fail(f"{LEAVES}: leaf {index}", f"is missing; {REPORT} uses it")
        for index in sorted(set(found) - used):
            self._fail(f"{LEAVES}: leaf {index}", f"is not among the leaves that {REPORT} names")

    def _is_leaf(self, where: str, data: bytes, head: Checkpoint | None) -> bool:
        value = json.loads(data)  # canonical already: it was cut out of a line that is
        if not isinstance(value, dict) or set(value) != {"fact", "recorded_ms", "rehearsal", "sequence", "source"}:
            self._fail(where, "is no leaf; expected fact, recorded_ms, rehearsal, sequence and source")
            return False
        fact = value["fact"]
        if not isinstance(fact, dict) or set(fact) != {"at_ms", "body", "kind"} or type(fact["body"]) is not dict:
            self._fail(where, "holds no fact; expected at_ms, kind and body")
            return False
        for name, at in _instants(value):
            if type(at) is not int or abs(at) >= canonical.LATEST_MS:
                self._fail(where, f"{name} is {str(at)[:40]}; expected milliseconds before the year 9999")
                return False
        if head is not None and value["rehearsal"] is not head.rehearsal:
            self._fail(where, "its rehearsal flag differs from the log's")
        return True

    def _included(
        self, where: str, index: int, data: bytes, head: Checkpoint | None, paths: Mapping[int, Sequence[bytes]]
    ) -> bool:
        if head is None:
            return True  # said already
        if index not in paths:
            self._fail(f"{PROOFS}: leaf {index}", f"is missing: {where} has no path")
            return True
        try:
            merkle.verify_inclusion(merkle.leaf_hash(data), index, head.size, paths[index], head.root)
        except EvidenceError as error:
            why = str(error).removeprefix(f"leaf {index}: ")
            self._fail(where, f"{why}: it was changed, or its path in {PROOFS}")
            return False
        self._included_by_sm3(where, index, data, head)
        return True

    def _included_by_sm3(self, where: str, index: int, data: bytes, head: Checkpoint) -> None:
        """Check that a leaf, which SHA-256 leads to the root, leads to the SM3 root as well."""
        if self._sm3 is None or self._sm3_root is None:
            return
        place = f"{SM3_PROOFS}: leaf {index}"
        if index not in self._sm3:
            self._fail(place, f"is missing: {where} has no path")
            return
        leaf, join = merkle.sm3_leaf_hash(data), merkle.sm3_node_hash
        try:
            merkle.verify_inclusion(leaf, index, head.size, self._sm3[index], self._sm3_root, join=join)
        except EvidenceError as error:
            self._fail(place, str(error).removeprefix(f"leaf {index}: "))


def _instants(leaf: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the instants and spans of time of a leaf, by name."""
    yield "recorded_ms", leaf["recorded_ms"]
    yield "at_ms", leaf["fact"]["at_ms"]
    yield from ((name, at) for name, at in leaf["fact"]["body"].items() if name.endswith("_ms") and type(at) is int)


def _path(where: str, line: bytes, before: int) -> tuple[int, list[bytes]]:
    value = exact(where, line)
    if not isinstance(value, dict) or set(value) != {"index", "path"} or type(value["index"]) is not int:
        raise EvidenceError(f"{where}: expected an object of index and path")
    path = value["path"]
    if (
        value["index"] <= before
        or type(path) is not list
        or len(path) > 64
        or any(type(each) is not str for each in path)
    ):
        raise EvidenceError(f"{where}: expected ascending indexes and a list of hashes in base64")
    return value["index"], [note.unbase64(each, where) for each in path]


def _indexes(value: object, most: int) -> set[int]:
    if type(value) is not list:
        raise EvidenceError(f"{REPORT}: expected `leaves`, the runs [[first index, count], …] of the leaves used")
    found: set[int] = set()
    for run in value:
        if type(run) is not list or len(run) != 2 or any(type(each) is not int or each < 0 for each in run):
            raise EvidenceError(f"{REPORT}: `leaves` holds {str(run)[:60]}; expected [first index, count]")
        if len(found) + run[1] > most:
            raise EvidenceError(f"{REPORT}: `leaves` names more than {most} leaves; refused")
        found.update(range(run[0], run[0] + run[1]))
    return found


def _digest_of(bundle: Bundle, name: str) -> str | None:
    return canonical.digest(bundle.members[name]) if name in bundle.members else None
