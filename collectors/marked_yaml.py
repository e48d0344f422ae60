"""YAML with its line numbers: blocks of named values that say where they stand when something is off.

Built on PyYAML's composed nodes, so nothing is resolved or constructed: `no`, `1.3` and `0x10` stay the text they are.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn

import yaml

from netops.errors import NetopsError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable

_SAFE = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MAX_BYTES = 1 << 18  # the largest profile has 9 KB; a node takes a hundred times its text


def open_block(written: str, source: str, error: type[NetopsError]) -> Block:
    """Return the top mapping of a YAML text; errors are raised as `error` and name `source` and the line."""
    if len(written) > _MAX_BYTES:
        raise error(f"{source}: {len(written)} characters; expected at most {_MAX_BYTES}")
    try:
        node = yaml.compose(written, Loader=_SAFE)
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        lines = written.splitlines()
        tab = " (a tab stands there; indent by spaces)" if line <= len(lines) and "\t" in lines[line - 1] else ""
        raise error(f"{source}:{line}: not valid YAML: {getattr(problem, 'problem', None) or problem}{tab}") from None
    except RecursionError:
        raise error(f"{source}:1: nested too deeply; a profile has few levels") from None
    if not isinstance(node, yaml.MappingNode):
        raise error(f"{source}:1: expected a block of `name: value` lines, got something else or nothing")
    return Block(node, source, error)


class Block:
    """One mapping of a YAML file."""

    __slots__ = ("_error", "_keys", "_node", "_source", "_values")

    def __init__(self, node: yaml.MappingNode, source: str, error: type[NetopsError]) -> None:
        self._node, self._source, self._error = node, source, error
        self._keys: dict[str, yaml.Node] = {}
        self._values: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = self.scalar(key)
            if name in self._keys:
                self._raise(key, f"'{name}' stands here a second time; keep one")
            self._keys[name], self._values[name] = key, value

    @property
    def keys(self) -> tuple[str, ...]:
        """The names in the order written."""
        return tuple(self._keys)

    def has(self, key: str) -> bool:
        """Whether the block names `key`."""
        return key in self._keys

    def allow(self, *known: str) -> None:
        """Fail on the first name that is not known."""
        for name in self._keys:
            if name not in known:
                self.fail(name, f"unknown key '{name}'{nearest(name, known)} (known: {', '.join(known)})")

    def fail(self, key: str, message: str) -> NoReturn:
        """Raise the file's error at the line of `key`, or of the block when it is not there."""
        self._raise(self._keys.get(key, self._node), message)

    def _raise(self, node: yaml.Node, message: str) -> NoReturn:
        raise self._error(f"{self._source}:{node.start_mark.line + 1}: {message}")

    def _value(self, key: str) -> yaml.Node:
        if key not in self._values:
            self._raise(self._node, f"'{key}' is missing; it has no default")
        return self._values[key]

    def scalar(self, node: object) -> str:
        """Return the text of a plain value."""
        if isinstance(node, yaml.ScalarNode):
            return str(node.value)
        if isinstance(node, yaml.Node):
            self._raise(node, "expected one value, got a list or a block")
        raise TypeError(node)

    @staticmethod
    def quoted(node: object) -> bool:
        """Whether a value was written in quotes: `"65535"` is a text, 65535 a number."""
        return isinstance(node, yaml.ScalarNode) and node.style in {"'", '"'}

    def text(self, key: str) -> str:
        """Return the value of `key` as written."""
        return self.scalar(self._value(key))

    def matching(self, key: str, pattern: re.Pattern[str], what: str) -> str:
        """Return the value of `key`, which must match."""
        written = self.text(key)
        if not pattern.fullmatch(written):
            self.fail(key, f"'{written}' is no good '{key}'; expected {what}")
        return written

    def integer(self, key: str) -> int:
        """Return a whole number."""
        written = self.text(key)
        if not re.fullmatch(r"-?\d{1,18}", written):
            self.fail(key, f"'{written}' is no whole number")
        return int(written)

    def boolean(self, key: str) -> bool:
        """Return `true` or `false`; false when the key is absent."""
        written = self.text(key) if self.has(key) else "false"
        if written not in {"true", "false"}:
            self.fail(key, f"'{written}': expected true or false")
        return written == "true"

    def choice(self, key: str, known: Iterable[str], what: str, default: str | None = None) -> str:
        """Return the value of `key`, which must be one of `known`; `default` when absent and there is one."""
        if default is not None and not self.has(key):
            return default
        written, names = self.text(key), list(known)
        if written not in names:
            self.fail(key, f"'{written}' is not {what}{nearest(written, names)}{_known(names)}")
        return written

    def oid(self, key: str, written: str) -> tuple[int, ...]:
        """Return the arcs of a dotted OID."""
        return self._oid(self._keys[key], written)

    def oid_of(self, node: object, written: str | None = None) -> tuple[int, ...]:
        """Return the arcs of a list's dotted OID."""
        text = self.scalar(node) if written is None else written
        return self._oid(node if isinstance(node, yaml.Node) else self._node, text)

    def _oid(self, node: yaml.Node, written: str) -> tuple[int, ...]:
        if not re.fullmatch(r"\d{1,10}(\.\d{1,10})*", written):
            self._raise(node, f"'{written}' is no OID; expected numbers with dots between them")
        return tuple(map(int, written.split(".")))

    def block(self, key: str) -> Block:
        """Return the block under `key`."""
        node = self._value(key)
        if not isinstance(node, yaml.MappingNode):
            empty = isinstance(node, yaml.ScalarNode) and not node.value
            got = "nothing, so fill it or take it out" if empty else "something else"
            self.fail(key, f"'{key}' is a block of `name: value`; got {got}")
        return Block(node, self._source, self._error)

    def items(self, key: str) -> list[yaml.Node]:
        """Return the list under `key`; a single value is a list of one, an absent key an empty one."""
        if not self.has(key):
            return []
        node = self._value(key)
        return list(node.value) if isinstance(node, yaml.SequenceNode) else [node]

    def blocks(self, key: str) -> list[Block]:
        """Return the list of blocks under `key`."""
        found = []
        for node in self.items(key):
            if not isinstance(node, yaml.MappingNode):
                self._raise(node, f"'{key}' is a list of blocks")
            found.append(Block(node, self._source, self._error))
        return found

    def names(self, node: yaml.Node, known: set[str], what: str) -> tuple[str, ...]:
        """Return a list of known names (or one name) that stands at `node`."""
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        found = tuple(self.scalar(n) for n in nodes)
        for name in found:
            if name not in known:
                self._raise(node, f"'{name}' is not {what}{nearest(name, known)}{_known(sorted(known))}")
        return found

    def names_in(self, key: str, known: set[str], what: str) -> tuple[str, ...]:
        """Return the list of known names under `key`."""
        return self.names(self._value(key), known, what)


def _known(names: list[str]) -> str:
    return f" (known: {', '.join(names)})" if len(names) <= 12 else ""
