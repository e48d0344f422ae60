"""The lines of an output that holds a table → its rows, by the titles of its columns; or why not. Pure.

No row is lost in silence: a line of the table that is no row, a row outside the table and a header that is missing make
the whole output unreadable.
"""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING

from collectors.snmp.ask import Failure
from collectors.ssh.align import AmbiguousError, cells
from collectors.ssh.layout import LayoutError, header, is_rule, wide
from netops.model import Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from collectors.ssh.align import Row
    from collectors.ssh.layout import Placed
    from collectors.ssh.table import Table

_TOTAL = re.compile(r"\s*(Total|Number|Num)\b[\w ]{0,40}[:=.]\s*\d+\s*", re.IGNORECASE)
_SHOWN = 120
_MOST_HEADERS = 1000  # a page each


class _TableError(Exception):
    """What makes an output unreadable."""


def tabled(table: Table, lines: Sequence[str], counts: Sequence[str] = ()) -> list[Row] | Failure:
    """Return the rows of the table; `counts` are lines that say how many there are."""
    try:
        return _rows(table, _unfolded([line.expandtabs(8) for line in lines]), counts)
    except (_TableError, LayoutError) as error:
        return Failure(Reason.UNREADABLE, str(error))


def _rows(table: Table, lines: Sequence[str], counts: Sequence[str]) -> list[Row]:
    columns: tuple[Placed, ...] = ()
    found: list[Row] = []
    outside: list[str] = []
    inside = False
    at = headers = 0
    while at < len(lines):
        line = lines[at]
        titled = header(table, lines, at) if line.strip() and not is_rule(line) else None
        if titled is not None:
            columns, at = titled
            inside = True
            headers += 1
            if headers > _MOST_HEADERS:
                raise _TableError(f"more than {_MOST_HEADERS} headers")
            continue
        at += 1
        if not line.strip() or is_rule(line):
            continue
        if inside and _closes(table, line, counts):
            inside = False
        if not inside:
            outside.append(line)
            continue
        row = _row(line, columns)
        if row is None:
            raise _TableError(f"no row of the table is like the line {line.strip()[:_SHOWN]!r}")
        found.append(row)
    _check(table, columns, outside)
    return found


def _row(line: str, columns: Sequence[Placed]) -> Row | None:
    try:
        return cells(line, columns)
    except AmbiguousError:
        raise _TableError(f"several ways to read the line {line.strip()[:_SHOWN]!r}") from None


def _closes(table: Table, line: str, counts: Sequence[str]) -> bool:
    return (
        _TOTAL.fullmatch(line) is not None
        or any(re.fullmatch(pattern, line) for pattern in table.tail)
        or any(re.fullmatch(pattern, line) for pattern in counts)
    )


def _check(table: Table, columns: Sequence[Placed], outside: Sequence[str]) -> None:
    """Refuse an output without a header, and one with a row before or behind its table."""
    if not columns:
        titles = ", ".join(f"'{title.titles[0]}'" for title in table.titles if not title.maybe)
        seen = f"the first is {outside[0].strip()[:_SHOWN]!r}" if outside else "there is none"
        raise _TableError(f"no line has the titles {titles}; {seen}")
    for line in outside:
        try:
            row = cells(line, columns)
        except AmbiguousError:
            continue  # a legend; a row has a reading of its own
        if row is not None:
            raise _TableError(f"a row outside of the table: {line.strip()[:_SHOWN]!r}")


def _unfolded(lines: Sequence[str]) -> list[str]:
    """Return the lines as they were before a narrow terminal broke them: its broken rules tell where.

    A rule of 101 dashes comes as one of 80 and one of 21, and so does every line between such rules.
    """
    runs = [(drawn, list(run)) for drawn, run in groupby(lines, key=lambda line: bool(line) and is_rule(line))]
    broken = [run for drawn, run in runs if drawn and len(run) > 1]
    if not broken:
        return list(lines)
    parts, width, rest = len(broken[0]), len(broken[0][0]), len(broken[0][-1])
    sizes = [width] * (parts - 1) + [rest]
    if rest >= width or any([len(each) for each in run] != sizes for drawn, run in runs if drawn):
        return list(lines)
    first, last = (next(n for n in order if runs[n][0]) for order in (range(len(runs)), range(len(runs) - 1, -1, -1)))
    made: list[str] = []
    for place, (drawn, run) in enumerate(runs):
        inside = first < place < last
        if not drawn and (not inside or len(run) % parts):
            made += run
            continue
        for at in range(0, len(run), parts):
            made.append("".join(_padded(each, width) for each in run[at : at + parts]).rstrip())
    return made


def _padded(line: str, width: int) -> str:
    return line + " " * (width - sum(map(wide, line)))
