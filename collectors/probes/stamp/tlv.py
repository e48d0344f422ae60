"""The TLVs of RFC 8972: what a sender asks for, how a reflector answers in place, what an answer says. Pure, bounded.

`flags(1) type(1) length(2) value`. A sender sets U; a reflector clears it on what it knows, sets M on what is malformed
and stops there, copying the rest as it came; I on all of them when the HMAC TLV does not hold (RFC 8972 4). An answer
has the length of the question: nothing here makes a packet longer.
"""

from __future__ import annotations

import hmac
import ipaddress
import struct
from dataclasses import dataclass, field
from typing import Any

from collectors.probes.stamp.packet import MAC_OCTETS, mac

UNKNOWN, MALFORMED, UNSOUND = 0x80, 0x40, 0x20  # the flags U, M, I
PADDING, LOCATION, TIMESTAMP, SERVICE, SEAL = 1, 2, 3, 4, 8
SYNC_NTP, SYNC_FREE = 1, 5  # RFC 8972 4.3, synchronisation sources
STAMPED_BY_SOFTWARE = 2  # "SW local"
HEAD = 4
_DESTINATION_IP, _SOURCE_IP, _SOURCE_MAC = 4, 7, 1
_SUB_LENGTH = {_SOURCE_MAC: 8, _DESTINATION_IP: 16, _SOURCE_IP: 16}
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Tlv:
    """One TLV; `at` is where its value begins in the TLV area."""

    flags: int
    type: int
    value: bytes
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a reflector saw of the packet that carries the TLVs."""

    source: Address
    source_port: int
    destination: Address
    destination_port: int
    tos: int = 0
    synchronised: bool = False
    follows_dscp: bool = False  # whether the answer leaves with the DSCP that was asked for


def one(kind: int, value: bytes, *, flags: int = UNKNOWN) -> bytes:
    """Return one TLV as a sender writes it."""
    return struct.pack(">BBH", flags, kind, len(value)) + value


def padding(octets: int) -> bytes:
    """Return an Extra Padding TLV of `octets` in all (at least its head of 4)."""
    return one(PADDING, bytes(max(0, octets - HEAD)))


def location() -> bytes:
    """Ask under which addresses and ports the packet arrived: it shows a NAT on the way."""
    return one(LOCATION, bytes(4) + one(_DESTINATION_IP, bytes(16)) + one(_SOURCE_IP, bytes(16)))


def timestamp() -> bytes:
    """Ask how the reflector's clock is steered and its timestamps are taken."""
    return one(TIMESTAMP, bytes(4))


def service(dscp: int) -> bytes:
    """Ask for an answer with this DSCP, and for the DSCP and ECN with which the packet arrived."""
    return one(SERVICE, struct.pack(">I", dscp << 26))


def seal(sequence: int, tlvs: bytes, key: bytes) -> bytes:
    """Return the TLVs with the HMAC TLV behind them: over the sequence number and all TLVs before it (4.8)."""
    return tlvs + one(SEAL, mac(key, struct.pack(">I", sequence) + tlvs))


def parse(area: bytes) -> tuple[list[Tlv], int]:
    """Return the whole TLVs and where they end: short of the area's end, what follows is malformed."""
    found: list[Tlv] = []
    at = 0
    while at + HEAD <= len(area):
        flags, kind, length = struct.unpack_from(">BBH", area, at)
        if at + HEAD + length > len(area):
            break
        found.append(Tlv(flags, kind, area[at + HEAD : at + HEAD + length], at + HEAD))
        at += HEAD + length
    return found, at


def asked_dscp(area: bytes) -> int | None:
    """Return the DSCP with which the answer is to leave, None when none is asked for."""
    return next((t.value[0] >> 2 for t in parse(area)[0] if t.type == SERVICE and len(t.value) == 4), None)


def sound(area: bytes, *, sequence: int, key: bytes) -> bool:
    """Whether the HMAC TLV holds and nothing but padding follows it; padding alone needs none (RFC 8972 4.8)."""
    found, end = parse(area)
    if [each.type for each in found] == [PADDING] and end == len(area):
        return True
    for number, each in enumerate(found):
        if each.type == SEAL:
            text = struct.pack(">I", sequence) + area[: each.at - HEAD]
            trailing = all(later.type == PADDING for later in found[number + 1 :]) and end == len(area)
            return trailing and hmac.compare_digest(mac(key, text), each.value)
    return not area


def answer(area: bytes, seen: Seen, *, asked: int, told: int, key: bytes | None) -> bytes:
    """Return the reflected TLV area, as long as the one that came; `asked` and `told` are the sequence numbers."""
    made = bytearray(area)
    found, end = parse(area)
    if key is not None and not sound(area, sequence=asked, key=key):
        for each in found:
            made[each.at - HEAD] = each.flags | UNSOUND
        return bytes(made)
    for each in found:
        flag = UNKNOWN if each.type == SEAL and key is None else _answered(made, each, seen)
        if each.type == SEAL and flag == 0 and key is not None:
            text = struct.pack(">I", told) + bytes(made[: each.at - HEAD])
            made[each.at : each.at + MAC_OCTETS] = mac(key, text)
        made[each.at - HEAD] = flag
        if flag == MALFORMED:
            return bytes(made)
    if end < len(made):
        made[end] = MALFORMED
    return bytes(made)


