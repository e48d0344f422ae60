"""What a chunk of the archive holds: the raw replies of many polls, each under its name, compressed and digested.

    NRC1 | length | one zstd frame: for each poll the length of its name and of its replies, the name, the replies

Pure: chunks can be made before it is known where they will lie (`netops/raw.py`, `netops/ahead.py`).
"""

from __future__ import annotations

import hashlib
import struct
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from netops import frames

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from netops.packed import Polled

DAY_MS: Final = 86_400_000
CHUNK_BYTES: Final = 8 << 20  # of content; a single larger poll makes a chunk of its own
MAGIC: Final = b"NRC1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A chunk that has no place yet."""

    octets: bytes
    sha256: str
    start_ms: int
    end_ms: int
    polls: int


Ready = dict[tuple[str, int], list[Made]]  # chunks by class and day


def prepare(records: Iterable[tuple[int, Polled]], *, bears: Callable[[Polled], bool]) -> Ready:
    """Return the chunks of these records by class and day, compressed and digested; pure, so it may run ahead."""
    heaps: dict[tuple[str, int], list[Polled]] = defaultdict(list)
    for _, poll in records:
        if poll.raw:
            heaps["evidence" if bears(poll) else "other", poll.slot_ms // DAY_MS * DAY_MS].append(poll)
    return {place: [_made(group) for group in _groups(polls)] for place, polls in heaps.items()}


def _made(group: Sequence[Polled]) -> Made:
    content = b"".join([_record(poll) for poll in group])
    packed = frames.packed(content)
    slots = [poll.slot_ms for poll in group]
    return Made(
        octets=MAGIC + struct.pack(">I", len(packed)) + packed,
        sha256=hashlib.sha256(content).hexdigest(),
        start_ms=min(slots),
        end_ms=max(slots) + 1,
        polls=len(group),
    )


def _groups(polls: Sequence[Polled]) -> Iterator[list[Polled]]:
    group: list[Polled] = []
    size = 0
    for poll in polls:
        if group and size + len(poll.raw) > CHUNK_BYTES:
            yield group
            group, size = [], 0
        group.append(poll)
        size += len(poll.raw)
    if group:
        yield group


def _record(poll: Polled) -> bytes:
    name = poll.id.encode("ascii")
    return struct.pack(">HI", len(name), len(poll.raw)) + name + poll.raw


def polls_of(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Return the name and the replies of each poll in a chunk's content."""
    at = 0
    while at < len(content):
        name, length = struct.unpack_from(">HI", content, at)
        at += 6
        yield content[at : at + name].decode("ascii"), content[at + name : at + name + length]
        at += name + length
