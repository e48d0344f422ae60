"""YAML text to a tree with lines, from the parser's events: bounded, without aliases, tags or guesses.

No alias means no bomb: the tree is never larger than the file. Depth and number of nodes are bounded all the same,
because each event costs more than its byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from inventory.reading.tree import Many, Node, Notes, Scalar, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_DEPTH = 16
MOST_NODES = 100_000
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _RefusedError(Exception):
    """Reading this file stops here."""

    def __init__(self, line: int, what: str, remedy: str) -> None:
        super().__init__(what)
        self.line, self.what, self.remedy = line, what, remedy


def read(text: str, name: str, notes: Notes) -> Table | None:
    """Return the one map of a YAML file; None with a note when there is no such thing."""
    try:
        tree = _Reader(text, name, notes).document()
    except _RefusedError as refused:
        notes.add(f"{name}:{refused.line}", refused.what, refused.remedy)
        return None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        what = str(getattr(error, "problem", None) or getattr(error, "reason", "") or "cannot be parsed")
        place = f"{name}:{mark.line + 1}" if mark else name
        notes.add(place, f"is not valid YAML: {what}", "check indentation, quotes and colons before this place")
        return None
    if tree is None:
        notes.add(name, "is empty", "write its keys")
    elif not isinstance(tree, Table):
        notes.add(f"{name}:{tree.line}", "is not a map of keys", "start with lines like `key: value`")
    else:
        return tree
    return None


class _Reader:
    def __init__(self, text: str, name: str, notes: Notes) -> None:
        self.events: Iterator[Any] = iter(yaml.parse(text, Loader=_LOADER))
        self.name = name
        self.notes = notes
        self.nodes = 0

    def document(self) -> Node | None:
        tree: Node | None = None
        documents = 0
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise _RefusedError(_line(event), "holds a second document", "put it into a file of its own")
                tree = self.node(next(self.events), 0)
        return tree

    def node(self, event: Any, depth: int) -> Node:
        self.nodes += 1
        line = _line(event)
        if self.nodes > MOST_NODES:
            raise _RefusedError(line, f"has more than {MOST_NODES} values", "split it, or use CSV")
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _RefusedError(line, "uses an anchor or alias (& or *)", "write the values out")
        if getattr(event, "tag", None) not in {None, "!"}:
            raise _RefusedError(line, f"uses the tag {event.tag}", "write plain values")
        if depth > MOST_DEPTH:
            raise _RefusedError(line, f"is nested deeper than {MOST_DEPTH}", "flatten it")
        if isinstance(event, yaml.ScalarEvent):
            return Scalar(event.value.strip(), line)
        if isinstance(event, yaml.SequenceStartEvent):
            items = []
            while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
                items.append(self.node(event, depth + 1))
            return Many(tuple(items), line)
        return self.table(line, depth)

    def table(self, line: int, depth: int) -> Table:
        entries: dict[str, Node] = {}
        lines: dict[str, int] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self.node(event, depth + 1)
            value = self.node(next(self.events), depth + 1)
            if not isinstance(key, Scalar):
                raise _RefusedError(key.line, "has a key that is no plain word", "write `key: value`")
            if key.text in entries:
                where = f"{self.name}:{key.line}"
                self.notes.add(where, f"key '{key.text}' is already at line {lines[key.text]}", "keep one of the two")
                continue
            entries[key.text] = value
            lines[key.text] = key.line
        return Table(entries, lines, line)


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1
