"""Where the columns of a table stand, by its header: known titles, titles that we do not know, units. Pure.

Places are columns of a terminal: a Chinese character takes two.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from collectors.ssh.table import Table, Title

MOST_COLUMNS = 40  # no table is wider; each column of a header costs time for each of its rows
_DRAWN = re.compile(r"[-=+| ]*")
_PIECE = re.compile(r"[-=]{3}")
_UNIT = re.compile(r"\(([^()]*)\)")


class Word(NamedTuple):
    """A word of a line: where it stands in the text, and on the screen."""

    first: int
    last: int
    left: int
    right: int


@dataclass(frozen=True, slots=True)
class Placed:
    """A column of this output, known or not, with the place of its title (or of the rule under it)."""

    title: Title | None
    left: int
    right: int
    shown: str = ""  # the words of its title, second line and all


class LayoutError(Exception):
    """A header that cannot be read as one table; says why."""


def wide(char: str) -> int:
    """Return how many columns of a terminal a character takes."""
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1


def octets(char: str) -> int:
    """Return how many columns a device reckons with that counts octets of UTF-8."""
    return len(char.encode("utf-8", "replace"))


def words(line: str, width: Callable[[str], int] = wide) -> list[Word]:
    """Return the words of a line with their places."""
    if line.isascii():
        return [Word(*found.span(), *found.span()) for found in re.finditer(r"\S+", line)]
    ends = [0]
    for char in line:
        ends.append(ends[-1] + width(char))
    return [Word(*found.span(), ends[found.start()], ends[found.end()]) for found in re.finditer(r"\S+", line)]


def is_rule(line: str) -> bool:
    """Whether a line is drawn: dashes or equals signs in one piece or in several."""
    return _DRAWN.fullmatch(line) is not None and _PIECE.search(line) is not None  # one pattern would go back and forth


def header(table: Table, lines: Sequence[str], at: int) -> tuple[tuple[Placed, ...], int] | None:
    """Return the columns that the line at `at` (and those under it) titles, and the line behind them.

    None when it is no header: a column that every release has is not in it.
    """
    line = lines[at]
    if not _may_title(table, line.casefold()):
        return None
    after = at + 1
    more: list[int] = []
    while after < len(lines) and _is_under(table, lines[after]):
        more.append(after)
        after += 1
    ruled = words(lines[after]) if after < len(lines) and is_rule(lines[after]) else []
    if len(ruled) > MOST_COLUMNS:
        raise LayoutError(f"the rule under the header has {len(ruled)} pieces; expected at most {MOST_COLUMNS}")
    used = _Used()
    columns = _columns(table, line, _strips(lines, after), ruled if len(ruled) > 1 else [], used)
    if not {title for title in table.titles if not title.maybe} <= set(used):
        return None
    if used.twice:
        raise LayoutError(f"the header has a title twice: {used.twice!r}")
    for place in more:
        columns = _with(columns, lines[place])
    for column in columns:
        _judge(column)
    return tuple(columns), after


def _may_title(table: Table, line: str) -> bool:
    """Whether each title that every release has is in a line at all; most lines are no header, and this is quick."""
    return all(title.maybe or any(_in(each, line) for each in title.titles) for title in table.titles)


def _in(title: str, line: str) -> bool:
    return all(word in line for word in title.split())


def _is_under(table: Table, line: str) -> bool:
    """Whether a line holds only units and the words that stand under titles."""
    found = line.split()
    return bool(found) and all(
        (each.startswith("(") and each.endswith(")") and not each[1:2].isdigit())
        or _bare(each) in table.under
        or each in {"%", "dBm"}
        for each in found
    )


def _bare(word: str) -> str:
    return (_UNIT.sub("", word) or word).casefold()


class _Used(list["Title"]):
    """The known columns of a header so far; `twice`: a title that came once more than it may."""

    twice: str = ""


def _columns(
    table: Table, line: str, strips: Callable[[int], bool], ruled: Sequence[Word], used: _Used
) -> list[Placed]:
    found = words(line)
    columns = _by_rule(table, line, found, ruled, used) if ruled else None
    if columns is not None:
        return columns
    used.clear()
    columns = []
    at = 0
    while at < len(found):
        if columns and line[found[at].first] == "(" and found[at].left - found[at - 1].right == 1:  # a unit
            columns[-1] = _joined(columns[-1], line, found[at])
            at += 1
            continue
        title, count = _title(table, line, found, at, used)
        if title is not None and columns and columns[-1].title is None and not _parted(found, at, strips):
            title, count = None, 1  # `Radio MAC` is not `MAC`
        if title is not None:
            used.append(title)
        elif columns and columns[-1].title is None and not _parted(found, at, strips):
            columns[-1] = _joined(columns[-1], line, found[at])
            at += 1
            continue
        first, last = found[at], found[at + count - 1]
        columns.append(Placed(title, first.left, last.right, line[first.first : last.last]))
        at += count
    return columns


def _parted(found: Sequence[Word], at: int, strips: Callable[[int], bool]) -> bool:
    """Whether two titles stand there: two blanks between them, or a blank that goes down through all rows."""
    return found[at].left - found[at - 1].right > 1 or strips(found[at].left - 1)


def _joined(column: Placed, line: str, word: Word) -> Placed:
    return replace(column, right=word.right, shown=f"{column.shown} {line[word.first : word.last]}")


def _title(table: Table, line: str, found: Sequence[Word], at: int, used: _Used) -> tuple[Title | None, int]:
    """Return the known column whose title begins with this word, the longest, and of how many words it is."""
    best: tuple[Title | None, int] = (None, 1)
    twice = False
    for title in table.titles:
        for variant in title.titles:
            wanted = variant.split()
            here = found[at : at + len(wanted)]
            if len(here) < len(wanted) or any(b.left - a.right > 1 for a, b in pairwise(here)):
                continue
            if not all(
                want in {_bare(line[w.first : w.last]), line[w.first : w.last].casefold()}
                for want, w in zip(wanted, here, strict=True)
            ):
                continue
            if title in used:
                twice = twice or len(wanted) >= best[1]
            elif best[0] is None or len(wanted) > best[1]:
                best = (title, len(wanted))
    if twice and best[0] is None:
        used.twice = line[found[at].first :][:60]
    return best


def _by_rule(table: Table, line: str, found: Sequence[Word], ruled: Sequence[Word], used: _Used) -> list[Placed] | None:
    """Return the columns by a rule that is drawn in pieces, one a column; None when titles do not stand over them."""
    columns = []
    taken = 0
    for piece in ruled:
        over = [word for word in found if word.left < piece.right and word.right > piece.left]
        taken += len(over)
        title: Title | None = None
        plain = [word for word in over if line[word.first] != "("]  # without the unit
        if plain:
            title, count = _title(table, line, plain, 0, used)
            title = title if count == len(plain) else None
        if title is not None:
            used.append(title)
        shown = line[over[0].first : over[-1].last] if over else ""
        columns.append(Placed(title, piece.left, piece.right, shown))
    return columns if taken == len(found) else None


def _with(columns: Sequence[Placed], line: str) -> list[Placed]:
    """Return the columns with the words of another line of titles, each under the nearest."""
    made = list(columns)
    for word in words(line):
        at = min(range(len(made)), key=lambda n: max(made[n].left - word.right, word.left - made[n].right))
        shown = f"{made[at].shown} {line[word.first : word.last]}"
        near = made[at]
        left, right = min(near.left, word.left), max(near.right, word.right)
        low = made[at - 1].right if at else 0
        high = made[at + 1].left if at + 1 < len(made) else right
        made[at] = Placed(near.title, max(left, low), min(right, high), shown)
    return made


def _judge(column: Placed) -> None:
    """Refuse a column whose unit is another than that of the values we know."""
    if column.title is None or not column.title.units:
        return
    for unit in _UNIT.findall(column.shown):
        if unit.strip().casefold() not in column.title.units:
            raise LayoutError(f"the column {column.shown!r} is in {unit!r}; known: {', '.join(column.title.units)}")


def _strips(lines: Sequence[str], after: int) -> Callable[[int], bool]:
    """Return whether a place is blank in all lines of the table's body."""
    body: list[list[Word]] = []

    def blank(place: int) -> bool:
        if not body:
            body.extend(_body(lines, after))
        return bool(body) and all(not any(w.left <= place < w.right for w in each) for each in body)

    return blank


def _body(lines: Sequence[str], after: int) -> Iterator[list[Word]]:
    for line in lines[after : after + 200]:
        if not line.strip():
            return
        found = words(line)
        if len(found) > 2 and not is_rule(line):
            yield found
