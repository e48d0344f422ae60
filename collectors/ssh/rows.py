"""The text of an output → rows of named values, whole or with the reason why not. Pure.

A template that does not know a line makes the whole output unreadable: a row may hide in it.
"""

from __future__ import annotations

import io
import json
import re
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import textfsm

from collectors.snmp.ask import Failure
from collectors.ssh import paths
from collectors.ssh.tabled import tabled
from netops.model import Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from collectors.ssh.read import Complete, Read

Row = dict[str, str]
_MOST_ROWS = 50_000
_LOCAL = threading.local()


def rows(read: Read, lines: Sequence[str]) -> list[Row] | Failure:
    """Return the rows that an output's lines hold; a Failure when they cannot all be had."""
    if _nothing(read.complete, lines):
        return []
    found = _found(read, lines)
    if isinstance(found, Failure):
        return found
    if read.merge:
        merged = _merged(read, found)
        if isinstance(merged, Failure):
            return merged
        found = merged
    if len(found) > _MOST_ROWS:
        return Failure(Reason.PROTOCOL_FAULT, f"{len(found)} rows; expected at most {_MOST_ROWS}")
    return _short(read.complete, lines, len(found)) or found


def _found(read: Read, lines: Sequence[str]) -> list[Row] | Failure:
    if read.values:
        return _records(read, lines)
    if read.table is not None:
        return tabled(read.table, lines, read.complete.counts)
    return _parsed(read, lines)


def widened(found: Sequence[Row], others: Sequence[Row], values: Sequence[str]) -> list[Row]:
    """Return the rows with what the one row of `others` says that has the same `values`; its own words come first."""
    index: dict[tuple[str, ...], Row | None] = {}
    for row in others:
        key = tuple(row.get(name, "") for name in values)
        index[key] = None if key in index else row
    return [{**(index.get(tuple(row.get(n, "") for n in values)) or {}), **_said(row)} for row in found]


def _said(row: Row) -> Row:
    return {name: value for name, value in row.items() if value}


def _nothing(complete: Complete, lines: Sequence[str]) -> bool:
    """Whether the device says that there is nothing to show."""
    return any(re.fullmatch(pattern, line) for line in lines for pattern in complete.none)


def _parsed(read: Read, lines: Sequence[str]) -> list[Row] | Failure:
    fsm = _machine(read.text)
    fsm.Reset()
    try:
        records: list[dict[str, Any]] = fsm.ParseTextToDicts("\n".join(lines) + "\n")
    except textfsm.TextFSMError as error:
        line = re.search(r"Input Line: (.*)", str(error), re.DOTALL)
        shown = (line[1] if line else str(error)).strip().rstrip(".")
        return Failure(Reason.UNREADABLE, f"no rule of the template knows the line {shown[:120]!r}")
    return [{name: _plain(value) for name, value in record.items()} for record in records]


def _machine(text: str) -> textfsm.TextFSM:
    """Return the template's machine, one for each thread: it keeps its place while it reads."""
    known: dict[str, textfsm.TextFSM] = _LOCAL.__dict__.setdefault("known", {})
    if text not in known:
        known[text] = textfsm.TextFSM(io.StringIO(text))
    return known[text]


def _plain(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _records(read: Read, lines: Sequence[str]) -> list[Row] | Failure:
    try:
        document = json.loads("\n".join(lines), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        return Failure(Reason.UNREADABLE, f"no JSON: {error}")
    try:
        records = paths.at(document, read.records)
        return [{name: paths.word(record, path) for name, path in read.values} for record in records]
    except KeyError as error:
        return Failure(Reason.UNREADABLE, f"the JSON has no {error}")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object names a member twice")
    return found


def _merged(read: Read, found: Sequence[Row]) -> list[Row] | Failure:
    """Join rows that are parts of one; parts that contradict each other are no row."""
    whole: dict[tuple[str, ...], Row] = {}
    for row in found:
        into = whole.setdefault(tuple(row.get(name, "") for name in read.merge), {})
        for name, value in row.items():
            if value and into.get(name) not in {None, "", value}:
                return Failure(Reason.TORN, f"two parts of one row have different {name}: {into[name]!r} and {value!r}")
            if value or name not in into:
                into[name] = value
    return list(whole.values())


def _short(complete: Complete, lines: Sequence[str], count: int) -> Failure | None:
    """Return why an output has not all of its rows, by what the device itself says of them."""
    counted = Counter[str]()
    for line in lines:
        for pattern in complete.counts:
            if found := re.fullmatch(pattern, line):
                counted["lines"] += 1
                counted["rows"] += int(found[1])
    if complete.total and not counted["lines"]:
        return Failure(Reason.TORN, "the line that says how many rows there are did not come")
    if counted["lines"] and counted["rows"] != count:
        return Failure(Reason.TORN, f"the device says {counted['rows']} rows, {count} came")
    last = next((line for line in reversed(lines) if line.strip()), "")
    if complete.ends and not re.fullmatch(complete.ends, last):
        return Failure(Reason.TORN, f"the last line is {last[:60]!r}; it ends the output too early")
    return None
