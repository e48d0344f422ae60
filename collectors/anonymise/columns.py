"""What the profiles know of a walk's columns: which name somebody, which measure, how their indexes are cut. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

from collectors.cells import as_written, is_sentinel, read_cell
from collectors.convert import NUMBER_READERS, TEXT_READERS, UnreadableError
from netops.metrics import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from collectors.profile import Column, Profile, Table
    from collectors.snmp.varbind import Oid

_OF_MAKERS: Final = frozenset({"model", "version", "firmware", "software", "hardware", "description", "object_id"})
_DATES: Final = frozenset({"last_up", "last_down"})
PORTS: Final = ((1, 3, 6, 1, 2, 1, 2, 2, 1, 2), (1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 1))  # ifDescr, ifName
_SHORTEST: Final = 6  # arcs of a place that a profile can name


@dataclass(frozen=True)
class Known:
    """What is known of one object: the columns that read it, and the readers of its table's index.

    One that `chooses` says which rows a table has: a product, a kind.
    """

    columns: tuple[Column, ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()
    depth: int = 0  # of the column; what follows is the index
    chooses: bool = False

    @cached_property
    def names(self) -> bool:
        """Whether somebody's or something's name, number or address stands here."""
        return any(_names(column) for column in self.columns if column.metric is not None or not self.chooses)

    @cached_property
    def readers(self) -> frozenset[str]:
        """The names of the readers of what names."""
        return frozenset(column.read for column in self.columns if _names(column))

    @cached_property
    def deeper(self) -> int:
        """How many arcs may be left of an index."""
        return max((column.deeper for column in self.columns), default=0)

    @cached_property
    def told_by_makers(self) -> bool:
        """Whether a model, a version or a date stands here."""
        return self.chooses or any(_last(column) in _OF_MAKERS | _DATES for column in self.columns)

    def is_no_value(self, value: int | bytes) -> bool:
        """Whether a column says "no value" in this way."""
        return any(is_sentinel(column, value) for column in self.columns if column.sentinels)

    def measures(self, value: bytes) -> bool:
        """Whether a column of numbers or states reads this."""
        return any(_reads(column, value) for column in self.columns)


NOTHING: Final = Known()


@dataclass(slots=True)
class _Node:
    """One arc on the way to what is known."""

    below: dict[int, _Node] = field(default_factory=dict)
    columns: list[Column] = field(default_factory=list)
    indexes: list[tuple[str, ...]] = field(default_factory=list)  # of the columns below
    chooses: bool = False


class Places:
    """Looks objects up; walks come in order, so the last column is held."""

    def __init__(self, profiles: Iterable[Profile]) -> None:
        self._root = _Node()
        self.no_values: set[bytes] = set()
        self.words: set[str] = set()
        for profile in profiles:
            for root in profile.roots:
                for column in profile.scalars:
                    self._add(column, root, None)
                for table in profile.tables:
                    for column in (*table.columns, *table.helpers):
                        self._add(column, root, table)
        self._held: dict[Oid, Known] = {}
        self._last: tuple[Oid, Known] = ((), NOTHING)

    def _add(self, column: Column, root: Oid, table: Table | None) -> None:
        place = column.place.under(root)
        entry = node = self._root
        for arc in place:
            entry, below = node, node.below.get(arc)
            if below is None:
                below = node.below[arc] = _Node()
            node = below
        node.columns.append(column)
        self.no_values |= {word.encode() for word in column.sentinels if isinstance(word, str)}
        self.words |= {word for word in column.states if isinstance(word, str)}
        if table is not None:
            readers = tuple(reader for _, reader in table.index)
            if readers not in entry.indexes:
                entry.indexes.append(readers)
            node.chooses |= column.metric is None and column.key in {key for key, _ in (*table.only, *table.unless)}

    def of(self, oid: Oid) -> Known:
        """Return what is known of an object: of its column, and of the table's index by any column of the table."""
        place, held = self._last
        if place and oid[: len(place)] == place and len(oid) > len(place):
            return held
        node: _Node | None = self._root
        depth, found, entry = 0, None, self._root
        for at, arc in enumerate(oid, 1):
            assert node is not None
            above, node = node, node.below.get(arc)
            if at >= _SHORTEST and ((node is not None and node.columns) or (above.indexes and at < len(oid))):
                depth, found, entry = at, node, above
            if node is None:
                break
        return self._held_at(oid[:depth], found, entry, indexed=depth < len(oid)) if depth else NOTHING

    def _held_at(self, place: Oid, node: _Node | None, entry: _Node, *, indexed: bool) -> Known:
        known = self._held.get(place)
        if known is None:
            columns, chooses = ((), False) if node is None else (tuple(node.columns), node.chooses)
            known = Known(columns, tuple(entry.indexes) if indexed else (), len(place), chooses)
            self._held[place] = known
        if node is None or not node.below:  # nothing deeper is known
            self._last = (place, known)
        return known


def _last(column: Column) -> str:
    return column.metric.name.rsplit(".", 1)[-1] if column.metric is not None else ""


def _names(column: Column) -> bool:
    if column.metric is None:
        return column.read in TEXT_READERS
    return column.metric.kind is Kind.TEXT and _last(column) not in _OF_MAKERS | _DATES


def _reads(column: Column, value: bytes) -> bool:
    try:
        if column.metric is None:
            if column.read in TEXT_READERS:
                return False
            NUMBER_READERS[column.read](value, column.unit)
        elif column.metric.kind is Kind.TEXT:
            return False
        else:
            read_cell(column, value)
    except UnreadableError:
        return as_written(value) in column.states
    return True
