"""Time-stamp tokens (RFC 3161): a query on some bytes, what answers it, whether a token holds. pyHanko's other door.

No library of its own: pyHanko reads them anyway (`pades.py`), and takes the tokens of authorities that list their
certificates in another order than DER wants, as `openssl ts` does.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.serialization import Encoding

from netops.errors import EvidenceError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from cryptography.x509 import Certificate

GRANTED = ("granted", "granted_with_mods")
_BROKEN = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


def query(data: bytes, nonce: int) -> bytes:
    """Return the query on the SHA-256 of some bytes, in DER; the authority is asked for its certificate."""
    from asn1crypto import algos, tsp  # noqa: PLC0415

    imprint = {
        "hash_algorithm": algos.DigestAlgorithm({"algorithm": "sha256"}),
        "hashed_message": hashlib.sha256(data).digest(),
    }
    asked = {"version": 1, "message_imprint": tsp.MessageImprint(imprint), "cert_req": True, "nonce": nonce}
    made: bytes = tsp.TimeStampReq(asked).dump()
    return made


def check(answer: bytes, data: bytes, nonce: int) -> None:
    """Raise EvidenceError unless the answer grants a signed token on exactly what was asked; by whom, is not judged."""
    granted, info = _read(answer)
    if not granted:
        raise EvidenceError("the authority refused")
    if (
        info["message_imprint"]["hashed_message"].native != hashlib.sha256(data).digest()
        or info["nonce"].native != nonce
    ):
        raise EvidenceError("the token is on something else than what was asked")
    _held(answer, info, data, ())  # a day that has its token is not asked about again: it must be one


def look(answer: bytes, data: bytes, roots: Sequence[Certificate]) -> datetime:
    """Return the instant of a token on some bytes, by an authority under one of the roots; EvidenceError otherwise.

    Certificates are judged by the token's own instant: what ran out since proves no less.
    """
    granted, info = _read(answer)
    if not granted:
        raise EvidenceError("the token does not hold: the authority refused")
    at, path = _held(answer, info, data, roots)
    if path is None:
        raise EvidenceError("the token does not hold: its authority is under none of the roots given")
    return at


def _held(answer: bytes, info: Any, data: bytes, roots: Sequence[Certificate]) -> tuple[datetime, Any]:
    """Return a token's instant and its authority's way to a root, None without one; EvidenceError when it is broken."""
    from asn1crypto import x509  # noqa: PLC0415
    from pyhanko.pdf_utils.misc import PdfError  # noqa: PLC0415
    from pyhanko.sign.validation.errors import SignatureValidationError  # noqa: PLC0415
    from pyhanko.sign.validation.generic_cms import validate_tst_signed_data  # noqa: PLC0415
    from pyhanko_certvalidator import ValidationContext  # noqa: PLC0415

    trusted = [x509.Certificate.load(each.public_bytes(Encoding.DER)) for each in roots]
    try:
        at: datetime = info["gen_time"].native
        context = ValidationContext(trust_roots=trusted, allow_fetching=False, moment=at, best_signature_time=at)
        signed = _token(answer)["content"]
        found = asyncio.run(validate_tst_signed_data(signed, context, lambda name: hashlib.new(name, data).digest()))
    except (PdfError, SignatureValidationError, *_BROKEN) as error:
        raise EvidenceError(f"the token does not hold: {type(error).__name__}") from None
    if not found["intact"] or not found["valid"]:
        raise EvidenceError("the token does not hold: it is on something else, or was changed")
    return at, found.get("validation_path")


def _token(answer: bytes) -> Any:
    from asn1crypto import tsp  # noqa: PLC0415

    return tsp.TimeStampResp.load(answer, strict=True)["time_stamp_token"]


def _read(answer: bytes) -> tuple[bool, Any]:
    """Return whether a token was granted, and its TSTInfo; EvidenceError for what is no answer."""
    from asn1crypto import tsp  # noqa: PLC0415

    try:
        status = tsp.TimeStampResp.load(answer, strict=True)["status"]["status"].native
        if status not in GRANTED:
            return False, None
        info = _token(answer)["content"]["encap_content_info"]["content"].parsed
        if not isinstance(info, tsp.TSTInfo):
            raise EvidenceError("no RFC 3161 answer")
        _ = info.native  # all of it is read now
    except _BROKEN:
        raise EvidenceError("no RFC 3161 answer") from None
    return True, info
