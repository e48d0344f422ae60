"""A management information base whose objects are functions of time.

The tree's shape is fixed when it is built; a value is computed when it is asked, so that a poll of ten objects costs
ten computations.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

Oid = tuple[int, ...]
Value = tuple[int, int | bytes | str]
Compute = Callable[[int], int | bytes | str]
Object = tuple[Oid, int, Compute]

INTEGER, OCTETS, OBJECT_ID, IP_ADDRESS = 0x02, 0x04, 0x06, 0x40
COUNTER32, GAUGE32, TIMETICKS, COUNTER64 = 0x41, 0x42, 0x43, 0x46


class Mib:
    """One agent's objects in lexicographic order."""

    def __init__(self, objects: Iterable[Object]) -> None:
        entries = sorted(objects, key=lambda each: each[0])
        self.oids = [oid for oid, _, _ in entries]
        self._values = {oid: (tag, compute) for oid, tag, compute in entries}
        self._next = dict(pairwise(self.oids))

    def __len__(self) -> int:
        """Return the number of objects."""
        return len(self.oids)

    def get(self, oid: Oid, at_ms: int) -> Value | None:
        """Return (tag, value) of that very object, or None."""
        found = self._values.get(oid)
        return None if found is None else (found[0], found[1](at_ms))

    def following(self, oid: Oid) -> Oid | None:
        """Return the first object after `oid`, or None at the end of the view."""
        known = self._next.get(oid)
        if known is not None:
            return known
        place = bisect_right(self.oids, oid)
        return self.oids[place] if place < len(self.oids) else None


def oid(text: str) -> Oid:
    """Return `1.3.6` as integers."""
    return tuple(map(int, text.split(".")))


def constant(value: int | bytes | str) -> Compute:
    """Return a computation that always says the same."""
    return lambda _: value
