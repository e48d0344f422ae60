"""What was read → observations and gaps, by the same readers, bounds, sentinels and qualities as SNMP. Pure.

The place of a value (`oid`) is its command and the value's name: `display ap all#STATE`. A row without identity is a
gap: a name that an operator can change, or a row's number, names nobody.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from collectors.cells import is_sentinel
from collectors.convert import NUMBER_READERS, TEXT_READERS, UnreadableError, identity_prefix
from collectors.decode import Decoded
from collectors.ssh.table import NOTHINGS
from collectors.told import Told
from netops.model import Gap, Observation, Reason, Subject

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from collectors.snmp.ask import Failure
    from collectors.ssh.read import Field, Read, Sheet
    from collectors.ssh.rows import Row

_EMPTY = frozenset({"000000000000", "ffffffffffff", *NOTHINGS})
_MOST_ID = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """One command of a visit: of which read, what was said, and the rows of its output or why there are none."""

    read: Read
    command: str
    rows: tuple[Row, ...] = ()
    failed: Failure | None = None


def decode(taken: Iterable[Taken], *, device: str, at_ms: int) -> Decoded:
    """Return the observations and gaps of a visit."""
    observations: list[Observation] = []
    gaps: list[Gap] = []
    for each in taken:
        reader = _Reader(each, device, at_ms)
        for sheet in each.read.sheets:
            reader.sheet(sheet)
        observations += reader.observations
        gaps += reader.gaps
    return Decoded(observations=tuple(observations), gaps=tuple(gaps))


class _Reader(Told):
    """Collects while one output is decoded; never leaves `decode`."""

    def __init__(self, taken: Taken, device: str, at_ms: int) -> None:
        super().__init__(device, at_ms)
        self.taken = taken

    def sheet(self, sheet: Sheet) -> None:
        if self.taken.failed is not None:
            for field in sheet.fields:
                self.gap(field, self.whole, self.taken.failed.reason, self.taken.failed.detail)
            return
        mine = [row for row in self.taken.rows if _is_of(sheet, row)]
        subjects = self.subjects(sheet, mine)
        seen = [field for field in sheet.fields if any(row.get(field.value, "") for row in mine)]
        for field in sheet.fields:
            if mine and field not in seen:
                self.gap(field, self.whole, Reason.NO_SUCH_OBJECT, "no row of the output has it")
        for at, (row, subject) in enumerate(zip(mine, subjects, strict=True), 1):
            if subject is None:
                words = " ".join(value for value in row.values() if value)
                for field in seen:
                    self.gap(field, self.whole, Reason.UNREADABLE, f"nothing names the row {words[:80]!r}", str(at))
            else:
                self.row(sheet, row, subject, str(at), seen)

    def row(self, sheet: Sheet, row: Row, subject: Subject, index: str, seen: Sequence[Field]) -> None:
        torn = any(not row.get(f.value, "") for f in sheet.fields if f.column.key in sheet.needed)
        for field in seen:
            written = row.get(field.value, "")
            if not written:
                reason = Reason.TORN if field.column.key in sheet.needed else Reason.NO_SUCH_INSTANCE
                self.gap(field, subject, reason, "the row has other values, not this one", index)
            else:
                self.cell(sheet, field, subject, written, index, torn=torn)

    def cell(self, sheet: Sheet, field: Field, subject: Subject, written: str, index: str, *, torn: bool) -> None:
        read = self.taken.read
        self.value(
            field.column,
            written.encode(),
            shown=written,
            subject=subject,
            place=self.place(field),
            rule=f"{read.name}.{sheet.name}.{field.column.key}@{read.digest[:8]}",
            index=index,
            torn=torn,
        )

    def gap(self, field: Field, subject: Subject, reason: Reason, detail: str, index: str = "") -> None:
        self.missing(field.column, subject, reason, detail, place=self.place(field), index=index)

    def place(self, field: Field) -> str:
        return f"{self.taken.command}#{field.value}"

    def subjects(self, sheet: Sheet, rows: Sequence[Row]) -> list[Subject | None]:
        """Return whom each row is about; who claims an identity that another row has too is nobody."""
        if sheet.kind == "device" and not sheet.identity:
            return [self.whole if len(rows) == 1 else None] * len(rows)
        found = [_subject(sheet, row, self.device) for row in rows]
        claims = Counter(found)
        return [each if each is not None and claims[each] == 1 else None for each in found]


def _is_of(sheet: Sheet, row: Row) -> bool:
    return all(row.get(name, "").lower() in words for name, words in sheet.only)


def _subject(sheet: Sheet, row: Row, device: str) -> Subject | None:
    for choice in sheet.identity:
        parts = [_part(sheet, name, row) for name in choice]
        if all(shown for shown, _ in parts):
            tail = "/".join(shown for shown, _ in parts)
            prefix = parts[0][1]
            return Subject(sheet.kind, f"{prefix}{tail}" if prefix else f"{device}/{tail}")
    return None


def _part(sheet: Sheet, name: str, row: Row) -> tuple[str, str]:
    """Return a part of an identity and the prefix that it carries; nothing for a blank, a sentinel, or all zeros."""
    for field in (*sheet.fields, *sheet.helpers):
        if field.column.key == name and field.const:
            return field.const, ""
        if field.column.key == name:
            return _from(field, row.get(field.value, ""))
    shown = "".join(row.get(name, "").split())
    return ("", "") if shown.lower() in _EMPTY or len(shown) > _MOST_ID else (shown, "")


def _from(field: Field, written: str) -> tuple[str, str]:
    column = field.column
    if not written or is_sentinel(column, written.encode()):
        return "", ""
    try:
        reader = TEXT_READERS.get(column.read)
        value = written.encode()
        shown = reader(value) if reader else str(NUMBER_READERS[column.read](value, column.unit))
    except UnreadableError:
        return "", ""
    own = column.metric is not None and column.metric.name.endswith(".serial")
    blank = shown.lower() in _EMPTY or not shown.strip("0 ") or len(shown) > _MOST_ID
    if blank:
        return "", ""
    shown = shown.strip()
    return shown, field.prefix or identity_prefix(column.read, shown) or ("sn:" if own else "")
