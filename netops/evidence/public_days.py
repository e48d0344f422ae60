"""The calendar of a bundle, held against the calendars that the reader's own verifier holds.

Part of the second implementation (`verifier.py`). Which days were holidays decides service hours; whoever made the
bundle chose the days in it. `verify.py` carries the years that its release knew, `netops audit verify` reads those of
its own package. A year that neither knows is told: then the reader must look it up where it was published.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from netops.errors import EvidenceError
from netops.evidence.integrity import Failure
from netops.evidence.members import CALENDAR, exact

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from netops.evidence.members import Bundle

    Known = Mapping[str, Mapping[str, Mapping[str, Sequence[str]]]]  # as `hours.Days`, without the sources

KINDS = ("holidays", "workdays")
SHOWN = 5  # days that one failure names


def verify_calendar(bundle: Bundle, known: Known) -> tuple[list[Failure], list[str]]:
    """Return each year whose days are others than those known, and a sentence on each that is not known."""
    if CALENDAR not in bundle.members:
        return [], []
    failures: list[Failure] = []
    notes: list[str] = []
    try:
        for name, number, days in _years(exact(CALENDAR, bundle.member(CALENDAR))):
            held = known.get(name, {}).get(number)
            if held is None:
                notes.append(
                    f"{CALENDAR}: this verifier does not hold the year {number} of calendar '{name}': compare its "
                    f"{len(days['holidays'])} holidays and {len(days['workdays'])} worked weekend days with what "
                    "was published"
                )
                continue
            failures += [
                Failure(place=f"{CALENDAR}: {name} {number}", what=f"{kind}: {what}")
                for kind in KINDS
                if (what := _apart(days[kind], held[kind]))
            ]
    except EvidenceError as error:
        return [Failure(place=CALENDAR, what=str(error).removeprefix(f"{CALENDAR}: "))], []
    return failures, notes


def _years(told: Any) -> Iterator[tuple[str, str, Mapping[str, Sequence[str]]]]:
    """Yield calendar, year and its days; EvidenceError when the document has another form."""
    if type(told) is not dict or any(type(years) is not dict for years in told.values()):
        raise EvidenceError("expected years by calendar")
    for name, years in told.items():
        for number, days in years.items():
            if type(days) is not dict or set(days) != {"source", *KINDS}:
                raise EvidenceError(f"{name[:40]} {number[:40]}: expected source, holidays and workdays")
            for kind in KINDS:
                if not _are_days(days[kind], number):
                    raise EvidenceError(f"{name[:40]} {number[:40]}: expected {kind} of that year, in order, each once")
            yield name, number, days


def _are_days(given: Any, year: str) -> bool:
    if re.fullmatch(r"[0-9]{4}", year) is None or type(given) is not list or len(given) > 366:
        return False
    sound = all(type(day) is str and re.fullmatch(rf"{year}-[0-9]{{2}}-[0-9]{{2}}", day, re.ASCII) for day in given)
    return sound and sorted(set(given)) == given


def _apart(told: Sequence[str], known: Sequence[str]) -> str:
    more, less = sorted(set(told) - set(known)), sorted(set(known) - set(told))
    return "; ".join(
        f"{word} {', '.join(days[:SHOWN])}{f' and {len(days) - SHOWN} more' if len(days) > SHOWN else ''}"
        for word, days in (("has", more), ("lacks", less))
        if days
    )
