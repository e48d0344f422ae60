"""Records to canonical JSON and back. Every field is written, defaults too, so that bytes say all they mean.

Fields that came later (`model.LATER`) are written where they say something: what was sealed before keeps its bytes.

A body from an older version, which lacks a field that came later, is read with the field's default; records are
therefore compared as records, never as bytes, and an upgrade of NetOps changes no recorded contract.
"""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast, get_args, get_origin, get_type_hints

from inventory import canonical
from inventory.errors import RegisterError
from inventory.model import LATER, MOST_DAYS, NOUNS, Contract
from inventory.times import EARLIEST_MS, LATEST_MS

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from inventory.model import Record

T = TypeVar("T")


def encode(record: Record) -> str:
    """Return the canonical JSON text of a record."""
    return canonical.text(plain(record))


def decode(noun: str, body: str) -> Record:
    """Return the record of a body; RegisterError when a newer version of NetOps wrote it, or nobody's version can."""
    try:
        made = _build(NOUNS[noun], json.loads(body))
    except (TypeError, KeyError) as error:
        raise RegisterError(
            f"a recorded {noun} cannot be read ({error}); install the newer NetOps that wrote it"
        ) from None
    if isinstance(made, Contract):
        _bounded(made)
    return made


def _bounded(contract: Contract) -> None:
    """Raise RegisterError where a number is none that a contract's file may say: no calendar could follow it."""
    for name in fields(contract.dispute):
        days = getattr(contract.dispute, name.name)
        if type(days) is not int or not 1 <= days <= MOST_DAYS:
            _refuse(contract, f"{name.name} is {str(days)[:40]}; expected a whole number from 1 to {MOST_DAYS}")
    for key, at in (("valid_from_ms", contract.valid_from_ms), ("ends_ms", contract.ends_ms or 0)):
        if type(at) is not int or not EARLIEST_MS <= at < LATEST_MS:
            _refuse(contract, f"{key} is {str(at)[:40]}; expected milliseconds UTC within the years 1 to 9998")


def _refuse(contract: Contract, what: str) -> NoReturn:
    raise RegisterError(f"contract {contract.id}, version {contract.version}: {what}; no file of ours says that")


def plain(value: Any) -> Any:
    """Return a frozen value as dicts, lists and scalars."""
    if is_dataclass(value):
        names = _names(cast("Hashable", type(value)))
        return {name: plain(getattr(value, name)) for name in names if not _unsaid(value, name)}
    if isinstance(value, tuple):
        return [plain(each) for each in value]
    return value


def _unsaid(value: Any, name: str) -> bool:
    later = LATER.get(type(value), {})
    return name in later and getattr(value, name) == later[name]


@cache
def _names(kind: Hashable) -> tuple[str, ...]:
    return tuple(field.name for field in fields(cast("Any", kind)))


def _build(kind: type[T], values: dict[str, Any]) -> T:
    makers = _makers(cast("Hashable", kind))
    if makers:
        values = values | {name: make(values[name]) for name, make in makers.items() if name in values}
    return kind(**values)


@cache
def _makers(kind: Hashable) -> dict[str, Callable[[Any], Any]]:
    """Say which fields need more than the plain value: tuples and frozen values."""
    made: dict[str, Callable[[Any], Any]] = {}
    for name, hint in get_type_hints(cast("Any", kind)).items():
        if get_origin(hint) is tuple:
            item = get_args(hint)[0]
            made[name] = _many(item) if is_dataclass(item) else tuple
        elif is_dataclass(hint) and isinstance(hint, type):
            made[name] = _one(hint)
    return made


def _one(kind: Any) -> Callable[[Any], Any]:
    return lambda value: _build(kind, value)


def _many(kind: Any) -> Callable[[Any], Any]:
    return lambda values: tuple(_build(kind, value) for value in values)
