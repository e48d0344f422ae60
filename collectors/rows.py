"""A walked table → its rows: joined by index, each with its subject and whether it is complete. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from collectors import known_as
from collectors.cells import as_written, factor_of, is_among
from collectors.convert import NUMBER_READERS, TEXT_READERS, UnreadableError, identity_prefix
from collectors.indexes import INDEX_READERS, Part
from collectors.snmp.ask import Failure
from collectors.snmp.varbind import NULL, dotted
from netops.model import Reason, Subject

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from fractions import Fraction

    from collectors.convert import Scalar
    from collectors.plan import Rule, TableRules
    from collectors.profile import Listed, Table
    from collectors.snmp.ask import Walked
    from collectors.snmp.varbind import Oid, Varbinds

_Columns = tuple[list[dict["Oid", "Cell"]], list["Failure | None"], list[int]]
"""A table's columns by index, the failure of each, and which of them are needed."""
_EMPTY_MACS = frozenset({"000000000000", "ffffffffffff"})


class Cell(NamedTuple):
    """What stands in a table at one place."""

    tag: int
    value: Scalar
    deeper: str = ""  # `.0.1`, where the cell stands below the row's index


@dataclass(frozen=True, slots=True)
class Row:
    """One row: a Cell, a Failure, or None (a column that is absent as a whole) for each rule of the table.

    `also` is by what else the subject is known (`collectors/known_as.py`).
    """

    index: str
    subject: Subject
    cells: tuple[Cell | Failure | None, ...]
    torn: bool
    factors: Mapping[str, int | Fraction | None] = field(default_factory=dict)
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Grid:
    """The rows of a table, and the rules for which no row has anything."""

    rows: tuple[Row, ...]
    absent: tuple[tuple[Rule, Failure], ...]


_MISSING_CELL = Failure(Reason.NO_SUCH_INSTANCE, "the row has other columns, this one is not among them")
_TORN_CELL = Failure(Reason.TORN, "a needed column of this row is not there")
_NO_COLUMN = Failure(Reason.NO_SUCH_OBJECT, "no row of the table has this column")


def grid(rules: TableRules, walked: Walked | None, failed: Failure, *, device: str) -> Grid:
    """Join the columns of a walked table by index."""
    every = (*rules.rules, *rules.helpers)
    if walked is None:
        return Grid((), tuple((rule, failed) for rule in rules.rules))
    got = walked.columns
    columns = [_column(rule, got[at]) for at, rule in zip(rules.at, every, strict=True)]
    failures = [walked.failures.get(at) for at in rules.at]
    telling = {key for key, _ in rules.table.only}
    for rule, column, failure in zip(every, columns, failures, strict=True):
        if rule.column.key in telling and (failure or not column):  # nothing says which rows are this table's
            return Grid((), tuple((each, failure or _NO_COLUMN) for each in rules.rules))
    absent = tuple((r, f or _NO_COLUMN) for r, c, f in zip(every, columns, failures, strict=True) if f or not c)
    shown = tuple(a for a in absent if a[0].column.metric is not None)
    needed = [
        at
        for at, r in enumerate(rules.rules)
        if r.column.key in rules.table.needed and columns[at] and not r.column.only
    ]
    drafts = [
        _draft(rules, index, (columns, failures, needed), device=device)
        for index in _indexes(rules, columns)
        if _kept(rules, columns, index)
    ]
    return Grid(tuple(_unique(drafts)), shown)


def _column(rule: Rule, got: Varbinds) -> dict[Oid, Cell]:
    depth, deeper = len(rule.oid), rule.column.deeper
    cells = ((o[depth:], t, v) for o, t, v in zip(got.oids, got.tags, got.values, strict=True) if t != NULL)
    if not deeper:
        return {index: Cell(t, v) for index, t, v in cells}
    found: dict[Oid, Cell] = {}
    for index, t, v in cells:
        if len(index) > deeper:
            found.setdefault(index[:-deeper], Cell(t, v, f".{dotted(index[-deeper:])}"))
    return found


def _indexes(rules: TableRules, columns: Sequence[Mapping[Oid, Cell]]) -> list[Oid]:
    naming = [
        columns[at] for at, r in enumerate(rules.rules) if not rules.table.rows or r.column.key in rules.table.rows
    ]
    return sorted(set().union(*naming))


def _kept(rules: TableRules, columns: Sequence[Mapping[Oid, Cell]], index: Oid) -> bool:
    """Whether the row is one of this table's subjects: no helper says that it is another thing."""
    said = _said(rules, columns, index)
    return suits(rules.table.only, said) and not any(
        is_among(said[key], listed) for key, listed in rules.table.unless if key in said
    )


def _said(rules: TableRules, columns: Sequence[Mapping[Oid, Cell]], index: Oid) -> dict[str, int | str]:
    """Return what the row's helpers say, as profiles write it."""
    there = ((h.column.key, columns[at].get(index)) for at, h in enumerate(rules.helpers, len(rules.rules)))
    return {key: as_written(cell.value) for key, cell in there if cell is not None}


