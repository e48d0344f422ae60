"""Recorded walks: `OID|tag|value` a line, plain or bzip2, as an agent that answers like the device it came from.

A tag is a number of SMI (`2` INTEGER, `4` OCTET STRING, `6` OBJECT IDENTIFIER, `64`-`70`), with `x` for hexadecimal
and `e` for backslash escapes. Only objects under the places asked for are kept: two million lines are read once, as
they stream, in the memory of the few that are wanted. Lines that are no objects are counted and named, never guessed.
"""

from __future__ import annotations

import bz2
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from collectors.errors import CollectorError
from collectors.snmp.agent import Listing
from collectors.snmp.varbind import (
    COUNTER32,
    COUNTER64,
    GAUGE32,
    INTEGER,
    IP_ADDRESS,
    NULL,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    OPAQUE,
    TIME_TICKS,
    Varbind,
    dotted,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path
    from typing import BinaryIO

    from collectors.snmp.varbind import Oid, Value

_CHUNK = 512 << 10  # octets that are read at a time: little more than may be there is ever unpacked
_MAX_LINE = 256 << 10  # octets; a datagram holds 64 KiB, in hexadecimal twice that
_SMALL = 1 << 20  # octets; what a packed recording may hold in any case
_TWICE = 1 << 15  # objects that stand there again, ten times as many as there are
_BLANKS = 1 << 16  # pairs of empty lines in one chunk
_MOST_RATIO = 100  # and beyond: real walks shrink to a twentieth, bombs to a hundred-thousandth
_MAX_ARCS = 128  # RFC 2578 3.5
_LINE = re.compile(rb"\.?([0-9]{1,10}(?:\.[0-9]{1,10})+)\|([0-9]{1,3})([xe]?)\|(.*)", re.DOTALL)
_STRANGE = re.compile(rb"\n(?!\.?[0-2]\.|#|[ \t\r]*(?:\n|\Z))")
_BLANK = re.compile(rb"\n(?:#|[ \t\r]*(?=\n))")
_DOT = r"\."
_NEWLINE = b"\n"
_NUMBERS = frozenset({INTEGER, COUNTER32, GAUGE32, TIME_TICKS, COUNTER64})
_STRINGS = frozenset({OCTET_STRING, OPAQUE})
_ESCAPE = re.compile(rb"\\(x[0-9A-Fa-f]{2}|[\\nrt0])")
_ESCAPES = {b"\\": b"\\", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"0": b"\0"}


class RecordingError(CollectorError):
    """A file is no recording; the message names it and what was expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What a file holds of what was wanted.

    `lines` counts all lines with content, `odd` those that are no objects (the first one in `first_odd`), `twice` the
    objects that stand there more than once (the last counts): a walk that went in circles, or two walks in one file.
    """

    agent: Listing
    lines: int
    odd: int
    first_odd: str
    twice: int

    @property
    def notes(self) -> tuple[str, ...]:
        """What is wrong with the file, in words; empty when nothing is."""
        found = []
        if self.odd:
            found.append(f"{self.odd} of {self.lines} lines are no objects, the first is {self.first_odd}")
        if self.twice:
            found.append(f"{self.twice} objects stand more than once; the last of each counts")
        return tuple(found)


def load(path: Path, *, wanted: Iterable[Oid]) -> Recording:
    """Read a recording, keeping what stands under the `wanted` places; RecordingError when it is none."""
    try:
        with _open(path) as stream:
            reading = _Reading(frozenset(wanted))
            most = max(_SMALL, _MOST_RATIO * path.stat().st_size)
            for number, line in _lines(stream, most):
                reading.take(number, line)
    except (OSError, EOFError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise RecordingError(f"{path}: cannot be read ({why}); expected a recording, plain or .bz2") from None
    if reading.lines == reading.odd:
        what = f"its first line is {reading.first_odd}" if reading.lines else "it is empty"
        raise RecordingError(f"{path}: no line is an object ({what}); expected lines such as 1.3.6.1.2.1.1.3.0|67|4711")
    return reading.recording()


def written(each: Varbind) -> bytes:
    """Return the line of an object, as `load` reads it back to the same tag and value."""
    value, tag = each.value, str(each.tag)
    if value is None:
        shown = b""
    elif isinstance(value, bytes):
        plain = each.tag in _STRINGS and all(32 <= octet < 127 for octet in value)
        if each.tag == IP_ADDRESS and len(value) == 4:
            shown = b".".join(b"%d" % octet for octet in value)
        else:
            tag, shown = (tag, value) if plain else (f"{tag}x", value.hex().encode())
    else:
        shown = str(value).encode()
    return b"%s|%s|%s\n" % (dotted(each.oid).encode(), tag.encode(), shown)


def _open(path: Path) -> BinaryIO:
    return bz2.open(path, "rb") if path.suffix == ".bz2" else path.open("rb")  # type: ignore[return-value]


def _lines(stream: BinaryIO, most: int) -> Iterator[tuple[int, bytes]]:
    """Yield (number of the first line, lines joined as they came) in chunks that end at a line's end."""
    number, rest, seen = 1, b"", 0
    while chunk := stream.read(_CHUNK):
        seen += len(chunk)
        if chunk.count(b"\n\n") > _BLANKS:
            raise ValueError(f"from line {number} on nearly all lines are empty")
        block = rest + chunk
        cut = block.rfind(b"\n") + 1
        if not cut and len(block) > _MAX_LINE:
            raise ValueError(f"line {number} is over {_MAX_LINE} octets long")
        if seen > most:
            raise ValueError(f"it unpacks to more than {most} octets")
        rest = block[cut:]
        if cut:
            yield number, block[:cut]
            number += block.count(b"\n", 0, cut)
    if rest:
        yield number, rest


class _Reading:
    """Collects while one file is read; never leaves `load`."""

    def __init__(self, wanted: frozenset[Oid]) -> None:
        self.lines = self.odd = self.twice = 0
        self.first_odd = ""
        self._objects: dict[Oid, Varbind] = {}
        self._wanted = _lines_of(wanted) if wanted else None

    def take(self, number: int, block: bytes) -> None:
        """Read whole lines at once: splitting and testing two million lines one by one is what takes the time."""
        block = b"\n" + block
        for found in self._wanted.finditer(block) if self._wanted else ():
            self._object(block, number, found.start())
        for found in _STRANGE.finditer(block):
            self._note(block, number, found.start())
        whole = block.count(b"\n") - block.endswith(b"\n")
        self.lines += whole - sum(1 for _ in _BLANK.finditer(block))

    def _note(self, block: bytes, number: int, at: int) -> None:
        self.odd += 1
        if not self.first_odd:
            line = block[at + 1 : at + 61].partition(b"\n")[0]
            self.first_odd = f"line {number + block.count(_NEWLINE, 0, at)}, {line!r}"

    def _object(self, block: bytes, number: int, at: int) -> None:
        end = block.find(b"\n", at + 1)
        line = block[at + 1 : end if end >= 0 else len(block)]
        found = _LINE.fullmatch(line.removesuffix(b"\r"))
        value = _value(int(found[2]), found[3], found[4]) if found and len(line) <= _MAX_LINE else None
        oid = _oid(found[1]) if found else None
        if value is None or oid is None:
            self._note(block, number, at)
            return
        self.twice += oid in self._objects
        if self.twice > _TWICE and self.twice > 10 * len(self._objects):
            raise ValueError("it says the same few objects again and again")
        self._objects[oid] = Varbind(oid, value[0], value[1])

    def recording(self) -> Recording:
        return Recording(
            agent=Listing(self._objects.values()),
            lines=self.lines,
            odd=self.odd,
            first_odd=self.first_odd,
            twice=self.twice,
        )


@lru_cache(maxsize=8)
def _lines_of(places: frozenset[Oid]) -> re.Pattern[bytes]:
    """Return what finds the lines that stand at or under a place; who reads many recordings wants the same of each."""
    return re.compile(rb"\n\.?(?:" + _branches(places) + rb")[^\n]*")


def _branches(places: Iterable[Oid]) -> bytes:
    """Return a pattern for the start of every line that stands at or under a place, sharing what the places share."""
    tree: dict[int, Any] = {}
    for place in sorted(places, key=len):
        node, seen = tree, False
        for arc in place:
            seen = seen or _HERE in node
            node = node.setdefault(arc, {})
        if not seen:  # a place under another one adds nothing
            node.clear()
            node[_HERE] = {}
    return _branch(tree).encode()


_HERE = -1


def _branch(node: Mapping[int, Any]) -> str:
    if _HERE in node:
        return "[.|]"
    ways = [f"{arc}{'' if _HERE in below else _DOT}{_branch(below)}" for arc, below in node.items()]
    return ways[0] if len(ways) == 1 else f"(?:{'|'.join(ways)})"


def _oid(written: bytes) -> Oid | None:
    """Return the arcs, or None when no agent could have sent such an OID (RFC 2578 section 3.5; X.690 section 8.19)."""
    if not re.fullmatch(rb"[0-9]{1,10}(\.[0-9]{1,10})+", written) or written.count(b".") >= _MAX_ARCS:
        return None
    oid = tuple(map(int, written.split(b".")))
    first_two = (oid[0] < 2 and oid[1] < 40) or oid[0] == 2
    return oid if first_two and max(oid) < 2**32 else None


def _value(tag: int, form: bytes, written: bytes) -> tuple[int, Value] | None:
    """Return (tag, value), or None when the text is no value of that type."""
    if form == b"x":
        return _hexadecimal(tag, written)
    if form == b"e":
        return (tag, _ESCAPE.sub(_unescape, written)) if tag in _STRINGS else None
    if tag in _NUMBERS:
        return (tag, int(written)) if re.fullmatch(rb"\s*-?[0-9]{1,20}\s*", written) else None
    if tag in _STRINGS:
        return tag, written
    if tag == OBJECT_IDENTIFIER:
        named = _oid(written.strip().removeprefix(b"."))
        return (tag, dotted(named)) if named else None
    if tag == IP_ADDRESS:
        quads = written.strip().split(b".")
        good = len(quads) == 4 and all(q.isdigit() and int(q) < 256 for q in quads)
        return (tag, bytes(map(int, quads))) if good else None
    return (NULL, None) if tag == NULL else None


def _hexadecimal(tag: int, written: bytes) -> tuple[int, Value] | None:
    if tag not in _STRINGS | {IP_ADDRESS}:
        return None
    try:
        octets = bytes.fromhex(written.decode("ascii"))
    except ValueError:
        return None
    return tag, octets


def _unescape(found: re.Match[bytes]) -> bytes:
    mark = found[1]
    return bytes((int(mark[1:], 16),)) if mark.startswith(b"x") else _ESCAPES[mark]
