"""A packet of Portal 2.0 and its octets. Bounded, no I/O, no clock; every number is big-endian.

    Ver(1) Type(1) PapChap(1; 0 CHAP, 1 PAP) Rsv(1) SerialNo(2) ReqID(2) UserIP(4) UserPort(2) ErrCode(1) AttrNum(1)
    version 2: Authenticator(16)
    AttrNum × ( type(1) length(1, with these two octets) value )

What asks is sealed over itself, what answers over itself and the authenticator of what it answers:

    asks:    MD5(header || 16 × 00 || attributes || secret)
    answers: MD5(header || authenticator of the question || attributes || secret)

Version 1 has no authenticator and so no integrity at all; some controllers send version 2 without one. Whether that is
taken is a setting of that controller alone (`portal_unsigned`), and then nothing that it says by itself is believed
without asking back.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import socket
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, TypeAlias

from captive_portal.errors import PortalError

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADER = struct.Struct(">BBBBHH4sHBB")
SEAL = 16  # octets of an authenticator
NO_SEAL = bytes(SEAL)
LARGEST = 4096  # octets of a packet; the largest that is defined, a full user list, has 1,400
LONGEST_VALUE = 253
NOBODY = "0.0.0.0"  # noqa: S104  (a UserIP, no address to listen on)


class Type(IntEnum):
    """What a packet says. The controller's name in the documents is BAS."""

    REQ_CHALLENGE = 0x01
    ACK_CHALLENGE = 0x02
    REQ_AUTH = 0x03
    ACK_AUTH = 0x04
    REQ_LOGOUT = 0x05
    ACK_LOGOUT = 0x06
    AFF_ACK_AUTH = 0x07
    NTF_LOGOUT = 0x08  # controller: it has put a user out
    REQ_INFO = 0x09
    ACK_INFO = 0x0A
    NTF_USERDISCOVER = 0x0B
    NTF_USERIPCHANGE = 0x0C  # controller: a user has another address
    AFF_NTF_USERIPCHANGE = 0x0D
    ACK_NTF_LOGOUT = 0x0E
    NTF_HEARTBEAT = 0x0F  # portal: it lives; without it the controller opens its doors ("escape")
    NTF_USER_HEARTBEAT = 0x10  # portal: these users are online
    ACK_NTF_USER_HEARTBEAT = 0x11  # controller: of those, these are not
    NTF_CHALLENGE = 0x12
    NTF_USER_NOTIFY = 0x13
    AFF_NTF_USER_NOTIFY = 0x14
    REQ_MACBINDING = 0x30  # controller: does anybody know this MAC?
    ACK_MACBINDING = 0x31
    NTF_MTUSER_LOGON = 0x32
    ACK_MTUSER_LOGON = 0x33
    NTF_MTUSER_LOGOUT = 0x34
    ACK_MTUSER_LOGOUT = 0x35
    REQ_MTUSER_OFFLINE = 0x36
    STATUS_NOTIFY = 0x81
    ACK_STATUS_NOTIFY = 0x82


ANSWERS = frozenset(
    {
        Type.ACK_CHALLENGE,
        Type.ACK_AUTH,
        Type.ACK_LOGOUT,
        Type.ACK_INFO,
        Type.ACK_NTF_LOGOUT,
        Type.ACK_NTF_USER_HEARTBEAT,
        Type.ACK_MACBINDING,
        Type.ACK_MTUSER_LOGON,
        Type.ACK_MTUSER_LOGOUT,
        Type.ACK_STATUS_NOTIFY,
    }
)  # sealed with the authenticator of the question; what only affirms (AFF_…) is sealed as a question


class Attribute(IntEnum):
    """What an attribute means."""

    USER_NAME = 0x01
    PASSWORD = 0x02  # in clear: PAP
    CHALLENGE = 0x03
    CHAP_PASSWORD = 0x04
    TEXT = 0x05
    UP_FLUX = 0x06  # 8 octets, KB
    DOWN_FLUX = 0x07
    PORT = 0x08
    IP_CONFIG = 0x09  # in NTF_USERIPCHANGE: the address of before
    BAS_IP = 0x0A
    SESSION = 0x0B  # the user's MAC
    DELAY = 0x0C
    USER_LIST = 0x0D
    NAS_ID = 0x30
    USER_AGENT = 0x34
    BAS_IP6 = 0x64
    USER_IP6 = 0xF1


Attributes: TypeAlias = tuple[tuple[int, bytes], ...]
_SESSION, _USER_IP6 = int(Attribute.SESSION), int(Attribute.USER_IP6)  # numbers compare faster than names of an enum


class PacketError(PortalError):
    """These octets are no packet of Portal 2.0; the message says what is off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """One packet. `serial` is the portal's number of an exchange, `request` the controller's of a user.

    `user` is the visitor's IPv4 address in text. Unknown types and attributes are kept as they came.
    """

    type: int
    serial: int = 0
    request: int = 0
    user: str = NOBODY
    version: int = 2
    pap: bool = False
    port: int = 0
    error: int = 0
    attributes: Attributes = ()
    seal: bytes = b""  # the authenticator; empty where there is none

    def first(self, wanted: int) -> bytes | None:
        """Return the first attribute of a kind."""
        return _first(self.attributes, wanted)

    def every(self, wanted: int) -> Iterator[bytes]:
        """Yield each attribute of a kind, in order."""
        return (value for kind, value in self.attributes if kind == wanted)

    @property
    def mac(self) -> str:
        """The MAC of its Session-ID, lower case with colons; empty when it has none."""
        return _mac(self.attributes)

    @property
    def visitor(self) -> str:
        """The visitor's address in text: UserIP, or the IPv6 address where that is empty."""
        return _visitor(self.user, self.attributes)


