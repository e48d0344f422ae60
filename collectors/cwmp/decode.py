"""Parameters → observations and gaps, by the same readers, bounds, sentinels and qualities as SNMP. Pure.

The place of a value (`oid`) is its full parameter name. A row without identity, or two that claim the same one and have
no instance numbers to tell them apart, is nobody's: its values are gaps.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from collectors.cells import is_sentinel
from collectors.convert import NUMBER_READERS, TEXT_READERS, UnreadableError, identity_prefix
from collectors.cwmp.model import SERIAL
from collectors.decode import Decoded
from collectors.told import Told
from netops.model import Reason, Subject

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from collectors.cwmp.model import Leaf, Model, Table
    from collectors.snmp.ask import Failure

Row = dict[str, str]  # the instance numbers of one row, by their names
_MOST_ID = 255
_MOST_ROWS = 256  # of one object: who hears more cells than that makes them up
_NAMELESS = frozenset({"", "-", "000000000000", "ffffffffffff"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What a session brought. `asked` are full names; `absent` names (table, column) that this CPE does not have."""

    root: str
    serial: str  # as the register has it
    known_as: Mapping[str, str] = field(default_factory=dict)  # kind → the id by which SNMP knows what has this serial
    values: Mapping[str, str]
    asked: frozenset[str] = frozenset()
    wholes: tuple[str, ...] = ()  # partial paths that were asked
    absent: frozenset[tuple[str, str]] = frozenset()
    failed: Mapping[str, Failure] = field(default_factory=dict)  # by full name, or by the partial path of a whole table


def decode(models: Iterable[Model], heard: Heard, *, device: str, at_ms: int) -> Decoded:
    """Return the observations and gaps of a session."""
    reader = _Reader(heard, device, at_ms)
    for model in models:
        for table in model.tables:
            reader.table(model, table)
    return Decoded(observations=tuple(reader.observations), gaps=tuple(reader.gaps))


def rows_in(table: Table, root: str, names: Iterable[str]) -> list[Row]:
    """Return the instances of a table's object that occur in parameter names, in the order of their numbers."""
    pattern = _pattern(table, root)
    if not table.object.places:
        return [{}] if any(pattern.match(name) for name in names) else []
    found = {match.groups() for name in names if (match := pattern.match(name))}
    ordered = sorted(found, key=lambda numbers: tuple(map(int, numbers)))
    return [dict(zip(table.object.places, numbers, strict=True)) for numbers in ordered]


def _pattern(table: Table, root: str) -> re.Pattern[str]:
    return _compiled(table.object.segments, root)


@lru_cache(maxsize=256)
def _compiled(segments: tuple[str, ...], root: str) -> re.Pattern[str]:
    parts = (r"(\d{1,9})" if each.startswith("{") else re.escape(each) for each in segments)
    return re.compile(r"\.".join([re.escape(root), *parts]) + r"\.")


