"""Host keys: what the register vouches for, and whether a machine shows it. Nothing is learnt on the way.

Both transports ask here before they say who we are: a password goes to a machine that showed a known key, or nowhere.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field

from collectors.errors import CollectorError


class HostKeyError(CollectorError):
    """The machine that answers is not one that the register vouches for; nothing was sent to it."""


def fingerprint(blob: bytes) -> str:
    """Return what OpenSSH shows of a public key: SHA-256, base64 without padding."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode("ascii").rstrip("=")


@dataclass(frozen=True, slots=True)
class Trusted:
    """The keys of one door, as the register has them: `SHA256:…` or `ssh-ed25519 AAAA…`."""

    keys: tuple[str, ...]
    prints: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        """Bring both forms to one: a key line is its fingerprint."""
        found = {key if key.startswith("SHA256:") else fingerprint(_blob(key)) for key in self.keys}
        object.__setattr__(self, "prints", frozenset(found))

    def has(self, blob: bytes) -> bool:
        """Whether a shown public key (RFC 4253 section 6.6) is one of them."""
        return fingerprint(blob) in self.prints

    def kinds(self) -> frozenset[str]:
        """Return the kinds of keys to ask the machine for; empty when only fingerprints are known."""
        lines = [key.split()[0] for key in self.keys if not key.startswith("SHA256:")]
        return frozenset(lines) if len(lines) == len(self.keys) else frozenset()

    def refuse(self, kind: str, blob: bytes) -> HostKeyError:
        """Return the error that says what was shown and what was expected."""
        wanted = " or ".join(sorted(self.prints)) or "none: the door has no key"
        return HostKeyError(
            f"the machine shows {kind} {fingerprint(blob)}; the register has {wanted}. Nothing was sent. If the "
            "device was replaced, read its key at its console and correct the door"
        )


def _blob(line: str) -> bytes:
    return base64.b64decode(line.split()[1])
