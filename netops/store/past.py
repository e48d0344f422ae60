"""A backlog's rows as tables of the sealed kind, without a detour through the hot hours.

After an outage hours of polls come in within minutes. A batch of them that holds enough rows of a kind and hour for a
file becomes one at once (`netops/store/embedded.py` writes and lists it): row by row into SQLite and out again would
cost ten times as much. Columns travel as they came on the wire (`netops/packed.py`); here is no I/O.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from netops.store.hot import stored

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from netops.packed import Packed, Shape, Table

Place = tuple[str, int]  # kind of subject, beginning of the hour


@dataclass(slots=True)
class Heap:
    """The tables of one kind and hour, with the poll of each."""

    tables: list[tuple[Packed, Table]] = field(default_factory=list)
    cells: int = 0

    def table(self) -> pa.Table:
        """Return the rows as a sealed file holds them: a series lies together, in order of its slots."""
        shapes: dict[Shape, list[tuple[Packed, Table]]] = defaultdict(list)
        for poll, table in self.tables:
            shapes[table.shape].append((poll, table))
        made = pa.concat_tables([_table(shape, each) for shape, each in shapes.items()], promote_options="default")
        made = made.unify_dictionaries().combine_chunks()
        subjects: Any = made["subject"].chunk(0)
        key = pa.table({"subject": subjects.indices, "slot_ms": made["slot_ms"].chunk(0)})
        return made.take(pc.sort_indices(key, sort_keys=[("subject", "ascending"), ("slot_ms", "ascending")]))

    def span(self) -> tuple[int, int]:
        """Return the first and the last slot."""
        slots = [poll.slot_ms for poll, _ in self.tables]
        return min(slots), max(slots)


def heaps(polls: Iterable[Packed], *, hour_ms: int) -> dict[Place, Heap]:
    """Return the tables of the polls by kind and hour."""
    found: dict[Place, Heap] = defaultdict(Heap)
    for poll in polls:
        hour = poll.slot_ms // hour_ms * hour_ms
        for table in poll.tables:
            heap = found[table.shape.kind, hour]
            heap.tables.append((poll, table))
            heap.cells += len(table.subjects) * (4 + len(table.shape.metrics))
    return found


def _table(shape: Shape, tables: Sequence[tuple[Packed, Table]]) -> pa.Table:
    subjects = [name for _, table in tables for name in table.subjects]
    sizes = [len(table.subjects) for _, table in tables]
    made = {
        "subject": _words(subjects),
        "device": _words([poll.device for poll, _ in tables], sizes),
        "slot_ms": _repeated(pa.array([poll.slot_ms for poll, _ in tables], pa.int64()), sizes),
        "at_ms": _repeated(pa.array([poll.at_ms for poll, _ in tables], pa.int64()), sizes),
    }
    coded = _codes(tables)
    columns = zip(*(table.by_metric() for _, table in tables), strict=True)
    for metric, parts in zip(shape.metrics, columns, strict=True):
        octets = b"".join(parts)
        cells = pa.Array.from_buffers(pa.float64(), len(subjects), [None, pa.py_buffer(octets)])
        if metric in coded:  # only where there is a code may a value be missing
            cells = pc.if_else(pc.is_nan(cells), pa.scalar(None, pa.float64()), cells)
        if cells.null_count < len(cells):
            made[metric] = cells
    for metric, at in coded.items():
        codes: list[str | None] = [None] * len(subjects)
        for row, code in at:
            codes[row] = code
        made[f"{metric}:code"] = pa.array(codes, pa.string()).dictionary_encode()
    return pa.table(made)


def _codes(tables: Sequence[tuple[Packed, Table]]) -> dict[str, list[tuple[int, str]]]:
    """Return (row, code) by metric, rows counted over all the tables."""
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    begun = 0
    for _, table in tables:
        for row, metric, code in table.codes:
            found[metric].append((begun + row, code))
        begun += len(table.subjects)
    return found


def _words(words: Sequence[str], sizes: Sequence[int] = ()) -> Any:
    try:
        made = pa.array(words, pa.string()).dictionary_encode()
    except UnicodeEncodeError:
        made = pa.array([stored(word) for word in words], pa.string()).dictionary_encode()
    return pa.DictionaryArray.from_arrays(_repeated(made.indices, sizes), made.dictionary) if sizes else made


def _repeated(values: Any, sizes: Sequence[int]) -> Any:
    """Return each value as often as its size says."""
    return values.take(pa.array([number for number, size in enumerate(sizes) for _ in range(size)], pa.int32()))
