"""The rows of a poll as every store keeps them: one per subject."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from netops.model import Poll, Row, Subject

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")


def distinct(poll: Poll) -> tuple[Row, ...]:
    """Return the rows with each subject once; of a metric told twice the later telling stays, with its own code."""
    merged: dict[Subject, Row] = {}
    for row in poll.rows:
        earlier = merged.get(row.subject)
        merged[row.subject] = row if earlier is None else _joined(earlier, row)
    return poll.rows if len(merged) == len(poll.rows) else tuple(merged.values())


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
