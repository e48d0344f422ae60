"""A poll as it travels: its head, and its rows as tables, one for all rows of the same kind and metrics.

A poll of a switch has hundreds of numbers under the same few names. As columns of float64 they go from the poller into
the spool and from there into a file of the store without any of them ever becoming an object of the interpreter. A
`Packed` answers to the names of a `Poll`; its `rows` are made when they are asked for.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import repeat
from typing import TYPE_CHECKING, Final, NamedTuple

from netops.model import Poll, Row, Subject

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

DOUBLE: Final = 8  # octets of a float64
NONE: Final = math.nan  # stands for "no value": a true one is finite


class Shape(NamedTuple):
    """What the rows of a table have in common."""

    kind: str
    metrics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of one shape: `columns` are the numbers, one metric after the other, NaN where there is none.

    `codes` and `texts` are `(row, name, word)` for the few cells that have any; `places` says where the rows stood in
    the poll, empty when they stood there in this order and alone.
    """

    shape: Shape
    subjects: list[str]
    columns: array[float]
    codes: Sequence[tuple[int, str, str]] = ()
    texts: Sequence[tuple[int, str, str]] = ()
    places: Sequence[int] = ()

    def by_metric(self) -> list[array[float]]:
        """Return the numbers of each metric."""
        cells, size = self.columns, len(self.subjects)
        return [cells[at : at + size] for at in range(0, len(cells), size)]

    def numbers(self) -> Iterator[tuple[float, ...]]:
        """Return the numbers of each row."""
        return zip(*self.by_metric(), strict=True) if self.shape.metrics else repeat((), len(self.subjects))

    def rows(self) -> list[Row]:
        """Return the rows in the order of the table."""
        metrics = self.shape.metrics
        codes, texts = _by_row(self.codes), _by_row(self.texts)
        made = []
        for number, (name, found) in enumerate(zip(self.subjects, self.numbers(), strict=True)):
            values: dict[str, float | None] = dict(zip(metrics, found, strict=True))
            if number in codes:
                values = {metric: None if value != value else value for metric, value in values.items()}  # noqa: PLR0124
            subject = Subject(self.shape.kind, name)
            made.append(Row(subject=subject, values=values, codes=codes.get(number, {}), texts=texts.get(number, {})))
        return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """See the module and `Poll`, whose names these are."""

    device: str
    slot_ms: int
    at_ms: int
    outcome: str
    profile: str
    digest: str
    attempts: int
    rtt_ms: float | None
    lag_ms: float
    tables: tuple[Table, ...]
    raw: bytes | memoryview
    _made: dict[int, list[Row]] = field(default_factory=dict, compare=False, repr=False)  # rows by table, once asked

    @property
    def id(self) -> str:
        """The poll's name everywhere: `device@slot`."""
        return f"{self.device}@{self.slot_ms}"

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows in the order in which the poll had them."""
        rows = [row for number in range(len(self.tables)) for row in self._of(number)]
        places = [place for table in self.tables for place in table.places]
        order = sorted(range(len(rows)), key=places.__getitem__) if places else range(len(rows))
        return tuple(rows[number] for number in order)

    def about(self, kinds: Container[str]) -> Sequence[Row]:
        """Return the rows about subjects of these kinds, and make no others."""
        if any(table.places for table in self.tables):
            return [row for row in self.rows if row.subject.kind in kinds]
        wanted = [number for number, table in enumerate(self.tables) if table.shape.kind in kinds]
        return [row for number in wanted for row in self._of(number)]

    def _of(self, number: int) -> list[Row]:
        if number not in self._made:
            self._made[number] = self.tables[number].rows()
        return self._made[number]

    def whole(self) -> Poll:
        """Return the poll."""
        return Poll(
            device=self.device,
            slot_ms=self.slot_ms,
            at_ms=self.at_ms,
            outcome=self.outcome,
            profile=self.profile,
            digest=self.digest,
            attempts=self.attempts,
            rtt_ms=self.rtt_ms,
            lag_ms=self.lag_ms,
            rows=self.rows,
            raw=bytes(self.raw),
        )

    def distinct(self) -> bool:
        """Whether each subject has one row."""
        told: dict[str, set[str]] = {}
        for table in self.tables:
            names, others = set(table.subjects), told.get(table.shape.kind)
            if len(names) < len(table.subjects) or (others and not names.isdisjoint(others)):
                return False
            told[table.shape.kind] = names if others is None else others | names
        return True


Polled = Poll | Packed


def kinds(polled: Polled) -> frozenset[str]:
    """Return of what kinds of subjects a poll has rows."""
    if isinstance(polled, Packed):
        return frozenset(table.shape.kind for table in polled.tables)
    return frozenset(row.subject.kind for row in polled.rows)


def about(poll: Polled, kinds: Container[str]) -> Sequence[Row]:
    """Return the rows of a poll about subjects of these kinds."""
    if isinstance(poll, Packed):
        return poll.about(kinds)
    return [row for row in poll.rows if row.subject.kind in kinds]


def pack(poll: Poll, rows: Sequence[Row] | None = None) -> Packed:
    """Return the poll with its rows (or these) as tables; a value that is no number raises TypeError."""
    found = poll.rows if rows is None else rows
    shapes: dict[Shape, list[int]] = {}
    for place, row in enumerate(found):
        shapes.setdefault(shape_of(row.subject.kind, tuple(row.values)), []).append(place)
    at, tables, is_mixed = 0, [], False
    for places in shapes.values():
        is_mixed = is_mixed or places[0] != at or places[-1] - places[0] + 1 != len(places)
        at = places[-1] + 1
    for shape, places in shapes.items():
        tables.append(_table(shape, [found[place] for place in places], places if is_mixed else ()))
    return Packed(
        device=poll.device,
        slot_ms=poll.slot_ms,
        at_ms=poll.at_ms,
        outcome=poll.outcome,
        profile=poll.profile,
        digest=poll.digest,
        attempts=poll.attempts,
        rtt_ms=poll.rtt_ms,
        lag_ms=poll.lag_ms,
        tables=tuple(tables),
        raw=poll.raw,
    )


def _table(shape: Shape, rows: Sequence[Row], places: Sequence[int]) -> Table:
    cells = array("d")
    columns = zip(*(row.values.values() for row in rows), strict=True)
    for column in columns:
        try:
            cells.extend(column)
        except TypeError:
            cells = cells[: len(cells) // len(rows) * len(rows)]
            cells.extend([NONE if value is None else value for value in column])
    return Table(
        shape=shape,
        subjects=[row.subject.id for row in rows],
        columns=cells,
        codes=[(n, name, code) for n, row in enumerate(rows) if row.codes for name, code in row.codes.items()],
        texts=[(n, name, text) for n, row in enumerate(rows) if row.texts for name, text in row.texts.items()],
        places=places,
    )


@lru_cache(maxsize=4096)
def shape_of(kind: str, metrics: tuple[str, ...]) -> Shape:
    """Return the one Shape of these words."""
    return Shape(kind, metrics)


def _by_row(cells: Sequence[tuple[int, str, str]]) -> Mapping[int, dict[str, str]]:
    found: dict[int, dict[str, str]] = {}
    for row, name, word in cells:
        found.setdefault(row, {})[name] = word
    return found
