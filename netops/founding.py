"""Found an instance: its directory, keys, configuration file and databases. Repeatable; nothing is overwritten."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from netops.commands.db import installed, upgrade
from netops.errors import ConfigError
from netops.evidence import files
from netops.sign import Signer

if TYPE_CHECKING:
    from netops.config import Settings

EVIDENCE_KEY = "evidence.key"
PUBLIC_KEY = "evidence.vkey"
SM2_PUBLIC_KEY = "evidence-sm2.vkey"
SECRETS = (
    "portal-voucher.key",
    "portal-identity.key",
    "portal-person.key",
    "portal-token.key",
    "staff.key",
)  # as `captive_portal/keys.py` and `netops/access/sealed.py` name them


def keys(settings: Settings) -> list[str]:
    """Make the keys that are not there yet; return the lines that say so."""
    directory = settings.data.dir / "keys"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    lines = []
    signing = evidence_key(settings)
    public = signing.with_name(PUBLIC_KEY)
    if not signing.exists() and not (given_by_systemd(settings) and public.exists()):  # encrypted, and put away since
        signer = Signer.generate(signing, settings.ledger_origin)
        files.replace(public, f"{signer.vkey}\n".encode())
        lines.append(f"made the ledger's signing key {signing}; its public half is {signer.vkey}")
    if settings.evidence.sm2 and signing.exists() and not sm2_public(settings).exists():
        lines.append(f"made {sm2_public(settings)}; the ledger's SM2 key is {sm2_vkey(settings)}")
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


def given_by_systemd(settings: Settings) -> bool:
    """Whether systemd reads the signing key and gives it to the core alone (LoadCredential=)."""
    return settings.evidence.key is not None and settings.evidence.key.reference.startswith("credential:")


def signer(settings: Settings) -> Signer:
    """Return the ledger's signer, for the evidence writer; EvidenceError or ConfigError when the key is not ours."""
    found = _signer(settings)
    return found.with_sm2() if settings.evidence.sm2 else found


def sm2_public(settings: Settings) -> Path:
    """Return where the public half of the ledger's SM2 key lies, beside the Ed25519 one."""
    return evidence_key(settings).with_name(SM2_PUBLIC_KEY)


def sm2_vkey(settings: Settings) -> str:
    """Return the ledger's public SM2 key, or nothing without the profile; made from the private key where it is not."""
    if not settings.evidence.sm2:
        return ""
    path = sm2_public(settings)
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        made = str(_signer(settings).with_sm2().sm2_vkey)
        files.replace(path, made.encode() + b"\n")
        return made


def _signer(settings: Settings) -> Signer:
    given = settings.evidence.key
    if given is None or given.reference.startswith("file:"):
        return Signer.load(evidence_key(settings))
    try:
        return Signer.parse(given.read())
    except ConfigError as error:
        if not given_by_systemd(settings):
            raise
        core = f"{settings.data.users or 'netops'}-core.service"
        raise ConfigError(f"{error}: systemd gives the signing key to {core} alone; start that, it seals") from None


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
