"""The errors of the collecting door. Each names its subject, what was expected and the remedy.

A device that does not answer, or answers nonsense, raises nothing above the transport: it yields a Gap.
"""

from __future__ import annotations

from netops.errors import NetopsError


class CollectorError(NetopsError):
    """Anything this door says on purpose."""


class DecodeError(CollectorError):
    """Bytes from the wire that are no message we know; the only error that leaves a decoder."""


class SecurityError(DecodeError):
    """An SNMPv3 message that fails authentication, decryption or the time window (RFC 3414 section 3.2)."""


class DigestError(SecurityError):
    """A digest of the right length that does not hold: another key, or another protocol whose digests are as long."""
