"""The signing door: the one place that signs, and the one that knows `cryptography` for it.

The core's evidence writer alone holds a key. What people approve is a fact in the ledger, not a signature.
A key is one line, `PRIVATE+KEY+<name>+<key id>+<base64(type || seed)>`, as the tools of signed notes keep theirs.
"""

from __future__ import annotations

import base64
import os
import re
import stat
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from netops.errors import EvidenceError
from netops.evidence import files, note
from netops.evidence.checkpoint import SM2_NAME
from netops.sign_sm2 import Sm2Key

if TYPE_CHECKING:
    from pathlib import Path

    from netops.evidence.checkpoint import Checkpoint

_PREFIX = "PRIVATE+KEY+"
_ORDER_OF_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # FIPS 186-5, SP 800-186
_NAME = re.compile(r"[A-Za-z0-9._/-]{1,100}")  # what every system writes in a file and a mail alike
_MAKERS = "`netops init` makes the city's, `netops dispute key` a carrier's, `netops witness key` a witness's"


class Signer:
    """A named Ed25519 key. Its text never shows the seed."""

    __slots__ = ("_private", "_seed", "_sm2", "vkey")

    def __init__(self, name: str, seed: bytes, *, algorithm: int = note.ED25519) -> None:
        self._seed = seed
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        public = self._private.public_key().public_bytes_raw()
        self.vkey = note.VerifierKey.parse(str(note.VerifierKey(name=name, algorithm=algorithm, public=public)))

        self._sm2: Sm2Key | None = None

    def __repr__(self) -> str:
        return f"Signer({self.vkey})"

    @classmethod
    def new(cls, name: str, *, algorithm: int = note.ED25519) -> Signer:
        """Return a fresh key from the kernel's random source; 0x04 makes a co-signer's."""
        return cls(name, os.urandom(32), algorithm=algorithm)

    @classmethod
    def parse(cls, text: str) -> Signer:
        """Read a private key's line (of a Secret, say). No error ever holds a part of it."""
        line = text.removesuffix("\n")
        name, _, rest = line.removeprefix(_PREFIX).partition("+")
        shown, _, encoded = rest.partition("+")
        try:
            blob = base64.b64decode(encoded, validate=True)
        except ValueError:
            blob = b""
        if not line.startswith(_PREFIX) or len(blob) != 33:
            raise EvidenceError(
                "signing key: expected one line 'PRIVATE+KEY+<name>+<id>+<base64>'; `netops init` makes one"
            )
        signer = cls(name, blob[1:], algorithm=blob[0])
        if signer.vkey.id.hex() != shown:
            raise EvidenceError(
                f"signing key {name}: its id is {signer.vkey.id.hex()}, not {shown}; restore the file from the backup"
            )
        return signer

    @classmethod
    def load(cls, path: Path) -> Signer:
        """Read a key file; refused unless it is a plain file of ours that nobody else may read."""
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            raise EvidenceError(f"signing key {path}: no such file; {_MAKERS}") from None
        except OSError as error:
            raise EvidenceError(
                f"signing key {path}: cannot be opened ({error.strerror}); expected the file itself, readable to you"
            ) from None
        try:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode) or found.st_uid not in (os.geteuid(), 0):
                raise EvidenceError(f"signing key {path}: expected a plain file that belongs to this user or to root")
            text = os.read(handle, 4096).decode("ascii", "replace")
            if _public(text):  # before the mode: of a public file that would be the wrong remedy
                raise EvidenceError(f"signing key {path}: is a public key; expected the private file. {_MAKERS}")
            if found.st_mode & 0o077:
                raise EvidenceError(
                    f"signing key {path}: mode {stat.S_IMODE(found.st_mode):04o} lets others in; run `chmod 600 {path}`"
                )
            return cls.parse(text)
        finally:
            os.close(handle)

    @classmethod
    def generate(cls, path: Path, name: str, *, algorithm: int = note.ED25519) -> Signer:
        """Make a key and its file (0600, fsynced); an existing file is never overwritten, half a file never left."""
        if not _NAME.fullmatch(name):
            raise EvidenceError(
                f"key name '{name}': expected ASCII letters, digits, '.', '_', '-', '/' (such as carrier-a/disputes)"
            )
        signer = cls.new(name, algorithm=algorithm)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            raise EvidenceError(
                f"signing key {path}: exists, and a key is never overwritten; move it away first"
            ) from None
        except OSError as error:
            raise EvidenceError(f"signing key {path}: cannot be made ({error.strerror})") from None
        try:
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(signer.private_line() + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            path.unlink(missing_ok=True)  # else it would stand in the way of the next try
            raise EvidenceError(f"signing key {path}: cannot be written ({error.strerror})") from None
        files.settle(path.parent)
        return signer

    def paper_key(self) -> ec.EllipticCurvePrivateKey:
        """Return the P-256 key that signs papers, derived (HKDF, RFC 5869): readers of PDF know no Ed25519."""
        made = HKDF(algorithm=hashes.SHA256(), length=48, salt=None, info=b"netops paper key 1").derive(self._seed)
        return ec.derive_private_key(int.from_bytes(made, "big") % (_ORDER_OF_P256 - 1) + 1, ec.SECP256R1())

    def with_sm2(self) -> Signer:
        """Return this key joined by an SM2 key that is derived from it: both sign, or co-sign, every checkpoint."""
        joined = Signer(self.vkey.name, self._seed, algorithm=self.vkey.algorithm)
        joined._sm2 = Sm2Key.derived(self._seed)
        return joined

    @property
    def sm2_vkey(self) -> note.VerifierKey | None:
        """The public half of the SM2 key, named `<name>/sm2`; None without the profile."""
        if self._sm2 is None:
            return None
        kind = note.SM2 if self.vkey.algorithm == note.ED25519 else note.SM2_COSIGNATURE
        return note.VerifierKey(name=self.vkey.name + SM2_NAME, algorithm=kind, public=self._sm2.public)

    def private_line(self) -> str:
        """Return the private key's line, for its file and for nothing else."""
        blob = bytes([self.vkey.algorithm]) + self._seed
        return f"{_PREFIX}{self.vkey.name}+{self.vkey.id.hex()}+{base64.b64encode(blob).decode()}"

    def sign(self, text: str) -> bytes:
        """Return the text (ending in a newline) as a note signed by this key alone."""
        if self.vkey.algorithm != note.ED25519:
            raise EvidenceError(f"key {self.vkey.name} is a co-signer's (type 0x04); use `cosign`")
        if not text.endswith("\n"):
            raise EvidenceError("a note's text ends in a newline")
        return bytes(note.Note(text=text, signatures=(self._line(self._private.sign(text.encode())),)))

    def sign_checkpoint(self, head: Checkpoint) -> bytes:
        """Return the signed note of a checkpoint; the key must carry the log's name."""
        if head.origin != self.vkey.name:
            raise EvidenceError(
                f"key '{self.vkey.name}' does not sign for the log '{head.origin}'; expected a key of that name"
            )
        signed = self.sign(str(head))
        if self._sm2 is None or self.sm2_vkey is None:
            return signed
        if head.sm3_root is None:
            raise EvidenceError(f"key '{self.sm2_vkey.name}': expected a checkpoint with an SM3 root")
        given = note.parse(signed)
        blob = self._sm2.sign(given.text.encode())
        line = note.Signature(name=self.sm2_vkey.name, key_id=self.sm2_vkey.id, blob=blob)
        return bytes(note.Note(text=given.text, signatures=(*given.signatures, line)))

    def cosign(self, signed: bytes, *, now_s: int) -> bytes:
        """Return the note with this co-signer's `cosignature/v1` added, and with SM2 the same by that key.

        Whoever calls has checked consistency first.
        """
        if self.vkey.algorithm != note.COSIGNATURE_V1:
            raise EvidenceError(f"key {self.vkey.name} is a log's (type 0x01); a co-signer needs one of type 0x04")
        given = note.parse(signed)
        told, message = now_s.to_bytes(8, "big"), note.cosigned(given.text, now_s)
        lines = [self._line(told + self._private.sign(message))]
        if self._sm2 is not None and self.sm2_vkey is not None:
            key = self.sm2_vkey
            lines.append(note.Signature(name=key.name, key_id=key.id, blob=told + self._sm2.sign(message)))
        return bytes(note.Note(text=given.text, signatures=(*given.signatures, *lines)))

    def _line(self, blob: bytes) -> note.Signature:
        return note.Signature(name=self.vkey.name, key_id=self.vkey.id, blob=blob)


def _public(text: str) -> bool:
    try:
        note.VerifierKey.parse(text.partition("\n")[0])
    except EvidenceError:
        return False
    return True
