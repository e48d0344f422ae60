"""An object of a device and its value: OID, tag, Varbind, and Varbinds (many of them, kept by column).

A value is an int (INTEGER, Counter32, Gauge32, TimeTicks, Counter64), bytes (OCTET STRING, IpAddress, Opaque), a
dotted string (OBJECT IDENTIFIER) or None (NULL and the three exceptions of RFC 3416). A value whose framing is sound
but whose content does not fit its type keeps its bytes under the tag `UNREADABLE`: one bad value spoils no other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, overload

from collectors.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Oid: TypeAlias = tuple[int, ...]
Value: TypeAlias = int | bytes | str | None

INTEGER = 0x02
OCTET_STRING = 0x04
NULL = 0x05
OBJECT_IDENTIFIER = 0x06
SEQUENCE = 0x30
IP_ADDRESS = 0x40
COUNTER32 = 0x41
GAUGE32 = 0x42
TIME_TICKS = 0x43
OPAQUE = 0x44
COUNTER64 = 0x46
NO_SUCH_OBJECT = 0x80
NO_SUCH_INSTANCE = 0x81
END_OF_MIB_VIEW = 0x82
UNREADABLE = -1  # no tag of the wire: framed soundly, content outside its type

EXCEPTIONS = frozenset({NO_SUCH_OBJECT, NO_SUCH_INSTANCE, END_OF_MIB_VIEW})
NO_VALUE = EXCEPTIONS | {NULL, UNREADABLE}

SYS_UP_TIME: Oid = (1, 3, 6, 1, 2, 1, 1, 3, 0)
SYS_OBJECT_ID: Oid = (1, 3, 6, 1, 2, 1, 1, 2, 0)


class Varbind(NamedTuple):
    """One object's name, type and value."""

    oid: Oid
    tag: int
    value: Value


class Varbinds(Sequence[Varbind]):
    """Many varbinds, kept as three tuples of the same length: a reply of 300 cells makes three objects, not 300."""

    __slots__ = ("oids", "tags", "values")

    def __init__(self, oids: tuple[Oid, ...], tags: tuple[int, ...], values: tuple[Value, ...]) -> None:
        self.oids = oids
        self.tags = tags
        self.values = values

    @classmethod
    def of(cls, varbinds: Iterable[Varbind]) -> Varbinds:
        """Return the varbinds by column."""
        rows = tuple(varbinds)
        return cls(tuple(v.oid for v in rows), tuple(v.tag for v in rows), tuple(v.value for v in rows))

    @overload
    def __getitem__(self, at: int) -> Varbind: ...
    @overload
    def __getitem__(self, at: slice) -> Varbinds: ...
    def __getitem__(self, at: int | slice) -> Varbind | Varbinds:
        if isinstance(at, slice):
            return Varbinds(self.oids[at], self.tags[at], self.values[at])
        return Varbind(self.oids[at], self.tags[at], self.values[at])

    def __len__(self) -> int:
        return len(self.oids)

    def __iter__(self) -> Iterator[Varbind]:
        return map(Varbind, self.oids, self.tags, self.values)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Varbinds):
            return NotImplemented
        return self.oids == other.oids and self.tags == other.tags and self.values == other.values

    def __hash__(self) -> int:
        return hash((self.oids, self.tags, self.values))

    def __repr__(self) -> str:
        return f"Varbinds({list(self)!r})"


EMPTY = Varbinds((), (), ())


def dotted(oid: Oid) -> str:
    """Return `1.3.6.1` for (1, 3, 6, 1)."""
    return ".".join(map(str, oid))


def parse(text: str) -> Oid:
    """Return the OID of `1.3.6.1` or `.1.3.6.1`; DecodeError when it is none."""
    try:
        oid = tuple(int(part) for part in text.removeprefix(".").split(".") if part.isascii() and part.isdigit())
    except ValueError:  # more digits than the interpreter converts
        oid = ()
    if len(oid) != text.removeprefix(".").count(".") + 1:
        raise DecodeError(f"{text[:60]!r} is no OID; expected numbers with dots, such as 1.3.6.1.2.1.1.3.0")
    return oid
