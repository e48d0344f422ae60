"""RADIUS packets on the wire: RFC 2865, 2866, 3579 (Message-Authenticator), 5176 (CoA) and 6929 (extended types).

    code(1) identifier(1) length(2) authenticator(16) attributes: type(1) length(1) value

Everything is bounded before it is looked at, and only `PacketError` leaves here. What we send begins with a
Message-Authenticator: an HMAC that covers the whole packet, in the place where BlastRADIUS cannot put anything before
it (draft-ietf-radext-deprecating-radius). MD5 is the protocol's, not ours.

| packet | its authenticator | the HMAC is made with, in the authenticator's place |
|---|---|---|
| Access-Request, Status-Server | random | the same |
| Accounting-, CoA-, Disconnect-Request | MD5(packet with zeros, secret) | zeros |
| any reply | MD5(packet with the request's, secret) | the request's; an Accounting-Response has none |
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from captive_portal.errors import PortalError

if TYPE_CHECKING:
    from collections.abc import Iterable

ACCESS_REQUEST, ACCESS_ACCEPT, ACCESS_REJECT = 1, 2, 3
ACCOUNTING_REQUEST, ACCOUNTING_RESPONSE = 4, 5
ACCESS_CHALLENGE, STATUS_SERVER = 11, 12
DISCONNECT_REQUEST, DISCONNECT_ACK, DISCONNECT_NAK = 40, 41, 42
COA_REQUEST, COA_ACK, COA_NAK = 43, 44, 45

HEADER: Final = 20
LARGEST: Final = 4096
MOST_ATTRIBUTES: Final = 256
LONGEST_VALUE: Final = 253
LONGEST_PASSWORD: Final = 128
MESSAGE_AUTHENTICATOR: Final = 80
VENDOR_SPECIFIC: Final = 26
EXTENDED, LONG_EXTENDED = (241, 242, 243, 244), (245, 246)
MORE = 0x80
DIGEST: Final = 16
ZEROS: Final = bytes(DIGEST)
_UNKEYED = frozenset({ACCESS_REQUEST, STATUS_SERVER})

Pair = tuple[int, bytes]


class PacketError(PortalError):
    """Octets that are no RADIUS packet, or a value that does not fit into one."""


class Seal(StrEnum):
    """What a packet's Message-Authenticator says."""

    HOLDS = "holds"
    MISSING = "missing"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet. `seal` is where its Message-Authenticator begins among its octets, 0 for none."""

    code: int
    identifier: int
    authenticator: bytes
    attributes: tuple[Pair, ...]
    seal: int = 0

    def first(self, kind: int) -> bytes | None:
        """Return the first value of an attribute."""
        for each, value in self.attributes:
            if each == kind:
                return value
        return None

    def every(self, kind: int) -> list[bytes]:
        """Return all values of an attribute in their order."""
        return [value for each, value in self.attributes if each == kind]


def decode(octets: bytes) -> Packet:
    """Return the packet; what follows its own length is padding (RFC 2865 section 3)."""
    if len(octets) < HEADER:
        raise PacketError(f"{len(octets)} octets; expected a RADIUS packet of at least {HEADER}")
    length = octets[2] << 8 | octets[3]
    if not HEADER <= length <= min(len(octets), LARGEST):
        raise PacketError(f"a length of {length} in {len(octets)} octets; expected {HEADER} to {LARGEST}")
    at, seal = HEADER, 0
    attributes: list[Pair] = []
    while at < length:
        end = at + octets[at + 1] if at + 2 <= length else 0
        if not at + 2 <= end <= length:
            raise PacketError(f"attribute {octets[at]} at octet {at} does not fit into the packet")
        kind = octets[at]
        if kind == MESSAGE_AUTHENTICATOR:
            if seal or end - at != DIGEST + 2:
                raise PacketError("Message-Authenticator; expected one of 16 octets")
            seal = at + 2
        attributes.append((kind, octets[at + 2 : end]))
        at = end
        if len(attributes) > MOST_ATTRIBUTES:
            raise PacketError(f"more than {MOST_ATTRIBUTES} attributes")
    return Packet(octets[0], octets[1], octets[4:HEADER], tuple(attributes), seal)


def packed(attributes: Iterable[Pair]) -> bytes:
    """Return attributes as they stand in a packet; PacketError for one that is too long."""
    made = bytearray()
    for kind, value in attributes:
        if len(value) > LONGEST_VALUE:
            raise PacketError(f"attribute {kind} has {len(value)} octets; expected at most {LONGEST_VALUE}")
        made.append(kind)
        made.append(len(value) + 2)
        made += value
    return bytes(made)


def _packed(code: int, identifier: int, authenticator: bytes, attributes: Iterable[Pair] | bytes) -> bytearray:
    """Return a packet that begins with room for its Message-Authenticator."""
    made = bytearray((code, identifier, 0, 0))
    made += authenticator
    made += b"\x50\x12" + ZEROS
    made += attributes if isinstance(attributes, bytes) else packed(attributes)
    if len(made) > LARGEST:
        raise PacketError(f"a packet of {len(made)} octets; expected at most {LARGEST}")
    made[2:4] = len(made).to_bytes(2, "big")
    return made


_OWN_SEAL = slice(HEADER + 2, HEADER + 2 + DIGEST)  # ours is always the first attribute
_AUTHENTICATOR = slice(4, HEADER)


def request(code: int, identifier: int, attributes: Iterable[Pair], secret: bytes) -> bytes:
    """Return a request of ours, sealed; its authenticator is octets 4 to 20."""
    unkeyed = code in _UNKEYED
    made = _packed(code, identifier, secrets.token_bytes(DIGEST) if unkeyed else ZEROS, attributes)
    made[_OWN_SEAL] = _hmac(made, secret)
    if not unkeyed:
        made[_AUTHENTICATOR] = _md5(made, secret)
    return bytes(made)


def reply(code: int, asked: Packet, attributes: Iterable[Pair] | bytes, secret: bytes) -> bytes:
    """Return our answer to a request, sealed. Attributes may be packed already."""
    made = _packed(code, asked.identifier, asked.authenticator, attributes)
    if code == ACCOUNTING_RESPONSE and asked.code == ACCOUNTING_REQUEST:
        del made[HEADER : _OWN_SEAL.stop]  # no RFC has a seal there, and FreeRADIUS makes it with zeros
        made[2:4] = len(made).to_bytes(2, "big")
    else:
        made[_OWN_SEAL] = _hmac(made, secret)
    made[_AUTHENTICATOR] = _md5(made, secret)
    return bytes(made)


def seal_of(octets: bytes, packet: Packet, secret: bytes, authenticator: bytes) -> Seal:
    """Return what the Message-Authenticator says, made with `authenticator` (see the table above)."""
    if not packet.seal:
        return Seal.MISSING
    length = octets[2] << 8 | octets[3]
    begin, end = packet.seal, packet.seal + DIGEST
    covered = b"".join((octets[:4], authenticator, octets[HEADER:begin], ZEROS, octets[end:length]))
    return Seal.HOLDS if hmac.compare_digest(_hmac(covered, secret), octets[begin:end]) else Seal.WRONG


def keyed(octets: bytes, packet: Packet, secret: bytes) -> bool:
    """Whether the authenticator of an Accounting-, CoA- or Disconnect-Request was made with the secret."""
    length = octets[2] << 8 | octets[3]
    made = _md5(octets[:4] + ZEROS + octets[HEADER:length], secret)
    return hmac.compare_digest(made, packet.authenticator)


def answers(octets: bytes, asked: bytes, secret: bytes) -> Packet | None:
    """Return the reply to what we asked if it is one: our identifier, the secret's authenticator, no wrong seal."""
    try:
        packet = decode(octets)
    except PacketError:
        return None
    length = octets[2] << 8 | octets[3]
    made = _md5(octets[:4] + asked[_AUTHENTICATOR] + octets[HEADER:length], secret)
    genuine = packet.identifier == asked[1] and hmac.compare_digest(made, packet.authenticator)
    if not genuine or seal_of(octets, packet, secret, asked[_AUTHENTICATOR]) is Seal.WRONG:
        return None
    return packet


