"""What a file holds before it means anything: scalars, lists, maps, each with its line; and Notes of what is wrong.

Scalars stay the text that was written: `99.90` is not yet a number and `no` not yet a truth, so nothing is rounded and
nothing guessed. What a field means, its reader says (`inventory/reading/form.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from inventory.errors import Problem

MOST_PROBLEMS = 200


@dataclass(frozen=True, slots=True)
class Scalar:
    """One written value."""

    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Many:
    """A list."""

    items: tuple[Node, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Table:
    """A map; `lines` are where its keys stand."""

    entries: dict[str, Node]
    lines: dict[str, int]
    line: int


Node = Scalar | Many | Table


@dataclass(slots=True)
class Notes:
    """Everything that is wrong so far. Beyond `MOST_PROBLEMS` they are only counted, and the count is said."""

    found: list[Problem] = field(default_factory=list)
    more: int = 0

    def add(self, where: str, what: str, remedy: str = "") -> None:
        """Note one problem."""
        if len(self.found) < MOST_PROBLEMS:
            self.found.append(Problem(where, what, remedy))
        else:
            self.more += 1

    @property
    def count(self) -> int:
        """How many problems there are so far."""
        return len(self.found) + self.more

    def all(self, folder: str) -> list[Problem]:
        """Return the problems, and how many are not shown."""
        rest = [Problem(folder, f"{self.more} more problems are not shown", "correct these first")] if self.more else []
        return [*self.found, *rest]
