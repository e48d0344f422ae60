"""Calendars of public holidays and shifted working days, one data file a year: `calendars/cn-2026.yaml`.

Each day is a `workday`, a `holiday` or a `weekend`. A holiday is what the published arrangement gives off, weekend days
in it too; a weekend day that is worked for it is a workday. A year without a file is refused by name: which days it
will have is decided by the State Council, late in the year before, and guessed by nobody.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib.resources import files

from inventory.errors import FilesError, UsageError
from inventory.reading import text, yaml
from inventory.reading.form import Form
from inventory.reading.tree import Many, Notes, Scalar

NAMES = ("cn",)
KINDS = ("workday", "holiday", "weekend")
_KEYS = ("calendar", "year", "source", "holidays", "workdays")
_HOLIDAY = ("name", "first", "last")
_LONGEST = 20  # days of one holiday: more is a slip of the pen


@dataclass(frozen=True, slots=True, kw_only=True)
class Year:
    """One year of a calendar."""

    name: str
    year: int
    source: str
    holidays: frozenset[date]
    workdays: frozenset[date]

    def kind(self, day: date) -> str:
        """Return `workday`, `holiday` or `weekend`; the day lies in this year."""
        if day in self.holidays:
            return "holiday"
        return "workday" if day in self.workdays or day.isoweekday() <= 5 else "weekend"


@cache
def year(name: str, number: int) -> Year:
    """Return one year of a calendar; UsageError when there is no file of it, FilesError when the file is wrong."""
    file = f"{name}-{number:04d}.yaml"
    found = files("inventory.calendars").joinpath(file)
    if name not in NAMES or not found.is_file():
        raise UsageError(
            f"calendar '{name}' has no year {number}: expected inventory/calendars/{file}; write it as the State "
            "Council publishes it, or install the release of NetOps that holds it"
        )
    return read(found.read_bytes(), file)


def years() -> list[tuple[str, int]]:
    """Return the calendars and years that there are files of, in order."""
    named = [re.fullmatch(r"([a-z]+)-([0-9]{4})\.yaml", each.name) for each in files("inventory.calendars").iterdir()]
    return sorted((each[1], int(each[2])) for each in named if each is not None and each[1] in NAMES)


def kind(name: str, day: date) -> str:
    """Return the kind of a day by a calendar; UsageError when its year is not there."""
    return year(name, day.year).kind(day)


def is_workday(name: str, day: date) -> bool:
    """Whether a day is worked by a calendar; UsageError when its year is not there."""
    return kind(name, day) == "workday"


def read(data: bytes, file: str) -> Year:
    """Read one year; FilesError holds everything that is wrong with it."""
    notes = Notes()
    written = text.decode(data, file, notes)
    whole = yaml.read(written, file, notes) if written is not None else None
    if whole is None:
        raise FilesError(notes.all(file))
    form = Form("the calendar", file, whole, _KEYS, notes)
    name, number = form.choice("calendar", NAMES), form.whole("year", low=1949, high=2200)
    source = form.text("source", need=True)
    if file != f"{name}-{number:04d}.yaml":
        form.wrong("year", f"the file of calendar '{name}' {number} is called {file}", f"call it {name}-{number}.yaml")
    off: set[date] = set()
    for table in form.maps("holidays"):
        off |= _holiday(Form("the holiday", file, table, _HOLIDAY, notes), off)
    node = form.table.entries.get("workdays")
    items = node.items if isinstance(node, Many) else ()
    worked = {each for item in items if (each := _day(form, "workdays", item.text if isinstance(item, Scalar) else ""))}
    for day in sorted(off | worked):
        if day.year != number:
            form.wrong("year", f"{day} is not in {number}", "list it in the file of its own year")
    for day in sorted(worked):
        if day in off or day.isoweekday() <= 5:
            form.wrong(
                "workdays", f"{day} is {'a holiday' if day in off else 'no weekend day'}", "list worked weekends"
            )
    if notes.count:
        raise FilesError(notes.all(file))
    return Year(name=name, year=number, source=source, holidays=frozenset(off), workdays=frozenset(worked))


def _holiday(form: Form, before: set[date]) -> set[date]:
    form.text("name", need=True)
    first = _day(form, "first", form.text("first", need=True))
    last = _day(form, "last", form.text("last", need=True))
    if first is None or last is None:
        return set()
    if not 0 <= (last - first).days < _LONGEST:
        form.wrong("last", f"the holiday runs from {first} to {last}", f"expected 1 to {_LONGEST} days")
        return set()
    days = {first + timedelta(days=number) for number in range((last - first).days + 1)}
    if days & before:
        form.wrong("first", f"{min(days & before)} is in two holidays", "list each day once")
    return days


def _day(form: Form, key: str, written: str) -> date | None:
    try:
        return date.fromisoformat(written)
    except ValueError:
        form.wrong(key, f"'{key}' has '{written[:40]}'", "expected a date like 2026-10-01")
        return None
