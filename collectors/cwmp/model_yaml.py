"""Reads the files of `models/`: the vocabulary is closed, what is not named here is an error with file and line."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path as File
from types import MappingProxyType
from typing import TYPE_CHECKING

from collectors.column_yaml import WORDS, metric_of, reading
from collectors.convert import NUMBER_READERS, TEXT_READERS
from collectors.cwmp.model import SERIAL, Leaf, Model, Path, Table, digested
from collectors.errors import CollectorError
from collectors.marked_yaml import Block, open_block
from collectors.profile import COST_S, Column, Place

if TYPE_CHECKING:
    from collections.abc import Mapping

SHIPPED = File(__file__).parent / "models"
TOP = ("model", "title", "synthetic", "tables")
TABLE = ("kind", "object", "identity", "needed", "only", "whole", "cost", "columns", "helpers")
COLUMN = ("parameter", "notify", *WORDS)
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_SEGMENT = re.compile(r"[A-Z_][A-Za-z0-9_\-]*|\{[a-z]+\}")


class ModelError(CollectorError):
    """A file of `models/` says something that the vocabulary does not know; the message names file and line."""

    exit_code = 2


@lru_cache(maxsize=1)
def shipped() -> Mapping[str, Model]:
    """Return the models that come with the product, by name."""
    return MappingProxyType({path.stem: read(path) for path in sorted(SHIPPED.glob("*.yaml"))})


def read(path: File) -> Model:
    """Read one file, whose name is the model's."""
    found = parse(path.read_text(encoding="utf-8"), str(path))
    if found.name != path.stem:
        raise ModelError(f"{path}:1: model is '{found.name}' and its file '{path.stem}'; expected the same name")
    return found


def parse(written: str, source: str) -> Model:
    """Return the model of a YAML text; `source` is what errors call it."""
    block = open_block(written, source, ModelError)
    block.allow(*TOP)
    title = block.block("title")
    title.allow("zh", "en")
    tables = block.block("tables")
    return digested(
        Model(
            name=block.matching("model", _NAME, "a name of lower-case letters, digits and _"),
            zh=title.text("zh"),
            en=title.text("en"),
            synthetic=block.boolean("synthetic"),
            tables=tuple(_table(tables, name) for name in tables.keys),
        )
    )


def _table(tables: Block, name: str) -> Table:
    block = tables.block(name)
    block.allow(*TABLE)
    written = block.text("object")
    if not written.endswith("."):
        block.fail("object", f"'{written}' is no object; expected a path below the root that ends in a dot")
    at = _path(block, "object", written[:-1])
    columns = block.block("columns")
    leaves = tuple(_leaf(columns, key, at) for key in columns.keys)
    below = block.block("helpers") if block.has("helpers") else None
    helpers = tuple(_helper(below, key, at) for key in below.keys) if below else ()
    keys = {each.column.key for each in (*leaves, *helpers)}
    whole = block.boolean("whole")
    if whole and not at.places:
        block.fail("whole", "an object without instances is asked for by its parameters")
    kind = block.matching("kind", _NAME, "a kind of subject, such as cell or onu")
    if not block.has("identity") and kind != "device":
        block.fail("identity", "'identity' is missing; only the device itself needs none")
    return Table(
        name=name,
        kind=kind,
        object=at,
        identity=tuple(
            block.names(node, keys | {SERIAL, *at.places}, "a column, helper, instance number or 'serial'")
            for node in block.items("identity")
        ),
        leaves=leaves,
        helpers=helpers,
        needed=frozenset(
            block.names_in("needed", {each.column.key for each in leaves}, "a column of this table")
            if block.has("needed")
            else ()
        ),
        only=_only(block.block("only"), {each.column.key for each in helpers}) if block.has("only") else (),
        whole=whole,
        cost=block.choice("cost", COST_S, "a cost class", "cheap"),
    )


def _only(block: Block, helpers: set[str]) -> tuple[tuple[str, frozenset[str]], ...]:
    block.allow(*helpers)
    return tuple((key, frozenset(block.scalar(node).lower() for node in block.items(key))) for key in block.keys)


def _path(block: Block, key: str, written: str) -> Path:
    """Return a path that is written with a leading dot: it begins at the root."""
    segments = tuple(written.removeprefix(".").split("."))
    if not written.startswith(".") or not all(_SEGMENT.fullmatch(each) for each in segments):
        block.fail(key, f"'{written}' is no path such as .Services.FAPService.{{cell}}.FAPControl")
    found = Path(segments=segments)
    if len(set(found.places)) != len(found.places):
        block.fail(key, f"'{written}' names an instance number twice")
    return found


def _parameter(block: Block, at: Path) -> Path:
    """Return where a parameter stands: below the table's object, or with a leading dot below the root."""
    written = block.text("parameter")
    if written.startswith("."):
        found = _path(block, "parameter", written)
        if not set(found.places) <= set(at.places):
            block.fail("parameter", f"'{written}' has an instance number that the table's object has not")
        return found
    found = _path(block, "parameter", f".{written}")
    if found.places:
        block.fail("parameter", f"'{written}' has an instance number; expected those of the table's object alone")
    return Path(segments=at.segments + found.segments)


def _leaf(columns: Block, key: str, at: Path) -> Leaf:
    metric = metric_of(columns, key)
    block = columns.block(key)
    block.allow(*COLUMN)
    column = Column(metric=metric, key=key, place=Place(()), **reading(columns, key, block, metric))
    return Leaf(path=_parameter(block, at), column=column, notify=block.boolean("notify"))


def _helper(helpers: Block, key: str, at: Path) -> Leaf:
    block = helpers.block(key)
    block.allow("parameter", "read", "prefix")
    read_by = block.choice("read", [*TEXT_READERS, *NUMBER_READERS], "a reader", "text")
    prefix = block.choice("prefix", ("sn",), "a kind of identity", "")
    column = Column(metric=None, key=key, place=Place(()), read=read_by)
    return Leaf(path=_parameter(block, at), column=column, prefix=f"{prefix}:" if prefix else "")
