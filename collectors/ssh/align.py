"""The cells of one line of a table, under the columns that its header gave: one reading, or none. Pure.

A line is read in the first of these ways that gives anything, and only when that way gives one reading:
1. every cell stands under its own title and reaches under no other (flush with it, if that leaves one reading: devices
   reckon the width of other scripts in three ways);
2. as 1 and flush, but a cell that is too long pushed all behind it to the right, by the same number of places;
3. titles and cells stand askew, but no cell is missing, and what the cells look like leaves one way.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from collectors.ssh.layout import octets, wide, words
from collectors.ssh.table import NOTHINGS, SHAPES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from collectors.ssh.layout import Placed, Word
    from collectors.ssh.table import Title

Row = dict[str, str]
Reading = tuple[tuple[int, int], ...]  # for each column its first word and the one behind its last
_ANY = re.compile(r"\S+(?: \S+)*")
_MOST_WORDS = 60
_PUSHES = 4
_STEPS = 4_000  # a row of twenty cells takes some dozens


class AmbiguousError(Exception):
    """A line that can be read in several ways, or takes too long to be read."""


def cells(line: str, columns: Sequence[Placed]) -> Row | None:
    """Return the cells of a line by the names of their columns; None when it is no row of this table.

    A cell is as it is written; one that is not there is empty. Raises AmbiguousError.
    """
    widths = (wide,) if line.isascii() else (wide, len, octets)
    flush: list[Row] = []
    askew: list[Row] = []
    for width in widths:
        search = _Search(line, words(line, width), columns, pushing=False)
        for reading in search.under(0, 0, 0, 0):
            _add(flush if search.is_flush(reading) else askew, search.row(reading))
    if flush:
        return _complete(_only(flush), columns)
    for width in widths:
        search = _Search(line, words(line, width), columns, pushing=True)
        for reading in search.under(0, 0, 0, _PUSHES):
            _add(askew, search.row(reading))
            search.doubt(reading)
    if askew:
        return _complete(_only(askew), columns)
    search = _Search(line, words(line), columns, pushing=False)
    for reading in search.full(0, 0):
        _add(askew, search.row(reading))
        search.doubt(reading)
        if len(askew) > 1:
            break
    return _complete(_only(askew), columns) if askew else None


def _add(found: list[Row], row: Row) -> None:
    if row not in found:
        found.append(row)


def _only(found: Sequence[Row]) -> Row:
    if any(row != found[0] for row in found):
        raise AmbiguousError
    return found[0]


def _complete(row: Row, columns: Sequence[Placed]) -> Row | None:
    """Return a row that has what every row has."""
    missing = [
        each.title
        for each in columns
        if each.title is not None and not each.title.blank and not row.get(each.title.value)
    ]
    return None if missing else row


@lru_cache(maxsize=256)
def _like(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def fits(title: Title | None, text: str) -> bool:
    """Whether a cell can be one of this column."""
    if title is None:
        return _ANY.fullmatch(text) is not None
    nothing = text.lower() in NOTHINGS and (title.blank or title.like != SHAPES["mac"])  # a name is never nothing
    return nothing or _like(title.like).fullmatch(text) is not None


class _Search:
    """One line under its columns; never leaves `cells`."""

    def __init__(self, line: str, found: Sequence[Word], columns: Sequence[Placed], *, pushing: bool) -> None:
        self._line, self._found, self._columns, self._pushing = line, found, columns, pushing
        self._steps = _STEPS if len(found) <= _MOST_WORDS else 0

    def text(self, first: int, last: int) -> str:
        """Return the words as they stand, with what is between them."""
        return self._line[self._found[first].first : self._found[last - 1].last]

    def is_flush(self, reading: Reading) -> bool:
        """Whether each cell begins where its title begins, or ends where it ends."""
        return all(
            first == last or self._found[first].left == each.left or self._found[last - 1].right == each.right
            for each, (first, last) in zip(self._columns, reading, strict=True)
        )

    def doubt(self, reading: Reading) -> None:
        """Raise when a column without a cell could have one of the words beside it."""
        for at, (first, last) in enumerate(reading):
            if first < last:
                continue
            for other, behind in ((at - 1, False), (at + 1, True)):
                if not 0 <= other < len(reading) or reading[other][0] == reading[other][1]:
                    continue
                mine, theirs = self._columns[at].title, self._columns[other].title
                start, end = reading[other]
                parts = (
                    [(start, n) for n in range(start + 1, end)] if behind else [(n, end) for n in range(start + 1, end)]
                )
                if theirs is None or theirs.blank:
                    parts.append((start, end))
                if (mine or theirs) and any(fits(mine, self.text(*part)) for part in parts):
                    raise AmbiguousError

    def row(self, reading: Reading) -> Row:
        """Return the named cells of a reading."""
        made: Row = {}
        for column, (first, last) in zip(self._columns, reading, strict=True):
            title = column.title
            if title is None:
                continue
            text = self.text(first, last) if last > first else ""
            made[title.value] = text
            groups = _like(title.like)
            if groups.groupindex:
                matched = groups.fullmatch(text)
                made |= {name: (matched[name] or "") if matched else text for name in groups.groupindex}
        return made

    def _spend(self) -> None:
        self._steps -= 1
        if self._steps < 0:
            raise AmbiguousError

    def under(self, at: int, column: int, shift: int, pushes: int) -> Iterator[Reading]:
        """Yield the readings of the words from `at` on whose cells stand under their titles, `shift` to the right."""
        self._spend()
        if column == len(self._columns):
            if at == len(self._found):
                yield ()
            return
        mine = self._columns[column]
        low = self._columns[column - 1].right if column else -1
        high = self._columns[column + 1].left if column + 1 < len(self._columns) else 1 << 20
        if at == len(self._found) or self._found[at].left - shift >= mine.right:
            yield from (((at, at), *rest) for rest in self.under(at, column + 1, shift, pushes))
        for last in range(at + 1, len(self._found) + 1):
            left, right = self._found[at].left - shift, self._found[last - 1].right - shift
            if left < low or left >= mine.right:
                return
            if right >= high and not self._pushing:
                return
            if right <= mine.left or not fits(mine.title, self.text(at, last)):
                continue
            if self._pushing and left != mine.left and (right != mine.right or right >= high):
                continue
            if right < high or last == len(self._found):
                yield from (((at, last), *rest) for rest in self.under(last, column + 1, shift, pushes))
            elif pushes:
                moved = range(shift + right + 1 - high, shift + right - mine.left + 1)
                yield from (((at, last), *rest) for rest in self._pushed(last, column + 1, moved, pushes - 1))

    def _pushed(self, at: int, column: int, moved: range, pushes: int) -> Iterator[Reading]:
        """Yield the readings of what a cell that was too long moved to the right, as far as it can have done so."""
        word = self._found[at]
        for there in range(column, len(self._columns)):
            skipped: Reading = ((at, at),) * (there - column)
            place = self._columns[there]
            for more in {word.left - place.left, word.right - place.right}:
                if more in moved:
                    yield from ((*skipped, *rest) for rest in self.under(at, there, more, pushes))

    def full(self, at: int, column: int) -> Iterator[Reading]:
        """Yield the readings in which no column is without a cell, but those that may be."""
        self._spend()
        if column == len(self._columns):
            if at == len(self._found):
                yield ()
            return
        title = self._columns[column].title
        must = sum(1 for each in self._columns[column:] if each.title is None or not each.title.blank)
        if len(self._found) - at < must:
            return
        for last in range(at + 1, len(self._found) + 1):
            if fits(title, self.text(at, last)):
                yield from (((at, last), *rest) for rest in self.full(last, column + 1))
        if title is not None and title.blank:
            yield from (((at, at), *rest) for rest in self.full(at, column + 1))
