"""Signatures on the papers of a report: PAdES baseline B-B, or B-T with a time-stamp. The only door of pyHanko.

A signed paper is the paper of the bundle, octet by octet, with the signature appended (an incremental update, ISO
32000-1 section 7.5.6; ETSI EN 319 142-1). So the bundle stays a function of its inputs, and who holds both compares
them. The certificate comes from its owner, as the ledger's key does; its digest is a fact of the ledger.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from netops.clock import utc
from netops.errors import ConfigError, EvidenceError
from netops.evidence import canonical

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Stamp = Callable[[bytes], bytes]  # what is to be stamped -> a time-stamp token (RFC 3161), in DER

FIELD = "NetOps"
VALID = timedelta(days=3652)
Private = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who signs papers: a private key, its certificate, and the certificates above it."""

    key: Private
    certificate: x509.Certificate
    above: tuple[x509.Certificate, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 of the certificate, as the ledger names it."""
        return digest(self.certificate)


def digest(certificate: x509.Certificate) -> str:
    """Return the SHA-256 of a certificate's DER."""
    return canonical.digest(certificate.public_bytes(serialization.Encoding.DER))


def own(key: ec.EllipticCurvePrivateKey, name: str, *, now_ms: int) -> x509.Certificate:
    """Return a certificate that the key signs for itself, for ten years: it says by which key, not by whom."""
    named = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[-64:])])  # its end says that it is a rehearsal's
    usage = dict.fromkeys(_USAGES, False) | {"digital_signature": True, "content_commitment": True}
    made = (
        x509.CertificateBuilder()
        .subject_name(named)
        .issuer_name(named)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(utc(now_ms))
        .not_valid_after(utc(now_ms) + VALID)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
    )
    return made.sign(key, hashes.SHA256())


_USAGES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
    *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)


def certificates(pem: bytes) -> tuple[x509.Certificate, ...]:
    """Read certificates; EvidenceError when there is none."""
    try:
        return tuple(x509.load_pem_x509_certificates(pem))
    except ValueError:
        raise EvidenceError("expected a certificate in PEM (-----BEGIN CERTIFICATE-----)") from None


def given(pem: str) -> Identity:
    """Read the city's own key, its certificate and those above it, from one PEM text; ConfigError says what is off."""
    try:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
        first, *above = x509.load_pem_x509_certificates(pem.encode())
    except (TypeError, ValueError, UnsupportedAlgorithm):
        raise ConfigError(
            "evidence.paper_key: expected a private key without a password, then its certificate, in PEM, in one text"
        ) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise ConfigError("evidence.paper_key: expected an EC or RSA key, which readers of PDF know")
    if first.public_key() != key.public_key():
        raise ConfigError("evidence.paper_key: the first certificate is not that of the key")
    return Identity(key=key, certificate=first, above=tuple(above))


def sign(paper: bytes, who: Identity, *, reason: str, stamp: Stamp | None = None) -> bytes:
    """Return the paper with the signature appended; not the same bytes twice: sign once, and keep it.

    EvidenceError when the paper is no PDF, or the authority gives no stamp.
    """
    from asn1crypto import keys  # noqa: PLC0415  (a second of imports that only signing needs)
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter  # noqa: PLC0415
    from pyhanko.pdf_utils.misc import PdfError  # noqa: PLC0415
    from pyhanko.sign import fields, signers  # noqa: PLC0415
    from pyhanko.sign.general import SigningError  # noqa: PLC0415
    from pyhanko.sign.timestamps import TimestampRequestError  # noqa: PLC0415
    from pyhanko_certvalidator.registry import SimpleCertificateStore  # noqa: PLC0415

    store = SimpleCertificateStore()
    store.register_multiple([_other(each) for each in who.above])
    private = who.key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    signer = signers.SimpleSigner(
        signing_cert=_other(who.certificate), signing_key=keys.PrivateKeyInfo.load(private), cert_registry=store
    )
    about = signers.PdfSignatureMetadata(
        field_name=FIELD, subfilter=fields.SigSeedSubFilter.PADES, md_algorithm="sha256", reason=reason
    )
    out = io.BytesIO()
    stamper = _stamper(stamp) if stamp is not None else None
    try:
        writer = IncrementalPdfFileWriter(io.BytesIO(paper))
        signers.sign_pdf(writer, about, signer=signer, timestamper=stamper, output=out)
    except (PdfError, SigningError, TimestampRequestError, *_SAID) as error:
        raise EvidenceError(f"the paper cannot be signed: {error or type(error).__name__}") from None
    if stamper is not None and not look(out.getvalue(), paper).stamped:
        raise EvidenceError("the paper cannot be signed: the authority's time-stamp on it does not hold")
    return out.getvalue()


