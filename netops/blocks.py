"""Many records as one: what a `put` brings goes into a spool compressed together, for polls are much alike.

    NSB1 | one zstd frame: how many records, the length of each, the records        4 octets a number, big endian

A block is at most `BYTES` of records, so that whoever wants one of them never unpacks much.
"""

from __future__ import annotations

import struct
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Final

from netops import frames
from netops.errors import SpoolError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAGIC: Final = b"NSB1"
BYTES: Final = 4 << 20  # of records, but for a single larger one
RECORDS: Final = 1000


def pack(payloads: Sequence[bytes]) -> bytes:
    """Return the block of these records."""
    lengths = struct.pack(f">{len(payloads) + 1}I", len(payloads), *map(len, payloads))
    return MAGIC + frames.packed(lengths + b"".join(payloads))


def unpack(block: bytes, *, count: int, bound: int) -> list[bytes]:
    """Return the `count` records of a block; SpoolError when it is none, or holds others, or over `bound` octets."""
    if block[:4] != MAGIC:
        raise SpoolError("spool: no block of records; expected the magic 'NSB1'")
    content = frames.unpacked(memoryview(block)[4:], bound=bound + 4 * (RECORDS + 1))
    if not 0 < count <= RECORDS or len(content) < 4 * (count + 1):
        raise SpoolError("spool: the block is cut short")
    told, *lengths = struct.unpack_from(f">{count + 1}I", content)
    if told != count or 4 * (count + 1) + sum(lengths) != len(content):
        raise SpoolError(f"spool: a block of {told} records, expected {count}, or their lengths do not add up")
    return [content[at:end] for at, end in pairwise(accumulate(lengths, initial=4 * (count + 1)))]


def split(payloads: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Return the records in groups that make a block each."""
    begun, size = 0, 0
    for number, payload in enumerate(payloads):
        if number > begun and (size + len(payload) > BYTES or number - begun == RECORDS):
            yield payloads[begun:number]
            begun, size = number, 0
        size += len(payload)
    if begun < len(payloads):
        yield payloads[begun:]
