"""Reads the files of `reads/`: the vocabulary is closed, what is not named here is an error with file and line."""

from __future__ import annotations

import re
import warnings
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from ntc_templates import parse as ntc

from collectors.column_yaml import WORDS, metric_of, reading
from collectors.convert import NUMBER_READERS, TEXT_READERS
from collectors.errors import CollectorError
from collectors.marked_yaml import Block, open_block
from collectors.profile import COST_S, Column, Place
from collectors.ssh.dialects import DIALECTS
from collectors.ssh.read import PLACE, Complete, Each, Field, Join, Read, Sheet, digested
from collectors.ssh.table import NOTHINGS
from collectors.ssh.table_yaml import table_of, values_of

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOM = Path(__file__).parent
NTC = Path(ntc.__file__).parent / "templates"
TOP = (
    "read",
    "title",
    "dialect",
    "synthetic",
    "enter",
    "command",
    "leave",
    "template",
    "table",
    "ntc",
    "json",
    "each",
    "join",
    "merge",
    "complete",
    "cost",
    "on_demand",
    "tables",
)
SHEET = ("kind", "identity", "needed", "only", "columns", "helpers")
COMPLETE = ("counts", "total", "ends", "none")
COLUMN = ("value", *(word for word in WORDS if word != "cost"))
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_VALUE = re.compile(r"[A-Z][A-Z0-9_]*")
_KNOWN_VALUE = "a value such as ONT_ID: capitals, digits and _"


class ReadError(CollectorError):
    """A file of `reads/` says something that the vocabulary does not know; the message names file and line."""

    exit_code = 2


@lru_cache(maxsize=1)
def shipped() -> Mapping[str, Read]:
    """Return the reads that come with the product, by name; each after those whose rows it needs."""
    found = {path.stem: read(path) for path in sorted((ROOM / "reads").glob("*.yaml"))}
    ordered: dict[str, Read] = {}

    def add(name: str) -> None:
        if name in ordered:
            return
        for other in (found[name].each, found[name].join):
            if other is not None:
                if other.read not in found or found[other.read].dialect != found[name].dialect:
                    raise ReadError(f"reads/{name}.yaml:1: '{other.read}' is no read of this dialect")
                add(other.read)
        ordered[name] = found[name]

    for name in found:
        add(name)
    return MappingProxyType(ordered)


def of_dialect(dialect: str) -> tuple[Read, ...]:
    """Return the reads of a dialect, in the order in which they can be done."""
    return tuple(each for each in shipped().values() if each.dialect == dialect)


def read(path: Path) -> Read:
    """Read one file, whose name is the read's."""
    found = parse(path.read_text(encoding="utf-8"), str(path))
    if found.name != path.stem:
        raise ReadError(f"{path}:1: read is '{found.name}' and its file '{path.stem}'; expected the same name")
    return found


def parse(written: str, source: str) -> Read:
    """Return the read of a YAML text; `source` is what errors call it."""
    block = open_block(written, source, ReadError)
    block.allow(*TOP)
    title = block.block("title")
    title.allow("zh", "en")
    ways = [word for word in ("template", "table", "ntc", "json") if block.has(word)]
    if len(ways) != 1:
        block.fail(
            ways[-1] if ways else "read", "expected one of template, table, ntc, json: how its text becomes rows"
        )
    table = table_of(block.block("table")) if ways[0] == "table" else None
    template, known = ("", values_of(table)) if table else _template(block, ways[0])
    records, values = _json(block) if ways[0] == "json" else ("", ())
    named = frozenset(name for name, _ in values) if values else known
    each, join = _other(block, "each"), _other(block, "join")
    dialect = block.choice("dialect", DIALECTS, "a dialect")
    command = block.text("command")
    for place in PLACE.findall(" ".join([command, *_texts(block, "enter")])):
        if each is None or place not in each[1]:
            block.fail("command", f"<{place}> is no value of `each`")
    found = Read(
        name=block.matching("read", _NAME, "a name of lower-case letters, digits and _"),
        zh=title.text("zh"),
        en=title.text("en"),
        dialect=dialect,
        command=command,
        synthetic=block.boolean("synthetic"),
        enter=_texts(block, "enter"),
        leave=_texts(block, "leave"),
        template=block.text("template") if ways[0] == "template" else "",
        ntc=block.text("ntc") if ways[0] == "ntc" else "",
        table=table,
        records=records,
        values=values,
        each=Each(read=each[0], values=each[1]) if each else None,
        join=Join(read=join[0], values=join[1]) if join else None,
        merge=tuple(_value_name(block, "merge", node) for node in block.items("merge")),
        complete=_complete(block),
        cost=block.choice("cost", COST_S, "a cost class", "cheap"),
        on_demand=block.boolean("on_demand"),
        sheets=_sheets(block, named | (frozenset(each[1]) if each else frozenset()), joined=join is not None),
        text=template,
    )
    return digested(replace(found, sheets=tuple(map(_bared, found.sheets))) if table else found)


def _bared(sheet: Sheet) -> Sheet:
    """Return the sheet of a table, in whose cells a dash and `N/A` say that there is nothing."""

    def bare(fields: tuple[Field, ...]) -> tuple[Field, ...]:
        return tuple(replace(f, column=replace(f.column, sentinels=f.column.sentinels | NOTHINGS)) for f in fields)

    return replace(sheet, fields=bare(sheet.fields), helpers=bare(sheet.helpers))


def _texts(block: Block, key: str) -> tuple[str, ...]:
    return tuple(block.scalar(node) for node in block.items(key))