_SAID = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)  # by what an authority sends


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What a signed paper shows: by which certificate, in whose name, and what does not hold of it (empty: all does).

    `stamped` is the instant of its time-stamp in ISO 8601, by whoever stamped it; empty: it has none that holds.
    """

    digest: str
    subject: str
    wrong: str
    stamped: str


def look(signed: bytes, paper: bytes) -> Looked:
    """Hold a signed paper against the paper of a bundle; EvidenceError when it has no signature that can be read.

    Whose the certificate is, is not judged here: its digest is compared with what the reader holds, or the ledger.
    """
    from pyhanko.pdf_utils.misc import PdfError  # noqa: PLC0415
    from pyhanko.pdf_utils.reader import PdfFileReader  # noqa: PLC0415
    from pyhanko.sign.general import SigningError  # noqa: PLC0415
    from pyhanko.sign.validation import validate_pdf_signature  # noqa: PLC0415
    from pyhanko.sign.validation.errors import SignatureValidationError  # noqa: PLC0415

    try:
        reader = PdfFileReader(io.BytesIO(signed))
        mine, *others = reader.embedded_signatures
        certificate = x509.load_der_x509_certificate(mine.signer_cert.dump())
        status = validate_pdf_signature(mine, _context(mine.signer_cert))
        wrong = _wrong(reader, status, signed, paper)
        if others:
            wrong = "it has more than one signature"
        elif not _is_filled(signed, mine.byte_range):
            wrong = "something was written behind the signature, into the room that was kept for it"
    except (PdfError, SigningError, SignatureValidationError, ArithmeticError, AttributeError) as error:
        raise EvidenceError(f"no paper with a signature that can be read: {type(error).__name__}") from None
    except (AssertionError, LookupError, OSError, RecursionError, TypeError, ValueError) as error:
        raise EvidenceError(f"no paper with a signature that can be read: {type(error).__name__}") from None
    stamp = status.timestamp_validity
    return Looked(
        digest=digest(certificate),
        subject=certificate.subject.rfc4514_string(),
        wrong=wrong,
        stamped=stamp.timestamp.isoformat() if stamp is not None and stamp.intact and stamp.valid else "",
    )


def _is_filled(signed: bytes, ranges: Sequence[int]) -> bool:
    """Whether the room for the signature, which no signature covers, holds it and noughts, spelled in one way."""
    from asn1crypto import parser  # noqa: PLC0415

    room = signed[ranges[1] : ranges[2]].strip(b"<>")
    data = bytes.fromhex(room.decode("ascii"))
    return room == data.hex().upper().encode() and not any(data[parser.peek(data) :])


def _wrong(reader: Any, status: Any, signed: bytes, paper: bytes) -> str:
    from pyhanko.pdf_utils.reader import PdfFileReader  # noqa: PLC0415
    from pyhanko.sign.validation import SignatureCoverageLevel  # noqa: PLC0415

    if not (status.intact and status.valid):
        return "its signature does not hold: it was changed after it was signed"
    if status.coverage is not SignatureCoverageLevel.ENTIRE_FILE:
        return "something was added after it was signed"
    if not signed.startswith(paper):
        return "what was signed is not the bundle's paper"
    try:
        alone = _goes_on(reader, PdfFileReader(io.BytesIO(paper))) and _is_a_signature_alone(reader)
    except (AttributeError, LookupError, TypeError, ValueError):  # a value of another shape than a signature's
        alone = False
    return "" if alone else "more than a signature was added to the bundle's paper"  # such as another page over it


# What the three new objects may hold, and what may differ in those of the paper.
_FORM = {"/Fields", "/SigFlags"}
_FIELD = {"/FT", "/T", "/Type", "/Subtype", "/F", "/Rect", "/P", "/V"}
_SIGNATURE = {"/Type", "/Filter", "/SubFilter", "/Contents", "/ByteRange", "/M", "/Reason"}
_OF_THE_CATALOG = {"/AcroForm", "/Extensions", "/Version"}
_OF_THE_INFORMATION = {"/ModDate", "/Producer"}
_OF_THE_METADATA = {"/Length"}


def _goes_on(reader: Any, own: Any) -> bool:
    """Whether a file has two revisions, and the first is the paper's own: by its table and catalog, without holes."""
    tables = own.xrefs, reader.xrefs
    if [each.total_revisions for each in tables] != [1, 2] or reader.xrefs.hybrid_xrefs_present:
        return False
    start, same = (each.get_xref_container_info(0).start_location for each in tables)  # not a table of its own behind
    heads = [[str(each.trailer.raw_get(key)) for key in ("/Root", "/Info")] for each in (own, reader)]
    freed = set(reader.xrefs.get_xref_data(1).freed) - {0}  # a page whose content is gone says nothing
    return start == same and heads[0] == heads[1] and not freed and "/Encrypt" not in reader.trailer


