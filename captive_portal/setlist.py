"""The elements of an nftables set, by nfnetlink (<linux/netfilter/nf_tables.h>): who is let through, and what it used.

libnftables lists a set as JSON text: with fifty thousand elements that takes seconds, in which nobody logs in. This
takes what the kernel says as it stands (benchmarks/setlist.py compares both).
"""

from __future__ import annotations

import logging
import os
import socket
import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, Self

from captive_portal.errors import KernelError
from captive_portal.netlink import (
    ATTRIBUTE,
    DUMP,
    ENDS,
    NESTED,
    TYPE,
    attribute,
    attributes,
    failure,
    interrupted,
    message,
    messages,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

LOG = logging.getLogger("netops.gate")
NFNETLINK = 12
NFTABLES = 10 << 8  # NFNL_SUBSYS_NFTABLES
NEW, GET = NFTABLES | 12, NFTABLES | 13  # NFT_MSG_NEWSETELEM, NFT_MSG_GETSETELEM
FAMILY = struct.pack("=BBH", 1, 0, 0)  # nfgenmsg: NFPROTO_INET
TABLE, SET, ELEMENTS = 1, 2, 3  # NFTA_SET_ELEM_LIST_…
RECEIVE = 1 << 18
TIMEOUT_S = 5.0
TRIES = 3
ALONE = 16  # questions on their way at once: the kernel keeps a whole page for each answer, in a bounded buffer

# Where a value stands in an element: NFTA_SET_ELEM_… and what is in it.
KEY = (1, 1)  # KEY, NFTA_DATA_VALUE
NAME = (7, 1)  # EXPR, NFTA_EXPR_NAME
OCTETS = (7, 2, 1)  # EXPR, NFTA_EXPR_DATA, NFTA_COUNTER_BYTES
LEFT = (5,)  # EXPIRATION
WITHIN = frozenset({(1,), (7,), (7, 2)})  # what holds others
COUNTER = b"counter\0"


class Element(NamedTuple):
    """One element. A key of several parts has each of them padded to four octets."""

    key: bytes
    octets: int = 0  # that its counter has counted
    left_ms: int = 0  # until it goes by itself; 0: never


class SetList:
    """A socket of its own, opened with the first question; a context manager, used by one thread at a time."""

    def __init__(self) -> None:
        self._link: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._link is not None:
            self._link.close()
        self._link = None

    def read(self, table: str, name: str) -> list[Element]:
        """Return the elements of a set of an `inet` table; KernelError when it is not there or the kernel is silent.

        A dump in which another program changed the rules is read once more, as often as `TRIES`: then the last one is
        taken, for what is listed was there, and the log says so.

        A dump goes on where it was by number. So it misses a living element for each that the kernel's own collector
        takes out meanwhile, because its timeout ran out, and nothing says so: who must not be missed asks `find`.
        """
        with self._asking(name) as link:
            for _ in range(TRIES):
                link.send(message(GET, DUMP, FAMILY + _names(table, name)))
                found, whole = dumped(iter(lambda: link.recv(RECEIVE), None))
                if whole:
                    return found
        LOG.warning("rules changed each time that a set was listed set=%s times=%d", name, TRIES)
        return found

    def find(self, table: str, name: str, keys: Sequence[bytes]) -> list[Element]:
        """Return those of these keys that the set holds, each looked up by itself; KernelError as for `read`.

        A set that is not there holds nothing: the kernel says the same of it as of an element.
        """
        reader, names = Reader(), FAMILY + _names(table, name)
        with self._asking(name) as link:
            for at in range(0, len(keys), ALONE):
                asked = [message(GET, 0, names + _key(each)) for each in keys[at : at + ALONE]]
                link.send(b"".join(asked))
                for _ in asked:
                    try:
                        reader.take(link.recv(RECEIVE))
                    except FileNotFoundError:
                        continue
        return reader.found

    @contextmanager
    def _asking(self, name: str) -> Iterator[socket.socket]:
        """Lend the socket. After a failure there is another one: the rest of this answer is not the next one's."""
        try:
            if self._link is None:
                self._link = _opened()
            yield self._link
        except (OSError, KernelError) as error:
            self.__exit__()
            raise KernelError(f"nftables set {name}: {getattr(error, 'strerror', None) or error}") from None


def _names(table: str, name: str) -> bytes:
    return attribute(TABLE, table.encode() + b"\0") + attribute(SET, name.encode() + b"\0")


def _key(key: bytes) -> bytes:
    """Return the list of one element that has this key."""
    value = attribute(NESTED | 1, attribute(1, key))  # NFTA_SET_ELEM_KEY of NFTA_DATA_VALUE
    return attribute(NESTED | ELEMENTS, attribute(NESTED | 1, value))


def _opened() -> socket.socket:
    link = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NFNETLINK)
    link.settimeout(TIMEOUT_S)
    link.bind((0, 0))
    return link


