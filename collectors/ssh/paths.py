"""Places in a JSON document: `devices.*`, `clients.@count`. A closed handful of words, no expressions. Pure.

| part | means |
|---|---|
| `name` | the member of an object; absent is the empty text in a value, an error on the way to the records |
| `*` | every element of a list, every member's value of an object |
| `@key` | the name under which a record was found |
| `@self` | the record itself |
| `@count` | how many elements there are |
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Record(NamedTuple):
    """One record and the name under which it stood."""

    key: str
    body: Any


def at(document: Any, path: str) -> list[Record]:
    """Return the records at a path; KeyError names the member that is not there."""
    found = [Record("", document)]
    for part in path.split(".") if path else ():
        below: list[Record] = []
        for record in found:
            if part == "*" and isinstance(record.body, dict):
                below += [Record(name, each) for name, each in record.body.items()]
            elif part == "*" and isinstance(record.body, list):
                below += [Record(str(n), each) for n, each in enumerate(record.body)]
            elif part != "*" and isinstance(record.body, dict) and part in record.body:
                below.append(Record(part, record.body[part]))
            else:
                raise KeyError(path)
        found = below
    return found


def word(record: Record, path: str) -> str:
    """Return one value of a record as text; empty when it is not there."""
    here = record.body
    for part in path.split("."):
        if part == "@key":
            return record.key
        if part == "@self":
            continue
        if part == "@count":
            return str(len(here)) if isinstance(here, (dict, list)) else ""
        if isinstance(here, list) and part.isdecimal() and int(part) < len(here):
            here = here[int(part)]
            continue
        if not isinstance(here, dict) or part not in here:
            return ""
        here = here[part]
    if here is None or isinstance(here, (dict, list)):
        return ""
    return ("true" if here else "false") if isinstance(here, bool) else str(here)
