"""What is said: the PDU (RFC 3416) and the SNMPv2c message around it (RFC 1901). Pure; both directions.

The engine writes requests and reads responses, the simulator and traps the other way round: one codec for all.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from collectors.errors import DecodeError
from collectors.snmp import ber
from collectors.snmp.varbind import EMPTY, NULL, OCTET_STRING, SEQUENCE, Oid, Varbind, Varbinds

if TYPE_CHECKING:
    from collections.abc import Iterable

V2C = 1  # the value of `version` on the wire
V3 = 3


class Kind(IntEnum):
    """The PDU's tag."""

    GET = 0xA0
    GET_NEXT = 0xA1
    RESPONSE = 0xA2
    SET = 0xA3
    GET_BULK = 0xA5
    INFORM = 0xA6
    TRAP = 0xA7
    REPORT = 0xA8


class ErrorStatus(IntEnum):
    """The error-status values the exchange decides on (RFC 3416 section 3); all others are printed by number."""

    NO_ERROR = 0
    TOO_BIG = 1
    NO_SUCH_NAME = 2
    GEN_ERR = 5
    AUTHORIZATION_ERROR = 16


class Pdu(NamedTuple):
    """One PDU. In a GetBulk `error_status` is non-repeaters and `error_index` is max-repetitions."""

    kind: int
    request_id: int
    error_status: int = 0
    error_index: int = 0
    varbinds: Varbinds = EMPTY


class Message(NamedTuple):
    """One SNMPv2c message. `trailing` counts octets behind it in the datagram: some agents pad."""

    community: bytes
    pdu: Pdu
    trailing: int = 0


class Framed(NamedTuple):
    """A decoded PDU and where its request id and values stand in the octets it came from."""

    pdu: Pdu
    id_span: tuple[int, int]
    spans: list[tuple[int, int]]


def request(
    kind: Kind, request_id: int, oids: Iterable[Oid], *, non_repeaters: int = 0, max_repetitions: int = 0
) -> Pdu:
    """Return a Get, GetNext or GetBulk with NULL values."""
    names = tuple(oids)
    nulls = Varbinds(names, (NULL,) * len(names), (None,) * len(names))
    return Pdu(kind, request_id, non_repeaters, max_repetitions, nulls)


def response(to: Pdu, varbinds: Iterable[Varbind], *, error_status: int = 0, error_index: int = 0) -> Pdu:
    """Return the Response that answers `to`."""
    rows = varbinds if isinstance(varbinds, Varbinds) else Varbinds.of(varbinds)
    return Pdu(Kind.RESPONSE, to.request_id, error_status, error_index, rows)


def encode_pdu(pdu: Pdu) -> bytes:
    """Return the PDU's octets."""
    kind, request_id, status, index, varbinds = pdu
    return ber.tlv(
        kind, ber.integer(request_id) + ber.integer(status) + ber.integer(index) + ber.varbind_list(varbinds)
    )


def encode(message: Message) -> bytes:
    """Return the SNMPv2c message's octets."""
    return ber.tlv(SEQUENCE, ber.integer(V2C) + ber.tlv(OCTET_STRING, message.community) + encode_pdu(message.pdu))


def frame_pdu(octets: bytes, at: int, end: int, most: int = ber.MAX_VARBINDS) -> Framed:
    """Return the PDU that fills `at`…`end`, of at most so many varbinds; DecodeError says what is off."""
    kind, start, stop = ber.header(octets, at, end)
    if kind not in _KINDS:
        raise DecodeError(f"PDU tag {kind:#04x} at octet {at}; expected one of RFC 3416")
    if stop != end:
        raise DecodeError(f"{end - stop} octets behind the PDU; expected none")
    request_id, after_id = ber.read_integer(octets, start, stop)
    id_start, id_stop = ber.expect(0x02, octets, start, stop)
    status, at = ber.read_integer(octets, after_id, stop)
    index, at = ber.read_integer(octets, at, stop)
    varbinds, spans = ber.varbinds_of(octets, at, stop, most)
    return Framed(Pdu(kind, request_id, status, index, varbinds), (id_start, id_stop), spans)


_KINDS = frozenset(int(kind) for kind in Kind)


def decode_pdu(octets: bytes) -> Pdu:
    """Return the PDU of these octets."""
    return frame_pdu(octets, 0, len(octets)).pdu


def frame(octets: bytes) -> tuple[bytes, Framed, int]:
    """Return (community, framed PDU, trailing octets) of an SNMPv2c datagram."""
    if len(octets) > ber.MAX_MESSAGE:
        raise DecodeError(f"{len(octets)} octets; expected at most {ber.MAX_MESSAGE}")
    start, stop = ber.expect(SEQUENCE, octets, 0, len(octets))
    version, at = ber.read_integer(octets, start, stop)
    if version != V2C:
        raise DecodeError(f"SNMP version {version} on the wire; expected {V2C} (v2c)")
    community_at, at = ber.expect(OCTET_STRING, octets, at, stop)
    return octets[community_at:at], frame_pdu(octets, at, stop), len(octets) - stop


def decode(octets: bytes) -> Message:
    """Return the SNMPv2c message of a datagram."""
    community, framed, trailing = frame(octets)
    return Message(community, framed.pdu, trailing)
