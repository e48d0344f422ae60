"""The wire's alphabet: bounded BER for what SNMP uses (RFC 3417 section 8). Pure; only DecodeError escapes.

Every read is given the end of what encloses it, so no length can reach beyond its parent, and the grammar has a fixed
depth: nothing recurses. Lengths may be in long form and integers not minimal, as real agents send them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from collectors.errors import DecodeError
from collectors.snmp import compiled
from collectors.snmp.varbind import (
    COUNTER32,
    COUNTER64,
    GAUGE32,
    INTEGER,
    IP_ADDRESS,
    NO_VALUE,
    NULL,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    OPAQUE,
    SEQUENCE,
    TIME_TICKS,
    UNREADABLE,
    Oid,
    Value,
    Varbind,
    Varbinds,
    dotted,
    parse,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_MESSAGE = 65_507  # the largest UDP payload over IPv4
MAX_VARBINDS = 4_096  # one datagram of 59 KB can hold 8,500: no honest reply does
MAX_ARCS = 128  # RFC 2578 section 3.5
MAX_ARC = 0xFFFF_FFFF
MAX_INTEGER = 9  # octets: a Counter64 with its sign octet
_CACHED_OIDS = 65_536
_CACHED_TEXTS = 4_096
_FAST = compiled.fast()  # reads what is plain; whatever is not, or is off, is read and told of here

UNSIGNED32 = frozenset({COUNTER32, GAUGE32, TIME_TICKS})
OCTETS = frozenset({OCTET_STRING, OPAQUE, IP_ADDRESS})


# ---- writing


def length(size: int) -> bytes:
    """Return the definite length in its shortest form."""
    if size < 0x80:
        return bytes((size,))
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((0x80 | len(octets),)) + octets


def tlv(tag: int, content: bytes) -> bytes:
    """Return tag, length and content."""
    return bytes((tag,)) + length(len(content)) + content


def signed(value: int) -> bytes:
    """Return the content octets of an INTEGER, minimal two's complement."""
    return value.to_bytes((value if value >= 0 else ~value).bit_length() // 8 + 1, "big", signed=True)


def integer(value: int) -> bytes:
    """Return a whole INTEGER."""
    return tlv(INTEGER, signed(value))


_encoded_oids: dict[Oid, bytes] = {}


def oid_octets(oid: Oid) -> bytes:
    """Return the content octets of an OID of at least two arcs."""
    known = _encoded_oids.get(oid)
    if known is not None:
        return known
    if len(oid) < 2 or len(oid) > MAX_ARCS or oid[0] > 2 or (oid[0] < 2 and oid[1] > 39):
        raise DecodeError(f"OID {dotted(oid)[:80]!r} cannot be written; expected 2 to {MAX_ARCS} arcs below 0, 1 or 2")
    out = bytearray()
    for arc in (oid[0] * 40 + oid[1], *oid[2:]):
        if not 0 <= arc <= MAX_ARC + 80:
            raise DecodeError(f"arc {arc} of OID {dotted(oid)[:80]!r} is outside 0…{MAX_ARC}")
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(0x80 | (arc & 0x7F))
        out += bytes(reversed(groups))
    if len(_encoded_oids) >= _CACHED_OIDS:
        _encoded_oids.clear()
    return _encoded_oids.setdefault(oid, bytes(out))


def value_tlv(tag: int, value: Value) -> bytes:
    """Return a whole value; exceptions and NULL are written empty."""
    if tag in NO_VALUE and tag != UNREADABLE:
        return bytes((tag, 0))
    if isinstance(value, int):
        return tlv(tag, signed(value))
    if isinstance(value, str):
        return tlv(tag, oid_octets(parse(value)))
    if isinstance(value, bytes) and tag != UNREADABLE:
        return tlv(tag, value)
    raise DecodeError(f"value {value!r} cannot be written under tag {tag}; expected int, bytes or a dotted OID")


def varbind_list(varbinds: Iterable[Varbind]) -> bytes:
    """Return the SEQUENCE OF VarBind."""
    return tlv(
        SEQUENCE,
        b"".join(
            tlv(SEQUENCE, tlv(OBJECT_IDENTIFIER, oid_octets(oid)) + value_tlv(tag, value))
            for oid, tag, value in varbinds
        ),
    )


# ---- reading


def header(octets: bytes, at: int, end: int) -> tuple[int, int, int]:
    """Return (tag, start, stop) of the element at `at`; DecodeError when it does not fit before `end`."""
    start = at + 2
    if start > end:
        raise DecodeError(f"cut short at octet {at}; expected a tag and a length before {end}")
    size = octets[at + 1]
    if size & 0x80:
        count = size & 0x7F
        if not 1 <= count <= 4 or start + count > end:
            raise DecodeError(f"length at octet {at + 1} is not usable; expected at most four octets, definite")
        size = int.from_bytes(octets[start : start + count], "big")
        start += count
    stop = start + size
    if stop > end:
        raise DecodeError(f"element at octet {at} claims {size} octets; only {end - start} are left")
    return octets[at], start, stop


def expect(tag: int, octets: bytes, at: int, end: int) -> tuple[int, int]:
    """Return (start, stop) of an element that must have this tag."""
    found, start, stop = header(octets, at, end)
    if found != tag:
        raise DecodeError(f"tag {found:#04x} at octet {at}; expected {tag:#04x}")
    return start, stop


def read_integer(octets: bytes, at: int, end: int) -> tuple[int, int]:
    """Return (value, where it ends) of an INTEGER of 1 to 9 octets, minimal or not."""
    start, stop = expect(INTEGER, octets, at, end)
    if not 1 <= stop - start <= MAX_INTEGER:
        raise DecodeError(f"INTEGER at octet {at} has {stop - start} octets; expected 1 to {MAX_INTEGER}")
    return int.from_bytes(octets[start:stop], "big", signed=True), stop


_decoded_oids: dict[bytes, Oid] = {}


def oid_of(content: bytes) -> Oid:
    """Return the OID of its content octets; DecodeError when an arc is cut short or over 32 bits."""
    known = _decoded_oids.get(content)
    if known is not None:
        return known
    if not content or content[-1] & 0x80:
        raise DecodeError(f"OID {content[:20].hex()} is empty or cut short")
    arcs: list[int] = []
    arc = 0
    for octet in content:
        arc = arc << 7 | (octet & 0x7F)
        if arc > MAX_ARC + 80:
            raise DecodeError(f"OID {content[:20].hex()} has an arc over 32 bits")
        if not octet & 0x80:
            arcs.append(arc)
            arc = 0
    if len(arcs) >= MAX_ARCS:
        raise DecodeError(f"OID of {len(arcs) + 1} arcs; expected at most {MAX_ARCS}")
    first = min(arcs[0] // 40, 2)
    oid = (first, arcs[0] - 40 * first, *arcs[1:])
    if len(_decoded_oids) >= _CACHED_OIDS:
        _decoded_oids.clear()
    _decoded_oids[content] = oid
    return oid


_texts: dict[bytes, str] = {}


def oid_text(content: bytes) -> str:
    """Return the dotted text of an OID's content octets, remembered."""
    known = _texts.get(content)
    if known is None:
        if len(_texts) >= _CACHED_TEXTS:
            _texts.clear()
        known = _texts[content] = dotted(oid_of(content))
    return known


def value_of(tag: int, content: bytes) -> tuple[int, Value]:
    """Return (tag, value) of a value's content; the tag becomes UNREADABLE where the content does not fit it."""
    size = len(content)
    if tag == OCTET_STRING:
        return tag, content
    if tag in UNSIGNED32:
        # Agents send a Counter32 over 2^31 in four octets, without the sign octet: it is unsigned all the same.
        if 1 <= size <= 4 or (size == 5 and content[0] == 0):
            return tag, int.from_bytes(content, "big")
    elif tag == INTEGER:
        if 1 <= size <= MAX_INTEGER:
            return tag, int.from_bytes(content, "big", signed=True)
    elif tag == COUNTER64:
        if 1 <= size <= 8 or (size == 9 and content[0] == 0):
            return tag, int.from_bytes(content, "big")
    elif tag == OBJECT_IDENTIFIER:
        try:
            return tag, oid_text(content) if content else "0.0"
        except DecodeError:
            return UNREADABLE, content
    elif tag in NO_VALUE:
        if not size:
            return tag, None
    elif tag == IP_ADDRESS:
        if size == 4:
            return tag, content
    elif tag == OPAQUE:
        return tag, content
    return UNREADABLE, content


def varbinds_of(octets: bytes, at: int, end: int, most: int = MAX_VARBINDS) -> tuple[Varbinds, list[tuple[int, int]]]:
    """Return the varbinds of a SEQUENCE OF VarBind and where each value's content stands."""
    if _FAST is not None and (plain := _FAST.varbinds(octets, at, end, most, oid_text)) is not None:
        return Varbinds(*plain[:3]), plain[3]
    at, stop = expect(SEQUENCE, octets, at, end)
    if stop != end:
        raise DecodeError(f"{end - stop} octets behind the varbinds; expected none")
    oids: list[Oid] = []
    tags: list[int] = []
    values: list[Value] = []
    spans: list[tuple[int, int]] = []
    cached, from_bytes = _decoded_oids, int.from_bytes
    while at < end:
        # Nearly all varbinds have three lengths in short form that fit each other; the rest goes the long way round.
        if at + 6 <= end and octets[at] == SEQUENCE and octets[at + 2] == OBJECT_IDENTIFIER and octets[at + 1] < 0x80:
            name = at + 4
            name_end = name + octets[at + 3]
            after = at + 2 + octets[at + 1]
            value_at = name_end + 2
            if not (value_at <= after <= end and value_at + octets[name_end + 1] == after):
                name, name_end, value_at, after = _varbind(octets, at, end)
        else:
            name, name_end, value_at, after = _varbind(octets, at, end)
        content = octets[name:name_end]
        oids.append(cached.get(content) or oid_of(content))
        tag = octets[name_end]
        value: Value
        if tag == OCTET_STRING:
            value = octets[value_at:after]
        elif COUNTER32 <= tag <= TIME_TICKS and 0 < after - value_at <= 4:
            value = from_bytes(octets[value_at:after], "big")
        elif tag == INTEGER and 0 < after - value_at <= MAX_INTEGER:
            value = from_bytes(octets[value_at:after], "big", signed=True)
        else:
            tag, value = value_of(tag, octets[value_at:after])
        tags.append(tag)
        values.append(value)
        spans.append((value_at, after))
        if len(oids) > most:
            raise DecodeError(f"more than {most} varbinds in one message")
        at = after
    return Varbinds(tuple(oids), tuple(tags), tuple(values)), spans


def _varbind(octets: bytes, at: int, end: int) -> tuple[int, int, int, int]:
    """Return where a varbind's name begins and ends and its value's content begins and ends, lengths of any form."""
    start, after = expect(SEQUENCE, octets, at, end)
    name, name_end = expect(OBJECT_IDENTIFIER, octets, start, after)
    _, value_at, value_end = header(octets, name_end, after)
    if value_end != after:
        raise DecodeError(f"{after - value_end} octets behind the value at octet {value_end}; expected none")
    return name, name_end, value_at, after


__all__ = [
    "MAX_MESSAGE",
    "MAX_VARBINDS",
    "NULL",
    "expect",
    "header",
    "integer",
    "length",
    "oid_octets",
    "oid_of",
    "read_integer",
    "signed",
    "tlv",
    "value_of",
    "value_tlv",
    "varbind_list",
    "varbinds_of",
]
