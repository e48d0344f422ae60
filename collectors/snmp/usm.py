"""The SNMPv3 message and its User-based Security Model (RFC 3412, RFC 3414, RFC 3826, RFC 7860). Pure.

`User` is the credential; here messages are written and read without being believed. `authority.py` verifies and
decrypts those of one engine, `session.py` knows what they mean for a question.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from struct import Struct
from typing import NamedTuple

from collectors.errors import CollectorError, DecodeError
from collectors.snmp import ber
from collectors.snmp.keys import auth_of, check_phrase, priv_of
from collectors.snmp.pdu import V3, Framed, Kind, Pdu, encode_pdu, frame_pdu
from collectors.snmp.varbind import OCTET_STRING, SEQUENCE, Oid

AUTHENTIC = 0x01
PRIVATE = 0x02
REPORTABLE = 0x04
LEVEL = AUTHENTIC | PRIVATE
MODEL = 3  # USM
MAX_SIZE = 65_507
SALT = 8
_new = tuple.__new__

_STATS: Oid = (1, 3, 6, 1, 6, 3, 15, 1, 1)
UNSUPPORTED_LEVEL, NOT_IN_TIME_WINDOW, UNKNOWN_USER, UNKNOWN_ENGINE, WRONG_DIGEST, DECRYPTION_ERROR = range(1, 7)
STATS = {
    UNSUPPORTED_LEVEL: "usmStatsUnsupportedSecLevels",
    NOT_IN_TIME_WINDOW: "usmStatsNotInTimeWindows",
    UNKNOWN_USER: "usmStatsUnknownUserNames",
    UNKNOWN_ENGINE: "usmStatsUnknownEngineIDs",
    WRONG_DIGEST: "usmStatsWrongDigests",
    DECRYPTION_ERROR: "usmStatsDecryptionErrors",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """An SNMPv3 user and its pass phrases, never shown. Without `priv_key` authNoPriv, without both noAuthNoPriv."""

    name: str
    auth_protocol: str = "SHA-256"
    auth_key: str = field(default="", repr=False)
    priv_protocol: str = "AES"
    priv_key: str = field(default="", repr=False)
    context: str = ""

    def __post_init__(self) -> None:
        if self.priv_key and not self.auth_key:
            raise CollectorError(f"SNMPv3 user '{self.name}' has a privacy key and no authentication key; give both")
        if self.auth_key:
            auth_of(self.auth_protocol)
            check_phrase(self.name, self.auth_key)
        if self.priv_key:
            priv_of(self.priv_protocol)
            check_phrase(self.name, self.priv_key)

    @property
    def level(self) -> int:
        """The security level as message flags."""
        return (AUTHENTIC if self.auth_key else 0) | (PRIVATE if self.priv_key else 0)


class Header(NamedTuple):
    """The clear part of an SNMPv3 message, and where its digest and its scoped PDU stand."""

    message_id: int
    flags: int
    engine_id: bytes
    boots: int
    time: int
    user: bytes
    mac: bytes
    mac_at: int
    salt: bytes
    payload: bytes  # the scoped PDU, or its ciphertext when `flags` say private
    trailing: int = 0
    spans: tuple[tuple[int, int], ...] = ()  # message id, boots, time, digest, salt, payload: what varies


def write(
    message_id: int,
    flags: int,
    security: tuple[bytes, int, int, bytes, int, bytes],
    payload: bytes,
) -> tuple[bytes, int]:
    """Return (message with a zero digest, where the digest stands).

    `security` is (engine id, boots, time, user, digest size, salt); `payload` the scoped PDU, or an OCTET STRING of
    its ciphertext.
    """
    engine_id, boots, time, user, mac_size, salt = security
    tail = ber.tlv(OCTET_STRING, salt)
    names = ber.tlv(OCTET_STRING, engine_id) + ber.integer(boots) + ber.integer(time) + ber.tlv(OCTET_STRING, user)
    parameters = ber.tlv(OCTET_STRING, ber.tlv(SEQUENCE, names + ber.tlv(OCTET_STRING, bytes(mac_size)) + tail))
    head = ber.integer(V3) + ber.tlv(
        SEQUENCE,
        ber.integer(message_id) + ber.integer(MAX_SIZE) + ber.tlv(OCTET_STRING, bytes((flags,))) + ber.integer(MODEL),
    )
    message = ber.tlv(SEQUENCE, head + parameters + payload)
    return message, len(message) - len(payload) - len(tail) - mac_size


def read(octets: bytes) -> Header:
    """Return the header of an SNMPv3 datagram (RFC 3412 section 7.2, RFC 3414 section 2.4); nothing is verified yet."""
    if len(octets) > ber.MAX_MESSAGE:
        raise DecodeError(f"{len(octets)} octets; expected at most {ber.MAX_MESSAGE}")
    start, stop = ber.expect(SEQUENCE, octets, 0, len(octets))
    version, at = ber.read_integer(octets, start, stop)
    if version != V3:
        raise DecodeError(f"SNMP version {version} on the wire; expected {V3}")
    id_at, after = ber.expect(SEQUENCE, octets, at, stop)
    message_id, inner = ber.read_integer(octets, id_at, after)
    id_end = inner
    _, inner = ber.read_integer(octets, inner, after)
    flags_at, inner = ber.expect(OCTET_STRING, octets, inner, after)
    model, inner = ber.read_integer(octets, inner, after)
    if inner - flags_at < 1 or model != MODEL:
        raise DecodeError(f"security model {model} or its flags are not USM's; expected {MODEL} and one octet")
    flags = octets[flags_at]
    at, end = ber.expect(OCTET_STRING, octets, after, stop)
    at, inner_end = ber.expect(SEQUENCE, octets, at, end)
    engine_at, engine_end = ber.expect(OCTET_STRING, octets, at, inner_end)
    boots, boots_end = ber.read_integer(octets, engine_end, inner_end)
    time, time_end = ber.read_integer(octets, boots_end, inner_end)
    user_at, user_end = ber.expect(OCTET_STRING, octets, time_end, inner_end)
    mac_at, mac_end = ber.expect(OCTET_STRING, octets, user_end, inner_end)
    salt_at, salt_end = ber.expect(OCTET_STRING, octets, mac_end, inner_end)
    tag, body, body_end = ber.header(octets, end, stop)
    if tag != (OCTET_STRING if flags & PRIVATE else SEQUENCE):
        raise DecodeError(f"scoped PDU of tag {tag:#04x} under flags {flags:#04x}")
    return Header(
        message_id,
        flags,
        octets[engine_at:engine_end],
        boots,
        time,
        octets[user_at:user_end],
        octets[mac_at:mac_end],
        mac_at,
        octets[salt_at:salt_end],
        octets[body:body_end] if flags & PRIVATE else octets[end:body_end],
        len(octets) - stop,
        (
            (id_at, id_end),
            (engine_end, boots_end),
            (boots_end, time_end),
            (mac_at, mac_end),
            (salt_at, salt_end),
            (body if flags & PRIVATE else end, body_end),
        ),
    )


class Envelope:
    """The octets of an engine's messages that never vary, and how to take out those that do: see `template.py`.

    Kept whole are the tag and length of message id, boots and time with their content, so a header is recognised
    only when these have the sizes they had before; then it is what `read` made of it.
    """

    __slots__ = ("_header", "_mac_at", "_skeleton", "_unpack")

    def __init__(self, octets: bytes, header: Header) -> None:
        layout = [">"]
        at = 0
        for start, stop in header.spans:
            layout.append(f"{start - at}s{stop - start}s")
            at = stop
        layout.append(f"{len(octets) - at}s")
        self._unpack = Struct("".join(layout)).unpack
        self._skeleton = self._unpack(octets)[::2]
        self._header = header
        self._mac_at = header.mac_at

    def read(self, octets: bytes) -> Header | None:
        """Return the header of a datagram of the same length; None when it is of another make."""
        parts = self._unpack(octets)
        if parts[::2] != self._skeleton:
            return None
        (_, message_id, _, boots, _, time, _, mac, _, salt, _, payload, _) = parts
        known, from_bytes = self._header, int.from_bytes
        if message_id[:2] != b"\x02\x04" or boots[0] != 2 or time[0] != 2:
            return None
        if boots[1] != len(boots) - 2 or time[1] != len(time) - 2:
            return None
        # By position and past NamedTuple's own constructor: this is made once per datagram.
        return _new(
            Header,
            (
                from_bytes(message_id[2:], "big", signed=True),
                known.flags,
                known.engine_id,
                from_bytes(boots[2:], "big", signed=True),
                from_bytes(time[2:], "big", signed=True),
                known.user,
                mac,
                self._mac_at,
                salt,
                payload,
                0,
                (),
            ),
        )


def scoped_parts(octets: bytes) -> tuple[bytes, bytes, bytes]:
    """Return (context engine id, context name, PDU octets) of a scoped PDU; padding behind it is allowed."""
    start, stop = ber.expect(SEQUENCE, octets, 0, len(octets))
    engine_at, engine_end = ber.expect(OCTET_STRING, octets, start, stop)
    name_at, name_end = ber.expect(OCTET_STRING, octets, engine_end, stop)
    return octets[engine_at:engine_end], octets[name_at:name_end], octets[name_end:stop]


def scoped(octets: bytes) -> Pdu:
    """Return the PDU of an archived scoped PDU."""
    body = scoped_parts(octets)[2]
    return frame_pdu(body, 0, len(body)).pdu


def scoped_pdu(engine_id: bytes, context: bytes, pdu: bytes) -> bytes:
    """Return a scoped PDU's octets."""
    return ber.tlv(SEQUENCE, ber.tlv(OCTET_STRING, engine_id) + ber.tlv(OCTET_STRING, context) + pdu)


def discovery(message_id: int) -> bytes:
    """Return the datagram that asks an agent for its engine id (RFC 3414 section 4)."""
    empty = scoped_pdu(b"", b"", encode_pdu(Pdu(Kind.GET, message_id)))
    return write(message_id, REPORTABLE, (b"", 0, 0, b"", 0, b""), empty)[0]


def report_of(framed: Framed) -> int:
    """Return which of the usmStats a Report names; DecodeError for another."""
    for oid in framed.pdu.varbinds.oids:
        if oid[:-2] == _STATS and oid[-2] in STATS:
            return oid[-2]
    raise DecodeError("a Report of no usmStats object")


def salt_start() -> int:
    """Return where a session's salts begin; they count up from there (RFC 3826 section 3.1.2.1)."""
    return int.from_bytes(os.urandom(SALT), "big")
