"""Canonical JSON (RFC 8785): one value has one byte string, so a digest names a value.

Stricter than the RFC where silence would cost a dispute: duplicate keys, integers that a double cannot hold, NaN,
infinities, lone surrogates and deep nesting are refused, never repaired.
"""

from __future__ import annotations

import hashlib
import json
import math
from json.encoder import encode_basestring as quote  # escapes exactly as RFC 8785 section 3.2.2.2 asks
from typing import TYPE_CHECKING, Any, TypeAlias

from netops.errors import EvidenceError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

JSON: TypeAlias = "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"

MAX_DEPTH = 64
LATEST_MS = 253_370_764_800_000  # 9999-01-01T00:00Z: calendars end with that year, and a zone may add a day
MAX_INTEGER = 2**53 - 1  # I-JSON (RFC 7493 section 2.2): beyond this a double is not exact


def dumps(value: object) -> bytes:
    """Return the canonical bytes of a JSON value; EvidenceError says what has no canonical form."""
    out: list[str] = []
    _write(value, out, 0)
    try:
        return "".join(out).encode("utf-8")
    except UnicodeEncodeError as error:
        raise EvidenceError(
            f"a text holds a lone surrogate ({error.object[error.start]!r}); expected Unicode text"
        ) from None


def loads(data: bytes) -> Any:
    """Parse strict JSON: UTF-8, no duplicate keys, no NaN, bounded depth and integers."""
    value = _parsed(data)
    dumps(value)  # depth and surrogates: whatever was parsed has a canonical form
    return value


def _parsed(data: bytes) -> Any:
    """Parse JSON whose depth and surrogates `dumps` has still to look at."""
    try:
        return json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_float,
            parse_constant=_constant,
        )
    except UnicodeDecodeError as error:
        raise EvidenceError(f"byte {error.start} is not UTF-8; expected JSON in UTF-8") from None
    except json.JSONDecodeError as error:
        raise EvidenceError(f"not JSON at character {error.pos}: {error.msg}") from None
    except RecursionError:
        raise EvidenceError(f"JSON nested deeper than {MAX_DEPTH} levels; refused") from None


def loads_exact(data: bytes) -> Any:
    """Parse bytes that must be canonical already: what is signed may have one spelling only."""
    value = _parsed(data)
    again = dumps(value)
    if again != data:
        at = next((i for i, (a, b) in enumerate(zip(again, data, strict=False)) if a != b), min(len(again), len(data)))
        raise EvidenceError(f"not canonical JSON (RFC 8785) at byte {at}")
    return value


def digest(data: bytes) -> str:
    """Return the SHA-256 of `data` in lower-case hex."""
    return hashlib.sha256(data).hexdigest()


def number(value: float) -> str:
    """Return a double as ECMAScript's Number::toString prints it (RFC 8785 section 3.2.2.3)."""
    if not math.isfinite(value):
        raise EvidenceError(f"{value} has no JSON form; expected a finite number")
    if value == 0:
        return "0"  # -0 as well
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = repr(abs(value)).partition(
        "e"
    )  # repr: the shortest digits that round-trip, as in ECMAScript
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    leading = len(whole + fraction) - len(digits)
    point = len(whole) - leading + int(exponent or 0)  # the value is 0.DIGITS × 10^point
    digits = digits.rstrip("0")
    return sign + _placed(digits, point)


def _placed(digits: str, point: int) -> str:
    size = len(digits)
    if size <= point <= 21:
        return digits + "0" * (point - size)
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"0.{'0' * -point}{digits}"
    exponent = point - 1
    head = digits if size == 1 else f"{digits[0]}.{digits[1:]}"
    return f"{head}e{'+' if exponent > 0 else '-'}{abs(exponent)}"


def _write(value: object, out: list[str], depth: int) -> None:
    kind = type(value)
    if kind is str:
        out.append(quote(value))  # type: ignore[arg-type]
    elif kind is int:
        out.append(_whole(value))  # type: ignore[arg-type]
    elif value is None or kind is bool:
        out.append("null" if value is None else "true" if value else "false")
    elif kind is float:
        out.append(number(value))  # type: ignore[arg-type]
    elif depth >= MAX_DEPTH:
        raise EvidenceError(f"JSON nested deeper than {MAX_DEPTH} levels; refused")
    elif kind is dict:
        _write_object(value, out, depth + 1)  # type: ignore[arg-type]
    elif kind is list or kind is tuple:
        separator = "["
        for item in value:  # type: ignore[attr-defined]
            out.append(separator)
            _write(item, out, depth + 1)
            separator = ","
        out.append("]" if separator == "," else "[]")
    else:
        raise EvidenceError(f"a {kind.__name__} has no JSON form; expected null, bool, int, float, str, list or dict")


def _write_object(value: Mapping[str, object], out: list[str], depth: int) -> None:
    for key in value:
        if type(key) is not str:
            raise EvidenceError(f"the key {key!r} is no text; JSON keys are")
    plain = all(map(str.isascii, value))
    separator = "{"
    for key in sorted(value) if plain else sorted(value, key=_utf16):
        item = value[key]
        if type(item) is str:  # the common case without a call
            out.append(f"{separator}{quote(key)}:{quote(item)}")
        else:
            out.append(f"{separator}{quote(key)}:")
            _write(item, out, depth)
        separator = ","
    out.append("}" if separator == "," else "{}")


def _utf16(key: str) -> bytes:
    return key.encode("utf-16-be", "surrogatepass")  # RFC 8785 section 3.2.3 orders by code unit, not by character


def _whole(value: int) -> str:
    if not -MAX_INTEGER <= value <= MAX_INTEGER:
        raise EvidenceError("an integer lies beyond ±(2^53 - 1); write it as a string")
    return str(value)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise EvidenceError(f"the key {twice!r} stands twice in one object; expected once")
    return made


def _integer(text: str) -> float:
    """Return the integer; beyond 2^53 only what is the very spelling of a double (`100000000000000000000` is 1e20)."""
    if len(text) <= 17 and abs(value := int(text)) <= MAX_INTEGER:  # the length before int(): its cost is quadratic
        return value
    if len(text) <= 22 and number(float(text)) == text:
        return float(text)
    raise EvidenceError("an integer lies beyond ±(2^53 - 1); write it as a string")


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise EvidenceError(f"the number {text[:32]} is beyond a double; refused")
    return value


def _constant(text: str) -> float:
    raise EvidenceError(f"{text} is no JSON; expected a finite number")
