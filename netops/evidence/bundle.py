"""The evidence bundle: one file with a report, what it was judged on, and the way from there to a signed checkpoint.

`docs/explanation/evidence.md` names the members and what binds each. Here a bundle is made, written and opened;
`netops/evidence/integrity.py` says whether anything in it was altered. Whether the numbers follow from the inputs is
the stand-alone verifier's question.
"""

from __future__ import annotations

import base64
import gzip
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netops.errors import EvidenceError
from netops.evidence import canonical, container, files, note
from netops.evidence.checkpoint import ordered
from netops.evidence.container import Limits
from netops.evidence.integrity import Failure, verify_integrity
from netops.evidence.members import (
    AFTER_THE_SEAL,
    APART,
    CHECKPOINT,
    FORMAT,
    HEADS,
    MANIFEST,
    PROOFS,
    REQUIRED,
    SEAL,
    SM3_PROOFS,
    TALLIES,
    Bundle,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from netops.evidence.canonical import JSON

__all__ = [
    "AFTER_THE_SEAL",
    "REQUIRED",
    "Bundle",
    "Failure",
    "Limits",
    "Whole",
    "compose",
    "json_lines",
    "leaf_lines",
    "manifest",
    "open_bundle",
    "proofs",
    "runs",
    "signed",
    "verify_integrity",
    "write",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """What proves that nothing was left out: tallies with the heads that they seal, and the leaves told apart."""

    tallies: Mapping[int, bytes]
    heads: Sequence[JSON]
    apart: Mapping[int, bytes]


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
    whole: Whole,
    sm3_paths: Mapping[int, Sequence[bytes]] | None = None,
) -> dict[str, bytes]:
    """Return all members: those before the seal, the manifest, the seal, the audit paths, the checkpoint.

    `sm3_paths` are those under SM3, where the checkpoint names an SM3 root.
    """
    index, leaf = seal
    return {
        **members,
        MANIFEST: manifest,
        SEAL: _leaf_line(index, leaf),
        PROOFS: proofs(paths),
        **({} if sm3_paths is None else {SM3_PROOFS: proofs(sm3_paths)}),
        CHECKPOINT: signed(checkpoint),
        TALLIES: _lines(whole.tallies),
        HEADS: b"".join(canonical.dumps(line) + b"\n" for line in whole.heads),
        APART: _lines(whole.apart),
    }


def proofs(paths: Mapping[int, Sequence[bytes]]) -> bytes:
    """Return `proofs/inclusion.jsonl` of audit paths by index."""
    lines = [{"index": at, "path": [base64.b64encode(each).decode() for each in paths[at]]} for at in sorted(paths)]
    return b"".join(canonical.dumps(line) + b"\n" for line in lines)


def signed(checkpoint: bytes) -> bytes:
    """Return the member `checkpoint` of a signed checkpoint: its lines in their one order."""
    return bytes(ordered(note.parse(checkpoint)))


def leaf_lines(leaves: Mapping[int, bytes]) -> bytes:
    """Return `leaves.jsonl.gz` of leaf bytes by index."""
    return _gzip(_lines(leaves))


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


def open_bundle(path: Path, limits: Limits | None = None) -> Bundle:
    """Open a bundle of unknown origin within the limits; EvidenceError says what is off with the container."""
    bounds = limits or Limits()
    return Bundle(members=container.unpack(path, bounds), limits=bounds)


def _lines(leaves: Mapping[int, bytes]) -> bytes:
    return b"".join(_leaf_line(index, leaves[index]) + b"\n" for index in sorted(leaves))


def _leaf_line(index: int, leaf: bytes) -> bytes:
    return b'{"index":' + str(index).encode() + b',"leaf":' + leaf + b"}"


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, compresslevel=9, mtime=0)
