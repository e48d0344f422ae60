"""C2SP tlog-checkpoint: the head of a log as the text of a signed note; and what makes one trusted."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netops.errors import EvidenceError
from netops.evidence import merkle, note

if TYPE_CHECKING:
    from collections.abc import Sequence

REHEARSAL = "/rehearsal"
SM2_NAME = "/sm2"  # behind the name of a log or a witness: the name of its SM2 key
_SM3 = "sm3 "


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What a log commits to: its name, its size and the root over that many leaves."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read the text of a checkpoint; EvidenceError says what is off."""
        lines = text.split("\n")
        if len(lines) < 4 or lines.pop() or not all(lines):
            raise EvidenceError("checkpoint: expected origin, size and root, each a line, and no empty line")
        origin, shown, encoded, *extensions = lines
        if not shown.isascii() or not shown.isdigit() or (shown[0] == "0" and shown != "0") or len(shown) > 19:
            raise EvidenceError(f"checkpoint: size {shown[:32]!r}; expected a decimal without leading zeros")
        root = note.unbase64(encoded, "checkpoint: root")
        if len(root) != merkle.HASH_SIZE:
            raise EvidenceError(f"checkpoint: a root of {len(root)} bytes; expected {merkle.HASH_SIZE}")
        return cls(origin=origin, size=int(shown), root=root, extensions=tuple(extensions))

    @property
    def rehearsal(self) -> bool:
        """Whether the log is a rehearsal's, by its signed name."""
        return self.origin.endswith(REHEARSAL)

    @property
    def sm3_root(self) -> bytes | None:
        """The root of the same leaves under SM3, of the extension line `sm3 <base64>`; None without the profile."""
        found = [each.removeprefix(_SM3) for each in self.extensions if each.startswith(_SM3)]
        if not found:
            return None
        root = note.unbase64(found[0], "checkpoint: SM3 root")
        if len(found) > 1 or len(root) != merkle.HASH_SIZE:
            raise EvidenceError(f"checkpoint: expected one SM3 root of {merkle.HASH_SIZE} bytes")
        return root

    def __str__(self) -> str:
        """Return the text, as it is signed."""
        return "\n".join([self.origin, str(self.size), base64.b64encode(self.root).decode(), *self.extensions]) + "\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trusted:
    """A checkpoint whose signatures held, and by whom."""

    checkpoint: Checkpoint
    signers: tuple[note.Verified, ...]

    @property
    def cosigners(self) -> tuple[note.Verified, ...]:
        """Those who did not write the log but vouch that it only grew."""
        return tuple(each for each in self.signers if each.key.algorithm == note.COSIGNATURE_V1)


def trust(signed: note.Note, keys: Sequence[note.VerifierKey], *, quorum: int = 0) -> Trusted:
    """Return the checkpoint once the log's own key and `quorum` co-signers (k of k-of-n) signed; else EvidenceError.

    The log's own key is a trusted one of type 0x01 whose name is the checkpoint's origin. A trusted SM2 key of the log
    must have signed as well: else whoever strips its line would strip the profile.
    """
    signers = note.verify(signed, keys)
    made = Trusted(checkpoint=Checkpoint.parse(signed.text), signers=tuple(signers))
    origin = made.checkpoint.origin
    if not any(each.key.algorithm == note.ED25519 and each.key.name == origin for each in signers):
        raise EvidenceError(
            f"checkpoint: not signed by the log itself; expected a signature by a trusted key named '{origin}'"
        )
    demand_sm2(made.checkpoint, keys, signers)
    count = len({each.key.public for each in made.cosigners})
    if count < quorum:
        raise EvidenceError(f"checkpoint: {count} of the {quorum} co-signatures that the policy asks for")
    return made


def demand_sm2(head: Checkpoint, keys: Sequence[note.VerifierKey], signers: Sequence[note.Verified]) -> None:
    """Check that each SM2 key of this log among `keys` signed, and an SM3 root with the text; else EvidenceError.

    A witness that co-signed signed by its SM2 key too, where that is among `keys`.
    """
    held = [each.key for each in signers]
    cosigned = {key.name for key in held if key.algorithm == note.COSIGNATURE_V1}
    for key in keys:
        if key.algorithm == note.SM2_COSIGNATURE and key.name.removesuffix(SM2_NAME) in cosigned and key not in held:
            raise EvidenceError(
                f"checkpoint: co-signed by {key.name.removesuffix(SM2_NAME)} without its SM2 key"
                f" {key.name}+{key.id.hex()}; expected its line, or, of a checkpoint from before it signed by SM2, its"
                " Ed25519 key alone"
            )
        if key.algorithm != note.SM2 or key.name != head.origin + SM2_NAME:
            continue
        if key not in held:
            raise EvidenceError(
                f"checkpoint: not signed by the log's SM2 key {key.name}+{key.id.hex()}; expected its line,"
                " or, of a checkpoint from before the profile, the Ed25519 key alone"
            )
        if head.sm3_root is None:
            raise EvidenceError(f"checkpoint: signed by {key.name}, but without an SM3 root; expected a line 'sm3 …'")


def ordered(signed: note.Note) -> note.Note:
    """Return the note with the log's signature first and the others by name: one set of signatures, one spelling."""
    origin = Checkpoint.parse(signed.text).origin
    lines = sorted(signed.signatures, key=lambda each: (each.name != origin, each.name, each.key_id))
    return note.Note(text=signed.text, signatures=tuple(lines))
