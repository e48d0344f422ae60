"""What a log asks of a witness, and what a witness answers (C2SP tlog-witness, `add-checkpoint`). Pure.

    old 20852                     the size that the witness saw last, 0 before the first time
    <base64, one hash a line>     the proof that the tree of that size is a prefix of the new one
                                  an empty line
    <the signed checkpoint>

The same bytes travel over HTTP and as a file.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netops.errors import EvidenceError
from netops.evidence import merkle, note
from netops.evidence.checkpoint import Checkpoint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netops.evidence.note import VerifierKey

MOST_HASHES = 63
LARGEST = 64 * 1024
MALFORMED, FORBIDDEN, UNKNOWN, CONFLICT, UNPROVEN = 400, 403, 404, 409, 422


class RefusedError(EvidenceError):
    """A witness does not sign. `status` is that of the HTTP answer; with 409 goes `size`, what the witness knows."""

    def __init__(self, status: int, what: str, *, size: int | None = None) -> None:
        super().__init__(what)
        self.status = status
        self.size = size


@dataclass(frozen=True, slots=True)
class Seen:
    """What a witness keeps of a log: the newest head that it vouched for."""

    origin: str
    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Ask:
    """A log's request."""

    old: int
    proof: tuple[bytes, ...]
    checkpoint: bytes

    def __bytes__(self) -> bytes:
        lines = [f"old {self.old}", *(base64.b64encode(each).decode() for each in self.proof)]
        return "\n".join([*lines, "", ""]).encode() + self.checkpoint

    @classmethod
    def parse(cls, data: bytes) -> Ask:
        """Read a request; RefusedError (400) says what is off."""
        if len(data) > LARGEST:
            raise RefusedError(MALFORMED, f"request of {len(data)} bytes; expected at most {LARGEST}")
        head, gap, signed = data.partition(b"\n\n")
        try:
            old, *lines = head.decode("ascii").split("\n")
            proof = tuple(note.unbase64(line, f"line {at} of the proof") for at, line in enumerate(lines, 1))
        except (EvidenceError, UnicodeDecodeError) as error:
            raise RefusedError(MALFORMED, f"request: {error}") from None
        shown = old.removeprefix("old ")
        if not gap or shown == old or not shown.isdigit() or len(shown) > 19 or str(int(shown)) != shown:
            raise RefusedError(MALFORMED, "request: expected 'old <size>', the proof, an empty line, the checkpoint")
        if len(proof) > MOST_HASHES:
            raise RefusedError(MALFORMED, f"a proof of {len(proof)} hashes; expected at most {MOST_HASHES}")
        return cls(int(shown), proof, signed)


def judge(ask: Ask, seen: Seen | None, logs: Sequence[VerifierKey]) -> Seen:
    """Return what the witness is to keep before it signs; RefusedError says why it must not sign.

    `seen` is what it keeps of this log now, `logs` the keys of the logs that it watches.
    """
    try:
        signed = note.parse(ask.checkpoint)
        head = Checkpoint.parse(signed.text)
    except EvidenceError as error:
        raise RefusedError(MALFORMED, str(error)) from None
    keys = [key for key in logs if key.name == head.origin and key.algorithm == note.ED25519]
    if not keys:
        raise RefusedError(UNKNOWN, f"log '{head.origin}' is not one that this witness watches")
    try:
        note.verify(signed, keys)
    except EvidenceError as error:
        raise RefusedError(FORBIDDEN, str(error)) from None
    _grown(ask, head, seen)
    return Seen(head.origin, head.size, head.root)


def _grown(ask: Ask, head: Checkpoint, seen: Seen | None) -> None:
    if not 0 <= ask.old <= head.size or head.size == 0:
        what = f"the old size is {ask.old}, the checkpoint's {head.size}; expected old ≤ new, and a leaf at least"
        raise RefusedError(MALFORMED, what)
    known = 0 if seen is None else seen.size
    if ask.old != known:
        what = (
            f"log '{head.origin}': {ask.old} was told as the size last seen; this witness saw {known}: ask the "
            f"city for a request by `netops witness ask --old {known}`"
        )
        raise RefusedError(CONFLICT, what, size=known)
    if seen is None or known == 0:
        if ask.proof:
            raise RefusedError(UNPROVEN, "from the empty log nothing follows; expected an empty proof")
        return
    if head.size == known and head.root != seen.root:
        what = f"log '{head.origin}': a second root of size {known}: the log is forked. Keep this request as evidence"
        raise RefusedError(CONFLICT, what, size=known)
    try:
        merkle.verify_consistency(known, head.size, seen.root, head.root, ask.proof)
    except EvidenceError as error:
        raise RefusedError(UNPROVEN, f"log '{head.origin}': {error}") from None