class _Reader(Told):
    """Collects while one session is decoded; never leaves `decode`."""

    def __init__(self, heard: Heard, device: str, at_ms: int) -> None:
        super().__init__(device, at_ms)
        self.heard = heard
        self.names = [*heard.values, *heard.asked]

    def table(self, model: Model, table: Table) -> None:
        heard = self.heard
        found = [row for row in rows_in(table, heard.root, self.names) if self.is_of(table, row)]
        for leaf in table.leaves:
            if found and (table.name, leaf.column.key) in heard.absent:
                self.gap(leaf, self.whole, Reason.NO_SUCH_OBJECT, "the device has no such parameter", leaf_name(leaf))
        for prefix, failure in heard.failed.items():
            if table.whole and _pattern(table, heard.root).match(f"{prefix}0."):
                for leaf in table.leaves:
                    self.gap(leaf, self.whole, failure.reason, failure.detail, prefix)
        if len(found) > _MOST_ROWS:
            for leaf in table.leaves:
                detail = f"{len(found)} instances; expected at most {_MOST_ROWS}"
                self.gap(leaf, self.whole, Reason.PROTOCOL_FAULT, detail, leaf_name(leaf))
            return
        for row, subject in zip(found, self.subjects(table, found), strict=True):
            self.row(model, table, row, subject)

    def is_of(self, table: Table, row: Row) -> bool:
        """Whether a row is of this table, by what its helpers say."""
        for key, words in table.only:
            leaf = next(each for each in table.helpers if each.column.key == key)
            if self.said(leaf, row).strip().lower() not in words:
                return False
        return True

    def said(self, leaf: Leaf, row: Row) -> str:
        return self.heard.values.get(leaf.path.at(self.heard.root, row), "")

    def row(self, model: Model, table: Table, row: Row, subject: Subject | None) -> None:
        heard, index = self.heard, ".".join(row.values())
        names = {leaf.column.key: leaf.path.at(heard.root, row) for leaf in table.leaves}
        rule = f"{model.name}.{table.name}.{{}}@{model.digest[:8]}"
        torn = any(self.lost(table, names[key]) for key in table.needed)
        for leaf in table.leaves:
            name = names[leaf.column.key]
            if subject is None:
                if name in heard.values:
                    self.gap(leaf, self.whole, Reason.UNREADABLE, "nothing names the row", name, index=index)
            elif name in heard.values:
                self.cell(rule, leaf, subject, name=name, index=index, torn=torn)
            elif name in heard.failed:
                self.gap(leaf, subject, heard.failed[name].reason, heard.failed[name].detail, name, index=index)
            elif self.lost(table, name):
                reason = Reason.TORN if leaf.column.key in table.needed else Reason.NO_SUCH_INSTANCE
                self.gap(leaf, subject, reason, "asked, and not in the answer", name, index=index)

    def lost(self, table: Table, name: str) -> bool:
        """Whether a parameter was asked and did not come."""
        return name not in self.heard.values and (table.whole or name in self.heard.asked or name in self.heard.failed)

    def cell(self, rule: str, leaf: Leaf, subject: Subject, *, name: str, index: str, torn: bool) -> None:
        written = self.heard.values[name]
        self.value(
            leaf.column,
            written.strip().encode(),
            shown=written,
            subject=subject,
            place=name,
            rule=rule.format(leaf.column.key),
            index=index,
            torn=torn,
        )

    def gap(self, leaf: Leaf, subject: Subject, reason: Reason, detail: str, name: str, *, index: str = "") -> None:
        self.missing(leaf.column, subject, reason, detail, place=name, index=index)

    def subjects(self, table: Table, rows: Sequence[Row]) -> list[Subject | None]:
        """Return whom each row is about; who claims an identity that another row has too carries its index as well."""
        if table.kind == "device" and not table.identity:
            return [self.whole for _ in rows]
        found = [self.subject(table, row) for row in rows]
        claims = Counter(found)
        return [
            Subject(each.kind, f"{each.id}~{'.'.join(row.values())}") if each is not None and claims[each] > 1 else each
            for each, row in zip(found, rows, strict=True)
        ]

    def subject(self, table: Table, row: Row) -> Subject | None:
        for choice in table.identity:
            parts = [self.part(table, name, row) for name in choice]
            if all(shown not in _NAMELESS for shown, _ in parts):
                tail, prefix = "/".join(shown for shown, _ in parts), parts[0][1]
                name = f"{prefix}{tail}" if prefix else f"{self.device}/{tail}"
                if choice == (SERIAL,):
                    name = self.heard.known_as.get(table.kind, name)
                return Subject(table.kind, name) if len(name) <= _MOST_ID else None
        return None

    def part(self, table: Table, name: str, row: Row) -> tuple[str, str]:
        """Return a part of an identity and the prefix that it carries; nothing when it is blank or a sentinel."""
        if name in row:
            return row[name], ""
        if name == SERIAL:
            return self.heard.serial, "sn:"
        leaf = next(each for each in table.every if each.column.key == name)
        written = self.said(leaf, row).strip().encode()
        column = leaf.column
        if not written or is_sentinel(column, written):
            return "", ""
        try:
            reader = TEXT_READERS.get(column.read)
            shown = reader(written) if reader else str(NUMBER_READERS[column.read](written, column.unit))
        except UnreadableError:
            return "", ""
        return shown.strip(), leaf.prefix or identity_prefix(column.read, shown)


def leaf_name(leaf: Leaf) -> str:
    """Return a parameter as the models write it, with its instance numbers by name."""
    return "." + ".".join(leaf.path.segments)
