"""Canonical JSON: one byte string for one value, by RFC 8785 for what the register holds.

The subset: strings, integers a double holds exactly, booleans, null, arrays, objects with ASCII keys. No floats: a
number that matters is a decimal string. With ASCII keys, sorting by code point is RFC 8785's sorting by UTF-16 unit.
"""

from __future__ import annotations

import json
from typing import TypeAlias

JSON: TypeAlias = "str | int | bool | list[JSON] | dict[str, JSON] | None"

_EXACT = 2**53 - 1  # RFC 8785 section 3.2.2.3 and I-JSON: beyond it a reader may see another number


def text(value: JSON) -> str:
    """Return the canonical JSON text; ValueError names what has no canonical form."""
    _refuse(value)
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _refuse(value: object) -> None:
    if isinstance(value, str):
        if not value.isascii():
            value.encode()  # a lone surrogate has no UTF-8: UnicodeEncodeError is a ValueError
    elif isinstance(value, dict):
        for key, below in value.items():
            if not isinstance(key, str) or not key.isascii():
                raise ValueError(f"key {key!r}: expected an ASCII string")
            _refuse(below)
    elif isinstance(value, (list, tuple)):
        for below in value:
            _refuse(below)
    elif isinstance(value, int):
        if abs(value) > _EXACT:
            raise ValueError(f"integer {value}: beyond ±(2^53 - 1); write it as a string")
    elif value is not None:
        raise ValueError(f"{type(value).__name__} {value!r}: has no canonical form here; write it as a string")
