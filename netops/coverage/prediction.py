"""A prediction of coverage (3GPP TR 38.901, say) from CSV `cell,level`: what is claimed, never evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netops.coverage import grid, survey
from netops.coverage.survey import MOST_FAULTS, SurveyError

if TYPE_CHECKING:
    from pathlib import Path

HEADER = "cell,level"
MOST_BYTES = 200_000_000


def read(path: Path, *, technology: str, resolution: int) -> dict[str, int]:
    """Return cell → level in hundredths of dBm; SurveyError names each line that is off."""
    survey.check_plain(path, f"a CSV with the header {HEADER}", most=MOST_BYTES)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise SurveyError(f"{path.name}: is not UTF-8 at byte {error.start}; save it as UTF-8") from None
    if not lines or lines[0].strip() != HEADER:
        raise SurveyError(f"{path.name}:1: expected the header {HEADER}")
    claimed: dict[str, int] = {}
    faults: list[str] = []
    for number, line in enumerate(lines[1:], 2):
        cell, _, level = (each.strip() for each in line.partition(","))
        try:
            if grid.resolution_of(cell) != resolution:
                raise ValueError(f"{cell[:40]!r} is no H3 cell of resolution {resolution}")  # noqa: TRY301
            if cell in claimed:
                raise ValueError(f"cell {cell} is there twice; keep one of the two")  # noqa: TRY301
            claimed[cell] = survey.decibels(survey.RADIO[technology][0], level)
        except ValueError as error:
            faults.append(f"{path.name}:{number}: {error}")
    if faults:
        more = len(faults) - MOST_FAULTS
        told = faults[:MOST_FAULTS] + [f"{path.name}: and {more} more faults"] * (more > 0)
        raise SurveyError("\n".join(["refused", *told]))
    return claimed
