"""What a server's certificate says: the one place where the probes know `cryptography`'s X.509."""

from __future__ import annotations

import hashlib
from typing import Any

from cryptography import x509

ISSUER_CHARACTERS = 200


def read(der: bytes) -> dict[str, Any]:
    """Return digest, issuer and end of a certificate; what cannot be read is left out."""
    made: dict[str, Any] = {"sha256": hashlib.sha256(der).hexdigest()}
    try:
        found = x509.load_der_x509_certificate(der)
        made["issuer"] = found.issuer.rfc4514_string()[:ISSUER_CHARACTERS]
        made["not_after_ms"] = int(found.not_valid_after_utc.timestamp() * 1000)
    except (ValueError, x509.UnsupportedGeneralNameType):
        return made
    return made
