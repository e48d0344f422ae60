"""Keys that an instance makes for itself, and what is derived from them.

A key comes by reference from the settings; where none is given it is a file under `<data dir>/keys`, made on first use
with mode 0600. What is made with it says for which purpose, so that no value of one room is of use in another.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from typing import TYPE_CHECKING

from netops.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from netops.secret import Secret

LEAST = 32  # characters: 128 bits in hexadecimal


def key(secret: Secret | None, file: Path) -> bytes:
    """Return the key of a reference, or of its file; ConfigError when it is too short or cannot be had."""
    text = secret.read() if secret is not None else _kept(file)
    if len(text) < LEAST:
        raise ConfigError(f"{secret or file}: the key has {len(text)} characters; expected at least {LEAST}")
    return hashlib.sha256(text.encode()).digest()


def derived(key: bytes, purpose: bytes, *parts: bytes) -> bytes:
    """Return HMAC-SHA-256 over purpose and parts, each with its length, so that no two lists of parts are alike."""
    framed = b"".join(len(part).to_bytes(4, "big") + part for part in (purpose, *parts))
    return hmac.digest(key, framed, hashlib.sha256)


def _kept(file: Path) -> str:
    """Return the key in the file; make it durable first if there is none. Two processes at once get the same one."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not file.exists():
            _make(file)
        return file.read_text(encoding="ascii").strip()
    except OSError as error:
        raise ConfigError(f"key {file}: cannot be made or read ({error.strerror}); check the data directory") from None


def _make(file: Path) -> None:
    fresh = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, secrets.token_hex(32).encode() + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    try:
        os.link(fresh, file)  # fails where another process was first
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
