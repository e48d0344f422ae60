"""The errors of floor 1, and the Problem: one thing wrong at one place, with its remedy.

Reading a city's files finds all its problems before anything is refused: they travel as values, and one
InventoryError carries them together.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """What is wrong, where (`file:line`, or the record's name), and what was meant or is to be done."""

    where: str
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.remedy}" if self.remedy else f"{self.where}: {self.what}"


class InventoryError(Exception):
    """Anything floor 1 says on purpose. `exit_code` follows the convention of the command line."""

    exit_code = 1


class UsageError(InventoryError):
    """The words of a command are off."""

    exit_code = 2


class FilesError(InventoryError):
    """The files of a city cannot be applied; `problems` holds everything that is wrong with them."""

    exit_code = 2

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=_by_place))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class RegisterError(InventoryError):
    """The register is not what this instance may open, or what was asked of it cannot be."""


class SqlError(InventoryError):
    """A database refused or is not as expected."""


class SqlBusyError(SqlError):
    """Another process holds the database, or it cannot be reached now: try again."""

    exit_code = 75


class SqlConflictError(SqlError):
    """A unique or foreign key, or a check of the table, forbids the row."""


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `did you mean 'x'?`, or, if nothing is close, the words that would do (the first eight)."""
    words = list(known)
    close = difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    if close:
        return f"did you mean '{close[0]}'?"
    shown = ", ".join(words[:8]) + (f", … ({len(words)} in all)" if len(words) > 8 else "")
    return f"expected one of: {shown}" if words else "none is known here"


def _by_place(problem: Problem) -> tuple[str, int, str]:
    file, _, line = problem.where.rpartition(":")
    return (file, int(line), problem.what) if line.isdecimal() else (problem.where, 0, problem.what)
