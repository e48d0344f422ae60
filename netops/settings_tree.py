"""A tree of settings: read from TOML, laid over one another, and made into the typed values that a shape asks for.

What stands here knows no setting: `netops/config.py` has the shapes. A frozen dataclass is a table, a `dict` a table of
named ones; `origin` remembers of every dotted key where it was set, so that an error names file and key.
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import MISSING, fields, is_dataclass
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin, get_type_hints

from netops.errors import ConfigError, nearest
from netops.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

T = TypeVar("T")
ABOUT = frozenset({"origin", "file", "given"})  # of the tree, not in it
_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def read(path: Path) -> dict[str, Any]:
    """Return the tree of a TOML file; ConfigError names it."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error})") from None


def nest(dotted: str, value: object) -> dict[str, Any]:
    """Return the tree of one dotted key."""
    *parents, leaf = dotted.split(".")
    tree: dict[str, Any] = {leaf: value}
    for parent in reversed(parents):
        tree = {parent: tree}
    return tree


def merge(into: dict[str, Any], new: Mapping[str, Any], origin: dict[str, str], where: str, at: str = "") -> None:
    """Lay a tree over another and note where each key comes from."""
    for key, value in new.items():
        dotted = f"{at}.{key}" if at else key
        if isinstance(value, dict):
            below = into.setdefault(key, {})
            if not isinstance(below, dict):
                raise ConfigError(f"{where}: '{dotted}' is a table here and a value elsewhere; keep one")
            merge(below, value, origin, where, dotted)
        else:
            into[key] = value
            origin[dotted] = where


def build(kind: type[T], tree: Mapping[str, Any], at: str, origin: Mapping[str, str]) -> T:
    """Return the typed table of a tree; ConfigError names the key that is unknown, missing or of the wrong kind."""
    hints = get_type_hints(kind)
    known = {f.name: f for f in fields(kind) if f.name not in ABOUT}  # type: ignore[arg-type]
    made: dict[str, Any] = {}
    for key, value in tree.items():
        dotted = f"{at}.{key}" if at else key
        if key not in known:
            where = next((w for k, w in origin.items() if k == dotted or k.startswith(dotted + ".")), "settings")
            close = nearest(key, known) or "; `netops config show` lists them all"
            raise ConfigError(f"{where}: unknown setting '{dotted}'{close}")
        made[key] = _value(hints[key], value, dotted, origin)
    for name, entry in known.items():
        if name not in made and entry.default is MISSING and entry.default_factory is MISSING:
            raise ConfigError(f"setting '{at}.{name}' is missing; it has no default")
    return kind(**made)


def _value(hint: Any, value: Any, dotted: str, origin: Mapping[str, str]) -> Any:
    if get_origin(hint) is UnionType:
        hint = next(a for a in get_args(hint) if a is not NoneType)
        if value is None or value == "":
            return None
    if is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, dict):
            raise ConfigError(f"{origin.get(dotted, 'settings')}: '{dotted}' is a table of settings, got {value!r}")
        return build(hint, value, dotted, origin)
    if get_origin(hint) is dict:
        item = get_args(hint)[1]
        return {name: _value(item, each, f"{dotted}.{name}", origin) for name, each in value.items()}
    return _scalar(hint, value, dotted, origin)


def _scalar(hint: Any, value: Any, dotted: str, origin: Mapping[str, str]) -> Any:
    where = origin.get(dotted, "settings")
    try:
        if hint is bool:
            return value if isinstance(value, bool) else _BOOLEANS[str(value).lower()]
        if hint in (int, float):
            made = hint(value)
            if isinstance(value, bool) or not math.isfinite(made) or (isinstance(value, float) and made != value):
                raise ValueError  # noqa: TRY301
            return made
        if isinstance(value, (dict, list)):
            raise TypeError  # noqa: TRY301
        if hint is str and not isinstance(value, str):
            raise TypeError  # noqa: TRY301
        return hint(value)
    except (KeyError, ValueError, TypeError, OverflowError):
        shown = "***" if hint is Secret else repr(value)
        raise ConfigError(f"{where}: '{dotted}' expects {hint.__name__}, got {shown}") from None


def walk(node: Any, at: str, origin: Mapping[str, str]) -> Iterable[tuple[str, str, str]]:
    """Yield (dotted key, shown value, origin) of every setting below a node."""
    pairs = node.items() if isinstance(node, dict) else [(f.name, getattr(node, f.name)) for f in fields(node)]
    for name, value in pairs:
        dotted = f"{at}.{name}" if at else name
        if dotted in ABOUT:
            continue
        if is_dataclass(value) or isinstance(value, dict):
            yield from walk(value, dotted, origin)
        else:
            yield dotted, str(value), origin.get(dotted, "default")
