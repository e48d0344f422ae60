"""Requests prepared once, and replies recognised by their skeleton.

A request on the wire is `prefix + 4-octet id + suffix`; only the id changes. A reply's skeleton is everything in it
but the id and the contents of the values: tags, lengths, OIDs, community. Its decoding depends on nothing else, so a
reply whose skeleton is octet for octet that of an earlier reply, which the general decoder read, is read by one
comparison (all octets as one number, under a mask) and one `struct.unpack`. What is not recognised goes through the
general decoder: same result, slower.
"""

from __future__ import annotations

from functools import partial
from struct import Struct
from typing import TYPE_CHECKING, Any

from collectors.errors import DecodeError
from collectors.snmp import ber
from collectors.snmp.ask import Reply
from collectors.snmp.pdu import V2C, Framed, Kind
from collectors.snmp.varbind import (
    COUNTER64,
    INTEGER,
    NULL,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    SEQUENCE,
    UNREADABLE,
    Oid,
    Varbind,
    Varbinds,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from collectors.snmp._fast import Question
    from collectors.snmp.gather import Request
    from collectors.snmp.varbind import Value

_SIGNED = {1: "b", 2: "h", 4: "i", 8: "q"}
_UNSIGNED = {1: "B", 2: "H", 4: "I", 8: "Q"}
_new = tuple.__new__
_made = object.__new__
_number = int.from_bytes
_SHAPES_PER_LENGTH = 4
_PATIENCE = 64  # misses without as many hits: this question's replies never look alike, stop learning


class Shape:
    """The skeleton of a reply, and how to take the values out of one that has it. `trailing` octets lie behind it.

    `mask` has ones where the skeleton stands. Both are numbers of all octets, the first octet lowest: so CPython makes
    a number of octets soonest.
    """

    __slots__ = ("fixes", "mask", "names", "skeleton", "tags", "trailing", "unpack")

    def __init__(
        self,
        unpack: Callable[[bytes], tuple[Any, ...]],
        mask: int,
        skeleton: int,
        names: tuple[tuple[Oid, ...], tuple[int, ...]],
        fixes: tuple[tuple[int, Callable[[bytes], Value]], ...],
        *,
        trailing: int,
    ) -> None:
        self.unpack = unpack
        self.mask = mask
        self.skeleton = skeleton
        self.names, self.tags = names
        self.fixes = fixes
        self.trailing = trailing


def _converter(tag: int, size: int) -> Callable[[bytes], Value] | None:
    """Return what turns content of this tag and size into its value; DecodeError when it does not fit after all."""
    if tag in ber.OCTETS:
        return None
    if tag == OBJECT_IDENTIFIER and size:
        return ber.oid_text
    if tag in ber.UNSIGNED32 and size < 4:
        return int.from_bytes  # big-endian by default from Python 3.11 on
    return partial(_general, tag)


def _general(tag: int, content: bytes) -> Value:
    found, value = ber.value_of(tag, content)
    if found != tag:
        raise DecodeError("content outside its type")
    return value


def shape_of(octets: bytes, framed: Framed, *, names: tuple[Oid, ...] | None = None, trailing: int = 0) -> Shape | None:
    """Return the shape of a decoded reply; None where its id is not four octets long."""
    start, stop = framed.id_span
    if stop - start != 4:
        return None
    layout = [f">{start}xi"]
    mask = bytearray(b"\xff" * len(octets))
    mask[start:stop] = bytes(4)
    fixes: list[tuple[int, Callable[[bytes], Value]]] = []
    at = stop
    varbinds = framed.pdu.varbinds
    for place, ((value_at, value_end), tag) in enumerate(zip(framed.spans, varbinds.tags, strict=True)):
        size = value_end - value_at
        layout += (f"{value_at - at}x", _field(tag, size))
        mask[value_at:value_end] = bytes(size)
        if layout[-1][-1] == "s" and (convert := _converter(tag, size)) is not None:
            fixes.append((place, convert))
        at = value_end
    layout.append(f"{len(octets) - at}x")
    unpack = Struct("".join(layout)).unpack
    shared = varbinds.oids if names is None or names != varbinds.oids else names
    ones = _number(mask, "little")
    skeleton = _number(octets, "little") & ones
    return Shape(unpack, ones, skeleton, (shared, varbinds.tags), tuple(fixes), trailing=trailing)


def _field(tag: int, size: int) -> str:
    if tag == INTEGER:
        return _SIGNED.get(size, f"{size}s")
    if (tag in ber.UNSIGNED32 and size <= 4) or tag == COUNTER64:
        return _UNSIGNED.get(size, f"{size}s")
    return f"{size}s"


class Template:
    """One request of one community, ready to send, and the shapes its replies have had."""

    __slots__ = ("hits", "misses", "pdu", "prefix", "question", "shapes", "suffix")

    def __init__(self, request: Request, community: bytes, question: type[Question] | None = None) -> None:
        asked = ber.varbind_list(Varbind(oid, NULL, None) for oid in request.oids)
        suffix = ber.integer(0) + ber.integer(request.repetitions if request.kind == Kind.GET_BULK else 0) + asked
        head = bytes((INTEGER, 4))
        pdu = bytes((request.kind,)) + ber.length(6 + len(suffix)) + head
        start = ber.integer(V2C) + ber.tlv(OCTET_STRING, community)
        self.pdu = pdu
        self.prefix = bytes((SEQUENCE,)) + ber.length(len(start) + len(pdu) + 4 + len(suffix)) + start + pdu
        self.suffix = suffix
        self.shapes: dict[int, tuple[Shape, ...]] = {}
        self.question: Question | None = None  # the same for the compiled way
        if question is not None:
            told = (self.prefix, suffix, community, request.walk, request.columns, request.oids)
            self.question = question(request, *told)
        self.hits = 0
        self.misses = 0

    def learn(self, octets: bytes, framed: Framed, names: tuple[Oid, ...], trailing: int = 0) -> Shape | None:
        """Keep the reply's shape, from a question's second reply on, unless its replies hardly ever look alike.

        Most steps of a walk over an index that no other device has are asked once in a lifetime.
        """
        self.misses += 1
        if self.misses == 1:
            return None
        if self.misses > _PATIENCE and self.hits < self.misses:
            self.shapes.clear()
            return None
        shape = shape_of(octets, framed, names=names, trailing=trailing)
        if shape is not None:
            kept = self.shapes.get(len(octets), ())
            self.shapes[len(octets)] = (shape, *kept[: _SHAPES_PER_LENGTH - 1])
        return shape

    def recognise(self, octets: bytes) -> Reply | None:
        """Return the reply if its skeleton is known."""
        for shape in self.shapes.get(len(octets), ()):
            if _number(octets, "little") & shape.mask == shape.skeleton:
                number, *values = shape.unpack(octets)
                try:
                    for at, convert in shape.fixes:
                        values[at] = convert(values[at])
                except DecodeError:  # this time a value does not fit its type: the general decoder says so
                    return None
                self.hits += 1
                varbinds = _made(Varbinds)  # its `__init__` would be a call from C back into Python
                varbinds.oids, varbinds.tags, varbinds.values = shape.names, shape.tags, tuple(values)
                return _new(Reply, (number, varbinds, octets, True, 0, 0, shape.trailing))
        return None

    def study(self, octets: bytes, framed: Framed, request: Request, book: Book, trailing: int = 0) -> Varbinds | None:
        """Return a sound reply's varbinds with names that are shared from now on; None when its shape is not kept."""
        varbinds = framed.pdu.varbinds
        if framed.pdu.error_status or not varbinds.oids or UNREADABLE in varbinds.tags:
            return None
        shared = None if self.question is None else self.question.learn(varbinds.oids, varbinds.tags)
        shape = self.learn(octets, framed, request.oids if shared is None else shared, trailing)
        names = shape.names if shape is not None else shared
        if names is None:
            return None
        book.enter(request, 3 * len(octets) + 200 * len(varbinds) + 2 * len(self.suffix))
        return Varbinds(names, varbinds.tags, varbinds.values)


class Book:
    """How much is remembered of requests and shapes; over the budget everything is forgotten and learned anew."""

    __slots__ = ("budget", "forgotten", "octets", "requests")

    def __init__(self, budget: int = 64 << 20) -> None:
        self.budget = budget
        self.octets = 0
        self.forgotten = 0  # how often
        self.requests: list[Request] = []

    def enter(self, request: Request, octets: int) -> None:
        """Note about `octets` more kept with this request."""
        self.octets += octets
        self.requests.append(request)
        if self.octets > self.budget:
            for kept in self.requests:
                kept.memo.clear()
                kept.templates.clear()
            self.requests.clear()
            self.octets = 0
            self.forgotten += 1