def _is_a_signature_alone(reader: Any) -> bool:
    """Whether the second revision brings a form, its one field, which nobody sees, and the signature in it: no more.

    Each must be an object of its own: what stands inside of another one is not looked at by itself.
    """
    from pyhanko.pdf_utils.generic import DictionaryObject  # noqa: PLC0415

    before, after = reader.get_historical_resolver(0), reader.get_historical_resolver(1)
    known, turned = (reader.xrefs.explicit_refs_in_revision(each) for each in (0, 1))
    held = {ref: after.get_object(ref) for ref in turned}
    form = reader.root.raw_get("/AcroForm").reference
    (field,) = (each.reference for each in held[form].raw_get("/Fields"))
    shapes = {form: _FORM, field: _FIELD, held[field].raw_get("/V").reference: _SIGNATURE}
    if turned - known != set(shapes) or len(shapes) != _NEW:
        return False
    if any(type(held[ref]) is not DictionaryObject or not set(held[ref]) <= keys for ref, keys in shapes.items()):
        return False
    if held[field]["/FT"] != "/Sig" or any(float(each) for each in held[field]["/Rect"]):
        return False
    return all(_may_turn(reader, ref, before.get_object(ref), held[ref], field) for ref in turned & known)


_NEW = 3  # objects


def _may_turn(reader: Any, ref: Any, old: Any, new: Any, field: Any) -> bool:
    """Whether an object of the paper changed as a signature changes it; what is drawn never does."""
    from pyhanko.pdf_utils.generic import StreamObject  # noqa: PLC0415

    differs = {key for key in {*new, *old} if key not in old or key not in new or _raw(new, key) != _raw(old, key)}
    kind = old.get("/Type")
    if isinstance(old, StreamObject) or isinstance(new, StreamObject):
        return type(old) is type(new) and kind == "/Metadata" and differs <= _OF_THE_METADATA
    if ref == reader.trailer.raw_get("/Root").reference:
        return differs <= _OF_THE_CATALOG
    if ref == reader.trailer.raw_get("/Info").reference:
        return differs <= _OF_THE_INFORMATION
    notes = [*old.raw_get("/Annots")] if "/Annots" in old else []
    added = [*new.raw_get("/Annots")][len(notes) :]
    kept = [*new.raw_get("/Annots")][: len(notes)] == notes
    return kind == "/Page" and differs == {"/Annots"} and kept and [each.reference for each in added] == [field]


def _raw(held: Any, key: str) -> Any:
    return held.raw_get(key)


def _context(certificate: Any) -> Any:
    """Return what signatures are validated in: nothing is fetched, nobody is trusted but the certificate itself."""
    from pyhanko_certvalidator import ValidationContext  # noqa: PLC0415

    return ValidationContext(trust_roots=[certificate], allow_fetching=False)


def _other(certificate: x509.Certificate) -> Any:
    from asn1crypto import x509 as other  # noqa: PLC0415

    return other.Certificate.load(certificate.public_bytes(serialization.Encoding.DER))


def _stamper(stamp: Stamp) -> Any:
    from asn1crypto import tsp  # noqa: PLC0415
    from pyhanko.sign.timestamps import TimeStamper  # noqa: PLC0415

    class Ours(TimeStamper):  # type: ignore[misc]  # the library has no types
        """Asks through the house's own door, which knows when to give up."""

        async def async_request_tsa_response(self, req: Any) -> Any:
            return tsp.TimeStampResp.load(stamp(req.dump()))

    return Ours()