# ---- passwords
def reveal(hidden: bytes, authenticator: bytes, secret: bytes) -> bytes | None:
    """Return the password of a User-Password (RFC 2865 section 5.2); None where its length is none."""
    if not hidden or len(hidden) % DIGEST or len(hidden) > LONGEST_PASSWORD:
        return None
    clear, before = bytearray(), authenticator
    for at in range(0, len(hidden), DIGEST):
        block = hidden[at : at + DIGEST]
        clear += _xor(block, _md5(secret, before))
        before = block
    return bytes(clear).rstrip(b"\0")


def hide(password: bytes, authenticator: bytes, secret: bytes) -> bytes:
    """Return the User-Password of a password; PacketError when it is too long."""
    if len(password) > LONGEST_PASSWORD:
        raise PacketError(f"a password of {len(password)} octets; expected at most {LONGEST_PASSWORD}")
    padded = password + bytes(-len(password) % DIGEST or (0 if password else DIGEST))
    hidden, before = bytearray(), authenticator
    for at in range(0, len(padded), DIGEST):
        before = _xor(padded[at : at + DIGEST], _md5(secret, before))
        hidden += before
    return bytes(hidden)


def chap(identifier: int, password: bytes, challenge: bytes) -> bytes:
    """Return what a CHAP-Password holds after its identifier (RFC 1994)."""
    return _md5(bytes([identifier]) + password, challenge)


