"""A probe's Ed25519 key: made at the site, it never leaves it; the core holds the public half."""

from __future__ import annotations

import base64
import os
import stat
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from netops.errors import NetopsError

if TYPE_CHECKING:
    from pathlib import Path

SEED_OCTETS = 32


class Key:
    """A private key. Its text never shows the seed."""

    __slots__ = ("_private", "public")

    def __init__(self, seed: bytes) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = base64.b64encode(self._private.public_key().public_bytes_raw()).decode("ascii")

    def __repr__(self) -> str:
        return f"Key({self.public})"

    def sign(self, statement: bytes) -> bytes:
        """Return the signature's 64 octets."""
        return self._private.sign(statement)


def generate(path: Path) -> Key:
    """Make a key and its file (0600, synced); an existing one is kept and used: a second join is not a new probe."""
    if path.exists():
        return load(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    seed = os.urandom(SEED_OCTETS)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(base64.b64encode(seed) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    return Key(seed)


def load(path: Path) -> Key:
    """Read a key file; refused unless it is a plain file that nobody else may read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise NetopsError(
            f"probe key {path}: cannot be opened ({error.strerror}); `netops probe join` makes one"
        ) from None
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode) or found.st_mode & 0o077:
            raise NetopsError(f"probe key {path}: others may read it; run `chmod 600 {path}`")
        text = file.read(200)
    try:
        seed = base64.b64decode(text.strip(), validate=True)
    except ValueError:
        seed = b""
    if len(seed) != SEED_OCTETS:
        raise NetopsError(f"probe key {path}: it is none; move it away and run `netops probe join` again")
    return Key(seed)


def holds(public: str, statement: bytes, signature: bytes) -> bool:
    """Whether the signature is one of this public key over the statement."""
    try:
        Ed25519PublicKey.from_public_bytes(base64.b64decode(public, validate=True)).verify(signature, statement)
    except (InvalidSignature, ValueError):
        return False
    return True


def is_public(text: str) -> bool:
    """Whether the text is a public key in base64."""
    try:
        Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))
    except ValueError:
        return False
    return True
