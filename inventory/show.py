"""Text for people: the diff of a plan, the table of a noun. Pure; what a terminal would obey is made visible."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

from inventory.codec import plain
from inventory.tables import FOREVER
from inventory.times import iso

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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
}


def diff(plan: Plan) -> list[str]:
    """Return the lines of a plan, and what it comes to."""
    lines = [line for change in plan.changes for line in _change(change)]
    counts = f"{plan.count('add')} added, {plan.count('change')} changed, {plan.count('end')} ended"
    return [*lines, f"{counts}, {plan.unchanged} unchanged, from {iso(plan.at_ms)} on"]


def _change(change: Change) -> list[str]:
    noun, name, version = change.at
    title = f"{_MARKS[change.action]} {noun} {name}" + (f" version {version}" if version else "")
    when = f"from {iso(change.from_ms)}" + (f" to {iso(change.to_ms)}" if change.to_ms != FOREVER else "")
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


def table(records: Sequence[Record], noun: str) -> list[str]:
    """Return the header and one line for each record."""
    columns = COLUMNS[noun]
    rows = [[_cell(name, value) for name, value in _values(record, columns)] for record in records]
    head = [name.removesuffix("_ms") for name in columns]
    widths = [max(map(_width, column)) for column in zip(head, *rows, strict=True)]
    return [_line(row, widths) for row in [head, *rows]]


def _values(record: Record, columns: Iterable[str]) -> Iterable[tuple[str, Any]]:
    values = plain(record)
    return ((name, values[name]) for name in columns)


def _cell(name: str, value: Any) -> str:
    if isinstance(value, list):
        return visible(";".join(map(str, value)))
    if name.endswith("_ms"):
        return iso(value) if value is not None else ""
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
