"""What a plan is made of: beliefs, the pieces that replace them, the changes a person reads."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from inventory.city import Key, Source
    from inventory.model import Record

Action = Literal["add", "change", "end"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Belief:
    """One currently believed row: the record holds from `valid_from` to `valid_to`.

    `request` is the decision of two persons that wrote it; empty: the files did.
    """

    row: int
    at: Key
    valid_from: int
    valid_to: int
    record: Record
    request: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A row to be written."""

    at: Key
    valid_from: int
    valid_to: int
    record: Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One line of the diff, with the rows it supersedes and writes. `fields` are (name, before, after)."""

    action: Action
    at: Key
    from_ms: int
    to_ms: int
    place: str
    fields: tuple[tuple[str, str, str], ...] = ()
    note: str = ""
    supersedes: tuple[int, ...] = ()
    pieces: tuple[Piece, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All changes, and how many records stay as they are. `sources` are the places as the files have them now."""

    at_ms: int
    changes: tuple[Change, ...]
    unchanged: int
    sources: Mapping[Key, Source]

    def count(self, action: Action) -> int:
        """Return how many changes are of one kind."""
        return sum(change.action == action for change in self.changes)


def covering(rows: Iterable[Belief], at_ms: int) -> Belief | None:
    """Return the belief that holds at an instant."""
    return next((row for row in rows if row.valid_from <= at_ms < row.valid_to), None)


def differences(before: Record, after: Record) -> tuple[tuple[str, str, str], ...]:
    """Return (field, before, after) of what differs."""
    found = []
    for field in fields(before):
        old, new = getattr(before, field.name), getattr(after, field.name)
        if old != new:
            found.append((field.name, _shown(old), _shown(new)))
    return tuple(found)


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ";".join(str(each) for each in value) or "(none)"
    return str(value) if value != "" else "(none)"
