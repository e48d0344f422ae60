"""A table as data: which columns it has by their titles, and what their cells look like. Frozen.

`layout.py` finds the columns in a header, `align.py` the cells of a line, `tabled.py` reads an output.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_V4 = r"\d{1,3}(?:\.\d{1,3}){3}"
SHAPES: Mapping[str, str] = MappingProxyType(
    {
        "word": r"\S+",
        "text": r"\S+(?: \S+)*",
        "number": r"\d+",
        "decimal": r"[+-]?\d+(?:\.\d+)?",
        "percent": r"\d+(?:\.\d+)?%?",
        "mac": r"(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}|(?:[0-9A-Fa-f]{4}[.-]){2}[0-9A-Fa-f]{4}",
        "address": rf"{_V4}|[0-9A-Fa-f]{{0,4}}(?::[0-9A-Fa-f]{{0,4}}){{2,7}}(?:{_V4})?",
    }
)
"""What a cell of a named kind matches."""
NOTHINGS = frozenset({"-", "--", "---", "----", "n/a"})
"""What a cell says when there is nothing, in small letters; it fits every column and is a value of none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Title:
    """One column that is looked for. `value` is what its cells are called.

    `titles` are the words above it, one of which stands there; `like` an expression that a cell matches, whose named
    groups are values too. `units` may stand in brackets in the title: another unit makes the table unreadable. `blank`:
    a row may have nothing there. `maybe`: not every release has the column.
    """

    value: str
    titles: tuple[str, ...]
    like: str
    units: tuple[str, ...] = ()
    blank: bool = False
    maybe: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The columns of a table, in any order and among others.

    `under` are words of a second line of titles. `tail` are lines after which there are no more rows.
    """

    titles: tuple[Title, ...]
    under: tuple[str, ...] = ()
    tail: tuple[str, ...] = ()
