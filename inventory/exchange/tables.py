"""The register as a city's files: CSV tables and `carriers.yaml`, which `netops inventory plan` reads back unchanged.

A cell that a spreadsheet would take for a formula begins with an apostrophe, which the reader of CSV takes away again
(`inventory/reading/csv.py`). Contracts are not written: a recorded version is kept in the file that was signed.
"""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

from inventory import edits
from inventory.codec import plain
from inventory.errors import FilesError, nearest
from inventory.model import NOUNS, noun
from inventory.reading import flat, text
from inventory.reading.csv import guarded, rows
from inventory.reading.tree import Notes, Scalar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from inventory.model import Record
    from inventory.snapshot import Snapshot

TABLES = ("area", "site", "device", "service", "door")
NAMES = {f"{name}s.csv": name for name in edits.EDITABLE}


def files(seen: Snapshot) -> dict[str, str]:
    """Return file name → text of everything but the contracts."""
    made = {f"{name}s.csv": table(name, getattr(seen, f"{name}s")) for name in TABLES}
    if not seen.doors:
        del made["doors.csv"]
    return made | {"carriers.yaml": _carriers(plain(each) for each in seen.carriers)}


def table(of: str, records: Sequence[Record]) -> str:
    """Return the CSV file of a noun."""
    out = io.StringIO(newline="")
    columns = flat.READERS[of][1]
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    for each in records:
        writer.writerow({name: guarded(cell) for name, cell in edits.cells(each).items()})
    return out.getvalue()


def _carriers(values: Iterable[Mapping[str, object]]) -> str:
    """Return the YAML file of the carriers: a JSON string is a YAML string, whatever it holds (YAML 1.2, 1.3)."""
    lines = ["carriers:"]
    for value in values:
        told = {name: each for name, each in value.items() if each not in ("", [])}
        lines += [
            f"{'  - ' if place == 0 else '    '}{name}: {json.dumps(each, ensure_ascii=False)}"
            for place, (name, each) in enumerate(told.items())
        ]
    return "\n".join(lines) + "\n"


def read(path: Path, held: Mapping[tuple[str, str], Record]) -> list[Record]:
    """Return the records of a CSV file, or of the CSV files of a directory; FilesError with all that is wrong.

    A column that is not there keeps what the register (`held`, by noun and id) says; an empty cell says nothing.
    """
    notes = Notes()
    found: list[Record] = []
    paths = [path / name for name in NAMES if (path / name).exists()] if path.is_dir() else [path]
    if not paths:
        notes.add(str(path), "holds none of the files that can be imported", f"expected {', '.join(NAMES)}")
    for each in paths:
        if each.name not in NAMES:
            notes.add(each.name, "is no table of the register", nearest(each.name, NAMES))
            continue
        written = text.read(each, each.name, notes, most=text.MOST_CSV)
        if written is not None:
            found += _records(each.name, written, held, notes)
    if notes.count:
        raise FilesError(notes.all(str(path)))
    return found


def _records(name: str, written: str, held: Mapping[tuple[str, str], Record], notes: Notes) -> list[Record]:
    of = NAMES[name]
    header = [cell.strip() for cell in next(csv.reader(io.StringIO(written, newline="")), [])]
    tables, _ = rows(written, name, notes, columns=flat.READERS[of][1], required=("id",))
    made = []
    for row in tables:
        said = {column: node.text for column, node in row.entries.items() if isinstance(node, Scalar)}
        known = held.get((of, said.get("id", "")))
        kept = {column: cell for column, cell in edits.cells(known).items() if column not in header} if known else {}
        made.append(edits.taken(of, known, kept | said, notes, place=f"{name}:{row.line}"))
    return [each for each in made if each is not None]


def held(seen: Snapshot) -> dict[tuple[str, str], Record]:
    """Return what a snapshot holds, by noun and id."""
    return {(noun(each), each.id): each for name in NOUNS for each in getattr(seen, f"{name}s")}
