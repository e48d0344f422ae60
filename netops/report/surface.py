"""The cells of a bundle's areas, weighed again by the grid's library: the bare verifier takes surfaces as sealed.

A surface may differ by one square decimetre: the library computes it in floats, and its rounding may change with it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from netops.coverage import grid
from netops.coverage.sealed import AREAS
from netops.evidence.integrity import MAX_FAILURES, Failure
from netops.evidence.members import LEAVES

if TYPE_CHECKING:
    from netops.evidence.members import Bundle

OFF_DM2 = 1


def cells(bundle: Bundle) -> tuple[list[Failure], str]:
    """Return each cell whose surface is not the library's, and a sentence on how many were weighed; of none, nothing.

    The bundle is one in whose leaves the verifier found nothing wrong.
    """
    wrong: list[Failure] = []
    weighed = 0
    mark = f'"kind":"{AREAS}"'.encode()
    for index, data in bundle.leaves():
        if mark not in data:
            continue
        fact = json.loads(data)["fact"]
        for cell, area, surface in fact["body"]["cells"] if fact["kind"] == AREAS else ():
            weighed += 1
            place = f"{LEAVES}: leaf {index}"
            if grid.resolution_of(cell) != fact["body"]["resolution"]:
                what = f"{cell} of area {area} is no H3 cell of resolution {fact['body']['resolution']}"
                wrong.append(Failure(place=place, what=what))
            elif abs(grid.area_dm2(cell) - surface) > OFF_DM2:
                what = f"cell {cell} of area {area} is stated with {surface} dm²; by h3 {grid.area_dm2(cell)}"
                wrong.append(Failure(place=place, what=what))
            if len(wrong) >= MAX_FAILURES:
                return wrong, ""
    return wrong, f"; {weighed} cells of areas were weighed again by h3 {grid.version()}" if weighed else ""
