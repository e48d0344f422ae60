"""Which of many places in the tree a device has something under, in few questions. Pure.

The object that a GetNext brings says more than whether its own place is empty: nothing stands between the two (RFC 3416
section 4.2.2). So a first question looks at places far apart, and the next ones only at what is still open: a device
that has a handful of three hundred trees is asked a handful of times.

What a device is most likely to have is never settled by that alone: places below its own enterprise (sysObjectID) are
each asked. Agents are met that end their view too early, or jump: one that is caught at it is asked everything.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Final

from collectors.errors import DecodeError
from collectors.snmp.gather import Request
from collectors.snmp.pdu import Kind
from collectors.snmp.varbind import END_OF_MIB_VIEW, EXCEPTIONS, parse

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from collectors.snmp.varbind import Oid, Varbinds

ABREAST: Final = 16
"""Places in one question."""

_ENTERPRISES: Final[Oid] = (1, 3, 6, 1, 4, 1)


def opening(number: int, roots: Sequence[Oid]) -> Request:
    """Return the first question: places far apart."""
    return _ask(number, roots, range(len(roots)))


def enterprise(value: object) -> Oid:
    """Return the maker's tree that a sysObjectID is in; nothing where it is in none."""
    try:
        oid = parse(value) if isinstance(value, str) else ()
    except DecodeError:
        return ()
    depth = len(_ENTERPRISES)
    return oid[: depth + 1] if len(oid) > depth and oid[:depth] == _ENTERPRISES else ()


class Glance:
    """What is still open while one device is asked; `roots` are the places as the ask has them.

    `own` is the tree of the device's maker. `honest` falls when an object turns up where an earlier reply left no room:
    from then on each place is asked.
    """

    __slots__ = ("_asked", "_number", "_open", "_order", "_roots", "_seen", "_sorted", "_voids", "honest", "own")

    def __init__(self, number: int, roots: Sequence[Oid]) -> None:
        self._number = number
        self._roots = roots
        self._open = set(range(len(roots)))
        self._asked: set[int] = set()
        self._order = sorted(range(len(roots)), key=roots.__getitem__)
        self._sorted = [roots[at] for at in self._order]
        self._seen: list[Oid] = []
        self._voids: list[tuple[Oid, Oid | None]] = []  # from, up to; None is the end of the view
        self.honest = True
        self.own: Oid = ()

    def take(self, request: Request, varbinds: Varbinds) -> list[tuple[int, int]]:
        """Take a reply; return (column, position in the reply) of every place that has something."""
        found: list[tuple[int, int]] = []
        told = zip(request.columns, request.oids, varbinds.oids, varbinds.tags, strict=False)
        for at, (column, root, oid, tag) in enumerate(told):
            self._asked.add(column)
            self._open.discard(column)
            ended = tag == END_OF_MIB_VIEW
            if not ended and (tag in EXCEPTIONS or oid <= root):  # no GetNext is answered so: it says nothing
                continue
            self._voids.append((root, None if ended else oid))
            if not ended:
                self._seen.append(oid)
            first = bisect_left(self._sorted, root)
            last = len(self._sorted) if ended else bisect_right(self._sorted, oid)
            for other in self._order[first:last]:
                place = self._roots[other]
                if not ended and oid[: len(place)] == place:
                    found.append((other, at))
                    self._open.discard(other)
                elif self.honest and not self._is_own(place):
                    self._open.discard(other)
        if self.honest and any(self._contradicted(oid) for oid in self._seen):
            self.honest = False
            self._open = set(range(len(self._roots))) - self._asked
        return found

    def _contradicted(self, seen: Oid) -> bool:
        return any(low < seen and (high is None or seen < high) for low, high in self._voids)

    def _is_own(self, place: Oid) -> bool:
        return bool(self.own) and place[: len(self.own)] == self.own

    def after(self, failed: Collection[int]) -> Request | None:
        """Return what is to be asked next: the maker's own places first, then places far apart; None when all is told.

        `failed` are places that the device would not be asked about.
        """
        self._open.difference_update(failed)
        left = [at for at in self._order if at in self._open]
        if not left:
            return None
        own = [at for at in left if self._is_own(self._roots[at])]
        return _ask(self._number, self._roots, own or left)


def _ask(number: int, roots: Sequence[Oid], columns: Sequence[int]) -> Request:
    count = min(ABREAST, len(columns))
    picked = tuple(columns[at * len(columns) // count] for at in range(count))
    oids = tuple(roots[at] for at in picked)
    return Request(Kind.GET_BULK, oids, picked, walk=number, roots=oids, repetitions=1)
