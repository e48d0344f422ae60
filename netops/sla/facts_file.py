"""A facts file: sealed leaves as JSON lines, as a bundle carries them in `leaves.jsonl.gz`, plain or gzipped.

A line is `{"index": 7, "leaf": {"fact": {...}, "recorded_ms": ..., "rehearsal": ..., "sequence": ..., "source": ...}}`.
The order of the lines does not matter and a repeated line counts once. Whatever contradicts, is cut short or is no fact
of the vocabulary is refused by its line. Nothing here proves that a leaf was ever sealed: `netops audit verify` does.
"""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from netops import facts
from netops.errors import EvidenceError, NetopsError
from netops.evidence import canonical
from netops.facts import Fact
from netops.vocabulary import expected, instant

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

LINE = 1 << 20  # a leaf ends at 65,535 bytes; spaces and escapes of another writer are let in
MOST = 1 << 31  # bytes of text: about ten years of a city
KEYS = {"fact", "recorded_ms", "rehearsal", "sequence", "source"}


@dataclass(frozen=True, slots=True)
class Facts:
    """The leaves' canonical bytes by index, and whether they are a rehearsal's."""

    leaves: Mapping[int, bytes]
    rehearsal: bool


def read(path: Path) -> Facts:
    """Return the leaves of a file; EvidenceError names the line that is off and what was expected."""
    held: dict[int, bytes] = {}
    named: dict[tuple[str, int], int] = {}
    rehearsals: set[bool] = set()
    for number, line in enumerate(_lines(path), 1):
        try:
            index, leaf = _leaf(line)
        except NetopsError as error:
            raise EvidenceError(f"{path}, line {number}: {error}") from None
        data = canonical.dumps(leaf)
        if held.setdefault(index, data) != data:
            raise EvidenceError(f"{path}, line {number}: leaf {index} stands twice and differs; expected each once")
        other = named.setdefault((leaf["source"], leaf["sequence"]), index)
        if other != index:
            raise EvidenceError(
                f"{path}, line {number}: fact {leaf['sequence']} of '{leaf['source'][:60]}' is leaf {other} and "
                f"{index}; expected one leaf for each fact"
            )
        rehearsals.add(leaf["rehearsal"])
    if len(rehearsals) > 1:
        raise EvidenceError(f"{path}: holds leaves of a rehearsal and of none; expected one instance's")
    if not held:
        raise EvidenceError(f"{path}: holds no leaf; expected JSON lines as in the `leaves.jsonl.gz` of a bundle")
    return Facts(dict(sorted(held.items())), rehearsals.pop())


def _lines(path: Path) -> Iterator[bytes]:
    """Yield the lines that hold something."""
    taken = 0
    with path.open("rb") as plain:
        packed = plain.read(2) == b"\x1f\x8b"
        plain.seek(0)
        file = cast("BinaryIO", gzip.open(plain)) if packed else plain  # noqa: SIM115  (closed with `plain`)
        while True:
            try:
                line = file.readline(LINE + 1)
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                raise EvidenceError(f"{path}: cannot be unpacked after {taken} bytes ({error}); copy it anew") from None
            taken += len(line)
            if len(line) > LINE or taken > MOST:
                raise EvidenceError(f"{path}: a line over {LINE} bytes, or over {MOST} in all; expected leaves")
            if not line:
                return
            if line.strip():
                yield line


def _leaf(line: bytes) -> tuple[int, dict[str, Any]]:
    value = canonical.loads(line)
    if not isinstance(value, dict) or set(value) != {"index", "leaf"}:
        raise EvidenceError('expected {"index": …, "leaf": {…}}')
    index, leaf = value["index"], value["leaf"]
    if type(index) is not int or index < 0:
        raise EvidenceError(f"index is {str(index)[:40]}; expected a whole number from 0")
    if not isinstance(leaf, dict) or set(leaf) != KEYS:
        raise EvidenceError(f"leaf {index}: expected an object of {', '.join(sorted(KEYS))}")
    fact = leaf["fact"]
    if not isinstance(fact, dict) or set(fact) != {"at_ms", "body", "kind"}:
        raise EvidenceError(f"leaf {index}: a fact is an object of kind, at_ms and body")
    kinds = (("source", str), ("sequence", int), ("recorded_ms", int), ("rehearsal", bool))
    for key, kind in kinds:
        if type(leaf[key]) is not kind:
            raise EvidenceError(f"leaf {index}: {key} is {str(leaf[key])[:40]}; expected {kind.__name__}")
    if not instant(leaf["recorded_ms"]):
        raise EvidenceError(f"leaf {index}: recorded_ms is {leaf['recorded_ms']}; expected {expected(instant)}")
    facts.check(Fact(kind=fact["kind"], at_ms=fact["at_ms"], body=fact["body"]))
    return index, leaf
