"""Found an instance: its directory, keys, configuration file and databases. Repeatable; nothing is overwritten."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from netops.commands.db import installed, upgrade
from netops.sign import Signer

if TYPE_CHECKING:
    from netops.config import Settings

EVIDENCE_KEY = "evidence.key"
SECRETS = ("voucher.key", "identity.key")


def keys(settings: Settings) -> list[str]:
    """Make the keys that are not there yet; return the lines that say so."""
    directory = settings.data.dir / "keys"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    lines = []
    signing = evidence_key(settings)
    if not signing.exists():
        signer = Signer.generate(signing, settings.ledger_origin)
        lines.append(f"made the ledger's signing key {signing}; its public half is {signer.vkey}")
    for name in SECRETS:
        path = directory / name
        if not path.exists():
            write_secret(path, secrets.token_hex(32))
            lines.append(f"made {path}")
    return lines


def evidence_key(settings: Settings) -> Path:
    """Return where the signing key lies."""
    reference = settings.evidence.key.reference if settings.evidence.key else ""
    if reference.startswith("file:"):
        return Path(reference.removeprefix("file:"))
    return settings.data.dir / "keys" / EVIDENCE_KEY


def write_secret(path: Path, text: str) -> None:
    """Write a secret for its owner's eyes; an existing file is never overwritten."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())


def databases(settings: Settings) -> list[str]:
    """Bring every database to this version; return what was done."""
    return upgrade(settings, installed())