def _value_name(block: Block, key: str, node: object) -> str:
    written = block.scalar(node)
    if not _VALUE.fullmatch(written):
        block.fail(key, f"'{written}' is no value; expected {_KNOWN_VALUE}")
    return written


def _template(block: Block, way: str) -> tuple[str, frozenset[str]]:
    """Return the text of a TextFSM template and the names of its values."""
    if way == "json":
        return "", frozenset()
    name = block.matching(way, re.compile(r"[a-z0-9_.\-]{1,120}"), "the name of a template, without its ending")
    path = (NTC if way == "ntc" else ROOM / "templates") / f"{name}.textfsm"
    if not path.is_file():
        block.fail(way, f"there is no template '{path.name}' in {path.parent.name}/")
    text = path.read_text(encoding="utf-8")
    return text, frozenset(re.findall(r"^Value(?:\s+[A-Z][A-Za-z,]*)?\s+([A-Z][A-Z0-9_]*)\s+\(", text, re.MULTILINE))


def _json(block: Block) -> tuple[str, tuple[tuple[str, str], ...]]:
    inner = block.block("json")
    inner.allow("records", "values")
    values = inner.block("values")
    for name in values.keys:
        if not _VALUE.fullmatch(name):
            values.fail(name, f"'{name}' is no value; expected {_KNOWN_VALUE}")
    records = inner.text("records") if inner.has("records") else ""
    return records, tuple((name, values.text(name)) for name in values.keys)


def _other(block: Block, key: str) -> tuple[str, tuple[str, ...]] | None:
    if not block.has(key):
        return None
    inner = block.block(key)
    inner.allow("read", "values")
    return inner.text("read"), tuple(_value_name(inner, "values", node) for node in inner.items("values"))


def _complete(block: Block) -> Complete:
    if not block.has("complete"):
        return Complete()
    inner = block.block("complete")
    inner.allow(*COMPLETE)
    counts, none = _texts(inner, "counts"), _texts(inner, "none")
    ends = inner.text("ends") if inner.has("ends") else ""
    for key, patterns in (("counts", counts), ("none", none), ("ends", (ends,))):
        for pattern in patterns:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("error")  # `[[a]`: what means something else in a later Python
                    groups = re.compile(pattern).groups
            except (re.error, FutureWarning, DeprecationWarning) as error:
                inner.fail(key, f"'{pattern}' is no regular expression ({error})")
            if key == "counts" and groups != 1:
                inner.fail(key, f"'{pattern}' captures {groups} numbers; expected one, in brackets")
    return Complete(counts=counts, total=inner.boolean("total"), ends=ends, none=none)


def _sheets(block: Block, values: frozenset[str], *, joined: bool) -> tuple[Sheet, ...]:
    if not block.has("tables"):
        return ()
    tables = block.block("tables")
    return tuple(_sheet(tables, name, values, joined=joined) for name in tables.keys)


def _sheet(tables: Block, name: str, values: frozenset[str], *, joined: bool) -> Sheet:
    """Return one sheet; `values` are those that its rows have, and others when it is `joined` with another read."""
    block = tables.block(name)
    block.allow(*SHEET)
    columns = block.block("columns")
    fields = tuple(_field(columns, key, None if joined else values) for key in columns.keys)
    at = block.block("helpers") if block.has("helpers") else None
    helpers = tuple(_helper(at, key, None if joined else values) for key in at.keys) if at else ()
    keys = {f.column.key for f in (*fields, *helpers)}
    kind = block.matching("kind", _NAME, "a kind of subject, such as ap or onu")
    return Sheet(
        name=name,
        kind=kind,
        identity=tuple(
            block.names(node, keys | values, "a column, helper or value") for node in block.items("identity")
        ),
        fields=fields,
        helpers=helpers,
        needed=frozenset(
            block.names_in("needed", {f.column.key for f in fields}, "a column of this table")
            if block.has("needed")
            else ()
        ),
        only=_only(block.block("only")) if block.has("only") else (),
    )


def _only(block: Block) -> tuple[tuple[str, frozenset[str]], ...]:
    return tuple((key, frozenset(block.scalar(node).lower() for node in block.items(key))) for key in block.keys)


def _field(columns: Block, key: str, values: frozenset[str] | None) -> Field:
    metric = metric_of(columns, key)
    block = columns.block(key)
    block.allow(*COLUMN)
    column = Column(metric=metric, key=key, place=Place(()), **reading(columns, key, block, metric))
    return Field(value=_value(block, values), column=column)


def _helper(helpers: Block, key: str, values: frozenset[str] | None) -> Field:
    block = helpers.block(key)
    block.allow("value", "read", "prefix", "const")
    if block.has("const"):
        if block.has("value"):
            block.fail("const", "a helper has a value of the template or is the same in every row; keep one")
        const = block.matching("const", re.compile(r"[0-9a-z]{1,16}"), "a word of digits and lower-case letters")
        return Field(value="", column=Column(metric=None, key=key, place=Place(()), read="text"), const=const)
    read_by = block.choice("read", [*TEXT_READERS, *NUMBER_READERS], "a reader", "text")
    prefix = block.choice("prefix", ("sn",), "a kind of identity", "")
    column = Column(metric=None, key=key, place=Place(()), read=read_by)
    return Field(value=_value(block, values), column=column, prefix=f"{prefix}:" if prefix else "")


def _value(block: Block, values: frozenset[str] | None) -> str:
    if values is None:
        return block.matching("value", _VALUE, _KNOWN_VALUE)
    return block.choice("value", sorted(values), "a value of the template")