def _first(attributes: Attributes, wanted: int) -> bytes | None:
    return next((value for kind, value in attributes if kind == wanted), None)


def _mac(attributes: Attributes) -> str:
    octets = _first(attributes, _SESSION)
    return octets.hex(":") if octets is not None and len(octets) == 6 and any(octets) else ""


def _visitor(user: str, attributes: Attributes) -> str:
    six = _first(attributes, _USER_IP6) if user == NOBODY else None
    return str(ipaddress.IPv6Address(six)) if six is not None and len(six) == 16 else user


def whom(octets: bytes) -> tuple[str, str]:
    """Return (MAC, visitor's address) of a packet of any version, as far as it names them; PacketError as `decode`."""
    head, attributes, _ = _read(octets, unsigned=True)
    return _mac(attributes), _visitor(socket.inet_ntoa(head[6]), attributes)


def encode(packet: Packet, secret: bytes = b"", answering: bytes = NO_SEAL) -> bytes:
    """Return the octets, sealed in version 2 with `answering`, the authenticator of what is answered."""
    attributes = b"".join(_attribute(kind, value) for kind, value in packet.attributes)
    head = HEADER.pack(
        packet.version,
        packet.type,
        packet.pap,
        0,
        packet.serial,
        packet.request,
        socket.inet_pton(socket.AF_INET, packet.user),
        packet.port,
        packet.error,
        len(packet.attributes),
    )
    if packet.version == 1:
        return head + attributes
    return head + _seal(head, answering, attributes, secret) + attributes


def decode(octets: bytes, *, unsigned: bool = False) -> Packet:
    """Read a packet; PacketError says what is off. `unsigned`: also version 1, and version 2 without authenticator."""
    (version, type_, pap, _, serial, request, user, port, error, _), attributes, seal = _read(octets, unsigned=unsigned)
    return Packet(
        type=type_,
        serial=serial,
        request=request,
        user=socket.inet_ntoa(user),
        version=version,
        pap=bool(pap),
        port=port,
        error=error,
        attributes=attributes,
        seal=seal,
    )


def _read(octets: bytes, *, unsigned: bool) -> tuple[tuple[Any, ...], Attributes, bytes]:
    """Return the header's fields, the attributes and the authenticator."""
    if not HEADER.size <= len(octets) <= LARGEST:
        raise PacketError(f"{len(octets)} octets; expected {HEADER.size} to {LARGEST}")
    head = HEADER.unpack_from(octets)
    version, pap, count = head[0], head[2], head[9]
    if version not in {1, 2}:
        raise PacketError(f"version {version}; expected 1 or 2")
    if version == 1 and not unsigned:
        raise PacketError("version 1, which has no authenticator; set `portal_unsigned` for an AC that knows no other")
    if pap > 1:
        raise PacketError(f"authentication method {pap}; expected 0 (CHAP) or 1 (PAP)")
    if version == 2:
        try:
            return head, _attributes(octets, HEADER.size + SEAL, count), octets[HEADER.size : HEADER.size + SEAL]
        except PacketError:
            if not unsigned:
                raise
    return head, _attributes(octets, HEADER.size, count), b""


def genuine(octets: bytes, secret: bytes, answering: bytes = NO_SEAL) -> bool:
    """Whether a packet of version 2 was sealed with the secret, compared in constant time."""
    head, rest = octets[: HEADER.size], octets[HEADER.size :]
    if len(rest) < SEAL or head[0] != 2:
        return False
    return hmac.compare_digest(_seal(head, answering, rest[SEAL:], secret), rest[:SEAL])


def chap_password(request: int, password: bytes, challenge: bytes) -> bytes:
    """Return MD5(low octet of ReqID || password || challenge)."""
    return hashlib.md5(bytes([request & 0xFF]) + password + challenge).digest()  # noqa: S324  (the protocol's)


def addresses(packet: Packet) -> list[str]:
    """Return the addresses of a user list; a rest of fewer than four octets is no address."""
    return [
        str(ipaddress.IPv4Address(value[at : at + 4]))
        for value in packet.every(Attribute.USER_LIST)
        for at in range(0, len(value) - 3, 4)
    ]


def named(type_: int) -> str:
    """Return a type's name as the documents write it, `0x2a` for one that they do not."""
    try:
        return Type(type_).name
    except ValueError:
        return f"0x{type_:02x}"


def _seal(head: bytes, answering: bytes, attributes: bytes, secret: bytes) -> bytes:
    return hashlib.md5(head + answering + attributes + secret).digest()  # noqa: S324  (the protocol's)


def _attribute(kind: int, value: bytes) -> bytes:
    if len(value) > LONGEST_VALUE:
        raise PacketError(f"attribute {kind:#x} has {len(value)} octets; expected at most {LONGEST_VALUE}")
    return bytes([kind, len(value) + 2]) + value


def _attributes(octets: bytes, at: int, count: int) -> Attributes:
    if at > len(octets):
        raise PacketError(f"{len(octets)} octets of version 2; expected an authenticator")
    found = []
    for number in range(count):
        if at + 2 > len(octets):
            raise PacketError(f"ends after {number} of {count} attributes")
        kind, length = octets[at], octets[at + 1]
        if length < 2 or at + length > len(octets):
            raise PacketError(f"attribute {kind:#x} says it has {length} octets, {len(octets) - at} are left")
        found.append((kind, octets[at + 2 : at + length]))
        at += length
    if at != len(octets):
        raise PacketError(f"{len(octets) - at} octets beyond the {count} attributes that it announces")
    return tuple(found)
