"""One contract version by itself, before it lies in a city's directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inventory.errors import FilesError
from inventory.reading import contract, text, yaml
from inventory.reading.tree import Notes

if TYPE_CHECKING:
    from pathlib import Path

    from inventory.model import Contract


def read_contract(path: Path) -> tuple[Contract, dict[str, str]]:
    """Return the contract of a YAML file, and `file:line` of its parts by dotted path; FilesError with all problems.

    Names of carriers, areas and tags are not looked up: there is no city beside it.
    """
    notes = Notes()
    written = text.read(path, path.name, notes, most=text.MOST_YAML)
    table = yaml.read(written, path.name, notes) if written is not None else None
    made = contract.contract(table, path.name, notes) if table is not None else None
    if table is None or made is None or notes.count:
        raise FilesError(notes.all(path.name))
    return made, contract.parts(table, path.name)
