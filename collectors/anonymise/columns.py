"""What the profiles know of a walk's columns: which name somebody, which measure, how their indexes are cut. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

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


class Known(NamedTuple):
    """What is known of one object: the columns that read it, and the readers of its table's index."""

    columns: tuple[Column, ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()
    depth: int = 0  # of the column; what follows is the index

    @property
    def names(self) -> bool:
        """Whether somebody's or something's name, number or address stands here."""
        return any(_names(column) for column in self.columns)

    @property
    def readers(self) -> frozenset[str]:
        """The names of the readers of what names."""
        return frozenset(column.read for column in self.columns if _names(column))

    @property
    def deeper(self) -> int:
        """How many arcs may be left of an index."""
        return max((column.deeper for column in self.columns), default=0)

    @property
    def told_by_makers(self) -> bool:
        """Whether a model, a version or a date stands here."""
        return any(_last(column) in _OF_MAKERS | _DATES for column in self.columns)

    def is_no_value(self, value: int | bytes) -> bool:
        """Whether a column says "no value" in this way."""
        return any(is_sentinel(column, value) for column in self.columns if column.sentinels)

    def measures(self, value: bytes) -> bool:
        """Whether a column of numbers or states reads this."""
        return any(_reads(column, value) for column in self.columns)


NOTHING: Final = Known()


class Places:
    """Looks objects up; walks come in order, so the last column is held."""

    def __init__(self, profiles: Iterable[Profile]) -> None:
        self._columns: dict[Oid, list[Column]] = {}
        self._indexes: dict[Oid, list[tuple[str, ...]]] = {}
        self.no_values: set[bytes] = set()
        self.words: set[str] = set()
        for profile in profiles:
            for root in profile.roots:
                for column in profile.scalars:
                    self._add(column, root, None)
                for table in profile.tables:
                    for column in (*table.columns, *table.helpers):
                        self._add(column, root, table)
        self._above = {place[:depth] for place in self._columns for depth in range(len(place))}
        self._held: dict[Oid, Known] = {}
        self._last: tuple[Oid, Known] = ((), NOTHING)

    def _add(self, column: Column, root: Oid, table: Table | None) -> None:
        place = column.place.under(root)
        self._columns.setdefault(place, []).append(column)
        self.no_values |= {word.encode() for word in column.sentinels if isinstance(word, str)}
        self.words |= {word for word in column.states if isinstance(word, str)}
        if table is not None:
            readers = tuple(reader for _, reader in table.index)
            entry = self._indexes.setdefault(place[:-1], [])
            if readers not in entry:
                entry.append(readers)

    def of(self, oid: Oid) -> Known:
        """Return what is known of an object: of its column, and of the table's index by any column of the table."""
        place, held = self._last
        if place and oid[: len(place)] == place and len(oid) > len(place):
            return held
        for depth in range(len(oid), _SHORTEST - 1, -1):
            place = oid[:depth]
            columns = self._columns.get(place)
            indexes = self._indexes.get(place[:-1]) if depth < len(oid) else None
            if columns is not None or indexes is not None:
                known = self._held.get(place)
                if known is None:
                    known = self._held[place] = Known(tuple(columns or ()), tuple(indexes or ()), depth)
                if place not in self._above:  # nothing deeper is known
                    self._last = (place, known)
                return known
        return NOTHING


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
