"""Text for people: the diff of a plan, the table of a noun. Pure; what a terminal would obey is made visible."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

from inventory.codec import plain
from inventory.reading.folder import BUILT_IN
from inventory.tables import FOREVER
from inventory.times import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import tzinfo

    from inventory.change import Change, Plan
    from inventory.model import Record

_MARKS = {"add": "+", "change": "~", "end": "-"}

COLUMNS: dict[str, tuple[str, ...]] = {
    "area": ("id", "name", "name_en", "population"),
    "site": ("id", "name", "area", "gateway", "tags"),
    "carrier": ("id", "name", "name_en"),
    "contract": ("id", "version", "carrier", "title", "valid_from_ms", "ends_ms"),
    "device": ("id", "role", "carrier", "site", "profile", "address", "parent"),
    "service": ("id", "kind", "carrier", "site", "role", "device", "subject"),
    "door": ("id", "device", "kind", "address", "port", "credential", "dialect", "keys"),
}


def diff(plan: Plan, where: tzinfo) -> list[str]:
    """Return the lines of a plan, times in the zone `where`, and what it comes to.

    What is built in and new is one line behind the changes of the files: nobody has written it, nobody need review it.
    """
    own = [change for change in plan.changes if not _brought_along(change)]
    lines = [line for change in own for line in _change(change, where)]
    brought = len(plan.changes) - len(own)
    if brought:
        lines.append(f"+ {counted(brought, 'area')} built in; `netops inventory show areas` lists them after `apply`")
    counts = f"{plan.count('add')} added, {plan.count('change')} changed, {plan.count('end')} ended"
    return [*lines, f"{counts}, {plan.unchanged} unchanged, from {shown(plan.at_ms, where)} on"]


def _brought_along(change: Change) -> bool:
    return change.action == "add" and change.at[0] == "area" and change.place.startswith(BUILT_IN)


def _change(change: Change, where: tzinfo) -> list[str]:
    noun, name, version = change.at
    title = f"{_MARKS[change.action]} {noun} {name}" + (f" version {version}" if version else "")
    until = f" to {shown(change.to_ms, where)}" if change.to_ms != FOREVER else ""
    when = f"from {shown(change.from_ms, where)}{until}"
    said = [change.place, when if noun == "contract" or change.note else "", change.note]
    head = "  ".join([title, *(each for each in said if each)])
    return [visible(head), *(visible(f"    {field}: {old} → {new}") for field, old, new in change.fields)]


def as_json(plan: Plan) -> dict[str, Any]:
    """Return a plan as JSON values."""
    return {
        "at_ms": plan.at_ms,
        "unchanged": plan.unchanged,
        "changes": [
            {
                "action": change.action,
                "noun": change.at[0],
                "id": change.at[1],
                "version": change.at[2],
                "from_ms": change.from_ms,
                "to_ms": None if change.to_ms == FOREVER else change.to_ms,
                "place": change.place,
                "note": change.note,
                "fields": [{"field": field, "before": old, "after": new} for field, old, new in change.fields],
            }
            for change in plan.changes
        ],
    }


def table(records: Sequence[Record], noun: str, where: tzinfo) -> list[str]:
    """Return the header and one line for each record, times in the zone `where`."""
    columns = COLUMNS[noun]
    rows = [[_cell(name, value, where) for name, value in _values(record, columns)] for record in records]
    head = [name.removesuffix("_ms") for name in columns]
    widths = [max(map(_width, column)) for column in zip(head, *rows, strict=True)]
    return [_line(row, widths) for row in [head, *rows]]


def _values(record: Record, columns: Iterable[str]) -> Iterable[tuple[str, Any]]:
    values = plain(record)
    return ((name, values[name]) for name in columns)


def _cell(name: str, value: Any, where: tzinfo) -> str:
    if isinstance(value, list):
        return visible(";".join(map(str, value)))
    if name.endswith("_ms"):
        return shown(value, where) if value is not None else ""
    return visible(str(value)) if value not in ("", 0) else ""


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _width(cell: str) -> int:
    """Return the columns of a terminal: wide characters take two, combining ones none."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in cell)
    return len(cell) + wide - sum(unicodedata.combining(char) > 0 for char in cell)


def counted(number: int, noun: str) -> str:
    """Return `1 problem`, `2 problems`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def visible(text: str) -> str:
    """Return the text with every character that does not print written as U+XXXX."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else f"<U+{ord(char):04X}>" for char in text)
