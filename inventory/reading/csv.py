"""CSV text to rows with lines: strict quoting, known columns, the right number of cells."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING

from inventory.errors import nearest
from inventory.reading.tree import Node, Notes, Scalar, Table

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

MOST_ROWS = 200_000
_FORMULA = re.compile(r"'*[=+\-@]")
_NUMBER = re.compile(r"-[0-9]+(\.[0-9]+)?")


def rows(
    text: str, name: str, notes: Notes, *, columns: Collection[str], required: Collection[str]
) -> tuple[list[Table], bool]:
    """Return one Table for each row, without its empty cells, and whether that is all of the file's rows."""
    if text.count("\n") > 2 * MOST_ROWS:
        notes.add(name, f"has more than {2 * MOST_ROWS} lines", "split the city")
        return [], False
    before = notes.count
    lines = _lines(text, name, notes)
    first = next(lines, None)
    if first is None:
        notes.add(name, "is empty", f"start it with the header {','.join(columns)}")
        return [], False
    header = [cell.strip() for cell in first[1]]
    if not _header(header, f"{name}:{first[0]}", notes, columns=columns, required=required):
        return [], False
    found: list[Table] = []
    for line, cells in lines:
        if len(cells) != len(header):
            what = f"has {len(cells)} cells, the header has {len(header)}"
            notes.add(f"{name}:{line}", what, "quote cells that hold a comma")
            continue
        filled = [(column, plain(cell.strip())) for column, cell in zip(header, cells, strict=True)]
        entries: dict[str, Node] = {column: Scalar(cell, line) for column, cell in filled if cell}
        found.append(Table(entries, dict.fromkeys(entries, line), line))
    return found, notes.count == before


def guarded(cell: str) -> str:
    """Return a cell as a spreadsheet shows it and never runs it: an apostrophe before what would begin a formula."""
    return f"'{cell}" if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell


def plain(cell: str) -> str:
    """Return what a guarded cell says; any other as it is."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def _lines(text: str, name: str, notes: Notes) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        notes.add(f"{name}:{line}", f"is not valid CSV: {error}", "check its quotes")


def _header(
    header: list[str], where: str, notes: Notes, *, columns: Collection[str], required: Collection[str]
) -> bool:
    if len(header) == 1 and header[0] not in columns:
        for mark, said in ((";", "semicolons"), ("\t", "tabs")):
            if mark in header[0]:
                notes.add(where, f"its columns are separated by {said}", "save it separated by commas")
                return False
    good = True
    for index, column in enumerate(header):
        if column not in columns:
            notes.add(where, f"'{column}' is no column here", nearest(column, columns))
            good = False
        elif column in header[:index]:
            notes.add(where, f"column '{column}' is there twice", "keep one of the two")
            good = False
    for column in required:
        if column not in header:
            notes.add(where, f"column '{column}' is missing", f"the header is {','.join(columns)}")
            good = False
    return good
