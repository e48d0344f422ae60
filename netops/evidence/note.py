"""C2SP signed-note: a text, an empty line, signature lines; with Ed25519 (type 0x01) and `cosignature/v1` (type 0x04).

Under the optional profile of commercial cryptography also with SM2 (type 0xff and a longer name, as the format asks):
a log's own signature, and a co-signature, which is over the same message as `cosignature/v1`.

Reading is strict, so that a note has one spelling. Signatures by unknown keys are ignored, as the format demands;
a bad signature by a known key refuses the whole note.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from netops.errors import EvidenceError
from netops.evidence import ed25519, sm2

if TYPE_CHECKING:
    from collections.abc import Sequence

ED25519 = 0x01
COSIGNATURE_V1 = 0x04
SM2 = 0xFF
SM2_COSIGNATURE = 0x1FF  # no type byte: 0xff as well, told apart by the longer name
SIZES = {ED25519: 32, COSIGNATURE_V1: 32, SM2: sm2.SIZE, SM2_COSIGNATURE: sm2.SIZE}  # bytes of a public key
COSIGNATURES = frozenset({COSIGNATURE_V1, SM2_COSIGNATURE})
_KINDS = {
    ED25519: b"\x01",
    COSIGNATURE_V1: b"\x04",
    SM2: b"\xffnetops/sm2-with-sm3/v1\n",  # the longer name follows a type byte that the format gives to nobody
    SM2_COSIGNATURE: b"\xffnetops/sm2-cosignature/v1\n",
}
MAX_NOTE = 1_000_000
MAX_SIGNATURES = 100
_DASH = "\u2014 "
_HEX = frozenset("0123456789abcdef")
_PRIVATE = "PRIVATE+KEY+"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifierKey:
    """A public key with its name: `<name>+<key id, hex>+<base64(type || key)>`; an SM2 key is x || y."""

    name: str
    algorithm: int
    public: bytes

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Read a vkey; EvidenceError says what is off, and never shows what could be secret."""
        refuse_private(text)
        name, _, rest = text.partition("+")
        shown, _, encoded = rest.partition("+")
        _check_name(name, text)
        if len(shown) != 8 or not _HEX.issuperset(shown):
            raise EvidenceError(f"verifier key {_open(text)!r}: expected <name>+<8 hex digits>+<base64>")
        blob = unbase64(encoded, f"verifier key {name}")
        kind = next((each for each, head in _KINDS.items() if blob.startswith(head)), None)
        if kind is None or len(blob) != len(_KINDS[kind]) + SIZES[kind]:
            raise EvidenceError(
                f"verifier key {name}: expected an Ed25519 key of type 0x01 or 0x04, or an SM2 key of type 0xff"
            )
        key = cls(name=name, algorithm=kind, public=blob.removeprefix(_KINDS[kind]))
        if SIZES[kind] == sm2.SIZE and not sm2.is_key(key.public):
            raise EvidenceError(f"verifier key {name}: is no point of the SM2 curve; copy the key again")
        if key.id.hex() != shown:
            raise EvidenceError(f"verifier key {name}: its id is {key.id.hex()}, not {shown}; copy the key again")
        return key

    @property
    def id(self) -> bytes:
        """The first four bytes of SHA-256(name, newline, type, key)."""
        return sha256(self.name.encode() + b"\n" + self.blob).digest()[:4]

    @property
    def blob(self) -> bytes:
        """The type and the key, as they stand in the line."""
        return (_KINDS.get(self.algorithm) or bytes([self.algorithm])) + self.public  # `parse` refuses any other

    def __str__(self) -> str:
        """Return the vkey."""
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(self.blob).decode()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One signature line: who says to have signed, and the bytes after the key id."""

    name: str
    key_id: bytes
    blob: bytes

    def __str__(self) -> str:
        """Return the line without its newline."""
        return f"{_DASH}{self.name} {base64.b64encode(self.key_id + self.blob).decode()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A signed text. Nothing in it may be believed before `verify`."""

    text: str
    signatures: tuple[Signature, ...]

    def __bytes__(self) -> bytes:
        return (self.text + "\n" + "".join(f"{line}\n" for line in self.signatures)).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """A key whose signature held; `time_s` is when a co-signer says that it signed (POSIX seconds), else None."""

    key: VerifierKey
    time_s: int | None = None


