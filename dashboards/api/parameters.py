"""What a request may say: each parameter with its JSON Schema and how it is read. Pure.

A word that is ill-formed is refused with 400, one that is well-formed and means nothing here with 422; a parameter that
an operation does not know is refused too, so that a misspelt filter never passes for none.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from netops.clock import to_ms
from netops.errors import UsageError, nearest
from netops.web.language import gettext as _
from netops.web.problem import UnfitError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from werkzeug.datastructures import MultiDict

INSTANT = (
    r"^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?Z$"
)
MONTH = r"^20[0-9]{2}-(0[1-9]|1[0-2])$"
CURSOR = r"^[A-Za-z0-9_-]{1,512}$"
LATEST_MS = (1 << 53) - 1  # beyond it lies no instant of ours, nor would SQLite take it
LARGEST, DEFAULT = 1000, 100  # items of one answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One word of a request; `read` turns its text into a value and raises ValueError of what is ill-formed."""

    name: str
    said: str
    schema: Mapping[str, Any]
    read: Callable[[str], Any]
    required: bool = False
    missing: Any = ""


def text(name: str, said: str, *, most: int = 200, required: bool = False) -> Parameter:
    """Return a parameter that is any text."""
    schema = {"type": "string", "minLength": 1, "maxLength": most}
    return Parameter(name=name, said=said, schema=schema, read=_bounded(most), required=required)


def choice(name: str, options: Sequence[str], said: str) -> Parameter:
    """Return a parameter that is one of a few words."""
    return Parameter(name=name, said=said, schema={"type": "string", "enum": list(options)}, read=_one_of(options))


def pattern(name: str, shape: str, said: str) -> Parameter:
    """Return a parameter of a shape."""
    return Parameter(name=name, said=said, schema={"type": "string", "pattern": shape}, read=_matching(shape))


def instant(name: str, said: str) -> Parameter:
    """Return a parameter that is an instant; it is read as ms."""
    schema = {"type": "string", "pattern": INSTANT, "examples": ["2026-11-28T00:00:00Z"]}
    return Parameter(name=name, said=said, schema=schema, read=_instant, missing=None)


def whole(name: str, said: str, *, least: int, most: int, missing: int | None = None) -> Parameter:
    """Return a parameter that is a whole number."""
    schema: dict[str, Any] = {"type": "integer", "minimum": least, "maximum": most}
    if missing is not None:
        schema["default"] = missing
    return Parameter(name=name, said=said, schema=schema, read=_within(least, most), missing=missing)


def read(known: Sequence[Parameter], told: MultiDict[str, str]) -> dict[str, Any]:
    """Return the values of a request's parameters by name, those that were not said as they are then."""
    names = {each.name for each in known}
    for name in told:
        if name not in names:
            raise UsageError(_("参数 %(name)s 未知%(near)s", name=repr(name[:60]), near=nearest(name[:60], names)))
    return {each.name: _value(each, told.getlist(each.name)) for each in known}


def _value(known: Parameter, said: list[str]) -> Any:
    if not said:
        if known.required:
            raise UsageError(_("缺少参数 %(name)s：%(said)s", name=known.name, said=known.said))
        return known.missing
    try:
        (only,) = said
        return known.read(only)
    except UnfitError:
        raise
    except ValueError:
        wanted = json.dumps(dict(known.schema), ensure_ascii=False)
        raise UsageError(
            _("参数 %(name)s 不符合要求：%(said)s %(wanted)s", name=known.name, said=known.said, wanted=wanted)
        ) from None


def window(asked: Mapping[str, Any], now_ms: int, *, default_ms: int, most_ms: int) -> tuple[int, int]:
    """Return the window `[from, until)` of a request in ms; UnfitError when it is empty or too wide."""
    end = now_ms + 1 if asked["until"] is None else int(asked["until"])
    start = end - default_ms if asked["from"] is None else int(asked["from"])
    if not 0 <= start < end:
        raise UnfitError(_("from 必须早于 until。"))
    if end - start > most_ms:
        raise UnfitError(_("时间窗口太宽，最多 %(days)d 天；请分段查询。", days=most_ms // 86_400_000))
    return start, end


def slot(said: str) -> int:
    """Return the slot of an address in ms; ValueError of what is none."""
    return _within(0, LATEST_MS)(said)


def _bounded(most: int) -> Callable[[str], str]:
    def read_(said: str) -> str:
        if not 1 <= len(said) <= most:
            raise ValueError
        return said

    return read_


def _one_of(options: Sequence[str]) -> Callable[[str], str]:
    def read_(said: str) -> str:
        if said not in options:
            raise ValueError
        return said

    return read_


def _matching(shape: str) -> Callable[[str], str]:
    wanted = re.compile(shape.removeprefix("^").removesuffix("$"))

    def read_(said: str) -> str:
        if not wanted.fullmatch(said):
            raise ValueError
        return said

    return read_


def _within(least: int, most: int) -> Callable[[str], int]:
    def read_(said: str) -> int:
        if not re.fullmatch(r"-?(0|[1-9][0-9]{0,18})", said) or not least <= int(said) <= most:
            raise ValueError
        return int(said)

    return read_


def _instant(said: str) -> int:
    if not re.fullmatch(INSTANT.removeprefix("^").removesuffix("$"), said):
        raise ValueError
    try:
        return to_ms(datetime.fromisoformat(said))
    except ValueError:
        raise UnfitError(_("没有这一天：%(said)s", said=said)) from None


LIMIT = whole("limit", "How many items to give at most.", least=1, most=LARGEST, missing=DEFAULT)
AFTER = pattern("cursor", CURSOR, "Where to go on: `next` of the answer before.")
FROM = instant("from", "Beginning of the window, included. Without it: a day before its end.")
UNTIL = instant("until", "End of the window, excluded. Without it: now.")
