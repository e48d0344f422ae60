"""What every netlink message is made of (RFC 3549, <linux/netlink.h>): headers and attributes, bytes to values."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from captive_portal.errors import KernelError

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
ATTRIBUTE = struct.Struct("=HH")  # nlattr: length, type
ERROR, DONE = 2, 3
ENDS = frozenset({ERROR, DONE})  # each with an errno: a dump that failed on its way ends with DONE, too
REQUEST, ACK, DUMP = 0x1, 0x4, 0x300
INTERRUPTED = 0x10  # NLM_F_DUMP_INTR: what is listed changed meanwhile, so that something may be missing or old
NESTED = 0x8000  # and NLA_F_NET_BYTEORDER: the two bits that are no part of a type
TYPE = 0x3FFF


def message(kind: int, flags: int, body: bytes) -> bytes:
    """Return one request."""
    return HEADER.pack(HEADER.size + len(body), kind, REQUEST | flags, 1, 0) + body


def attribute(kind: int, value: bytes) -> bytes:
    """Return one attribute, padded to the next one."""
    return ATTRIBUTE.pack(ATTRIBUTE.size + len(value), kind) + value + b"\0" * (-len(value) % 4)


def messages(datagram: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield type and body of each message of one datagram; KernelError where one is cut short."""
    at = 0
    while at + HEADER.size <= len(datagram):
        length, kind, *_ = HEADER.unpack_from(datagram, at)
        if length < HEADER.size or at + length > len(datagram):
            raise KernelError("netlink message is cut short; expected a whole one in each datagram")
        yield kind, datagram[at + HEADER.size : at + length]
        at += (length + 3) & ~3


def interrupted(datagram: bytes) -> bool:
    """Return whether a dump says that its list changed meanwhile; for a datagram of whole messages."""
    at = 0
    while at + HEADER.size <= len(datagram):
        length, _, flags, *_ = HEADER.unpack_from(datagram, at)
        if flags & INTERRUPTED:
            return True
        at += (max(length, HEADER.size) + 3) & ~3
    return False


def failure(body: bytes) -> int:
    """Return the errno of one of `ENDS`; 0 says that all went well."""
    return -int(struct.unpack_from("=i", body)[0]) if len(body) >= 4 else 0


def attributes(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield type and value of each attribute; what does not fit any more ends it."""
    at, end, unpack = 0, len(body), ATTRIBUTE.unpack_from
    while at + 4 <= end:
        length, kind = unpack(body, at)
        if length < 4 or at + length > end:
            return
        yield kind & TYPE, body[at + 4 : at + length]
        at += (length + 3) & ~3
