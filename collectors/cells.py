"""One cell: what a device sent for one column → a value and how far it may be believed. Pure."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from collectors.convert import IDENTITY, NUMBER_READERS, TEXT_READERS, UnreadableError, text
from netops.metrics import Kind
from netops.model import Quality

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from collectors.convert import Scalar
    from collectors.profile import Column, Listed

Read = tuple[float | int | str | None, Quality]
_OK, _SENTINEL, _OUT = Quality.OK, Quality.SENTINEL, Quality.OUT_OF_RANGE
NOTHING: Read = (None, _SENTINEL)


def read_cell(column: Column, value: Scalar, factor: int | Fraction = 1) -> Read:
    """Return (value, quality) of a cell; UnreadableError when it is nothing that this column can mean.

    A sentinel and an impossible number have no value: what they would decode to is none. Never a zero instead.
    """
    metric = column.metric
    if metric is None:
        raise UnreadableError("expected a column with a metric")
    if metric.kind is Kind.TEXT:
        return _text(column, value)
    if column.sentinels and is_sentinel(column, value):
        return NOTHING
    if metric.kind is Kind.STATE:
        return _state(column, value)
    if type(value) is int and type(factor) is int and column.read == "number":  # nearly every cell: it needs no reader
        found = value * factor if column.linear is IDENTITY else column.linear.apply(value * factor)
    else:
        got = NUMBER_READERS[column.read](value, column.unit)
        if column.sentinels and not isinstance(got, Fraction) and got in column.sentinels:
            return NOTHING
        found = column.linear.apply(got * factor)
    low, high = metric.bounds
    if (low is not None and found < low) or (high is not None and found > high):
        return None, _OUT
    low, high = column.bounds
    if (low is not None and found < low) or (high is not None and found > high):
        return None, _OUT
    return found, _OK


def factor_of(helper: Column, value: Scalar) -> int | Fraction | None:
    """Return the number by which a helper's cell multiplies others; None when it is none."""
    if helper.read == "number":
        return value if isinstance(value, int) else None
    try:
        return NUMBER_READERS[helper.read](value, "") if helper.read in NUMBER_READERS else None
    except UnreadableError:
        return None


def product(names: Iterable[str], factors: Mapping[str, int | Fraction | None]) -> int | Fraction | None:
    """Return the product of a row's factors; None when one of them is not there."""
    found: int | Fraction = 1
    for name in names:
        factor = factors.get(name)
        if factor is None:
            return None
        found *= factor
    return found


def is_among(said: int | str, listed: Listed) -> bool:
    """Whether a raw value as written is one of these; `mr*` stands for all texts that begin with `mr`."""
    if said in listed:
        return True
    begins = (each[:-1] for each in listed if isinstance(each, str) and each.endswith("*"))
    return isinstance(said, str) and any(map(said.startswith, begins))


def is_sentinel(column: Column, value: Scalar) -> bool:
    """Whether this is what this column sends for "no value"."""
    if isinstance(value, int):
        return value in column.sentinels
    return _word(value) in column.sentinels


def _text(column: Column, value: Scalar) -> Read:
    if column.sentinels and is_sentinel(column, value):
        return NOTHING
    shown = TEXT_READERS[column.read](value)
    return NOTHING if shown.lower() in column.sentinels else (shown, _OK)


def _state(column: Column, value: Scalar) -> Read:
    code = column.states.get(value if isinstance(value, int) else _word(value))
    if code is None and isinstance(value, bytes):
        try:
            got = NUMBER_READERS["number"](value, "")
        except UnreadableError:
            got = -1 << 40
        code = column.states.get(got) if isinstance(got, int) else None
    if code is None:
        raise UnreadableError("expected one of the states that the profile names")
    return code, _OK


def as_written(value: Scalar) -> int | str:
    """Return a raw value as profiles write it: a whole number, or a text in lower case."""
    return value if isinstance(value, int) else _word(value)


def _word(value: Scalar) -> str:
    return text(value).strip().lower() if isinstance(value, bytes) else str(value).lower()
