"""The evidence bundle: one file with a report, what it was judged on, and the way from there to a signed checkpoint.

`docs/explanation/evidence.md` names the members and what binds each. Trust runs one way: the keys that the reader
brings → checkpoint → root → seal (the `report_issued` leaf) → manifest → members; and from the root to every leaf.
Here stand the format and that chain; whether the numbers follow from the inputs is the stand-alone verifier's question.
"""

from __future__ import annotations

import base64
import gzip
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from netops.errors import EvidenceError
from netops.evidence import canonical, container, files, merkle, note
from netops.evidence.checkpoint import Checkpoint, trust
from netops.evidence.container import Limits

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

__all__ = [
    "Bundle",
    "Failure",
    "Limits",
    "compose",
    "json_lines",
    "leaf_lines",
    "manifest",
    "open_bundle",
    "runs",
    "verify_integrity",
    "write",
]

FORMAT = "netops-bundle/1"
REPORT, LEAVES, KEYS = "report.json", "leaves.jsonl.gz", "vkeys.txt"
MANIFEST, SEAL, PROOFS, CHECKPOINT = "manifest.json", "seal.json", "proofs/inclusion.jsonl", "checkpoint"
AFTER_THE_SEAL = frozenset({MANIFEST, SEAL, PROOFS, CHECKPOINT})
REQUIRED = frozenset({REPORT, LEAVES, KEYS, "contract.json", "register.json", "method.txt", "verify.py"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What does not hold, and where."""

    place: str
    what: str

    def __str__(self) -> str:
        """Return `place: what`."""
        return f"{self.place}: {self.what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """An opened bundle. Nothing in it may be believed before `verify_integrity` found nothing."""

    members: Mapping[str, bytes]
    limits: Limits = field(default_factory=Limits)

    def member(self, name: str) -> bytes:
        """Return a member's bytes; EvidenceError if it is not there."""
        if name not in self.members:
            raise EvidenceError(f"{name}: is missing from the bundle")
        return self.members[name]

    def lines(self, name: str) -> Iterator[bytes]:
        """Yield the lines of a member, unpacked within the limits."""
        return container.lines(name, self.member(name), self.limits)

    def leaves(self) -> Iterator[tuple[int, bytes]]:
        """Yield `(index, leaf bytes)` of every leaf; EvidenceError names the line that is off."""
        for at, line in enumerate(self.lines(LEAVES), 1):
            yield _sealed(f"{LEAVES}: line {at}", line)

    def seal(self) -> tuple[int, bytes]:
        """Return `(index, leaf bytes)` of the leaf that seals the report."""
        return _sealed(SEAL, self.member(SEAL))

    def manifest(self) -> dict[str, Any]:
        """Return the manifest; EvidenceError if it has another form."""
        value = _exact(MANIFEST, self.member(MANIFEST))
        wanted = {"format": str, "members": dict, "origin": str, "rehearsal": bool}
        if not isinstance(value, dict) or {key: type(each) for key, each in value.items()} != wanted:
            raise EvidenceError(f"{MANIFEST}: expected an object of format, members, origin and rehearsal")
        if value["format"] != FORMAT:
            raise EvidenceError(f"{MANIFEST}: format {value['format'][:40]!r}; expected {FORMAT}")
        return value


# ---- making


def manifest(members: Mapping[str, bytes], *, origin: str, rehearsal: bool) -> bytes:
    """Return `manifest.json` over the members that exist before the seal; `report_issued` holds its digest."""
    missing = sorted(REQUIRED - set(members))
    stray = sorted(AFTER_THE_SEAL & set(members))
    if missing or stray:
        raise EvidenceError(
            f"bundle: without {', '.join(missing)}" if missing else f"bundle: {stray[0]} comes after the seal"
        )
    digests = {name: canonical.digest(members[name]) for name in members}
    return canonical.dumps({"format": FORMAT, "members": digests, "origin": origin, "rehearsal": rehearsal})


def compose(
    members: Mapping[str, bytes],
    *,
    manifest: bytes,
    seal: tuple[int, bytes],
    paths: Mapping[int, Sequence[bytes]],
    checkpoint: bytes,
) -> dict[str, bytes]:
    """Return all members: those before the seal, the manifest, the seal, the audit paths, the checkpoint."""
    index, leaf = seal
    lines = [{"index": at, "path": [base64.b64encode(each).decode() for each in paths[at]]} for at in sorted(paths)]
    return {
        **members,
        MANIFEST: manifest,
        SEAL: _leaf_line(index, leaf),
        PROOFS: b"".join(canonical.dumps(line) + b"\n" for line in lines),
        CHECKPOINT: checkpoint,
    }


def leaf_lines(leaves: Mapping[int, bytes]) -> bytes:
    """Return `leaves.jsonl.gz` of leaf bytes by index."""
    return _gzip(b"".join(_leaf_line(index, leaves[index]) + b"\n" for index in sorted(leaves)))


def json_lines(values: Iterable[object]) -> bytes:
    """Return gzipped canonical JSON lines, the form of `inputs/*.jsonl.gz`."""
    return _gzip(b"".join(canonical.dumps(value) + b"\n" for value in values))


def runs(indexes: Iterable[int]) -> list[list[int]]:
    """Return ascending indexes as `[[first, count], …]`, the form of `leaves` in report.json."""
    made: list[list[int]] = []
    for index in sorted(set(indexes)):
        if made and made[-1][0] + made[-1][1] == index:
            made[-1][1] += 1
        else:
            made.append([index, 1])
    return made


def write(path: Path, members: Mapping[str, bytes]) -> str:
    """Write the bundle in one step, durable; return the SHA-256 of the file."""
    data = container.pack(members)
    files.replace(path, data)
    return canonical.digest(data)


# ---- reading


def open_bundle(path: Path, limits: Limits | None = None) -> Bundle:
    """Open a bundle of unknown origin within the limits; EvidenceError says what is off with the container."""
    bounds = limits or Limits()
    return Bundle(members=container.unpack(path, bounds), limits=bounds)


def verify_integrity(
    bundle: Bundle, trusted: Sequence[note.VerifierKey], *, rehearsal: bool = False, quorum: int = 0
) -> list[Failure]:
    """Return everything that does not hold, each with its place; an empty list means that nothing was altered.

    `trusted` are keys that the reader got elsewhere. A rehearsal's bundle fails unless `rehearsal` asks for one.
    `quorum` is how many co-signers must have signed the checkpoint.
    """
    check = _Check(bundle, trusted, rehearsal=rehearsal, quorum=quorum)
    check.run()
    return check.failures


class _Check:
    """One pass over a bundle; goes on after a failure, so that every place is named."""

    def __init__(self, bundle: Bundle, trusted: Sequence[note.VerifierKey], *, rehearsal: bool, quorum: int) -> None:
        self.failures: list[Failure] = []
        self._bundle = bundle
        self._trusted = trusted
        self._rehearsal = rehearsal
        self._quorum = quorum

    def run(self) -> None:
        head = self._head()
        paths = self._paths()
        body = self._seal(head, paths)
        self._manifest(head, body)
        found = self._leaves(head, paths, body)
        self._completeness(found)

    def _fail(self, place: str, what: str) -> None:
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
            held = note.verify(signed, [*self._trusted, *(key for key in keys if key not in self._trusted)])
        except EvidenceError as error:
            self._caught(CHECKPOINT, error)
        else:
            if len(held) != len(signed.signatures):
                self._fail(CHECKPOINT, f"a signature by a key that neither the reader nor {KEYS} knows")
        if head.rehearsal != self._rehearsal:
            kind = "a rehearsal's" if head.rehearsal else "a production instance's"
            self._fail(CHECKPOINT, f"log '{head.origin}' is {kind}; the other kind was asked for")
        return head

    def _keys(self) -> list[note.VerifierKey]:
        try:
            lines = [line.decode("utf-8", "replace") for line in self._bundle.lines(KEYS)]
            return [note.VerifierKey.parse(line) for line in lines]
        except EvidenceError as error:
            self._caught(KEYS, error)
            return []

    def _paths(self) -> dict[int, list[bytes]]:
        paths: dict[int, list[bytes]] = {}
        before = -1
        try:
            for at, line in enumerate(self._bundle.lines(PROOFS), 1):
                where = f"{PROOFS}: line {at}"
                try:
                    before, paths[before] = _path(where, line, before)
                except EvidenceError as error:
                    self._caught(where, error)
        except EvidenceError as error:
            self._caught(PROOFS, error)
        return paths

    def _seal(self, head: Checkpoint | None, paths: Mapping[int, Sequence[bytes]]) -> dict[str, Any]:
        try:
            index, data = self._bundle.seal()
            self._included(SEAL, index, data, head, paths)
            fact = canonical.loads(data)["fact"]
        except (EvidenceError, KeyError, TypeError) as error:
            self._caught(SEAL, EvidenceError(str(error)))
            return {}
        if not isinstance(fact, dict) or fact.get("kind") != "report_issued" or not isinstance(fact.get("body"), dict):
            self._fail(SEAL, "is no leaf of kind report_issued")
            return {}
        body: dict[str, Any] = fact["body"]
        if body.get("manifest_digest") != _digest_of(self._bundle, MANIFEST):
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
                try:
                    self._included(where, index, data, head, paths)
                except EvidenceError as error:
                    self._caught(where, error)
        except EvidenceError as error:
            place, _, what = str(error).partition(": ")
            self._fail(place, what)
        if body and (type(body.get("leaves")) is not int or body["leaves"] != len(found)):
            self._fail(LEAVES, f"holds {len(found)} leaves; {SEAL} seals {body.get('leaves')}")
        if body and found and found[-1] >= body["index"]:
            self._fail(f"{LEAVES}: leaf {found[-1]}", "was sealed after the report that uses it")
        expected = {*found, body["index"]} if body else {*found}
        for index in sorted(set(paths) - expected) if body else ():
            self._fail(f"{LEAVES}: leaf {index}", f"is missing; {PROOFS} proves it")
        return found

    def _completeness(self, found: Sequence[int]) -> None:
        try:
            report = canonical.loads(self._bundle.member(REPORT))
            used = _indexes(report.get("leaves") if isinstance(report, dict) else None, len(found) + 10_000_000)
        except EvidenceError as error:
            self._caught(REPORT, error)
            return
        for index in sorted(used - set(found)):
            self._fail(f"{LEAVES}: leaf {index}", f"is missing; {REPORT} uses it")
        for index in sorted(set(found) - used):
            self._fail(f"{LEAVES}: leaf {index}", f"is not among the leaves that {REPORT} names")

    def _included(
        self, where: str, index: int, data: bytes, head: Checkpoint | None, paths: Mapping[int, Sequence[bytes]]
    ) -> None:
        value = canonical.loads(data)
        if not isinstance(value, dict) or set(value) != {"fact", "recorded_ms", "rehearsal", "sequence", "source"}:
            raise EvidenceError(f"{where}: is no leaf; expected fact, recorded_ms, rehearsal, sequence and source")
        if head is None:
            return
        if value["rehearsal"] is not head.rehearsal:
            self._fail(where, "its rehearsal flag differs from the log's")
        if index not in paths:
            raise EvidenceError(f"{where}: has no inclusion proof in {PROOFS}")
        merkle.verify_inclusion(merkle.leaf_hash(data), index, head.size, paths[index], head.root)


def _exact(where: str, data: bytes) -> Any:
    try:
        return canonical.loads_exact(data)
    except EvidenceError as error:
        raise EvidenceError(f"{where}: {error}") from None


def _sealed(where: str, line: bytes) -> tuple[int, bytes]:
    value = _exact(where, line)
    if not isinstance(value, dict) or set(value) != {"index", "leaf"} or type(value["index"]) is not int:
        raise EvidenceError(f"{where}: expected an object of index and leaf")
    return value["index"], canonical.dumps(value["leaf"])


def _path(where: str, line: bytes, before: int) -> tuple[int, list[bytes]]:
    value = _exact(where, line)
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


def _leaf_line(index: int, leaf: bytes) -> bytes:
    return b'{"index":' + str(index).encode() + b',"leaf":' + leaf + b"}"


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, compresslevel=9, mtime=0)