def dumped(datagrams: Iterable[bytes]) -> tuple[list[Element], bool]:
    """Return the elements of one dump to its end, and whether nothing changed meanwhile. OSError as the kernel says."""
    reader, whole = Reader(), True
    for datagram in datagrams:
        whole = whole and not interrupted(datagram)
        if reader.take(datagram):
            break
    return reader.found, whole


class Reader:
    """Takes the elements out of the datagrams of one dump."""

    def __init__(self) -> None:
        self.found: list[Element] = []
        self._layouts: dict[int, Layout | None] = {}  # by the size of an element

    def take(self, datagram: bytes) -> bool:
        """Take one; return whether it was the last. OSError as the kernel says."""
        for kind, body in messages(datagram):
            if kind in ENDS:
                if failed := failure(body):
                    raise OSError(failed, os.strerror(failed))
                return True
            if kind == NEW:
                for part, listed in attributes(body[len(FAMILY) :]):
                    if part == ELEMENTS:
                        self.found.extend(self._listed(listed))
        return False

    def _listed(self, listed: bytes) -> Iterator[Element]:
        at, end, head = 0, len(listed), ATTRIBUTE.unpack_from
        while at + ATTRIBUTE.size <= end:
            size = head(listed, at)[0]
            if size < ATTRIBUTE.size or at + size > end:
                return
            if size not in self._layouts:
                self._layouts[size] = Layout.of(listed[at : at + size])
            layout = self._layouts[size]
            if layout is not None and layout.marks.unpack_from(listed, at) == layout.marked:
                yield Element._make(layout.values.unpack_from(listed, at))
            else:
                yield element(listed[at : at + size])
            at += (size + 3) & ~3


def element(octets: bytes) -> Element:
    """Return an element, whatever it holds and in whatever order."""
    told = {path: octets[at : at + size] for path, at, size in _parts(octets, ATTRIBUTE.size, len(octets))}
    counted = told.get(OCTETS, b"") if told.get(NAME) == COUNTER else b""
    return Element(told.get(KEY, b""), int.from_bytes(counted, "big"), int.from_bytes(told.get(LEFT, b""), "big"))


class Layout(NamedTuple):
    """How an element is built that has all three values, as the kernel writes them: nearly all of a set are alike.

    `marks` are its headers and its counter's name. Where they hold the same octets as here, the three values stand at
    the same places, and one look takes them.
    """

    marks: struct.Struct
    marked: tuple[bytes, ...]
    values: struct.Struct

    @classmethod
    def of(cls, octets: bytes) -> Layout | None:
        """Return an element's layout; None where it is another one than the kernel's usual."""
        parts = list(_parts(octets, ATTRIBUTE.size, len(octets)))
        wanted = [(path, at, size) for path, at, size in parts if path in {KEY, OCTETS, LEFT}]
        named = [(at, size) for path, at, size in parts if path == NAME]
        if [path for path, _, _ in wanted] != [KEY, OCTETS, LEFT] or [size for _, _, size in wanted[1:]] != [8, 8]:
            return None
        if [octets[at : at + size] for at, size in named] != [COUNTER]:
            return None
        heads = ((at - ATTRIBUTE.size, ATTRIBUTE.size) for _, at, _ in parts)
        marks = _struct([(at, f"{size}s") for at, size in _joined([*heads, *named])])
        values = _struct([(at, f"{size}s" if path == KEY else "Q") for path, at, size in wanted])
        return cls(marks, marks.unpack_from(octets), values)


def _joined(places: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the places in order, those that touch as one."""
    joined: list[tuple[int, int]] = []
    for at, size in sorted(places):
        if joined and sum(joined[-1]) == at:
            joined[-1] = joined[-1][0], joined[-1][1] + size
        else:
            joined.append((at, size))
    return joined


def _struct(places: list[tuple[int, str]]) -> struct.Struct:
    words, ends = [">"], 0
    for at, code in places:
        words.append(f"{at - ends}x{code}")
        ends = at + struct.calcsize(f">{code}")
    return struct.Struct("".join(words))


def _parts(octets: bytes, at: int, end: int, path: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], int, int]]:
    """Yield each attribute with what it is in, where its value stands, and its size."""
    while at + ATTRIBUTE.size <= end:
        size, kind = ATTRIBUTE.unpack_from(octets, at)
        if size < ATTRIBUTE.size or at + size > end:
            return
        own = (*path, kind & TYPE)
        yield own, at + ATTRIBUTE.size, size - ATTRIBUTE.size
        if own in WITHIN:
            yield from _parts(octets, at + ATTRIBUTE.size, at + size, own)
        at += (size + 3) & ~3