def suits(only: Sequence[tuple[str, Listed]], said: Mapping[str, int | str]) -> bool:
    """Whether the helpers of a row say all that `only` expects; one that is not there says nothing."""
    return all(key in said and is_among(said[key], listed) for key, listed in only)


def _draft(rules: TableRules, index: Oid, walked: _Columns, *, device: str) -> Row:
    columns, failures, needed = walked
    torn = any(index not in columns[at] for at in needed)
    cells: list[Cell | Failure | None] = []
    said = _said(rules, columns, index) if any(rule.column.only for rule in rules.rules) else {}
    for at, rule in enumerate(rules.rules):
        cell = columns[at].get(index)
        if rule.column.only and not suits(rule.column.only, said):
            cells.append(None)
        elif cell is not None:
            cells.append(cell)
        elif not columns[at]:
            cells.append(None)
        elif failures[at]:
            cells.append(failures[at])
        else:
            cells.append(_TORN_CELL if torn and rule.column.key in rules.table.needed else _MISSING_CELL)
    helpers = {
        helper.column.key: None if (cell := columns[at].get(index)) is None else factor_of(helper.column, cell.value)
        for at, helper in enumerate(rules.helpers, len(rules.rules))
    }
    subject, also = _names(rules, index, columns, device)
    return Row(dotted(index), subject, tuple(cells), torn, helpers, also)


def _names(
    rules: TableRules, index: Oid, columns: Sequence[Mapping[Oid, Cell]], device: str
) -> tuple[Subject, tuple[str, ...]]:
    naming = {name for choice in rules.table.identity for name in choice}
    every = enumerate((*rules.rules, *rules.helpers))
    cells = [(rule, columns[at].get(index)) for at, rule in every if rule.column.key in naming]
    return row_names(rules.table, index, cells, device)


def row_names(
    table: Table, index: Oid, cells: Sequence[tuple[Rule, Cell | None]], device: str
) -> tuple[Subject, tuple[str, ...]]:
    """Return whom a row is about, and by what else that is known, where the identity has several choices.

    `cells` are those of the columns that the table's identity names.
    """
    parts = _parts(table, index)
    subject: Subject | None = None
    also: list[str] = []
    for choice in table.identity:
        named = [_named(name, cells, parts) for name in choice]
        there = [part for part in named if part]
        if len(there) < len(named):
            continue
        name = _id(there, device)
        first, subject = subject is None, subject or Subject(table.kind, name)
        if len(table.identity) == 1:
            break
        if not there[0].prefix and parts.keys() >= set(choice):
            also.append(known_as.in_numbers(table.kind, "/".join(part.shown for part in there)))
        elif not first:
            also.append(known_as.in_text(table.kind, name))
    return subject or Subject(table.kind, f"{device}/{dotted(index)}"), tuple(also)


def _parts(table: Table, index: Oid) -> dict[str, Part]:
    found: dict[str, Part] = {}
    rest: Sequence[int] = index
    try:
        for name, reader in table.index:
            part, used = INDEX_READERS[reader](rest)
            found[name] = part
            rest = rest[used:]
    except UnreadableError:
        return {}
    # An index that is longer than its parts is another one: its parts would give two rows one subject.
    return {} if rest else found


def _named(name: str, cells: Sequence[tuple[Rule, Cell | None]], parts: Mapping[str, Part]) -> Part | None:
    if name in parts:
        return parts[name] if parts[name].shown not in _EMPTY_MACS else None
    for rule, cell in cells:
        if rule.column.key == name:
            return _from_cell(rule, cell)
    return None


def _from_cell(rule: Rule, cell: Cell | None) -> Part | None:
    """Return what a column says for the identity; nothing for a sentinel, a blank, or an address of zeros."""
    if cell is None or as_written(cell.value) in rule.column.sentinels:
        return None
    try:
        reader = TEXT_READERS.get(rule.column.read)
        shown = reader(cell.value) if reader else str(NUMBER_READERS[rule.column.read](cell.value, rule.column.unit))
    except UnreadableError:
        return None
    blank = not shown.strip() or shown in _EMPTY_MACS or not shown.strip("0")
    own = rule.column.metric is not None and rule.column.metric.name.endswith(".serial")
    prefix = identity_prefix(rule.column.read, shown) or ("sn:" if own else "")
    return None if blank or len(shown) > 255 else Part(shown.strip(), prefix)


def _id(parts: Sequence[Part], device: str) -> str:
    tail = "/".join(p.shown for p in parts)
    return f"{parts[0].prefix}{tail}" if parts[0].prefix else f"{device}/{tail}"


def _unique(rows: Sequence[Row]) -> Iterator[Row]:
    """Give rows that claim one identity (names repeat, serial numbers are cloned) their index as well."""
    claims = Counter(row.subject for row in rows)
    for row in rows:
        if claims[row.subject] == 1:
            yield row
        else:
            subject = Subject(row.subject.kind, f"{row.subject.id}~{row.index}")
            yield replace(row, subject=subject)
