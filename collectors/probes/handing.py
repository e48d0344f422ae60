"""How a probe at a site hands in its records: the batch, what is signed, and what is answered. Pure; both sides use it.

One request carries records of one kind, each with its sequence in the probe's own spool. The probe's Ed25519 key signs
who it is, which spool, which kind, and the digest of the octets: what is repeated changes nothing (the intake knows how
far it has come with each spool), and what is changed on the way is refused.
"""

from __future__ import annotations

import base64
import hashlib
import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from collectors.errors import DecodeError
from netops.errors import StoreError
from netops.raw import frame, unframe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PATH, JOIN_PATH = "/v1/batch", "/v1/join"
BODY_OCTETS = 900 * 1024  # the server takes a MiB
RECORDS = 2000
KINDS = frozenset({"poll", "fact"})
HEADERS = ("vantage", "source", "kind", "signature")
VANTAGE = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
SOURCE = re.compile(r"probe/[0-9a-f]{8}")
_SEQUENCE = struct.Struct(">Q")
SIGNATURE_OCTETS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Records of one kind from one probe's spool, in the order of their sequences."""

    vantage: str
    source: str
    kind: str
    records: tuple[tuple[int, bytes], ...]

    @property
    def upto(self) -> int:
        """The last sequence."""
        return self.records[-1][0]

    def body(self) -> bytes:
        """Return the octets of the request's body."""
        return frame(_SEQUENCE.pack(sequence) + payload for sequence, payload in self.records)


def statement(*, vantage: str, source: str, kind: str, body: bytes) -> bytes:
    """Return what is signed."""
    digest = hashlib.sha256(body).hexdigest()
    return f"netops probe batch v1\n{vantage}\n{source}\n{kind}\n{digest}\n".encode()


def joining(*, vantage: str, public: str, token_sha256: str) -> bytes:
    """Return what a probe signs when it joins: that it holds the key which it names."""
    return f"netops probe join v1\n{vantage}\n{public}\n{token_sha256}\n".encode()


def headers(batch: Batch, signature: bytes) -> dict[str, str]:
    """Return the request's headers."""
    told = {"vantage": batch.vantage, "source": batch.source, "kind": batch.kind}
    told["signature"] = base64.b64encode(signature).decode("ascii")
    return {f"Netops-{name.title()}": value for name, value in told.items()}


def read(given: Mapping[str, str], body: bytes) -> tuple[Batch, bytes]:
    """Return the batch and its signature; DecodeError says what is off. Nothing is believed yet."""
    missing = [name for name in HEADERS if not given.get(name)]
    if missing:
        raise DecodeError(f"header Netops-{missing[0].title()} is missing")
    vantage, source, kind = given["vantage"], given["source"], given["kind"]
    if not VANTAGE.fullmatch(vantage) or not SOURCE.fullmatch(source) or kind not in KINDS:
        raise DecodeError("vantage, source or kind is none of ours")
    records = _records(body)
    return Batch(vantage=vantage, source=source, kind=kind, records=records), unbase64(given["signature"])


def unbase64(text: str) -> bytes:
    """Return a signature's octets; DecodeError when it is none."""
    try:
        made = base64.b64decode(text, validate=True)
    except ValueError:
        made = b""
    if len(made) != SIGNATURE_OCTETS:
        raise DecodeError("the signature is no Ed25519 signature in base64")
    return made


def _records(body: bytes) -> tuple[tuple[int, bytes], ...]:
    try:
        framed = unframe(body)
    except StoreError as error:
        raise DecodeError(f"the body is not framed as it should be: {error}") from None
    if not 0 < len(framed) <= RECORDS:
        raise DecodeError(f"{len(framed)} records; expected 1 to {RECORDS}")
    found: list[tuple[int, bytes]] = []
    for each in framed:
        if len(each) <= _SEQUENCE.size:
            raise DecodeError("a record holds nothing")
        (sequence,) = _SEQUENCE.unpack_from(each)
        if sequence >= 1 << 62 or (found and sequence <= found[-1][0]):
            raise DecodeError("the sequences do not ascend")
        found.append((sequence, each[_SEQUENCE.size :]))
    return tuple(found)


def batches(
    records: Sequence[tuple[int, str, bytes]], *, vantage: str, source: str
) -> tuple[Batch | None, list[tuple[int, str]]]:
    """Return the first batch of (sequence, kind, payload) in order, and the records before it that are too large."""
    oversized: list[tuple[int, str]] = []
    chosen: list[tuple[int, bytes]] = []
    kind, size = "", 0
    for sequence, told, payload in records:
        octets = len(payload) + _SEQUENCE.size + 4
        if octets > BODY_OCTETS and not chosen:
            oversized.append((sequence, told))
            continue
        if chosen and (told != kind or size + octets > BODY_OCTETS or len(chosen) == RECORDS):
            break
        kind, size = told, size + octets
        chosen.append((sequence, payload))
    if not chosen:
        return None, oversized
    return Batch(vantage=vantage, source=source, kind=kind, records=tuple(chosen)), oversized
