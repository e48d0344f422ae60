"""JSON Schema 2020-12 of the answers, made of their dataclasses. Pure.

Every field is always there, so each is required; the comment beside a field and the docstring of its class explain it.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from netops.reference import comments

if TYPE_CHECKING:
    from collections.abc import Iterable

Schema = dict[str, Any]
REFERENCE = "#/components/schemas/"


@dataclass(frozen=True, slots=True)
class Form:
    """What JSON Schema calls the format of a text."""

    name: str


Instant = Annotated[str, Form("date-time")]  # RFC 3339 in UTC, milliseconds and `Z`
_PLAIN: dict[Any, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    NoneType: {"type": "null"},
    Any: {},
}


def of(kind: Any) -> Schema:
    """Return the schema of a type; a dataclass is referred to. TypeError of what has no shape here."""
    if kind in _PLAIN:
        return dict(_PLAIN[kind])
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return {**of(parts[0]), "format": parts[1].name}
    if origin in {Union, UnionType}:
        return _union([of(each) for each in parts])
    if origin is Literal:
        return {"enum": list(parts)}
    if origin is tuple and parts[1:] == (...,):
        return {"type": "array", "items": of(parts[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": of(parts[1])}
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return {"enum": [each.value for each in kind]}
    if isinstance(kind, type) and is_dataclass(kind):
        return {"$ref": REFERENCE + kind.__name__}
    raise TypeError(f"{kind!r} has no JSON Schema here; expected a dataclass, a scalar, Literal, tuple[X, ...] or dict")


def _union(each: list[Schema]) -> Schema:
    plain = [one for one in each if set(one) == {"type"}]
    return {"type": [one["type"] for one in plain]} if len(plain) == len(each) else {"anyOf": each}


def components(shapes: Iterable[type]) -> dict[str, Schema]:
    """Return the schemas of dataclasses and of those that they hold, by name, in the order of the names."""
    found: dict[str, Schema] = {}
    waiting = list(shapes)
    while waiting:
        shape = waiting.pop()
        if shape.__name__ not in found:
            found[shape.__name__] = _object(shape)
            waiting += _below(shape)
    return dict(sorted(found.items()))


def _object(shape: type) -> Schema:
    hints, said = get_type_hints(shape, include_extras=True), comments(shape)
    properties = {}
    for field in fields(shape):
        made = of(hints[field.name])
        properties[field.name] = {**made, "description": said[field.name]} if field.name in said else made
    return {
        "type": "object",
        "description": " ".join((inspect.getdoc(shape) or "").split()),
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _below(shape: type) -> list[type]:
    out, waiting = [], list(get_type_hints(shape, include_extras=True).values())
    while waiting:
        kind = waiting.pop()
        if isinstance(kind, type) and is_dataclass(kind):
            out.append(kind)
        elif get_origin(kind) is not Literal:
            waiting += [each for each in get_args(kind) if each is not ...]
    return out


def plain(value: Any) -> Any:
    """Return an answer as dicts, lists and scalars."""
    if isinstance(value, StrEnum):
        return value.value
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, (tuple, list)):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    return value
