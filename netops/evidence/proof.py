"""C2SP tlog-proof@v1: one leaf's way to a signed checkpoint in one small text, verifiable offline."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netops.errors import EvidenceError
from netops.evidence import merkle, note
from netops.evidence.checkpoint import Trusted, trust

if TYPE_CHECKING:
    from collections.abc import Sequence

HEADER = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Where a leaf lies, its audit path and the signed checkpoint. `extra` is not authenticated by anything."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: note.Note
    extra: bytes | None = None

    @classmethod
    def parse(cls, data: bytes) -> Proof:
        """Read a proof; EvidenceError says what is off."""
        head, gap, signed = data.partition(b"\n\n")
        try:
            lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError:
            raise EvidenceError("proof: not ASCII before the checkpoint") from None
        if lines.pop(0) != HEADER or not gap:
            raise EvidenceError(f"proof: expected '{HEADER}', the index, the path, an empty line and the checkpoint")
        extra = None
        if lines and lines[0].startswith("extra "):
            extra = note.unbase64(lines.pop(0).removeprefix("extra "), "proof: extra")
        word, _, shown = (lines.pop(0) if lines else "").partition(" ")
        if word != "index" or not shown.isdigit() or (shown[0] == "0" and shown != "0") or len(shown) > 19:
            raise EvidenceError("proof: expected 'index <decimal without leading zeros>'")
        path = tuple(note.unbase64(line, f"proof: line {at} of the path") for at, line in enumerate(lines, 1))
        return cls(index=int(shown), path=path, checkpoint=note.parse(signed), extra=extra)

    def __bytes__(self) -> bytes:
        lines = [HEADER]
        if self.extra is not None:
            lines.append(f"extra {base64.b64encode(self.extra).decode()}")
        lines.append(f"index {self.index}")
        lines += [base64.b64encode(each).decode() for each in self.path]
        return "\n".join([*lines, "", ""]).encode() + bytes(self.checkpoint)

    def verify(self, leaf: bytes, keys: Sequence[note.VerifierKey], *, quorum: int = 0) -> Trusted:
        """Check signatures and inclusion of the leaf's bytes; return the trusted checkpoint or raise EvidenceError."""
        trusted = trust(self.checkpoint, keys, quorum=quorum)
        head = trusted.checkpoint
        merkle.verify_inclusion(merkle.leaf_hash(leaf), self.index, head.size, self.path, head.root)
        return trusted