def _answered(made: bytearray, tlv: Tlv, seen: Seen) -> int:
    """Fill in one TLV's value; return its flags."""
    length = len(tlv.value)
    if tlv.type == PADDING:
        return 0
    if tlv.type == SEAL:
        return 0 if length == MAC_OCTETS else MALFORMED
    if tlv.type == TIMESTAMP:
        if length != 4:
            return MALFORMED
        source = SYNC_NTP if seen.synchronised else SYNC_FREE
        made[tlv.at : tlv.at + 4] = bytes((source, STAMPED_BY_SOFTWARE) * 2)
        return 0
    if tlv.type == SERVICE:
        if length != 4:
            return MALFORMED
        dscp = made[tlv.at] >> 2
        refused = 0 if seen.follows_dscp else 1  # RP: the answer's DSCP is not the one asked for
        word = dscp << 26 | (seen.tos >> 2) << 20 | (seen.tos & 3) << 18 | refused << 16
        struct.pack_into(">I", made, tlv.at, word)
        return 0
    if tlv.type == LOCATION:
        return _located(made, tlv, seen)
    return UNKNOWN


def _located(made: bytearray, tlv: Tlv, seen: Seen) -> int:
    if len(tlv.value) < 4:
        return MALFORMED
    struct.pack_into(">HH", made, tlv.at, seen.destination_port, seen.source_port)
    area = tlv.value[4:]
    found, end = parse(area)
    for sub in found:
        at = tlv.at + 4 + sub.at
        if sub.type in _SUB_LENGTH and len(sub.value) != _SUB_LENGTH[sub.type]:
            made[at - HEAD] = MALFORMED
            return MALFORMED
        if sub.type in (_DESTINATION_IP, _SOURCE_IP):
            address = seen.destination if sub.type == _DESTINATION_IP else seen.source
            made[at - HEAD + 1] = sub.type + (1 if address.version == 4 else 2)
            made[at : at + 16] = address.packed.ljust(16, b"\0")
            made[at - HEAD] = 0
        elif sub.type == _SOURCE_MAC:  # a UDP socket sees none: "not known" is EUI-64 of zeros (4.2.2)
            made[at - HEAD + 1] = 3
            made[at : at + 8] = bytes(8)
            made[at - HEAD] = 0
        else:
            made[at - HEAD] = UNKNOWN
    return MALFORMED if end < len(area) else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What came back: the addresses as the reflector saw them, how its clock is steered, DSCP and ECN on arrival."""

    unknown: tuple[int, ...] = ()
    malformed: tuple[int, ...] = ()
    unsound: bool = False
    location: dict[str, str | int] = field(default_factory=dict)
    synchronised_by: int | None = None
    stamped_by: int | None = None
    dscp: int | None = None
    ecn: int | None = None
    dscp_refused: bool = False

    def record(self) -> dict[str, Any]:
        """Return what was told, as it is archived; what was not asked for is left out."""
        made: dict[str, Any] = {name: value for name in _NAMES if (value := getattr(self, name)) not in (None, (), {})}
        return made | {name: True for name in _SIGNS if getattr(self, name)}


_NAMES = ("location", "synchronised_by", "stamped_by", "dscp", "ecn", "unknown", "malformed")
_SIGNS = ("unsound", "dscp_refused")


def read(area: bytes) -> Answers:
    """Read the TLVs of an answer; what is not as it should be is left out and named."""
    found, _ = parse(area)
    told: dict[str, object] = {}
    for each in found:
        if each.flags & (UNKNOWN | MALFORMED | UNSOUND):
            continue
        if each.type == LOCATION and len(each.value) >= 4:
            told["location"] = _places(each.value)
        elif each.type == TIMESTAMP and len(each.value) == 4:
            told |= {"synchronised_by": each.value[0], "stamped_by": each.value[1]}
        elif each.type == SERVICE and len(each.value) == 4:
            (word,) = struct.unpack(">I", each.value)
            told |= {"dscp": word >> 20 & 0x3F, "ecn": word >> 18 & 3, "dscp_refused": bool(word >> 16 & 3)}
    return Answers(
        unknown=tuple(t.type for t in found if t.flags & UNKNOWN),
        malformed=tuple(t.type for t in found if t.flags & MALFORMED),
        unsound=any(t.flags & UNSOUND for t in found),
        **told,  # type: ignore[arg-type]
    )


def _places(value: bytes) -> dict[str, str | int]:
    destination_port, source_port = struct.unpack_from(">HH", value)
    told: dict[str, str | int] = {"destination_port": destination_port, "source_port": source_port}
    names = {5: "destination", 6: "destination", 8: "source", 9: "source"}
    for sub in parse(value[4:])[0]:
        if sub.type in names and len(sub.value) == 16 and not sub.flags & (UNKNOWN | MALFORMED):
            four = sub.type in (5, 8)
            told[names[sub.type]] = str(ipaddress.ip_address(sub.value[:4] if four else sub.value))
    return told