def parse(data: bytes) -> Note:
    """Read a note; EvidenceError says what is off."""
    if len(data) > MAX_NOTE:
        raise EvidenceError(f"a note of {len(data)} bytes; expected at most {MAX_NOTE}")
    try:
        whole = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise EvidenceError(f"note: byte {error.start} is not UTF-8") from None
    if any(character < " " and character != "\n" for character in whole):
        raise EvidenceError("note: a control character; expected text and newlines")
    text, gap, tail = whole.rpartition("\n\n")
    if not gap or not tail.endswith("\n"):
        raise EvidenceError("note: expected a text, an empty line and signature lines, each ending in a newline")
    lines = tail[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise EvidenceError(f"note: {len(lines)} signatures; expected at most {MAX_SIGNATURES}")
    return Note(text=text + "\n", signatures=tuple(_signature(line) for line in lines))


def verify(note: Note, keys: Sequence[VerifierKey]) -> list[Verified]:
    """Return the known keys that signed, in the note's order; EvidenceError if one does not hold or none is known."""
    known = {(key.name, key.id): key for key in keys}
    held: list[Verified] = []
    for signature in note.signatures:
        key = known.get((signature.name, signature.key_id))
        if key is None:
            continue
        if any(each.key == key for each in held):
            raise EvidenceError(f"note: two signatures by {key.name}+{key.id.hex()}; expected one")
        held.append(_held(note.text, signature, key))
    if not held:
        raise EvidenceError(f"note: no signature by a trusted key; it is signed by {_signers(note)}")
    return held


def refuse_private(text: str) -> None:
    """Refuse a private key where a public one belongs (EvidenceError); no part of it is shown.

    Error messages reach terminals, journals and mails to the other side: who mixed up two files would lose the key.
    """
    if _PRIVATE in text:
        raise EvidenceError(
            "holds a private key, which must not leave its owner; expected the public line that `netops dispute key` "
            "or `netops witness key` printed (the city's own: keys/evidence.vkey). If others saw it, make a new key"
        )


def cosigned(text: str, time_s: int) -> bytes:
    """Return the message that a `cosignature/v1` of the checkpoint text signs."""
    return f"cosignature/v1\ntime {time_s}\n{text}".encode()


def unbase64(text: str, what: str) -> bytes:
    """Decode standard base64 in its only spelling: a second spelling of the same bytes would be a second document."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise EvidenceError(f"{what}: not base64") from None
    if base64.b64encode(data).decode() != text:
        raise EvidenceError(f"{what}: base64 with stray bits; expected the canonical spelling")
    return data


def _held(text: str, signature: Signature, key: VerifierKey) -> Verified:
    time_s, blob, message = None, signature.blob, text.encode()
    if key.algorithm in COSIGNATURES:
        time_s, blob = int.from_bytes(blob[:8], "big"), blob[8:]
        message = cosigned(text, time_s)
    holds = sm2.verify if SIZES[key.algorithm] == sm2.SIZE else ed25519.verify
    if not holds(key.public, message, blob):
        raise EvidenceError(
            f"note: the signature of {key.name}+{key.id.hex()} does not hold; the text or the signature was changed"
        )
    return Verified(key=key, time_s=time_s)


def _signature(line: str) -> Signature:
    refuse_private(line)
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space:
        raise EvidenceError(f"note: {_open(line)!r} is no signature line; expected '— <name> <base64>'")
    _check_name(name, line)
    blob = unbase64(encoded, f"note: the signature of {name}")
    if len(blob) < 5:
        raise EvidenceError(f"note: the signature of {name} has {len(blob)} bytes; expected a key id and a signature")
    return Signature(name=name, key_id=blob[:4], blob=blob[4:])


def _signers(note: Note) -> str:
    return ", ".join(f"{each.name}+{each.key_id.hex()}" for each in note.signatures)


def _check_name(name: str, where: str) -> None:
    if not name or "+" in name or any(character.isspace() for character in name):
        raise EvidenceError(
            f"key name {_open(name)!r} in {_open(where)!r}: expected a name without spaces and plus signs"
        )


def _open(text: str) -> str:
    """Return what may be shown of a key's line: its name and its id, which stand before the second plus sign."""
    return "+".join(text.split("+", 2)[:2])[:80]
