"""STAMP test packets on the wire, both directions and modes (RFC 8762 4.2, 4.3; the SSID of RFC 8972 3). Pure, bounded.

Unauthenticated packets have 44 octets, authenticated ones 112, of which the last 16 are HMAC-SHA-256 over the first 96,
cut to 128 bits. TLVs may follow (`tlv.py`).
"""

from __future__ import annotations

import hmac
import struct
from dataclasses import dataclass

from collectors.errors import DecodeError

PORT = 862
OPEN_OCTETS, SEALED_OCTETS, MAC_OCTETS = 44, 112, 16
MOST_OCTETS = 9216  # a jumbo frame; nothing larger is looked at
_ASKED_OPEN = struct.Struct(">IQHH28x")
_ASKED_SEALED = struct.Struct(">I12xQHH68x")
_TOLD_OPEN = struct.Struct(">IQHHQIQHHB3x")
_TOLD_SEALED = struct.Struct(">I12xQHH4xQ8xI12xQH6xB15x")


@dataclass(frozen=True, slots=True)
class Asked:
    """A Session-Sender's packet. Timestamps and error estimates are kept as the 64 and 16 bits they travel as."""

    sequence: int
    stamp: int
    error: int
    ssid: int = 0


@dataclass(frozen=True, slots=True)
class Told:
    """A Session-Reflector's packet: its own sequence, times and error, and what it repeats of the sender's packet."""

    sequence: int
    stamp: int
    error: int
    ssid: int
    received: int
    asked: Asked
    ttl: int


def octets(key: bytes | None) -> int:
    """Return the length of a packet without TLVs."""
    return OPEN_OCTETS if key is None else SEALED_OCTETS


def encode_asked(asked: Asked, *, key: bytes | None = None, tlvs: bytes = b"") -> bytes:
    """Return the sender's datagram."""
    shape = _ASKED_OPEN if key is None else _ASKED_SEALED
    return _sealed(shape.pack(asked.sequence, asked.stamp, asked.error, asked.ssid), key) + tlvs


def decode_asked(datagram: bytes, *, key: bytes | None = None) -> Asked:
    """Read a sender's datagram; DecodeError says what is off."""
    base = _base(datagram, key)
    sequence, stamp, error, ssid = (_ASKED_OPEN if key is None else _ASKED_SEALED).unpack(base)
    if not error & 0xFF:
        raise DecodeError("error estimate: multiplier 0; the packet is corrupt (RFC 4656 4.1.2)")
    return Asked(sequence, stamp, error, ssid)


def encode_told(told: Told, *, key: bytes | None = None, tlvs: bytes = b"") -> bytes:
    """Return the reflector's datagram."""
    asked = told.asked
    head = (told.sequence, told.stamp, told.error, told.ssid, told.received, asked.sequence, asked.stamp, asked.error)
    if key is None:
        return _TOLD_OPEN.pack(*head, 0, told.ttl) + tlvs
    return _sealed(_TOLD_SEALED.pack(*head, told.ttl), key) + tlvs


def decode_told(datagram: bytes, *, key: bytes | None = None) -> Told:
    """Read a reflector's datagram; DecodeError says what is off."""
    base = _base(datagram, key)
    if key is None:
        sequence, stamp, error, ssid, received, its, sent, its_error, _mbz, ttl = _TOLD_OPEN.unpack(base)
    else:
        sequence, stamp, error, ssid, received, its, sent, its_error, ttl = _TOLD_SEALED.unpack(base)
    if not error & 0xFF:
        raise DecodeError("error estimate: multiplier 0; the packet is corrupt (RFC 4656 4.1.2)")
    return Told(sequence, stamp, error, ssid, received, Asked(its, sent, its_error, ssid), ttl)


def mac(key: bytes, text: bytes) -> bytes:
    """Return HMAC-SHA-256 cut to 128 bits (RFC 8762 4.4, as in RFC 4868)."""
    return hmac.digest(key, text, "sha256")[:MAC_OCTETS]


def _sealed(base: bytes, key: bytes | None) -> bytes:
    return base if key is None else base + mac(key, base)


def _base(datagram: bytes, key: bytes | None) -> bytes:
    length = octets(key)
    if not length <= len(datagram) <= MOST_OCTETS:
        raise DecodeError(f"{len(datagram)} octets; expected {length} to {MOST_OCTETS}")
    if key is None:
        return datagram[:OPEN_OCTETS]
    base, given = datagram[: SEALED_OCTETS - MAC_OCTETS], datagram[SEALED_OCTETS - MAC_OCTETS : SEALED_OCTETS]
    if not hmac.compare_digest(mac(key, base), given):
        raise DecodeError("HMAC does not hold: another key, or a changed packet")
    return base
