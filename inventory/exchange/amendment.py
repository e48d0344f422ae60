"""An amendment in a file: the edits that an import found, for `netops approve request register_change`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from inventory import canonical, edits
from inventory.errors import FilesError, Problem
from inventory.reading import text
from inventory.reading.tree import Notes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from inventory.edits import Edit

FORMAT = "netops/amendment@1"


def written(found: Sequence[Edit]) -> str:
    """Return the text of the file: one change a line, so that a person can read and compare it."""
    lines = ",\n".join(edits.text(each) for each in found)
    return f'{{"format":"{FORMAT}","changes":[\n{lines}\n]}}\n'


def read(path: Path) -> list[Edit]:
    """Return the edits of a file; FilesError with everything that is wrong with them."""
    notes = Notes()
    octets = text.read(path, path.name, notes, most=text.MOST_CSV)
    if octets is None:
        raise FilesError(notes.all(path.name))
    try:
        told = json.loads(octets)
    except (ValueError, RecursionError) as error:
        raise FilesError(
            [Problem(path.name, f"is no JSON ({error})", "make it with `netops inventory import`")]
        ) from None
    if not isinstance(told, dict) or told.get("format") != FORMAT or not isinstance(told.get("changes"), list):
        what = f"is no amendment; expected the format '{FORMAT}' and a list 'changes'"
        raise FilesError([Problem(path.name, what, "make it with `netops inventory import --out`")])
    found: list[Edit] = []
    for place, each in enumerate(told["changes"], start=1):
        try:
            found.append(edits.read(canonical.text(each)))
        except FilesError as error:
            notes.found += [Problem(f"{path.name} change {place}: {p.where}", p.what, p.remedy) for p in error.problems]
        except ValueError as error:
            notes.add(f"{path.name} change {place}", str(error), "make the file anew")
    if notes.found:
        raise FilesError(notes.all(path.name))
    return found
