"""A login under way at a provider: one seed gives state, nonce and the PKCE verifier (RFC 7636). Pure.

Where the seed is kept until the answer comes is its owner's affair: the portal keeps it for a visitor's device, the
staff's own pages make it from a cookie and a key.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from netops import keyring


@dataclass(frozen=True, slots=True)
class UnderWay:
    """One login under way at a provider."""

    provider: str
    seed: bytes
    at_ms: int = 0  # when the device left

    @property
    def state(self) -> str:
        """Return what comes back in the address."""
        return self._part(b"state")

    @property
    def nonce(self) -> str:
        """Return what comes back in the ID token."""
        return self._part(b"nonce")

    @property
    def verifier(self) -> str:
        """Return what proves to the provider that who asks for the token is who left with the question."""
        return self._part(b"verifier")

    @property
    def challenge(self) -> str:
        """Return what the provider is shown of the verifier (RFC 7636 section 4.2, S256)."""
        return _written(hashlib.sha256(self.verifier.encode()).digest())

    def _part(self, purpose: bytes) -> str:
        return _written(keyring.derived(self.seed, purpose))


def _written(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
