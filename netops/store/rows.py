"""The rows of a poll as every store keeps them: one per subject."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from netops.model import Row, Subject
from netops.packed import Packed, pack

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netops.packed import Polled

T = TypeVar("T")


def packed(poll: Polled) -> Packed:
    """Return the poll as tables, each subject in one row."""
    if isinstance(poll, Packed):
        return poll if poll.distinct() else pack(poll.whole(), distinct(poll))
    return pack(poll, distinct(poll))


def distinct(poll: Polled) -> tuple[Row, ...]:
    """Return the rows with each subject once; of a metric told twice the later telling stays, with its own code."""
    merged: dict[Subject, Row] = {}
    for row in poll.rows:
        earlier = merged.get(row.subject)
        merged[row.subject] = row if earlier is None else _joined(earlier, row)
    return tuple(merged.values())


def _joined(earlier: Row, later: Row) -> Row:
    again = later.values.keys() | later.codes.keys()
    return Row(
        subject=later.subject,
        values={**_without(earlier.values, again), **later.values},
        codes={**_without(earlier.codes, again), **later.codes},
        texts={**earlier.texts, **later.texts},
    )


def _without(mapping: Mapping[str, T], names: set[str]) -> dict[str, T]:
    return {name: value for name, value in mapping.items() if name not in names}