# ---- attributes inside attributes
def vendor(packet: Packet, number: int) -> list[Pair]:
    """Return a vendor's attributes; those that do not fit into their Vendor-Specific are left out."""
    found: list[Pair] = []
    for value in packet.every(VENDOR_SPECIFIC):
        if int.from_bytes(value[:4], "big") != number:
            continue
        at = 4
        while at + 2 <= len(value) and 2 <= value[at + 1] <= len(value) - at:
            found.append((value[at], value[at + 2 : at + value[at + 1]]))
            at += value[at + 1]
    return found


def vendors(number: int, kind: int, value: bytes) -> Pair:
    """Return one attribute of a vendor as a Vendor-Specific of its own."""
    return VENDOR_SPECIFIC, number.to_bytes(4, "big") + bytes((kind, len(value) + 2)) + value


def extended(packet: Packet, kind: int) -> list[Pair]:
    """Return the attributes of an extended type (RFC 6929), those in fragments put together."""
    found: list[Pair] = []
    long, more, at_kind, whole = kind in LONG_EXTENDED, False, 0, bytearray()
    head = 2 if long else 1
    for value in packet.every(kind):
        if len(value) < head:
            continue
        if not more or value[0] != at_kind:  # a fragment of another attribute ends the one before, unfinished
            at_kind, whole = value[0], bytearray()
        whole += value[head:]
        more = long and bool(value[1] & MORE)
        if not more:
            found.append((at_kind, bytes(whole)))
    return found


@lru_cache(maxsize=1024)
def _keyed_with(secret: bytes) -> hmac.HMAC:
    """Return the beginning of an HMAC: to copy it costs two thirds of making it anew, twice for each packet."""
    return hmac.new(secret, digestmod="md5")


def _hmac(octets: bytes | bytearray, secret: bytes) -> bytes:
    made = _keyed_with(secret).copy()
    made.update(octets)
    return made.digest()


def _md5(octets: bytes | bytearray, more: bytes) -> bytes:
    digest = hashlib.md5(octets, usedforsecurity=False)
    digest.update(more)
    return digest.digest()


def _xor(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).to_bytes(DIGEST, "big")
